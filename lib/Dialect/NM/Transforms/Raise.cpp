//===- Raise.cpp - Products with an N:M weight become nm.matmul -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RaiseProduct.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Remarks.h"
#include "nm/Dialect/NM/Transforms/Passes.h"

namespace mlir::nm {
#define GEN_PASS_DEF_RAISE
#include "nm/Dialect/NM/Transforms/Passes.h.inc"
} // namespace mlir::nm

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::raise;

namespace {

/// "20x64", with "?" for dynamic sizes.
std::string printShape(RankedTensorType type) {
  std::string text;
  llvm::raw_string_ostream os(text);
  llvm::interleave(
      type.getShape(), os,
      [&](int64_t size) {
        if (ShapedType::isDynamic(size))
          os << "?";
        else
          os << size;
      },
      "x");
  return text;
}

struct RaisePass : public nm::impl::RaiseBase<RaisePass> {
  using RaiseBase::RaiseBase;

  void runOnOperation() override {
    SmallVector<linalg::LinalgOp> ops;
    getOperation().walk([&](linalg::LinalgOp op) { ops.push_back(op); });
    IRRewriter rewriter(&getContext());
    WeightEncoder encoder;
    leftOver.clear(); // of the function before
    for (linalg::LinalgOp op : ops)
      if (failed(raise(op, encoder, rewriter)))
        return signalPassFailure();
    if (getOperation()
            .walk([&](MatmulOp op) {
              return WalkResult(encodeWeight(op, encoder, rewriter));
            })
            .wasInterrupted())
      return signalPassFailure();
    eraseDead(rewriter);
  }

private:
  /// What the operands of raised products were computed by, once unused.
  SmallVector<Operation *> leftOver;

  void missed(linalg::LinalgOp op, StringRef reason) {
    remark::missed(op.getLoc(),
                   remark::RemarkOpts::name("not-raised").category("nm-raise"))
        << remark::metric("op", op->getName().getStringRef().str())
        << remark::reason("{0}", reason.str());
  }

  static void passed(Operation *op, const Weight &weight,
                     RankedTensorType weightType, MatmulOp product) {
    remark::passed(op->getLoc(),
                   remark::RemarkOpts::name("raised").category("nm-raise"))
        << remark::metric("pattern", weight.sparsity.getPatternString())
        << remark::metric("weight", printShape(weightType))
        << remark::metric("result", printShape(product.getResult().getType()))
        << remark::metric("known", weight.origin.str())
        << remark::metric("from", op->getName().getStringRef().str());
  }

  /// Fails only after a diagnostic.
  LogicalResult raise(linalg::LinalgOp op, WeightEncoder &encoder,
                      IRRewriter &rewriter) {
    std::string why;
    FailureOr<Contraction> contraction = matchContraction(op, why);
    if (failed(contraction)) {
      if (!why.empty())
        missed(op, why);
      return success();
    }

    // Of two N:M operands the sparser one is encoded, the right one among
    // equals.
    WeightOptions options;
    options.dense = dense;
    options.detect = detect;
    std::optional<Product> best;
    std::string reasons[2];
    auto density = [](const Product &product) {
      SparsityAttr sparsity = product.weight.sparsity;
      return static_cast<double>(sparsity.getN()) / sparsity.getM();
    };
    for (unsigned side : {1, 0}) {
      FailureOr<std::optional<Weight>> weight = findWeight(
          contraction->operands[side], contraction->k, options, reasons[side]);
      if (failed(weight))
        return failure();
      if (!*weight)
        continue;
      std::optional<Product> product =
          planProduct(*contraction, side, **weight, reasons[side]);
      if (product && (!best || density(*product) < density(*best)))
        best = product;
    }
    if (!best) {
      missed(op, "lhs: " + reasons[0] + "; rhs: " + reasons[1]);
      return success();
    }

    SmallVector<Value> operands(op->getOperands());
    rewriter.setInsertionPoint(op);
    RankedTensorType weightType = best->weight.view.getType();
    MatmulOp matmul = buildProduct(*best, encoder, rewriter);
    passed(op, best->weight, weightType, matmul);
    rewriter.replaceOp(op, best->replacement);
    for (Value operand : operands)
      if (Operation *def = operand.getDefiningOp())
        leftOver.push_back(def);
    return success();
  }

  /// A product that was given as nm.matmul, of a weight that says no pattern:
  /// kernels take encoded ones. Fails only after a diagnostic.
  LogicalResult encodeWeight(MatmulOp op, WeightEncoder &encoder,
                             IRRewriter &rewriter) {
    if (op.getSparseOperand() || op.getResult().getType().getRank() != 2)
      return success();
    constexpr unsigned k = 2; // of the loops i, j, k
    for (unsigned side : {1, 0}) {
      TypedValue<RankedTensorType> operand = side ? op.getRhs() : op.getLhs();
      if (operand.getType().getRank() != 2)
        continue;
      int64_t reduction =
          side ? op.getRhsReductionDim() : op.getLhsReductionDim();
      unsigned free = side ? 1 : 0;
      SmallVector<unsigned> loops{free, free};
      loops[reduction] = k;
      View view{operand, AffineMap::getMultiDimMapWithTargets(3, loops,
                                                              op.getContext())};
      WeightOptions options;
      options.dense = dense;
      options.detect = detect;
      std::string reason;
      FailureOr<std::optional<Weight>> weight =
          findWeight(view, k, options, reason);
      if (failed(weight))
        return failure();
      if (!*weight || (*weight)->view.value != operand ||
          !(*weight)->scales.empty())
        continue;
      Value encoded =
          encoder.encode(**weight, k, free, /*loopSizes=*/{0, 0, 0}, rewriter);
      rewriter.modifyOpInPlace(op, [&] { op->setOperand(side, encoded); });
      passed(op, **weight, operand.getType(), op);
      if (Operation *def = operand.getDefiningOp())
        leftOver.push_back(def);
      break;
    }
    return success();
  }

  /// The walk to the weight goes around transposes and broadcasts, which would
  /// cost memory if somebody kept them.
  void eraseDead(RewriterBase &rewriter) {
    llvm::SetVector<Operation *> worklist(leftOver.begin(), leftOver.end());
    while (!worklist.empty()) {
      Operation *op = worklist.pop_back_val();
      if (!isOpTriviallyDead(op))
        continue;
      for (Value operand : op->getOperands())
        if (Operation *def = operand.getDefiningOp())
          worklist.insert(def);
      rewriter.eraseOp(op);
    }
  }
};

} // namespace
