//===- ForwardDestinations.cpp - Tensors written to tensors -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "nm/Transforms/Passes.h"

namespace mlir::nm {
#define GEN_PASS_DEF_FORWARDDESTINATIONS
#include "nm/Transforms/Passes.h.inc"
} // namespace mlir::nm

using namespace mlir;

namespace {

struct ForwardDestinationsPass
    : public nm::impl::ForwardDestinationsBase<ForwardDestinationsPass> {
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    getOperation().walk([&](bufferization::MaterializeInDestinationOp op) {
      if (!op.getResult())
        return; // to a buffer, which is an effect
      rewriter.setInsertionPoint(op);
      Value value = op.getSource();
      Type wanted = op.getResult().getType();
      if (value.getType() != wanted)
        value = tensor::CastOp::create(rewriter, op.getLoc(), wanted, value);
      rewriter.replaceOp(op, value);
    });
  }
};

} // namespace
