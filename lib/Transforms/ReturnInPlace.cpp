//===- ReturnInPlace.cpp - Results in the memory of arguments -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "nm/Dialect/NM/IR/NMDialect.h"
#include "nm/Transforms/Passes.h"

namespace mlir::nm {
#define GEN_PASS_DEF_RETURNINPLACE
#include "nm/Transforms/Passes.h.inc"
} // namespace mlir::nm

using namespace mlir;
using namespace mlir::nm;

/// The name that the user knows an argument by.
static std::string nameOf(func::FuncOp func, unsigned argument) {
  auto name = func.getArgAttrOfType<StringAttr>(argument, "nm.name");
  return name ? name.str() : "arg" + std::to_string(argument);
}

/// The buffer that casts of types lead back to.
static Value origin(Value buffer) {
  while (auto cast = buffer.getDefiningOp<memref::CastOp>())
    buffer = cast.getSource();
  return buffer;
}

/// Checks that the result that `argument` is to hold is in it, and marks it.
static LogicalResult take(func::FuncOp func, unsigned argument,
                          BitVector &taken) {
  auto number = func.getArgAttrOfType<IntegerAttr>(argument, kInPlaceAttrName);
  int64_t result = number ? number.getInt() : -1;
  if (result < 0 || result >= func.getNumResults() || taken.test(result))
    return func.emitError()
           << "'" << kInPlaceAttrName << "' of argument '"
           << nameOf(func, argument) << "' is no number of a result of its own";
  if (func.getNumArguments() && !func.getBody().hasOneBlock())
    return func.emitError() << "expected one block before results are removed";
  Value returned = func.front().getTerminator()->getOperand(result);
  if (origin(returned) != func.getArgument(argument))
    return func.emitError()
           << "result " << result << " of function '" << func.getName()
           << "' cannot be written to the memory of argument '"
           << nameOf(func, argument)
           << "' without a copy: expected the argument with parts replaced, "
              "and nothing that reads the old ones afterwards; drop "
              "--in-place for it";
  // A cache that grows gives how many rows it has instead.
  if (auto rows = func.getArgAttrOfType<IntegerAttr>(argument, kRowsAttrName)) {
    Operation *end = func.front().getTerminator();
    end->setOperand(result, end->getOperand(rows.getInt()));
    result = rows.getInt();
  }
  taken.set(result);
  for (StringRef name : {kInPlaceAttrName, kGrowsAttrName, kRowsAttrName})
    func.removeArgAttr(argument, name);
  return success();
}

namespace {

struct ReturnInPlacePass
    : public nm::impl::ReturnInPlaceBase<ReturnInPlacePass> {
  void runOnOperation() override {
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (failed(update(func)))
        return signalPassFailure();
  }

private:
  LogicalResult update(func::FuncOp func) {
    BitVector taken(func.getNumResults());
    if (func.isExternal())
      return success();
    for (unsigned i = 0; i < func.getNumArguments(); ++i)
      if (func.getArgAttr(i, kInPlaceAttrName) && failed(take(func, i, taken)))
        return failure();
    if (taken.none())
      return success();
    if (!SymbolTable::symbolKnownUseEmpty(func, getOperation()))
      return func.emitError()
             << "function '" << func.getName()
             << "' writes results to arguments and is called in the module; "
                "expected callers from outside alone";
    Operation *end = func.front().getTerminator();
    if (failed(func.eraseResults(taken)))
      return failure();
    end->eraseOperands(taken);
    func.setType(FunctionType::get(func.getContext(), func.getArgumentTypes(),
                                   end->getOperandTypes()));
    return success();
  }
};

} // namespace
