//===- Jit.cpp - Machine code in this process -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Jit.h"
#include "nm/Driver/EntryPoint.h"
#include "nm/Driver/Recorder.h"
#include "nm/Driver/Support.h"
#include "llvm/ExecutionEngine/Orc/AbsoluteSymbols.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Support/MemoryBuffer.h"
#include <omp.h>

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;

Jit::Jit() = default;
Jit::Jit(Jit &&) = default;
Jit &Jit::operator=(Jit &&) = default;
Jit::~Jit() = default;

llvm::Expected<Jit> Jit::load(StringRef object) {
  using namespace llvm::orc;
  // Compiled code calls libomp: without a reference from here a linker that
  // drops unneeded libraries would leave it out of the process.
  (void)omp_get_max_threads();

  // Objects bring everything with them; a platform would only add start-up
  // time.
  auto engine = LLJITBuilder().setPlatformSetUp(setUpInactivePlatform).create();
  if (!engine)
    return engine.takeError();
  SymbolMap symbols;
  auto provide = [&](StringRef name, auto *function) {
    symbols[(*engine)->mangleAndIntern(name)] = {
        ExecutorAddr::fromPtr(function), llvm::JITSymbolFlags::Exported};
  };
  provide("nm_measure_begin", &Recorder::begin);
  provide("nm_measure_end", &Recorder::end);
  provide("nm_measure_memory", &Recorder::changeMemory);
  if (llvm::Error error = (*engine)->getMainJITDylib().define(
          absoluteSymbols(std::move(symbols))))
    return std::move(error);
  if (llvm::Error error = (*engine)->addObjectFile(
          llvm::MemoryBuffer::getMemBufferCopy(object, "nm")))
    return std::move(error);
  auto address = (*engine)->lookup(invokeName());
  if (!address)
    return makeError("the compiled code does not link: {0}",
                     llvm::toString(address.takeError()));
  Jit jit;
  jit.engine = std::move(*engine);
  jit.invoke = address->toPtr<Invoke>();
  return std::move(jit);
}
