//===- AttentionTiles.cpp - Attention with an online softmax ------------------ ===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For each tile of keys the running maximum of a row grows, what was summed so
// far is rescaled, and the tile's exponentials are added. The array works on
// the logits of the next tile while the special function unit does that.
//
//===----------------------------------------------------------------------===//

#include "AttentionEmitter.h"
#include <algorithm>

namespace nm::isa {

void AttentionEmitter::emitTileLogits(const RowBlock &block,
                                      const KeyTile &now) {
  Tokens tokens;
  TileRef key = operandTile(false, block, now.number, now.keys, tokens);
  if (now.isFirst)
    tokens.waits.push_back(qFull);
  tokens.signals.push_back(logitsDone);
  Instruction &product =
      b.gemm(flow.logit, queryTile(block), key,
             logitsTile(block, now.number, now.keys), tokens);
  product.transposeRhs = true;
  product.value = score.scale;
}

void AttentionEmitter::emitTileSoftmax(const RowBlock &block,
                                       const KeyTile &now) {
  TileRef part = logitsTile(block, now.number, now.keys);
  TileRef before = vectorOf(oldMax, block.rows),
          after = vectorOf(newMax, block.rows),
          sum = vectorOf(rowSum, block.rows);
  Tokens first{{logitsDone}, {}};
  auto take = [&] {
    Tokens tokens = first;
    first = {};
    return tokens;
  };
  Place column = now.number;
  column.base *= tile;
  column.step *= tile;
  if (score.keyBias)
    emitKeyBias(part, column, now.keys, take());
  if (now.isMasked)
    emitMask(block, part, column, take());
  b.special(Opcode::RowMax, {part, after}, take()).accumulate = !now.isFirst;
  if (now.isFirst)
    b.special(Opcode::Unary, {after, before}, {}).unary = UnaryKind::Copy;
  else
    b.special(Opcode::Rescale,
              {before, after, sum, b.tile(sums, {0, 0}, {block.rows, width})},
              {{sumsDone}, {}});
  b.special(Opcode::ExpSum, {part, after, part, sum}, {{}, {weightsDone}})
      .accumulate = !now.isFirst;
}

void AttentionEmitter::emitTileOutput(const RowBlock &block,
                                      const KeyTile &now) {
  Tokens tokens{{weightsDone}, {sumsDone}};
  TileRef value = operandTile(true, block, now.number, now.keys, tokens);
  if (now.isFirst)
    tokens.waits.push_back(sumsFree);
  b.gemm(flow.attend, logitsTile(block, now.number, now.keys), value,
         b.tile(sums, {0, 0}, {block.rows, width}), tokens)
      .accumulate = !now.isFirst;
}

/// The sums divided by those of the weights.
void AttentionEmitter::emitQuotient(const RowBlock &block) {
  b.special(Opcode::Scale,
            {b.tile(sums, {0, 0}, {block.rows, width}),
             vectorOf(rowSum, block.rows), outputTile(block)},
            {{sumsDone, outFree}, {sumsFree, outFull}})
      .reciprocal = true;
}

void AttentionEmitter::emitTiles(const RowBlock &block) {
  int64_t count = tileCount(block);
  auto tileAt = [&](int64_t number) {
    KeyTile result;
    result.number.base = number;
    result.keys = tileKeys(block, number);
    result.isFirst = number == 0;
    result.isMasked =
        score.window > 0 ||
        (shape.causal && number * tile + result.keys > block.seenFirst);
    return result;
  };
  KeyTile previous;
  auto step = [&](const KeyTile &now, const KeyTile &before) {
    emitTileLogits(block, now);
    emitTileSoftmax(block, now);
    if (!isSkewed)
      emitTileOutput(block, now);
    else if (!now.isFirst)
      emitTileOutput(block, before);
  };
  for (int64_t number = 0; number < count;) {
    KeyTile now = tileAt(number);
    // Tiles alike but for their place, and so for the ones before them, loop.
    int64_t end = number + 1;
    if (number >= 2)
      while (end < count && tileAt(end).keys == now.keys &&
             tileAt(end).isMasked == now.isMasked)
        ++end;
    if (end - number > 1) {
      LoopId loop = b.beginLoop(end - number);
      now.number = {number, loop, 1};
      KeyTile before = now;
      before.number.base -= 1;
      step(now, before);
      b.endLoop(loop);
      previous = tileAt(end - 1);
    } else {
      step(now, previous);
      previous = now;
    }
    number = end;
  }
  // The queries are free: their products are behind in the array's order.
  b.sync(Engine::Array, 0, {{}, {qFree}});
  if (isSkewed)
    emitTileOutput(block, previous);
  emitQuotient(block);
}

} // namespace nm::isa
