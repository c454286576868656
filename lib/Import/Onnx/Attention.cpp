//===- Attention.cpp - Attention and rotary embedding -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionBuild.h"
#include "Rotary.h"
#include "Scalars.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "nm/Dialect/Layer/IR/LayerDialect.h"

namespace mlir::nm::onnx {

/// The rows of a table of angles that the tokens have: [B, N, angles] or [N,
/// angles].
static Val anglesOf(NodeEmit &n, const Rotary &rotary, Val &table) {
  if (rotary.positions && rotary.positions->rank() == 2)
    return n.gatherAlong(table, *rotary.positions, 0);
  if (table.rank() == 3)
    return table;
  OpFoldResult first = n.size(0);
  if (rotary.positions) {
    Value position = n.scalar(*rotary.positions);
    first = arith::IndexCastOp::create(n.b, n.loc, n.b.getIndexType(), position)
                .getResult();
  }
  return n.sliceAxis(table, 0, first, rotary.heads.positions());
}

/// Cosines and sines have one shape, and what is there for each token fits the
/// tokens.
static bool anglesFit(NodeEmit &n, const Rotary &rotary) {
  Val &cosines = *rotary.cosines, &sines = *rotary.sines;
  bool fits = cosines.rank() == sines.rank();
  for (int64_t dim = 0; fits && dim < cosines.rank(); ++dim)
    fits = n.require(sines.shape[dim], cosines.shape[dim], "sines");
  const Val *each = nullptr;
  if (rotary.positions && rotary.positions->rank() == 2)
    each = rotary.positions;
  else if (cosines.rank() == 3)
    each = &cosines;
  if (fits && each)
    fits = n.require(each->shape[0], rotary.heads.batch(), "positions") &&
           n.require(each->shape[1], rotary.heads.positions(), "positions");
  return fits;
}

FailureOr<Val> rotate(NodeEmit &n, const Rotary &rotary) {
  if (!anglesFit(n, rotary))
    return n.fail("cosines, sines and positions do not fit the input");
  Val input = rotary.heads.value;
  Val cosines = anglesOf(n, rotary, *rotary.cosines),
      sines = anglesOf(n, rotary, *rotary.sines);
  sines = n.castTo(sines, cosines.type);
  Value source = n.tensor(input);
  Value angles[] = {n.tensor(cosines), n.tensor(sines)};
  if (angles[1].getType() != angles[0].getType())
    angles[1] =
        tensor::CastOp::create(n.b, n.loc, angles[0].getType(), angles[1]);
  Value init = n.empty(input.shape, n.elementType(input.type));
  return n.make(layer::RotaryOp::create(
                    n.b, n.loc, source.getType(), source, angles[0], angles[1],
                    init, n.b.getI64IntegerAttr(rotary.heads.bnhd ? 1 : 2),
                    rotary.interleaved ? n.b.getUnitAttr() : UnitAttr()),
                input.type, input.shape);
}

namespace {

LogicalResult attention(NodeEmit &n) {
  if (failed(n.needs(3)))
    return failure();
  AttentionPlan plan;
  bool packed = n.in(0)->rank() == 3;
  int64_t queryHeads = n.intOr("q_num_heads", 0);
  int64_t keyHeads = n.intOr("kv_num_heads", 0);
  Heads *operands[] = {&plan.q, &plan.k, &plan.v};
  for (size_t i = 0; i < 3; ++i) {
    if (n.in(i)->rank() != (packed ? 3 : 4))
      return n.fail("queries, keys and values have different ranks, or none "
                    "of 3 and 4");
    if (packed) {
      if (queryHeads < 1 || keyHeads < 1)
        return n.fail("needs q_num_heads and kv_num_heads for operands of "
                      "rank 3");
      FailureOr<Heads> heads =
          splitHeads(n, *n.in(i), n.size(i ? keyHeads : queryHeads));
      if (failed(heads))
        return failure();
      *operands[i] = *heads;
    } else {
      *operands[i] = {*n.in(i), false};
    }
  }
  plan.offset = n.size(0);
  if (n.has(4) != n.has(5))
    return n.fail("has one of past_key and past_value, expected both");
  if (n.has(4)) {
    if (n.in(4)->rank() != 4 || n.in(5)->rank() != 4)
      return n.fail("past_key or past_value is not of rank 4");
    plan.offset = n.in(4)->shape[2];
    plan.k = appended(n, *n.in(4), plan.k);
    plan.v = appended(n, *n.in(5), plan.v);
  }
  Val lengths;
  if (n.has(6)) {
    lengths = n.reshape(*n.in(6), {n.product(n.in(6)->shape)});
    plan.lengths = &lengths;
    plan.endsAtLength = !n.has(4);
  }
  plan.mask = n.in(3);
  plan.causal = n.intOr("is_causal", 0);
  plan.scale = n.floatAttribute("scale");
  plan.softcap = n.floatOr("softcap", 0);
  plan.left = n.intOr("left_window_size", -1);
  plan.right = n.intOr("right_window_size", -1);
  plan.resultBnhd = packed;
  if (n.wants(3)) {
    static constexpr ScoreStage stages[] = {
        ScoreStage::Product, ScoreStage::Capped, ScoreStage::Masked,
        ScoreStage::Weights};
    int64_t mode = n.intOr("qk_matmul_output_mode", 0);
    if (mode < 0 || mode > 3)
      return n.fail("qk_matmul_output_mode is " + Twine(mode) +
                    ", expected 0 to 3");
    FailureOr<Val> scores = buildScores(n, plan, stages[mode]);
    if (failed(scores))
      return failure();
    (void)n.set(*scores, 3);
  }
  if (n.wants(1))
    (void)n.set(headsFirst(n, plan.k).value, 1);
  if (n.wants(2))
    (void)n.set(headsFirst(n, plan.v).value, 2);
  FailureOr<Val> result = buildAttention(n, plan);
  if (failed(result))
    return failure();
  if (!packed)
    return n.set(*result);
  return n.set(n.reshape(*result, {result->shape[0], result->shape[1],
                                   n.mul(result->shape[2], result->shape[3])}));
}

/// ONNX: x, cosines, sines, positions. ONNX Runtime has positions second.
template <bool microsoft> LogicalResult rotaryEmbedding(NodeEmit &n) {
  size_t cosines = microsoft ? 2 : 1, positions = microsoft ? 1 : 3;
  if (failed(n.needs(cosines + 2)))
    return failure();
  Val &x = *n.in(0);
  Rotary rotary;
  rotary.cosines = n.in(cosines);
  rotary.sines = n.in(cosines + 1);
  rotary.positions = n.in(positions);
  rotary.interleaved = n.intOr("interleaved", 0);
  int64_t heads = n.intOr("num_heads", 0);
  int64_t dim = n.intOr("rotary_embedding_dim", 0);
  if (x.rank() == 3) {
    OpFoldResult count = n.size(heads);
    // ONNX Runtime infers the heads from the width of the tables.
    if (heads == 0 && microsoft && dim == 0)
      count = n.compute(Emit::Arith::Div, x.shape[2],
                        n.mul(rotary.cosines->shape.back(), n.size(2)));
    FailureOr<Heads> split = splitHeads(n, x, count);
    if (failed(split))
      return failure();
    rotary.heads = *split;
  } else if (x.rank() == 4) {
    rotary.heads = {x, false};
  } else {
    return n.fail("has an input of rank " + Twine(x.rank()) +
                  ", expected 3 or 4");
  }
  int64_t expected = rotary.positions ? 2 : 3;
  if (rotary.cosines->rank() != expected || rotary.sines->rank() != expected)
    return n.fail("cosines have rank " + Twine(rotary.cosines->rank()) +
                  ", expected " + Twine(expected));
  std::optional<int64_t> width = Emit::constant(rotary.heads.width()),
                         half = Emit::constant(rotary.cosines->shape.back());
  if (width && half && (2 * *half > *width || (dim && 2 * *half != dim)))
    return n.fail("tables of " + Twine(*half) +
                  " angles do not fit heads of width " + Twine(*width));
  FailureOr<Val> result = rotate(n, rotary);
  if (failed(result))
    return failure();
  return n.set(x.rank() == 3 ? n.reshape(*result, x.shape) : *result);
}

} // namespace

void addAttention(OperatorTable &t) {
  t.family("attention");
  t.add("Attention", attention, 23);
  t.add("RotaryEmbedding", rotaryEmbedding<false>, 23);
  t.family("attention", "com.microsoft");
  t.add("RotaryEmbedding", rotaryEmbedding<true>);
}

} // namespace mlir::nm::onnx
