//===- AttentionBuild.cpp - Attention from its parts -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionBuild.h"
#include "Scalars.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "nm/Dialect/Flat/IR/FlatDialect.h"

namespace mlir::nm::onnx {

FailureOr<Heads> splitHeads(NodeEmit &n, Val &packed, OpFoldResult heads) {
  if (packed.rank() != 3)
    return n.fail("expected a tensor [batch, sequence, heads * width], found "
                  "rank " +
                  Twine(packed.rank()));
  std::optional<int64_t> all = Emit::constant(packed.shape[2]),
                         count = Emit::constant(heads);
  if (count && *count < 1)
    return n.fail("has " + Twine(*count) + " heads, expected 1 or more");
  if (all && count && *all % *count)
    return n.fail("a width of " + Twine(*all) + " is not divided by " +
                  Twine(*count) + " heads");
  OpFoldResult width = n.compute(Emit::Arith::Div, packed.shape[2], heads);
  Heads result;
  result.bnhd = true;
  result.value =
      n.reshape(packed, {packed.shape[0], packed.shape[1], heads, width});
  return result;
}

Heads headsFirst(NodeEmit &n, const Heads &heads) {
  if (!heads.bnhd)
    return heads;
  Val value = heads.value;
  return {n.transpose(value, {0, 2, 1, 3}), false};
}

Val mergeHeads(NodeEmit &n, Val &heads) {
  return n.reshape(heads, {heads.shape[0], heads.shape[1],
                           n.mul(heads.shape[2], heads.shape[3])});
}

std::optional<double> microsoftScale(NodeEmit &n) {
  std::optional<double> scale = n.floatAttribute("scale");
  return scale && *scale != 0 ? scale : std::nullopt;
}

Heads appended(NodeEmit &n, Val &past, const Heads &heads) {
  Heads first = headsFirst(n, heads);
  return {n.concat({&past, &first.value}, 2), false};
}

namespace {

/// The scalar side: what becomes of a scaled product at (b, h, i, j), before a
/// float mask is added. `i` counts from the plan's offset.
struct ScoreBody {
  const AttentionPlan &plan;
  Value queries; ///< N, for endsAtLength

  bool isTrivial() const {
    return plan.softcap == 0 && !plan.causal && plan.left < 0 &&
           plan.right < 0 && !plan.lengths && !plan.sink;
  }

  Value cap(Scalar &s, Value score) const {
    if (plan.softcap == 0)
      return score;
    Value bound = s.number(score, plan.softcap);
    Value inner = s.div(score, bound, false);
    return s.mul(bound, math::TanhOp::create(s.b, s.loc, inner).getResult());
  }

  static Value isSink(OpBuilder &b, Location loc, Value j) {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, j,
                                 arith::ConstantIndexOp::create(b, loc, 0));
  }

  /// Whether the query sees the key; null if it always does. A sink is key 0,
  /// which moves the others up by one.
  Value sees(OpBuilder &b, Location loc, Value i, Value j, Value length) const {
    Value seen;
    auto plus = [&](Value x, int64_t by) -> Value {
      if (by == 0)
        return x;
      return arith::AddIOp::create(b, loc, x,
                                   arith::ConstantIndexOp::create(b, loc, by));
    };
    const int64_t first = plan.sink ? 1 : 0;
    auto also = [&](Value condition) {
      seen = seen ? arith::AndIOp::create(b, loc, seen, condition).getResult()
                  : condition;
    };
    auto compare = [&](arith::CmpIPredicate p, Value x, Value y) {
      also(arith::CmpIOp::create(b, loc, p, x, y));
    };
    if (length) {
      compare(arith::CmpIPredicate::slt, j, plus(length, first));
      if (plan.endsAtLength) {
        Value before = arith::SubIOp::create(b, loc, length, queries);
        if (plan.startsAtZero)
          before = arith::MaxSIOp::create(
              b, loc, before, arith::ConstantIndexOp::create(b, loc, 0));
        i = arith::AddIOp::create(b, loc, i, before);
      }
    }
    if (plan.causal)
      compare(arith::CmpIPredicate::sle, j, plus(i, first));
    if (plan.right >= 0)
      compare(arith::CmpIPredicate::sle, j, plus(i, first + plan.right));
    if (plan.left >= 0) {
      Value near = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sge, j,
                                         plus(i, first - plan.left));
      // Nothing else hides key 0: it is before each query.
      also(plan.sink ? arith::OrIOp::create(b, loc, near, isSink(b, loc, j))
                           .getResult()
                     : near);
    }
    return seen;
  }
};

/// A mask of fewer keys hides the others.
Val widenMask(NodeEmit &n, Val &mask, OpFoldResult keys) {
  if (Emit::constant(mask.shape.back()) == 1 ||
      Emit::same(mask.shape.back(), keys))
    return mask;
  bool isBool = mask.type == Bool;
  Dims shape = mask.shape;
  shape.back() = keys;
  Value source = n.tensor(mask), have = n.index(mask.shape.back());
  return n.generate(
      mask.type, shape, [&](OpBuilder &b, Location loc, ValueRange place) {
        Scalar s(b, loc);
        Value j = place.back();
        Value inside =
            arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, j, have);
        SmallVector<Value> from(place);
        Value zero = arith::ConstantIndexOp::create(b, loc, 0);
        from.back() = arith::SelectOp::create(b, loc, inside, j, zero);
        Value element = tensor::ExtractOp::create(b, loc, source, from);
        Value outside =
            isBool ? s.number(element, 0) : s.infinity(element, true);
        return s.select(inside, element, outside);
      });
}

/// Puts a key of zeros before the others, whose score and value are those of a
/// sink; a mask lets it pass.
LogicalResult addSinkRow(NodeEmit &n, AttentionPlan &plan, Val &mask) {
  if (!n.require(n.product(plan.sink->shape), plan.q.heads(), "the sink"))
    return n.fail("has a sink for " +
                  Twine(*Emit::constant(n.product(plan.sink->shape))) +
                  " heads, expected " + Twine(*Emit::constant(plan.q.heads())));
  auto preceded = [&](Val &values, int64_t axis, double number) {
    Dims shape = values.shape;
    shape[axis] = n.size(1);
    Value element = n.number(n.elementType(values.type), number);
    Val row = n.make(n.filled(shape, element), values.type, shape);
    return n.concat({&row, &values}, axis);
  };
  if (plan.mask) {
    if (Emit::constant(plan.mask->shape.back()) == 1) {
      Dims shape = plan.mask->shape;
      shape.back() = plan.k.positions();
      mask = n.expand(*plan.mask, shape);
    } else {
      mask = widenMask(n, *plan.mask, plan.k.positions());
    }
    mask = preceded(mask, mask.rank() - 1, mask.type == Bool ? 1 : 0);
    plan.mask = &mask;
  }
  for (Heads *part : {&plan.k, &plan.v})
    part->value = preceded(part->value, part->bnhd ? 1 : 2, 0);
  return success();
}

/// The mask with its map from (b, h, i, j); fails where it does not fit.
FailureOr<std::pair<Val, AffineMap>> placeMask(NodeEmit &n,
                                               AttentionPlan &plan) {
  Dims target{plan.q.batch(), plan.q.heads(), plan.q.positions(),
              plan.k.positions()};
  Val mask = widenMask(n, *plan.mask, plan.k.positions());
  if (mask.type != Bool && !isFloatType(mask.type))
    return n.fail("its mask is " + elementTypeName(mask.type) +
                  ", expected bool or a float");
  if (mask.type == Double)
    mask = n.castTo(mask, Float);
  if (mask.rank() > 4)
    return n.fail("its mask has rank " + Twine(mask.rank()));
  for (int64_t d = 0; d < mask.rank(); ++d) {
    OpFoldResult size = mask.shape[d], want = target[4 - mask.rank() + d];
    if (Emit::constant(size) == 1 && Emit::constant(want) != 1)
      continue;
    if (!n.require(size, want, "dimension " + Twine(d) + " of the mask"))
      return n.fail("dimension " + Twine(d) + " of its mask is " +
                    Twine(*Emit::constant(size)) + ", expected " +
                    Twine(*Emit::constant(want)));
  }
  return std::make_pair(mask, n.broadcastMap(mask.shape, target));
}

} // namespace

/// What both forms ask of the operands.
static LogicalResult checkPlan(NodeEmit &n, AttentionPlan &plan) {
  std::optional<int64_t> heads = Emit::constant(plan.q.heads()),
                         groups = Emit::constant(plan.k.heads());
  if (heads && groups && (*groups == 0 || *heads % *groups))
    return n.fail("has " + Twine(*heads) + " query heads for " +
                  Twine(*groups) + " key heads, expected a multiple");
  struct Pair {
    OpFoldResult found, expected;
    const char *what;
  };
  for (const Pair &pair :
       {Pair{plan.k.width(), plan.q.width(), "the width of keys"},
        Pair{plan.v.positions(), plan.k.positions(), "the number of values"},
        Pair{plan.v.heads(), plan.k.heads(), "the heads of values"},
        Pair{plan.k.batch(), plan.q.batch(), "the batch of keys"},
        Pair{plan.v.batch(), plan.q.batch(), "the batch of values"}})
    if (!n.require(pair.found, pair.expected, pair.what))
      return n.fail(pair.what + (" is " + Twine(*Emit::constant(pair.found))) +
                    ", expected " + Twine(*Emit::constant(pair.expected)));
  for (Val *value : {&plan.q.value, &plan.k.value, &plan.v.value})
    if (!isFloatType(value->type))
      return n.fail("attends over " + elementTypeName(value->type) +
                    ", expected floating-point numbers");
  return success();
}

FailureOr<Val> buildScores(NodeEmit &n, AttentionPlan &plan, ScoreStage stage) {
  if (failed(checkPlan(n, plan)))
    return failure();
  int32_t type = computedType(plan.q.value.type);
  Heads q = headsFirst(n, plan.q), k = headsFirst(n, plan.k);
  Val left = n.castTo(q.value, type), right = n.castTo(k.value, type);
  std::optional<int64_t> heads = Emit::constant(q.heads()),
                         groups = Emit::constant(k.heads());
  if (!heads || !groups)
    return n.fail("the number of heads is known only when the model runs");
  int64_t ratio = *heads / *groups;
  MLIRContext *context = n.b.getContext();
  AffineExpr b, h, i, j, d;
  bindDims(context, b, h, i, j, d);
  auto map = [&](ArrayRef<AffineExpr> exprs) {
    return AffineMap::get(5, 0, exprs, context);
  };
  // Grouped heads: [B, G, ratio, N, D] in place, so that maps stay plain.
  Dims shape{q.batch(), q.heads(), q.positions(), k.positions()};
  using utils::IteratorType;
  Value product;
  if (ratio == 1) {
    product = n.contract(
        {n.tensor(left), n.tensor(right)},
        {map({b, h, i, d}), map({b, h, j, d}), map({b, h, i, j})},
        {IteratorType::parallel, IteratorType::parallel, IteratorType::parallel,
         IteratorType::parallel, IteratorType::reduction},
        shape, n.elementType(type));
  } else {
    AffineExpr g, r;
    bindDims(context, b, g, r, i, j, d);
    auto map6 = [&](ArrayRef<AffineExpr> exprs) {
      return AffineMap::get(6, 0, exprs, context);
    };
    Dims apart{q.batch(), n.size(*groups), n.size(ratio), q.positions(),
               k.positions()};
    Val grouped = n.reshape(left, {q.batch(), n.size(*groups), n.size(ratio),
                                   q.positions(), q.width()});
    product = n.contract(
        {n.tensor(grouped), n.tensor(right)},
        {map6({b, g, r, i, d}), map6({b, g, j, d}), map6({b, g, r, i, j})},
        {IteratorType::parallel, IteratorType::parallel, IteratorType::parallel,
         IteratorType::parallel, IteratorType::parallel,
         IteratorType::reduction},
        apart, n.elementType(type));
    product = n.reshape(product, apart, shape);
  }
  Val scores = n.make(product, type, shape);
  double scale = 0;
  if (plan.scale)
    scale = *plan.scale;
  else if (std::optional<int64_t> width = Emit::constant(q.width()))
    scale = 1 / std::sqrt(static_cast<double>(*width));
  else
    return n.fail("the width of heads is known only when the model runs");
  ScoreBody body{plan, n.index(plan.q.positions())};
  Value offset = n.index(plan.offset);
  Value lengths = plan.lengths ? n.tensor(*plan.lengths) : Value();
  bool masks = stage == ScoreStage::Masked || stage == ScoreStage::Weights;
  SmallVector<Val *> operands{&scores};
  Val mask;
  if (masks && plan.mask) {
    auto placed = placeMask(n, plan);
    if (failed(placed))
      return failure();
    mask = placed->first;
    operands.push_back(&mask);
  }
  Val result = n.elementwise(
      operands, type, shape, [&](OpBuilder &nb, Location loc, ValueRange a) {
        Scalar s(nb, loc);
        Value score = s.mul(a[0], s.number(a[0], scale));
        if (stage != ScoreStage::Product)
          score = body.cap(s, score);
        if (!masks)
          return score;
        Value place[4];
        for (unsigned dim = 0; dim < 4; ++dim)
          place[dim] = linalg::IndexOp::create(nb, loc, dim);
        Value length;
        if (lengths)
          length = arith::IndexCastOp::create(
              nb, loc, nb.getIndexType(),
              tensor::ExtractOp::create(nb, loc, lengths, place[0]));
        Value at = arith::AddIOp::create(nb, loc, place[2], offset);
        Value hidden = s.infinity(score, true);
        if (Value seen = body.sees(nb, loc, at, place[3], length))
          score = s.select(seen, score, hidden);
        if (a.size() > 1)
          score = mask.type == Bool
                      ? s.select(a[1], score, hidden)
                      : s.add(score, Emit(nb, loc).cast(a[1], mask.type, type));
        return score;
      });
  if (stage != ScoreStage::Weights)
    return n.castTo(result, plan.q.value.type);
  // Softmax, with zeros where a query sees no key.
  Dims kept = Emit::reducedShape(n.b, shape, 3, true);
  Type element = n.elementType(type);
  Scalar at(n.b, n.loc);
  Val most = n.make(n.reduce(
                        n.tensor(result), shape, 3, at.lowest(element, false),
                        [](OpBuilder &nb, Location loc, Value e, Value m) {
                          return Scalar(nb, loc).max(m, e, false);
                        },
                        true),
                    type, kept);
  Val powers =
      n.binary(result, most, [](OpBuilder &nb, Location loc, ValueRange a) {
        Scalar s(nb, loc);
        Value hidden =
            s.compare(arith::CmpFPredicate::OEQ, a[0], s.infinity(a[0], true));
        return s.select(hidden, s.number(a[0], 0), s.exp(s.sub(a[0], a[1])));
      });
  Val total = n.make(n.reduce(
                         n.tensor(powers), shape, 3, n.number(element, 0),
                         [](OpBuilder &nb, Location loc, Value e, Value sum) {
                           return Scalar(nb, loc).add(sum, e);
                         },
                         true),
                     type, kept);
  Val weights =
      n.binary(powers, total, [](OpBuilder &nb, Location loc, ValueRange a) {
        Scalar s(nb, loc);
        Value none =
            s.compare(arith::CmpFPredicate::OEQ, a[1], s.number(a[1], 0));
        return s.div(a[0], s.select(none, s.number(a[1], 1), a[1]), false);
      });
  return n.castTo(weights, plan.q.value.type);
}

/// The order of dimensions of each operand and of the result.
static void setOrders(flat::AttentionOp op, const AttentionPlan &plan) {
  using Role = flat::AttentionOp::Role;
  auto order = [&](Role role, bool bnhd) {
    if (bnhd)
      op.setOrder(role,
                  flat::OrderAttr::getFromLetters(op.getContext(), "bnhd"));
  };
  order(Role::Q, plan.q.bnhd);
  order(Role::K, plan.k.bnhd);
  order(Role::V, plan.v.bnhd);
  order(Role::Out, plan.resultBnhd);
}

/// What the score region reads besides the score and its place: the lengths,
/// [B], then the scores of the sinks, [H]; either may be null.
static void setScoreOperands(flat::AttentionOp op, Value lengths, Value sink) {
  Builder b(op.getContext());
  SmallVector<Value> operands;
  SmallVector<AffineMap> maps;
  auto add = [&](Value operand, unsigned dim) {
    operands.push_back(operand);
    maps.push_back(
        AffineMap::get(4, 0, b.getAffineDimExpr(dim), op.getContext()));
  };
  if (lengths)
    add(lengths, flat::AttentionOp::Batch);
  if (sink)
    add(sink, flat::AttentionOp::Head);
  if (operands.empty())
    return;
  op.getScoreOperandsMutable().assign(operands);
  op.setScoreMapsAttr(b.getAffineMapArrayAttr(maps));
}

/// The score region, over the operands that `setScoreOperands` has set.
static void buildScoreRegion(NodeEmit &n, flat::AttentionOp op,
                             const ScoreBody &body) {
  OpBuilder::InsertionGuard guard(n.b);
  Type index = n.b.getIndexType(), f32 = n.b.getF32Type();
  SmallVector<Type> types{f32, index, index, index, index};
  for (Value operand : op.getScoreOperands())
    types.push_back(
        llvm::cast<RankedTensorType>(operand.getType()).getElementType());
  SmallVector<Location> places(types.size(), n.loc);
  Block *block = n.b.createBlock(&op.getScore(), {}, types, places);
  Scalar s(n.b, n.loc);
  Value score = body.cap(s, block->getArgument(0));
  if (body.plan.sink)
    score = s.select(ScoreBody::isSink(n.b, n.loc, block->getArgument(4)),
                     block->getArguments().back(), score);
  Value length;
  if (body.plan.lengths)
    length =
        arith::IndexCastOp::create(n.b, n.loc, index, block->getArgument(5));
  if (Value seen = body.sees(n.b, n.loc, block->getArgument(3),
                             block->getArgument(4), length))
    score = s.select(seen, score, s.infinity(score, true));
  flat::YieldOp::create(n.b, n.loc, score);
}

FailureOr<Val> buildAttention(NodeEmit &n, AttentionPlan &plan) {
  if (failed(checkPlan(n, plan)))
    return failure();
  int32_t type = plan.q.value.type;
  // Logits and sums are f32 in flat.attention; f64 goes through it, too.
  for (Val *value : {&plan.q.value, &plan.k.value, &plan.v.value})
    if (value->type == Double)
      *value = n.castTo(*value, Float);
  int32_t stored = type == Double ? int32_t(Float) : type;
  Val sunkMask, sinkScores;
  if (plan.sink) {
    if (failed(addSinkRow(n, plan, sunkMask)))
      return failure();
    sinkScores = n.castTo(*plan.sink, Float);
    sinkScores = n.reshape(sinkScores, {plan.q.heads()});
  }
  Dims shape{plan.q.batch(), plan.q.heads(), plan.q.positions(),
             plan.v.width()};
  if (plan.resultBnhd)
    std::swap(shape[1], shape[2]);
  std::optional<std::pair<Val, AffineMap>> mask;
  if (plan.mask) {
    auto placed = placeMask(n, plan);
    if (failed(placed))
      return failure();
    mask = *placed;
  }
  Value q = n.tensor(plan.q.value), k = n.tensor(plan.k.value),
        v = n.tensor(plan.v.value);
  Value init = n.empty(shape, n.elementType(stored));
  Value maskTensor = mask ? n.tensor(mask->first) : Value();
  Value lengths = plan.lengths ? n.tensor(*plan.lengths) : Value();
  Value sink = plan.sink ? n.tensor(sinkScores) : Value();
  Value offset = n.index(plan.offset);
  ScoreBody body{plan, n.index(plan.q.positions())};
  auto op = flat::AttentionOp::create(n.b, n.loc, q, k, v, init);
  setOrders(op, plan);
  if (maskTensor) {
    op.getMaskMutable().assign(maskTensor);
    op.setMaskMapAttr(AffineMapAttr::get(mask->second));
  }
  if (Emit::constant(plan.offset) != 0)
    op.getOffsetMutable().assign(offset);
  if (plan.scale)
    op.setScaleValueAttr(n.b.getF32FloatAttr(static_cast<float>(*plan.scale)));
  setScoreOperands(op, lengths, sink);
  if (!body.isTrivial())
    buildScoreRegion(n, op, body);
  Val result = n.make(op.getResult(), stored, shape);
  return n.castTo(result, type);
}

} // namespace mlir::nm::onnx
