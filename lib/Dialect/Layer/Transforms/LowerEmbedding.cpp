//===- LowerEmbedding.cpp - What embedding means -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A loop for each dimension of the indices, so that each index is loaded and
// checked once and its row moves in whole vectors, whatever the row's shape.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "nm/Dialect/Layer/Transforms/Lowering.h"
#include "nm/Dialect/NM/Transforms/ReferenceLowering.h"

using namespace mlir;
using namespace mlir::layer;
using nm::ReferenceBuilder;

namespace {

class EmbeddingLowering {
public:
  EmbeddingLowering(ReferenceBuilder b, EmbeddingOp op)
      : b(b), op(op), loc(op.getLoc()), zero(this->b.index(0)),
        one(this->b.index(1)), tableSizes(this->b.sizes(op.getTable())),
        sizes(this->b.sizes(op.getIndices())),
        rows(getValueOrCreateConstantIndexOp(this->b, loc, tableSizes[0])) {}

  Value run() { return emitLoops(b, op.getInit()); }

private:
  Value emitLoops(OpBuilder &builder, Value carried) {
    if (place.size() == sizes.size())
      return copyRow(builder, carried);
    Value end =
        getValueOrCreateConstantIndexOp(builder, loc, sizes[place.size()]);
    auto loop = scf::ForOp::create(
        builder, loc, zero, end, one, carried,
        [&](OpBuilder &inner, Location, Value at, ValueRange args) {
          place.push_back(at);
          Value next = emitLoops(inner, args[0]);
          place.pop_back();
          scf::YieldOp::create(inner, loc, next);
        });
    return loop.getResult(0);
  }

  /// The row that the index in `place` names, which is checked.
  Value rowAt(OpBuilder &builder) {
    Value index =
        tensor::ExtractOp::create(builder, loc, op.getIndices(), place);
    if (!index.getType().isIndex())
      index = arith::IndexCastOp::create(builder, loc, builder.getIndexType(),
                                         index);
    Value row = index;
    if (op.getFromEnd()) {
      Value isNegative = arith::CmpIOp::create(
          builder, loc, arith::CmpIPredicate::slt, index, zero);
      Value wrapped = arith::AddIOp::create(builder, loc, index, rows);
      row = arith::SelectOp::create(builder, loc, isNegative, wrapped, index);
    }
    Value exists = arith::CmpIOp::create(builder, loc,
                                         arith::CmpIPredicate::ult, row, rows);
    nm::RequireOp::create(
        builder, loc, exists,
        builder.getStringAttr(
            "'layer.embedding' reads row {0} of a table of {1}"),
        ValueRange{index, rows});
    return row;
  }

  Value copyRow(OpBuilder &builder, Value into) {
    size_t outer = place.size(), inner = tableSizes.size() - 1;
    SmallVector<OpFoldResult> from(inner + 1, builder.getIndexAttr(0));
    SmallVector<OpFoldResult> size(tableSizes);
    from[0] = rowAt(builder);
    size[0] = builder.getIndexAttr(1);
    SmallVector<OpFoldResult> ones(inner + 1, builder.getIndexAttr(1));
    RankedTensorType table = op.getTable().getType();
    auto rowType = RankedTensorType::get(table.getShape().drop_front(),
                                         table.getElementType());
    Value row = tensor::ExtractSliceOp::create(builder, loc, rowType,
                                               op.getTable(), from, size, ones);
    SmallVector<OpFoldResult> to(place.begin(), place.end());
    to.append(inner, builder.getIndexAttr(0));
    SmallVector<OpFoldResult> whole(outer, builder.getIndexAttr(1));
    llvm::append_range(whole, ArrayRef(tableSizes).drop_front());
    SmallVector<OpFoldResult> all(outer + inner, builder.getIndexAttr(1));
    return tensor::InsertSliceOp::create(builder, loc, row, into, to, whole,
                                         all);
  }

  ReferenceBuilder b;
  EmbeddingOp op;
  Location loc;
  Value zero, one;
  SmallVector<OpFoldResult> tableSizes, sizes;
  Value rows;
  SmallVector<Value> place;
};

} // namespace

void mlir::layer::lowerToLinalg(RewriterBase &rewriter, EmbeddingOp op) {
  rewriter.setInsertionPoint(op);
  ReferenceBuilder b(op.getLoc(), rewriter);
  rewriter.replaceOp(op, EmbeddingLowering(b, op).run());
}
