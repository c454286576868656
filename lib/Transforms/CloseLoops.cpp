//===- CloseLoops.cpp - What a loop yields in what it carries -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

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

/// The operand in whose memory a result is written, or that it is a view of;
/// null if there is none.
OpOperand *memoryOf(OpResult result) {
  Operation *op = result.getOwner();
  if (auto style = dyn_cast<DestinationStyleOpInterface>(op))
    return style.getTiedOpOperand(result);
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return loop.getTiedLoopInit(result);
  if (isa<tensor::CastOp, tensor::CollapseShapeOp, tensor::ExpandShapeOp,
          tensor::ExtractSliceOp>(op))
    return &op->getOpOperand(0);
  return nullptr;
}

/// Whether `use` is the only one of its value at or behind its operation.
bool isLastUse(OpOperand &use) {
  Operation *op = use.getOwner();
  return llvm::all_of(use.get().getUses(), [&](OpOperand &other) {
    Operation *user = op->getBlock()->findAncestorOpInBlock(*other.getOwner());
    return &other == &use || !user || (user != op && user->isBeforeInBlock(op));
  });
}

/// One loop.
class Closer {
public:
  explicit Closer(scf::ForOp loop)
      : loop(loop), yield(cast<scf::YieldOp>(loop.getBody()->getTerminator())),
        b(yield) {}

  void run() {
    SmallVector<unsigned> copied;
    for (unsigned i = 0; i < yield->getNumOperands(); ++i)
      if (isa<RankedTensorType>(yield.getOperand(i).getType()) && !isCarried(i))
        copied.push_back(i);
    SmallPtrSet<Value, 4> overwritten;
    for (unsigned i : copied)
      overwritten.insert(loop.getRegionIterArg(i));
    // Memory that is about to change is read before.
    for (unsigned i : copied) {
      OpOperand &use = yield->getOpOperand(i);
      Value root = rootOf(use.get());
      if (root != loop.getRegionIterArg(i) &&
          (overwritten.contains(root) || isChosen(root)))
        replaceByCopy(use);
    }
    for (unsigned i : copied) {
      OpOperand &use = yield->getOpOperand(i);
      BlockArgument memory = loop.getRegionIterArg(i);
      requireSizes(use.get(), memory, i);
      use.set(bufferization::MaterializeInDestinationOp::create(
                  b, loop.getLoc(), use.get(), memory)
                  .getResult());
    }
  }

private:
  /// Whether what is yielded is in the memory carried, and nobody needs what
  /// was there: no analysis will find otherwise.
  bool isCarried(unsigned i) {
    Value value = yield.getOperand(i);
    while (value != loop.getRegionIterArg(i)) {
      auto result = dyn_cast<OpResult>(value);
      OpOperand *memory = result ? memoryOf(result) : nullptr;
      if (!memory || result.getOwner()->getBlock() != loop.getBody() ||
          isa<tensor::ExtractSliceOp>(result.getOwner()) || !isLastUse(*memory))
        return false;
      value = memory->get();
    }
    return true;
  }

  static Value rootOf(Value value) {
    while (auto result = dyn_cast<OpResult>(value)) {
      OpOperand *memory = memoryOf(result);
      if (!memory)
        break;
      value = memory->get();
    }
    return value;
  }

  /// Whether the memory may be that of one of several tensors: by a choice, or
  /// by whatever has regions or is called.
  static bool isChosen(Value root) {
    Operation *op = root.getDefiningOp();
    return op && !isa<DestinationStyleOpInterface>(op) &&
           (op->getNumRegions() != 0 ||
            llvm::any_of(op->getOperandTypes(), llvm::IsaPred<TensorType>));
  }

  /// A choice between tensors, whose memory is that of all of them to the
  /// analysis, becomes one between their copies.
  Value copyOf(Value value) {
    auto copy = [&](OpBuilder &at, Value tensor) -> Value {
      auto type = cast<RankedTensorType>(tensor.getType());
      return bufferization::AllocTensorOp::create(at, loop.getLoc(), type,
                                                  ValueRange(), tensor);
    };
    auto select = value.getDefiningOp<arith::SelectOp>();
    if (!select)
      return copy(b, value);
    auto yieldCopy = [&](Value tensor) {
      return [=](OpBuilder &at, Location loc) {
        scf::YieldOp::create(at, loc, copy(at, tensor));
      };
    };
    Value chosen = scf::IfOp::create(b, loop.getLoc(), select.getCondition(),
                                     yieldCopy(select.getTrueValue()),
                                     yieldCopy(select.getFalseValue()))
                       .getResult(0);
    return chosen;
  }
  void replaceByCopy(OpOperand &use) {
    Operation *def = use.get().getDefiningOp();
    use.set(copyOf(use.get()));
    if (def && isOpTriviallyDead(def))
      def->erase();
  }

  /// A size that stays where an empty tensor's place is taken by another one.
  Value sizeOf(Value value, int64_t d) {
    while (auto style = value.getDefiningOp<DestinationStyleOpInterface>())
      value = style.getTiedOpOperand(cast<OpResult>(value))->get();
    if (auto empty = value.getDefiningOp<tensor::EmptyOp>())
      if (empty.getType().isDynamicDim(d))
        return empty.getDynamicSize(d);
    return tensor::DimOp::create(b, loop.getLoc(), value, d);
  }

  /// A loop carries tensors of one size.
  void requireSizes(Value value, Value memory, unsigned i) {
    auto type = cast<RankedTensorType>(value.getType());
    for (int64_t d = 0; d < type.getRank(); ++d) {
      if (!type.isDynamicDim(d))
        continue;
      Location loc = loop.getLoc();
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

  scf::ForOp loop;
  scf::YieldOp yield;
  OpBuilder b;
};

struct CloseLoopsPass : public mlir::nm::impl::CloseLoopsBase<CloseLoopsPass> {
  void runOnOperation() override {
    getOperation().walk([](scf::ForOp loop) { Closer(loop).run(); });
  }
};

} // namespace
