//===- BufferSizes.cpp - Sizes that are known where a function begins -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BufferSizes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::nm;

int64_t BufferSizes::numberOf(int64_t dimension, int sample) {
  constexpr int64_t alike[] = {1, 8, 64, 512};
  constexpr int numAlike = 4, numClasses = 4;
  static_assert(kSamples == numAlike + 2 * numClasses);
  if (sample < numAlike)
    return alike[sample];
  // Dimensions of one number are mostly one size of the model.
  bool isOther =
      std::min<int64_t>(dimension, numClasses - 1) == (sample - numAlike) / 2;
  if ((sample - numAlike) % 2 == 0)
    return isOther ? 1 : 128;
  return isOther ? 256 : 4;
}

bool BufferSizes::findFactors(Value buffer, int64_t dimension,
                              SmallVectorImpl<Factor> &factors) {
  auto type = dyn_cast<MemRefType>(buffer.getType());
  if (!type || dimension < 0 || dimension >= type.getRank())
    return false;
  Builder b(type.getContext());
  auto add = [&](OpFoldResult size) {
    factors.push_back({size, Value(), 0});
    return true;
  };
  if (!type.isDynamicDim(dimension))
    return add(b.getIndexAttr(type.getDimSize(dimension)));
  Operation *op = buffer.getDefiningOp();
  if (auto cast = dyn_cast_or_null<memref::CastOp>(op))
    return findFactors(cast.getSource(), dimension, factors);
  if (auto turn = dyn_cast_or_null<memref::TransposeOp>(op))
    return findFactors(
        turn.getIn(), turn.getPermutation().getDimPosition(dimension), factors);
  if (auto alloc = dyn_cast_or_null<memref::AllocOp>(op))
    return add(alloc.getMixedSizes()[dimension]);
  if (auto expand = dyn_cast_or_null<memref::ExpandShapeOp>(op))
    return add(expand.getMixedOutputShape()[dimension]);
  if (auto cast = dyn_cast_or_null<memref::ReinterpretCastOp>(op))
    return add(cast.getMixedSizes()[dimension]);
  if (auto collapse = dyn_cast_or_null<memref::CollapseShapeOp>(op))
    return llvm::all_of(
        collapse.getReassociationIndices()[dimension], [&](int64_t source) {
          return findFactors(collapse.getSrc(), source, factors);
        });
  if (auto slice = dyn_cast_or_null<memref::SubViewOp>(op)) {
    llvm::SmallBitVector dropped = slice.getDroppedDims();
    int64_t kept = 0;
    for (auto [d, size] : llvm::enumerate(slice.getMixedSizes()))
      if (!dropped.test(d) && kept++ == dimension)
        return add(size);
    return false;
  }
  factors.push_back({OpFoldResult(), buffer, dimension});
  return true;
}

std::optional<SmallVector<BufferSizes::Factor, 2>>
BufferSizes::factorsOf(Operation *op) {
  SmallVector<Factor, 2> factors;
  auto dim = dyn_cast<memref::DimOp>(op);
  std::optional<int64_t> index;
  if (dim)
    index = dim.getConstantIndex();
  if (!index || !findFactors(dim.getSource(), *index, factors))
    return std::nullopt;
  return factors;
}

bool BufferSizes::isBefore(Value value) const {
  Operation *op = value.getDefiningOp();
  if (!op)
    return value.getParentBlock() == place->getBlock();
  return op->getBlock() == place->getBlock() && op->isBeforeInBlock(place);
}

std::optional<int64_t> BufferSizes::evaluateFactors(ArrayRef<Factor> factors,
                                                    int sample) {
  int64_t product = 1;
  for (const Factor &factor : factors) {
    std::optional<int64_t> number = getConstantIntValue(factor.size);
    if (auto value = dyn_cast_if_present<Value>(factor.size))
      number = evaluate(value, sample);
    else if (!factor.size && sample != kNoSample)
      number = numberOf(factor.dimension, sample);
    if (!number || llvm::MulOverflow(product, *number, product))
      return std::nullopt;
  }
  return product;
}

Value BufferSizes::makeFactors(ArrayRef<Factor> factors) {
  OpBuilder b(place);
  Location loc = place->getLoc();
  Value product;
  for (const Factor &factor : factors) {
    Value number;
    if (auto value = dyn_cast_if_present<Value>(factor.size)) {
      number = computeAtPlace(value);
    } else if (factor.size) {
      number = arith::ConstantIndexOp::create(
          b, loc, *getConstantIntValue(factor.size));
    } else {
      Value &known = dimensions[{factor.buffer, factor.dimension}];
      if (!known)
        known = memref::DimOp::create(b, loc, factor.buffer, factor.dimension);
      number = known;
    }
    product =
        product ? b.createOrFold<arith::MulIOp>(loc, product, number) : number;
  }
  return product;
}

std::optional<int64_t> BufferSizes::evaluate(Value value, int sample) {
  APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant)))
    return constant.getSExtValue();
  auto &cache = known[sample + 1];
  if (auto it = cache.find(value); it != cache.end())
    return it->second;
  std::optional<int64_t> result;
  Operation *op = value.getDefiningOp();
  if (op && op->getNumResults() == 1 && op->getNumRegions() == 0) {
    auto factors = factorsOf(op);
    result = factors ? evaluateFactors(*factors, sample) : fold(op, sample);
  }
  // Samples in turn take one branch and the other.
  if (!result && sample != kNoSample)
    result = value.getType().isInteger(1) ? sample % 2
                                          : numberOf(/*dimension=*/3, sample);
  cache[value] = result;
  return result;
}

std::optional<int64_t> BufferSizes::fold(Operation *op, int sample) {
  if (!isPure(op) || op->getNumOperands() == 0)
    return std::nullopt;
  Builder b(op->getContext());
  SmallVector<Attribute> operands;
  for (Value operand : op->getOperands()) {
    Type type = operand.getType();
    std::optional<int64_t> number = type.isIndex() || type.isSignlessInteger()
                                        ? evaluate(operand, sample)
                                        : std::nullopt;
    if (!number)
      return std::nullopt;
    operands.push_back(b.getIntegerAttr(type, *number));
  }
  SmallVector<OpFoldResult> results;
  if (failed(op->fold(operands, results)) || results.size() != 1)
    return std::nullopt;
  return getConstantIntValue(results.front());
}

int64_t BufferSizes::sampleOf(Value value, int sample) {
  return std::max<int64_t>(evaluate(value, sample).value_or(0), 0);
}

bool BufferSizes::isComputable(Value value) {
  if (isBefore(value))
    return true;
  Operation *op = value.getDefiningOp();
  if (!op)
    return false;
  auto [it, isNew] = computable.try_emplace(value, false);
  if (!isNew)
    return it->second;
  bool result;
  if (auto factors = factorsOf(op))
    result = llvm::all_of(*factors, [&](const Factor &factor) {
      if (auto size = dyn_cast_if_present<Value>(factor.size))
        return isComputable(size);
      return factor.size || isBefore(factor.buffer);
    });
  else
    // Of what may fail, a division, it is known here that it does not.
    result = isPure(op) && op->getNumRegions() == 0 &&
             llvm::all_of(op->getOperands(),
                          [&](Value operand) { return isComputable(operand); });
  return computable[value] = result;
}

Value BufferSizes::computeAtPlace(Value value) {
  if (isBefore(value))
    return value;
  if (Value copy = copies.lookupOrNull(value))
    return copy;
  Operation *op = value.getDefiningOp();
  if (auto factors = factorsOf(op)) {
    Value copy = makeFactors(*factors);
    copies.map(value, copy);
    return copy;
  }
  for (Value operand : op->getOperands())
    copies.map(operand, computeAtPlace(operand));
  OpBuilder b(place);
  b.clone(*op, copies);
  return copies.lookup(value);
}
