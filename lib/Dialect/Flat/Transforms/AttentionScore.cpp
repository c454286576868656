//===- AttentionScore.cpp - Score functions, several keys at a time -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What depends on the row only stays scalar, and leaves the loops. Positions
// are 64 bits wide, for which AVX2 has neither enough lanes nor conversions:
// where the region only adds, compares and converts them, they are computed in
// 32 bits.
//
//===----------------------------------------------------------------------===//

#include "AttentionScore.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include <numeric>

using namespace mlir;
using namespace mlir::flat;

namespace {

/// Positions and their differences stay below this.
constexpr int64_t kNarrowLimit = int64_t(1) << 30;

bool isPositionType(Type type) { return type.isIndex() || type.isInteger(64); }

/// True if `element`, a 64-bit number from memory, is only compared with
/// positions and constants: numbers beyond all positions may then be any other
/// such number.
bool isCompared(BlockArgument element) {
  return llvm::all_of(element.getUsers(), [&](Operation *user) {
    return isa<arith::CmpIOp>(user) &&
           llvm::count_if(user->getOperands(), [](Value operand) {
             auto argument = dyn_cast<BlockArgument>(operand);
             return argument && argument.getArgNumber() >= 5;
           }) == 1;
  });
}

/// True if 32 bits suffice for every position that the region computes.
bool isNarrow(Block &block) {
  for (BlockArgument element : block.getArguments().drop_front(5))
    if (isPositionType(element.getType()) && !isCompared(element))
      return false;
  for (Operation &op : block.without_terminator()) {
    APInt constant;
    if (matchPattern(&op, m_ConstantInt(&constant))) {
      if (constant.getSignificantBits() > 30)
        return false;
      continue;
    }
    bool onPositions = llvm::any_of(op.getOperandTypes(), isPositionType) ||
                       llvm::any_of(op.getResultTypes(), isPositionType);
    if (onPositions && !isa<arith::AddIOp, arith::SubIOp, arith::CmpIOp,
                            arith::SelectOp, arith::MinSIOp, arith::MaxSIOp,
                            arith::IndexCastOp, arith::SIToFPOp>(op))
      return false;
  }
  return true;
}

bool isWidenable(Block &block) {
  return llvm::all_of(block.without_terminator(), [](Operation &op) {
    return matchPattern(&op, m_Constant()) ||
           OpTrait::hasElementwiseMappableTraits(&op);
  });
}

class ScoreEmitter {
public:
  ScoreEmitter(AttentionBuilder &b, AttentionOp op,
               const AttentionProblem::Position &position, Value keys)
      : b(b), op(op), position(position), keys(keys), lanes(position.lanes) {}

  Value region(Value logits, Value yielded) {
    Block &block = op.getScore().front();
    Value row = position.row;
    if (Value offset = op.getOffset())
      row = b.add(offset, row);
    IRMapping mapping;
    mapping.map(block.getArgument(1), position.batch);
    mapping.map(block.getArgument(2), position.head);
    mapping.map(block.getArgument(3), row);
    for (auto [argument, operand, map] :
         llvm::zip(block.getArguments().drop_front(5), op.getScoreOperands(),
                   op.getScoreMapArray()))
      if (!argument.use_empty())
        mapping.map(argument, element(operand, map));
    if (!isWidenable(block))
      return byLane(block, mapping, logits, yielded);
    narrow = isNarrow(block);
    mapping.map(block.getArgument(0), logits);
    mapping.map(block.getArgument(4), keyNumbers());
    for (Operation &inner : block.without_terminator())
      widen(inner, mapping);
    return wide(mapping.lookupOrDefault(yielded));
  }

  /// An operand's elements, as many as keys.
  Value elements(Value operand, AffineMap map) {
    return wide(element(operand, map));
  }

  Value mask(Value scores) {
    Value value = elements(op.getMask(), *op.getMaskMap());
    if (getElementTypeOrSelf(value.getType()).isInteger(1))
      return b.select(value, scores,
                      b.constant(scores.getType(),
                                 -std::numeric_limits<double>::infinity()));
    return b.addf(scores, b.convert(value, b.getF32Type()));
  }

private:
  Value wide(Value value) {
    return isa<VectorType>(value.getType()) ? value : b.splat(value, lanes);
  }

  /// The key numbers, i32 if narrow.
  Value keyNumbers() {
    Type type = narrow ? Type(b.getI32Type()) : Type(b.getIndexType());
    auto vector = VectorType::get({lanes}, type);
    SmallVector<Attribute> numbers;
    for (int64_t lane = 0; lane < lanes; ++lane)
      numbers.push_back(b.getIntegerAttr(type, lane));
    Value first = position.key;
    if (narrow)
      first = arith::IndexCastOp::create(b, type, first);
    return b.add(
        b.splat(first, lanes),
        arith::ConstantOp::create(b, DenseElementsAttr::get(vector, numbers)));
  }

  /// The element of `operand` that belongs to each key: a scalar if its map
  /// does not name the key, else a vector.
  Value element(Value operand, AffineMap map) {
    auto type = cast<MemRefType>(operand.getType());
    SmallVector<Value> indices;
    int64_t moving = -1;
    Value logical[] = {position.batch, position.head, position.row,
                       position.key};
    for (auto [i, result] : llvm::enumerate(map.getResults())) {
      auto dim = dyn_cast<AffineDimExpr>(result);
      indices.push_back(dim ? logical[dim.getPosition()] : b.index(0));
      if (dim && dim.getPosition() == 3)
        moving = i;
    }
    if (moving < 0)
      return b.loadScalar(operand, indices);
    auto vector = VectorType::get({lanes}, type.getElementType());
    SmallVector<int64_t> strides;
    int64_t offset;
    bool isAdjacent = moving == type.getRank() - 1 &&
                      succeeded(type.getStridesAndOffset(strides, offset)) &&
                      strides.back() == 1 &&
                      !type.getElementType().isInteger(1);
    if (isAdjacent && !position.mayExceed)
      return b.loadVector(operand, indices, lanes);
    if (isAdjacent) {
      Value count = b.sub(keys, position.key);
      Value live = vector::CreateMaskOp::create(
          b, VectorType::get({lanes}, b.getI1Type()), ValueRange{count});
      return vector::MaskedLoadOp::create(b, vector, operand, indices, live,
                                          b.zero(vector));
    }
    SmallVector<Value> scalars;
    Value last = b.sub(keys, b.index(1));
    for (int64_t lane = 0; lane < lanes; ++lane) {
      indices[moving] = b.add(position.key, lane);
      if (position.mayExceed)
        indices[moving] = b.min(indices[moving], last);
      scalars.push_back(b.loadScalar(operand, indices));
    }
    return vector::FromElementsOp::create(b, vector, scalars);
  }

  /// A position in 32 bits; limits beyond all positions stay beyond.
  Value narrowed(Value value) {
    Type type = value.getType(), narrowType = b.getI32Type();
    if (auto vector = dyn_cast<VectorType>(type))
      narrowType = vector.clone(narrowType);
    Value limit = b.constantInt(type, kNarrowLimit);
    Value floor = b.constantInt(type, -kNarrowLimit);
    value = arith::MaxSIOp::create(b, arith::MinSIOp::create(b, value, limit),
                                   floor);
    if (getElementTypeOrSelf(type).isIndex())
      return arith::IndexCastOp::create(b, narrowType, value);
    return arith::TruncIOp::create(b, narrowType, value);
  }

  void widen(Operation &inner, IRMapping &mapping) {
    bool isUniform = llvm::none_of(inner.getOperands(), [&](Value operand) {
      return isa<VectorType>(mapping.lookupOrDefault(operand).getType());
    });
    if (isUniform) {
      b.clone(inner, mapping);
      return;
    }
    SmallVector<Value> operands;
    for (Value operand : inner.getOperands()) {
      Value value = mapping.lookupOrDefault(operand);
      if (narrow && isPositionType(getElementTypeOrSelf(value.getType())))
        value = narrowed(value);
      operands.push_back(wide(value));
    }
    if (narrow && isa<arith::IndexCastOp>(inner)) {
      mapping.map(inner.getResult(0), recast(inner, operands[0]));
      return;
    }
    SmallVector<Type> types;
    for (Type type : inner.getResultTypes())
      types.push_back(VectorType::get({lanes}, narrow && isPositionType(type)
                                                   ? Type(b.getI32Type())
                                                   : type));
    OperationState state(inner.getLoc(), inner.getName(), operands, types,
                         inner.getAttrs());
    mapping.map(inner.getResults(), b.create(state)->getResults());
  }

  /// A conversion between positions and integers, where positions are i32.
  Value recast(Operation &inner, Value value) {
    Type type = inner.getResult(0).getType();
    if (isPositionType(type))
      type = b.getI32Type();
    int64_t from =
        getElementTypeOrSelf(value.getType()).getIntOrFloatBitWidth();
    int64_t to = type.getIntOrFloatBitWidth();
    auto vector = VectorType::get({lanes}, type);
    if (to == from)
      return value;
    if (to > from)
      return arith::ExtSIOp::create(b, vector, value);
    return arith::TruncIOp::create(b, vector, value);
  }

  /// A region with operations that have no vector form, a key at a time.
  Value byLane(Block &block, IRMapping &uniform, Value logits, Value yielded) {
    SmallVector<Value> results;
    for (int64_t lane = 0; lane < lanes; ++lane) {
      IRMapping mapping = uniform;
      for (BlockArgument argument : block.getArguments().drop_front(5))
        if (Value value = mapping.lookupOrNull(argument);
            value && isa<VectorType>(value.getType()))
          mapping.map(argument, vector::ExtractOp::create(b, value, lane));
      mapping.map(block.getArgument(0),
                  vector::ExtractOp::create(b, logits, lane));
      mapping.map(block.getArgument(4), b.add(position.key, lane));
      for (Operation &inner : block.without_terminator())
        b.clone(inner, mapping);
      results.push_back(mapping.lookupOrDefault(yielded));
    }
    return vector::FromElementsOp::create(b, cast<VectorType>(logits.getType()),
                                          results);
  }

  AttentionBuilder &b;
  AttentionOp op;
  const AttentionProblem::Position &position;
  Value keys;
  int64_t lanes;
  bool narrow = false;
};

} // namespace

static Value cloneOfBatch(AttentionBuilder &b, AttentionOp op, Value value,
                          Value batch, IRMapping &mapping) {
  if (Value known = mapping.lookupOrNull(value))
    return known;
  Block &block = op.getScore().front();
  if (auto argument = dyn_cast<BlockArgument>(value);
      argument && argument.getOwner() == &block) {
    if (argument.getArgNumber() == 1)
      return batch;
    unsigned number = argument.getArgNumber() - 5;
    SmallVector<Value> at;
    for (AffineExpr expr : op.getScoreMapArray()[number].getResults())
      at.push_back(isa<AffineDimExpr>(expr) ? batch : b.index(0));
    Value loaded = b.loadScalar(op.getScoreOperands()[number], at);
    mapping.map(value, loaded);
    return loaded;
  }
  Operation *def = value.getDefiningOp();
  if (!def || def->getBlock() != &block)
    return value;
  for (Value operand : def->getOperands())
    mapping.map(operand, cloneOfBatch(b, op, operand, batch, mapping));
  b.clone(*def, mapping);
  return mapping.lookup(value);
}

Value mlir::flat::emitOfBatch(AttentionBuilder &b, AttentionOp op, Value value,
                              Value batch) {
  IRMapping mapping;
  return cloneOfBatch(b, op, value, batch, mapping);
}

//===----------------------------------------------------------------------===//
// From products to exponents
//===----------------------------------------------------------------------===//

Value AttentionProblem::firstLiveKey(AttentionBuilder &b, Value batch,
                                     Value row) const {
  return firstKey ? b.clamp(firstKey(b, batch, row), keys) : b.index(0);
}
Value AttentionProblem::endLiveKey(AttentionBuilder &b, Value batch,
                                   Value row) const {
  return endKey ? b.clamp(endKey(b, batch, row), keys) : keys;
}

Value AttentionProblem::firstVisitedKey(AttentionBuilder &b, Value batch,
                                        Value row) const {
  Value first = firstLiveKey(b, batch, row);
  return visitsAll && firstKey ? b.select(visitsAll, b.index(0), first) : first;
}
Value AttentionProblem::endVisitedKey(AttentionBuilder &b, Value batch,
                                      Value row) const {
  Value end = endLiveKey(b, batch, row);
  return visitsAll && endKey ? b.select(visitsAll, keys, end) : end;
}

double AttentionProblem::exponentScale() const {
  const double log2E = 1.44269504088896340736;
  return log2E * (isExponentScaled() ? scale : 1.0);
}

Value mlir::flat::emitFinalScore(AttentionBuilder &b,
                                 const AttentionProblem &problem, Value score,
                                 const AttentionProblem::Position &position) {
  int64_t lanes = position.lanes;
  Type type = score.getType();
  if (problem.scaleValue)
    score = b.mulf(score, b.splat(problem.scaleValue, lanes));
  else if (!problem.isExponentScaled() && problem.scale != 1.0)
    score = b.mulf(score, b.constant(type, problem.scale));
  if (!position.mayExceed)
    return problem.score ? problem.score(b, score, position) : score;
  // Lane i is live if firstKey <= key + i < endKey.
  auto words = VectorType::get({lanes}, b.getI32Type());
  SmallVector<int32_t> numbers(lanes);
  std::iota(numbers.begin(), numbers.end(), 0);
  Value lane = arith::ConstantOp::create(
      b, DenseElementsAttr::get(words, ArrayRef<int32_t>(numbers)));
  auto bound = [&](Value limit) {
    Value relative = arith::IndexCastOp::create(b, b.getI32Type(),
                                                b.sub(limit, position.key));
    return b.splat(relative, lanes);
  };
  using Predicate = arith::CmpIPredicate;
  Value isLive =
      b.cmp(Predicate::slt, lane,
            bound(problem.endLiveKey(b, position.batch, position.row)));
  if (problem.firstKey)
    isLive = arith::AndIOp::create(
        b, isLive,
        b.cmp(Predicate::sge, lane,
              bound(problem.firstLiveKey(b, position.batch, position.row))));
  AttentionProblem::Position place = position;
  if (!problem.hidden.empty()) {
    place.isSeen = isLive;
    isLive = b.cmp(Predicate::slt, lane, bound(problem.keys));
  }
  if (problem.score)
    score = problem.score(b, score, place);
  return b.select(isLive, score,
                  b.constant(type, -std::numeric_limits<double>::infinity()));
}

/// 0 instead of minus infinity.
static Value finiteMaximum(AttentionBuilder &b, Value maximum) {
  Type type = maximum.getType();
  Value isDead = arith::CmpFOp::create(
      b, arith::CmpFPredicate::OEQ, maximum,
      b.constant(type, -std::numeric_limits<double>::infinity()));
  return b.select(isDead, b.zero(type), maximum);
}

Value mlir::flat::emitRescaling(AttentionBuilder &b,
                                const AttentionProblem &problem, Value before,
                                Value maximum) {
  Value difference = b.subf(before, finiteMaximum(b, maximum));
  Value scale = b.constant(before.getType(), problem.exponentScale());
  return emitExp2(b, {b.mulf(difference, scale)}, ExpRange::NonPositive)
      .front();
}

Value mlir::flat::emitShift(AttentionBuilder &b,
                            const AttentionProblem &problem, Value maximum) {
  Type type = maximum.getType();
  Value shift = finiteMaximum(b, maximum);
  if (problem.isExponentScaled())
    shift = b.mulf(shift, b.constant(type, -problem.exponentScale()));
  return shift;
}

Value mlir::flat::emitExponent(AttentionBuilder &b,
                               const AttentionProblem &problem, Value score,
                               Value shift) {
  Value scale = b.constant(score.getType(), problem.exponentScale());
  // With a score function the maximum may be as large as a float can be, and
  // its multiple infinite: subtract first.
  return problem.isExponentScaled() ? b.fma(score, scale, shift)
                                    : b.mulf(b.subf(score, shift), scale);
}

Value mlir::flat::emitInverse(AttentionBuilder &b,
                              const AttentionProblem &problem, Value sum) {
  Type type = sum.getType();
  Value inverse = arith::DivFOp::create(b, b.constant(type, 1.0), sum);
  Value gives0;
  switch (problem.guard) {
  case Guard::None: {
    // A sum over no keys at all is zero; one over unseen keys is not defined.
    std::optional<int64_t> keys = getConstantIntValue(problem.keys);
    if (keys && *keys != 0)
      return inverse;
    gives0 = b.cmp(arith::CmpIPredicate::eq, problem.keys, b.index(0));
    break;
  }
  case Guard::Unseen:
    gives0 =
        arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, sum, b.zero(type));
    break;
  case Guard::Undefined:
    gives0 =
        arith::CmpFOp::create(b, arith::CmpFPredicate::UEQ, sum, b.zero(type));
    break;
  }
  return b.select(gives0, b.zero(type), inverse);
}

Value mlir::flat::emitQuotient(AttentionBuilder &b,
                               const AttentionProblem &problem, Value value,
                               Value inverse) {
  Value quotient = b.mulf(value, inverse);
  if (problem.guard != Guard::Undefined)
    return quotient;
  // No inverse of a sum is zero; the value may be NaN.
  Type type = value.getType();
  return b.select(arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, inverse,
                                        b.zero(type)),
                  b.zero(type), quotient);
}

Value mlir::flat::emitRegion(AttentionBuilder &b, AttentionOp op, Value logits,
                             const AttentionProblem::Position &position,
                             Value keys, Value yielded) {
  if (!yielded)
    return logits;
  return ScoreEmitter(b, op, position, keys).region(logits, yielded);
}

Value mlir::flat::emitMask(AttentionBuilder &b, AttentionOp op, Value scores,
                           const AttentionProblem::Position &position,
                           Value keys) {
  if (!op.getMask())
    return scores;
  return ScoreEmitter(b, op, position, keys).mask(scores);
}

Value mlir::flat::emitElements(AttentionBuilder &b, AttentionOp op,
                               Value operand, AffineMap map,
                               const AttentionProblem::Position &position,
                               Value keys) {
  Value value = ScoreEmitter(b, op, position, keys).elements(operand, map);
  return b.convert(value, b.getF32Type());
}
