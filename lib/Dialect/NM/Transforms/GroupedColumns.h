//===- GroupedColumns.h - Activations as the grouped kernel reads them -*- C++ -*-===//
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
// those where the weight has zero points or eight bits.
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_NM_TRANSFORMS_GROUPEDCOLUMNS_H
#define NM_LIB_DIALECT_NM_TRANSFORMS_GROUPEDCOLUMNS_H

#include "ByteProducts.h"
#include "nm/Runtime/Layout.h"

namespace mlir::nm {

struct GroupedColumns {
  /// Activations that share a scale.
  static constexpr int64_t kFold = 32;
  /// Parts of a task that are read in turn: one thread gets more bytes out of
  /// memory by several streams than by one.
  static constexpr int64_t kStreams = 4;
  /// Columns that share the decoding of weights; more would not fit registers.
  static constexpr int64_t kColumns = 4;

  ::nm::rt::GroupedShape grouped;
  int64_t contraction;
  bool isSigned; ///< the target multiplies signed bytes
  bool hasQuads; ///< the target adds four products at once

  explicit GroupedColumns(const KernelShape &shape)
      : grouped(::nm::rt::groupedShape(
            ::nm::rt::LayoutSpec::grouped(shape.rows, shape.depth, shape.form),
            shape.n, shape.m)),
        contraction(shape.contraction),
        isSigned(ByteProducts::isSigned(shape.target)),
        hasQuads(ByteProducts::hasQuads(shape.target, 2 * shape.rows)) {}

  bool isDense() const { return grouped.kept == ::nm::rt::GroupedShape::kUnit; }
  bool isPairs() const { return grouped.kept == 32; }
  bool isWide() const { return grouped.form.bits == 8; }
  /// Whether the bytes are 128 more than the activations, of weights with
  /// codes.
  bool isOffset() const {
    return !isDense() && (isWide() ? hasQuads : !isSigned);
  }
  /// Whether sums of dense weights start from -1 times the activations, which
  /// the kernel multiplies by zero points or their like.
  bool startsFromOnes() const { return isWide() || grouped.form.zeros; }

  int64_t blocks() const { return grouped.blocks(contraction); }
  int64_t foldsPerUnit() const { return ::nm::rt::GroupedShape::kUnit / kFold; }
  /// Folds of the contraction, and with those that pad the last block.
  int64_t usedFolds() const { return contraction / kFold; }
  int64_t folds() const { return blocks() * grouped.units() * foldsPerUnit(); }
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

#endif // NM_LIB_DIALECT_NM_TRANSFORMS_GROUPEDCOLUMNS_H
