//===- PackedBits.h - Masks in memory: one bit an element -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_STEP_TRANSFORMS_PACKEDBITS_H
#define NM_LIB_DIALECT_STEP_TRANSFORMS_PACKEDBITS_H

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::step {

/// A mask in memory: memref<?xi8>, element i in bit i mod 8 of byte i / 8.
/// Loads and stores of `count` bits from number `first` on touch the bytes that
/// hold these bits and no others; a store leaves the other bits of its bytes.
class PackedBits {
public:
  PackedBits(ImplicitLocOpBuilder &b, Value memory) : b(b), memory(memory) {}

  /// vector<lanes x i1>. A null `count` stands for all lanes; `isAligned` says
  /// that `first` is then a multiple of 8, as `lanes` is.
  Value load(Value first, int64_t lanes, Value count, bool isAligned);
  void store(Value bits, Value first, Value count, bool isAligned);

  /// The same as an i16, 16 lanes; aligned ones are found when the program
  /// runs.
  Value loadWord(Value first, Value count);
  void storeWord(Value word, Value first, Value count);

  /// i16 as vector<16xi1>, and the reverse.
  static Value toLanes(ImplicitLocOpBuilder &b, Value word);
  static Value toWord(ImplicitLocOpBuilder &b, Value lanes);

private:
  Value index(int64_t value);
  Value loadBytes(Value first, Value count, IntegerType type);
  void storeBytes(Value bits, Value first, Value count);

  ImplicitLocOpBuilder &b;
  Value memory;
};

} // namespace mlir::step

#endif // NM_LIB_DIALECT_STEP_TRANSFORMS_PACKEDBITS_H
