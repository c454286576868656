//===- FuseRows.cpp - The pass tile-fuse-rows ------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BlockRows.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Remarks.h"
#include "nm/Dialect/Tile/Transforms/Passes.h"

namespace mlir::tiles {
#define GEN_PASS_DEF_FUSEROWS
#include "nm/Dialect/Tile/Transforms/Passes.h.inc"
} // namespace mlir::tiles

using namespace mlir;
using namespace mlir::tiles;

namespace {

struct FuseRowsPass : tiles::impl::FuseRowsBase<FuseRowsPass> {
  void runOnOperation() override {
    capacity = getOperation().getDevice().getScratchpad();
    SmallVector<RowsOp> operators(getOperation().getOps<RowsOp>());
    RowsOp before;
    for (RowsOp op : operators) {
      RowsOp fused = before ? fuse(before, op) : RowsOp();
      before = fused ? fused : op;
    }
  }

private:
  /// The scratch tensor that `first` writes for `second` alone; null if there
  /// is none.
  static attacc::TensorOp findIntermediate(RowsOp first, RowsOp second);
  /// Fuses both operators and erases them; null if they cannot be fused.
  RowsOp fuse(RowsOp first, RowsOp second);

  int64_t capacity = 0;
};

} // namespace

attacc::TensorOp FuseRowsPass::findIntermediate(RowsOp first, RowsOp second) {
  // The time to analyse a kernel grows faster than its instructions.
  constexpr size_t kMostInstructions = 64;
  auto sizeOf = [](RowsOp op) {
    return op.getBody().front().getOperations().size();
  };
  if (sizeOf(first) + sizeOf(second) > kMostInstructions ||
      first.getOutputs().size() != 1 || first.getRows() != second.getRows() ||
      first->getNextNode() != second)
    return {};
  auto tensor = first.getOutputs()[0].getDefiningOp<attacc::TensorOp>();
  if (tensor.getRole() != attacc::Role::Scratch ||
      !llvm::is_contained(second.getInputs(), tensor.getResult()))
    return {};
  for (OpOperand &use : tensor.getResult().getUses()) {
    bool isWrite = use.getOwner() == first &&
                   use.get() == first.getOutputs()[0] &&
                   use.getOperandNumber() >= first.getInputs().size();
    bool isRead = use.getOwner() == second &&
                  use.getOperandNumber() < second.getInputs().size();
    if (!isWrite && !isRead)
      return {};
  }
  return tensor;
}

RowsOp FuseRowsPass::fuse(RowsOp first, RowsOp second) {
  attacc::TensorOp tensor = findIntermediate(first, second);
  if (!tensor)
    return {};
  OpBuilder b(second);
  SmallVector<Value> inputs(first.getInputs());
  IRMapping map;
  for (Value input : second.getInputs())
    if (input != tensor.getResult())
      inputs.push_back(input);
  Location loc = b.getFusedLoc({first.getLoc(), second.getLoc()});
  auto fused = RowsOp::create(b, loc, "a chain of operators on rows", inputs,
                              second.getOutputs());
  Block &body = fused.getBody().emplaceBlock();
  Block &one = first.getBody().front(), &two = second.getBody().front();
  for (BlockArgument argument : one.getArguments())
    map.map(argument, body.addArgument(argument.getType(), argument.getLoc()));
  b.setInsertionPointToStart(&body);
  for (Operation &op : one.without_terminator())
    b.clone(op, map);
  Value handed = map.lookup(one.getTerminator()->getOperand(0));
  for (auto [input, argument] :
       llvm::zip_equal(second.getInputs(), two.getArguments()))
    map.map(argument,
            input == tensor.getResult()
                ? handed
                : body.addArgument(argument.getType(), argument.getLoc()));
  for (Operation &op : two)
    b.clone(op, map);
  // Fused only if eight slots of a row of every value fit.
  KernelOp trial = buildKernel(fused, 1);
  bool fits =
      KernelStorage(trial).slotsWithin(capacity) == KernelStorage::kMostSlots;
  trial.erase();
  if (!fits) {
    remark::missed(
        second.getLoc(),
        remark::RemarkOpts::name("NotFused").category("tile-fuse-rows"))
        << remark::reason("a row of both does not fit in eight slots");
    fused.erase();
    return {};
  }
  remark::passed(second.getLoc(),
                 remark::RemarkOpts::name("Fused").category("tile-fuse-rows"))
      << remark::metric("BytesSaved", 2 * tensor.getType().getBytes());
  second.erase();
  first.erase();
  tensor.erase();
  return fused;
}
