//===- RaiseAttentionBuild.cpp - From a match to flat.attention -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RaiseAttentionMatch.h"
#include "RaiseAttentionScore.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "nm/Dialect/Flat/IR/ScoreAnalysis.h"

using namespace mlir;
using namespace mlir::flat;
using namespace mlir::flat::raise;

using Role = AttentionOp::Role;

namespace {

/// A tensor that holds batch, heads, positions and widths in some order.
struct Placed {
  Value value;
  OrderAttr order;
};

/// Which axes are batch and which are heads, of queries and of keys.
struct HeadRoles {
  Axes batch, heads, keyHeads;
};

} // namespace

static Axes flatten(ArrayRef<Axes> dims, const AxisTable &table) {
  Axes axes;
  for (const Axes &dim : dims)
    llvm::append_range(axes, table.resolve(dim));
  return axes;
}

/// Splits the batch axes of the products. Those that keys do not have are
/// query heads that share a key head: the innermost ones.
static std::optional<HeadRoles> splitBatch(ArrayRef<Axis> batch,
                                           ArrayRef<Axis> present) {
  SmallVector<Axis> own, shared;
  for (Axis axis : batch) {
    if (!llvm::is_contained(present, axis))
      shared.push_back(axis);
    else if (!shared.empty())
      return std::nullopt;
    else
      own.push_back(axis);
  }
  HeadRoles roles;
  size_t split = own.size();
  if (shared.empty() ? !own.empty() : own.size() >= 2)
    --split;
  roles.batch.assign(own.begin(), own.begin() + split);
  roles.keyHeads.assign(own.begin() + split, own.end());
  roles.heads = roles.keyHeads;
  llvm::append_range(roles.heads, shared);
  return roles;
}

static std::optional<std::pair<Arrangement, OrderAttr>>
planPlace(const AxisView &view, ArrayRef<Axes> roles, AxisTable &table,
          OpBuilder &builder, Location loc, bool exists) {
  FailureOr<Arrangement> arrangement =
      arrange(view, roles, /*isComplete=*/true, table, builder, loc, exists);
  if (failed(arrangement))
    return std::nullopt;
  SmallVector<int64_t> positions(4);
  for (auto [position, role] : llvm::enumerate(arrangement->roles))
    positions[role] = position;
  return std::pair(*arrangement,
                   OrderAttr::get(builder.getContext(), positions));
}

static std::optional<Placed> place(const AxisView &view, ArrayRef<Axes> roles,
                                   AxisTable &table, OpBuilder &builder,
                                   Location loc) {
  auto plan = planPlace(view, roles, table, builder, loc, /*exists=*/true);
  if (!plan)
    return std::nullopt;
  Placed placed{view.value, plan->second};
  for (const Reshape &reshape : plan->first.reshapes)
    placed.value = reshape.apply(builder, loc, placed.value);
  return placed;
}

/// The values that hold the attention's result, going down: as long as each has
/// one reader that only moves it.
static SmallVector<AxisView> findTargets(Value result, ArrayRef<Axes> dims,
                                         AxisTable &table) {
  SmallVector<AxisView> targets{{result, SmallVector<Axes>(dims)}};
  while (targets.back().value.hasOneUse()) {
    const AxisView &last = targets.back();
    Operation *user = *last.value.user_begin();
    AxisView next;
    if (auto expand = dyn_cast<tensor::ExpandShapeOp>(user)) {
      next.value = expand.getResult();
      for (auto [axes, group] :
           llvm::zip(last.dims, expand.getReassociationIndices())) {
        FailureOr<SmallVector<Axes>> parts =
            table.split(axes, next.value, group.front(), group.size());
        if (failed(parts))
          return targets;
        llvm::append_range(next.dims, *parts);
      }
    } else if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(user)) {
      next.value = collapse.getResult();
      for (const ReassociationIndices &group :
           collapse.getReassociationIndices()) {
        Axes merged;
        for (int64_t dim : group)
          llvm::append_range(merged, last.dims[dim]);
        next.dims.push_back(merged);
      }
    } else if (auto op = dyn_cast<linalg::LinalgOp>(user)) {
      OpOperand *operand =
          op.hasPureTensorSemantics() ? getMovedOperand(op) : nullptr;
      if (!operand || operand->get() != last.value)
        return targets;
      AffineMap in = op.getMatchingIndexingMap(operand),
                out = op.getIndexingMapsArray().back();
      if (!in.isPermutation() || !out.isPermutation())
        return targets;
      SmallVector<Axes> loops(in.getNumDims());
      for (auto [expr, axes] : llvm::zip(in.getResults(), last.dims))
        loops[cast<AffineDimExpr>(expr).getPosition()] = axes;
      next.value = user->getResult(0);
      for (AffineExpr expr : out.getResults())
        next.dims.push_back(loops[cast<AffineDimExpr>(expr).getPosition()]);
      Type element = next.getType().getElementType();
      if (!element.isF32() && !element.isBF16() && !element.isF16())
        return targets;
    } else {
      return targets;
    }
    targets.push_back(std::move(next));
  }
  return targets;
}

/// True if a score that is seen comes from another choice between numbers.
static bool hasChoice(Value score) {
  SmallVector<Value> worklist{score};
  DenseSet<Value> seen;
  while (!worklist.empty()) {
    Value value = worklist.pop_back_val();
    Operation *def = value.getDefiningOp();
    if (!def || !seen.insert(value).second)
      continue;
    if (isa<arith::SelectOp>(def) && isa<FloatType>(value.getType()))
      return true;
    llvm::append_range(worklist, def->getOperands());
  }
  return false;
}

/// Limits the keys to those of a cache. An attention without a single key gives
/// zeros, and so does its guard; without a guard a key stays, which the region
/// hides, and the row is NaN as the program's.
static void setLength(AttentionOp op, const KeyBound &bound,
                      ScoreOperands &operands, OpBuilder &builder) {
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(op);
  Value length = makeLength(
      bound, op.getMixedSize(builder, Role::K, AttentionOp::Sequence), builder,
      op.getLoc());
  if (op.getGuard() == Guard::None) {
    operands.bound = length;
    Value one = arith::ConstantIndexOp::create(builder, op.getLoc(), 1);
    length = arith::MaxSIOp::create(builder, op.getLoc(), length, one);
  }
  op.getLengthMutable().assign(length);
}

/// Chooses the form of very negative constants: minus infinity, which lets
/// whole tiles of keys be skipped, where every query sees a key all the same.
static LogicalResult fillRegion(AttentionOp op, const ScorePlan &plan,
                                const ScoreOperands &operands,
                                ArrayRef<Axes> roles, const AxisTable &table,
                                Softmax::Shift shift) {
  if (failed(emitScore(op, plan, operands, roles, table, Hidden::Infinite)))
    return failure();
  if (shift == Softmax::Never)
    return success();
  ScoreAnalysis analysis = analyzeScore(op);
  int64_t queries = table.getStaticSize(roles[2]),
          keys = table.getStaticSize(roles[3]);
  bool seesItself = !ShapedType::isDynamic(queries) &&
                    !ShapedType::isDynamic(keys) && queries <= keys;
  bool isSafe = analysis.hasWindow() && analysis.isWindowExact &&
                analysis.right.value_or(0) >= 0 &&
                (!analysis.left || (*analysis.left >= 0 && seesItself)) &&
                !mayHideMore(plan) && !hasChoice(analysis.value);
  if (isSafe)
    return success();
  // A row of nothing but the lowest number is uniform, or has no weights.
  if (shift == Softmax::Sometimes && hasVeryNegative(plan.body))
    return failure();
  return emitScore(op, plan, operands, roles, table, Hidden::Same);
}

namespace {

/// The axes of what a match found, none of them cut.
struct MatchedAxes {
  MatchedAxes(const Match &match, const AxisTable &table)
      : batch(table.resolve(match.batch)),
        queries(table.resolve(match.queries)), keys(table.resolve(match.keys)),
        depth(table.resolve(match.depth)), width(table.resolve(match.width)) {}

  Axes batch, queries, keys, depth, width;
};

/// The operands, as far up as they lie as the operation reads them.
struct PlacedOperands {
  Placed q, k, v;
  HeadRoles heads;
  /// Of the logits: what was multiplied into queries and keys further down.
  double factor;
};

/// Where the result goes: a value of the program, and what becomes it.
struct Target {
  AxisView view;
  Arrangement arrangement;
  OrderAttr order;
};

} // namespace

/// Places keys and values as far up as both have the same heads, then queries.
static std::optional<PlacedOperands>
placeOperands(const Match &match, const MatchedAxes &axes, AxisTable &table,
              OpBuilder &builder, Location loc, Mismatch &mismatch) {
  std::optional<Placed> k, v, q;
  std::optional<HeadRoles> heads;
  double factor = 1.0;
  for (const Source &keySource : llvm::reverse(match.k)) {
    Axes present = flatten(keySource.view.dims, table);
    std::optional<HeadRoles> split = splitBatch(axes.batch, present);
    if (!split)
      continue;
    k = place(keySource.view,
              {split->batch, split->keyHeads, axes.keys, axes.depth}, table,
              builder, loc);
    for (const Source &valueSource : llvm::reverse(match.v)) {
      if (!k || v)
        break;
      v = place(valueSource.view,
                {split->batch, split->keyHeads, axes.keys, axes.width}, table,
                builder, loc);
    }
    if (v) {
      heads = split;
      factor = keySource.factor;
      break;
    }
  }
  if (heads)
    for (const Source &source : llvm::reverse(match.q)) {
      q = place(source.view,
                {heads->batch, heads->heads, axes.queries, axes.depth}, table,
                builder, loc);
      if (q) {
        factor *= source.factor;
        break;
      }
    }
  if (!q) {
    mismatch.reason = std::string(!heads ? "keys and values" : "queries") +
                      " do not lie as batch, heads, positions and width in any "
                      "order";
    mismatch.stop = match.logit.op;
    return std::nullopt;
  }
  return PlacedOperands{*q, *k, *v, *heads, factor};
}

/// Finds the place of the result: as far down as it only moves. `outRoles` are
/// its batch, heads, queries and width.
static std::optional<Target> findTarget(const Match &match,
                                        ArrayRef<Axes> outRoles,
                                        AxisTable &table, OpBuilder &builder,
                                        Location loc, Mismatch &mismatch) {
  size_t known = table.size();
  SmallVector<AxisView> targets =
      findTargets(match.attend.op->getResult(0), match.result, table);
  for (const AxisView &candidate : llvm::reverse(targets)) {
    // Sizes have to come from what is there before the attention.
    bool isLate = llvm::any_of(flatten(candidate.dims, table), [&](Axis axis) {
      return axis >= known && ShapedType::isDynamic(table.getSize(axis));
    });
    if (isLate)
      continue;
    if (auto plan = planPlace(candidate, outRoles, table, builder, loc,
                              /*exists=*/false))
      return Target{candidate, plan->first, plan->second};
  }
  mismatch.reason =
      "the result does not lie as batch, heads, positions and width in any "
      "order";
  return std::nullopt;
}

/// The operation without its scale, length and region.
static AttentionOp createAttention(const PlacedOperands &placed,
                                   const Target &target,
                                   ArrayRef<Axes> outRoles,
                                   const ScoreOperands &operands, Guard guard,
                                   AxisTable &table, OpBuilder &builder,
                                   Location loc) {
  SmallVector<OpFoldResult> sizes;
  for (int role : target.arrangement.roles)
    sizes.push_back(table.getSize(builder, loc, outRoles[role]));
  Value init = tensor::EmptyOp::create(builder, loc, sizes,
                                       target.view.getType().getElementType());
  auto op = AttentionOp::create(builder, loc, placed.q.value, placed.k.value,
                                placed.v.value, init);
  op.setOrder(Role::Q, placed.q.order);
  op.setOrder(Role::K, placed.k.order);
  op.setOrder(Role::V, placed.v.order);
  op.setOrder(Role::Out, target.order);
  if (operands.mask) {
    op.getMaskMutable().assign(operands.mask);
    op.setMaskMapAttr(AffineMapAttr::get(operands.maskMap));
  }
  op.getScoreOperandsMutable().assign(operands.values);
  op.setScoreMapsAttr(builder.getAffineMapArrayAttr(operands.maps));
  op.setGuard(guard);
  return op;
}

/// Sets the scale to `factor`, by or over the program's own one if it has one.
/// What the operation takes anyway is not written. Builds in front of it.
static void setScale(AttentionOp op, const ScorePlan &score, double factor,
                     OpBuilder &builder) {
  Location loc = op.getLoc();
  FloatAttr rounded = builder.getF32FloatAttr(static_cast<float>(factor));
  if (!score.scale) {
    std::optional<double> standard = op.getConstantScale();
    if (!standard ||
        static_cast<float>(*standard) != static_cast<float>(factor))
      op.setScaleValueAttr(rounded);
    return;
  }
  Type f32 = builder.getF32Type();
  Value scale = score.scale;
  unsigned bits = scale.getType().getIntOrFloatBitWidth();
  if (bits < 32)
    scale = arith::ExtFOp::create(builder, loc, f32, scale);
  else if (bits > 32)
    scale = arith::TruncFOp::create(builder, loc, f32, scale);
  Value constant = arith::ConstantOp::create(builder, loc, rounded);
  if (score.dividesByScale)
    scale = arith::DivFOp::create(builder, loc, constant, scale);
  else if (factor != 1.0)
    scale = arith::MulFOp::create(builder, loc, constant, scale);
  op.getScaleMutable().assign(scale);
}

/// The result in the form of the value that it stands for.
static Value moveResult(AttentionOp op, const Target &target,
                        OpBuilder &builder) {
  Location loc = op.getLoc();
  builder.setInsertionPointAfter(op);
  Value replacement = op.getResult();
  for (const Reshape &reshape : llvm::reverse(target.arrangement.reshapes))
    replacement = reshape.inverse().apply(builder, loc, replacement);
  Type type = target.view.value.getType();
  if (replacement.getType() != type)
    replacement = tensor::CastOp::create(builder, loc, type, replacement);
  return replacement;
}

std::optional<Built> mlir::flat::raise::buildAttention(const Match &match,
                                                       AxisTable &table,
                                                       OpBuilder &builder,
                                                       Mismatch &mismatch) {
  Location loc = match.attend.op->getLoc();
  MatchedAxes axes(match, table);
  mismatch.isNear = true;
  std::optional<PlacedOperands> placed =
      placeOperands(match, axes, table, builder, loc, mismatch);
  if (!placed)
    return std::nullopt;
  const HeadRoles &heads = placed->heads;
  SmallVector<Axes> outRoles{heads.batch, heads.heads, axes.queries,
                             axes.width};
  std::optional<Target> target =
      findTarget(match, outRoles, table, builder, loc, mismatch);
  if (!target)
    return std::nullopt;

  ScorePlan score = planScore(match, table);
  // A row of nothing but the lowest number is uniform with a maximum that is
  // subtracted; without one it has no weights.
  if (match.softmax.shift != Softmax::Always && keepsVeryNegative(score)) {
    mismatch.reason = "the scores hold the lowest number where the maximum is "
                      "not subtracted";
    return std::nullopt;
  }
  SmallVector<Axes> roles{heads.batch, heads.heads, axes.queries, axes.keys};
  std::optional<ScoreOperands> operands =
      makeScoreOperands(score, roles, table, builder, loc, mismatch);
  if (!operands)
    return std::nullopt;

  AttentionOp op = createAttention(*placed, *target, outRoles, *operands,
                                   match.softmax.guard, table, builder, loc);
  if (score.bound)
    setLength(op, *score.bound, *operands, builder);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(op);
  setScale(op, score, placed->factor * score.factor, builder);
  if ((score.needsRegion() || operands->bound) &&
      failed(fillRegion(op, score, *operands, roles, table,
                        match.softmax.shift))) {
    mismatch.reason =
        "the scores depend on a position within merged "
        "dimensions, on an operation that has no scalar form, or "
        "on the lowest number where the maximum is not subtracted";
    op.erase();
    return std::nullopt;
  }
  Value replacement = moveResult(op, *target, builder);
  return Built{op, target->view.value, replacement};
}
