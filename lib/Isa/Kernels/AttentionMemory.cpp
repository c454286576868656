//===- AttentionMemory.cpp - Buffers and transfers of attention ------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionProgram.h"
#include "nm/Support/Arithmetic.h"
#include <algorithm>

namespace nm::isa {

using support::ceilDiv;

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

Ring AttentionProgram::ring(Type type, std::vector<int64_t> shape,
                            int64_t slots) {
  Stream stream(b, type, std::move(shape), slots);
  return {stream.buffer, stream.free, stream.full, slots};
}

/// Rows of grouped heads lie position by position: the rows of one query head
/// are every group-th, which a second shape of the buffer makes a dimension.
BufferId AttentionProgram::folded(BufferId buffer) {
  if (group == 1)
    return buffer;
  std::vector<int64_t> shape = b[buffer].shape;
  size_t rows = shape.size() - 2;
  shape[rows] /= group;
  shape.insert(shape.begin() + static_cast<int64_t>(rows) + 1, group);
  BufferId result = b.alias(buffer, shape);
  foldedBuffers.resize(
      std::max<size_t>(foldedBuffers.size(), buffer.index + 1));
  foldedBuffers[buffer.index] = result;
  return result;
}

void AttentionProgram::allocate() {
  auto padded = [&](int64_t rows) { return ceilDiv(rows, group) * group; };
  int64_t tokens = isFine ? packs : 1;
  auto staged = [&](BufferId &buffer, SemaphoreId &free, SemaphoreId &full,
                    int64_t rows, int64_t width) {
    buffer = b.buffer(type, {resident, rows, width}, 2);
    free = b.semaphore(2 * tokens);
    full = b.semaphore(0);
  };
  if (stagedQ)
    staged(qBuffer, qFree, qFull, padded(residentRows), depth);
  else
    qRing = ring(type, {packed, padded(rowStrip), depth}, layout.querySlots);
  folded(stagedQ ? qBuffer : qRing.buffer);
  if (stagedK)
    staged(kBuffer, kFree, kFull, keys, depth);
  else
    kRing = ring(type, {packed, strip, depth}, layout.keySlots);
  if (stagedV)
    staged(vBuffer, vFree, vFull, keys, width);
  else
    vRing = ring(type, {packed, strip, width}, layout.valueSlots);

  logitsDone = b.semaphore(0);
  weightsDone = b.semaphore(0);
  sumsDone = b.semaphore(0);
  resultDone = b.semaphore(0);
  std::string serial = std::to_string(logitsDone.index);
  if (isFused) {
    logits =
        b.buffer(type, {layout.logitsUnits, flow.rows, isOnline ? strip : keys},
                 layout.logitsSlots);
    bool isLocal = !isOnline || (isKeysOuter && sums == Sums::Partial);
    std::vector<int64_t> state = {isLocal ? packed : resident,
                                  isLocal ? flow.rows : residentRows};
    maxima = b.buffer(Type::F32, state, layout.stateSlots);
    rowSums = b.buffer(Type::F32, state, layout.stateSlots);
    if (isOnline)
      before = b.buffer(Type::F32, state, layout.stateSlots);
  } else {
    writtenRing = ring(type, {packed, rowStrip, strip}, layout.spillSlots);
    readRing = ring(type, {packed, rowStrip, strip}, layout.spillSlots);
    softRing = ring(type, {layout.softmaxRows, keys}, layout.softmaxSlots);
    softDone = b.semaphore(0);
    logitsOut = b.semaphore(0);
    weightsOut = b.semaphore(0);
    spilled = b.scratch("attention_logits_" + serial, type,
                        {spilledUnits * total, keys});
  }
  outRing = ring(type, {packed, padded(outRows), width}, layout.resultSlots);
  folded(outRing.buffer);
  if (score.keyBias) {
    bias = b.buffer(b[*score.keyBias].type, {resident, keys});
    biasFree = b.semaphore(tokens);
    biasFull = b.semaphore(0);
  }
  int64_t scoreKeys = scoreKeysOf(layout, shape);
  if (score.bias) {
    biasRows = biasRowsOf(layout, shape);
    biasRing = ring(b[score.bias->tensor].type,
                    {1, padded(biasRows), scoreKeys}, kBiasSlots);
    folded(biasRing.buffer);
  }
  if (score.softCap != 0)
    caps = b.buffer(Type::F32, {scoreKeys});
  if (score.dividesByZero) {
    ones = b.buffer(Type::F32, {outRows});
    inverses = b.buffer(Type::F32, {outRows});
  }
  if (sums != Sums::Resident) {
    accRing = ring(Type::F32, {packed, rowStrip, width}, layout.sumSlots);
    if (sums == Sums::Partial) {
      partialDone = b.semaphore(0);
      partialOut = b.semaphore(0);
      partials = b.scratch("attention_sums_" + serial, Type::F32,
                           {resident * residentRows, width + 2});
    }
    return;
  }
  acc = b.buffer(Type::F32, {resident, residentRows, width});
  accFree = b.semaphore(tokens);
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

/// Part of a buffer [units, rows, columns], as a matrix, or as one for each
/// unit of a pack of several.
TileRef AttentionProgram::packTile(BufferId buffer, const Pack &pack,
                                   int64_t place, int64_t row, int64_t rows,
                                   int64_t column, int64_t columns,
                                   int64_t slot) const {
  TileRef tile =
      b.tile(buffer, {place, row, column}, {pack.count, rows, columns})
          .slot(slot);
  return pack.count > 1 ? tile : tile.dims({1, 2});
}

TileRef AttentionProgram::unitPart(BufferId buffer, int64_t place, int64_t row,
                                   int64_t rows, int64_t column,
                                   int64_t columns, int64_t slot) const {
  return b.tile(buffer, {place, row, column}, {1, rows, columns})
      .slot(slot)
      .dims({1, 2});
}

TileRef AttentionProgram::vectorPart(BufferId buffer, int64_t place,
                                     int64_t row, int64_t rows,
                                     int64_t slot) const {
  return b.tile(buffer, {place, row}, {1, rows}).slot(slot).dims({1});
}

/// Rows of head `member` of a unit's heads in DRAM.
TileRef AttentionProgram::unitTile(const HeadsView &view, int64_t unit,
                                   int64_t member, int64_t members,
                                   int64_t position, int64_t positions,
                                   int64_t column, int64_t columns) const {
  int64_t batch = unit / shape.kvHeadCount();
  int64_t head = unit % shape.kvHeadCount() * members + member;
  Tile tile = b.tile(view.tensor);
  std::fill(tile.offsets.begin(), tile.offsets.end(), 0);
  tile.offsets[0] = view.offsets[0];
  tile.offsets[1] = view.offsets[1];
  tile.offsets[view.batch.dim] += batch * view.batch.step;
  tile.offsets[view.head.dim] += head * view.head.step;
  tile.offsets[view.position.dim] += position * view.position.step;
  tile.offsets[view.width.dim] += column * view.width.step;
  tile.sizes[view.position.dim] = positions;
  tile.sizes[view.width.dim] = columns;
  tile.dims = {static_cast<uint8_t>(view.position.dim),
               static_cast<uint8_t>(view.width.dim)};
  return tile;
}

//===----------------------------------------------------------------------===//
// Transfers
//===----------------------------------------------------------------------===//

void AttentionProgram::transfer(bool isLoad, const Tile &dram, const Tile &pad,
                                int channel, const Tokens &tokens) {
  std::vector<Tile> operands = {dram, pad};
  if (!isLoad)
    std::swap(operands[0], operands[1]);
  roller.add(isLoad ? Opcode::Load : Opcode::Store, std::move(operands), tokens)
      .channel = static_cast<uint8_t>(channel);
}

void AttentionProgram::sync(Engine engine, int channel, const Tokens &tokens) {
  Instruction &instruction = roller.add(Opcode::Sync, {}, tokens);
  instruction.syncEngine = engine;
  instruction.channel = static_cast<uint8_t>(channel);
}

/// Tokens for `count` instructions in a row: waits with the first, signals with
/// the last.
Tokens AttentionProgram::share(const Tokens &tokens, int64_t index,
                               int64_t count) {
  Tokens result;
  if (index == 0)
    result.waits = tokens.waits;
  if (index == count - 1)
    result.signals = tokens.signals;
  return result;
}

/// Rows of a unit between DRAM and [place, base...] of a buffer.
void AttentionProgram::moveRows(const HeadsView &view, bool isLoad,
                                int64_t unit, int64_t row, int64_t rows,
                                BufferId buffer, int64_t place, int64_t base,
                                int64_t slot, int64_t width, int channel,
                                const Tokens &tokens, int64_t column) {
  int64_t members = std::min(group, rows);
  for (int64_t i = 0; i < members; ++i) {
    int64_t first = row + i, count = ceilDiv(rows - i, group);
    TileRef dram = unitTile(view, unit, first % group, group, first / group,
                            count, column, width);
    int64_t at = base + i;
    Tile pad = group == 1 ? unitPart(buffer, place, at, count, 0, width, slot)
                          : b.tile(foldedBuffers[buffer.index],
                                   {place, at / group, at % group, 0},
                                   {1, count, 1, width})
                                .slot(slot)
                                .dims({1, 3});
    transfer(isLoad, dram, pad, channel, share(tokens, i, members));
  }
}

void AttentionProgram::loadQueries(const Pack &pack, int64_t row, int64_t rows,
                                   BufferId buffer, int64_t place, int64_t base,
                                   int64_t slot, const Tokens &tokens) {
  for (int64_t p = 0; p < pack.count; ++p)
    moveRows(q, true, pack.first + p, row, rows, buffer, place + p, base, slot,
             depth, channel(2), share(tokens, p, pack.count));
}

/// Columns of keys or values of a pack.
void AttentionProgram::loadKeys(bool isValue, const Pack &pack, int64_t key,
                                int64_t count, BufferId buffer, int64_t place,
                                int64_t slot, const Tokens &tokens,
                                int64_t column, int64_t columns) {
  for (int64_t p = 0; p < pack.count; ++p)
    transfer(true,
             unitTile(isValue ? v : k, pack.first + p, 0, 1, key, count, column,
                      columns),
             unitPart(buffer, place + p, 0, count, column, columns, slot),
             channel(isValue ? 1 : 0), share(tokens, p, pack.count));
}

} // namespace nm::isa
