//===- Raise.cpp - Norms, softmax and activations get their names -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From the last operation to the first, so that a norm is found with its scale
// and shift before it is found without. What nobody reads any more lets go of
// its operands at once and is erased at the end: the analysis knows tensors by
// their address.
//
//===----------------------------------------------------------------------===//

#include "RaiseActivation.h"
#include "RaiseEmbedding.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Remarks.h"
#include "nm/Dialect/Common/ReplacedLocation.h"
#include "nm/Dialect/Layer/Transforms/Passes.h"

namespace mlir::layer {
#define GEN_PASS_DEF_RAISE
#include "nm/Dialect/Layer/Transforms/Passes.h.inc"
} // namespace mlir::layer

using namespace mlir;
using namespace mlir::layer;
using analysis::Expression;
using analysis::Expressions;
using analysis::RowExpression;
using analysis::RowExpressions;

namespace {

class Raiser {
public:
  explicit Raiser(Block &block) : block(block) {
    for (Operation &op : block)
      rows.visit(&op);
  }

  void run() {
    SmallVector<linalg::LinalgOp> ops(block.getOps<linalg::LinalgOp>());
    SmallVector<Operation *> all;
    for (Operation &op : block)
      all.push_back(&op);
    SmallVector<Operation *> dead;
    for (Operation *op : llvm::reverse(all)) {
      if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
        if (Value named = raise(linalgOp)) {
          op->getResult(0).replaceAllUsesWith(named);
          named.getDefiningOp()->setLoc(nm::replacedLocation(op, op->getLoc()));
        }
      if (isOpTriviallyDead(op)) {
        op->dropAllReferences();
        dead.push_back(op);
      }
    }
    for (Operation *op : dead)
      op->erase();
  }

private:
  /// What takes the place of the result; null if it has no name.
  Value raise(linalg::LinalgOp op) {
    if (!op.hasPureTensorSemantics() || op->getNumResults() != 1 ||
        op->use_empty() || op.getNumReductionLoops() != 0)
      return {};
    OpBuilder builder(op);
    const RowExpression known = rows.of(op->getResult(0));
    Value named;
    if (!known.isPerRow && known.cols > 1) {
      if (auto norm = rows.algebra.matchNorm(known.made, known.cols))
        named = emitNorm(builder, op, *norm);
      else if (auto softmax = rows.algebra.matchSoftmax(known.made))
        named = emitSoftmax(builder, op, *softmax);
    }
    if (!named)
      named = raiseActivations(builder, op, rows);
    if (named)
      remark::passed(op.getLoc(),
                     remark::RemarkOpts::name("named").category("layer-raise"))
          << remark::metric(
                 "op", named.getDefiningOp()->getName().getStringRef().str());
    return named;
  }

  /// The tensor of a leaf in the shape of the result of `op`.
  Value tensorLike(linalg::LinalgOp op, int leaf) {
    Type type = op->getResult(0).getType();
    Value tensor = rows.leaf(leaf);
    if (tensor && tensor.getType() == type)
      return tensor;
    return rows.find(rows.algebra.tensor(leaf), type, op);
  }

  /// A leaf that follows the last dimension, as a tensor of that alone.
  static Value vectorOf(OpBuilder &builder, Location loc, Value tensor,
                        RankedTensorType row) {
    auto type = dyn_cast<RankedTensorType>(tensor.getType());
    if (!type || type.getElementType() != row.getElementType() ||
        !type.hasStaticShape() || type.getNumElements() != row.getNumElements())
      return {};
    if (type.getRank() == 1)
      return tensor;
    ReassociationIndices all =
        llvm::to_vector(llvm::seq<int64_t>(0, type.getRank()));
    return tensor::CollapseShapeOp::create(
        builder, loc, row, tensor, SmallVector<ReassociationIndices>{all});
  }

  Value emitNorm(OpBuilder &builder, linalg::LinalgOp op,
                 const Expressions::Norm &norm) {
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    auto row =
        RankedTensorType::get({type.getShape().back()}, type.getElementType());
    Value x = tensorLike(op, norm.tensor);
    if (!x)
      return {};
    Value vectors[2];
    for (auto [leaf, vector] :
         llvm::zip(std::array{norm.gamma, norm.beta}, vectors))
      if (leaf >= 0) {
        vector = vectorOf(builder, op.getLoc(), rows.leaf(leaf), row);
        if (!vector)
          return {};
      }
    Value init = op.getDpsInitOperand(0)->get();
    auto axis = builder.getI64IntegerAttr(type.getRank() - 1);
    auto epsilon = builder.getF64FloatAttr(norm.epsilon);
    if (norm.isCentred)
      return NormOp::create(builder, op.getLoc(), type, x, vectors[0],
                            vectors[1], init, axis, epsilon);
    return RMSNormOp::create(builder, op.getLoc(), type, x, vectors[0], init,
                             axis, epsilon);
  }

  Value emitSoftmax(OpBuilder &builder, linalg::LinalgOp op,
                    const Expressions::Softmax &softmax) {
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    // linalg.softmax adds up in the type of its elements.
    if (type.getElementTypeBitWidth() < 32)
      return {};
    Value x = tensorLike(op, softmax.tensor);
    if (!x)
      return {};
    if (softmax.scale != 1)
      x = scaled(builder, op, x, softmax);
    return linalg::SoftmaxOp::create(builder, op.getLoc(), type, x,
                                     op.getDpsInitOperand(0)->get(),
                                     type.getRank() - 1)
        .getResult()[0];
  }

  Value scaled(OpBuilder &builder, linalg::LinalgOp op, Value x,
               const Expressions::Softmax &softmax) {
    Expression logits =
        Expressions::scale(rows.algebra.tensor(softmax.tensor), softmax.scale);
    if (Value found = rows.find(logits, x.getType(), op))
      return found;
    auto type = cast<RankedTensorType>(x.getType());
    AffineMap all = builder.getMultiDimIdentityMap(type.getRank());
    SmallVector<utils::IteratorType> loops(type.getRank(),
                                           utils::IteratorType::parallel);
    return linalg::GenericOp::create(
               builder, op.getLoc(), type, x, op.getDpsInitOperand(0)->get(),
               ArrayRef{all, all}, loops,
               [&](OpBuilder &b, Location loc, ValueRange args) {
                 Value factor = arith::ConstantOp::create(
                     b, loc, b.getFloatAttr(args[0].getType(), softmax.scale));
                 Value product = arith::MulFOp::create(b, loc, args[0], factor);
                 linalg::YieldOp::create(b, loc, product);
               })
        .getResult(0);
  }

  Block &block;
  RowExpressions rows;
};

struct RaisePass : public mlir::layer::impl::RaiseBase<RaisePass> {
  void runOnOperation() override {
    SmallVector<Block *> blocks;
    getOperation().walk([&](Block *block) {
      if (holdsForm(*block))
        blocks.push_back(block);
    });
    for (Block *block : blocks)
      Raiser(*block).run();
    raiseEmbeddings(getOperation());
  }

private:
  /// Whether there may be anything to name: each form has a function of math.
  static bool holdsForm(Block &block) {
    return llvm::any_of(
        block.getOps<linalg::LinalgOp>(), [](linalg::LinalgOp op) {
          return llvm::any_of(*op.getBlock(), [](Operation &inner) {
            return isa<math::MathDialect>(inner.getDialect());
          });
        });
  }
};

} // namespace
