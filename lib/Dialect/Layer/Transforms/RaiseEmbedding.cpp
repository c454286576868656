//===- RaiseEmbedding.cpp - Gathers of rows get their name -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An elementwise operation whose body is table[.., index, j, k, ..], where
// index is an element of an operand and j, k are the last loops. Dimensions of
// the table before the index have size 1, as those of tosa.gather do.
//
//===----------------------------------------------------------------------===//

#include "RaiseEmbedding.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/Remarks.h"
#include "nm/Dialect/Layer/IR/LayerDialect.h"

using namespace mlir;
using namespace mlir::layer;

namespace {

class Gather {
public:
  explicit Gather(linalg::GenericOp op) : op(op) {}

  bool match() {
    if (!op.hasPureTensorSemantics() || op->getNumResults() != 1 ||
        op.getNumReductionLoops() != 0 ||
        !op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity())
      return false;
    auto yield = cast<linalg::YieldOp>(op.getBody()->getTerminator());
    extract = yield.getOperand(0).getDefiningOp<tensor::ExtractOp>();
    if (!extract || extract->getBlock() != op.getBody())
      return false;
    table = extract.getTensor();
    auto result = cast<RankedTensorType>(op->getResult(0).getType());
    type = dyn_cast<RankedTensorType>(table.getType());
    if (!type || type.getEncoding() || result.getEncoding() ||
        !isa<Float64Type, Float32Type, Float16Type, BFloat16Type>(
            type.getElementType()))
      return false;
    // From outside of the body.
    if (Operation *def = table.getDefiningOp();
        def && op->isProperAncestor(def))
      return false;
    return matchPlace(result) && matchIndex();
  }

  Value emit(OpBuilder &b) {
    if (dim != 0) {
      SmallVector<ReassociationIndices> groups(1);
      for (int64_t d = 0; d <= dim; ++d)
        groups.front().push_back(d);
      for (int64_t d = dim + 1; d < type.getRank(); ++d)
        groups.push_back({d});
      table = tensor::CollapseShapeOp::create(b, op.getLoc(), table, groups);
    }
    Value init = op.getDpsInitOperand(0)->get();
    return EmbeddingOp::create(b, op.getLoc(), init.getType(), indices, table,
                               init, isFromEnd);
  }

private:
  /// The loop that a position is, nothing if it is none.
  static std::optional<int64_t> loopOf(Value position) {
    auto index = position.getDefiningOp<linalg::IndexOp>();
    return index ? std::optional<int64_t>(index.getDim()) : std::nullopt;
  }

  /// Which dimension the index is of: those before it have one element, those
  /// behind it are whole and the last loops.
  bool matchPlace(RankedTensorType result) {
    ValueRange places = extract.getIndices();
    while (dim < type.getRank() && type.getDimSize(dim) == 1 &&
           (loopOf(places[dim]) || isConstantIntValue(places[dim], 0)))
      ++dim;
    rowDims = type.getRank() - dim - 1;
    if (rowDims < 1 || rowDims > result.getRank())
      return false;
    for (int64_t d = 0; d < rowDims; ++d) {
      int64_t loop = result.getRank() - rowDims + d;
      int64_t size = type.getDimSize(dim + 1 + d);
      if (loopOf(places[dim + 1 + d]) != loop || ShapedType::isDynamic(size) ||
          size != result.getDimSize(loop))
        return false;
    }
    return true;
  }

  /// The element of an operand that the index is, and how it is counted.
  bool matchIndex() {
    Value index = extract.getIndices()[dim];
    if (auto select = index.getDefiningOp<arith::SelectOp>()) {
      if (!isWrapped(select))
        return false;
      isFromEnd = true;
      index = select.getFalseValue();
    }
    if (auto cast = index.getDefiningOp<arith::IndexCastOp>())
      index = cast.getIn();
    auto argument = dyn_cast<BlockArgument>(index);
    if (!argument || argument.getOwner() != op.getBody() ||
        argument.getArgNumber() >= op.getNumDpsInputs())
      return false;
    OpOperand *operand = op.getDpsInputOperand(argument.getArgNumber());
    auto found = dyn_cast<RankedTensorType>(operand->get().getType());
    int64_t outer = op.getNumLoops() - rowDims;
    if (!found || found.getEncoding() || found.getElementType().isInteger(1) ||
        !found.getElementType().isSignlessIntOrIndex() ||
        op.getMatchingIndexingMap(operand) !=
            AffineMap::getMultiDimIdentityMap(op.getNumLoops(), op.getContext())
                .getMajorSubMap(outer))
      return false;
    indices = operand->get();
    return true;
  }

  /// index < 0 ? index + rows : index
  bool isWrapped(arith::SelectOp select) {
    auto compare = select.getCondition().getDefiningOp<arith::CmpIOp>();
    auto sum = select.getTrueValue().getDefiningOp<arith::AddIOp>();
    Value index = select.getFalseValue();
    return compare && sum &&
           compare.getPredicate() == arith::CmpIPredicate::slt &&
           compare.getLhs() == index &&
           matchPattern(compare.getRhs(), m_Zero()) &&
           ((sum.getLhs() == index && isRows(sum.getRhs())) ||
            (sum.getRhs() == index && isRows(sum.getLhs())));
  }

  bool isRows(Value size) {
    if (std::optional<int64_t> number = getConstantIntValue(size))
      return *number == type.getDimSize(dim);
    auto found = size.getDefiningOp<tensor::DimOp>();
    return found && found.getSource() == table &&
           found.getConstantIndex() == dim;
  }

  linalg::GenericOp op;
  tensor::ExtractOp extract;
  Value table, indices;
  RankedTensorType type; ///< of the table
  int64_t dim = 0, rowDims = 0;
  bool isFromEnd = false;
};

} // namespace

void mlir::layer::raiseEmbeddings(Operation *root) {
  SmallVector<linalg::GenericOp> ops;
  root->walk([&](linalg::GenericOp op) { ops.push_back(op); });
  for (linalg::GenericOp op : ops) {
    Gather gather(op);
    if (!gather.match())
      continue;
    OpBuilder builder(op);
    Value named = gather.emit(builder);
    remark::passed(op.getLoc(),
                   remark::RemarkOpts::name("named").category("layer-raise"))
        << remark::metric(
               "op", named.getDefiningOp()->getName().getStringRef().str());
    op->getResult(0).replaceAllUsesWith(named);
    op->erase();
  }
}
