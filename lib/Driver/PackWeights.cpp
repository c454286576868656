//===- PackWeights.cpp - Parameters into the file of a compiled model -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/PackWeights.h"
#include "nm/Driver/Support.h"
#include "nm/Runtime/PackedWeights.h"

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;

llvm::Error driver::packWeights(const CodeOptions &options,
                                std::vector<rt::Manifest> manifests) {
  if (options.weightsFile.empty())
    return llvm::Error::success();
  rt::Manifest all = rt::mergeManifests(manifests);
  if (all.params.empty() && !options.folder.empty())
    return llvm::Error::success();
  if (all.params.empty())
    return makeError(
        "--weights has no effect: '{0}' has no parameters; drop it",
        options.inputFile);
  if (options.params.empty())
    return makeError("{0} packs the parameters of a checkpoint; give one with "
                     "--params",
                     options.folder.empty() ? "--weights" : "a folder .nm");
  std::vector<rt::ScopePath> scopes;
  scopes.reserve(options.params.size());
  for (const Binding &binding : options.params)
    scopes.push_back({binding.name, binding.path});
  auto params = rt::Params::load(all, scopes, {options.mask, false, ""});
  if (!params)
    return toError(params.error());
  auto file = options.files->open(options.weightsFile);
  if (!file)
    return toError(file.error());
  return toError(rt::writePackedWeights(**file, all, **params));
}
