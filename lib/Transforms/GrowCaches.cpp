//===- GrowCaches.cpp - Caches that grow in the memory of arguments -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SizeAnalysis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tosa/IR/TosaOps.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "nm/Dialect/NM/IR/NMDialect.h"
#include "nm/Transforms/Passes.h"

namespace mlir::nm {
#define GEN_PASS_DEF_GROWCACHES
#include "nm/Transforms/Passes.h.inc"
} // namespace mlir::nm

using namespace mlir;
using namespace mlir::nm;

static Value withoutCasts(Value value) {
  while (auto cast = value.getDefiningOp<tensor::CastOp>())
    value = cast.getSource();
  return value;
}

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

namespace {

/// Tensors one behind the other in dimension `dim`.
struct Joined {
  int64_t dim = -1;
  SmallVector<Value> pieces;
};

/// Finds what a value is put together from.
class JoinMatcher {
public:
  explicit JoinMatcher(SizeAnalysis &sizes) : sizes(sizes) {}

  std::optional<Joined> match(Value value) {
    value = withoutCasts(value);
    if (auto concat = value.getDefiningOp<tensor::ConcatOp>())
      return Joined{int64_t(concat.getDim()),
                    SmallVector<Value>(concat.getInputs())};
    if (auto concat = value.getDefiningOp<tosa::ConcatOp>())
      return Joined{int64_t(concat.getAxis()),
                    SmallVector<Value>(concat.getInput1())};
    return matchInserts(value);
  }

private:
  /// A chain of tensor.insert_slice that writes every element of a tensor.empty
  /// once, piece by piece.
  std::optional<Joined> matchInserts(Value value) {
    SmallVector<tensor::InsertSliceOp> inserts;
    while (auto insert = value.getDefiningOp<tensor::InsertSliceOp>()) {
      inserts.push_back(insert);
      value = insert.getDest();
    }
    auto empty = value.getDefiningOp<tensor::EmptyOp>();
    if (inserts.empty() || !empty)
      return std::nullopt;
    std::reverse(inserts.begin(), inserts.end());
    for (int64_t dim = 0; dim < empty.getType().getRank(); ++dim)
      if (isAlong(dim, inserts, empty.getMixedSizes())) {
        Joined joined{dim, {}};
        for (tensor::InsertSliceOp insert : inserts)
          joined.pieces.push_back(insert.getSource());
        return joined;
      }
    return std::nullopt;
  }

  bool isAlong(int64_t dim, ArrayRef<tensor::InsertSliceOp> inserts,
               ArrayRef<OpFoldResult> total) {
    AffineExpr end = sizes.constant(0);
    for (tensor::InsertSliceOp insert : inserts) {
      if (insert.getSourceType().getRank() != int64_t(total.size()) ||
          !insert.hasUnitStride())
        return false;
      SmallVector<OpFoldResult> offset = insert.getMixedOffsets(),
                                size = insert.getMixedSizes();
      for (size_t d = 0; d < total.size(); ++d)
        if (int64_t(d) == dim ? !isEqual(offset[d], end)
                              : !isEqual(offset[d], sizes.constant(0)) ||
                                    !isEqual(size[d], sizes.getIndex(total[d])))
          return false;
      end = end + sizes.getIndex(size[dim]);
    }
    return isEqual(total[dim], end);
  }

  bool isEqual(OpFoldResult a, AffineExpr b) {
    return sizes.isEqual(sizes.getIndex(a), b);
  }

  SizeAnalysis &sizes;
};

/// One cache: an argument with `nm.in_place`, and the result that it becomes.
class Cache {
public:
  Cache(func::FuncOp func, unsigned number, int64_t result)
      : func(func), number(number), result(result),
        end(func.front().getTerminator()), b(func.getContext()),
        loc(func.getLoc()) {}

  BlockArgument argument() { return func.getArgument(number); }
  Value returned() { return end->getOperand(result); }

  /// Whether the result is the argument with more behind it.
  bool match(JoinMatcher &matcher) {
    RankedTensorType before = typeOf(argument()), after = typeOf(returned());
    if (!before.hasRank() || before.getRank() != after.getRank())
      return false;
    std::optional<Joined> found = matcher.match(returned());
    // A cache that is known to hold nothing is not among the pieces.
    for (int64_t d = 0; d < before.getRank(); ++d)
      if (before.getDimSize(d) == 0 && after.getDimSize(d) != 0) {
        joined = {d, {withoutCasts(returned())}};
        return true;
      }
    if (!found || found->pieces.size() < 2 ||
        withoutCasts(found->pieces.front()) != argument())
      return false;
    joined = {found->dim, SmallVector<Value>(llvm::drop_begin(found->pieces))};
    return true;
  }

  LogicalResult checkDimension() {
    if (joined.dim > 0)
      return success();
    return func.emitError()
           << "result " << result << " of function '" << func.getName()
           << "' grows behind argument '" << name()
           << "' in dimension 0, where no stride tells how much room an array "
              "has; expected a dimension behind the first, such as 2 of "
              "[batch, heads, rows, width]; drop --in-place for it";
  }

  /// The argument becomes the whole memory, `nm.grows` of its dimension tells
  /// which is not all in use, and an index argument how much is.
  void rewrite() {
    RankedTensorType before = typeOf(argument());
    SmallVector<int64_t> shape(before.getShape());
    shape[joined.dim] = ShapedType::kDynamic;
    auto whole = RankedTensorType::get(shape, before.getElementType());
    Value rows = addRows();
    argument().setType(whole);
    replaceReads(before, rows);
    Value old = returned();
    b.setInsertionPoint(end);
    if (Operation *def = old.getDefiningOp())
      b.setInsertionPointAfter(def);
    auto [full, total] = append(whole, rows);
    OpOperand &use = end->getOpOperand(result);
    if (!llvm::hasSingleElement(old.getUses()))
      replaceWritten(old, use, full, total);
    use.set(full);
    eraseDead(old);
    end->insertOperands(end->getNumOperands(), total);
    func.setArgAttr(number, kGrowsAttrName, b.getI64IntegerAttr(joined.dim));
    func.setArgAttr(number, kRowsAttrName,
                    b.getI64IntegerAttr(end->getNumOperands() - 1));
    SmallVector<Type> arguments(func.front().getArgumentTypes());
    func.setType(b.getFunctionType(arguments, end->getOperandTypes()));
  }

private:
  std::string name() {
    auto name = func.getArgAttrOfType<StringAttr>(number, "nm.name");
    return name ? name.str() : "arg" + std::to_string(number);
  }

  Value addRows() {
    b.setInsertionPointToStart(&func.front());
    auto attributes = b.getDictionaryAttr(
        b.getNamedAttr("nm.name", b.getStringAttr("rows of " + name())));
    unsigned place = func.getNumArguments();
    (void)func.insertArgument(place, b.getIndexType(), attributes, loc);
    return func.getArgument(place);
  }

  SmallVector<OpFoldResult> zeros() {
    return SmallVector<OpFoldResult>(typeOf(argument()).getRank(),
                                     b.getIndexAttr(0));
  }

  /// Sizes of the argument with `count` in the dimension that grows, and the
  /// strides of any slice of it.
  SmallVector<OpFoldResult> sizesWith(OpFoldResult count) {
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, argument());
    sizes[joined.dim] = count;
    return sizes;
  }
  SmallVector<OpFoldResult> ones() {
    return SmallVector<OpFoldResult>(typeOf(argument()).getRank(),
                                     b.getIndexAttr(1));
  }

  /// What reads the argument sees the rows in use.
  void replaceReads(RankedTensorType before, Value rows) {
    int64_t known = before.getDimSize(joined.dim);
    Value slice;
    for (OpOperand &use : llvm::make_early_inc_range(argument().getUses())) {
      b.setInsertionPointToStart(&func.front());
      auto dim = dyn_cast<tensor::DimOp>(use.getOwner());
      if (dim && dim.getConstantIndex() == joined.dim) {
        dim.getResult().replaceAllUsesWith(rows);
        dim.erase();
        continue;
      }
      if (dim && dim.getConstantIndex())
        continue;
      if (!slice) {
        OpFoldResult count = ShapedType::isDynamic(known)
                                 ? OpFoldResult(rows)
                                 : OpFoldResult(b.getIndexAttr(known));
        slice = tensor::ExtractSliceOp::create(
            b, loc, before, argument(), zeros(), sizesWith(count), ones());
      }
      if (use.getOwner() != slice.getDefiningOp())
        use.set(slice);
    }
  }

  /// The pieces behind the rows in use; the whole memory, and how many rows are
  /// in use then.
  std::pair<Value, Value> append(RankedTensorType whole, Value rows) {
    Value full = argument(), last = rows;
    for (Value piece : joined.pieces) {
      OpFoldResult count = tensor::getMixedSize(b, loc, piece, joined.dim);
      SmallVector<OpFoldResult> sizes = sizesWith(count);
      SmallVector<int64_t> shape(whole.getShape());
      shape[joined.dim] = typeOf(piece).getDimSize(joined.dim);
      auto type = RankedTensorType::get(shape, whole.getElementType());
      if (piece.getType() != type)
        piece = tensor::CastOp::create(b, loc, type, piece);
      SmallVector<OpFoldResult> offsets = zeros();
      offsets[joined.dim] = last;
      full = tensor::InsertSliceOp::create(b, loc, piece, full, offsets, sizes,
                                           ones());
      last = arith::AddIOp::create(
          b, loc, last, getValueOrCreateConstantIndexOp(b, loc, count));
    }
    return {full, last};
  }

  /// Everything but the return reads the rows in the cache's memory.
  void replaceWritten(Value old, OpOperand &use, Value full, Value total) {
    SmallVector<int64_t> shape(typeOf(full).getShape());
    Value now = tensor::ExtractSliceOp::create(b, loc, full, zeros(),
                                               sizesWith(total), ones());
    if (now.getType() != old.getType())
      now = tensor::CastOp::create(b, loc, old.getType(), now);
    Operation *from = full.getDefiningOp();
    old.replaceUsesWithIf(now, [&](OpOperand &other) {
      Operation *user = other.getOwner();
      return &other != &use && user != from && user != now.getDefiningOp() &&
             !(user->getBlock() == from->getBlock() &&
               user->isBeforeInBlock(from));
    });
  }

  /// The concatenation, if nothing reads it any more: its sizes need no checks.
  static void eraseDead(Value value) {
    SmallVector<Operation *> ops{value.getDefiningOp()};
    while (!ops.empty()) {
      Operation *op = ops.pop_back_val();
      if (!op || !isOpTriviallyDead(op))
        continue;
      for (Value operand : op->getOperands())
        if (!llvm::is_contained(ops, operand.getDefiningOp()))
          ops.push_back(operand.getDefiningOp());
      op->erase();
    }
  }

  func::FuncOp func;
  unsigned number;
  int64_t result;
  Operation *end;
  OpBuilder b;
  Location loc;
  Joined joined;
};

struct GrowCachesPass : public nm::impl::GrowCachesBase<GrowCachesPass> {
  void runOnOperation() override {
    func::FuncOp func = getOperation();
    if (func.isExternal() || !func.getBody().hasOneBlock())
      return;
    SmallVector<Cache> caches = collect(func);
    if (caches.empty())
      return;
    SizeAnalysis sizes(func);
    for (Operation &op : func.front())
      sizes.visit(&op);
    JoinMatcher matcher(sizes);
    llvm::erase_if(caches, [&](Cache &cache) { return !cache.match(matcher); });
    for (Cache &cache : caches)
      if (failed(cache.checkDimension()))
        return signalPassFailure();
    for (Cache &cache : caches)
      cache.rewrite();
    numGrown += caches.size();
  }

private:
  static SmallVector<Cache> collect(func::FuncOp func) {
    SmallVector<Cache> caches;
    Operation *end = func.front().getTerminator();
    for (unsigned i = 0; i < func.getNumArguments(); ++i) {
      auto number = func.getArgAttrOfType<IntegerAttr>(i, kInPlaceAttrName);
      if (!number || func.getArgAttr(i, kGrowsAttrName) ||
          number.getInt() < 0 || number.getInt() >= end->getNumOperands() ||
          !isa<RankedTensorType>(func.getArgumentTypes()[i]) ||
          !isa<RankedTensorType>(end->getOperand(number.getInt()).getType()))
        continue;
      caches.emplace_back(func, i, number.getInt());
    }
    return caches;
  }
};

} // namespace
