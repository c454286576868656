//===- GenerateKernels.cpp - Loops around the generated micro-kernels -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The loops and the micro-kernel of a product are its layout's
// (Layouts/ProductLayout.h).
//
//===----------------------------------------------------------------------===//

#include "ActivationGroups.h"
#include "Layouts/ProductLayout.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Remarks.h"
#include "nm/Dialect/Kernel/IR/KernelDialect.h"
#include "nm/Dialect/NM/Transforms/Passes.h"
#include "llvm/Support/InterleavedRange.h"

namespace mlir::nm {
#define GEN_PASS_DEF_GENERATEKERNELS
#include "nm/Dialect/NM/Transforms/Passes.h.inc"
} // namespace mlir::nm

using namespace mlir;
using namespace mlir::nm;

namespace {

struct GenerateKernelsPass
    : public mlir::nm::impl::GenerateKernelsBase<GenerateKernelsPass> {
  using GenerateKernelsBase::GenerateKernelsBase;

  void runOnOperation() override {
    SmallVector<PackedMatmulOp> ops;
    getOperation().walk([&](PackedMatmulOp op) { ops.push_back(op); });
    for (auto &group : groupByActivations(ops))
      if (failed(lower(group)))
        return signalPassFailure();
  }

  /// Lowers products that read the same packed activations.
  LogicalResult lower(MutableArrayRef<PackedMatmulOp> group) {
    if (group.size() > 1)
      remark::passed(group.front().getLoc(),
                     remark::RemarkOpts::name("shared-activations")
                         .category("nm-generate-kernels"))
          << "packed once for " << remark::metric("products", group.size());
    Value packed;
    for (PackedMatmulOp op : group) {
      FailureOr<Value> result = lower(op, packed);
      if (failed(result))
        return failure();
      packed = *result;
      if (op == group.back()) {
        OpBuilder builder(op);
        memref::DeallocOp::create(builder, op.getLoc(), packed);
      }
      op.erase();
    }
    return success();
  }

  /// Emits one product in front of `op`. Returns its packed activations, which
  /// are `packed` unless that is null.
  FailureOr<Value> lower(PackedMatmulOp op, Value packed) {
    if (op.getResult())
      return op.emitOpError("is on tensors, expected buffers; run "
                            "one-shot-bufferize before nm-generate-kernels");
    const ProductLayout *layout = findProductLayout(op.getLayout());
    if (!layout) {
      auto names =
          llvm::map_range(productLayouts(), [](const ProductLayout *each) {
            return each->name();
          });
      return op.emitOpError("has layout ")
             << op.getLayout() << ", which only stores, expected one of "
             << llvm::interleaved(names)
             << "; choose one with nm-select-layout";
    }
    if (failed(layout->check(op)))
      return failure();
    return layout->emit(op, packed, {rowBlock, parallel, minParallelFlops});
  }
};

} // namespace
