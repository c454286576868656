//===- RaiseWeight.cpp - The N:M operand of a product -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RaiseWeight.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "nm/Dialect/NM/IR/NMConstants.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::raise;

/// The pattern that an attribute promises for `value`. An attribute that
/// encodes no pattern of that type is an error.
static FailureOr<SparsityAttr> getPromise(Value value) {
  Attribute attr;
  if (Operation *def = value.getDefiningOp()) {
    if (def->getNumResults() == 1)
      attr = def->getDiscardableAttr(kSparsityAttrName);
  } else {
    auto argument = cast<BlockArgument>(value);
    auto function =
        dyn_cast<FunctionOpInterface>(argument.getOwner()->getParentOp());
    if (function && argument.getOwner()->isEntryBlock())
      attr = function.getArgAttr(argument.getArgNumber(), kSparsityAttrName);
  }
  if (!attr)
    return SparsityAttr();
  auto emit = [&] {
    return mlir::emitError(value.getLoc())
           << "attribute '" << kSparsityAttrName << "': ";
  };
  auto sparsity = dyn_cast<SparsityAttr>(attr);
  if (!sparsity)
    return emit() << "expected #nm.sparsity<n:m, axis = a>, got " << attr;
  auto type = cast<RankedTensorType>(value.getType());
  if (failed(sparsity.verifyEncoding(type.getShape(), type.getElementType(),
                                     emit)))
    return failure();
  return sparsity;
}

static bool isStorable(Type element) {
  return element.isF32() || element.isBF16() || element.isF16() ||
         element.isSignlessInteger(8);
}

/// A weight of pattern `sparsity`, if that lies along the contraction.
static std::optional<Weight> along(const View &view, unsigned dim,
                                   SparsityAttr sparsity, StringRef origin,
                                   std::string &reason) {
  if (sparsity.getAxis() == static_cast<int64_t>(dim))
    return Weight{view, sparsity, origin};
  reason = llvm::formatv("its pattern {0} ({1}) lies along dimension {2}, the "
                         "contraction is dimension {3}",
                         sparsity.getPatternString(), origin,
                         sparsity.getAxis(), dim);
  return std::nullopt;
}

static std::optional<Weight> findInConstant(const View &view, unsigned dim,
                                            DenseElementsAttr constant,
                                            const WeightOptions &options,
                                            std::string &reason) {
  RankedTensorType type = view.getType();
  if (!isStorable(type.getElementType())) {
    llvm::raw_string_ostream(reason)
        << "it is a constant of " << type.getElementType()
        << ", expected f32, bf16, f16 or i8";
    return std::nullopt;
  }
  if (options.detect) {
    FailureOr<SparsityAttr> found = detectSparsity(constant, dim);
    if (succeeded(found) && !found->isDense())
      return Weight{view, *found, "found in the constant"};
  }
  if (options.dense)
    return Weight{view, SparsityAttr::get(type.getContext(), 1, 1, dim),
                  "dense constant"};
  if (options.detect)
    for (int64_t axis = 0; axis < type.getRank(); ++axis)
      if (FailureOr<SparsityAttr> other = detectSparsity(constant, axis);
          succeeded(other) && axis != static_cast<int64_t>(dim) &&
          !other->isDense())
        return along(view, dim, *other, "found in the constant", reason);
  reason = options.detect ? "it is a dense constant"
                          : "it is a constant, and detection is off";
  return std::nullopt;
}

/// What `view` itself says of a pattern; `found` tells whether it says
/// anything.
static FailureOr<std::optional<Weight>> findHere(const View &view, unsigned dim,
                                                 const WeightOptions &options,
                                                 std::string &reason,
                                                 bool &found) {
  found = true;
  FailureOr<SparsityAttr> promise = getPromise(view.value);
  if (failed(promise))
    return failure();
  if (*promise)
    return along(view, dim, *promise, "declared by attribute", reason);
  if (DenseElementsAttr constant = getConstantElements(view.value))
    return findInConstant(view, dim, constant, options, reason);
  if (auto op = view.value.getDefiningOp<DecompressOp>())
    return along(view, dim, nm::getSparsity(op.getSource().getType()),
                 "declared by its type", reason);
  if (auto op = view.value.getDefiningOp<PruneOp>())
    return along(view, dim, op.getSparsity(), "pruned", reason);
  if (auto op = view.value.getDefiningOp<ParamOp>()) {
    if (options.dense && isStorable(view.getType().getElementType()))
      return std::optional(Weight{view,
                                  SparsityAttr::get(op.getContext(), 1, 1, dim),
                                  "dense parameter"});
    reason = "parameter '" + op.getKey().str() +
             "' is dense; nm-declare-sparsity finds its pattern in a "
             "checkpoint";
    return std::optional<Weight>();
  }
  found = false;
  return std::optional<Weight>();
}

FailureOr<std::optional<Weight>>
mlir::nm::raise::findWeight(View view, unsigned k, const WeightOptions &options,
                            std::string &reason) {
  std::optional<Weight> none;
  SmallVector<View> scales;
  while (true) {
    std::optional<unsigned> dim = view.getDimOf(k);
    if (!dim) {
      reason = "it does not run along the contraction";
      return none;
    }
    bool isFound;
    FailureOr<std::optional<Weight>> here =
        findHere(view, *dim, options, reason, isFound);
    if (failed(here))
      return failure();
    if (*here)
      (*here)->scales = scales;
    if (isFound)
      return here;
    std::string stop;
    FailureOr<View> up = stepUp(view, stop);
    if (failed(up)) {
      FailureOr<Scaled> scaled = stepThroughScale(view, k, stop);
      if (failed(scaled)) {
        reason = "it comes from " + stop;
        return none;
      }
      scales.push_back(scaled->scale);
      up = scaled->view;
    }
    view = *up;
  }
}

SmallVector<unsigned>
mlir::nm::raise::getKeptDims(AffineMap map, unsigned k, unsigned free,
                             ArrayRef<int64_t> loopSizes) {
  SmallVector<unsigned> matrix, all;
  bool isMatrix = true;
  for (auto [dim, expr] : llvm::enumerate(map.getResults())) {
    all.push_back(dim);
    auto loop = dyn_cast<AffineDimExpr>(expr);
    if (loop && (loop.getPosition() == k || loop.getPosition() == free))
      matrix.push_back(dim);
    else if (loop && loopSizes[loop.getPosition()] != 1)
      isMatrix = false;
  }
  return isMatrix ? matrix : all;
}

Value WeightEncoder::encode(Weight &weight, unsigned k, unsigned free,
                            ArrayRef<int64_t> loopSizes,
                            RewriterBase &rewriter) {
  Value source = weight.view.value;
  if (auto op = source.getDefiningOp<DecompressOp>())
    return op.getSource();

  RankedTensorType dense = weight.view.getType();
  DenseElementsAttr constant = getConstantElements(source);
  if (constant) {
    SmallVector<int64_t> shape;
    SmallVector<AffineExpr> results;
    for (unsigned dim : getKeptDims(weight.view.map, k, free, loopSizes)) {
      results.push_back(weight.view.map.getResult(dim));
      shape.push_back(dense.getDimSize(dim));
    }
    weight.view.map = AffineMap::get(weight.view.map.getNumDims(), 0, results,
                                     rewriter.getContext());
    dense = RankedTensorType::get(shape, dense.getElementType());
    weight.sparsity = weight.sparsity.withPattern(weight.sparsity.getN(),
                                                  weight.sparsity.getM(),
                                                  *weight.view.getDimOf(k));
  }
  RankedTensorType encoded = getEncodedType(dense, weight.sparsity);
  Value &result = made[{source, encoded}];
  if (result)
    return result;

  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPointAfterValue(source);
  Location loc = source.getLoc();
  if (auto param = source.getDefiningOp<ParamOp>()) {
    // The loader verifies and packs: nothing dense is ever made.
    result = ParamOp::create(rewriter, loc, encoded, param.getKeyAttr(),
                             param.getScopeAttr());
    return result;
  }
  if (constant) {
    auto plain = source.getDefiningOp<arith::ConstantOp>();
    if (!plain || plain.getValue() != constant || plain.getType() != dense)
      source =
          arith::ConstantOp::create(rewriter, loc, constant.reshape(dense));
  }
  result = CompressOp::create(rewriter, loc, encoded, source);
  return result;
}
