//===- TileAttention.cpp - Loops around tiles of attention -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/TileUsingInterface.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "nm/Dialect/Flat/IR/FlatDialect.h"
#include "nm/Dialect/Flat/Transforms/Passes.h"

namespace mlir::flat {
#define GEN_PASS_DEF_TILEATTENTION
#include "nm/Dialect/Flat/Transforms/Passes.h.inc"
} // namespace mlir::flat

using namespace mlir;
using namespace mlir::flat;

namespace {

struct TileAttentionPass
    : public mlir::flat::impl::TileAttentionBase<TileAttentionPass> {
  using TileAttentionBase::TileAttentionBase;

  void runOnOperation() override {
    if (batch < 0 || heads < 0 || rows < 0) {
      emitError(getOperation().getLoc(),
                "flat-tile: tile sizes must be positive, or 0 for no loop");
      return signalPassFailure();
    }
    SmallVector<AttentionOp> ops;
    getOperation().walk([&](AttentionOp op) { ops.push_back(op); });
    IRRewriter rewriter(&getContext());
    for (AttentionOp op : ops)
      if (failed(tile(op, rewriter)))
        return signalPassFailure();
  }

private:
  LogicalResult tile(AttentionOp op, IRRewriter &rewriter) {
    SmallVector<int64_t> sizes = getSizes(op);
    if (llvm::all_of(sizes, [](int64_t size) { return size == 0; }))
      return success();
    scf::SCFTilingOptions options;
    options.setTileSizes(getAsIndexOpFoldResult(&getContext(), sizes));
    rewriter.setInsertionPoint(op);
    FailureOr<scf::SCFTilingResult> result = scf::tileUsingSCF(
        rewriter, cast<TilingInterface>(op.getOperation()), options);
    if (failed(result))
      return op.emitOpError("could not be tiled by ")
             << sizes << " (batch, heads, rows)";
    // The dataflow was about the whole.
    for (Operation *tiled : result->tiledOps)
      cast<AttentionOp>(tiled).removeDataflowAttr();
    if (op.getResult())
      rewriter.replaceOp(op, result->replacements);
    else
      rewriter.eraseOp(op);
    return success();
  }

  /// From the options; without any, from the op's dataflow.
  SmallVector<int64_t> getSizes(AttentionOp op) {
    if (batch != 0 || heads != 0 || rows != 0)
      return {batch, heads, rows};
    DataflowAttr dataflow = op.getDataflowAttr();
    if (!dataflow)
      return {0, 0, 0};
    switch (dataflow.getGranularity()) {
    case Granularity::Batch:
      return {0, 0, 0};
    case Granularity::Sample:
      return {1, 0, 0};
    case Granularity::Head:
      return {1, 1, 0};
    case Granularity::Row:
      return {1, 1, dataflow.getRows()};
    }
    llvm_unreachable("unknown granularity");
  }
};

} // namespace
