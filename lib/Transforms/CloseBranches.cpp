//===- CloseBranches.cpp - What branches yield, in one memory -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CloseBranches.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace mlir::nm;

OpOperand *mlir::nm::memoryOf(OpResult result) {
  Operation *op = result.getOwner();
  if (auto style = dyn_cast<DestinationStyleOpInterface>(op))
    return style.getTiedOpOperand(result);
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return loop.getTiedLoopInit(result);
  if (auto loop = dyn_cast<scf::WhileOp>(op)) // inner ones are closed already
    return &loop.getInitsMutable()[result.getResultNumber()];
  if (isa<tensor::CastOp, tensor::CollapseShapeOp, tensor::ExpandShapeOp,
          tensor::ExtractSliceOp>(op))
    return &op->getOpOperand(0);
  return nullptr;
}

Value mlir::nm::memoryRootOf(Value value) {
  while (auto result = dyn_cast<OpResult>(value)) {
    if (auto branch = dyn_cast<scf::IfOp>(result.getOwner())) {
      unsigned i = result.getResultNumber();
      Value yes = memoryRootOf(branch.thenYield().getOperand(i)),
            no = memoryRootOf(branch.elseYield().getOperand(i));
      if (yes != no)
        break;
      value = yes;
      continue;
    }
    OpOperand *memory = memoryOf(result);
    if (!memory)
      break;
    value = memory->get();
  }
  return value;
}

namespace {

/// Sizes of tensors of the branches, computed before these.
class SizesBefore {
public:
  explicit SizesBefore(scf::IfOp op) : op(op), b(op) {}

  /// Null where the branch computes it from data.
  Value sizeOf(Value tensor, int64_t d) {
    auto type = cast<RankedTensorType>(tensor.getType());
    if (!type.isDynamicDim(d))
      return arith::ConstantIndexOp::create(b, op.getLoc(), type.getDimSize(d));
    auto [slot, isNew] = sizes.try_emplace({tensor, d}, Value());
    if (!isNew)
      return slot->second;
    Value size = findSize(tensor, d);
    return sizes[{tensor, d}] = size;
  }

private:
  bool isInside(Value value) const {
    return op->isAncestor(value.getParentRegion()->getParentOp());
  }

  Value findSize(Value tensor, int64_t d) {
    if (!isInside(tensor))
      return tensor::DimOp::create(b, op.getLoc(), tensor, d);
    auto result = dyn_cast<OpResult>(tensor);
    if (!result)
      return {};
    Operation *def = result.getOwner();
    if (isa<DestinationStyleOpInterface, scf::ForOp, scf::WhileOp>(def)) {
      OpOperand *memory = memoryOf(result);
      return memory ? sizeOf(memory->get(), d) : Value();
    }
    if (auto cast = dyn_cast<tensor::CastOp>(def))
      return sizeOf(cast.getSource(), d);
    if (auto inner = dyn_cast<scf::IfOp>(def)) {
      Value root = memoryRootOf(tensor);
      return root == tensor || root.getType() != tensor.getType()
                 ? Value()
                 : sizeOf(root, d);
    }
    ReifiedRankedShapedTypeDims shapes;
    OpBuilder behind(def);
    behind.setInsertionPointAfter(def);
    if (failed(reifyResultShapes(behind, def, shapes)))
      return {};
    OpFoldResult size = shapes[result.getResultNumber()][d];
    if (std::optional<int64_t> known = getConstantIntValue(size))
      return arith::ConstantIndexOp::create(b, op.getLoc(), *known);
    return compute(cast<Value>(size));
  }

  Value compute(Value value) {
    if (!isInside(value))
      return value;
    if (Value known = copies.lookupOrNull(value))
      return known;
    Operation *def = value.getDefiningOp();
    if (auto dim = dyn_cast_or_null<tensor::DimOp>(def)) {
      std::optional<int64_t> d = dim.getConstantIndex();
      return d && isa<RankedTensorType>(dim.getSource().getType())
                 ? sizeOf(dim.getSource(), *d)
                 : Value();
    }
    // Of what the branch alone makes sure of nothing may fail here: an element
    // of a tensor need not be there.
    if (!def || def->getNumRegions() != 0 || !isPure(def) ||
        llvm::any_of(def->getOperandTypes(), llvm::IsaPred<ShapedType>))
      return {};
    for (Value operand : def->getOperands()) {
      Value own = compute(operand);
      if (!own)
        return {};
      copies.map(operand, own);
    }
    b.clone(*def, copies);
    return copies.lookup(value);
  }

  scf::IfOp op;
  OpBuilder b;
  llvm::DenseMap<std::pair<Value, int64_t>, Value> sizes;
  IRMapping copies;
};

/// Memory for a result, where its sizes are known before the branches.
Value makeRoom(scf::IfOp op, unsigned i, SizesBefore &sizes) {
  auto type = cast<RankedTensorType>(op.getResult(i).getType());
  OpBuilder b(op);
  SmallVector<Value> dynamic;
  for (int64_t d = 0; d < type.getRank(); ++d) {
    if (!type.isDynamicDim(d))
      continue;
    Value yes = sizes.sizeOf(op.thenYield().getOperand(i), d),
          no = sizes.sizeOf(op.elseYield().getOperand(i), d);
    if (!yes || !no)
      return {};
    dynamic.push_back(b.createOrFold<arith::SelectOp>(
        op.getLoc(), op.getCondition(), yes, no));
  }
  return bufferization::AllocTensorOp::create(b, op.getLoc(), type, dynamic);
}

/// Lets branches inside that yield `value` to the branches around them, and to
/// nobody else, write to `room` at once.
bool takeRoom(scf::IfOp op, Value value, Value room) {
  auto inner = value.getDefiningOp<scf::IfOp>();
  auto own = memoryRootOf(value).getDefiningOp<bufferization::AllocTensorOp>();
  if (!inner || !own || !op->isProperAncestor(own) || own.getCopy() ||
      !value.hasOneUse() || own.getType() != room.getType() ||
      !llvm::all_of(own->getUsers(), [](Operation *user) {
        return isa<bufferization::MaterializeInDestinationOp>(user);
      }))
    return false;
  own.replaceAllUsesWith(room);
  own.erase();
  return true;
}

} // namespace

void mlir::nm::closeBranches(scf::IfOp op) {
  SizesBefore sizes(op);
  for (unsigned i = 0; i < op.getNumResults(); ++i) {
    Value result = op.getResult(i);
    if (!isa<RankedTensorType>(result.getType()))
      continue;
    scf::YieldOp yields[] = {op.thenYield(), op.elseYield()};
    // A tensor that one branch changes and the other leaves has memory; an
    // empty one that both write to is as many as there are writers.
    Value root = memoryRootOf(result);
    if (root != result && !root.getDefiningOp<tensor::EmptyOp>() &&
        !op->isAncestor(root.getParentRegion()->getParentOp()))
      continue;
    Value room = makeRoom(op, i, sizes);
    if (!room)
      continue;
    for (scf::YieldOp yield : yields) {
      if (takeRoom(op, yield.getOperand(i), room))
        continue;
      OpBuilder b(yield);
      yield->setOperand(i, bufferization::MaterializeInDestinationOp::create(
                               b, op.getLoc(), yield.getOperand(i), room)
                               .getResult());
    }
  }
}

void mlir::nm::closeChoice(arith::SelectOp op) {
  if (!isa<RankedTensorType>(op.getType()))
    return;
  auto yield = [](Value value) {
    return [=](OpBuilder &b, Location loc) {
      scf::YieldOp::create(b, loc, value);
    };
  };
  OpBuilder b(op);
  auto branches =
      scf::IfOp::create(b, op.getLoc(), op.getCondition(),
                        yield(op.getTrueValue()), yield(op.getFalseValue()));
  closeBranches(branches);
  op.replaceAllUsesWith(branches.getResult(0));
  op.erase();
}
