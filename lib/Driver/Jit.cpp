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
#include "llvm/Support/MemoryBuffer.h"
#include <cstring>
#include <omp.h>

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;

namespace {

/// The unranked descriptor of MLIR's C interface.
struct UnrankedMemRef {
  int64_t rank;
  void *descriptor;
};

/// A ranked descriptor behind `UnrankedMemRef`: two pointers, an offset, `rank`
/// sizes and `rank` strides.
struct RankedMemRef {
  explicit RankedMemRef(const UnrankedMemRef &memref)
      : words(static_cast<int64_t *>(memref.descriptor)), rank(memref.rank) {}

  char *data(int64_t elementBytes) const {
    return reinterpret_cast<char *>(words[1]) + words[2] * elementBytes;
  }
  int64_t size(int64_t dim) const { return words[3 + dim]; }
  int64_t stride(int64_t dim) const { return words[3 + rank + dim]; }

  int64_t *words;
  int64_t rank;
};

/// `memref.copy` between layouts that are not both contiguous lowers to a call
/// of this; upstream's runner library, which has it, is not needed otherwise.
void copyMemRef(int64_t elementBytes, UnrankedMemRef *from,
                UnrankedMemRef *to) {
  RankedMemRef source(*from), target(*to);
  SmallVector<int64_t> index(source.rank, 0);
  for (int64_t dim = 0; dim < source.rank; ++dim)
    if (source.size(dim) == 0)
      return;
  while (true) {
    int64_t read = 0, write = 0;
    for (int64_t dim = 0; dim < source.rank; ++dim) {
      read += index[dim] * source.stride(dim);
      write += index[dim] * target.stride(dim);
    }
    std::memcpy(target.data(elementBytes) + write * elementBytes,
                source.data(elementBytes) + read * elementBytes, elementBytes);
    int64_t dim = source.rank - 1;
    while (dim >= 0 && ++index[dim] == source.size(dim))
      index[dim--] = 0;
    if (dim < 0)
      return;
  }
}

} // namespace

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
  provide("memrefCopy", &copyMemRef);
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
