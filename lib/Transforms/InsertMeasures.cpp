//===- InsertMeasures.cpp - Time and work of each operation ----------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OperationWork.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "nm/Dialect/Flat/IR/FlatDialect.h"
#include "nm/Dialect/NM/IR/NMDialect.h"
#include "nm/Transforms/Passes.h"

namespace mlir::nm {
#define GEN_PASS_DEF_INSERTMEASURES
#include "nm/Transforms/Passes.h.inc"
} // namespace mlir::nm

using namespace mlir;
using namespace mlir::nm;

/// Several threads run what is inside.
static bool isParallel(Operation *op) {
  return isa<scf::ParallelOp, scf::ForallOp>(op);
}

/// Computes or moves elements.
static bool isWork(Operation *op) {
  if (auto call = dyn_cast<func::CallOp>(op)) {
    auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
        op, call.getCalleeAttr());
    return !callee || callee.isExternal();
  }
  return isa<linalg::LinalgOp, PackedMatmulOp, flat::AttentionOp,
             memref::CopyOp>(op);
}

static bool holdsWork(Operation *root) {
  return root
      ->walk([&](Operation *op) {
        return op != root && isWork(op) ? WalkResult::interrupt()
                                        : WalkResult::advance();
      })
      .wasInterrupted();
}

static StringRef kindOf(linalg::LinalgOp op) {
  if (isa<linalg::FillOp>(op))
    return "fill";
  if (linalg::isaConvolutionOpInterface(op))
    return "convolution";
  if (linalg::isaContractionOpInterface(op))
    return "contraction";
  // Elements of operands in other places.
  if (llvm::hasSingleElement(*op.getBlock()))
    return isa<BlockArgument>(op.getBlock()->getTerminator()->getOperand(0))
               ? "copy"
               : "fill";
  return op.getNumReductionLoops() ? "reduction" : "elementwise";
}

static StringRef kindOf(Operation *op) {
  if (isa<PackedMatmulOp>(op))
    return "product";
  if (isa<flat::AttentionOp>(op))
    return "attention";
  if (isa<memref::CopyOp>(op))
    return "copy";
  if (isa<func::CallOp>(op))
    return "call";
  auto linalg = dyn_cast<linalg::LinalgOp>(op);
  return linalg ? kindOf(linalg) : "loop";
}

static std::string typeText(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

/// Values and indices of a weight; their shapes are those of the layout.
static int64_t storedBytes(PackedMatmulOp op) {
  int64_t bytes = 0;
  for (Value part : op.getStorage()) {
    auto type = cast<MemRefType>(part.getType());
    bytes += type.getNumElements() *
             llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  }
  return bytes;
}

/// Where an operation comes from, with what was fused into its body.
static Location locationOf(Operation *op) {
  SmallVector<Location> places{op->getLoc()};
  op->walk([&](Operation *inner) {
    if (inner != op && !inner->hasTrait<OpTrait::IsTerminator>())
      places.push_back(inner->getLoc());
  });
  return FusedLoc::get(op->getContext(), places);
}

namespace {

struct InsertMeasuresPass
    : public mlir::nm::impl::InsertMeasuresBase<InsertMeasuresPass> {
  using InsertMeasuresBase::InsertMeasuresBase;

  void runOnOperation() override {
    for (auto func : getOperation().getOps<func::FuncOp>()) {
      for (Block &block : func.getBody())
        measure(block);
      measureMemory(func);
    }
    Builder b(&getContext());
    getOperation()->setAttr(kMeasuresAttrName, b.getArrayAttr(measures));
  }

private:
  void measure(Block &block) {
    for (Operation &op : llvm::make_early_inc_range(block)) {
      if (isWork(&op)) {
        measure(&op);
      } else if (!isParallel(&op) && holdsWork(&op)) {
        for (Region &region : op.getRegions())
          for (Block &inner : region)
            measure(inner);
      } else if (isa<LoopLikeOpInterface>(op) && !isMemoryEffectFree(&op)) {
        measure(&op);
      }
    }
  }

  void measure(Operation *op) {
    OpBuilder b(op);
    Location loc = op->getLoc();
    OperationWork work = buildWork(b, op);
    auto id = static_cast<int64_t>(measures.size());
    measures.push_back(describe(op, work.isCounted));
    // Of what is not counted nothing is known to be right.
    auto number = [&](OpFoldResult value) -> Value {
      return getValueOrCreateConstantIndexOp(
          b, loc, work.isCounted ? value : OpFoldResult(b.getIndexAttr(0)));
    };
    Value flops = number(work.flops), read = number(work.read),
          written = number(work.written);
    MeasureBeginOp::create(b, loc, id);
    b.setInsertionPointAfter(op);
    MeasureEndOp::create(b, loc, id, flops, read, written);
    ++numMeasured;
  }

  DictionaryAttr describe(Operation *op, bool isCounted) {
    Builder b(&getContext());
    NamedAttrList fields;
    fields.set("location", LocationAttr(locationOf(op)));
    fields.set("kind", b.getStringAttr(kindOf(op)));
    fields.set("counted", b.getBoolAttr(isCounted));
    if (auto product = dyn_cast<PackedMatmulOp>(op)) {
      std::string pattern;
      llvm::raw_string_ostream(pattern) << product.getSparsity().getN() << ":"
                                        << product.getSparsity().getM();
      fields.set("pattern", b.getStringAttr(pattern));
      fields.set("layout", b.getStringAttr(product.getLayout().getSpecString(
                               product.getSparsity())));
      fields.set("element", b.getStringAttr(typeText(
                                product.getEncodedType().getElementType())));
      fields.set("weight_bytes", b.getI64IntegerAttr(storedBytes(product)));
      fields.set("weights",
                 b.getI64IntegerAttr(product.getRows() * product.getDepth()));
      fields.set("column_flops",
                 b.getI64IntegerAttr(countColumnFlops(product, false)));
      fields.set("dense_column_flops",
                 b.getI64IntegerAttr(countColumnFlops(product, true)));
      if (auto weight = dyn_cast<BlockArgument>(product.getStorage()[0]))
        if (isa<func::FuncOp>(weight.getOwner()->getParentOp()))
          fields.set("weight", b.getI64IntegerAttr(weight.getArgNumber()));
    }
    return fields.getDictionary(&getContext());
  }

  static bool isInParallel(Operation *op) {
    for (Operation *parent = op->getParentOp(); parent;
         parent = parent->getParentOp())
      if (isParallel(parent))
        return true;
    return false;
  }

  void measureMemory(func::FuncOp func) {
    SmallVector<memref::AllocOp> allocs;
    SmallVector<memref::DeallocOp> deallocs;
    func.walk([&](Operation *op) {
      if (isInParallel(op))
        return;
      if (auto alloc = dyn_cast<memref::AllocOp>(op))
        allocs.push_back(alloc);
      else if (auto dealloc = dyn_cast<memref::DeallocOp>(op))
        deallocs.push_back(dealloc);
    });
    for (memref::AllocOp alloc : allocs) {
      OpBuilder b(alloc);
      b.setInsertionPointAfter(alloc);
      change(b, alloc, 1);
    }
    for (memref::DeallocOp dealloc : deallocs) {
      Value root = dealloc.getMemref();
      while (auto view = root.getDefiningOp<ViewLikeOpInterface>())
        root = view.getViewSource();
      OpBuilder b(dealloc);
      if (auto alloc = root.getDefiningOp<memref::AllocOp>())
        change(b, alloc, -1);
    }
  }

  static void change(OpBuilder &b, memref::AllocOp alloc, int64_t sign) {
    Location loc = alloc.getLoc();
    OpFoldResult bytes = buildBytes(b, loc, alloc);
    bytes = buildProduct(b, loc, bytes, b.getIndexAttr(sign));
    MeasureMemoryOp::create(b, loc,
                            getValueOrCreateConstantIndexOp(b, loc, bytes));
  }

  SmallVector<Attribute> measures;
};

} // namespace
