//===- NormalizeSlices.cpp - Strides of slices that go nowhere -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "nm/Transforms/Passes.h"

namespace mlir::nm {
#define GEN_PASS_DEF_NORMALIZESLICES
#include "nm/Transforms/Passes.h.inc"
} // namespace mlir::nm

using namespace mlir;

namespace {

struct NormalizeSlicesPass
    : public nm::impl::NormalizeSlicesBase<NormalizeSlicesPass> {
  void runOnOperation() override {
    getOperation().walk([](Operation *op) {
      if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op))
        normalize(slice);
      else if (auto insert = dyn_cast<tensor::InsertSliceOp>(op))
        normalize(insert);
    });
  }

private:
  template <typename Slice> static void normalize(Slice op) {
    SmallVector<int64_t> strides(op.getStaticStrides());
    for (auto [size, stride] : llvm::zip(op.getStaticSizes(), strides))
      if (size == 1 && !ShapedType::isDynamic(stride))
        stride = 1;
    op.setStaticStrides(strides);
  }
};

} // namespace
