//===- RaiseAttentionScore.cpp - From a term to a score region -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RaiseAttentionScore.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::flat;
using namespace mlir::flat::raise;

/// Exporters write the lowest finite number where they mean minus infinity.
static bool isVeryNegative(double value) { return value <= -1e30; }

bool mlir::flat::raise::hasVeryNegative(const Term *score) {
  bool found = false;
  walkTerms(score, [&](const Term *term) {
    std::optional<double> value = term->getFloat();
    found |= value && isVeryNegative(*value) && std::isfinite(*value);
  });
  return found;
}

//===----------------------------------------------------------------------===//
// Planning
//===----------------------------------------------------------------------===//

/// True if the mask may be read from memory: a tensor of the program that does
/// not only say what positions do.
static bool isTensor(const Term *term) {
  if (!term->origin.value)
    return false;
  Type element = term->origin.getType().getElementType();
  if (!element.isF32() && !element.isBF16() && !element.isF16() &&
      !element.isInteger(1))
    return false;
  bool hasIndex = false;
  walkTerms(term, [&](const Term *inner) {
    hasIndex |= inner->kind == Term::Index || inner->kind == Term::Product;
  });
  return !hasIndex && term->kind != Term::Constant;
}

/// A constant over (queries, keys) that shows each query a window of keys.
static bool readWindow(const Term *term, const Match &match,
                       const AxisTable &table, ScorePlan &plan) {
  if (term->kind != Term::Leaf)
    return false;
  DenseElementsAttr elements;
  if (!matchPattern(term->value, m_Constant(&elements)))
    return false;
  Axes axes;
  for (const Axes &dim : term->dims)
    llvm::append_range(axes, table.resolve(dim));
  Axes expected = table.resolve(match.queries);
  llvm::append_range(expected, table.resolve(match.keys));
  constexpr int64_t kMaxElements = int64_t(1) << 22;
  if (axes != expected || elements.getNumElements() > kMaxElements ||
      elements.getNumElements() == 0 || elements.isSplat())
    return false;
  SmallVector<bool> seen;
  bool isSoft = false;
  if (elements.getElementType().isInteger(1)) {
    llvm::append_range(seen, elements.getValues<bool>());
  } else if (elements.getElementType().isF32()) {
    for (float value : elements.getValues<float>()) {
      if (value != 0.0f && !isVeryNegative(value))
        return false;
      isSoft |= value != 0.0f && std::isfinite(value);
      seen.push_back(value == 0.0f);
    }
  } else {
    return false;
  }
  int64_t keys = table.getStaticSize(table.resolve(match.keys)),
          queries = elements.getNumElements() / keys;
  int64_t left = std::numeric_limits<int64_t>::min(), right = left;
  for (int64_t i = 0; i < queries; ++i)
    for (int64_t j = 0; j < keys; ++j)
      if (seen[i * keys + j]) {
        left = std::max(left, i - j);
        right = std::max(right, j - i);
      }
  // Nothing is seen at all: that is for the mask to say.
  if (right == std::numeric_limits<int64_t>::min())
    return false;
  for (int64_t i = 0; i < queries; ++i) {
    bool any = false;
    for (int64_t j = 0; j < keys; ++j) {
      any |= seen[i * keys + j];
      if (seen[i * keys + j] != (j - i <= right && i - j <= left))
        return false;
    }
    // A very negative number hides a key only beside one that is seen.
    if (isSoft && !any)
      return false;
  }
  if (left < queries - 1)
    plan.left = left;
  if (right < keys - 1)
    plan.right = right;
  plan.isSoft = isSoft;
  return true;
}

bool mlir::flat::raise::mayHideMore(const ScorePlan &plan) {
  if (plan.mask)
    return true;
  // A tensor that is multiplied by something is a slope or a bias; what is
  // added or chosen by may be a mask.
  bool found = false;
  walkTerms(plan.body, [&](const Term *term) {
    if (term->isApply("arith.mulf"))
      return;
    for (const Term *operand : term->operands)
      found |= operand->kind == Term::Leaf;
  });
  return found;
}

/// x and s of x * s or x / s with the scalar s.
static const Term *matchScale(const Term *term, const Term *logit,
                              ScorePlan &plan) {
  bool isProduct = term->isApply("arith.mulf");
  if (!isProduct && !term->isApply("arith.divf"))
    return nullptr;
  for (int i : {0, 1}) {
    if (term->operands[i] != logit || (!isProduct && i == 1))
      continue;
    const Term *other = term->operands[1 - i];
    if (std::optional<double> value = other->getFloat()) {
      double factor = isProduct ? *value : 1.0 / *value;
      if (!std::isfinite(factor * plan.factor))
        return nullptr;
      plan.factor *= factor;
      return logit;
    }
    if (other->kind == Term::Scalar && !plan.scale &&
        isa<FloatType>(other->value.getType())) {
      plan.scale = other->value;
      plan.dividesByScale = !isProduct;
      return logit;
    }
  }
  return nullptr;
}

static ScorePlan planWith(const Match &match, const AxisTable &table,
                          bool mayBeSoft) {
  ScorePlan plan;
  const Term *score = match.softmax.score;
  auto hasLogit = [&](const Term *term) {
    return contains(term, match.product);
  };
  auto takeWindow = [&](const Term *term) {
    ScorePlan found;
    if (plan.left || plan.right || !readWindow(term, match, table, found) ||
        (found.isSoft && !mayBeSoft))
      return false;
    plan.left = found.left;
    plan.right = found.right;
    plan.isSoft = found.isSoft;
    return true;
  };
  // Outermost first: windows and the mask. A mask is added after the window is
  // applied: one that a window hides keys of, whatever it holds there, belongs
  // to the region.
  bool isHidden = false;
  while (true) {
    if (score->isApply("arith.addf")) {
      bool isLeft = hasLogit(score->operands[0]),
           isRight = hasLogit(score->operands[1]);
      if (isLeft != isRight) {
        const Term *addend = score->operands[isLeft ? 1 : 0];
        bool taken = takeWindow(addend);
        if (!taken && !plan.mask && !isHidden && isTensor(addend)) {
          plan.mask = addend;
          taken = true;
        }
        if (taken) {
          score = score->operands[isLeft ? 0 : 1];
          continue;
        }
      }
    } else if (score->isApply("arith.select") &&
               !hasLogit(score->operands[0]) && hasLogit(score->operands[1])) {
      const Term *condition = score->operands[0];
      std::optional<double> hidden = score->operands[2]->getFloat();
      bool taken = false;
      if (hidden && std::isinf(*hidden) && *hidden < 0) {
        taken = takeWindow(condition);
        isHidden |= taken;
        if (!taken && !plan.mask && isTensor(condition)) {
          plan.mask = condition;
          taken = true;
        }
      }
      if (taken) {
        score = score->operands[1];
        continue;
      }
    }
    break;
  }
  // Innermost last: factors of every use of the product.
  plan.body = score;
  plan.logit = match.product;
  while (plan.body != plan.logit) {
    SmallVector<const Term *> users;
    walkTerms(plan.body, [&](const Term *term) {
      if (llvm::is_contained(term->operands, plan.logit))
        users.push_back(term);
    });
    if (users.size() != 1 || !matchScale(users[0], plan.logit, plan))
      break;
    plan.logit = users[0];
  }
  return plan;
}

ScorePlan mlir::flat::raise::planScore(const Match &match,
                                       const AxisTable &table) {
  ScorePlan plan = planWith(match, table, /*mayBeSoft=*/true);
  bool hasChoice = false;
  walkTerms(plan.body, [&](const Term *term) {
    hasChoice |= term->isApply("arith.select");
  });
  if (plan.isSoft && match.softmax.shift != Softmax::Never &&
      (hasChoice || mayHideMore(plan)))
    return planWith(match, table, /*mayBeSoft=*/false);
  return plan;
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

/// `view` by whole dimensions of (b, h, i, j).
static std::optional<std::pair<Value, AffineMap>>
readByRoles(const AxisView &view, ArrayRef<Axes> roles, AxisTable &table,
            OpBuilder &builder, Location loc) {
  FailureOr<Arrangement> arrangement =
      arrange(view, roles, /*isComplete=*/false, table, builder, loc);
  if (failed(arrangement))
    return std::nullopt;
  Value value = view.value;
  for (const Reshape &reshape : arrangement->reshapes)
    value = reshape.apply(builder, loc, value);
  SmallVector<AffineExpr> results;
  for (int role : arrangement->roles)
    results.push_back(role < 0 ? builder.getAffineConstantExpr(0)
                               : builder.getAffineDimExpr(role));
  return std::pair(value, AffineMap::get(4, 0, results, builder.getContext()));
}

std::optional<ScoreOperands> mlir::flat::raise::makeScoreOperands(
    const ScorePlan &plan, ArrayRef<Axes> roles, AxisTable &table,
    OpBuilder &builder, Location loc, Mismatch &mismatch) {
  ScoreOperands operands;
  auto read = [&](const AxisView &view, Operation *op) {
    auto result = readByRoles(view, roles, table, builder, loc);
    if (!result) {
      mismatch.reason = "a tensor in the scores is not read by whole batch, "
                        "head, query or key dimensions";
      mismatch.stop = op;
    }
    return result;
  };
  if (plan.mask) {
    auto mask = read(plan.mask->origin, plan.mask->op);
    if (!mask)
      return std::nullopt;
    std::tie(operands.mask, operands.maskMap) = *mask;
  }
  SmallVector<const Term *> leaves;
  if (plan.body != plan.logit)
    walkTerms(plan.body, [&](const Term *term) {
      if (term->kind == Term::Leaf)
        leaves.push_back(term);
    });
  for (const Term *leaf : leaves) {
    auto operand = read({leaf->value, leaf->dims}, leaf->op);
    if (!operand)
      return std::nullopt;
    operands.values.push_back(operand->first);
    operands.maps.push_back(operand->second);
    operands.leaves.push_back(leaf);
  }
  return operands;
}

//===----------------------------------------------------------------------===//
// Emission
//===----------------------------------------------------------------------===//

namespace {

class Emitter {
public:
  Emitter(AttentionOp op, ArrayRef<Axes> roles, const AxisTable &table,
          Hidden hidden)
      : b(op.getLoc(), op.getContext()), roles(roles), table(table),
        hides(hidden == Hidden::Infinite) {}

  ImplicitLocOpBuilder b;
  DenseMap<const Term *, Value> values;

  Value emit(const Term *term) {
    if (Value known = values.lookup(term))
      return known;
    Value value = make(term);
    values[term] = value;
    return value;
  }

  Value toF32(Value value) {
    auto type = dyn_cast<FloatType>(value.getType());
    if (!type || type.isF32())
      return value;
    if (type.getWidth() < 32)
      return arith::ExtFOp::create(b, b.getF32Type(), value);
    return arith::TruncFOp::create(b, b.getF32Type(), value);
  }

  Value constant(double value) {
    return arith::ConstantOp::create(
        b, b.getF32FloatAttr(static_cast<float>(value)));
  }

private:
  /// Null if the term reads what the region does not have.
  Value make(const Term *term) {
    switch (term->kind) {
    case Term::Constant:
      return arith::ConstantOp::create(b, cast<TypedAttr>(term->constant));
    case Term::Scalar:
      return toF32(term->value);
    case Term::Index: {
      Axes axes = table.resolve(term->dims[0]);
      if (axes.empty())
        return arith::ConstantIndexOp::create(b, 0);
      for (auto [index, role] : llvm::enumerate(roles))
        if (axes == role)
          return b.getInsertionBlock()->getArgument(index + 1);
      return {};
    }
    case Term::Apply:
      return apply(term);
    default:
      return {};
    }
  }

  Value apply(const Term *term) {
    bool isSelect = term->isApply("arith.select");
    SmallVector<Value> operands;
    for (const Term *operand : term->operands) {
      std::optional<double> value = operand->getFloat();
      operands.push_back(
          hides && isSelect && value && isVeryNegative(*value)
              ? constant(-std::numeric_limits<double>::infinity())
              : emit(operand));
      if (!operands.back())
        return {};
    }
    Type type = term->op->getResult(0).getType();
    if (!type.isIntOrIndexOrFloat())
      return {};
    if (isa<FloatType>(type))
      type = b.getF32Type();
    OperationState state(b.getLoc(), term->op->getName(), operands, type,
                         term->op->getAttrs());
    return b.create(state)->getResult(0);
  }

  ArrayRef<Axes> roles;
  const AxisTable &table;
  bool hides;
};

} // namespace

LogicalResult mlir::flat::raise::emitScore(
    AttentionOp op, const ScorePlan &plan, const ScoreOperands &operands,
    ArrayRef<Axes> roles, const AxisTable &table, Hidden hidden) {
  Emitter emitter(op, roles, table, hidden);
  ImplicitLocOpBuilder &b = emitter.b;
  op.getScore().getBlocks().clear();
  Block *block = b.createBlock(&op.getScore());
  Type index = b.getIndexType();
  for (Type type : {Type(b.getF32Type()), index, index, index, index})
    block->addArgument(type, op.getLoc());
  emitter.values[plan.logit] = block->getArgument(0);
  for (auto [value, leaf] : llvm::zip(operands.values, operands.leaves)) {
    Value element = block->addArgument(
        cast<RankedTensorType>(value.getType()).getElementType(), op.getLoc());
    emitter.values[leaf] = emitter.toF32(element);
  }
  Value score = emitter.emit(plan.body);
  if (!score)
    return failure();
  Value query = block->getArgument(3), key = block->getArgument(4);
  auto hide = [&](Value seen) {
    score = arith::SelectOp::create(
        b, seen, score,
        emitter.constant(-std::numeric_limits<double>::infinity()));
  };
  // key <= query + right, and query <= key + left.
  for (auto [bound, low, high] : {std::tuple(plan.right, key, query),
                                  std::tuple(plan.left, query, key)}) {
    if (!bound)
      continue;
    Value limit = high;
    if (*bound != 0)
      limit = arith::AddIOp::create(b, high,
                                    arith::ConstantIndexOp::create(b, *bound));
    hide(arith::CmpIOp::create(b, arith::CmpIPredicate::sle, low, limit));
  }
  YieldOp::create(b, score);
  return success();
}
