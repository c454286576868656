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
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Remarks.h"
#include "nm/Dialect/Kernel/IR/KernelDialect.h"
#include "nm/Dialect/NM/Transforms/Passes.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/InterleavedRange.h"

namespace mlir::nm {
#define GEN_PASS_DEF_GENERATEKERNELS
#include "nm/Dialect/NM/Transforms/Passes.h.inc"
} // namespace mlir::nm

using namespace mlir;
using namespace mlir::nm;

namespace {

/// What a product does with a buffer that nobody else sees.
enum class Access { None, Reads, Writes };
Access accessOf(OpOperand &use) {
  auto product = dyn_cast<PackedMatmulOp>(use.getOwner());
  if (!product)
    return Access::None;
  unsigned number = use.getOperandNumber();
  return number == product.getXMutable().getOperandNumber()   ? Access::Reads
         : number == product.getCMutable().getOperandNumber() ? Access::Writes
                                                              : Access::None;
}

/// The product that writes the activations of `group`, if it can write them in
/// the form in which the group reads them and nobody else reads what it writes;
/// null otherwise. The buffer in between may serve others before and after.
PackedMatmulOp findWriter(ArrayRef<PackedMatmulOp> group) {
  PackedMatmulOp reader = group.front(), writer;
  auto buffer = reader.getX().getDefiningOp<memref::AllocOp>();
  if (!buffer)
    return {};
  for (OpOperand &use : buffer->getUses()) {
    Operation *user = use.getOwner();
    if (isa<memref::DeallocOp, memref::DimOp>(user))
      continue;
    Access access = accessOf(use);
    if (access == Access::None || user->getBlock() != reader->getBlock())
      return {};
    if (access == Access::Writes && user->isBeforeInBlock(reader) &&
        (!writer || writer->isBeforeInBlock(user)))
      writer = cast<PackedMatmulOp>(user);
  }
  if (!writer || writer.getX() == writer.getC() ||
      writer.getTransposeC() != reader.getTransposeX() ||
      writer.getAccumulatorType() != reader.getAccumulatorType())
    return {};
  // All that read before someone writes again are of the group.
  Operation *next = nullptr;
  for (OpOperand &use : buffer->getUses())
    if (accessOf(use) == Access::Writes &&
        writer->isBeforeInBlock(use.getOwner()) &&
        (!next || use.getOwner()->isBeforeInBlock(next)))
      next = use.getOwner();
  for (OpOperand &use : buffer->getUses()) {
    Operation *user = use.getOwner();
    bool isLater = accessOf(use) == Access::Reads &&
                   writer->isBeforeInBlock(user) &&
                   (!next || user->isBeforeInBlock(next));
    if (isLater && !llvm::is_contained(group, user))
      return {};
  }
  if (next && next->isBeforeInBlock(group.back()))
    return {};
  const ProductLayout *from = findProductLayout(writer.getLayout()),
                      *to = findProductLayout(reader.getLayout());
  bool isSame = from && to && !from->resultForm(writer).empty() &&
                from->resultForm(writer) == to->activationForm(reader);
  return isSame ? writer : PackedMatmulOp();
}

/// Whether nothing is read or written of it.
bool isUnused(memref::AllocOp buffer) {
  return llvm::all_of(buffer->getUsers(), [](Operation *user) {
    return isa<memref::DeallocOp, memref::DimOp>(user);
  });
}

/// Erases a buffer of which only sizes are asked.
void eraseUnread(memref::AllocOp buffer) {
  OpBuilder builder(buffer);
  for (Operation *user : llvm::make_early_inc_range(buffer->getUsers())) {
    if (auto dim = dyn_cast<memref::DimOp>(user)) {
      builder.setInsertionPoint(dim);
      dim.replaceAllUsesWith(getValueOrCreateConstantIndexOp(
          builder, dim.getLoc(),
          buffer.getMixedSizes()[*dim.getConstantIndex()]));
    }
    user->erase();
  }
  buffer.erase();
}

struct GenerateKernelsPass
    : public mlir::nm::impl::GenerateKernelsBase<GenerateKernelsPass> {
  using GenerateKernelsBase::GenerateKernelsBase;

  void runOnOperation() override {
    SmallVector<PackedMatmulOp> ops;
    getOperation().walk([&](PackedMatmulOp op) { ops.push_back(op); });
    chained.clear();
    llvm::SetVector<memref::AllocOp> between;
    auto groups = groupByActivations(ops);
    for (auto &group : groups)
      if (PackedMatmulOp writer = findWriter(group)) {
        chained[writer] = {group.front(), {}};
        between.insert(writer.getC().getDefiningOp<memref::AllocOp>());
      }
    for (auto &group : groups)
      if (failed(lower(group)))
        return signalPassFailure();
    for (memref::AllocOp buffer : between)
      if (isUnused(buffer))
        eraseUnread(buffer);
  }

  /// Lowers products that read the same packed activations.
  LogicalResult lower(MutableArrayRef<PackedMatmulOp> group) {
    if (group.size() > 1)
      remark::passed(group.front().getLoc(),
                     remark::RemarkOpts::name("shared-activations")
                         .category("nm-generate-kernels"))
          << "packed once for " << remark::metric("products", group.size());
    Value packed;
    for (auto &[writer, chain] : chained)
      if (chain.reader == group.front())
        packed = chain.panels;
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
    ProductPanels panels{packed, {}};
    if (auto chain = chained.find(op); chain != chained.end()) {
      PackedMatmulOp reader = chain->second.reader;
      remark::passed(op.getLoc(), remark::RemarkOpts::name("panels-kept")
                                      .category("nm-generate-kernels"))
          << "results are written as the next product reads them";
      panels.c =
          findProductLayout(reader.getLayout())->allocatePanels(reader, op);
      chain->second.panels = panels.c;
    }
    return layout->emit(op, panels, {rowBlock, parallel, minParallelFlops});
  }

  /// A product whose results are the activations of others and nothing else:
  /// written as those read them, they are neither transposed nor packed.
  struct Chain {
    PackedMatmulOp reader; ///< first of its group
    Value panels;          ///< once the writer is lowered
  };
  llvm::MapVector<Operation *, Chain> chained;
};

} // namespace
