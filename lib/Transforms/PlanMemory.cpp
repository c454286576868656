//===- PlanMemory.cpp - The buffers of a call in one arena -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "nm/Transforms/ArenaLayout.h"
#include "nm/Transforms/Passes.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::nm {
#define GEN_PASS_DEF_PLANMEMORY
#include "nm/Transforms/Passes.h.inc"
} // namespace mlir::nm

using namespace mlir;

static constexpr int64_t kAlignment = 64;
/// Larger buffers are left to the allocator, so that no sum overflows.
static constexpr int64_t kMaxBytes = int64_t(1) << 40;

namespace {

/// A buffer that the function allocates and frees itself.
struct Buffer {
  memref::AllocOp alloc;
  memref::DeallocOp dealloc;
  nm::Lifetime lifetime;
};

/// What a buffer's uses say about it.
class UseScan {
public:
  UseScan(Block &block, const llvm::DenseMap<Operation *, int64_t> &places)
      : block(block), places(places) {}

  /// False where it may be known by another name than those of its views.
  bool follow(Value value) {
    return llvm::all_of(value.getUses(), [&](OpOperand &use) {
      Operation *user = use.getOwner();
      if (auto free = dyn_cast<memref::DeallocOp>(user)) {
        bool isOnly = !dealloc && user->getBlock() == &block &&
                      value.getDefiningOp<memref::AllocOp>();
        dealloc = free;
        return isOnly;
      }
      if (isa<memref::DimOp>(user))
        return true;
      if (isView(use))
        return follow(user->getResult(0));
      if (isa<memref::ExtractAlignedPointerAsIndexOp>(user) ||
          user->hasTrait<OpTrait::IsTerminator>() ||
          llvm::any_of(user->getResultTypes(), llvm::IsaPred<BaseMemRefType>))
        return false;
      int64_t place = places.lookup(block.findAncestorOpInBlock(*user));
      first = std::min(first, place);
      last = std::max(last, place);
      return true;
    });
  }

  int64_t first = INT64_MAX, last = -1;
  memref::DeallocOp dealloc;

private:
  static bool isView(OpOperand &use) {
    Operation *user = use.getOwner();
    if (user->getNumResults() != 1 || use.getOperandNumber() != 0)
      return false;
    if (isa<memref::CastOp>(user))
      return true;
    auto view = dyn_cast<ViewLikeOpInterface>(user);
    return view && view.getViewSource() == use.get();
  }

  Block &block;
  const llvm::DenseMap<Operation *, int64_t> &places;
};

struct PlanMemoryPass : public nm::impl::PlanMemoryBase<PlanMemoryPass> {
  using PlanMemoryBase::PlanMemoryBase;

  void runOnOperation() override {
    func::FuncOp func = getOperation();
    if (func.isExternal() || !func.getBody().hasOneBlock())
      return;
    constants.clear();
    SmallVector<Buffer> buffers = collect(func.getBody().front());
    // One is as good where it is.
    if (buffers.size() < 2)
      return;
    SmallVector<nm::Lifetime> lifetimes;
    for (const Buffer &buffer : buffers)
      lifetimes.push_back(buffer.lifetime);
    nm::ArenaLayout layout = nm::layOut(lifetimes, kAlignment);
    numPlanned += buffers.size();
    arenaBytes += layout.bytes;
    liveBytes += layout.largestLive;
    place(func, buffers, layout);
  }

private:
  SmallVector<Buffer> collect(Block &block) {
    llvm::DenseMap<Operation *, int64_t> places;
    for (Operation &op : block)
      places.try_emplace(&op, places.size());
    SmallVector<Buffer> buffers;
    for (auto alloc : block.getOps<memref::AllocOp>()) {
      std::optional<int64_t> bytes = bytesOf(alloc);
      if (!bytes || *bytes > kMaxBytes)
        continue;
      UseScan scan(block, places);
      if (scan.follow(alloc) && scan.dealloc && scan.last >= 0)
        buffers.push_back(
            {alloc, scan.dealloc, {scan.first, scan.last, *bytes}});
    }
    return buffers;
  }

  std::optional<int64_t> bytesOf(memref::AllocOp alloc) {
    MemRefType type = alloc.getType();
    Type element = type.getElementType();
    if (!type.getLayout().isIdentity() || type.getMemorySpace() ||
        !(element.isIntOrFloat() || element.isIndex()) ||
        alloc.getAlignment().value_or(1) > kAlignment)
      return std::nullopt;
    unsigned bits = element.isIndex() ? 64 : element.getIntOrFloatBitWidth();
    if (bits != 1 && (bits % 8 != 0 || !llvm::isPowerOf2_32(bits)))
      return std::nullopt;
    int64_t bytes = llvm::divideCeil(bits, 8);
    auto dynamic = alloc.getDynamicSizes().begin();
    for (int64_t size : type.getShape()) {
      if (ShapedType::isDynamic(size)) {
        std::optional<int64_t> known = constantOf(*dynamic++);
        if (!known)
          return std::nullopt;
        size = *known;
      }
      if (size < 0 || llvm::MulOverflow(bytes, size, bytes))
        return std::nullopt;
    }
    return bytes;
  }

  /// The value of an index that folds to one.
  std::optional<int64_t> constantOf(Value value) {
    APInt constant;
    if (matchPattern(value, m_ConstantInt(&constant)))
      return constant.getSExtValue();
    Operation *op = value.getDefiningOp();
    if (!op || op->getNumResults() != 1 || op->getNumRegions() != 0)
      return std::nullopt;
    auto [known, isNew] = constants.try_emplace(value);
    if (!isNew)
      return known->second;
    std::optional<int64_t> result = fold(op);
    constants[value] = result;
    return result;
  }

  std::optional<int64_t> fold(Operation *op) {
    if (auto dim = dyn_cast<memref::DimOp>(op)) {
      std::optional<int64_t> index = constantOf(dim.getIndex());
      auto type = dyn_cast<MemRefType>(dim.getSource().getType());
      if (!index || !type || *index < 0 || *index >= type.getRank() ||
          type.isDynamicDim(*index))
        return std::nullopt;
      return type.getDimSize(*index);
    }
    if (!isa_and_nonnull<arith::ArithDialect>(op->getDialect()))
      return std::nullopt;
    Builder b(op->getContext());
    SmallVector<Attribute> operands;
    for (Value operand : op->getOperands()) {
      std::optional<int64_t> known =
          operand.getType().isIndex() ? constantOf(operand) : std::nullopt;
      if (!known)
        return std::nullopt;
      operands.push_back(b.getIndexAttr(*known));
    }
    SmallVector<OpFoldResult> results;
    if (failed(op->fold(operands, results)) || results.size() != 1)
      return std::nullopt;
    return getConstantIntValue(results.front());
  }

  static void place(func::FuncOp func, ArrayRef<Buffer> buffers,
                    const nm::ArenaLayout &layout) {
    Block &block = func.getBody().front();
    OpBuilder b(buffers.front().alloc);
    Location loc = func.getLoc();
    auto type = MemRefType::get({layout.bytes}, b.getI8Type());
    Value arena =
        memref::AllocOp::create(b, loc, type, b.getI64IntegerAttr(kAlignment));
    for (auto [buffer, offset] : llvm::zip(buffers, layout.offsets)) {
      memref::AllocOp alloc = buffer.alloc;
      b.setInsertionPoint(alloc);
      Value at = arith::ConstantIndexOp::create(b, alloc.getLoc(), offset);
      Value view = memref::ViewOp::create(b, alloc.getLoc(), alloc.getType(),
                                          arena, at, alloc.getDynamicSizes());
      buffer.dealloc->erase();
      alloc.replaceAllUsesWith(view);
      alloc.erase();
    }
    b.setInsertionPoint(block.getTerminator());
    memref::DeallocOp::create(b, loc, arena);
  }

  /// What values of indices were found to be.
  llvm::DenseMap<Value, std::optional<int64_t>> constants;
};

} // namespace
