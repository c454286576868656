//===- CheckSizes.cpp - Sizes that must agree are compared -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PlacedName.h"
#include "SizeConstraints.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "nm/Dialect/NM/IR/NMDialect.h"
#include "nm/Transforms/Passes.h"

namespace mlir::nm {
#define GEN_PASS_DEF_CHECKSIZES
#include "nm/Transforms/Passes.h.inc"
} // namespace mlir::nm

using namespace mlir;
using namespace mlir::nm;

namespace {

/// Bytes that no tensor may have: half of what 64 bits address, so that no
/// computation of an address overflows.
constexpr double kMaxBytes = 0x1p62;

class Checker final : public SizeDemands {
public:
  explicit Checker(func::FuncOp func)
      : sizes(func),
        entry(&func.getBody().front(), func.getBody().front().begin()) {
    // The entry point looks at the bytes of every argument.
    if (func.isPublic())
      for (BlockArgument argument : func.getArguments())
        if (auto type = dyn_cast<ShapedType>(argument.getType()))
          if (type.hasRank() && type.getElementType().isIntOrIndexOrFloat())
            noteBytes(sizes.getSizes(argument), type.getElementType());
  }

  void run(Region &region) {
    for (auto [i, block] : llvm::enumerate(region))
      runBlock(block, /*always=*/i == 0);
  }

  unsigned visited = 0, required = 0;

private:
  /// `always`: whether a call of the function runs the block.
  void runBlock(Block &block, bool always) {
    size_t mark = sizes.mark(), bytesMark = bytesTrail.size();
    for (Operation &op : llvm::make_early_inc_range(block)) {
      ++visited;
      current = &op;
      unconditional = always;
      collectDemands(&op, sizes, *this);
      sizes.visit(&op);
      if (auto generic = dyn_cast<linalg::GenericOp>(op)) {
        checkBody(generic);
        continue;
      }
      if (isa<linalg::LinalgOp>(op) ||
          op.hasTrait<OpTrait::IsIsolatedFromAbove>())
        continue;
      for (Region &region : op.getRegions())
        for (Block &inner : region)
          runBlock(inner, /*always=*/false);
    }
    if (always)
      return;
    sizes.rollback(mark);
    // What is checked in a block that may not run is checked again behind it.
    while (bytesTrail.size() > bytesMark) {
      auto [product, bytes] = bytesTrail.pop_back_val();
      knownBytes[product] = bytes;
    }
  }

  //===--------------------------------------------------------------------===//
  // Demands
  //===--------------------------------------------------------------------===//

  void equal(AffineExpr a, AffineExpr b) override {
    if (sizes.isEqual(a, b))
      return;
    require(a, b, arith::CmpIPredicate::eq,
            sizes.describe(a) + " is {0} and " + sizes.describe(b) +
                " is {1}, but they must be equal for " + placedName(current));
    sizes.learnEqual(a, b);
  }

  void multiple(AffineExpr a, AffineExpr b) override {
    auto divisor = dyn_cast<AffineConstantExpr>(sizes.normalize(b));
    if (sizes.isEqual(a, b) || (divisor && divisor.getValue() > 0 &&
                                sizes.isEqual(a % b, sizes.constant(0))))
      return;
    OpBuilder builder = place({a, b});
    Location loc = current->getLoc();
    Value left = code(builder, a), right = code(builder, b);
    // No heads share no key heads: without the maximum a division by zero.
    Value one = arith::ConstantIndexOp::create(builder, loc, 1);
    Value rest = arith::RemUIOp::create(
        builder, loc, left, arith::MaxUIOp::create(builder, loc, right, one));
    Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
    auto isZero = [&](Value value) -> Value {
      return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq,
                                   value, zero);
    };
    Value ofNone = arith::AndIOp::create(
        builder, loc, isZero(right),
        arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne, left,
                              zero));
    Value holds = arith::SelectOp::create(
        builder, loc, ofNone,
        arith::ConstantIntOp::create(builder, loc, builder.getI1Type(), 0),
        isZero(rest));
    emit(builder, holds,
         sizes.describe(a) + " is {0} and " + sizes.describe(b) +
             " is {1}, but the first must be a multiple of the second for " +
             placedName(current),
         {left, right});
  }

  void atMost(AffineExpr a, AffineExpr b, StringRef what) override {
    if (sizes.isAtMost(a, b))
      return;
    auto [slot, isNew] = bounded.try_emplace(
        {sizes.normalize(a), sizes.normalize(b)}, unconditional);
    if (!isNew && slot->second)
      return;
    std::string cache = cacheWrittenBy(current);
    require(a, b, arith::CmpIPredicate::sle,
            cache.empty()
                ? placedName(current) + " " + what.str() + ": " +
                      sizes.describe(a) + " is {0}, and the most is {1}, " +
                      sizes.describe(b)
                : cache + " needs {0}, and its memory has room for {1}; give "
                          "it an array whose strides show more room");
  }

  /// Where a cache grows, in words of who gives its memory; empty elsewhere.
  static std::string cacheWrittenBy(Operation *op) {
    auto insert = dyn_cast<tensor::InsertSliceOp>(op);
    if (!insert)
      return "";
    Value into = insert.getDest();
    while (auto before = into.getDefiningOp<tensor::InsertSliceOp>())
      into = before.getDest();
    auto argument = dyn_cast<BlockArgument>(into);
    auto func = dyn_cast<func::FuncOp>(op->getParentOp());
    if (!argument || !func || argument.getOwner() != &func.front())
      return "";
    unsigned number = argument.getArgNumber();
    auto dim = func.getArgAttrOfType<IntegerAttr>(number, kGrowsAttrName);
    auto name = func.getArgAttrOfType<StringAttr>(number, "nm.name");
    if (!dim)
      return "";
    return "dimension " + std::to_string(dim.getInt()) + " of the cache '" +
           (name ? name.str() : "arg" + std::to_string(number)) + "'";
  }

  void allocates(ArrayRef<AffineExpr> shape, Type element) override {
    for (AffineExpr size : shape)
      atMost(sizes.constant(0), size, "makes a tensor of a negative size");
    if (llvm::all_of(shape, llvm::IsaPred<AffineConstantExpr>) ||
        !element.isIntOrIndexOrFloat() || !noteBytes(shape, element))
      return;
    OpBuilder builder = place(shape);
    Location loc = current->getLoc();
    double bytes = bytesOf(element);
    SmallVector<Value> values;
    std::string text;
    Value product;
    Type f64 = builder.getF64Type();
    for (AffineExpr size : shape) {
      text += text.empty() ? "" : " x ";
      if (auto number = dyn_cast<AffineConstantExpr>(size)) {
        bytes *= number.getValue();
        text += std::to_string(number.getValue());
        continue;
      }
      Value value = code(builder, size);
      text +=
          values.size() < 4 ? "{" + std::to_string(values.size()) + "}" : "...";
      if (values.size() < 4)
        values.push_back(value);
      Value integer =
          arith::IndexCastOp::create(builder, loc, builder.getI64Type(), value);
      Value factor = arith::SIToFPOp::create(builder, loc, f64, integer);
      product =
          product
              ? arith::MulFOp::create(builder, loc, product, factor).getResult()
              : factor;
    }
    Value most = arith::ConstantOp::create(
        builder, loc,
        builder.getF64FloatAttr(kMaxBytes / std::max(bytes, 1.0)));
    Value fits = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLE,
                                       product, most);
    emit(builder, fits,
         placedName(current) + " makes a tensor of " + text +
             " elements, more than memory can hold",
         values);
  }

  static double bytesOf(Type element) {
    return element.isIndex()
               ? 8
               : llvm::divideCeil(element.getIntOrFloatBitWidth(), 8);
  }

  /// False if a tensor of these sizes and as many bytes was looked at before.
  bool noteBytes(ArrayRef<AffineExpr> shape, Type element) {
    AffineExpr product = sizes.constant(1);
    double bytes = bytesOf(element);
    for (AffineExpr size : shape)
      if (auto number = dyn_cast<AffineConstantExpr>(sizes.normalize(size)))
        bytes *= number.getValue();
      else
        product = product * size;
    product = sizes.normalize(product);
    double &known = knownBytes[product];
    if (known >= bytes)
      return false;
    if (!unconditional)
      bytesTrail.push_back({product, known});
    known = bytes;
    return true;
  }

  //===--------------------------------------------------------------------===//
  // Indices that come from data
  //===--------------------------------------------------------------------===//

  void checkBody(linalg::GenericOp op) {
    SmallVector<AffineExpr> loops = getLoopSizes(op, sizes);
    op.getBody()->walk([&](tensor::ExtractOp extract) {
      for (auto [dim, index] : llvm::enumerate(extract.getIndices())) {
        AffineExpr bound = sizes.getSize(extract.getTensor(), dim);
        APInt number;
        if (matchPattern(index, m_ConstantInt(&number))) {
          atMost(sizes.constant(number.getSExtValue() + 1), bound,
                 "reads past the end of a tensor");
          continue;
        }
        auto loop = index.getDefiningOp<linalg::IndexOp>();
        if (loop && loops[loop.getDim()]) {
          atMost(loops[loop.getDim()], bound, "reads past the end of a tensor");
          continue;
        }
        OpBuilder builder(op);
        auto checked = checkGatheredIndex(builder, op, extract, dim);
        if (!checked)
          continue;
        Value size = sizes.materialize(builder, op.getLoc(), bound);
        emit(builder, checked->first,
             placedName(extract) + " reads index {0} of dimension " +
                 std::to_string(dim) + ", expected 0 to below {1}",
             {checked->second, size});
      }
    });
  }

  //===--------------------------------------------------------------------===//
  // Code
  //===--------------------------------------------------------------------===//

  /// At the entry if all is known there, else at the operation.
  OpBuilder place(ArrayRef<AffineExpr> exprs) {
    bool early = unconditional;
    for (AffineExpr expr : exprs)
      early &= sizes.isKnownAtEntry(sizes.normalize(expr)) ||
               sizes.isKnownAtEntry(expr);
    if (early)
      return entry;
    return OpBuilder(current);
  }

  Value code(OpBuilder &builder, AffineExpr expr) {
    bool known = sizes.isKnownAtEntry(expr);
    return sizes.materialize(builder, current->getLoc(),
                             known ? expr : sizes.normalize(expr));
  }

  void require(AffineExpr a, AffineExpr b, arith::CmpIPredicate predicate,
               const std::string &message) {
    OpBuilder builder = place({a, b});
    Location loc = current->getLoc();
    Value left = code(builder, a), right = code(builder, b);
    Value holds = arith::CmpIOp::create(builder, loc, predicate, left, right);
    emit(builder, holds, message, {left, right});
  }

  void emit(OpBuilder &builder, Value holds, const std::string &message,
            ValueRange values) {
    RequireOp::create(builder, current->getLoc(), holds, message, values);
    ++required;
  }

  SizeAnalysis sizes;
  OpBuilder entry;
  Operation *current = nullptr;
  bool unconditional = true;
  DenseMap<std::pair<AffineExpr, AffineExpr>, bool> bounded;
  DenseMap<AffineExpr, double> knownBytes;
  /// What blocks that may not run have changed there, to be undone.
  SmallVector<std::pair<AffineExpr, double>> bytesTrail;
};

struct CheckSizesPass : public nm::impl::CheckSizesBase<CheckSizesPass> {
  void runOnOperation() override {
    if (getOperation().isExternal())
      return;
    Checker checker(getOperation());
    checker.run(getOperation().getBody());
    numVisited += checker.visited;
    numRequired += checker.required;
  }
};

} // namespace
