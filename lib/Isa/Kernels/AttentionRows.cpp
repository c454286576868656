//===- AttentionRows.cpp - Attention with whole rows of logits --------------- ===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionEmitter.h"
#include <algorithm>

namespace nm::isa {

/// Logits of all keys that the block sees.
TileRef AttentionEmitter::logitsTile(const RowBlock &block, const Place &number,
                                     int64_t count) {
  TileRef box = b.tile(logits, {0, 0}, {block.rows, count});
  if (isOnline)
    return slotAt(slotAt(box, block.tiles, slots.logits), number, slots.logits);
  return at(slotAt(box, block.index, slots.logits), 1, number, tile);
}

/// Calls body(number, keys, isFirst, isLast) for the strips of a block in turn,
/// with a loop for those between the first and the last. One strip of all keys
/// if they are staged.
template <typename Body>
static void forEachStrip(Builder &b, int64_t seen, int64_t strip, bool isStaged,
                         Body body) {
  if (isStaged || seen <= strip)
    return body(Place{}, seen, true, true);
  int64_t whole = (seen - 1) / strip; // not the last one
  body(Place{}, strip, true, false);
  if (whole > 1) {
    LoopId loop = b.beginLoop(whole - 1);
    body(Place{1, loop, 1}, strip, false, false);
    b.endLoop(loop);
  }
  body(Place{whole, {}, 0}, seen - whole * strip, false, true);
}

void AttentionEmitter::emitWholeLogits(const RowBlock &block) {
  forEachStrip(b, block.seen, tile, stagedK,
               [&](Place number, int64_t count, bool isFirst, bool isLast) {
                 Tokens tokens;
                 TileRef key = operandTile(false, block, number, count, tokens);
                 if (isFirst)
                   tokens.waits.push_back(qFull);
                 if (isLast) {
                   tokens.signals.push_back(qFree);
                   tokens.signals.push_back(logitsDone);
                 }
                 Instruction &product =
                     b.gemm(flow.logit, queryTile(block), key,
                            logitsTile(block, number, count), tokens);
                 product.transposeRhs = true;
                 product.value = score.scale;
               });
}

void AttentionEmitter::emitWholeSoftmax(const RowBlock &block) {
  TileRef whole = logitsTile(block, {}, block.seen);
  Tokens first{{logitsDone}, {}};
  auto take = [&] {
    Tokens tokens = first;
    first = {};
    return tokens;
  };
  if (score.keyBias)
    emitKeyBias(whole, {}, block.seen, take());
  // A window masks anywhere, the diagonal only what the first row misses.
  int64_t begin = score.window ? 0 : block.seenFirst;
  if (score.window || block.seenFirst < block.seen) {
    TileRef part =
        slotAt(b.tile(logits, {0, begin}, {block.rows, block.seen - begin}),
               block.index, slots.logits);
    emitMask(block, part, {begin, {}, 0}, take());
  }
  Tokens tokens = take();
  tokens.signals.push_back(weightsDone);
  b.special(Opcode::Softmax, {whole, whole}, tokens).value = 1;
}

void AttentionEmitter::emitWholeOutput(const RowBlock &block) {
  TileRef result = outputTile(block);
  TileRef partial =
      accumulates ? b.tile(sums, {0, 0}, {block.rows, width}) : result;
  forEachStrip(b, block.seen, tile, stagedV,
               [&](Place number, int64_t count, bool isFirst, bool isLast) {
                 Tokens tokens;
                 TileRef value =
                     operandTile(true, block, number, count, tokens);
                 if (isFirst) {
                   tokens.waits.push_back(weightsDone);
                   tokens.waits.push_back(accumulates ? sumsFree : outFree);
                 }
                 if (isLast)
                   tokens.signals.push_back(accumulates ? sumsDone : outFull);
                 b.gemm(flow.attend, logitsTile(block, number, count), value,
                        partial, tokens)
                     .accumulate = !isFirst;
               });
  if (accumulates)
    b.special(Opcode::Unary, {partial, result},
              {{sumsDone, outFree}, {sumsFree, outFull}})
        .unary = UnaryKind::Copy;
}

} // namespace nm::isa
