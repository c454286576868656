//===- BindArguments.cpp - Arguments become checkpoint parameters -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/SymbolTable.h"
#include "nm/Dialect/NM/IR/NMDialect.h"
#include "nm/Dialect/NM/Transforms/Passes.h"

namespace mlir::nm {
#define GEN_PASS_DEF_BINDARGUMENTS
#include "nm/Dialect/NM/Transforms/Passes.h.inc"
} // namespace mlir::nm

using namespace mlir;
using namespace mlir::nm;

namespace {

struct BindArgumentsPass
    : public nm::impl::BindArgumentsBase<BindArgumentsPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SymbolTableCollection tables;
    SymbolUserMap users(tables, module);
    for (auto func : module.getOps<func::FuncOp>())
      if (failed(bind(func, users)))
        return signalPassFailure();
  }

private:
  LogicalResult bind(func::FuncOp func, const SymbolUserMap &users) {
    OpBuilder builder(&getContext());
    BitVector bound(func.getNumArguments());
    for (unsigned i = 0; i < func.getNumArguments(); ++i) {
      Attribute attribute = func.getArgAttr(i, kBoundKeyAttrName);
      if (!attribute)
        continue;
      auto key = dyn_cast<StringAttr>(attribute);
      if (!key || key.empty())
        return func.emitOpError()
               << "argument " << i << " has '" << kBoundKeyAttrName
               << "' = " << attribute << ", expected a key that is not empty";
      Attribute scopeAttribute = func.getArgAttr(i, kBoundScopeAttrName);
      auto scope = dyn_cast_or_null<StringAttr>(scopeAttribute);
      if (scopeAttribute && !scope)
        return func.emitOpError()
               << "argument " << i << " has '" << kBoundScopeAttrName
               << "' = " << scopeAttribute << ", expected a string";
      auto type = dyn_cast<RankedTensorType>(func.getArgumentTypes()[i]);
      if (!type || !type.hasStaticShape())
        return func.emitOpError()
               << "argument " << i << ", bound to key '" << key.getValue()
               << "', has type " << func.getArgumentTypes()[i]
               << ", expected a tensor of static shape";
      if (func.isExternal())
        return func.emitOpError()
               << "argument " << i << " is bound to key '" << key.getValue()
               << "', but there is no body";
      builder.setInsertionPointToStart(&func.front());
      BlockArgument argument = func.getArgument(i);
      Value param =
          ParamOp::create(builder, argument.getLoc(), type, key, scope);
      argument.replaceAllUsesWith(param);
      bound.set(i);
    }
    if (bound.none())
      return success();
    for (Operation *user : users.getUsers(func)) {
      auto call = dyn_cast<func::CallOp>(user);
      if (!call) {
        InFlightDiagnostic diag =
            func.emitOpError()
            << "has arguments that are bound to checkpoint keys, expected to "
               "be used by calls alone";
        diag.attachNote(user->getLoc()) << "another use";
        return diag;
      }
      call->eraseOperands(bound);
    }
    return func.eraseArguments(bound);
  }
};

} // namespace
