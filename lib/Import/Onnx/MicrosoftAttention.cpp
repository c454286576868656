//===- MicrosoftAttention.cpp - Attention of ONNX Runtime -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionBuild.h"
#include "Scalars.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::nm::onnx {

void addMicrosoftAttention(OperatorTable &table);

namespace {

/// What hides keys, in the forms that ONNX Runtime knows.
struct Hidden {
  Val lengths, mask;
};

/// Where the keys of each sequence end, then where they start, [2 B], as a flag
/// for each of `keys` keys, [B, 1, 1, keys].
Val flagsBetween(NodeEmit &n, Val &given, OpFoldResult batch,
                 OpFoldResult keys) {
  Val places =
      n.generate(Int64, Dims{keys}, [](OpBuilder &b, Location l, ValueRange a) {
        return arith::IndexCastOp::create(b, l, b.getI64Type(), a[0])
            .getResult();
      });
  Val wide = n.castTo(given, Int64);
  auto column = [&](OpFoldResult first) {
    Val part = n.sliceAxis(wide, 0, first, batch);
    return n.reshape(part, {batch, n.size(1), n.size(1), n.size(1)});
  };
  Val ends = column(n.size(0)), starts = column(batch);
  return n.elementwise({&places, &ends, &starts}, Bool,
                       Dims{batch, n.size(1), n.size(1), keys},
                       [](OpBuilder &b, Location loc, ValueRange a) {
                         Scalar s(b, loc);
                         Value early = s.greater(a[2], a[0], false);
                         Value inside = s.greater(a[1], a[0], false);
                         return s.select(early, s.number(early, 0), inside);
                       });
}

/// [B] counts keys from the left; [B, S], [B, N, S] and [B, 1, N, S] say of
/// each key whether it is seen. Where `keys` says how many there are, [2 B]
/// gives ends and starts. (ONNX Runtime, docs/ContribOperators.md: mask_index
/// of Attention)
LogicalResult takeMask(NodeEmit &n, Val &given, AttentionPlan &plan,
                       Hidden &hidden, OpFoldResult keys = {}) {
  if (given.rank() == 1) {
    OpFoldResult batch = plan.q.batch();
    std::optional<int64_t> known = Emit::constant(batch);
    if (keys && known && Emit::constant(given.shape[0]) == 2 * *known) {
      hidden.mask = flagsBetween(n, given, batch, keys);
      plan.mask = &hidden.mask;
      return success();
    }
    if (!n.require(given.shape[0], batch, "the list of lengths"))
      return n.fail("its mask has " + Twine(*Emit::constant(given.shape[0])) +
                    " elements, expected one length for each of the batch");
    hidden.lengths = given;
    plan.lengths = &hidden.lengths;
    return success();
  }
  if (given.rank() == 0 || given.rank() > 4)
    return n.fail("its mask has rank " + Twine(given.rank()));
  Dims shape{given.shape[0], n.size(1),
             given.rank() == 2 ? n.size(1) : given.shape[given.rank() - 2],
             given.shape.back()};
  Val flags = n.castTo(given, Bool);
  hidden.mask = n.reshape(flags, shape);
  plan.mask = &hidden.mask;
  return success();
}

/// Both what hides keys and a bias that is added to scores.
LogicalResult addBias(NodeEmit &n, Val *bias, AttentionPlan &plan,
                      Hidden &hidden) {
  if (!bias)
    return success();
  if (!plan.mask) {
    plan.mask = bias;
    return success();
  }
  std::optional<Dims> shape = n.broadcastShapes({bias, plan.mask});
  if (!shape)
    return failure();
  hidden.mask =
      n.elementwise({bias, plan.mask}, bias->type, *shape,
                    [](OpBuilder &b, Location loc, ValueRange a) {
                      Scalar s(b, loc);
                      return s.select(a[1], a[0], s.infinity(a[0], true));
                    });
  plan.mask = &hidden.mask;
  return success();
}

/// A cache that is shared with the result: as large as it will ever be.
struct SharedCache {
  Val starts, lengths;

  /// Takes operand `place`, past_sequence_length, for a cache of `size` rows.
  LogicalResult read(NodeEmit &n, size_t place, AttentionPlan &plan,
                     OpFoldResult size) {
    FailureOr<OpFoldResult> past =
        n.only(n.sizes(place, "past_sequence_length"), "past_sequence_length");
    if (failed(past))
      return failure();
    if (plan.lengths)
      return n.fail("has a list of lengths beside a cache that is shared with "
                    "the result; expected a mask of a flag for each key");
    OpFoldResult total = n.add(*past, plan.q.positions());
    if (!n.require(n.compute(Emit::Arith::Max, total, size), size,
                   "the cache, with the new keys,"))
      return n.fail("its cache has " + Twine(*Emit::constant(size)) +
                    " rows, expected " + Twine(*Emit::constant(total)) +
                    " or more");
    OpFoldResult batch = plan.q.batch();
    Value first = n.index(*past), end = n.index(total);
    starts.shape = {batch};
    starts.type = Int64;
    starts.tensor = n.generateTensor(
        n.b.getIndexType(), batch,
        [&](OpBuilder &, Location, ValueRange) { return first; });
    lengths = n.generate(
        Int64, Dims{batch}, [&](OpBuilder &b, Location loc, ValueRange) {
          return arith::IndexCastOp::create(b, loc, b.getI64Type(), end)
              .getResult();
        });
    plan.lengths = &lengths;
    plan.endsAtLength = true;
    return success();
  }
};

/// New keys and values as a packed past has them, [2, B, H, S, D].
Val packedRows(NodeEmit &n, AttentionPlan &plan) {
  SmallVector<Val> halves;
  for (Heads *part : {&plan.k, &plan.v}) {
    Val rows = headsFirst(n, *part).value;
    Dims shape{n.size(1)};
    llvm::append_range(shape, rows.shape);
    halves.push_back(n.reshape(rows, shape));
  }
  return n.concat({&halves[0], &halves[1]}, 0);
}

/// The keys of a packed past, or (1) the values: [B, H, P, D].
Val halfOf(NodeEmit &n, Val &both, size_t which) {
  Val half = n.sliceAxis(both, 0, n.size(which), n.size(1));
  return n.reshape(half, ArrayRef<OpFoldResult>(both.shape).drop_front());
}

/// Attention after the projection [B, S, Dq + Dk + Dv], with a past of
/// [2, B, H, P, D].
LogicalResult attendPacked(NodeEmit &n, Val &projected, Val *mask, Val *past,
                           Val *bias, bool isShared = false) {
  int64_t heads = n.intOr("num_heads", 0);
  if (heads < 1)
    return n.fail("num_heads is " + Twine(heads));
  if (n.intOr("do_rotary", 0))
    return n.fail("rotates inside of the operator (do_rotary), which is not "
                  "supported; export the rotary embedding as an operator");
  OpFoldResult sizes[3];
  if (auto given = n.intsAttribute("qkv_hidden_sizes");
      given && given->size() == 3) {
    for (size_t i = 0; i < 3; ++i)
      sizes[i] = n.size((*given)[i]);
  } else {
    OpFoldResult third =
        n.compute(Emit::Arith::Div, projected.shape.back(), n.size(3));
    std::fill(sizes, sizes + 3, third);
  }
  AttentionPlan plan;
  Heads *parts[] = {&plan.q, &plan.k, &plan.v};
  OpFoldResult offset = n.size(0);
  for (size_t i = 0; i < 3; ++i) {
    Val part = n.sliceAxis(projected, 2, offset, sizes[i]);
    offset = n.add(offset, sizes[i]);
    FailureOr<Heads> split = splitHeads(n, part, n.size(heads));
    if (failed(split))
      return failure();
    *parts[i] = *split;
  }
  plan.offset = n.size(0);
  if (past && past->rank() != 5)
    return n.fail("its past has rank " + Twine(past->rank()) + ", expected 5");
  if (!isShared && (past || n.wants(1))) {
    Val present = packedRows(n, plan);
    if (past) {
      plan.offset = past->shape[3];
      // Keys and values behind the past at once: one array, which can grow in
      // the memory of the past.
      present = n.concat({past, &present}, 3);
      for (size_t i : {1, 2})
        *parts[i] = {halfOf(n, present, i - 1), false};
    }
    if (n.wants(1))
      (void)n.set(present, 1);
  }
  plan.causal = n.intOr("unidirectional", 0);
  plan.scale = microsoftScale(n);
  plan.resultBnhd = true;
  Hidden hidden;
  if (mask &&
      failed(takeMask(n, *mask, plan, hidden,
                      isShared && past ? past->shape[3] : plan.k.positions())))
    return failure();
  SharedCache cache;
  if (isShared) {
    if (!past)
      return n.fail("has past_sequence_length, but no past");
    if (failed(cache.read(n, 6, plan, past->shape[3])))
      return failure();
    Val both = *past;
    for (int64_t i : {1, 2}) {
      Heads rows = headsFirst(n, *parts[i]);
      both = writeCache(n, both, rows.value, cache.starts, i - 1);
    }
    for (size_t i : {1, 2})
      *parts[i] = {halfOf(n, both, i - 1), false};
    (void)n.set(both, 1);
  }
  if (failed(addBias(n, bias, plan, hidden)))
    return failure();
  FailureOr<Val> result = buildAttention(n, plan);
  return failed(result) ? failure() : n.set(mergeHeads(n, *result));
}

FailureOr<Val> plusBias(NodeEmit &n, Val &x, Val *bias) {
  if (!bias)
    return x;
  std::optional<Dims> shape = n.broadcastShapes({&x, bias});
  if (!shape)
    return failure();
  return n.elementwise({&x, bias}, x.type, *shape,
                       [](OpBuilder &b, Location loc, ValueRange a) {
                         return Scalar(b, loc).add(a[0], a[1]);
                       });
}

LogicalResult attention(NodeEmit &n) {
  if (failed(n.needs(2)))
    return failure();
  std::optional<Val> product = n.matmul(*n.in(0), *n.in(1));
  if (!product || product->rank() != 3)
    return n.fail("input and weights do not fit [batch, sequence, width] and "
                  "[width, 3 * width]");
  FailureOr<Val> projected = plusBias(n, *product, n.in(2));
  if (failed(projected))
    return failure();
  return attendPacked(n, *projected, n.in(3), n.in(4), n.in(5), n.has(6));
}

/// The same with integer input and weight: (x - xz)(w - wz) xs ws + bias.
LogicalResult qAttention(NodeEmit &n) {
  if (failed(n.needs(5)))
    return failure();
  auto centred = [&](size_t operand, size_t zero) {
    Val &x = *n.in(operand);
    int32_t from = x.type;
    SmallVector<Val *> operands{&x};
    Val point;
    if (n.has(zero)) {
      point = *n.in(zero);
      operands.push_back(&point);
    }
    return n.elementwise(operands, Int32, x.shape,
                         [&](OpBuilder &b, Location loc, ValueRange a) {
                           Emit e(b, loc);
                           Value wide = e.cast(a[0], from, Int32);
                           if (a.size() == 1)
                             return wide;
                           return Scalar(b, loc).sub(
                               wide, e.cast(a[1], point.type, Int32));
                         });
  };
  for (size_t i : {0, 1})
    if (n.in(i)->type != Int8 && n.in(i)->type != Uint8)
      return n.fail("takes " + elementTypeName(n.in(i)->type) +
                    ", expected integers of 8 bits");
  Val x = centred(0, 6), weight = centred(1, 7);
  std::optional<Val> sums = n.matmul(x, weight);
  if (!sums || sums->rank() != 3)
    return n.fail("input and weight do not fit a product");
  Val &inputScale = *n.in(3), &weightScale = *n.in(4), &bias = *n.in(2);
  int32_t type = bias.type;
  std::optional<Dims> shape =
      n.broadcastShapes({&*sums, &inputScale, &weightScale, &bias});
  if (!shape)
    return failure();
  Val projected =
      n.elementwise({&*sums, &inputScale, &weightScale, &bias}, type, *shape,
                    [&](OpBuilder &b, Location loc, ValueRange a) {
                      Scalar s(b, loc);
                      Emit e(b, loc);
                      Value real = e.cast(a[0], Int32, type);
                      return s.add(s.mul(real, s.mul(a[1], a[2])), a[3]);
                    });
  return attendPacked(n, projected, n.in(5), n.in(8), nullptr);
}

LogicalResult multiHead(NodeEmit &n) {
  if (failed(n.needs(1)))
    return failure();
  int64_t heads = n.intOr("num_heads", 0);
  if (heads < 1)
    return n.fail("num_heads is " + Twine(heads));
  if (n.has(9))
    return n.fail("has an indirect cache, which is not supported");
  OpFoldResult count = n.size(heads);
  AttentionPlan plan;
  Heads *parts[] = {&plan.q, &plan.k, &plan.v};
  Val &query = *n.in(0);
  if (n.wants(3))
    return n.fail("returns scores (qk), which is not supported");
  // One of the packed forms, [B, N, H, 2 or 3, D], or one tensor each.
  SmallVector<Heads *> packedParts;
  auto unpack = [&](Val &packed, int64_t of, size_t first) {
    for (int64_t i = 0; i < of; ++i) {
      Val one = n.sliceAxis(packed, 3, n.size(i), n.size(1));
      Dims shape{packed.shape[0], packed.shape[1], packed.shape[2],
                 packed.shape[4]};
      *parts[first + i] = {n.reshape(one, shape), true};
      packedParts.push_back(parts[first + i]);
    }
  };
  SmallVector<int64_t> plain;
  if (query.rank() == 5) {
    unpack(query, 3, 0);
  } else {
    plain.push_back(0);
    if (!n.has(1))
      return n.fail("has no key");
    if (n.in(1)->rank() == 5) {
      unpack(*n.in(1), 2, 1);
    } else {
      plain.append({1, 2});
    }
  }
  OpFoldResult offset = n.size(0);
  for (int64_t i : plain) {
    if (!n.has(i))
      return n.fail("has no input " + Twine(i));
    Val &operand = *n.in(i);
    if (operand.rank() == 4) { // projected before: [B, H, N, D]
      *parts[i] = {operand, false};
      continue;
    }
    Val x = operand;
    if (n.has(3) && x.rank() == 3) {
      // The bias of all three in one list.
      if (i == 2)
        offset = n.sub(n.in(3)->shape[0], x.shape[2]);
      Val piece = n.sliceAxis(*n.in(3), 0, offset, x.shape[2]);
      offset = n.add(offset, x.shape[2]);
      FailureOr<Val> shifted = plusBias(n, x, &piece);
      if (failed(shifted))
        return failure();
      x = *shifted;
    }
    FailureOr<Heads> split = splitHeads(n, x, count);
    if (failed(split))
      return failure();
    *parts[i] = *split;
  }
  if (n.has(3) && !packedParts.empty()) {
    // Behind that of a query that is not packed.
    for (Heads *part : packedParts) {
      OpFoldResult width = n.mul(part->heads(), part->width());
      Val piece = n.sliceAxis(*n.in(3), 0, offset, width);
      offset = n.add(offset, width);
      piece = n.reshape(piece, {part->heads(), part->width()});
      FailureOr<Val> shifted = plusBias(n, part->value, &piece);
      if (failed(shifted))
        return failure();
      part->value = *shifted;
    }
  }
  plan.offset = n.size(0);
  if (n.has(6) != n.has(7))
    return n.fail("has one of past_key and past_value, expected both");
  bool isShared = n.has(8);
  if (isShared && !n.has(6))
    return n.fail("has past_sequence_length, but no past_key");
  if (n.has(6) && !isShared) {
    plan.offset = n.in(6)->shape[2];
    plan.k = appended(n, *n.in(6), plan.k);
    plan.v = appended(n, *n.in(7), plan.v);
  }
  plan.causal = n.intOr("unidirectional", 0);
  plan.scale = microsoftScale(n);
  plan.resultBnhd = true;
  Hidden hidden;
  if (n.has(4) && failed(takeMask(n, *n.in(4), plan, hidden)))
    return failure();
  SharedCache cache;
  if (isShared) {
    if (n.in(6)->rank() != 4 || n.in(7)->rank() != 4)
      return n.fail("past_key or past_value is not of rank 4");
    if (failed(cache.read(n, 8, plan, n.in(6)->shape[2])))
      return failure();
    for (auto [part, past] : {std::pair(&plan.k, 6), std::pair(&plan.v, 7)}) {
      Heads rows = headsFirst(n, *part);
      *part = {writeCache(n, *n.in(past), rows.value, cache.starts), false};
    }
  }
  if (failed(addBias(n, n.in(5), plan, hidden)))
    return failure();
  if (n.wants(1))
    (void)n.set(headsFirst(n, plan.k).value, 1);
  if (n.wants(2))
    (void)n.set(headsFirst(n, plan.v).value, 2);
  FailureOr<Val> result = buildAttention(n, plan);
  return failed(result) ? failure() : n.set(mergeHeads(n, *result));
}

} // namespace

void addMicrosoftAttention(OperatorTable &t) {
  t.add("Attention", attention, 1,
        "do_rotary; lengths beside a cache shared with the result");
  t.add("GroupQueryAttention", groupQueryAttention, 1,
        "caches of float8 and of the window alone, weights beside a sink");
  t.add("MultiHeadAttention", multiHead, 1,
        "the output of scores, indirect caches");
  t.add("QAttention", qAttention);
}

} // namespace mlir::nm::onnx
