//===- RaiseView.cpp - Matrix products and where they read from -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/NM/Transforms/RaiseView.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "nm/Dialect/NM/Transforms/WideDims.h"

using namespace mlir;
using namespace mlir::nm::raise;

//===----------------------------------------------------------------------===//
// Views
//===----------------------------------------------------------------------===//

bool mlir::nm::raise::readsWholeDimensions(AffineMap map) {
  SmallVector<bool> seen(map.getNumDims());
  if (map.getNumSymbols() != 0)
    return false;
  return llvm::all_of(map.getResults(), [&](AffineExpr expr) {
    if (auto constant = dyn_cast<AffineConstantExpr>(expr))
      return constant.getValue() == 0;
    auto dim = dyn_cast<AffineDimExpr>(expr);
    return dim && !std::exchange(seen[dim.getPosition()], true);
  });
}

std::optional<unsigned> View::getDimOf(unsigned loop) const {
  for (auto [dim, expr] : llvm::enumerate(map.getResults()))
    if (auto position = dyn_cast<AffineDimExpr>(expr))
      if (position.getPosition() == loop)
        return dim;
  return std::nullopt;
}

/// Extensions lose nothing: a product may as well read the narrow values.
static bool isExactExtension(Operation *op) {
  if (isa<arith::ExtFOp, arith::ExtSIOp>(op))
    return true;
  // Every i8 is an f32.
  return isa<arith::SIToFPOp>(op) &&
         getElementTypeOrSelf(op->getOperand(0)).isSignlessInteger(8);
}

/// Whether `op` only moves, repeats or widens the elements of its one input.
static bool isDataMovement(linalg::LinalgOp op) {
  if (op.getNumDpsInputs() != 1 || op.getNumDpsInits() != 1 ||
      op.getNumReductionLoops() != 0 || op.hasIndexSemantics() ||
      !isa<RankedTensorType>(op.getDpsInputs()[0].getType()))
    return false;
  Block *block = op.getBlock();
  Value yielded = block->getTerminator()->getOperand(0);
  if (Operation *def = yielded.getDefiningOp())
    if (def->getBlock() == block && isExactExtension(def))
      yielded = def->getOperand(0);
  return yielded == block->getArgument(0);
}

FailureOr<View> mlir::nm::raise::stepUp(const View &view, std::string &stop) {
  MLIRContext *context = view.map.getContext();
  Operation *def = view.value.getDefiningOp();
  if (!def) {
    stop = "a block argument";
    return failure();
  }
  stop = "'" + def->getName().getStringRef().str() + "'";
  unsigned loops = view.map.getNumDims();
  AffineExpr zero = getAffineConstantExpr(0, context);

  if (auto op = dyn_cast<linalg::LinalgOp>(def)) {
    if (!isDataMovement(op))
      return failure();
    AffineMap in = op.getIndexingMapsArray()[0];
    AffineMap out = op.getIndexingMapsArray()[1];
    if (!out.isPermutation() || !readsWholeDimensions(in))
      return failure();
    return View{op.getDpsInputs()[0],
                in.compose(inversePermutation(out)).compose(view.map)};
  }
  if (isExactExtension(def))
    return View{def->getOperand(0), view.map};
  if (auto cast = dyn_cast<tensor::CastOp>(def)) {
    if (!isa<RankedTensorType>(cast.getSource().getType()))
      return failure();
    return View{cast.getSource(), view.map};
  }
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(def)) {
    auto kept = nm::getWideDims(collapse.getSrcType(),
                                collapse.getReassociationIndices());
    if (!kept) {
      stop += ", which merges dimensions";
      return failure();
    }
    SmallVector<AffineExpr> results(collapse.getSrcType().getRank(), zero);
    for (auto [expr, dim] : llvm::zip(view.map.getResults(), *kept))
      if (dim >= 0)
        results[dim] = expr;
    return View{collapse.getSrc(), AffineMap::get(loops, 0, results, context)};
  }
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(def)) {
    auto kept = nm::getWideDims(expand.getResultType(),
                                expand.getReassociationIndices());
    if (!kept) {
      stop += ", which splits a dimension";
      return failure();
    }
    SmallVector<AffineExpr> results;
    for (int64_t dim : *kept)
      results.push_back(dim >= 0 ? view.map.getResult(dim) : zero);
    return View{expand.getSrc(), AffineMap::get(loops, 0, results, context)};
  }
  return failure();
}

static Value stripExtension(Value value) {
  while (Operation *def = value.getDefiningOp()) {
    if (!isExactExtension(def))
      break;
    value = def->getOperand(0);
  }
  return value;
}

/// Follows `view` up to where it is read by neither `k` nor the constant 0, or
/// else only not by `k`. Null if every producer is read by `k`.
static std::optional<View> asScale(View view, unsigned k) {
  std::optional<View> best;
  std::string stop;
  for (FailureOr<View> up = view; succeeded(up); up = stepUp(view, stop)) {
    view = *up;
    bool isFloat = isa<FloatType>(view.getType().getElementType()) &&
                   view.getType().getElementTypeBitWidth() <= 32;
    if (!isFloat || view.getDimOf(k))
      continue;
    best = view;
    if (view.map.isProjectedPermutation())
      break;
  }
  return best;
}

FailureOr<Scaled> mlir::nm::raise::stepThroughScale(const View &view,
                                                    unsigned k,
                                                    std::string &stop) {
  auto op = view.value.getDefiningOp<linalg::LinalgOp>();
  if (!op || op.getNumDpsInits() != 1 || op.getNumReductionLoops() != 0 ||
      op.hasIndexSemantics())
    return failure();
  Block *block = op.getBlock();
  auto mul =
      block->getTerminator()->getOperand(0).getDefiningOp<arith::MulFOp>();
  AffineMap out = op.getIndexingMapsArray().back();
  if (!mul || mul->getBlock() != block || !out.isPermutation())
    return failure();
  AffineMap loops = inversePermutation(out).compose(view.map);
  // What each factor reads: a tensor, or a scalar from outside.
  std::optional<View> factors[2];
  for (int i : {0, 1}) {
    Value value = stripExtension(mul->getOperand(i));
    if (value.getParentBlock() != block) {
      auto type = dyn_cast<FloatType>(value.getType());
      if (type && type.getWidth() <= 32)
        factors[i] =
            View{value, AffineMap::get(loops.getNumDims(), 0, op.getContext())};
      continue;
    }
    auto argument = dyn_cast<BlockArgument>(value);
    if (!argument || argument.getArgNumber() >= op.getNumDpsInputs())
      continue;
    OpOperand *input = op.getMatchingOpOperand(argument);
    AffineMap in = op.getMatchingIndexingMap(input);
    if (isa<RankedTensorType>(input->get().getType()) &&
        readsWholeDimensions(in))
      factors[i] = View{input->get(), in.compose(loops)};
  }
  if (!factors[0] || !factors[1])
    return failure();
  for (int i : {0, 1}) {
    View &weight = *factors[i], &scale = *factors[1 - i];
    if (!isa<RankedTensorType>(weight.value.getType()) || !weight.getDimOf(k))
      continue;
    if (!isa<RankedTensorType>(scale.value.getType()))
      return Scaled{weight, scale};
    if (std::optional<View> found = asScale(scale, k))
      return Scaled{weight, *found};
  }
  stop += ", whose factors both run along the contraction";
  return failure();
}

//===----------------------------------------------------------------------===//
// Contractions
//===----------------------------------------------------------------------===//

/// Whether the block yields `out + ext(in0) * ext(in1)`.
static bool isSumOfProducts(Block &block) {
  if (block.getNumArguments() != 3)
    return false;
  Operation *add = block.getTerminator()->getOperand(0).getDefiningOp();
  if (!isa_and_nonnull<arith::AddFOp, arith::AddIOp>(add))
    return false;
  Value sum = block.getArgument(2);
  Value product = add->getOperand(0) == sum   ? add->getOperand(1)
                  : add->getOperand(1) == sum ? add->getOperand(0)
                                              : Value();
  Operation *mul = product ? product.getDefiningOp() : nullptr;
  if (!isa_and_nonnull<arith::MulFOp, arith::MulIOp>(mul))
    return false;
  Value a = stripExtension(mul->getOperand(0));
  Value b = stripExtension(mul->getOperand(1));
  return (a == block.getArgument(0) && b == block.getArgument(1)) ||
         (a == block.getArgument(1) && b == block.getArgument(0));
}

FailureOr<Contraction> mlir::nm::raise::matchContraction(linalg::LinalgOp op,
                                                         std::string &why) {
  why.clear();
  if (!op.hasPureTensorSemantics() || op.getNumDpsInputs() != 2 ||
      op.getNumDpsInits() != 1 || op.getNumReductionLoops() == 0)
    return failure();
  bool sumOfProducts = isSumOfProducts(*op.getBlock());
  // A named product with another body multiplies unsigned, or in a wider type.
  if (!sumOfProducts && !isa<linalg::ContractionOpInterface>(op.getOperation()))
    return failure();
  if (!sumOfProducts) {
    why = "the body is not a sum of products of exactly extended operands";
    return failure();
  }
  for (Value input : op.getDpsInputs())
    if (!isa<RankedTensorType>(input.getType()))
      return failure();

  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  Contraction result;
  result.op = op;
  for (int i : {0, 1})
    result.operands[i] = View{op.getDpsInputs()[i], maps[i]};
  result.result = maps[2];
  result.loopSizes = op.getStaticLoopRanges();
  if (!llvm::all_of(maps, readsWholeDimensions) ||
      !maps[2].isProjectedPermutation()) {
    why = "an operand is not read by whole dimensions";
    return failure();
  }
  if (op.getNumReductionLoops() != 1) {
    why = "it sums over " + std::to_string(op.getNumReductionLoops()) +
          " dimensions, expected one";
    return failure();
  }
  SmallVector<unsigned> reductions;
  op.getReductionDims(reductions);
  result.k = reductions[0];
  for (int i : {0, 1})
    if (!result.operands[i].getDimOf(result.k)) {
      why = "an operand does not run along the summed dimension";
      return failure();
    }
  if (maps[2].getNumResults() != op.getNumParallelLoops()) {
    why = "the result does not have every parallel dimension";
    return failure();
  }
  Type element = getElementTypeOrSelf(op.getDpsInits()[0]);
  result.integer = element.isSignlessInteger(32);
  if (!result.integer && !element.isF32() && !element.isBF16() &&
      !element.isF16()) {
    llvm::raw_string_ostream(why) << "it accumulates in " << element
                                  << ", expected f32, bf16, f16 or i32";
    return failure();
  }
  return result;
}
