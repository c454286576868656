//===- CachedLowering.cpp - From a model to code that may be kept -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/CachedLowering.h"
#include "nm/Driver/CompileCode.h"

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;

llvm::Error CachedLowering::open() {
  auto opened = CodeCache::open();
  if (!opened)
    return opened.takeError();
  cache = std::move(*opened);
  return llvm::Error::success();
}

llvm::Error CachedLowering::lower() {
  ModuleOp module = *model.source.module;
  options.findCode = nullptr;
  if (cache)
    options.findCode =
        [&](const CPUPipelineOptions &pipeline) -> llvm::Expected<bool> {
      auto key =
          codeKey(module, machine, pipeline, model.source.functions, entry);
      if (!key)
        return key.takeError();
      found = cache->find(std::move(*key), module, model.log, object);
      isSilent = true;
      return found;
    };
  listener.emplace(module.getContext(), [this](Diagnostic &) {
    isSilent = false;
    return failure();
  });
  llvm::Error error = lowerFor(machine, options, model);
  options.findCode = nullptr;
  return error;
}

void CachedLowering::keep() {
  if (cache && !found && isSilent)
    cache->keep(*model.source.module, model.log,
                StringRef(object.data(), object.size()));
}

std::optional<std::string> CachedLowering::state() const {
  return cache ? std::optional<std::string>(cache->state()) : std::nullopt;
}
