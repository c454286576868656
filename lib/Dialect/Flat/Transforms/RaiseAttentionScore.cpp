//===- RaiseAttentionScore.cpp - From a term to a score region -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RaiseAttentionScore.h"
#include "RaiseAttentionExpression.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include <cmath>

using namespace mlir;
using namespace mlir::flat;
using namespace mlir::flat::raise;
using analysis::Expressions;

bool mlir::flat::raise::hasVeryNegative(const Term *score) {
  bool found = false;
  walkTerms(score, [&](const Term *term) {
    std::optional<double> value = term->getFloat();
    found |= value && isVeryNegative(*value) && std::isfinite(*value);
  });
  return found;
}

/// True if elements of a constant are such numbers.
static bool holdsVeryNegative(const Term *leaf) {
  DenseElementsAttr elements;
  if (leaf->kind != Term::Leaf ||
      !matchPattern(leaf->value, m_Constant(&elements)) ||
      !isa<FloatType>(elements.getElementType()))
    return false;
  return llvm::any_of(elements.getValues<APFloat>(), [](const APFloat &value) {
    return value.isFinite() && isVeryNegative(value.convertToDouble());
  });
}

bool mlir::flat::raise::keepsVeryNegative(const ScorePlan &plan) {
  bool found = plan.mask && hasVeryNegative(plan.mask);
  auto visit = [&](const Term *term) {
    found |= holdsVeryNegative(term);
    if (term->kind != Term::Apply || term->isApply("arith.select"))
      return;
    for (const Term *operand : term->operands) {
      std::optional<double> value = operand->getFloat();
      found |= value && isVeryNegative(*value) && std::isfinite(*value);
    }
  };
  if (plan.mask)
    walkTerms(plan.mask, visit);
  walkTerms(plan.body, visit);
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

bool mlir::flat::raise::mayHideMore(const ScorePlan &plan) {
  if (plan.mask || plan.bound)
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

namespace {

/// Takes a score apart: from the outside what hides keys and the mask, from
/// the inside what the algebra finds the logits multiplied by. What is left is
/// the region's.
class ScorePlanner {
public:
  /// `mayBeSoft`: whether a window may hide by a number that is only very
  /// negative.
  ScorePlanner(const Match &match, const AxisTable &table, bool mayBeSoft)
      : match(match), table(table), terms(table, match.keys),
        mayBeSoft(mayBeSoft) {}

  ScorePlan run() {
    plan.outerFactor = match.softmax.factor;
    plan.body = match.softmax.score;
    while (const Term *inner = takeLayer(plan.body))
      plan.body = inner;
    takeFactors();
    if (plan.body == plan.logit) {
      plan.factor *= plan.outerFactor;
      plan.outerFactor = 1.0;
    }
    return std::move(plan);
  }

private:
  bool hasLogit(const Term *term) const {
    return contains(term, match.product);
  }
  bool takeWindow(const Term *term, HidingForm form, double hidden);
  bool takeLimits(const Term *condition, bool isNegated);
  bool takeMask(const Term *term);
  const Term *takeAdded(const Term *score);
  const Term *takeChoice(const Term *score);
  const Term *takeLayer(const Term *score);
  const Term *takeScaledLayer(const Term *score);
  bool takeFactor(const Term *scaled);
  void takeFactors();

  const Match &match;
  const AxisTable &table;
  TermExpressions terms;
  bool mayBeSoft;
  /// Whether a window was taken that chooses between numbers.
  bool isHidden = false;
  ScorePlan plan;
};

} // namespace

bool ScorePlanner::takeWindow(const Term *term, HidingForm form,
                              double hidden) {
  if (plan.left || plan.right)
    return false;
  std::optional<KeyWindow> found = readWindow(term, form, hidden, match, table);
  if (!found || (found->isSoft && (!mayBeSoft || plan.outerFactor != 1.0)))
    return false;
  plan.left = found->left;
  plan.right = found->right;
  plan.isSoft = found->isSoft;
  plan.addsWindow = form == HidingForm::Added;
  return true;
}

/// A length hides keys whatever is added to them: NaN in a mask that comes
/// after would be lost.
bool ScorePlanner::takeLimits(const Term *condition, bool isNegated) {
  bool isAddedTo =
      plan.mask && !plan.mask->origin.getType().getElementType().isInteger(1);
  if (plan.bound || isAddedTo)
    return false;
  std::optional<KeyLimits> found =
      readLimits(condition, isNegated, match, table);
  if (!found)
    return false;
  if (found->left || found->right) {
    if (plan.left || plan.right)
      return false;
    plan.left = found->left;
    plan.right = found->right;
    isHidden = true;
  }
  plan.bound = found->bound;
  return true;
}

bool ScorePlanner::takeMask(const Term *term) {
  if (plan.mask || !isTensor(term) ||
      (plan.outerFactor != 1.0 &&
       !term->origin.getType().getElementType().isInteger(1)))
    return false;
  plan.mask = term;
  return true;
}

/// The score without what is added to it, if that is a window or the mask; else
/// null. A mask is added after the window is applied: one that a window hides
/// keys of, whatever it holds there, belongs to the region.
const Term *ScorePlanner::takeAdded(const Term *score) {
  bool isLeft = hasLogit(score->operands[0]),
       isRight = hasLogit(score->operands[1]);
  if (isLeft == isRight)
    return nullptr;
  const Term *addend = score->operands[isLeft ? 1 : 0];
  bool taken = takeWindow(addend, HidingForm::Added, 0.0) ||
               (!isHidden && takeMask(addend));
  return taken ? score->operands[isLeft ? 0 : 1] : nullptr;
}

/// The score of the keys that are seen, if the others get a very negative
/// number by a window, a length or the mask; else null.
const Term *ScorePlanner::takeChoice(const Term *score) {
  const Term *condition = score->operands[0];
  bool isSeenIf = hasLogit(score->operands[1]);
  if (hasLogit(condition) || isSeenIf == hasLogit(score->operands[2]))
    return nullptr;
  const Term *seen = score->operands[isSeenIf ? 1 : 2],
             *other = score->operands[isSeenIf ? 2 : 1];
  double hidden = other->getFloat().value_or(0.0);
  if (!isVeryNegative(hidden))
    return nullptr;
  if (takeWindow(condition,
                 isSeenIf ? HidingForm::SeenIf : HidingForm::HiddenIf,
                 hidden)) {
    isHidden = true;
    return seen;
  }
  if (std::isinf(hidden) &&
      (takeLimits(condition, !isSeenIf) || (isSeenIf && takeMask(condition))))
    return seen;
  return nullptr;
}

/// The score without its outermost layer, if that hides keys or is the mask;
/// else null.
const Term *ScorePlanner::takeLayer(const Term *score) {
  if (score->isApply("arith.addf"))
    return takeAdded(score);
  if (score->isApply("arith.select"))
    return takeChoice(score);
  return takeScaledLayer(score);
}

/// The same of c times such a score, which is then multiplied by c.
const Term *ScorePlanner::takeScaledLayer(const Term *score) {
  for (const Term *scaled : score->operands) {
    if (!scaled->isApply("arith.addf") && !scaled->isApply("arith.select"))
      continue;
    std::optional<double> factor =
        Expressions::ratio(terms.of(score), terms.of(scaled));
    if (!factor || !(*factor > 0) || !hasLogit(scaled))
      continue;
    double before = std::exchange(plan.outerFactor, plan.outerFactor * *factor);
    if (const Term *inner = takeLayer(scaled))
      return inner;
    plan.outerFactor = before;
  }
  return nullptr;
}

/// Whether `scaled` is the product times a constant, times or over a scalar.
bool ScorePlanner::takeFactor(const Term *scaled) {
  std::optional<Expressions::Multiple> found = Expressions::matchMultiple(
      terms.of(scaled), *terms.of(match.product).asAtom());
  if (!found || !std::isfinite(found->coefficient))
    return false;
  Value scale;
  if (found->by) {
    const Term *other = terms.leaf(found->by->atom);
    if (!other || other->kind != Term::Scalar ||
        !isa<FloatType>(other->value.getType()) ||
        std::abs(found->by->power) != 1)
      return false;
    scale = other->value;
  }
  plan.factor = found->coefficient;
  plan.scale = scale;
  plan.dividesByScale = found->by && found->by->power < 0;
  plan.logit = scaled;
  return true;
}

/// Factors of every use of the product.
void ScorePlanner::takeFactors() {
  plan.logit = match.product;
  while (plan.body != plan.logit) {
    SmallVector<const Term *> users;
    walkTerms(plan.body, [&](const Term *term) {
      if (llvm::is_contained(term->operands, plan.logit))
        users.push_back(term);
    });
    if (users.size() != 1 || !takeFactor(users[0]))
      break;
  }
}

ScorePlan mlir::flat::raise::planScore(const Match &match,
                                       const AxisTable &table) {
  ScorePlan plan = ScorePlanner(match, table, /*mayBeSoft=*/true).run();
  bool hasChoice = false;
  walkTerms(plan.body, [&](const Term *term) {
    hasChoice |= term->isApply("arith.select");
  });
  if (plan.isSoft && match.softmax.shift != Softmax::Never &&
      (hasChoice || mayHideMore(plan)))
    return ScorePlanner(match, table, /*mayBeSoft=*/false).run();
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
  if (plan.outerFactor != 1.0)
    score = arith::MulFOp::create(b, score, emitter.constant(plan.outerFactor));
  Value query = block->getArgument(3), key = block->getArgument(4);
  bool adds = plan.addsWindow && !operands.leaves.empty();
  auto hide = [&](Value seen, bool byAdding) {
    Value hidden = emitter.constant(-std::numeric_limits<double>::infinity());
    Value shown = byAdding ? emitter.constant(0.0) : score;
    shown = arith::SelectOp::create(b, seen, shown, hidden);
    score = byAdding ? arith::AddFOp::create(b, score, shown) : shown;
  };
  if (operands.bound)
    hide(arith::CmpIOp::create(b, arith::CmpIPredicate::slt, key,
                               operands.bound),
         /*byAdding=*/false);
  // key <= query + right, and query <= key + left.
  for (auto [bound, low, high] : {std::tuple(plan.right, key, query),
                                  std::tuple(plan.left, query, key)}) {
    if (!bound)
      continue;
    Value limit = high;
    if (*bound != 0)
      limit = arith::AddIOp::create(b, high,
                                    arith::ConstantIndexOp::create(b, *bound));
    hide(arith::CmpIOp::create(b, arith::CmpIPredicate::sle, low, limit), adds);
  }
  YieldOp::create(b, score);
  return success();
}
