//===- LowerToCPU.cpp - From schedulers to functions -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SchedulerEmitter.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/IR/Remarks.h"
#include "nm/Dialect/Pifo/Transforms/Passes.h"

namespace mlir::pifo {
#define GEN_PASS_DEF_LOWERTOCPU
#include "nm/Dialect/Pifo/Transforms/Passes.h.inc"
} // namespace mlir::pifo

using namespace mlir;
using namespace mlir::pifo;

static StringRef describe(const NodeLayout &node) {
  if (node.hasLanes())
    return "a queue for each child";
  switch (node.container) {
  case Container::Word:
    return "one word";
  case Container::Bitmap:
    return "bitmap hierarchy";
  case Container::Ring:
    return "bitmap hierarchy over a window, and a heap";
  case Container::Ends:
    return "heap with both ends";
  case Container::Heap:
    return "heap";
  case Container::List:
    return "sorted list";
  case Container::None:
    return "none: each child is asked";
  case Container::Flows:
    return "all packets are compared";
  case Container::Fifos:
    return "queues that come near the order";
  }
  return "";
}

/// `@calloc`, `@free`, and `@madvise` for large pages, unless the module
/// declares them.
static LogicalResult declareAllocation(ModuleOp module, bool hugePages) {
  OpBuilder b = OpBuilder::atBlockBegin(module.getBody());
  Type ptr = LLVM::LLVMPointerType::get(b.getContext()), i64 = b.getI64Type();
  SmallVector<std::pair<StringRef, FunctionType>> functions{
      {"calloc", b.getFunctionType({i64, i64}, ptr)},
      {"free", b.getFunctionType(ptr, {})}};
  if (hugePages)
    functions.push_back(
        {"madvise",
         b.getFunctionType({ptr, i64, b.getI32Type()}, b.getI32Type())});
  for (auto [name, type] : functions) {
    if (Operation *present = module.lookupSymbol(name)) {
      auto function = dyn_cast<func::FuncOp>(present);
      if (function && function.getFunctionType() == type)
        continue;
      return present->emitError("has the name '@")
             << name << "', but not the type " << type
             << " that compiled schedulers need";
    }
    func::FuncOp::create(b, module.getLoc(), name, type).setPrivate();
  }
  return success();
}

namespace {

struct LowerToCPUPass : public pifo::impl::LowerToCPUBase<LowerToCPUPass> {
  using LowerToCPUBase::LowerToCPUBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto choice = ContainerChoice::parse(container);
    if (!choice) {
      emitError(module.getLoc()) << llvm::toString(choice.takeError());
      return signalPassFailure();
    }
    auto schedulers = llvm::to_vector(module.getOps<SchedulerOp>());
    if (schedulers.empty())
      return;
    if (failed(declareAllocation(module, hugePages)) ||
        failed(addSharedFunctions(module)))
      return signalPassFailure();
    for (SchedulerOp scheduler : schedulers)
      if (failed(lower(scheduler, *choice)))
        return signalPassFailure();
  }

private:
  /// Names that the header of a scheduler promises must be free.
  LogicalResult checkNames(SchedulerOp scheduler) {
    for (StringRef suffix :
         {"_create", "_destroy", "_enqueue", "_dequeue", "_release",
          "_next_release", "_size", "_peek", "_dropped", "_class",
          "_enqueue_batch", "_dequeue_batch", "_pass", "_change", "_counters",
          "_disorder"}) {
      std::string name = (scheduler.getSymName() + suffix).str();
      if (Operation *present = getOperation().lookupSymbol(name))
        return present->emitError("has the name '@")
               << name << "', which the scheduler '@" << scheduler.getSymName()
               << "' needs; expected another";
    }
    return success();
  }

  /// What has only queues in order of arrival cannot do.
  LogicalResult checkNear(SchedulerOp scheduler,
                          const ContainerChoice &choice) {
    if (!choice.approximation)
      return success();
    auto refuse = [&](const llvm::Twine &why) {
      return scheduler.emitError("cannot have the container '")
             << container << "': " << why;
    };
    if (scheduler.getPushOut())
      return refuse("queues have no last element by rank to push out; expected "
                    "a scheduler that refuses when it is full");
    bool waits = false;
    scheduler.walk([&](EligibleOp) { waits = true; });
    if (waits)
      return refuse("packets wait for times in it; expected a scheduler "
                    "without pifo.eligible");
    if (scheduler.keepsFlowsInOrder())
      return refuse("its queues keep no flow in order; expected a scheduler "
                    "without pifo.in_order");
    if (choice.approximation->admits() && !scheduler.getRoot().isLeaf())
      return refuse("it refuses packets by their ranks, which a node of a tree "
                    "cannot; expected a scheduler of one node, or sp-pifo");
    return success();
  }

  LogicalResult lower(SchedulerOp scheduler, const ContainerChoice &choice) {
    if (failed(checkNames(scheduler)) || failed(checkNear(scheduler, choice)))
      return failure();
    SchedulerLayout layout(scheduler, choice, counters);
    for (const NodeLayout &node : layout.nodes) {
      NodeOp op = node.op;
      remark::analysis(
          op.getLoc(),
          remark::RemarkOpts::name("Container").category("pifo-container"))
          << remark::metric("Node", op.getSymName())
          << remark::metric("Container", describe(node))
          << remark::metric("Bits", op.getRankWidth());
    }
    OpBuilder builder(scheduler);
    SchedulerEmitter(layout, builder, hugePages).emitAll();
    scheduler.erase();
    return success();
  }
};

} // namespace
