//===- PlanMemory.cpp - The buffers of a call in one arena -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BufferSizes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Remarks.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "nm/Transforms/Arena.h"
#include "nm/Transforms/ArenaLayout.h"
#include "nm/Transforms/Passes.h"
#include "llvm/Support/MathExtras.h"
#include <array>
#include <map>

namespace mlir::nm {
#define GEN_PASS_DEF_PLANMEMORY
#include "nm/Transforms/Passes.h.inc"
} // namespace mlir::nm

using namespace mlir;

static constexpr int64_t kAlignment = 64;
/// Larger buffers of known sizes are left to the allocator; of others no more
/// is asked for, which no allocator has. So no sum overflows.
static constexpr int64_t kMaxBytes = int64_t(1) << 40;
static constexpr int64_t kMostBytes = int64_t(1) << 48;

namespace {

/// A buffer that the function allocates and frees itself.
struct Buffer {
  memref::AllocOp alloc;
  memref::DeallocOp dealloc;
  /// Bytes where the size is known, else 0.
  nm::Lifetime lifetime;
  bool isOpen = false;
};

/// What a buffer of some type needs: a number of bytes times indices.
struct ByteSize {
  int64_t bytes = 1;
  SmallVector<Value, 4> sizes;
};

/// The statements of a function and those of its branches, in the order of the
/// text: what runs is a part of it, in this order, so that buffers of the two
/// branches of one condition share memory as those do that are in use one after
/// the other. What runs more than once, or at once, is one statement.
class Statements {
public:
  explicit Statements(Block &block) { add(block); }

  ArrayRef<memref::AllocOp> getAllocs() const { return allocs; }

  int64_t placeOf(Operation *op) const {
    auto found = places.find(op);
    while (found == places.end()) {
      op = op->getParentOp();
      found = places.find(op);
    }
    return found->second;
  }

private:
  void add(Block &block) {
    for (Operation &op : block) {
      places.try_emplace(&op, places.size());
      if (auto alloc = dyn_cast<memref::AllocOp>(op))
        allocs.push_back(alloc);
      if (isa<scf::IfOp>(op))
        for (Region &region : op.getRegions())
          for (Block &branch : region)
            add(branch);
    }
  }

  llvm::DenseMap<Operation *, int64_t> places;
  SmallVector<memref::AllocOp> allocs;
};

/// What a buffer's uses say about it.
class UseScan {
public:
  UseScan(Block &block, const Statements &statements)
      : block(block), statements(statements) {}

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
      int64_t place = statements.placeOf(user);
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
    if (isa<memref::CastOp, memref::TransposeOp>(user))
      return true;
    auto view = dyn_cast<ViewLikeOpInterface>(user);
    return view && view.getViewSource() == use.get();
  }

  Block &block;
  const Statements &statements;
};

/// Sums and maxima of bytes at one place, each made once.
class ByteCode {
public:
  ByteCode(OpBuilder &b, Location loc) : b(b), loc(loc) {}

  Value constant(int64_t bytes) {
    Value &value = constants[bytes];
    if (!value)
      value = arith::ConstantIndexOp::create(b, loc, bytes);
    return value;
  }

  /// Bytes of a buffer, rounded up; at most kMostBytes.
  Value padded(int64_t bytes, ArrayRef<Value> sizes) {
    std::vector<void *> key{constant(bytes).getAsOpaquePointer()};
    for (Value size : sizes)
      key.push_back(size.getAsOpaquePointer());
    Value &value = products[key];
    if (value)
      return value;
    // That a product does not overflow is checked before it is allocated.
    Value product = constant(bytes);
    for (Value size : sizes)
      product = b.createOrFold<arith::MulIOp>(loc, product, size);
    Value most =
        b.createOrFold<arith::MinUIOp>(loc, product, constant(kMostBytes));
    Value above =
        b.createOrFold<arith::AddIOp>(loc, most, constant(kAlignment - 1));
    return value =
               b.createOrFold<arith::AndIOp>(loc, above, constant(-kAlignment));
  }

  /// A size that a branch computes which is not taken may be any number.
  Value notNegative(Value size) {
    Value &value = clamped[size.getAsOpaquePointer()];
    if (!value)
      value = b.createOrFold<arith::MaxSIOp>(loc, size, constant(0));
    return value;
  }

  /// `rest` (null: true) and whether `condition` is what `wanted` says.
  Value both(Value rest, Value condition, bool wanted) {
    Value &value = conditions[{rest.getAsOpaquePointer(),
                               condition.getAsOpaquePointer()}][wanted];
    if (value)
      return value;
    Value is = condition;
    if (!wanted)
      is = arith::XOrIOp::create(
          b, loc, condition,
          arith::ConstantIntOp::create(b, loc, b.getI1Type(), 1));
    return value =
               rest ? arith::AndIOp::create(b, loc, rest, is).getResult() : is;
  }

  /// The bytes if the condition holds, else 0.
  Value choose(Value condition, Value bytes) {
    Value &value =
        chosen[{condition.getAsOpaquePointer(), bytes.getAsOpaquePointer()}];
    if (!value)
      value = arith::SelectOp::create(b, loc, condition, bytes, constant(0));
    return value;
  }

  Value sum(Value x, Value y) {
    Value &value = sums[{x.getAsOpaquePointer(), y.getAsOpaquePointer()}];
    if (!value)
      value = b.createOrFold<arith::AddIOp>(loc, x, y);
    return value;
  }

  /// 0 of none.
  Value largest(ArrayRef<Value> values) {
    std::vector<void *> key;
    for (Value value : values)
      key.push_back(value.getAsOpaquePointer());
    llvm::sort(key);
    key.erase(llvm::unique(key), key.end());
    if (key.empty())
      return constant(0);
    Value &value = maxima[key];
    if (value)
      return value;
    Value most = Value::getFromOpaquePointer(key.front());
    for (void *other : ArrayRef(key).drop_front())
      most = b.createOrFold<arith::MaxUIOp>(loc, most,
                                            Value::getFromOpaquePointer(other));
    return value = most;
  }

private:
  OpBuilder &b;
  Location loc;
  std::map<int64_t, Value> constants;
  std::map<std::vector<void *>, Value> products, maxima;
  std::map<std::pair<void *, void *>, Value> sums, chosen;
  std::map<std::pair<void *, void *>, std::array<Value, 2>> conditions;
  std::map<void *, Value> clamped;
};

struct PlanMemoryPass : public nm::impl::PlanMemoryBase<PlanMemoryPass> {
  using PlanMemoryBase::PlanMemoryBase;

  void runOnOperation() override {
    SmallVector<func::FuncOp> funcs(getOperation().getOps<func::FuncOp>());
    for (func::FuncOp func : funcs)
      if (!func.isExternal() && func.getBody().hasOneBlock())
        plan(func);
  }

private:
  void plan(func::FuncOp func) {
    Block &block = func.getBody().front();
    Statements statements(block);
    if (statements.getAllocs().empty())
      return;
    // What must hold of the sizes of arguments is checked before.
    Operation *place =
        block.findAncestorOpInBlock(*statements.getAllocs().front());
    nm::BufferSizes sizes(place);
    SmallVector<Buffer> buffers = collect(statements, sizes);
    // One is as good where it is, but for a size that grows.
    bool isOpen = llvm::any_of(buffers, [](auto &b) { return b.isOpen; });
    if (buffers.empty() || (buffers.size() == 1 && !isOpen))
      return;
    numPlanned += buffers.size();
    SmallVector<nm::Lifetime> lifetimes;
    for (const Buffer &buffer : buffers)
      lifetimes.push_back(buffer.lifetime);
    OpBuilder b(place);
    ByteCode code(b, func.getLoc());
    SmallVector<Value> offsets;
    Value bytes;
    if (isOpen) {
      nm::ArenaOrder order = findOpenOrder(buffers, sizes);
      bytes = layOutOpen(buffers, sizes, order, code, offsets);
      numOpen += llvm::count_if(buffers, [](auto &b) { return b.isOpen; });
      remark::passed(
          func.getLoc(),
          remark::RemarkOpts::name("arena-planned").category("nm-plan-memory"))
          << remark::metric("buffers", buffers.size())
          << remark::metric("of-live",
                            llvm::formatv("{0:f2}", order.worstRatio).str())
          << remark::reason("sizes are open: at most so many times the largest "
                            "live set at sizes that were tried");
    } else {
      nm::ArenaLayout layout = nm::layOut(lifetimes, kAlignment);
      arenaBytes += layout.bytes;
      liveBytes += layout.largestLive;
      for (int64_t offset : layout.offsets)
        offsets.push_back(code.constant(offset));
      bytes = code.constant(layout.bytes);
      remark::passed(
          func.getLoc(),
          remark::RemarkOpts::name("arena-planned").category("nm-plan-memory"))
          << remark::metric("buffers", buffers.size())
          << remark::metric("bytes", layout.bytes)
          << remark::metric("live-bytes", layout.largestLive);
    }
    replace(func, buffers, b, bytes, offsets);
  }

  static SmallVector<Buffer> collect(const Statements &statements,
                                     nm::BufferSizes &sizes) {
    SmallVector<Buffer> buffers;
    for (memref::AllocOp alloc : statements.getAllocs()) {
      std::optional<ByteSize> size = sizeOf(alloc, sizes);
      if (!size || size->bytes > kMaxBytes)
        continue;
      UseScan scan(*alloc->getBlock(), statements);
      if (scan.follow(alloc) && scan.dealloc && scan.last >= 0)
        buffers.push_back(
            {alloc,
             scan.dealloc,
             {scan.first, scan.last, size->sizes.empty() ? size->bytes : 0},
             !size->sizes.empty()});
    }
    return buffers;
  }

  /// Whether the branches that a buffer lies in are taken; null where it lies
  /// in none, nothing where that is not known when the function begins.
  static std::optional<Value> isTaken(memref::AllocOp alloc,
                                      nm::BufferSizes &sizes, ByteCode &code) {
    Value all;
    for (Operation *inner = alloc;;) {
      auto branch = dyn_cast<scf::IfOp>(inner->getParentOp());
      if (!branch)
        return all;
      if (!sizes.isComputable(branch.getCondition()))
        return std::nullopt;
      bool isThen = inner->getParentRegion() == &branch.getThenRegion();
      all = code.both(all, sizes.computeAtPlace(branch.getCondition()), isThen);
      inner = branch;
    }
  }

  static std::optional<ByteSize> sizeOf(memref::AllocOp alloc,
                                        nm::BufferSizes &sizes) {
    MemRefType type = alloc.getType();
    Type element = type.getElementType();
    if (!type.getLayout().isIdentity() || type.getMemorySpace() ||
        !(element.isIntOrFloat() || element.isIndex()) ||
        alloc.getAlignment().value_or(1) > kAlignment)
      return std::nullopt;
    unsigned bits = element.isIndex() ? 64 : element.getIntOrFloatBitWidth();
    if (bits != 1 && (bits % 8 != 0 || !llvm::isPowerOf2_32(bits)))
      return std::nullopt;
    ByteSize bytes;
    bytes.bytes = llvm::divideCeil(bits, 8);
    auto dynamic = alloc.getDynamicSizes().begin();
    for (int64_t size : type.getShape()) {
      if (ShapedType::isDynamic(size)) {
        Value value = *dynamic++;
        std::optional<int64_t> known = sizes.constantOf(value);
        if (!known) {
          if (!sizes.isComputable(value))
            return std::nullopt;
          bytes.sizes.push_back(value);
          continue;
        }
        size = *known;
      }
      if (size < 0 || llvm::MulOverflow(bytes.bytes, size, bytes.bytes))
        return std::nullopt;
    }
    return bytes;
  }

  static nm::ArenaOrder findOpenOrder(ArrayRef<Buffer> buffers,
                                      nm::BufferSizes &sizes) {
    std::vector<std::vector<nm::Lifetime>> samples;
    for (int sample = 0; sample < nm::BufferSizes::kSamples; ++sample) {
      std::vector<nm::Lifetime> &lifetimes = samples.emplace_back();
      for (const Buffer &buffer : buffers) {
        nm::Lifetime lifetime = buffer.lifetime;
        ByteSize bytes = *sizeOf(buffer.alloc, sizes);
        lifetime.bytes = bytes.bytes;
        for (Value size : bytes.sizes)
          if (llvm::MulOverflow(lifetime.bytes, sizes.sampleOf(size, sample),
                                lifetime.bytes) ||
              lifetime.bytes > kMaxBytes)
            lifetime.bytes = kMaxBytes;
        lifetimes.push_back(lifetime);
      }
    }
    return nm::findOrder(samples, kAlignment);
  }

  /// Code for the offsets; returns the bytes of all.
  static Value layOutOpen(ArrayRef<Buffer> buffers, nm::BufferSizes &sizes,
                          const nm::ArenaOrder &order, ByteCode &code,
                          SmallVector<Value> &offsets) {
    offsets.resize(buffers.size());
    SmallVector<Value> ends(buffers.size());
    llvm::SmallPtrSet<void *, 8> distinct;
    SmallVector<Value> tops;
    std::vector<bool> isBelow(buffers.size(), false);
    for (size_t i : order.sequence) {
      ByteSize bytes = *sizeOf(buffers[i].alloc, sizes);
      memref::AllocOp alloc = buffers[i].alloc;
      bool isInBranch = isa<scf::IfOp>(alloc->getParentOp());
      SmallVector<Value> factors;
      for (Value size : bytes.sizes) {
        Value factor = sizes.computeAtPlace(size);
        factors.push_back(isInBranch ? code.notNegative(factor) : factor);
      }
      SmallVector<Value> lower;
      for (size_t j : order.below[i]) {
        lower.push_back(ends[j]);
        isBelow[j] = true;
      }
      offsets[i] = code.largest(lower);
      Value own = code.padded(bytes.bytes, factors);
      // What a branch that is not taken asks for is nothing that one relies on.
      if (isInBranch && !factors.empty())
        if (std::optional<Value> taken = isTaken(alloc, sizes, code))
          own = code.choose(*taken, own);
      ends[i] = code.sum(offsets[i], own);
    }
    for (size_t i = 0; i < buffers.size(); ++i)
      if (!isBelow[i])
        tops.push_back(ends[i]);
    return code.largest(tops);
  }

  /// One function in which the arena of any is allocated.
  func::FuncOp getAllocator() {
    ModuleOp module = getOperation();
    SymbolTable symbols(module);
    for (auto func : module.getOps<func::FuncOp>())
      if (nm::isArenaAllocator(func))
        return func;
    Location loc = module.getLoc();
    OpBuilder b(module.getContext());
    auto type = MemRefType::get({ShapedType::kDynamic}, b.getI8Type());
    auto func = func::FuncOp::create(
        loc, "nm_arena", b.getFunctionType({b.getIndexType()}, {type}));
    func.setPrivate();
    func->setAttr("passthrough",
                  b.getArrayAttr(b.getStringAttr(nm::kArenaAttrName)));
    symbols.insert(func);
    b.setInsertionPointToStart(func.addEntryBlock());
    Value arena =
        memref::AllocOp::create(b, loc, type, ValueRange(func.getArgument(0)),
                                ValueRange(), b.getI64IntegerAttr(kAlignment));
    func::ReturnOp::create(b, loc, arena);
    return func;
  }

  void replace(func::FuncOp func, ArrayRef<Buffer> buffers, OpBuilder &b,
               Value bytes, ArrayRef<Value> offsets) {
    Location loc = func.getLoc();
    auto call = func::CallOp::create(b, loc, getAllocator(), bytes);
    call->setAttr(nm::kArenaAttrName, b.getUnitAttr());
    Value arena = call.getResult(0);
    for (auto [buffer, offset] : llvm::zip(buffers, offsets)) {
      memref::AllocOp alloc = buffer.alloc;
      b.setInsertionPoint(alloc);
      Value view =
          memref::ViewOp::create(b, alloc.getLoc(), alloc.getType(), arena,
                                 offset, alloc.getDynamicSizes());
      buffer.dealloc->erase();
      alloc.replaceAllUsesWith(view);
      alloc.erase();
    }
    b.setInsertionPoint(func.getBody().front().getTerminator());
    memref::DeallocOp::create(b, loc, arena);
  }
};

} // namespace
