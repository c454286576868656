//===- ResolveGlobals.cpp - ml_program globals become values -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/SymbolTable.h"
#include "nm/Dialect/NM/IR/NMDialect.h"
#include "nm/Dialect/NM/Transforms/Passes.h"

namespace mlir::nm {
#define GEN_PASS_DEF_RESOLVEGLOBALS
#include "nm/Dialect/NM/Transforms/Passes.h.inc"
} // namespace mlir::nm

using namespace mlir;
using namespace mlir::nm;

namespace {

struct ResolveGlobalsPass
    : public nm::impl::ResolveGlobalsBase<ResolveGlobalsPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SymbolTableCollection tables;
    SymbolUserMap users(tables, module);
    IRRewriter rewriter(&getContext());
    auto globals = module.getOps<ml_program::GlobalOp>();
    for (ml_program::GlobalOp global : llvm::make_early_inc_range(globals)) {
      for (Operation *user : users.getUsers(global))
        if (failed(resolve(global, user, rewriter)))
          return signalPassFailure();
      rewriter.eraseOp(global);
    }
  }

private:
  LogicalResult resolve(ml_program::GlobalOp global, Operation *user,
                        IRRewriter &rewriter) {
    if (!isa<ml_program::GlobalLoadOp, ml_program::GlobalLoadConstOp>(user)) {
      InFlightDiagnostic diag =
          user->emitOpError()
          << "keeps state between calls in global '" << global.getSymName()
          << "', expected a function of its arguments alone; pass the state "
             "in as an argument and return it as a result";
      diag.attachNote(global.getLoc()) << "the global";
      return diag;
    }
    Type wanted = user->getResult(0).getType();
    rewriter.setInsertionPoint(user);
    FailureOr<Value> value = getValue(global, user, rewriter);
    if (failed(value))
      return failure();
    // A global may be declared less precisely than its value.
    if (value->getType() != wanted) {
      if (!tensor::CastOp::areCastCompatible(value->getType(), wanted))
        return user->emitOpError()
               << "loads " << wanted << " from global '" << global.getSymName()
               << "', which holds " << value->getType();
      value = tensor::CastOp::create(rewriter, user->getLoc(), wanted, *value)
                  .getResult();
    }
    rewriter.replaceOp(user, *value);
    return success();
  }

  /// The global's initial value: no store to it is left when this is asked.
  FailureOr<Value> getValue(ml_program::GlobalOp global, Operation *user,
                            IRRewriter &rewriter) {
    Attribute initial = global.getValueAttr();
    if (auto external = dyn_cast_or_null<ml_program::ExternAttr>(initial)) {
      auto type = dyn_cast<RankedTensorType>(external.getType());
      if (!type || !type.hasStaticShape())
        return user->emitOpError()
               << "loads external global '" << global.getSymName()
               << "' of type " << external.getType()
               << ", expected a tensor of static shape for a parameter of the "
                  "checkpoint";
      return ParamOp::create(rewriter, user->getLoc(), type,
                             global.getSymNameAttr(), StringAttr())
          .getResult();
    }
    auto typed = dyn_cast_or_null<TypedAttr>(initial);
    if (!typed)
      return user->emitOpError() << "loads global '" << global.getSymName()
                                 << "', which has no initial value";
    Operation *constant = arith::ConstantOp::materialize(
        rewriter, typed, typed.getType(), user->getLoc());
    if (!constant)
      return user->emitOpError()
             << "loads global '" << global.getSymName() << "' of type "
             << typed.getType() << ", expected a number or a tensor of numbers";
    return constant->getResult(0);
  }
};

} // namespace
