//===- Attention.cpp - Memory of an attention program ----------------------- ===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../../Runtime/Support.h"
#include "AttentionEmitter.h"
#include <algorithm>

namespace nm::isa {

using model::StagedK;
using model::StagedOutput;
using model::StagedQ;
using model::StagedV;
using rt::ceilDiv;
using rt::makeError;

TileRef shift(const TileRef &tile, int dim, int64_t amount) {
  Tile moved = tile;
  moved.offsets[dim] += amount;
  return moved;
}

TileRef at(const TileRef &tile, int dim, const Place &place, int64_t scale) {
  return shift(tile, dim, place.base * scale)
      .by(place.loop, dim, place.step * scale);
}

TileRef slotAt(const TileRef &tile, const Place &place, int64_t slots) {
  Tile moved = tile;
  moved.slot = (moved.slot + place.base) % slots;
  return TileRef(moved).slotBy(place.loop, place.step % slots);
}

AttentionEmitter::AttentionEmitter(Builder &builder, const Device &device,
                                   const model::AttentionShape &shape,
                                   const model::Dataflow &flow, Type type,
                                   const HeadsView &q, const HeadsView &k,
                                   const HeadsView &v, const HeadsView &output,
                                   const AttentionScore &score)
    : b(builder), device(device), shape(shape), flow(flow), type(type), q(q),
      k(k), v(v), output(output), score(score), group(shape.group()),
      total(model::foldedRows(shape)), rows(flow.rows), keys(shape.keys),
      depth(shape.headDim), width(shape.valueWidth()),
      blocks(ceilDiv(total, rows)),
      tile(flow.keyTile ? flow.keyTile : std::min(device.array.cols, keys)),
      isOnline(flow.keyTile != 0), stagedK(flow.isStaged(StagedK)),
      stagedV(flow.isStaged(StagedV)),
      accumulates(isOnline || (!stagedV && tile < keys)),
      isUnrolled(shape.causal || group > 1) {
  unitTiles = 0;
  for (int64_t i = 0; i < blocks; ++i) {
    RowBlock block = blockAt(i);
    unitTiles += tileCount(block);
    if (!isUnrolled) {
      unitTiles *= blocks;
      break;
    }
  }
}

int64_t AttentionEmitter::bytesFor(const Slots &s) const {
  auto padded = [](int64_t bytes) { return ceilDiv(bytes, int64_t(64)) * 64; };
  int64_t e = typeBytes(type);
  int64_t bytes = padded(s.q * rows * depth * e) +
                  padded((stagedK ? s.kv * keys : 2 * tile) * depth * e) +
                  padded((stagedV ? s.kv * keys : 2 * tile) * width * e) +
                  padded(s.logits * rows * (isOnline ? tile : keys) * e) +
                  padded(s.output * rows * width * e);
  if (accumulates)
    bytes += padded(rows * width * 4);
  if (isOnline)
    bytes += 3 * padded(rows * 4);
  if (score.keyBias)
    bytes += padded(keys * e);
  return bytes;
}

void AttentionEmitter::chooseSlots() {
  int64_t capacity =
      b.target().scratchpadBytes - ceilDiv(b.mark(), int64_t(64)) * 64;
  // Logits twice let the array go on while the special function unit works.
  const int64_t wish = 2;
  const Slots choices[] = {{2, 2, wish, 2}, {2, 2, wish, 1}, {2, 2, 1, 2},
                           {2, 2, 1, 1},    {1, 2, 1, 1},    {2, 1, 1, 1},
                           {1, 1, 1, 1}};
  for (const Slots &choice : choices) {
    slots = choice;
    if (bytesFor(slots) <= capacity)
      break;
  }
  isSkewed = slots.logits > 1;
}

void AttentionEmitter::allocate() {
  auto stream = [&](BufferId &buffer, SemaphoreId &free, SemaphoreId &full,
                    std::vector<int64_t> shape, int64_t count) {
    Stream s(b, type, std::move(shape), count);
    buffer = s.buffer, free = s.free, full = s.full;
  };
  stream(qBuffer, qFree, qFull, {rows, depth}, slots.q);
  stream(kBuffer, kFree, kFull, {stagedK ? keys : tile, depth},
         stagedK ? slots.kv : 2);
  stream(vBuffer, vFree, vFull, {stagedV ? keys : tile, width},
         stagedV ? slots.kv : 2);
  stream(outBuffer, outFree, outFull, {rows, width}, slots.output);
  logits = b.buffer(type, {rows, isOnline ? tile : keys}, slots.logits);
  logitsDone = b.semaphore(0);
  weightsDone = b.semaphore(0);
  if (accumulates) {
    sums = b.buffer(Type::F32, {rows, width});
    sumsDone = b.semaphore(0);
    sumsFree = b.semaphore(1);
  }
  if (isOnline) {
    oldMax = b.buffer(Type::F32, {rows});
    newMax = b.buffer(Type::F32, {rows});
    rowSum = b.buffer(Type::F32, {rows});
  }
  if (score.keyBias)
    stream(biasBuffer, biasFree, biasFull, {keys}, 1);
  if (group > 1 && rows % group == 0) {
    qFolded = b.alias(qBuffer, {rows / group, group * depth});
    outFolded = b.alias(outBuffer, {rows / group, group * width});
  }
}

Status AttentionEmitter::emit() {
  chooseSlots();
  int64_t mark = b.mark();
  allocate();
  batchLoop = b.beginLoop(shape.batch);
  headLoop = b.beginLoop(shape.kvHeadCount());
  emitUnit();
  b.endLoop(headLoop);
  b.endLoop(batchLoop);
  b.barrier();
  b.release(mark);
  return {};
}

Status emitAttention(Builder &builder, const Device &device,
                     const model::AttentionShape &shape,
                     const model::Dataflow &flow, Type type, const HeadsView &q,
                     const HeadsView &k, const HeadsView &v,
                     const HeadsView &output, const AttentionScore &score) {
  if (Status status = model::checkExtended(device, shape, flow); !status)
    return status;
  if (!flow.isFused() || !flow.isStaged(StagedQ) ||
      !flow.isStaged(StagedOutput) || flow.packed != 1 ||
      flow.order != model::LoopOrder::RowsOuter)
    return makeError(Errc::Unsupported, "found the dataflow <",
                     model::toString(flow),
                     ">, expected one with q, logits and o staged, rows in the "
                     "outer loop and heads not side by side");
  return AttentionEmitter(builder, device, shape, flow, type, q, k, v, output,
                          score)
      .emit();
}

} // namespace nm::isa
