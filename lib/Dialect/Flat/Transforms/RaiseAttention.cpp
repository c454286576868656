//===- RaiseAttention.cpp - Attention becomes flat.attention -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RaiseAttentionMatch.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Remarks.h"
#include "nm/Dialect/Common/ReplacedLocation.h"
#include "nm/Dialect/Flat/IR/ScoreAnalysis.h"
#include "nm/Dialect/Flat/Transforms/Passes.h"

namespace mlir::flat {
#define GEN_PASS_DEF_RAISEATTENTION
#include "nm/Dialect/Flat/Transforms/Passes.h.inc"
} // namespace mlir::flat

using namespace mlir;
using namespace mlir::flat;
using namespace mlir::flat::raise;

using Role = AttentionOp::Role;

namespace {

std::string sizeText(int64_t size) {
  return ShapedType::isDynamic(size) ? "?" : std::to_string(size);
}

/// "causal", "window -15..0 + softcap 3", ...
std::string describeScore(AttentionOp op) {
  ScoreAnalysis analysis = analyzeScore(op);
  SmallVector<std::string> parts;
  if (analysis.hasWindow()) {
    if (analysis.isCausal() && !analysis.left)
      parts.push_back("causal");
    else
      parts.push_back(
          "window " + (analysis.left ? std::to_string(-*analysis.left) : "") +
          ".." + (analysis.right ? std::to_string(*analysis.right) : ""));
  }
  if (analysis.alibiSlope)
    parts.push_back("alibi");
  if (analysis.added.size() > (analysis.alibiSlope ? 1 : 0))
    parts.push_back("bias");
  if (analysis.softCap)
    parts.push_back("softcap");
  if (analysis.isGeneric || !analysis.isWindowExact)
    parts.push_back("other");
  return parts.empty() ? "plain" : llvm::join(parts, " + ");
}

struct RaiseAttentionPass
    : public mlir::flat::impl::RaiseAttentionBase<RaiseAttentionPass> {
  using RaiseAttentionBase::RaiseAttentionBase;

  void runOnOperation() override {
    SmallVector<linalg::LinalgOp> ops;
    getOperation().walk([&](linalg::LinalgOp op) { ops.push_back(op); });
    SmallVector<Operation *> leftOver;
    for (linalg::LinalgOp op : ops)
      raise(op, leftOver);
    eraseDead(leftOver);
  }

private:
  void missed(linalg::LinalgOp op, const Mismatch &mismatch) {
    auto remark = remark::missed(
        op.getLoc(), remark::RemarkOpts::name("attention-not-raised")
                         .category("flat-raise"));
    remark << remark::metric("op", op->getName().getStringRef().str())
           << remark::reason("{0}", mismatch.reason);
    Operation *stop = mismatch.stop ? mismatch.stop : op.getOperation();
    std::string where;
    llvm::raw_string_ostream os(where);
    os << stop->getLoc();
    remark << remark::metric("stopped-by", stop->getName().getStringRef().str())
           << remark::metric("at", where);
  }

  void raise(linalg::LinalgOp op, SmallVectorImpl<Operation *> &leftOver) {
    AxisTable table;
    std::unique_ptr<TermBuilder> terms;
    Mismatch mismatch;
    std::optional<Match> match = matchAttention(op, table, terms, mismatch);
    std::optional<Built> built;
    if (match) {
      OpBuilder builder(op);
      built = buildAttention(*match, table, builder, mismatch);
    }
    if (!built) {
      if (mismatch.isNear)
        missed(op, mismatch);
      return;
    }
    AttentionOp attention = built->op;
    auto size = [&](Role role, int64_t dim) {
      return sizeText(attention.getStaticSize(role, dim));
    };
    remark::passed(
        op.getLoc(),
        remark::RemarkOpts::name("attention-raised").category("flat-raise"))
        << remark::metric("batch", size(Role::Q, AttentionOp::Batch))
        << remark::metric("heads", size(Role::Q, AttentionOp::Head))
        << remark::metric("key-heads", size(Role::K, AttentionOp::Head))
        << remark::metric("queries", size(Role::Q, AttentionOp::Sequence))
        << remark::metric("keys", size(Role::K, AttentionOp::Sequence))
        << remark::metric("width", size(Role::Q, AttentionOp::Width))
        << remark::metric("orders",
                          attention.getOrder(Role::Q).getLetters() + " " +
                              attention.getOrder(Role::K).getLetters() + " " +
                              attention.getOrder(Role::V).getLetters() + " " +
                              attention.getOrder(Role::Out).getLetters())
        << remark::metric("mask", attention.getMask() ? "yes" : "no")
        << remark::metric("score", describeScore(attention));
    built->replaced.replaceAllUsesWith(built->replacement);
    Operation *replaced = built->replaced.getDefiningOp();
    attention->setLoc(nm::replacedLocation(replaced, op.getLoc()));
    leftOver.push_back(replaced);
  }

  /// The chain from the products on, which nobody reads any more.
  void eraseDead(ArrayRef<Operation *> roots) {
    llvm::SetVector<Operation *> worklist(roots.begin(), roots.end());
    while (!worklist.empty()) {
      Operation *op = worklist.pop_back_val();
      if (!isOpTriviallyDead(op))
        continue;
      for (Value operand : op->getOperands())
        if (Operation *def = operand.getDefiningOp())
          worklist.insert(def);
      op->erase();
    }
  }
};

} // namespace
