//===- LowerMeasures.cpp - Measures become calls ---------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "nm/Dialect/NM/IR/NMDialect.h"
#include "nm/Transforms/Passes.h"

namespace mlir::nm {
#define GEN_PASS_DEF_LOWERMEASURES
#include "nm/Transforms/Passes.h.inc"
} // namespace mlir::nm

using namespace mlir;
using namespace mlir::nm;

namespace {

struct LowerMeasuresPass
    : public mlir::nm::impl::LowerMeasuresBase<LowerMeasuresPass> {
  using LowerMeasuresBase::LowerMeasuresBase;

  void runOnOperation() override {
    getOperation().walk([&](Operation *op) {
      if (auto begin = dyn_cast<MeasureBeginOp>(op))
        replace(op, "nm_measure_begin", {begin.getIdAttr()});
      else if (auto end = dyn_cast<MeasureEndOp>(op))
        replace(
            op, "nm_measure_end",
            {end.getIdAttr(), end.getFlops(), end.getRead(), end.getWritten()});
      else if (auto memory = dyn_cast<MeasureMemoryOp>(op))
        replace(op, "nm_measure_memory", {memory.getBytes()});
    });
  }

private:
  void replace(Operation *op, StringRef name,
               ArrayRef<OpFoldResult> arguments) {
    OpBuilder b(op);
    Location loc = op->getLoc();
    SmallVector<Value> numbers;
    for (OpFoldResult argument : arguments)
      numbers.push_back(toI64(b, loc, argument));
    LLVM::CallOp::create(b, loc, declare(name, numbers.size()), numbers);
    op->erase();
  }

  static Value toI64(OpBuilder &b, Location loc, OpFoldResult number) {
    if (auto value = dyn_cast<Value>(number))
      return arith::IndexCastOp::create(b, loc, b.getI64Type(), value);
    return arith::ConstantOp::create(
        b, loc, cast<IntegerAttr>(cast<Attribute>(number)));
  }

  LLVM::LLVMFuncOp declare(StringRef name, size_t arguments) {
    ModuleOp module = getOperation();
    if (auto found = module.lookupSymbol<LLVM::LLVMFuncOp>(name))
      return found;
    OpBuilder b = OpBuilder::atBlockBegin(module.getBody());
    SmallVector<Type> types(arguments, b.getI64Type());
    auto type = LLVM::LLVMFunctionType::get(
        LLVM::LLVMVoidType::get(module.getContext()), types);
    return LLVM::LLVMFuncOp::create(b, module.getLoc(), name, type);
  }
};

} // namespace
