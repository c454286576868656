//===- Caches.cpp - Rows written into a cache -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionBuild.h"
#include "Importer.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::nm::onnx {

/// Rows of a cache that are replaced by those of an update, from a place of
/// their own in each batch.
LogicalResult tensorScatter(NodeEmit &n) {
  if (failed(n.needs(2)))
    return failure();
  Val &past = *n.in(0), &update = *n.in(1);
  FailureOr<int64_t> axis = n.axis(n.intOr("axis", -2), past.rank());
  if (failed(axis))
    return failure();
  if (*axis == 0 || update.rank() != past.rank())
    return n.fail("the axis is the batch, or cache and update differ in rank");
  StringRef mode = n.stringOr("mode", "linear");
  if (mode != "linear" && mode != "circular")
    return n.fail("mode is '" + mode + "', expected linear or circular");
  Value cache = n.tensor(past), rows = n.tensor(update);
  Value size = n.index(past.shape[*axis]), count = n.index(update.shape[*axis]);
  Value starts = n.has(2) ? n.tensor(*n.in(2)) : Value();
  if (starts && n.in(2)->rank() != 1)
    return n.fail("write_indices have rank " + Twine(n.in(2)->rank()) +
                  ", expected 1");
  // Row by row into the cache: nothing else of it is touched.
  bool isCircular = mode == "circular";
  Value zero = n.indexConstant(0), one = n.indexConstant(1);
  auto copyRow = [&](OpBuilder &b, Location loc, Value batch, Value start,
                     Value row, Value into) -> Value {
    Value place = arith::AddIOp::create(b, loc, start, row);
    if (isCircular) {
      Value rest = arith::RemSIOp::create(b, loc, place, size);
      place = arith::RemSIOp::create(
          b, loc, arith::AddIOp::create(b, loc, rest, size), size);
    }
    SmallVector<OpFoldResult> from(past.rank(), b.getIndexAttr(0)), sizes;
    SmallVector<OpFoldResult> ones(past.rank(), b.getIndexAttr(1));
    llvm::append_range(sizes, past.shape);
    sizes[0] = sizes[*axis] = b.getIndexAttr(1);
    from[0] = batch;
    SmallVector<OpFoldResult> to(from);
    from[*axis] = row;
    to[*axis] = place;
    Value piece =
        tensor::ExtractSliceOp::create(b, loc, rows, from, sizes, ones);
    return tensor::InsertSliceOp::create(b, loc, piece, into, to, sizes, ones);
  };
  auto ofBatch = [&](OpBuilder &b, Location loc, Value batch,
                     ValueRange carried) {
    Value start = zero, first = zero, last = count;
    if (starts)
      start = arith::IndexCastOp::create(
          b, loc, b.getIndexType(),
          tensor::ExtractOp::create(b, loc, starts, batch));
    if (!isCircular) { // what does not fit is left out
      first = arith::MaxSIOp::create(
          b, loc, zero, arith::SubIOp::create(b, loc, zero, start));
      last = arith::MinSIOp::create(b, loc, count,
                                    arith::SubIOp::create(b, loc, size, start));
    }
    auto loop = scf::ForOp::create(
        b, loc, first, last, one, carried,
        [&](OpBuilder &inner, Location at, Value row, ValueRange into) {
          Value next = copyRow(inner, at, batch, start, row, into[0]);
          scf::YieldOp::create(inner, at, next);
        });
    scf::YieldOp::create(b, loc, loop.getResults());
  };
  auto loop = scf::ForOp::create(n.b, n.loc, zero, n.index(past.shape[0]), one,
                                 ValueRange{cache}, ofBatch);
  return n.set(n.make(loop.getResult(0), past.type, past.shape));
}

bool NodeEmit::isInPlace(size_t output, size_t input) const {
  return importer.isInMainGraph() && importer.options.isInPlace &&
         output < node.outputs.size() && input < node.inputs.size() &&
         importer.options.isInPlace(node.outputs[output], node.inputs[input]);
}

namespace {

/// Rows of caches in a loop over batches.
struct BatchRows {
  OpBuilder &b;
  Location loc;
  Value batch;
  OpFoldResult heads, width;

  /// Rows of `from` that start at 0 to `to` from `place` on; both are
  /// [B, G, rows, D], `to` is [2, B, G, rows, D] where `part` says which.
  Value copy(Value from, Value to, Value place, Value length,
             std::optional<int64_t> part = std::nullopt) const {
    SmallVector<OpFoldResult> origin(4, b.getIndexAttr(0));
    SmallVector<OpFoldResult> sizes{b.getIndexAttr(1), heads, length, width};
    SmallVector<OpFoldResult> ones(4, b.getIndexAttr(1));
    origin[0] = batch;
    Value piece =
        tensor::ExtractSliceOp::create(b, loc, from, origin, sizes, ones);
    origin[2] = place;
    if (part) {
      origin.insert(origin.begin(), b.getIndexAttr(*part));
      sizes.insert(sizes.begin(), b.getIndexAttr(1));
      ones.push_back(b.getIndexAttr(1));
    }
    return tensor::InsertSliceOp::create(b, loc, piece, to, origin, sizes,
                                         ones);
  }

  Value clamp(Value value, Value limit) const {
    Value zero = arith::ConstantIndexOp::create(b, loc, 0);
    value = arith::MaxSIOp::create(b, loc, value, zero);
    return arith::MinSIOp::create(b, loc, value, limit);
  }

  Value startIn(Value starts, Value room) const {
    return clamp(tensor::ExtractOp::create(b, loc, starts, ValueRange{batch}),
                 room);
  }
};

} // namespace

/// Calls `body` for each batch with what the cache was before.
static Value
forBatches(NodeEmit &n, Val &rows, Value init,
           llvm::function_ref<Value(const BatchRows &, Value carried)> body) {
  auto loop = scf::ForOp::create(
      n.b, n.loc, n.indexConstant(0), n.index(rows.shape[0]),
      n.indexConstant(1), ValueRange{init},
      [&](OpBuilder &b, Location loc, Value batch, ValueRange carried) {
        BatchRows each{b, loc, batch, rows.shape[1], rows.shape[3]};
        scf::YieldOp::create(b, loc, body(each, carried[0]));
      });
  return loop.getResult(0);
}

Val extendCache(NodeEmit &n, Val *past, Val &rows, Val &starts,
                OpFoldResult size) {
  Dims shape{rows.shape[0], rows.shape[1], size, rows.shape[3]};
  Value source = n.tensor(rows), begin = n.tensor(starts);
  Value cache = past ? n.tensor(*past) : Value();
  Value room = n.index(size), count = n.index(rows.shape[2]);
  Value known = past ? n.index(past->shape[2]) : Value();
  Value init = n.filled(shape, n.number(n.elementType(rows.type), 0));
  Value result =
      forBatches(n, rows, init, [&](const BatchRows &each, Value into) {
        Value start = each.startIn(begin, room);
        Value zero = arith::ConstantIndexOp::create(each.b, each.loc, 0);
        if (cache)
          into = each.copy(cache, into, zero, each.clamp(start, known));
        Value left = arith::SubIOp::create(each.b, each.loc, room, start);
        return each.copy(source, into, start, each.clamp(left, count));
      });
  return n.make(result, rows.type, shape);
}

Val writeCache(NodeEmit &n, Val &cache, Val &rows, Val &starts,
               std::optional<int64_t> part) {
  Value source = n.tensor(rows), begin = n.tensor(starts);
  OpFoldResult size = cache.shape[cache.rank() - 2];
  Value room = n.index(size), count = n.index(rows.shape[2]);
  Value result = forBatches(
      n, rows, n.tensor(cache), [&](const BatchRows &each, Value into) {
        Value start = each.startIn(begin, room);
        Value left = arith::SubIOp::create(each.b, each.loc, room, start);
        return each.copy(source, into, start, each.clamp(left, count), part);
      });
  return n.make(result, cache.type, cache.shape);
}

} // namespace mlir::nm::onnx
