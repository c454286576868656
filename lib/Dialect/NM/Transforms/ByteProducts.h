//===- ByteProducts.h - Products of bytes in registers -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the grouped kernel asks of a processor: byte shuffles and products of
// bytes whose neighbours are added. AVX2 and AVX-512 multiply unsigned bytes by
// signed ones, NEON signed ones alone.
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_NM_TRANSFORMS_BYTEPRODUCTS_H
#define NM_LIB_DIALECT_NM_TRANSFORMS_BYTEPRODUCTS_H

#include "nm/Dialect/NM/Transforms/ProductKernel.h"

namespace mlir::nm {

class ByteProducts {
public:
  /// For values of `bytes` bytes: 32 or 64, and 64 with AVX-512 alone.
  ByteProducts(KernelBuilder &b, CPUAttr target, int64_t bytes)
      : b(b), target(target), bytes(bytes) {}

  /// Whether bytes are multiplied as signed ones alone.
  static bool isSigned(CPUAttr target) { return target.hasFeature("neon"); }
  /// Whether products of four neighbours are added to 32 bits at once.
  static bool hasQuads(CPUAttr target, int64_t bytes) {
    return bytes == 64 && target.hasFeature("vnni");
  }
  bool hasQuads() const { return hasQuads(target, bytes); }

  /// The byte of each 16 bytes of `table` that the byte of `control`, 0 to 15,
  /// names.
  Value select(Value table, Value control);

  /// Products of bytes, those of neighbours added in 16 bits. `first` is
  /// unsigned unless isSigned(); a sum beyond 16 bits saturates or wraps.
  Value multiplyPairs(Value first, Value second);

  /// The sums of neighbours of 16 bits, in 32.
  Value addPairs(Value words);

  /// Products of 16 bits, those of neighbours added in 32.
  Value multiplyWords(Value first, Value second);

  /// Adds products of bytes, those of four neighbours together, to sums of 32
  /// bits. `first` is unsigned. Where hasQuads().
  Value addQuads(Value sums, Value first, Value second);

  /// The same of signed bytes, on every target. `second` is not -128.
  Value addSignedQuads(Value sums, Value first, Value second);

  /// Four bytes of each of half of the pairs of two registers: a pair of
  /// `first`, then the one of `second` beside it. In each 128 bits these are
  /// the lower four pairs or the upper.
  Value interleavePairs(Value first, Value second, bool isUpper);

private:
  VectorType typeOf(int64_t count, Type element) const {
    return VectorType::get({count}, element);
  }
  /// `bits` wide integers that fill a value.
  VectorType whole(unsigned bits) {
    return typeOf(bytes * 8 / bits, b.getIntegerType(bits));
  }
  /// Elements `first` to `first + count`.
  Value part(Value value, int64_t first, int64_t count);
  Value join(ArrayRef<Value> parts);

  KernelBuilder &b;
  CPUAttr target;
  int64_t bytes;
};

} // namespace mlir::nm

#endif // NM_LIB_DIALECT_NM_TRANSFORMS_BYTEPRODUCTS_H
