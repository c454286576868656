//===- Recurrences.cpp - Attention without a softmax -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// LinearAttention of ONNX 27: with the state S, [dk, dv] for each batch and key
// head, and for each token
//
//   S <- exp(g) S                      gated, gated_delta
//   u  = v                             linear, gated
//   u  = beta (v - S^T k)              delta, gated_delta
//   S <- S + k u^T,  o = scale S^T q
//
//===----------------------------------------------------------------------===//

#include "AttentionBuild.h"
#include "Scalars.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::nm::onnx {

namespace {

using utils::IteratorType;

/// What is the same for all tokens.
struct Recurrence {
  Val q, k, v; ///< [B, T, G, R, dk], [B, T, G, dk], [B, T, G, dv]
  std::optional<Val> decay, beta; ///< [B, T, G, dk or 1], [B, T, G or 1]
  double scale = 1;
  bool corrects = false;
};

/// One token of [B, T, ..] without the dimension of tokens.
Val tokenOf(Emit &e, Val &all, Value token) {
  SmallVector<OpFoldResult> offsets(all.rank(), e.size(0));
  Dims sizes = all.shape, shape = all.shape;
  offsets[1] = token;
  sizes[1] = e.size(1);
  shape.erase(shape.begin() + 1);
  Val row = e.slice(all, offsets, sizes);
  return e.reshape(row, shape);
}

/// The state after a token, and what the token reads: [B, G, R, dv].
std::pair<Val, Val> step(Emit &e, Recurrence &r, Val state, Value token) {
  Type f32 = e.b.getF32Type();
  Val q = tokenOf(e, r.q, token), k = tokenOf(e, r.k, token),
      v = tokenOf(e, r.v, token);
  Dims s = state.shape;
  auto column = [&](Val &x) { // [B, G, dk] as [B, G, dk, 1]
    Dims shape = x.shape;
    shape.push_back(e.size(1));
    return e.reshape(x, shape);
  };
  if (r.decay) {
    Val g = tokenOf(e, *r.decay, token);
    Val factors = column(g);
    state = e.update(state, {&factors},
                     [](OpBuilder &nb, Location loc, ValueRange a) {
                       Scalar t(nb, loc);
                       return t.mul(a[1], t.exp(a[0]));
                     });
  }
  MLIRContext *context = e.b.getContext();
  AffineExpr b, g, i, j, h;
  Val update = v;
  if (r.corrects) {
    bindDims(context, b, g, j, i);
    auto map = [&](ArrayRef<AffineExpr> exprs) {
      return AffineMap::get(4, 0, exprs, context);
    };
    Val seen =
        e.make(e.contract({e.tensor(state), e.tensor(k)},
                          {map({b, g, i, j}), map({b, g, i}), map({b, g, j})},
                          {IteratorType::parallel, IteratorType::parallel,
                           IteratorType::parallel, IteratorType::reduction},
                          v.shape, f32),
               Float, v.shape);
    SmallVector<Val *> operands{&v, &seen};
    Val rates;
    if (r.beta) {
      Val rate = tokenOf(e, *r.beta, token);
      rates = column(rate);
      operands.push_back(&rates);
    }
    update = e.elementwise(operands, Float, v.shape,
                           [](OpBuilder &nb, Location loc, ValueRange a) {
                             Scalar t(nb, loc);
                             Value rest = t.sub(a[0], a[1]);
                             return a.size() > 2 ? t.mul(a[2], rest) : rest;
                           });
  }
  Val keys = column(k);
  Val row = e.reshape(update, {s[0], s[1], e.size(1), s[3]});
  state = e.update(state, {&keys, &row},
                   [](OpBuilder &nb, Location loc, ValueRange a) {
                     Scalar t(nb, loc);
                     return t.add(a[2], t.mul(a[0], a[1]));
                   });
  bindDims(context, b, g, h, j, i);
  auto map = [&](ArrayRef<AffineExpr> exprs) {
    return AffineMap::get(5, 0, exprs, context);
  };
  Dims shape{s[0], s[1], q.shape[2], s[3]};
  Val read = e.make(
      e.contract({e.tensor(state), e.tensor(q)},
                 {map({b, g, i, j}), map({b, g, h, i}), map({b, g, h, j})},
                 {IteratorType::parallel, IteratorType::parallel,
                  IteratorType::parallel, IteratorType::parallel,
                  IteratorType::reduction},
                 shape, f32),
      Float, shape);
  double scale = r.scale;
  Val result = e.unary(read, [&](OpBuilder &nb, Location loc, ValueRange a) {
    Scalar t(nb, loc);
    return t.mul(a[0], t.number(a[0], scale));
  });
  return {state, result};
}

LogicalResult linearAttention(NodeEmit &n) {
  if (failed(n.needs(3)))
    return failure();
  int64_t queryHeads = n.intOr("q_num_heads", 0);
  int64_t heads = n.intOr("kv_num_heads", 0);
  if (heads < 1 || queryHeads < 1 || queryHeads % heads)
    return n.fail("q_num_heads is not a multiple of kv_num_heads");
  StringRef rule = n.stringOr("update_rule", "gated_delta");
  bool decays = rule == "gated" || rule == "gated_delta";
  Recurrence r;
  r.corrects = rule == "delta" || rule == "gated_delta";
  if (rule != "linear" && !decays && !r.corrects)
    return n.fail("update_rule is '" + rule +
                  "', expected linear, gated, delta or gated_delta");
  if (decays != n.has(4) && decays)
    return n.fail("has no decay, which update_rule '" + rule + "' needs");
  Val *parts[] = {&r.q, &r.k, &r.v};
  for (size_t i = 0; i < 3; ++i) {
    FailureOr<Heads> split =
        splitHeads(n, *n.in(i), n.size(i ? heads : queryHeads));
    if (failed(split))
      return failure();
    *parts[i] = n.castTo(split->value, Float);
  }
  OpFoldResult batch = r.q.shape[0], tokens = r.q.shape[1],
               groups = n.size(heads), dk = r.k.shape[3], dv = r.v.shape[3];
  if (!n.require(r.q.shape[3], dk, "the width of queries"))
    return n.fail("queries and keys differ in width");
  r.q = n.reshape(r.q, {batch, tokens, groups, n.size(queryHeads / heads), dk});
  if (auto scale = n.floatAttribute("scale"); scale && *scale != 0)
    r.scale = *scale;
  else if (std::optional<int64_t> width = Emit::constant(dk))
    r.scale = 1 / std::sqrt(static_cast<double>(*width));
  else
    return n.fail("the width of heads is known only when the model runs");
  if (decays) {
    Val g = n.castTo(*n.in(4), Float);
    bool perHead = Emit::same(g.shape.back(), groups);
    OpFoldResult width = perHead ? n.size(1) : dk;
    r.decay = n.reshape(g, {batch, tokens, groups, width});
  }
  if (r.corrects && n.has(5))
    r.beta = n.castTo(*n.in(5), Float);
  Dims stateShape{batch, groups, dk, dv};
  int32_t stateType = n.has(3) ? n.in(3)->type : n.in(0)->type;
  Type f32 = n.b.getF32Type();
  Value state;
  if (n.has(3)) {
    Val past = n.castTo(*n.in(3), Float);
    if (past.rank() != 4)
      return n.fail("past_state has rank " + Twine(past.rank()) +
                    ", expected 4");
    state = n.tensor(past);
  } else {
    state = n.filled(stateShape, n.number(f32, 0));
  }
  Dims shape{batch, tokens, groups, n.size(queryHeads / heads), dv};
  Value init = n.empty(shape, f32);
  // Operands are made before the loop, not in it.
  for (Val *one : {&r.q, &r.k, &r.v})
    (void)n.tensor(*one);
  if (r.decay)
    (void)n.tensor(*r.decay);
  if (r.beta)
    (void)n.tensor(*r.beta);
  auto loop = scf::ForOp::create(
      n.b, n.loc, n.indexConstant(0), n.index(tokens), n.indexConstant(1),
      ValueRange{init, state},
      [&](OpBuilder &b, Location loc, Value token, ValueRange carried) {
        Emit e(b, loc);
        Val before = e.make(carried[1], Float, stateShape);
        auto [after, read] = step(e, r, before, token);
        SmallVector<OpFoldResult> offsets(5, e.size(0)), ones(5, e.size(1));
        Dims sizes = shape;
        offsets[1] = token;
        sizes[1] = e.size(1);
        Val row = e.reshape(read, sizes);
        Value out = tensor::InsertSliceOp::create(
            b, loc, e.tensor(row), carried[0], offsets, sizes, ones);
        scf::YieldOp::create(b, loc, ValueRange{out, e.tensor(after)});
      });
  Val result = n.make(loop.getResult(0), Float, shape);
  result = n.castTo(result, n.in(0)->type);
  Val last = n.make(loop.getResult(1), Float, stateShape);
  (void)n.set(n.castTo(last, stateType), 1);
  return n.set(
      n.reshape(result, {batch, tokens, n.mul(n.size(queryHeads), dv)}), 0);
}

} // namespace

void addRecurrences(OperatorTable &t) {
  t.family("attention");
  t.add("LinearAttention", linearAttention, 27);
}

} // namespace mlir::nm::onnx
