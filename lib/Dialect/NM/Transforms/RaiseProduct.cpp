//===- RaiseProduct.cpp - From a contraction to nm.matmul -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RaiseProduct.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::raise;

//===----------------------------------------------------------------------===//
// Destinations
//===----------------------------------------------------------------------===//

static bool isZeroScalar(Value value) {
  return matchPattern(value, m_AnyZeroFloat()) || matchPattern(value, m_Zero());
}

/// Whether every element is zero.
static bool isZeroTensor(Value value) {
  Attribute attr;
  if (matchPattern(value, m_Constant(&attr))) {
    auto splat = dyn_cast<SplatElementsAttr>(attr);
    if (!splat)
      return false;
    if (auto real = dyn_cast<FloatAttr>(splat.getSplatValue<Attribute>()))
      return real.getValue().isZero();
    auto integer = dyn_cast<IntegerAttr>(splat.getSplatValue<Attribute>());
    return integer && integer.getValue().isZero();
  }
  Operation *def = value.getDefiningOp();
  if (!def)
    return false;
  if (auto fill = dyn_cast<linalg::FillOp>(def))
    return isZeroScalar(fill.value());
  if (auto generic = dyn_cast<linalg::GenericOp>(def)) {
    Value yielded = generic.getBlock()->getTerminator()->getOperand(0);
    if (auto argument = dyn_cast<BlockArgument>(yielded);
        argument && argument.getOwner() == generic.getBlock()) {
      OpOperand *input = generic.getMatchingOpOperand(argument);
      return isa<RankedTensorType>(input->get().getType())
                 ? isZeroTensor(input->get())
                 : isZeroScalar(input->get());
    }
    return isZeroScalar(yielded);
  }
  if (auto splat = dyn_cast<tensor::SplatOp>(def))
    return isZeroScalar(splat.getInput());
  if (isa<tensor::CastOp, tensor::ExpandShapeOp, tensor::CollapseShapeOp,
          linalg::BroadcastOp, linalg::TransposeOp>(def))
    return isZeroTensor(def->getOperand(0));
  return false;
}

/// The shortest projected permutation of the result's dimensions that `init`
/// can be read by: a bias broadcast into the destination is the bias.
static View getAddend(Value init) {
  MLIRContext *context = init.getContext();
  unsigned rank = cast<RankedTensorType>(init.getType()).getRank();
  View view{init, AffineMap::getMultiDimIdentityMap(rank, context)};
  View best = view;
  std::string stop;
  for (FailureOr<View> up = stepUp(view, stop); succeeded(up);
       up = stepUp(view, stop)) {
    view = *up;
    Type element = view.getType().getElementType();
    bool isAddable = element.isF32() || element.isBF16() || element.isF16() ||
                     element.isSignlessInteger(32);
    if (view.map.isProjectedPermutation() && isAddable)
      best = view;
  }
  return best;
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

namespace {
/// An operand read as [batch.., first, second] or as [batch.., second, first].
struct Form {
  bool batched;
  bool swapped;
};
} // namespace

static std::optional<Form> matchForm(const View &view, ArrayRef<unsigned> batch,
                                     std::optional<unsigned> first,
                                     unsigned second,
                                     ArrayRef<int64_t> loopSizes) {
  auto isLoop = [&](AffineExpr expr, unsigned loop) {
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      return dim.getPosition() == loop;
    return loopSizes[loop] == 1; // the constant 0
  };
  ArrayRef<AffineExpr> results = view.map.getResults();
  if (!first) {
    if (results.size() != 1 || !isLoop(results[0], second))
      return std::nullopt;
    return Form{false, false};
  }
  bool batched = results.size() != 2;
  if (batched && (batch.empty() || results.size() != batch.size() + 2))
    return std::nullopt;
  if (batched)
    for (auto [expr, loop] : llvm::zip(results, batch))
      if (!isLoop(expr, loop))
        return std::nullopt;
  AffineExpr a = results[results.size() - 2], b = results.back();
  if (isLoop(a, *first) && isLoop(b, second))
    return Form{batched, false};
  if (isLoop(a, second) && isLoop(b, *first))
    return Form{batched, true};
  return std::nullopt;
}

static bool isOperandType(Type element, bool integer) {
  if (integer)
    return element.isSignlessInteger(8);
  return element.isF32() || element.isBF16() || element.isF16();
}

/// `map` with the constant 0 for loops of one iteration.
static AffineMap dropUnitLoops(AffineMap map, ArrayRef<int64_t> loopSizes) {
  SmallVector<AffineExpr> results;
  for (AffineExpr expr : map.getResults()) {
    auto loop = dyn_cast<AffineDimExpr>(expr);
    bool isUnit = loop && loopSizes[loop.getPosition()] == 1;
    results.push_back(isUnit ? getAffineConstantExpr(0, map.getContext())
                             : expr);
  }
  return AffineMap::get(map.getNumDims(), 0, results, map.getContext());
}

namespace {

/// Plans nm.matmul in place of a contraction, step by step; a step that fails
/// says why in `reason`.
class ProductPlanner {
public:
  ProductPlanner(const Contraction &contraction, unsigned side,
                 const Weight &weight, std::string &reason)
      : contraction(contraction), other(contraction.operands[1 - side]),
        sizes(contraction.loopSizes), k(contraction.k), reason(reason) {
    product.contraction = contraction;
    product.weight = weight;
  }

  std::optional<Product> run() {
    if (failed(placeLoops()) || failed(placeWeight()) ||
        failed(checkElementType()) || failed(dropUnitBatches()))
      return std::nullopt;
    Value init = product.contraction.op.getDpsInits()[0];
    product.addend.isZero = isZeroTensor(init);
    if (!product.addend.isZero)
      product.addend.view = getAddend(init);
    if (failed(placeDense()))
      return std::nullopt;
    return std::move(product);
  }

private:
  LogicalResult placeLoops();
  LogicalResult placeWeight();
  LogicalResult checkElementType();
  LogicalResult dropUnitBatches();
  LogicalResult placeDense();

  const Contraction &contraction;
  const View &other; ///< the dense operand
  ArrayRef<int64_t> sizes;
  unsigned k;
  std::string &reason;

  Product product;
  std::optional<unsigned> row; ///< the loop that only the dense operand follows
  SmallVector<unsigned> batch;
  bool weightBatched = false;
};

} // namespace

/// Finds the loop that only the weight follows, and what the others are.
LogicalResult ProductPlanner::placeLoops() {
  SmallVector<unsigned> outer; // the result's dimensions, as loops
  for (AffineExpr expr : contraction.result.getResults())
    outer.push_back(cast<AffineDimExpr>(expr).getPosition());
  SmallVector<unsigned> own;
  for (unsigned loop : outer)
    if (!other.getDimOf(loop) && product.weight.view.getDimOf(loop))
      own.push_back(loop);
  if (own.size() != 1) {
    reason = llvm::formatv("the weight has {0} dimensions of its own, "
                           "expected one",
                           own.size());
    return failure();
  }
  product.free = own[0];
  product.vector = outer.size() == 1;
  if (product.vector)
    return success();
  size_t position = llvm::find(outer, own[0]) - outer.begin();
  if (position + 2 < outer.size()) {
    reason = llvm::formatv("the weight's own dimension is dimension {0} of a "
                           "result of rank {1}, expected one of the last two",
                           position, outer.size());
    return failure();
  }
  product.weightLeft = position + 2 == outer.size();
  row = outer[product.weightLeft ? outer.size() - 1 : outer.size() - 2];
  batch.assign(outer.begin(), outer.end() - 2);
  return success();
}

LogicalResult ProductPlanner::placeWeight() {
  View read = product.weight.view;
  if (matchPattern(read.value, m_Constant())) {
    SmallVector<AffineExpr> results;
    for (unsigned dim : getKeptDims(read.map, k, product.free, sizes))
      results.push_back(read.map.getResult(dim));
    read.map = AffineMap::get(read.map.getNumDims(), 0, results,
                              read.map.getContext());
  }
  std::optional<Form> form =
      product.weightLeft ? matchForm(read, batch, product.free, k, sizes)
                         : matchForm(read, batch, k, product.free, sizes);
  if (!form) {
    reason = "the weight's dimensions are not [batch.., k, j] in either order "
             "of the last two";
    return failure();
  }
  product.transposeWeight = form->swapped;
  weightBatched = form->batched;
  return success();
}

LogicalResult ProductPlanner::checkElementType() {
  Type element = product.weight.view.getType().getElementType();
  bool isInteger = element.isSignlessInteger(8);
  if (isInteger || (!contraction.integer && isOperandType(element, false)))
    return success();
  llvm::raw_string_ostream(reason)
      << "its element type is " << element
      << (contraction.integer ? ", expected i8"
                              : ", expected f32, bf16, f16 or i8");
  return failure();
}

/// A batch that the product drops is of size 1, and so is what a scale has of
/// it.
LogicalResult ProductPlanner::dropUnitBatches() {
  for (View &scale : product.weight.scales) {
    scale.map = dropUnitLoops(scale.map, sizes);
    for (auto [dim, expr] : llvm::enumerate(scale.map.getResults()))
      if (isa<AffineConstantExpr>(expr) &&
          scale.getType().getDimSize(dim) != 1) {
        reason = llvm::formatv("dimension {0} of its scale is not known to be "
                               "of size 1",
                               dim);
        return failure();
      }
  }
  return success();
}

/// Takes the furthest producer that nm.matmul can read in place of the dense
/// operand.
LogicalResult ProductPlanner::placeDense() {
  bool unitBatch =
      llvm::all_of(batch, [&](unsigned loop) { return sizes[loop] == 1; });
  bool found = false;
  View view = other;
  std::string stop;
  while (true) {
    auto matched = product.weightLeft ? matchForm(view, batch, k, *row, sizes)
                                      : matchForm(view, batch, row, k, sizes);
    if (matched &&
        isOperandType(view.getType().getElementType(), contraction.integer)) {
      bool drop = !batch.empty() && !matched->batched && !weightBatched;
      if (!drop || (unitBatch && product.addend.isZero)) {
        found = true;
        product.dense = view;
        product.transposeDense = matched->swapped;
        product.dropBatch = drop;
      }
    }
    FailureOr<View> up = stepUp(view, stop);
    if (failed(up))
      break;
    view = *up;
  }
  if (found)
    return success();
  reason = contraction.integer
               ? "the other operand is not an i8 [batch.., i, k]"
               : "the other operand's dimensions are not [batch.., i, k] in "
                 "either order of the last two";
  return failure();
}

std::optional<Product>
mlir::nm::raise::planProduct(const Contraction &contraction, unsigned side,
                             const Weight &weight, std::string &reason) {
  return ProductPlanner(contraction, side, weight, reason).run();
}

//===----------------------------------------------------------------------===//
// Construction
//===----------------------------------------------------------------------===//

/// acc * scales.. + e, in the accumulator's type, rounded once to the result's.
/// The operands are the scales, then the addend if there is one.
static void buildEpilogue(MatmulOp matmul, size_t scales,
                          RewriterBase &rewriter) {
  OpBuilder::InsertionGuard guard(rewriter);
  Location loc = matmul.getLoc();
  Type accumulator = matmul.getAccumulatorType();
  Type result = matmul.getResult().getType().getElementType();
  SmallVector<Type> types{accumulator};
  for (Value operand : matmul.getEpilogueOperands())
    types.push_back(getElementTypeOrSelf(operand));
  Block *block = rewriter.createBlock(&matmul.getEpilogue(), {}, types,
                                      SmallVector<Location>(types.size(), loc));
  Value sum = block->getArgument(0);
  for (BlockArgument argument : block->getArguments().drop_front()) {
    Value operand = argument;
    if (accumulator.isInteger()) {
      sum = arith::AddIOp::create(rewriter, loc, sum, operand);
      continue;
    }
    if (operand.getType() != accumulator)
      operand = arith::ExtFOp::create(rewriter, loc, accumulator, operand);
    if (argument.getArgNumber() <= scales)
      sum = arith::MulFOp::create(rewriter, loc, sum, operand);
    else
      sum = arith::AddFOp::create(rewriter, loc, sum, operand);
  }
  if (result != sum.getType())
    sum = arith::TruncFOp::create(rewriter, loc, result, sum);
  YieldOp::create(rewriter, loc, sum);
}

/// A tensor of the elements of `scale` without dimensions of size 1 that no
/// loop follows.
static Value dropUnitDims(const View &scale, RewriterBase &rewriter) {
  Location loc = scale.value.getLoc();
  if (!isa<RankedTensorType>(scale.value.getType()))
    return tensor::FromElementsOp::create(
        rewriter, loc, RankedTensorType::get({}, scale.value.getType()),
        scale.value);
  if (scale.map.isProjectedPermutation())
    return scale.value;
  // Every dimension that nothing follows joins its neighbour.
  SmallVector<ReassociationIndices> groups;
  ReassociationIndices units;
  for (auto [dim, expr] : llvm::enumerate(scale.map.getResults())) {
    units.push_back(dim);
    if (isa<AffineDimExpr>(expr))
      groups.push_back(std::exchange(units, {}));
  }
  if (!groups.empty())
    llvm::append_range(groups.back(), units);
  return tensor::CollapseShapeOp::create(rewriter, loc, scale.value, groups);
}

/// How the result of `product` reads a scale: loops become its dimensions.
static AffineMap getScaleMap(const Product &product, const View &scale,
                             int64_t rank) {
  ArrayRef<AffineExpr> outer = product.contraction.result.getResults();
  int64_t shift = rank - int64_t(outer.size()); // added or dropped dimensions
  MLIRContext *context = scale.map.getContext();
  SmallVector<AffineExpr> results;
  for (AffineExpr expr : scale.map.getResults())
    if (isa<AffineDimExpr>(expr)) {
      int64_t dim = llvm::find(outer, expr) - outer.begin();
      results.push_back(getAffineDimExpr(dim + shift, context));
    }
  return AffineMap::get(rank, 0, results, context);
}

/// A destination of the shape that the result of the product has. nm.matmul
/// only writes it, so that what a fill would have written is not needed.
static Value buildDestination(const Product &product, Location loc, Value init,
                              RewriterBase &rewriter) {
  Type element = getElementTypeOrSelf(init);
  if (auto fill = init.getDefiningOp<linalg::FillOp>())
    if (auto empty = fill.output().getDefiningOp<tensor::EmptyOp>()) {
      if (!product.vector && !product.dropBatch)
        return empty;
      init = empty;
    }
  SmallVector<OpFoldResult> sizes;
  if (auto empty = init.getDefiningOp<tensor::EmptyOp>())
    sizes = empty.getMixedSizes();
  else
    sizes = tensor::getMixedSizes(rewriter, loc, init);
  if (product.vector)
    sizes.insert(sizes.begin(), rewriter.getIndexAttr(1));
  if (product.dropBatch)
    sizes.erase(sizes.begin(), sizes.end() - 2);
  return tensor::EmptyOp::create(rewriter, loc, sizes, element);
}

MatmulOp mlir::nm::raise::buildProduct(Product &product, WeightEncoder &encoder,
                                       RewriterBase &rewriter) {
  linalg::LinalgOp op = product.contraction.op;
  Location loc = op.getLoc();
  Value init = op.getDpsInits()[0];
  auto resultType = cast<RankedTensorType>(init.getType());
  int64_t rank = resultType.getRank();
  Value weight =
      encoder.encode(product.weight, product.contraction.k, product.free,
                     product.contraction.loopSizes, rewriter);
  Value dense = product.dense.value;
  ReassociationIndices all{0, 1};
  if (product.vector) {
    auto size = tensor::getMixedSize(rewriter, loc, dense, 0);
    auto type = cast<RankedTensorType>(dense.getType());
    dense = tensor::ExpandShapeOp::create(
        rewriter, loc,
        RankedTensorType::get({1, type.getDimSize(0)}, type.getElementType()),
        dense, ArrayRef<ReassociationIndices>{all},
        ArrayRef<OpFoldResult>{rewriter.getIndexAttr(1), size});
  }
  Value destination = buildDestination(product, loc, init, rewriter);

  SmallVector<Value> operands;
  SmallVector<AffineMap> maps;
  int64_t matmulRank = cast<RankedTensorType>(destination.getType()).getRank();
  for (const View &scale : product.weight.scales) {
    operands.push_back(dropUnitDims(scale, rewriter));
    maps.push_back(getScaleMap(product, scale, matmulRank));
  }
  if (!product.addend.isZero) {
    operands.push_back(product.addend.view.value);
    AffineMap map = product.addend.view.map;
    maps.push_back(product.vector ? map.shiftDims(1) : map);
  }
  Value lhs = product.weightLeft ? weight : dense;
  Value rhs = product.weightLeft ? dense : weight;
  bool transposeLhs =
      product.weightLeft ? product.transposeWeight : product.transposeDense;
  bool transposeRhs =
      product.weightLeft ? product.transposeDense : product.transposeWeight;
  auto matmul = MatmulOp::create(rewriter, loc, lhs, rhs, destination,
                                 transposeLhs, transposeRhs, operands, maps);
  if (!operands.empty())
    buildEpilogue(matmul, product.weight.scales.size(), rewriter);

  Value result = matmul.getResult();
  if (product.vector) {
    result = tensor::CollapseShapeOp::create(
        rewriter, loc, resultType, result, ArrayRef<ReassociationIndices>{all});
  } else if (product.dropBatch) {
    SmallVector<ReassociationIndices> groups(2);
    for (int64_t dim = 0; dim + 1 < rank; ++dim)
      groups[0].push_back(dim);
    groups[1].push_back(rank - 1);
    SmallVector<OpFoldResult> sizes(rank - 2, rewriter.getIndexAttr(1));
    llvm::append_range(sizes,
                       tensor::getMixedSizes(rewriter, loc, destination));
    result = tensor::ExpandShapeOp::create(rewriter, loc, resultType, result,
                                           groups, sizes);
  }
  product.replacement = result;
  return matmul;
}
