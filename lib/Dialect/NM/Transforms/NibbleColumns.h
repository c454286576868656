//===- NibbleColumns.h - Activations as the nibble kernel reads them -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// 32 consecutive activations of a column, a fold, share a scale. A column of
// the packed activations is, for all of its folds, the bytes that they become,
// then their scales (f32), then, for dense weights, what the sums start from,
// two i16: -8 times the activations of either parity of pairs, or -1 times
// those where the weight has zero points.
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_NM_TRANSFORMS_NIBBLECOLUMNS_H
#define NM_LIB_DIALECT_NM_TRANSFORMS_NIBBLECOLUMNS_H

#include "ByteProducts.h"
#include "nm/Runtime/Layout.h"

namespace mlir::nm {

struct NibbleColumns {
  /// Activations that share a scale.
  static constexpr int64_t kFold = 32;

  ::nm::rt::NibbleShape nibble;
  int64_t contraction;
  bool isSigned; ///< the target multiplies signed bytes

  explicit NibbleColumns(const KernelShape &shape)
      : nibble(::nm::rt::nibbleShape(
            ::nm::rt::LayoutSpec::nibble(shape.rows, shape.depth, shape.form),
            shape.n, shape.m)),
        contraction(shape.contraction),
        isSigned(ByteProducts::isSigned(shape.target)) {}

  bool isDense() const { return nibble.kept == ::nm::rt::NibbleShape::kUnit; }
  bool isPairs() const { return nibble.kept == 32; }
  /// Whether the bytes are 128 more than the activations, of weights with
  /// codes.
  bool isOffset() const { return !isDense() && !isSigned; }

  int64_t blocks() const { return nibble.blocks(contraction); }
  int64_t foldsPerUnit() const { return ::nm::rt::NibbleShape::kUnit / kFold; }
  /// Folds of the contraction, and with those that pad the last block.
  int64_t usedFolds() const { return contraction / kFold; }
  int64_t folds() const { return blocks() * nibble.units() * foldsPerUnit(); }
  /// Bytes of a fold. Of weights with two of four kept, each two groups have
  /// two tables of 16 bytes, by code of the pair: its first element, its
  /// second.
  int64_t foldBytes() const { return isPairs() ? 128 : kFold; }
  int64_t scalesAt() const { return folds() * foldBytes(); }
  int64_t startsAt() const { return scalesAt() + folds() * 4; }
  int64_t bytes() const {
    int64_t used = startsAt() + (isDense() ? folds() * 4 : 0);
    return llvm::alignTo(used, 64);
  }
};

} // namespace mlir::nm

#endif // NM_LIB_DIALECT_NM_TRANSFORMS_NIBBLECOLUMNS_H
