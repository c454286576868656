//===- CloseLoops.cpp - What a loop yields in what it carries -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CloseBranches.h"
#include "PlacedName.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "nm/Dialect/NM/IR/NMDialect.h"
#include "nm/Transforms/Passes.h"
#include "llvm/ADT/SmallPtrSet.h"

namespace mlir::nm {
#define GEN_PASS_DEF_CLOSELOOPS
#include "nm/Transforms/Passes.h.inc"
} // namespace mlir::nm

using namespace mlir;
using namespace mlir::nm;

namespace {

/// Whether `use` is the only one of its value at or behind its operation.
bool isLastUse(OpOperand &use) {
  Operation *op = use.getOwner();
  return llvm::all_of(use.get().getUses(), [&](OpOperand &other) {
    Operation *user = op->getBlock()->findAncestorOpInBlock(*other.getOwner());
    return &other == &use || !user || (user != op && user->isBeforeInBlock(op));
  });
}

/// A block of a loop, whose terminator hands on tensors that are to lie where
/// those that the block takes do.
class Closer {
public:
  /// `memory` are arguments of the block of `terminator`, which hands on
  /// `yielded`; tensors have one type in both.
  Closer(Operation *terminator, Block::BlockArgListType memory,
         MutableArrayRef<OpOperand> yielded)
      : loop(terminator->getParentOp()), body(terminator->getBlock()),
        memory(memory), yielded(yielded), b(terminator) {}

  void run() {
    SmallVector<unsigned> copied;
    for (unsigned i = 0; i < yielded.size(); ++i)
      if (isa<RankedTensorType>(yielded[i].get().getType()) && !isCarried(i))
        copied.push_back(i);
    SmallPtrSet<Value, 4> overwritten;
    for (unsigned i : copied)
      overwritten.insert(memory[i]);
    // Memory that is about to change is read before.
    for (unsigned i : copied) {
      OpOperand &use = yielded[i];
      Value root = memoryRootOf(use.get());
      if (root != memory[i] && (overwritten.contains(root) || isChosen(root)))
        replaceByCopy(use);
    }
    for (unsigned i : copied) {
      OpOperand &use = yielded[i];
      BlockArgument memory = this->memory[i];
      requireSizes(use.get(), memory, i);
      use.set(bufferization::MaterializeInDestinationOp::create(
                  b, loop->getLoc(), use.get(), memory)
                  .getResult());
    }
  }

private:
  /// Whether what is yielded is in the memory carried, and nobody needs what
  /// was there: no analysis will find otherwise.
  bool isCarried(unsigned i) {
    Value value = yielded[i].get();
    while (value != memory[i]) {
      auto result = dyn_cast<OpResult>(value);
      OpOperand *memory = result ? memoryOf(result) : nullptr;
      if (!memory || result.getOwner()->getBlock() != body ||
          isa<tensor::ExtractSliceOp>(result.getOwner()) || !isLastUse(*memory))
        return false;
      value = memory->get();
    }
    return true;
  }

  /// Whether the memory may be that of one of several tensors: by a choice, or
  /// by whatever has regions or is called.
  static bool isChosen(Value root) {
    Operation *op = root.getDefiningOp();
    return op && !isa<DestinationStyleOpInterface>(op) &&
           (op->getNumRegions() != 0 ||
            llvm::any_of(op->getOperandTypes(), llvm::IsaPred<TensorType>));
  }

  void replaceByCopy(OpOperand &use) {
    Value tensor = use.get();
    auto type = cast<RankedTensorType>(tensor.getType());
    use.set(bufferization::AllocTensorOp::create(b, loop->getLoc(), type,
                                                 ValueRange(), tensor));
  }

  /// A size that stays where an empty tensor's place is taken by another one.
  Value sizeOf(Value value, int64_t d) {
    while (auto style = value.getDefiningOp<DestinationStyleOpInterface>())
      value = style.getTiedOpOperand(cast<OpResult>(value))->get();
    if (auto empty = value.getDefiningOp<tensor::EmptyOp>())
      if (empty.getType().isDynamicDim(d))
        return empty.getDynamicSize(d);
    return tensor::DimOp::create(b, loop->getLoc(), value, d);
  }

  /// A loop carries tensors of one size.
  void requireSizes(Value value, Value memory, unsigned i) {
    auto type = cast<RankedTensorType>(value.getType());
    for (int64_t d = 0; d < type.getRank(); ++d) {
      if (!type.isDynamicDim(d))
        continue;
      Location loc = loop->getLoc();
      Value found = sizeOf(value, d), expected = sizeOf(memory, d);
      Value same = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                         found, expected);
      std::string text = "dimension " + std::to_string(d) + " of result " +
                         std::to_string(i) + " of " + placedName(loop) +
                         " is {0} after a step and {1} before";
      RequireOp::create(b, loc, same, b.getStringAttr(text),
                        ValueRange{found, expected});
    }
  }

  Operation *loop;
  Block *body;
  Block::BlockArgListType memory;
  MutableArrayRef<OpOperand> yielded;
  OpBuilder b;
};

/// Whether each tensor that one block of the loop hands to the other has one of
/// its type at its place among those that the other hands back.
bool isAligned(scf::WhileOp loop) {
  auto before = loop.getBeforeArguments(), after = loop.getAfterArguments();
  auto at = [](Block::BlockArgListType arguments, size_t i) {
    return i < arguments.size() ? arguments[i].getType() : Type();
  };
  for (size_t i = 0, e = std::max(before.size(), after.size()); i < e; ++i) {
    Type own = at(before, i), other = at(after, i);
    if (own != other && (isa_and_nonnull<TensorType>(own) ||
                         isa_and_nonnull<TensorType>(other)))
      return false;
  }
  return true;
}

/// A loop in whose place both blocks take what is carried and then what is
/// handed on, which has memory of its own.
FailureOr<scf::WhileOp> align(scf::WhileOp loop) {
  OpBuilder b(loop);
  Location loc = loop.getLoc();
  scf::ConditionOp condition = loop.getConditionOp();
  scf::YieldOp yield = loop.getYieldOp();
  unsigned carried = loop.getInits().size();
  // Tensors first: their places in both blocks are the same.
  SmallVector<unsigned> order;
  SmallVector<Value> inits(loop.getInits());
  for (auto [i, value] : llvm::enumerate(condition.getArgs())) {
    auto type = dyn_cast<TensorType>(value.getType());
    if (!type)
      continue;
    if (!type.hasStaticShape()) {
      loop.emitOpError("hands on a tensor of open sizes, ")
          << type << ", as value " << i
          << " of its condition, where it carries none of this type; expected "
             "it among what the loop carries, at the same place";
      return failure();
    }
    order.push_back(i);
    inits.push_back(tensor::EmptyOp::create(b, loc, type.getShape(),
                                            type.getElementType()));
  }
  size_t tensors = order.size();
  for (auto [i, value] : llvm::enumerate(condition.getArgs()))
    if (!isa<TensorType>(value.getType()))
      order.push_back(i);
  SmallVector<Type> types(ValueRange(inits).getTypes());
  for (unsigned i : ArrayRef(order).drop_front(tensors))
    types.push_back(condition.getArgs()[i].getType());
  auto made = scf::WhileOp::create(b, loc, types, inits);
  made.getBefore().takeBody(loop.getBefore());
  made.getAfter().takeBody(loop.getAfter());
  Block &before = made.getBefore().front(), &after = made.getAfter().front();
  SmallVector<Value> handed(before.getArguments());
  for (unsigned i : order)
    handed.push_back(condition.getArgs()[i]);
  for (size_t k = 0; k < tensors; ++k)
    before.addArgument(types[carried + k], loc);
  condition.getArgsMutable().assign(handed);
  // What is handed on lies behind what is carried now.
  unsigned old = after.getNumArguments();
  for (unsigned i = 0; i < carried; ++i)
    after.insertArgument(i, types[i], loc);
  SmallVector<Value> rooms;
  for (auto [k, i] : llvm::enumerate(order)) {
    BlockArgument own = after.addArgument(types[carried + k], loc);
    after.getArgument(carried + i).replaceAllUsesWith(own);
    loop.getResult(i).replaceAllUsesWith(made.getResult(carried + k));
    if (k < tensors)
      rooms.push_back(own);
  }
  after.eraseArguments(carried, old);
  yield.getResultsMutable().append(rooms);
  loop.erase();
  return made;
}

LogicalResult close(scf::WhileOp loop) {
  if (!isAligned(loop)) {
    FailureOr<scf::WhileOp> made = align(loop);
    if (failed(made))
      return failure();
    loop = *made;
  }
  scf::ConditionOp condition = loop.getConditionOp();
  scf::YieldOp yield = loop.getYieldOp();
  MutableArrayRef<OpOperand> handed = condition.getArgsMutable(),
                             yielded = yield.getResultsMutable();
  size_t shared = std::min(handed.size(), yielded.size());
  Closer(condition, loop.getBeforeArguments(), handed.take_front(shared)).run();
  Closer(yield, loop.getAfterArguments(), yielded.take_front(shared)).run();
  return success();
}

struct CloseLoopsPass : public mlir::nm::impl::CloseLoopsBase<CloseLoopsPass> {
  void runOnOperation() override {
    SmallVector<arith::SelectOp> choices;
    getOperation().walk([&](arith::SelectOp op) { choices.push_back(op); });
    llvm::for_each(choices, closeChoice);
    WalkResult done = getOperation().walk([](Operation *op) {
      if (auto loop = dyn_cast<scf::ForOp>(op))
        Closer(loop.getBody()->getTerminator(), loop.getRegionIterArgs(),
               *loop.getYieldedValuesMutable())
            .run();
      else if (auto loop = dyn_cast<scf::WhileOp>(op))
        return WalkResult(close(loop));
      else if (auto branches = dyn_cast<scf::IfOp>(op))
        closeBranches(branches);
      return WalkResult::advance();
    });
    if (done.wasInterrupted())
      signalPassFailure();
  }
};

} // namespace
