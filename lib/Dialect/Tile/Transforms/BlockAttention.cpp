//===- BlockAttention.cpp - The pass tile-block-attention ------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionBlocker.h"
#include "Machine.h"
#include "mlir/IR/Remarks.h"
#include "nm/Dialect/Tile/Transforms/Passes.h"
#include "nm/Support/Result.h"

namespace mlir::tiles {
#define GEN_PASS_DEF_BLOCKATTENTION
#include "nm/Dialect/Tile/Transforms/Passes.h.inc"
} // namespace mlir::tiles

using namespace mlir;
using namespace mlir::tiles;
namespace model = ::nm::model;

namespace {

struct BlockAttentionPass
    : tiles::impl::BlockAttentionBase<BlockAttentionPass> {
  using BlockAttentionBase::BlockAttentionBase;
  BlockAttentionPass() = default;
  explicit BlockAttentionPass(const model::Device &machine)
      : machine(machine) {}

  void runOnOperation() override {
    attacc::ProgramOp program = getOperation();
    SmallVector<AttentionOp> all(program.getOps<AttentionOp>());
    if (all.empty())
      return;
    if (failed(findMachine(machine, program, device, getArgument())))
      return signalPassFailure();
    for (auto [serial, op] : llvm::enumerate(all))
      if (failed(run(op, program.getDevice().getScratchpad(), serial)))
        return signalPassFailure();
  }

private:
  LogicalResult run(AttentionOp op, int64_t capacity, int64_t serial) {
    AttentionFacts facts = factsOf(op);
    ::nm::support::Result<AttentionPlan> plan =
        planAttention(*machine, facts, capacity);
    if (!plan)
      return emitError(op.getLoc(), "cannot be lowered to ")
             << machine->name << ": " << plan.error().message;
    const model::AttentionLayout &layout = plan->layout;
    remark::passed(op.getLoc(), remark::RemarkOpts::name("Blocked").category(
                                    "tile-block-attention"))
        << remark::add("{0}", model::toString(facts.flow))
        << remark::metric("Strip", layout.strip)
        << remark::metric("Chunk", layout.chunk)
        << remark::metric("Part", layout.partRows);
    AttentionBlocker(op, facts, *plan, serial).run();
    return success();
  }

  std::optional<model::Device> machine;
};

} // namespace

std::unique_ptr<Pass> tiles::createBlockAttention(const model::Device &device) {
  return std::make_unique<BlockAttentionPass>(device);
}
