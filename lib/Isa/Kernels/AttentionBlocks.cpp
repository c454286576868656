//===- AttentionBlocks.cpp - Blocks and transfers of attention ---------------- ===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../../Runtime/Support.h"
#include "AttentionEmitter.h"
#include <algorithm>

namespace nm::isa {

using rt::ceilDiv;

RowBlock AttentionEmitter::blockAt(int64_t number) const {
  RowBlock block;
  block.row.base = number * rows;
  block.index.base = number;
  block.rows = std::min(rows, total - number * rows);
  block.seen = model::keysSeen(shape, number * rows + block.rows);
  block.seenFirst = model::keysSeen(shape, number * rows + 1);
  return block;
}

int64_t AttentionEmitter::tileCount(const RowBlock &block) const {
  return ceilDiv(block.seen, tile);
}

int64_t AttentionEmitter::tileKeys(const RowBlock &block,
                                   int64_t number) const {
  // With an online softmax a tile that the diagonal crosses is whole.
  return std::min(tile, (isOnline ? keys : block.seen) - number * tile);
}

template <typename Body>
void AttentionEmitter::forEachBlock(bool isSkewed, Body body) {
  RowBlock previous;
  bool hasPrevious = false;
  auto step = [&](const RowBlock &block) {
    if (!isSkewed)
      body(&block, &block);
    else
      body(&block, hasPrevious ? &previous : nullptr);
    previous = block, hasPrevious = true;
  };
  int64_t number = 0, tilesBefore = 0;
  auto constant = [&] {
    RowBlock block = blockAt(number++);
    block.tiles.base = tilesBefore;
    tilesBefore += tileCount(block);
    step(block);
  };
  if (!isUnrolled && total / rows > 2) {
    if (isSkewed)
      constant();
    int64_t trips = total / rows - number;
    LoopId loop = b.beginLoop(trips);
    RowBlock block = blockAt(number);
    int64_t count = tileCount(block);
    block.row = {number * rows, loop, rows};
    block.index = {number, loop, 1};
    block.tiles = {tilesBefore, loop, count};
    if (isSkewed) {
      RowBlock before = block;
      before.row.base -= rows;
      before.index.base -= 1;
      before.tiles.base -= count;
      body(&block, &before);
    } else {
      body(&block, &block);
    }
    b.endLoop(loop);
    number += trips;
    tilesBefore += trips * count;
    previous = blockAt(number - 1);
    previous.tiles.base = tilesBefore - count;
    hasPrevious = true;
  }
  while (number < blocks)
    constant();
  if (isSkewed)
    body(static_cast<const RowBlock *>(nullptr), &previous);
}

TileRef AttentionEmitter::unitSlot(TileRef tile, int64_t count,
                                   int64_t slots) const {
  int64_t heads = shape.kvHeadCount();
  return tile.slotBy(batchLoop, heads % slots * (count % slots) % slots)
      .slotBy(headLoop, count % slots);
}

TileRef AttentionEmitter::dramTile(const HeadsView &view, int64_t heads,
                                   int64_t positions, int64_t width) const {
  Tile box = b.tile(view.tensor);
  box.offsets = {view.offsets[0], view.offsets[1]};
  box.sizes = {1, 1};
  box.sizes[view.position.dim] = positions;
  box.sizes[view.width.dim] = width;
  return TileRef(box)
      .dims({static_cast<uint8_t>(view.position.dim),
             static_cast<uint8_t>(view.width.dim)})
      .by(batchLoop, view.batch.dim, view.batch.step)
      .by(headLoop, view.head.dim, heads * view.head.step);
}

/// Q of a block to the scratchpad, or its output to DRAM, in as few transfers
/// as the folding allows.
void AttentionEmitter::moveRows(const RowBlock &block, bool isLoad) {
  const HeadsView &view = isLoad ? q : output;
  int64_t columns = isLoad ? depth : width;
  int64_t slotCount = isLoad ? slots.q : slots.output;
  int lane = channel(isLoad ? 0 : 3);
  auto slot = [&](TileRef tile) {
    return slotAt(unitSlot(tile, blocks, slotCount), block.index, slotCount);
  };
  std::vector<std::pair<TileRef, TileRef>> moves; // DRAM, scratchpad
  BufferId buffer = isLoad ? qBuffer : outBuffer;
  bool isHeadBeside =
      view.head.dim == view.width.dim && view.head.step == columns;
  if (group == 1) {
    moves.emplace_back(at(dramTile(view, 1, block.rows, columns),
                          view.position.dim, block.row),
                       slot(b.tile(buffer, {0, 0}, {block.rows, columns})));
  } else if (rows % group == 0 && block.rows % group == 0) {
    // Whole positions: all heads at once where they lie side by side.
    BufferId folded = isLoad ? qFolded : outFolded;
    int64_t positions = block.rows / group, first = block.row.base / group;
    int64_t pieces = isHeadBeside ? 1 : group, piece = group / pieces * columns;
    for (int64_t g = 0; g < pieces; ++g)
      moves.emplace_back(
          shift(shift(dramTile(view, group, positions, piece),
                      view.position.dim, first),
                view.head.dim, g * view.head.step),
          slot(b.tile(folded, {0, g * piece}, {positions, piece})));
  } else {
    for (int64_t r = 0; r < block.rows; ++r) {
      int64_t row = block.row.base + r;
      moves.emplace_back(shift(shift(dramTile(view, group, 1, columns),
                                     view.position.dim, row / group),
                               view.head.dim, row % group * view.head.step),
                         slot(b.tile(buffer, {r, 0}, {1, columns})));
    }
  }
  for (size_t i = 0; i < moves.size(); ++i) {
    Tokens tokens;
    if (i == 0)
      tokens.waits = {isLoad ? qFree : outFull};
    if (i + 1 == moves.size())
      tokens.signals = {isLoad ? qFull : outFree};
    auto &[dram, pad] = moves[i];
    if (isLoad)
      b.load(dram, pad, lane, tokens);
    else
      b.store(pad, dram, lane, tokens);
  }
}

/// What is resident for all blocks of a unit.
void AttentionEmitter::loadUnit() {
  if (stagedK)
    b.load(dramTile(k, 1, keys, depth), unitSlot(b.tile(kBuffer), 1, slots.kv),
           channel(1), {{kFree}, {kFull}});
  if (stagedV)
    b.load(dramTile(v, 1, keys, width), unitSlot(b.tile(vBuffer), 1, slots.kv),
           channel(2), {{vFree}, {vFull}});
  if (!score.keyBias)
    return;
  Tile bias = b.tile(*score.keyBias);
  bool isShared = bias.sizes[0] == 1;
  bias.sizes = {1, keys};
  b.load(TileRef(bias).dims({1}).by(batchLoop, 0, isShared ? 0 : 1),
         b.tile(biasBuffer), channel(0), {{biasFree}, {biasFull}});
}

TileRef AttentionEmitter::queryTile(const RowBlock &block) {
  return slotAt(
      unitSlot(b.tile(qBuffer, {0, 0}, {block.rows, depth}), blocks, slots.q),
      block.index, slots.q);
}

TileRef AttentionEmitter::outputTile(const RowBlock &block) {
  return slotAt(unitSlot(b.tile(outBuffer, {0, 0}, {block.rows, width}), blocks,
                         slots.output),
                block.index, slots.output);
}

TileRef AttentionEmitter::operandTile(bool isValue, const RowBlock &block,
                                      const Place &number, int64_t count,
                                      Tokens &tokens) {
  BufferId buffer = isValue ? vBuffer : kBuffer;
  int64_t columns = isValue ? width : depth;
  TileRef box = b.tile(buffer, {0, 0}, {count, columns});
  if (isValue ? stagedV : stagedK)
    return at(unitSlot(box, 1, slots.kv), 0, number, tile);
  box = slotAt(slotAt(unitSlot(box, unitTiles, 2), block.tiles, 2), number, 2);
  const HeadsView &view = isValue ? v : k;
  SemaphoreId free = isValue ? vFree : kFree, full = isValue ? vFull : kFull;
  b.load(at(dramTile(view, 1, count, columns), view.position.dim, number, tile),
         box, channel(isValue ? 2 : 1), {{free}, {full}});
  tokens = tokens + Tokens{{full}, {free}};
  return box;
}

void AttentionEmitter::emitMask(const RowBlock &block, const TileRef &tile,
                                const Place &column, const Tokens &tokens) {
  Instruction &mask = b.special(Opcode::Mask, {tile}, tokens);
  auto affine = [](const Place &place, int64_t extra) {
    Affine result;
    result.base = place.base + extra;
    if (place.loop.depth >= 0 && place.step)
      result.steps.push_back(
          {static_cast<uint8_t>(place.loop.depth), place.step});
    return result;
  };
  mask.row = affine(block.row, score.offset * group);
  mask.column = affine(column, 0);
  mask.group = group;
  mask.window = score.window;
  mask.causal = shape.causal;
}

void AttentionEmitter::emitKeyBias(const TileRef &tile, const Place &column,
                                   int64_t count, const Tokens &tokens) {
  TileRef bias = at(b.tile(biasBuffer, {0}, {count}), 0, column);
  b.special(Opcode::Elementwise, {tile, bias, tile}, tokens).binary =
      BinaryKind::Add;
}

void AttentionEmitter::emitStep(const RowBlock *now, const RowBlock *before) {
  if (now) {
    moveRows(*now, /*isLoad=*/true);
    emitWholeLogits(*now);
    emitWholeSoftmax(*now);
  }
  if (before) {
    emitWholeOutput(*before);
    moveRows(*before, /*isLoad=*/false);
  }
}

void AttentionEmitter::emitUnit() {
  loadUnit();
  if (stagedK)
    b.sync(Engine::Array, 0, {{kFull}, {}});
  if (stagedV)
    b.sync(Engine::Array, 0, {{vFull}, {}});
  if (score.keyBias)
    b.sync(Engine::Special, 0, {{biasFull}, {}});
  // Key tiles are skewed within a block instead.
  if (isOnline)
    forEachBlock(false, [&](const RowBlock *block, const RowBlock *) {
      moveRows(*block, /*isLoad=*/true);
      emitTiles(*block);
      moveRows(*block, /*isLoad=*/false);
    });
  else
    forEachBlock(isSkewed, [&](const RowBlock *now, const RowBlock *before) {
      emitStep(now, before);
    });
  if (stagedK)
    b.sync(Engine::Array, 0, {{}, {kFree}});
  if (stagedV)
    b.sync(Engine::Array, 0, {{}, {vFree}});
  if (score.keyBias)
    b.sync(Engine::Special, 0, {{}, {biasFree}});
}

} // namespace nm::isa
