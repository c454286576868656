//===- AttentionSoftmax.cpp - Softmax and results of attention -------------===//
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
// Operands
//===----------------------------------------------------------------------===//

TileRef AttentionProgram::logitsTile(const Step &step, int64_t unit,
                                     int64_t j) const {
  return unitPart(logits, step.logitsPlace + unit, step.logitsRow, step.rows,
                  j * step.chunk, step.chunkKeys(j), step.logitsSlot);
}

/// Maxima or sums of some rows of a step.
TileRef AttentionProgram::stateOf(BufferId state, const Step &step,
                                  int64_t unit, int64_t row,
                                  int64_t count) const {
  if (!isOnline)
    return vectorPart(state, unit, row, count, step.stateSlot);
  if (isKeysOuter && sums == Sums::Partial)
    return vectorPart(state, unit, row, count, step.partialSlot);
  return vectorPart(state, step.pack.place + unit, step.base + row, count,
                    isKeysOuter ? step.roundSlot : step.blockSlot);
}

void AttentionProgram::loadBias(const Step &step) {
  const Pack &pack = step.pack;
  Tokens tokens{{}, {biasFull}};
  if (isFine || pack.isFirst)
    tokens.waits.push_back(biasFree);
  int64_t samples = b[*score.keyBias].shape[0];
  for (int64_t p = 0; p < pack.count; ++p) {
    int64_t sample = (pack.first + p) / shape.kvHeadCount();
    transfer(true,
             b.tile(*score.keyBias, {samples == 1 ? 0 : sample, 0}, {1, keys})
                 .dims({1}),
             b.tile(bias, {pack.place + p, 0}, {1, keys}).dims({1}), channel(2),
             share(tokens, p, pack.count));
  }
}

/// `isFirst`, `isLast`: of those that use the step's bias.
void AttentionProgram::emitBias(const Step &step, const TileRef &logits,
                                int64_t unit, int64_t key, int64_t count,
                                bool isFirst, bool isLast, Tokens tokens) {
  const Pack &pack = step.pack;
  if (step.isFirstOfRound && isFirst)
    tokens.waits.push_back(biasFull);
  if (step.isLastOfRound && isLast && (isFine || pack.isLast))
    tokens.signals.push_back(biasFree);
  special(Opcode::Elementwise,
          {logits, b.tile(bias, {pack.place + unit, key}, {1, count}).dims({1}),
           logits},
          tokens);
}

/// Numbers that stay in the scratchpad. The special function unit alone writes
/// and reads them, in order.
void AttentionProgram::prepareConstants() {
  auto fill = [&](BufferId buffer, float value) {
    special(Opcode::Fill, {b.tile(buffer)}, {}).value = value;
  };
  if (score.softCap != 0)
    fill(caps, score.softCap);
  if (score.dividesByZero)
    fill(ones, 1);
}

void AttentionProgram::emitScore(const Step &step, const TileRef &logits,
                                 const Part &part, Tokens &tokens) {
  auto take = [&] { return std::exchange(tokens, Tokens()); };
  if (score.softCap != 0) {
    // The product has been divided by the cap.
    special(Opcode::Unary, {logits, logits}, take()).unary = UnaryKind::Tanh;
    special(Opcode::Elementwise,
            {logits, b.tile(caps, {0}, {part.count}), logits}, {})
        .binary = BinaryKind::Mul;
  }
  if (score.keyBias)
    emitBias(step, logits, part.unit, part.key, part.count, part.isFirst,
             part.isLast, take());
  if (score.bias)
    emitRowBias(step, logits, part, tokens);
  int64_t row = step.row + part.row;
  if (needsMask(row, part.rows, part.key, part.count))
    emitMask(logits, row, part.key, part.count, take());
}

/// The bias of some rows after the other, each from DRAM for its heads.
void AttentionProgram::emitRowBias(const Step &step, const TileRef &logits,
                                   const Part &part, Tokens &tokens) {
  roller.forEach(0, ceilDiv(part.rows, biasRows), [&](int64_t i) {
    int64_t row = i * biasRows, count = std::min(biasRows, part.rows - row);
    int64_t slot = biasRing.uses++ % biasRing.slots;
    moveRows(*score.bias, true, step.pack.first + part.unit,
             step.row + part.row + row, count, biasRing.buffer, 0, 0, slot,
             part.count, softChannel, {{biasRing.free}, {biasRing.full}},
             part.key);
    Tile rows = logits;
    uint8_t dim = rows.dims.front();
    rows.offsets[dim] += row;
    rows.sizes[dim] = count;
    special(Opcode::Elementwise,
            {rows, unitPart(biasRing.buffer, 0, 0, count, 0, part.count, slot),
             rows},
            Tokens{{biasRing.full}, {biasRing.free}} +
                std::exchange(tokens, Tokens()));
  });
}

bool AttentionProgram::needsMask(int64_t row, int64_t rows, int64_t key,
                                 int64_t count) const {
  if (shape.causal && key + count - 1 > queryOf(row))
    return true;
  return score.window > 0 && key + score.window <= queryOf(row + rows - 1);
}

void AttentionProgram::emitMask(const TileRef &logits, int64_t row, int64_t key,
                                int64_t count, const Tokens &tokens) {
  // The first row sees its own position, and the others see more.
  int64_t seen = shape.causal && score.window == 0
                     ? std::max<int64_t>(0, queryOf(row) + 1 - key)
                     : 0;
  Tile part = logits;
  uint8_t columns = part.dims.back();
  part.offsets[columns] += seen;
  part.sizes[columns] = count - seen;
  Instruction &mask = special(Opcode::Mask, {part}, tokens);
  mask.row.base = row + score.offset * group;
  mask.column.base = key + seen;
  mask.group = group;
  mask.window = score.window;
  mask.causal = shape.causal;
}

//===----------------------------------------------------------------------===//
// On chip
//===----------------------------------------------------------------------===//

/// Bias, mask and maximum of a chunk.
void AttentionProgram::emitMaximum(const Step &step, int64_t j) {
  const Pack &pack = step.pack;
  if (score.keyBias && step.isFirstOfRound && j == 0)
    loadBias(step);
  int64_t key = step.key + j * step.chunk, count = step.chunkKeys(j);
  Tokens first{{logitsDone}, {}};
  auto take = [&] { return std::exchange(first, Tokens()); };
  for (int64_t p = 0; p < pack.count; ++p) {
    TileRef tile = logitsTile(step, p, j);
    emitScore(step, tile,
              {p, 0, step.rows, key, count, p == 0 && j == 0,
               p == pack.count - 1 && j == step.chunks() - 1},
              first);
    TileRef most = stateOf(maxima, step, p, 0, step.rows);
    bool isFirst = j == 0 && step.isFirstVisit;
    if (isOnline && !isFirst)
      special(Opcode::Unary, {most, stateOf(before, step, p, 0, step.rows)},
              take())
          .unary = UnaryKind::Copy;
    special(Opcode::RowMax, {tile, most}, take()).accumulate = !isFirst;
  }
}

void AttentionProgram::emitExponentials(const Step &step, int64_t j) {
  const Pack &pack = step.pack;
  for (int64_t p = 0; p < pack.count; ++p) {
    TileRef tile = logitsTile(step, p, j);
    Tokens tokens;
    if (p == pack.count - 1)
      tokens.signals.push_back(weightsDone);
    special(Opcode::ExpSum,
            {tile, stateOf(maxima, step, p, 0, step.rows), tile,
             stateOf(rowSums, step, p, 0, step.rows)},
            tokens)
        .accumulate = j > 0 || !step.isFirstVisit;
  }
}

/// What was summed so far is rescaled to the new maximum.
void AttentionProgram::emitOnlineSoftmax(const Step &step) {
  const Pack &pack = step.pack;
  bool isResident = sums == Sums::Resident;
  if (!isResident)
    special(Opcode::Sync, {}, {{accRing.full}, {}}).syncEngine =
        Engine::Special;
  emitMaximum(step, 0);
  if (!step.isFirstVisit)
    for (int64_t p = 0; p < pack.count; ++p) {
      Tokens tokens;
      if (p == 0 && isResident)
        tokens.waits.push_back(sumsDone);
      TileRef sum = isResident ? unitPart(acc, pack.place + p, step.base,
                                          step.rows, 0, width, 0)
                               : unitPart(accRing.buffer, p, 0, step.rows, 0,
                                          width, step.partialSlot);
      special(Opcode::Rescale,
              {stateOf(before, step, p, 0, step.rows),
               stateOf(maxima, step, p, 0, step.rows),
               stateOf(rowSums, step, p, 0, step.rows), sum},
              tokens);
    }
  emitExponentials(step, 0);
}

void AttentionProgram::emitSoftmax(const Step &step) {
  if (!isFused)
    return emitUnfusedSoftmax(step);
  if (isOnline)
    return emitOnlineSoftmax(step);
  roller.forEach(0, step.chunks(), [&](int64_t j) { emitMaximum(step, j); });
  roller.forEach(0, step.chunks(),
                 [&](int64_t j) { emitExponentials(step, j); });
}

//===----------------------------------------------------------------------===//
// From DRAM and back
//===----------------------------------------------------------------------===//

void AttentionProgram::emitUnfusedSoftmax(const Step &step) {
  const Pack &pack = step.pack;
  int64_t groups = ceilDiv(step.rows, layout.softmaxRows);
  if (score.keyBias && step.isFirstOfRound)
    loadBias(step);
  for (int64_t p = 0; p < pack.count; ++p)
    roller.forEach(
        0, groups,
        [&](int64_t i) {
          bool isFirst = p == 0 && i == 0,
               isLast = p == pack.count - 1 && i == groups - 1;
          int64_t row = i * layout.softmaxRows,
                  count = std::min(layout.softmaxRows, step.rows - row);
          TileRef dram = b.tile(spilled, {spilledRow(step, p) + row, 0},
                                {count, step.keys});
          TileRef pad = b.tile(softRing.buffer, {0, 0}, {count, step.keys})
                            .slot(softRing.slot());
          Tokens loaded{{softRing.free}, {softRing.full}};
          if (isFirst)
            loaded.waits.push_back(logitsOut);
          transfer(true, dram, pad, softChannel, loaded);
          Tokens first{{softRing.full}, {}};
          auto take = [&] { return std::exchange(first, Tokens()); };
          emitScore(step, pad, {p, row, count, 0, step.keys, isFirst, isLast},
                    first);
          Tokens tokens = take();
          tokens.signals.push_back(softDone);
          special(Opcode::Softmax, {pad, pad}, tokens);
          Tokens stored{{softDone}, {softRing.free}};
          if (isLast)
            stored.signals.push_back(weightsOut);
          transfer(false, dram, pad, channel(2), stored);
          ++softRing.uses;
        },
        !shape.causal && score.window == 0);
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

void AttentionProgram::emitResult(const Step &step) {
  const Pack &pack = step.pack;
  if (!step.isLastVisit)
    return;
  if (sums == Sums::Resident) {
    Tokens tokens{{resultDone}, {}};
    if (step.freesSums && (isFine || pack.isLast))
      tokens.signals.push_back(accFree);
    emitResultRows(step, 0, step.rows, acc, pack.place, step.base, 0, tokens,
                   {});
  } else if (isOnline) {
    emitResultRows(step, 0, step.rows, accRing.buffer, 0, 0, step.partialSlot,
                   {{resultDone}, {}}, {{}, {accRing.free}});
  }
}

/// Sums over row sums, as elements of the tensors, to DRAM. `tokens` are those
/// of the special function unit, `stored` of the stores.
void AttentionProgram::emitResultRows(const Step &step, int64_t row,
                                      int64_t count, BufferId from,
                                      int64_t place, int64_t base,
                                      int64_t sumsSlot, const Tokens &tokens,
                                      const Tokens &stored) {
  int64_t blocks = ceilDiv(count, outRows), units = step.pack.count;
  roller.forEach(0, blocks, [&](int64_t i) {
    int64_t at = i * outRows, some = std::min(outRows, count - at);
    int64_t slot = outRing.uses++ % outRing.slots;
    Tokens now =
        share(tokens, i, blocks) + Tokens{{outRing.free}, {outRing.full}};
    for (int64_t p = 0; p < units; ++p) {
      TileRef source =
          unitPart(from, place + p, base + at, some, 0, width, sumsSlot);
      TileRef dest = unitPart(outRing.buffer, p, 0, some, 0, width, slot);
      TileRef sum =
          isFused ? stateOf(rowSums, step, p, row + at, some) : source;
      Tokens own = share(now, p, units);
      if (score.dividesByZero) {
        // 1 / 0 is infinity, and 0 times that NaN.
        TileRef inverse = b.tile(inverses, {0}, {some});
        special(Opcode::Elementwise, {b.tile(ones, {0}, {some}), sum, inverse},
                {std::exchange(own.waits, {}), {}})
            .binary = BinaryKind::Div;
        special(Opcode::Scale, {source, inverse, dest}, own);
      } else if (isFused)
        special(Opcode::Scale, {source, sum, dest}, own).reciprocal = true;
      else
        special(Opcode::Unary, {source, dest}, own).unary = UnaryKind::Copy;
    }
    now = Tokens{{outRing.full}, {outRing.free}} + share(stored, i, blocks);
    for (int64_t p = 0; p < units; ++p)
      moveRows(output, false, step.pack.first + p, step.row + row + at, some,
               outRing.buffer, p, 0, slot, width, channel(0),
               share(now, p, units));
  });
}

} // namespace nm::isa
