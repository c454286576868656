//===- GrowCaches.cpp - Caches that grow in the memory of arguments -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SizeAnalysis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
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

/// What the function, or a branch of it, makes of a cache.
struct End {
  Operation *terminator;
  unsigned operand;
  /// Whether the rows in use stay, in front of the pieces.
  bool keepsRows;
  SmallVector<Value> pieces;

  OpOperand &use() const { return terminator->getOpOperand(operand); }
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

  /// Whether the result is the argument with more behind it, or branches of
  /// which one gives that, and the other more, the argument or another tensor.
  bool match(JoinMatcher &matcher) {
    RankedTensorType before = typeOf(argument()), after = typeOf(returned());
    if (!before.hasRank() || before.getRank() != after.getRank())
      return false;
    // A cache that is known to hold nothing is not among the pieces.
    for (int64_t d = 0; d < before.getRank(); ++d)
      if (before.getDimSize(d) == 0 && after.getDimSize(d) != 0) {
        dim = d;
        ends.push_back(
            {end, unsigned(result), true, {withoutCasts(returned())}});
        return true;
      }
    Value value = withoutCasts(returned());
    auto branches = value.getDefiningOp<scf::IfOp>();
    if (!branches)
      return matchEnd(matcher, end, result);
    unsigned place = cast<OpResult>(value).getResultNumber();
    for (Operation *yield : {branches.thenYield().getOperation(),
                             branches.elseYield().getOperation()})
      if (!matchEnd(matcher, yield, place))
        ends.push_back(
            {yield, place, false, {withoutCasts(yield->getOperand(place))}});
    return dim >= 0;
  }

  LogicalResult checkDimension() {
    if (dim > 0)
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
    shape[dim] = ShapedType::kDynamic;
    auto whole = RankedTensorType::get(shape, before.getElementType());
    Value rows = addRows();
    argument().setType(whole);
    replaceReads(before, rows);
    auto [full, total] = ends.size() == 1 ? grow(ends.front(), whole, rows)
                                          : growBranches(whole, rows);
    end->insertOperands(end->getNumOperands(), total);
    func.setArgAttr(number, kGrowsAttrName, b.getI64IntegerAttr(dim));
    func.setArgAttr(number, kRowsAttrName,
                    b.getI64IntegerAttr(end->getNumOperands() - 1));
    SmallVector<Type> arguments(func.front().getArgumentTypes());
    func.setType(b.getFunctionType(arguments, end->getOperandTypes()));
  }

private:
  bool matchEnd(JoinMatcher &matcher, Operation *terminator, unsigned place) {
    Value value = withoutCasts(terminator->getOperand(place));
    if (value == argument() && terminator != end) {
      ends.push_back({terminator, place, true, {}});
      return true;
    }
    std::optional<Joined> found = matcher.match(value);
    if (!found || found->pieces.size() < 2 || (dim >= 0 && found->dim != dim) ||
        withoutCasts(found->pieces.front()) != argument() ||
        llvm::any_of(llvm::drop_begin(found->pieces), [&](Value piece) {
          return withoutCasts(piece) == argument();
        }))
      return false;
    dim = found->dim;
    ends.push_back({terminator, place, true,
                    SmallVector<Value>(llvm::drop_begin(found->pieces))});
    return true;
  }

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
    sizes[dim] = count;
    return sizes;
  }
  SmallVector<OpFoldResult> ones() {
    return SmallVector<OpFoldResult>(typeOf(argument()).getRank(),
                                     b.getIndexAttr(1));
  }

  /// What reads the argument sees the rows in use.
  void replaceReads(RankedTensorType before, Value rows) {
    int64_t known = before.getDimSize(dim);
    Value slice;
    for (OpOperand &use : llvm::make_early_inc_range(argument().getUses())) {
      b.setInsertionPointToStart(&func.front());
      auto size = dyn_cast<tensor::DimOp>(use.getOwner());
      if (size && size.getConstantIndex() == dim) {
        size.getResult().replaceAllUsesWith(rows);
        size.erase();
        continue;
      }
      if (size && size.getConstantIndex())
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
  std::pair<Value, Value> append(RankedTensorType whole, Value rows,
                                 ArrayRef<Value> pieces) {
    Value full = argument(), last = rows;
    for (Value piece : pieces) {
      OpFoldResult count = tensor::getMixedSize(b, loc, piece, dim);
      SmallVector<OpFoldResult> sizes = sizesWith(count);
      SmallVector<int64_t> shape(whole.getShape());
      shape[dim] = typeOf(piece).getDimSize(dim);
      auto type = RankedTensorType::get(shape, whole.getElementType());
      if (piece.getType() != type)
        piece = tensor::CastOp::create(b, loc, type, piece);
      SmallVector<OpFoldResult> offsets = zeros();
      offsets[dim] = last;
      full = tensor::InsertSliceOp::create(b, loc, piece, full, offsets, sizes,
                                           ones());
      last = arith::AddIOp::create(
          b, loc, last, getValueOrCreateConstantIndexOp(b, loc, count));
    }
    return {full, last};
  }

  /// Puts the whole memory in the place of what `at` hands on; that, and how
  /// many rows are in use then.
  std::pair<Value, Value> grow(End &at, RankedTensorType whole, Value rows) {
    OpOperand &use = at.use();
    if (at.pieces.empty()) {
      use.set(argument());
      return {argument(), rows};
    }
    Value handed = use.get(), old = withoutCasts(handed);
    Operation *def = old.getDefiningOp();
    b.setInsertionPoint(at.terminator);
    if (def && def->getBlock() == at.terminator->getBlock())
      b.setInsertionPointAfter(def);
    if (!at.keepsRows)
      rows = arith::ConstantIndexOp::create(b, loc, 0);
    auto [full, total] = append(whole, rows, at.pieces);
    use.set(full);
    eraseCasts(handed, old);
    if (!old.use_empty())
      replaceWritten(old, full, total);
    eraseDead(old);
    return {full, total};
  }

  /// The same where a condition says what becomes of the cache.
  std::pair<Value, Value> growBranches(RankedTensorType whole, Value rows) {
    for (End &at : ends) {
      Value total = grow(at, whole, rows).second;
      at.terminator->insertOperands(at.terminator->getNumOperands(), total);
    }
    auto old = cast<scf::IfOp>(ends.front().terminator->getParentOp());
    unsigned place = ends.front().operand;
    SmallVector<Type> types(old.getResultTypes());
    types[place] = whole;
    types.push_back(b.getIndexType());
    b.setInsertionPoint(old);
    auto made = scf::IfOp::create(b, old.getLoc(), types, old.getCondition(),
                                  /*addThenBlock=*/false,
                                  /*addElseBlock=*/false);
    made.getThenRegion().takeBody(old.getThenRegion());
    made.getElseRegion().takeBody(old.getElseRegion());
    Value full = made.getResult(place), total = made.getResults().back();
    Value before = old.getResult(place), handed = returned();
    end->setOperand(result, full);
    eraseCasts(handed, before);
    for (auto [from, to] : llvm::zip(old.getResults(), made.getResults()))
      if (from != before)
        from.replaceAllUsesWith(to);
    if (!before.use_empty())
      before.replaceAllUsesWith(rowsInUse(full, total, before.getType()));
    old.erase();
    return {full, total};
  }

  Value rowsInUse(Value full, Value total, Type type) {
    Value now = tensor::ExtractSliceOp::create(b, loc, full, zeros(),
                                               sizesWith(total), ones());
    if (now.getType() != type)
      now = tensor::CastOp::create(b, loc, type, now);
    return now;
  }

  /// Those of `source` that lead to `value` and that nothing reads.
  static void eraseCasts(Value value, Value source) {
    while (value != source && value.use_empty()) {
      auto cast = value.getDefiningOp<tensor::CastOp>();
      value = cast.getSource();
      cast.erase();
    }
  }

  /// What comes behind reads the rows in the cache's memory.
  void replaceWritten(Value old, Value full, Value total) {
    Value now = rowsInUse(full, total, old.getType());
    Operation *from = full.getDefiningOp();
    old.replaceUsesWithIf(now, [&](OpOperand &other) {
      Operation *user = other.getOwner();
      Operation *statement = from->getBlock()->findAncestorOpInBlock(*user);
      return user != now.getDefiningOp() && statement &&
             from->isBeforeInBlock(statement);
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
  /// The dimension that grows.
  int64_t dim = -1;
  /// One of the function, or one of each branch.
  SmallVector<End, 2> ends;
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
    visit(func.getBody(), sizes);
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
  /// Operations of the function and of its branches.
  static void visit(Region &region, SizeAnalysis &sizes) {
    for (Block &block : region)
      for (Operation &op : block) {
        sizes.visit(&op);
        if (isa<scf::IfOp>(op))
          for (Region &branch : op.getRegions())
            visit(branch, sizes);
      }
  }

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
