//===- TileBuilder.h - Instructions on values, written from C++ -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_TILE_IR_TILEBUILDER_H
#define NM_DIALECT_TILE_IR_TILEBUILDER_H

#include "nm/Dialect/Tile/IR/TileDialect.h"

namespace mlir::tiles {

/// Makes instructions where a builder stands. Results have the shape that the
/// operands ask for, and `type` as elements: what is written is rounded to it.
class TileBuilder {
public:
  TileBuilder(OpBuilder &builder, Location loc) : b(builder), loc(loc) {}

  Value unary(::nm::isa::UnaryKind kind, Value source, Type type);
  /// `rhs` has the shape of `lhs` or is a vector, the same for all rows.
  Value elementwise(::nm::isa::BinaryKind kind, Value lhs, Value rhs,
                    Type type);
  /// A tile of rows that is the same everywhere.
  Value fillRows(float value, RankedTensorType type);
  /// One tile for all rows.
  Value fill(float value, RankedTensorType type);
  /// [R, C] to [R].
  Value rowMax(Value source, Type type);
  /// exp(source - max) and its row sums, [R].
  std::pair<Value, Value> expSum(Value source, Value max, Type type,
                                 Type sumType);
  Value scale(Value source, Value factor, bool reciprocal, Type type);
  Value softmax(Value source, float scale, Type type);
  Value layerNorm(Value source, Value gamma, Value beta, float epsilon,
                  Type type);
  /// Of what no instruction does: x / sqrt(mean of x^2 + epsilon) * gamma for
  /// each row, gamma [C] or null; and the product of each row, [R, 1]. In
  /// between are f32.
  Value rmsNorm(Value source, Value gamma, float epsilon, Type type);
  Value rowProduct(Value source, Type type);
  /// acc + factor * lhs * rhs, in the place of acc, or without it.
  Value gemm(Value lhs, Value rhs, Value acc, float factor, Type type);
  /// Views: [R] as [R, 1], [R, 1] as [R], and columns of a matrix.
  Value column(Value source);
  Value vector(Value source);
  Value slice(Value source, int64_t first, int64_t columns);

private:
  OpBuilder &b;
  Location loc;
};

/// What happens to all rows of the inputs at once; `type` is the output's.
using RowsBody =
    llvm::function_ref<Value(TileBuilder &, ValueRange, RankedTensorType type)>;

/// A tile.rows with one output.
RowsOp createRows(OpBuilder &builder, Location loc, StringRef name,
                  ValueRange inputs, Value output, RowsBody body);

/// The tensor, or the box of it that begins at `offsets`.
Value createBox(OpBuilder &builder, Location loc, Value tensor,
                ArrayRef<int64_t> offsets, ArrayRef<int64_t> sizes);

/// Of a tile.product, which says their shapes. DRAM tensors or boxes of them.
struct ProductOperands {
  Value lhs, rhs;
  Value indices;             ///< of an N:M weight, else null
  bool isTransposed = false; ///< rhs is [out, in]
  ::nm::isa::SparsePattern pattern;
  float scale = 1;
  SmallVector<Value> inputs; ///< what the body reads besides the sums
  Value output;
};

/// A tile.product; the body's first input is the sums.
ProductOp createProduct(OpBuilder &builder, Location loc, StringRef name,
                        const ProductOperands &operands, RowsBody body);

} // namespace mlir::tiles

#endif // NM_DIALECT_TILE_IR_TILEBUILDER_H
