//===- FuseEpilogue.cpp - Consumers move into the epilogue -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FuseEpilogueOperand.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Remarks.h"
#include "nm/Dialect/NM/IR/NMDialect.h"
#include "nm/Dialect/NM/Transforms/Passes.h"

namespace mlir::nm {
#define GEN_PASS_DEF_FUSEEPILOGUE
#include "nm/Dialect/NM/Transforms/Passes.h.inc"
} // namespace mlir::nm

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::fuse;

namespace {

/// How many consumers may start from a product before they join again: bounds
/// the search, not the result. GELU by tanh, unfused, has nine.
constexpr unsigned kMaxConsumers = 32;

/// An operand of a consumer that is not made from the product.
struct OuterOperand {
  OpOperand *operand;
  AdaptedOperand adapted;
};

/// An elementwise operation that reads the product.
struct Consumer {
  linalg::LinalgOp op;
  SmallVector<OpOperand *> fromProduct;
  SmallVector<OuterOperand> tensors;
};

/// Consumers in order; only the last one's result is used by anybody else.
struct Group {
  Relation relation;
  Value start; ///< the product, or its reshape
  SmallVector<Consumer> consumers;
};

/// Consumers see each other's results by the same index: maps of operands as
/// maps of the result's dimensions.
AffineMap getMapFromResult(linalg::LinalgOp op, OpOperand &operand) {
  AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  return op.getMatchingIndexingMap(&operand).compose(inversePermutation(out));
}

/// Whether `op` computes each element of one tensor by scalar operations.
bool isElementwise(linalg::LinalgOp op) {
  if (!op.hasPureTensorSemantics() || op->getNumResults() != 1 ||
      op.getNumReductionLoops() != 0 || op.hasIndexSemantics() ||
      !op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isPermutation())
    return false;
  return llvm::all_of(
      op.getBlock()->without_terminator(), [](Operation &inner) {
        return inner.getNumRegions() == 0 && isMemoryEffectFree(&inner) &&
               llvm::all_of(inner.getResultTypes(),
                            [](Type t) { return t.isIntOrIndexOrFloat(); });
      });
}

/// Whether `map` reads every element of `type` where it lies: dimensions of
/// size 1 may be read by the constant 0.
bool isIdentityOf(AffineMap map, RankedTensorType type) {
  if (map.getNumResults() != map.getNumDims())
    return false;
  for (auto [dim, expr] : llvm::enumerate(map.getResults())) {
    auto constant = dyn_cast<AffineConstantExpr>(expr);
    bool isUnit =
        constant && constant.getValue() == 0 && type.getDimSize(dim) == 1;
    if (!isUnit && expr != getAffineDimExpr(dim, map.getContext()))
      return false;
  }
  return true;
}

/// `op` as a consumer of the values in `tracked`; a reason if it is none.
std::optional<Consumer> matchConsumer(Operation *user,
                                      const llvm::SetVector<Value> &tracked,
                                      const Relation &relation,
                                      std::string &reason) {
  std::string name = "'" + user->getName().getStringRef().str() + "'";
  auto op = dyn_cast<linalg::LinalgOp>(user);
  if (!op || !isElementwise(op)) {
    reason = name + " is not an elementwise linalg operation";
    return std::nullopt;
  }
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  if (!TensorType::isValidElementType(type.getElementType()) ||
      type.getRank() != relation.outer.getRank()) {
    reason = name + " has a result of another rank";
    return std::nullopt;
  }
  Consumer consumer;
  consumer.op = op;
  for (OpOperand &operand : op->getOpOperands()) {
    if (operand.getOperandNumber() >= op.getBlock()->getNumArguments() ||
        op.getMatchingBlockArgument(&operand).use_empty()) {
      // A destination that only gives the shape; it must not keep a value alive
      // that is about to vanish.
      if (tracked.contains(operand.get()) && !op.isDpsInit(&operand)) {
        reason = name + " reads it for its shape only";
        return std::nullopt;
      }
      continue;
    }
    if (!isa<RankedTensorType>(operand.get().getType()))
      continue; // a scalar is captured
    AffineMap map = getMapFromResult(op, operand);
    if (tracked.contains(operand.get())) {
      // The consumer's result has the shape of what it reads: no broadcast.
      auto read = cast<RankedTensorType>(operand.get().getType());
      if (!isIdentityOf(map, read) || read.getShape() != type.getShape()) {
        reason = name + " reads it permuted or broadcast";
        return std::nullopt;
      }
      consumer.fromProduct.push_back(&operand);
      continue;
    }
    FailureOr<AdaptedOperand> adapted =
        adaptOperand(operand.get(), map, relation);
    if (failed(adapted)) {
      reason = llvm::formatv("operand {0} of {1} follows a part of the "
                             "dimensions that a reshape merges",
                             operand.getOperandNumber(), name);
      return std::nullopt;
    }
    consumer.tensors.push_back({&operand, *adapted});
  }
  if (consumer.fromProduct.empty()) {
    reason = name + " does not read it";
    return std::nullopt;
  }
  return consumer;
}

struct FuseEpiloguePass : public nm::impl::FuseEpilogueBase<FuseEpiloguePass> {
  using FuseEpilogueBase::FuseEpilogueBase;

  void runOnOperation() override {
    SmallVector<MatmulOp> ops;
    getOperation().walk([&](MatmulOp op) { ops.push_back(op); });
    IRRewriter rewriter(&getContext());
    for (MatmulOp op : ops) {
      MatmulOp current = op;
      while (std::optional<Group> group = findGroup(current))
        current = fuseGroup(current, *group, rewriter);
    }
  }

private:
  static void missed(MatmulOp op, const std::string &reason) {
    remark::missed(op.getLoc(), remark::RemarkOpts::name("epilogue-not-fused")
                                    .category("nm-fuse-epilogue"))
        << remark::reason("{0}", reason);
  }

  /// Where an epilogue ends because what follows cannot be one.
  static void ends(MatmulOp op, const std::string &reason) {
    remark::analysis(
        op.getLoc(),
        remark::RemarkOpts::name("epilogue-end").category("nm-fuse-epilogue"))
        << remark::add("{0}", reason);
  }

  /// The smallest set of consumers that needs nothing else of the product.
  std::optional<Group> findGroup(MatmulOp op) {
    Group group;
    group.start = op.getResult();
    group.relation = Relation::identity(op.getResult().getType());
    if (op->use_empty())
      return std::nullopt;
    Operation *user = *op->user_begin();
    if (op->hasOneUse() &&
        isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(user) &&
        user->getBlock() == op->getBlock()) {
      group.relation = Relation::across(user);
      group.start = user->getResult(0);
      if (group.start.use_empty())
        return std::nullopt;
    }

    llvm::SetVector<Value> tracked;
    tracked.insert(group.start);
    llvm::SmallPtrSet<Operation *, 8> members;
    Operation *refused = nullptr;
    std::string reason;
    Block *block = op->getBlock();
    while (group.consumers.size() < kMaxConsumers) {
      // The next operation in order that reads something tracked.
      Operation *next = nullptr;
      for (Value value : tracked)
        for (Operation *user : value.getUsers()) {
          if (user->getBlock() != block) {
            missed(op, "it is used in another block, by '" +
                           user->getName().getStringRef().str() + "'");
            return std::nullopt;
          }
          if (!members.contains(user) && (!next || user->isBeforeInBlock(next)))
            next = user;
        }
      if (!next)
        return std::nullopt;
      std::optional<Consumer> consumer =
          matchConsumer(next, tracked, group.relation, reason);
      if (!consumer) {
        refused = next;
        break;
      }
      members.insert(next);
      group.consumers.push_back(*consumer);
      tracked.insert(next->getResult(0));
      bool closed =
          llvm::all_of(tracked.getArrayRef().drop_back(), [&](Value value) {
            return llvm::all_of(value.getUsers(), [&](Operation *user) {
              return members.contains(user);
            });
          });
      if (closed)
        return group;
    }
    if (!group.consumers.empty() || !group.start.hasOneUse())
      missed(op, "it has several uses that do not join: " + reason);
    else if (auto linalgOp = dyn_cast_or_null<linalg::LinalgOp>(refused);
             linalgOp && isElementwise(linalgOp))
      missed(op, reason);
    else
      ends(op, reason);
    return std::nullopt;
  }

  MatmulOp fuseGroup(MatmulOp op, Group &group, IRRewriter &rewriter) {
    linalg::LinalgOp last = group.consumers.back().op;
    // All operands are there: the product has no other users, so it may be
    // computed as late as this.
    rewriter.setInsertionPoint(last);
    Location loc = rewriter.getFusedLoc({op.getLoc(), last.getLoc()});

    RankedTensorType oldType = op.getResult().getType();
    Type element = getElementTypeOrSelf(last->getResult(0));
    SmallVector<OpFoldResult> sizes;
    if (auto empty = op.getInit().getDefiningOp<tensor::EmptyOp>())
      sizes = empty.getMixedSizes();
    else
      sizes = tensor::getMixedSizes(rewriter, loc, op.getInit());
    Value init = op.getInit();
    Value lastInit = last.getDpsInits()[0];
    if (lastInit.getType() == oldType.clone(element) &&
        lastInit.getDefiningOp<tensor::EmptyOp>()) {
      init = lastInit;
    } else if (element != oldType.getElementType()) {
      init = tensor::EmptyOp::create(rewriter, loc, sizes, element);
      // Static sizes of the old type may be dynamic in `sizes`.
      RankedTensorType type = oldType.clone(element);
      if (init.getType() != type)
        init = tensor::CastOp::create(rewriter, loc, type, init);
    }

    // Operands: one argument for each different tensor and map.
    SmallVector<Value> operands(op.getEpilogueOperands());
    SmallVector<AffineMap> maps = op.getEpilogueMapArray();
    llvm::MapVector<OpOperand *, unsigned> argumentOf;
    llvm::DenseMap<std::pair<Value, AffineMap>, unsigned> known;
    for (Consumer &consumer : group.consumers)
      for (OuterOperand &outer : consumer.tensors) {
        AffineMap map = getMapFromResult(consumer.op, *outer.operand);
        auto [slot, isNew] =
            known.try_emplace({outer.operand->get(), map}, operands.size());
        if (isNew) {
          operands.push_back(
              outer.adapted.materialize(sizes, group.relation.inner, rewriter));
          maps.push_back(outer.adapted.map);
        }
        argumentOf[outer.operand] = slot->second;
      }

    auto fused = MatmulOp::create(rewriter, loc, op.getLhs(), op.getRhs(), init,
                                  op.getTransposeLhs(), op.getTransposeRhs(),
                                  operands, maps);
    fused->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    buildRegion(op, fused, group, argumentOf, rewriter);

    rewriter.setInsertionPointAfter(fused);
    Value result = group.relation.apply(fused.getResult(), rewriter);
    Type wanted = last->getResult(0).getType();
    if (result.getType() != wanted)
      result = tensor::CastOp::create(rewriter, loc, wanted, result);
    for (Consumer &consumer : group.consumers)
      remark::passed(op.getLoc(), remark::RemarkOpts::name("epilogue-fused")
                                      .category("nm-fuse-epilogue"))
          << remark::metric("consumer",
                            consumer.op->getName().getStringRef().str())
          << remark::metric("operands", consumer.tensors.size());
    rewriter.replaceOp(last, result);
    for (Consumer &consumer :
         llvm::reverse(llvm::MutableArrayRef(group.consumers).drop_back()))
      rewriter.eraseOp(consumer.op);
    if (group.relation.reshape)
      rewriter.eraseOp(group.relation.reshape);
    rewriter.eraseOp(op);
    return fused;
  }

  /// The old epilogue, then each consumer's body.
  void buildRegion(MatmulOp op, MatmulOp fused, Group &group,
                   llvm::MapVector<OpOperand *, unsigned> &argumentOf,
                   IRRewriter &rewriter) {
    OpBuilder::InsertionGuard guard(rewriter);
    Location loc = fused.getLoc();
    SmallVector<Type> types{fused.getAccumulatorType()};
    for (Value operand : fused.getEpilogueOperands())
      types.push_back(getElementTypeOrSelf(operand));
    Block *block =
        rewriter.createBlock(&fused.getEpilogue(), {}, types,
                             SmallVector<Location>(types.size(), loc));

    llvm::DenseMap<Value, Value> scalarOf; // of tensors made from the product
    Value product = block->getArgument(0);
    if (op.hasEpilogue()) {
      Block &old = op.getEpilogue().front();
      IRMapping mapping;
      for (auto [from, to] :
           llvm::zip(old.getArguments(), block->getArguments()))
        mapping.map(from, to);
      for (Operation &inner : old.without_terminator())
        rewriter.clone(inner, mapping);
      product = mapping.lookupOrDefault(old.getTerminator()->getOperand(0));
    } else {
      // Consumers saw the product rounded to its element type.
      Type element = op.getResult().getType().getElementType();
      if (element.getIntOrFloatBitWidth() < 32)
        product = arith::TruncFOp::create(rewriter, loc, element, product);
      else if (element.getIntOrFloatBitWidth() > 32)
        product = arith::ExtFOp::create(rewriter, loc, element, product);
    }
    scalarOf[group.start] = product;

    for (Consumer &consumer : group.consumers) {
      linalg::LinalgOp body = consumer.op;
      IRMapping mapping;
      for (OpOperand &operand : body->getOpOperands()) {
        if (operand.getOperandNumber() >= body.getBlock()->getNumArguments())
          continue;
        BlockArgument argument = body.getMatchingBlockArgument(&operand);
        auto slot = argumentOf.find(&operand);
        if (slot != argumentOf.end())
          mapping.map(argument, block->getArgument(1 + slot->second));
        else if (Value scalar = scalarOf.lookup(operand.get()))
          mapping.map(argument, scalar);
        else if (!isa<RankedTensorType>(operand.get().getType()))
          mapping.map(argument, operand.get());
      }
      for (Operation &inner : body.getBlock()->without_terminator())
        rewriter.clone(inner, mapping);
      scalarOf[body->getResult(0)] = mapping.lookupOrDefault(
          body.getBlock()->getTerminator()->getOperand(0));
    }
    YieldOp::create(rewriter, loc,
                    scalarOf[group.consumers.back().op->getResult(0)]);
  }
};

} // namespace
