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

namespace mlir::nm::onnx {

Val rotate(NodeEmit &n, const Rotary &rotary) {
  const Heads &heads = rotary.heads;
  Val input = heads.value;
  OpFoldResult half = rotary.cosines->shape.back();
  OpFoldResult pair = n.mul(half, n.size(2));
  Value source = n.tensor(input), cosines = n.tensor(*rotary.cosines),
        sines = n.tensor(*rotary.sines);
  Value places = rotary.positions ? n.tensor(*rotary.positions) : Value();
  Value middle = n.index(half), rotated = n.index(pair);
  int64_t tableRank = rotary.cosines->rank();
  int64_t placeRank = rotary.positions ? rotary.positions->rank() : 0;
  bool perToken = rotary.positions && placeRank == 2;
  int64_t row = heads.bnhd ? 1 : 2;
  return n.generate(
      input.type, input.shape,
      [&](OpBuilder &b, Location loc, ValueRange place) -> Value {
        Scalar s(b, loc);
        Value zero = arith::ConstantIndexOp::create(b, loc, 0);
        Value one = arith::ConstantIndexOp::create(b, loc, 1);
        Value two = arith::ConstantIndexOp::create(b, loc, 2);
        Value d = place[3], token = place[row];
        Value inside = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt,
                                             d, rotated);
        // Which angle, and whether it is the second of the two.
        Value angle, second, partner;
        if (rotary.interleaved) {
          angle = arith::DivUIOp::create(b, loc, d, two);
          second = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                         arith::RemUIOp::create(b, loc, d, two),
                                         one);
          Value base = arith::MulIOp::create(b, loc, angle, two);
          partner =
              arith::AddIOp::create(b, loc, base, s.select(second, zero, one));
        } else {
          second = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sge, d,
                                         middle);
          Value low = arith::SubIOp::create(b, loc, d, middle);
          Value high = arith::AddIOp::create(b, loc, d, middle);
          angle = s.select(second, low, d);
          partner = s.select(second, low, high);
        }
        angle = s.select(inside, angle, zero);
        partner = s.select(inside, partner, d);
        SmallVector<Value> entry;
        if (places) {
          SmallVector<Value> where;
          if (perToken)
            where = {place[0], token};
          else
            where.assign(placeRank, zero);
          Value first = arith::IndexCastOp::create(
              b, loc, b.getIndexType(),
              tensor::ExtractOp::create(b, loc, places, where));
          entry.push_back(
              perToken
                  ? first
                  : arith::AddIOp::create(b, loc, first, token).getResult());
        } else if (tableRank == 3) {
          entry.append({place[0], token});
        } else {
          entry.push_back(token);
        }
        entry.push_back(angle);
        Emit e(b, loc);
        int32_t wide = input.type == Double ? Double : Float;
        auto load = [&](Value from, ValueRange at, int32_t type) {
          Value x = tensor::ExtractOp::create(b, loc, from, at);
          return e.cast(x, type, wide);
        };
        Value cosine = load(cosines, entry, rotary.cosines->type);
        Value sine = load(sines, entry, rotary.sines->type);
        SmallVector<Value> other(place);
        other[3] = partner;
        Value x = load(source, place, input.type);
        Value y = load(source, other, input.type);
        // real = cos x1 - sin x2, imaginary = sin x1 + cos x2
        Value kept = s.mul(cosine, x), turned = s.mul(sine, y);
        Value result =
            s.select(second, s.add(turned, kept), s.sub(kept, turned));
        return e.cast(s.select(inside, result, x), wide, input.type);
      });
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
  Val result = rotate(n, rotary);
  return n.set(x.rank() == 3 ? n.reshape(result, x.shape) : result);
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
