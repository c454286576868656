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

static StringRef describe(Container container) {
  switch (container) {
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
    if (container != "auto" && container != "heap" && container != "list") {
      emitError(module.getLoc(), "unknown container '")
          << container << "', expected auto, heap or list";
      return signalPassFailure();
    }
    auto schedulers = llvm::to_vector(module.getOps<SchedulerOp>());
    if (schedulers.empty())
      return;
    if (failed(declareAllocation(module, hugePages)) ||
        failed(addSharedFunctions(module)))
      return signalPassFailure();
    for (SchedulerOp scheduler : schedulers)
      if (failed(lower(scheduler)))
        return signalPassFailure();
  }

private:
  /// Names that the header of a scheduler promises must be free.
  LogicalResult checkNames(SchedulerOp scheduler) {
    for (StringRef suffix :
         {"_create", "_destroy", "_enqueue", "_dequeue", "_release",
          "_next_release", "_size", "_peek", "_dropped", "_class",
          "_enqueue_batch", "_dequeue_batch", "_change", "_counters"}) {
      std::string name = (scheduler.getSymName() + suffix).str();
      if (Operation *present = getOperation().lookupSymbol(name))
        return present->emitError("has the name '@")
               << name << "', which the scheduler '@" << scheduler.getSymName()
               << "' needs; expected another";
    }
    return success();
  }

  LogicalResult lower(SchedulerOp scheduler) {
    if (failed(checkNames(scheduler)))
      return failure();
    SchedulerLayout layout(
        scheduler, container == "list" ? Container::List : Container::Heap,
        container != "auto", counters);
    for (const NodeLayout &node : layout.nodes) {
      NodeOp op = node.op;
      remark::analysis(
          op.getLoc(),
          remark::RemarkOpts::name("Container").category("pifo-container"))
          << remark::metric("Node", op.getSymName())
          << remark::metric("Container", describe(node.container))
          << remark::metric("Bits", op.getRankWidth());
    }
    OpBuilder builder(scheduler);
    SchedulerEmitter(layout, builder, hugePages).emitAll();
    scheduler.erase();
    return success();
  }
};

} // namespace
