//===- GroupQueryAttention.cpp - Attention with a cache of ONNX Runtime -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Normalize.h"
#include "QuantizedCache.h"
#include "Rotary.h"
#include "Scalars.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::nm::onnx {

namespace {

/// The fourth result of GroupQueryAttention, [B, H, N, `total`]: what goes into
/// the softmax, 0 where a query does not see the key, or what comes out of it.
LogicalResult setScores(NodeEmit &n, AttentionPlan &plan, OpFoldResult total) {
  int64_t kind = n.intOr("qk_output", 0);
  if (kind != 1 && kind != 2)
    return n.fail("returns scores with qk_output " + Twine(kind) +
                  ", expected 1 (before the softmax) or 2 (behind it)");
  if (kind == 2 && plan.sink)
    return n.fail(
        "returns what the softmax gives beside a head_sink or with "
        "smooth_softmax, which is not supported; expected qk_output 1");
  FailureOr<Val> scores = buildScores(
      n, plan, kind == 1 ? ScoreStage::Masked : ScoreStage::Weights);
  if (failed(scores))
    return failure();
  Val seen = n.sliceAxis(*scores, 3, n.size(0), total);
  if (kind == 1)
    seen = n.unary(seen, [](OpBuilder &b, Location loc, ValueRange a) {
      Scalar s(b, loc);
      Value hidden =
          s.compare(arith::CmpFPredicate::OEQ, a[0], s.infinity(a[0], true));
      return s.select(hidden, s.number(a[0], 0), a[0]);
    });
  return n.set(seen, 3);
}

/// One node. (ONNX Runtime, docs/ContribOperators.md)
struct GroupQuery {
  NodeEmit &n;
  int64_t heads, groups;
  AttentionPlan plan;
  /// Keys of each of the batch after this call, [B], and before it, [B] of
  /// index values.
  Val ends, starts;
  std::optional<CacheIntegers> integers[2]; ///< of keys, of values
  Val noScore;                              ///< [H] of zeros

  Val &query() { return *n.in(0); }
  OpFoldResult batch() { return query().shape[0]; }
  OpFoldResult tokens() { return query().shape[1]; }

  LogicalResult splitOperands();
  LogicalResult normalizeHeads();
  LogicalResult readCacheForms();
  LogicalResult countKeys();
  LogicalResult turnHeads();
  LogicalResult fillCaches(OpFoldResult total);
  LogicalResult readOptions();
  LogicalResult emit();
};

/// Queries, keys and values from an operand each or from one for all.
LogicalResult GroupQuery::splitOperands() {
  if (query().rank() != 3)
    return n.fail("its query has rank " + Twine(query().rank()) +
                  ", expected 3");
  OpFoldResult packedWidth;
  if (!n.has(1))
    packedWidth = n.compute(Emit::Arith::Div, query().shape[2],
                            n.size(heads + 2 * groups));
  OpFoldResult offset = n.size(0);
  Heads *parts[] = {&plan.q, &plan.k, &plan.v};
  for (size_t i = 0; i < 3; ++i) {
    int64_t count = i ? groups : heads;
    Val part;
    if (n.has(1)) {
      if (!n.has(i))
        return n.fail("has a key, but no value");
      part = *n.in(i);
    } else {
      OpFoldResult width = n.mul(packedWidth, n.size(count));
      part = n.sliceAxis(query(), 2, offset, width);
      offset = n.add(offset, width);
    }
    FailureOr<Heads> split = splitHeads(n, part, n.size(count));
    if (failed(split))
      return failure();
    *parts[i] = *split;
  }
  return success();
}

/// The RMS norm of each head of queries and of keys, times a weight for each
/// channel, where there are such weights.
LogicalResult GroupQuery::normalizeHeads() {
  if (n.has(14) != n.has(15))
    return n.fail("has one of q_norm_weight and k_norm_weight, expected both");
  if (!n.has(14))
    return success();
  double epsilon = n.floatOr("qk_norm_epsilon", 1e-6);
  for (auto [part, weight] : {std::pair(&plan.q, 14), std::pair(&plan.k, 15)}) {
    Val &x = part->value;
    int32_t type = x.type;
    if (failed(checkScale(n, x, n.in(weight),
                          weight == 14 ? "q_norm_weight" : "k_norm_weight")))
      return failure();
    Val wide = n.castTo(x, computedType(type)),
        factors = n.castTo(*n.in(weight), wide.type);
    Val normalized =
        normalizedMoments(n, wide, {3}, epsilon, /*centered=*/false).normalized;
    Val scaled = scaleAndShift(n, normalized, &factors, nullptr);
    x = n.castTo(scaled, type);
  }
  return success();
}

LogicalResult GroupQuery::readCacheForms() {
  for (size_t i : {0, 1}) {
    OpFoldResult width = (i ? plan.v : plan.k).width();
    auto form = CacheIntegers::read(n, i ? "v" : "k", 3 + i, 12 + i,
                                    n.size(groups), width);
    if (failed(form))
      return failure();
    integers[i] = *form;
  }
  if (integers[0].has_value() != integers[1].has_value())
    return n.fail("quantizes one of keys and values, expected both");
  return success();
}

LogicalResult GroupQuery::countKeys() {
  if (!n.require(n.product(n.in(5)->shape), batch(), "seqlens_k"))
    return n.fail("its seqlens_k are not one length for each of the batch");
  Val given = n.reshape(*n.in(5), {batch()});
  Value added = n.index(tokens());
  Type index = n.b.getIndexType();
  ends = n.elementwise({&given}, Int64, batch(),
                       [&](OpBuilder &b, Location loc, ValueRange a) {
                         Emit e(b, loc);
                         Scalar s(b, loc);
                         Value last = e.cast(a[0], given.type, Int64);
                         return s.add(last, s.number(last, 1));
                       });
  starts.shape = {batch()};
  starts.type = Int64;
  Value endList = n.tensor(ends);
  starts.tensor = n.generateTensor(
      index, batch(), [&](OpBuilder &b, Location loc, ValueRange place) {
        Value end = arith::IndexCastOp::create(
            b, loc, index, tensor::ExtractOp::create(b, loc, endList, place));
        Value before = arith::SubIOp::create(b, loc, end, added);
        Value zero = arith::ConstantIndexOp::create(b, loc, 0);
        return arith::MaxSIOp::create(b, loc, before, zero).getResult();
      });
  return success();
}

/// Rotary embedding of queries and keys.
LogicalResult GroupQuery::turnHeads() {
  if (!n.intOr("do_rotary", 0))
    return success();
  if (!n.has(7) || !n.has(8))
    return n.fail("do_rotary needs cos_cache and sin_cache");
  // Positions of tokens: after the batch's keys, unless they are given.
  Value begin = starts.tensor;
  Dims shape{batch(), tokens()};
  Val positions;
  if (n.has(9))
    positions = *n.in(9);
  else
    positions = n.generate(
        Int64, shape, [&](OpBuilder &b, Location loc, ValueRange place) {
          Value start =
              tensor::ExtractOp::create(b, loc, begin, ValueRange{place[0]});
          Value at = arith::AddIOp::create(b, loc, start, place[1]);
          return arith::IndexCastOp::create(b, loc, b.getI64Type(), at)
              .getResult();
        });
  for (Heads *part : {&plan.q, &plan.k}) {
    Rotary rotary;
    rotary.heads = *part;
    rotary.cosines = n.in(7);
    rotary.sines = n.in(8);
    rotary.positions = &positions;
    rotary.interleaved = n.intOr("rotary_interleaved", 0);
    FailureOr<Val> turned = rotate(n, rotary);
    if (failed(turned))
      return failure();
    part->value = *turned;
  }
  return success();
}

/// Keys and values behind those of the past, which keep their size if the new
/// rows fit.
LogicalResult GroupQuery::fillCaches(OpFoldResult total) {
  OpFoldResult size = total;
  if (n.has(3))
    size = n.compute(Emit::Arith::Max, n.in(3)->shape[2], size);
  for (auto [part, past] : {std::pair(&plan.k, 3), std::pair(&plan.v, 4)}) {
    Heads rows = headsFirst(n, *part);
    const std::optional<CacheIntegers> &form = integers[past - 3];
    if (form)
      rows.value = form->quantize(n, rows.value);
    bool isShared = n.has(past) && n.isInPlace(past - 2, past);
    if (isShared &&
        !n.require(size, n.in(past)->shape[2], "the cache, with the new keys,"))
      return n.fail("its cache has " +
                    Twine(*Emit::constant(n.in(past)->shape[2])) +
                    " rows, expected total_sequence_length, " +
                    Twine(*Emit::constant(size)) + ", or more");
    bool isEmpty = !n.has(past) || Emit::constant(n.in(past)->shape[2]) == 0;
    Val *before = isEmpty ? nullptr : n.in(past);
    *part = {isShared ? writeCache(n, *n.in(past), rows.value, starts)
                      : extendCache(n, before, rows.value, starts, size),
             false};
    (void)n.set(part->value, past - 2);
    if (form)
      part->value = form->dequantize(n, part->value, query().type);
  }
  return success();
}

LogicalResult GroupQuery::readOptions() {
  plan.offset = n.size(0);
  plan.lengths = &ends;
  plan.endsAtLength = true;
  plan.startsAtZero = true;
  plan.causal = n.intOr("causal", 1);
  // ONNX Runtime counts the query's own key among those of the window.
  int64_t window = n.intOr("local_window_size", -1);
  if (window < -1 || window == 0)
    return n.fail("local_window_size is " + Twine(window) +
                  ", expected -1 or 1 and more");
  if (!plan.causal && window > 0)
    return n.fail("local_window_size is " + Twine(window) +
                  " beside causal 0, expected -1");
  plan.left = window < 0 ? -1 : window - 1;
  plan.softcap = n.floatOr("softcap", 0);
  plan.scale = microsoftScale(n);
  plan.resultBnhd = true;
  if (n.has(10))
    plan.mask = n.in(10);
  // One in the divisor: a sink of score zero.
  if (n.has(11)) {
    plan.sink = n.in(11);
  } else if (n.intOr("smooth_softmax", -1) > 0) {
    noScore = n.make(n.filled(n.size(heads), n.number(n.b.getF32Type(), 0)),
                     Float, n.size(heads));
    plan.sink = &noScore;
  }
  return success();
}

LogicalResult GroupQuery::emit() {
  if (failed(splitOperands()) || failed(normalizeHeads()) ||
      failed(readCacheForms()) || failed(countKeys()) || failed(turnHeads()))
    return failure();
  FailureOr<OpFoldResult> total =
      n.only(n.sizes(6, "total_sequence_length"), "its total_sequence_length");
  if (failed(total) || failed(fillCaches(*total)) || failed(readOptions()))
    return failure();
  if (n.wants(3) && failed(setScores(n, plan, *total)))
    return failure();
  FailureOr<Val> result = buildAttention(n, plan);
  return failed(result) ? failure() : n.set(mergeHeads(n, *result));
}

} // namespace

LogicalResult groupQueryAttention(NodeEmit &n) {
  if (!n.has(0) || !n.has(5) || !n.has(6))
    return n.fail("needs a query, seqlens_k and total_sequence_length");
  int64_t heads = n.intOr("num_heads", 0), groups = n.intOr("kv_num_heads", 0);
  if (heads < 1 || groups < 1 || heads % groups)
    return n.fail("num_heads is not a multiple of kv_num_heads");
  if (n.intOr("sliding_window_cache", 0))
    return n.fail("keeps a cache of the window alone (sliding_window_cache), "
                  "which is not supported; expected one of all positions");
  return GroupQuery{n, heads, groups, {}, {}, {}, {}, {}}.emit();
}

} // namespace mlir::nm::onnx
