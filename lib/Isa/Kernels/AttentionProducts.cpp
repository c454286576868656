//===- AttentionProducts.cpp - Logits and outputs on the array -------------===//
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

static void wait(Tokens &tokens, SemaphoreId id, bool really = true) {
  if (really)
    tokens.waits.push_back(id);
}
static void signal(Tokens &tokens, SemaphoreId id, bool really = true) {
  if (really)
    tokens.signals.push_back(id);
}

//===----------------------------------------------------------------------===//
// Logits
//===----------------------------------------------------------------------===//

void AttentionProgram::emitLogits(const Step &step, int64_t j) {
  const Pack &pack = step.pack;
  bool takes = isFine || pack.isFirst;
  if (stagedK) {
    if (step.isFirstOfRound && j == 0) {
      Tokens tokens;
      wait(tokens, kFree, takes);
      signal(tokens, kFull);
      loadKeys(false, pack, 0, keys, kBuffer, pack.place, step.roundSlot,
               tokens, 0, depth);
    }
  } else if (step.isFirstOfTile) {
    loadKeys(false, pack, step.key + j * step.chunk, step.chunkKeys(j),
             kRing.buffer, 0, kRing.slot(), {{kRing.free}, {kRing.full}}, 0,
             depth);
  }
  if (stagedQ && step.isFirstVisit && j == 0) {
    Tokens tokens;
    wait(tokens, qFree, step.takesQueries && takes);
    signal(tokens, qFull);
    loadQueries(pack, step.row, step.rows, qBuffer, pack.place, step.base,
                isKeysOuter ? step.roundSlot : step.blockSlot, tokens);
  }
  int64_t strips = stagedQ && isFused ? 1 : ceilDiv(step.rows, rowStrip);
  roller.forEach(0, strips,
                 [&](int64_t i) { emitLogitsStrip(step, j, i, strips); });
  if (!stagedK && step.isLastOfTile)
    ++kRing.uses;
}

void AttentionProgram::emitLogitsStrip(const Step &step, int64_t j, int64_t i,
                                       int64_t strips) {
  const Pack &pack = step.pack;
  bool frees = isFine || pack.isLast, isFirst = i == 0,
       isLast = i == strips - 1, isLastChunk = j == step.chunks() - 1;
  int64_t row = strips == 1 ? 0 : i * rowStrip;
  int64_t count = strips == 1 ? step.rows : std::min(rowStrip, step.rows - row);
  int64_t columns = step.chunkKeys(j);
  Tokens tokens;
  TileRef key = b.tile(stagedK ? kBuffer : kRing.buffer);
  if (stagedK) {
    key = packTile(kBuffer, pack, pack.place, step.key + j * step.chunk,
                   columns, 0, depth, step.roundSlot);
    wait(tokens, kFull, step.isFirstOfRound && j == 0 && isFirst);
    signal(tokens, kFree, step.isLastOfRound && isLastChunk && isLast && frees);
  } else {
    key = packTile(kRing.buffer, pack, 0, 0, columns, 0, depth, kRing.slot());
    wait(tokens, kRing.full, step.isFirstOfTile && isFirst);
    signal(tokens, kRing.free, step.isLastOfTile && isLast);
  }
  TileRef query = key;
  if (stagedQ) {
    query = packTile(qBuffer, pack, pack.place, step.base + row, count, 0,
                     depth, isKeysOuter ? step.roundSlot : step.blockSlot);
    wait(tokens, qFull, step.isFirstVisit && j == 0 && isFirst);
    signal(tokens, qFree, step.freesQueries && isLastChunk && isLast && frees);
  } else {
    loadQueries(pack, step.row + row, count, qRing.buffer, 0, 0, qRing.slot(),
                {{qRing.free}, {qRing.full}});
    query = packTile(qRing.buffer, pack, 0, 0, count, 0, depth, qRing.slot());
    wait(tokens, qRing.full);
    signal(tokens, qRing.free);
    ++qRing.uses;
  }
  TileRef dest = key;
  if (isFused) {
    dest = packTile(logits, pack, step.logitsPlace, step.logitsRow + row, count,
                    j * step.chunk, columns, step.logitsSlot);
    signal(tokens, logitsDone, isLast);
  } else {
    dest = packTile(writtenRing.buffer, pack, 0, 0, count, 0, columns,
                    writtenRing.slot());
    wait(tokens, writtenRing.free);
    signal(tokens, writtenRing.full);
  }
  Instruction &product = roller.add(Opcode::Gemm, {query, key, dest}, tokens);
  product.stationary = flow.logit;
  product.transposeRhs = true;
  product.value =
      score.softCap != 0 ? score.scale / score.softCap : score.scale;
  if (isFused)
    return;
  Tokens stored{{writtenRing.full}, {writtenRing.free}};
  signal(stored, logitsOut, isLast && isLastChunk);
  for (int64_t p = 0; p < pack.count; ++p)
    transfer(false,
             b.tile(spilled, {spilledRow(step, p) + row, j * step.chunk},
                    {count, columns}),
             unitPart(writtenRing.buffer, p, 0, count, 0, columns,
                      writtenRing.slot()),
             channel(1), share(stored, p, pack.count));
  ++writtenRing.uses;
}

/// Where a step's logits lie in DRAM.
int64_t AttentionProgram::spilledRow(const Step &step, int64_t unit) const {
  int64_t place = (step.pack.first + unit) % spilledUnits;
  if (spilledUnits == resident)
    place = step.pack.place + unit;
  return place * total + step.row;
}

//===----------------------------------------------------------------------===//
// Outputs
//===----------------------------------------------------------------------===//

/// Logits in DRAM are read once for so many columns of values.
int64_t AttentionProgram::columnStrips() const {
  return isFused ? 1 : ceilDiv(width, segment);
}

TileRef AttentionProgram::weightsTile(const Step &step, int64_t row,
                                      int64_t count, int64_t j, bool isFirst,
                                      Tokens &tokens) {
  const Pack &pack = step.pack;
  int64_t columns = step.chunkKeys(j);
  if (isFused) {
    wait(tokens, weightsDone, isFirst);
    return packTile(logits, pack, step.logitsPlace, step.logitsRow + row, count,
                    j * step.chunk, columns, step.logitsSlot);
  }
  Tokens loaded{{readRing.free}, {readRing.full}};
  wait(loaded, weightsOut, isFirst && j == 0);
  int64_t slot = readRing.uses++ % readRing.slots;
  for (int64_t p = 0; p < pack.count; ++p)
    transfer(true,
             b.tile(spilled, {spilledRow(step, p) + row, j * step.chunk},
                    {count, columns}),
             unitPart(readRing.buffer, p, 0, count, 0, columns, slot),
             channel(3), share(loaded, p, pack.count));
  wait(tokens, readRing.full);
  signal(tokens, readRing.free);
  return packTile(readRing.buffer, pack, 0, 0, count, 0, columns, slot);
}

/// `isFirst`, `isLast`: of the products that use these values one after the
/// other.
TileRef AttentionProgram::valuesTile(const Step &step, int64_t j, bool isFirst,
                                     bool isLast, int64_t column,
                                     int64_t columns, Tokens &tokens) {
  const Pack &pack = step.pack;
  if (stagedV) {
    if (step.isFirstOfRound && j == 0 && isFirst) {
      Tokens loaded;
      wait(loaded, vFree, isFine || pack.isFirst);
      signal(loaded, vFull);
      loadKeys(true, pack, 0, keys, vBuffer, pack.place, step.roundSlot, loaded,
               0, width);
      wait(tokens, vFull);
    }
    signal(tokens, vFree,
           step.isLastOfRound && j == step.chunks() - 1 && isLast &&
               (isFine || pack.isLast));
    return packTile(vBuffer, pack, pack.place, step.key + j * step.chunk,
                    step.chunkKeys(j), column, columns, step.roundSlot);
  }
  bool isStrip = sums == Sums::Strip;
  if (isStrip || (step.isFirstOfTile && isFirst)) {
    loadKeys(true, pack, step.key + j * step.chunk, step.chunkKeys(j),
             vRing.buffer, 0, vRing.slot(), {{vRing.free}, {vRing.full}},
             isStrip ? column : 0, isStrip ? columns : width);
    wait(tokens, vRing.full);
  }
  TileRef tile = packTile(vRing.buffer, pack, 0, 0, step.chunkKeys(j), column,
                          columns, vRing.slot());
  if (isStrip || (step.isLastOfTile && isLast)) {
    signal(tokens, vRing.free);
    ++vRing.uses;
  }
  return tile;
}

void AttentionProgram::emitOutput(const Step &step) {
  if (sums == Sums::Strip)
    return emitOutputStrips(step);
  roller.forEach(0, step.chunks(),
                 [&](int64_t j) { emitOutputChunk(step, j); });
}

/// The product of a chunk of weights, added to the sums.
void AttentionProgram::emitOutputChunk(const Step &step, int64_t j) {
  const Pack &pack = step.pack;
  bool isResident = sums == Sums::Resident,
       isLastChunk = j == step.chunks() - 1;
  bool isWhole = isFused && (isResident || isOnline);
  int64_t strips = isWhole ? 1 : ceilDiv(step.rows, rowStrip);
  int64_t across = columnStrips();
  bool accumulates = !step.isFirstVisit || j > 0;
  bool passes = !isResident && !isOnline; // strips of sums, to and fro
  roller.forEach(0, strips, [&](int64_t i) {
    int64_t row = isWhole ? 0 : i * rowStrip;
    int64_t count = isWhole ? step.rows : std::min(rowStrip, step.rows - row);
    if (passes)
      takePartial(step, row, count, j == 0);
    int64_t slot = passes ? accRing.slot() : step.partialSlot;
    for (int64_t c = 0; c < across; ++c) {
      bool isFirst = i == 0 && c == 0,
           isLast = i == strips - 1 && c == across - 1;
      int64_t column = across == 1 ? 0 : c * segment;
      int64_t columns = across == 1 ? width : std::min(segment, width - column);
      Tokens tokens;
      TileRef weights = weightsTile(step, row, count, j, isFirst, tokens);
      TileRef values =
          valuesTile(step, j, isFirst, isLast, column, columns, tokens);
      TileRef dest = weights;
      if (isResident) {
        dest = packTile(acc, pack, pack.place, step.base + row, count, column,
                        columns, 0);
        wait(tokens, accFree,
             step.takesSums && j == 0 && isFirst && (isFine || pack.isFirst));
        signal(tokens, step.isLastVisit ? resultDone : sumsDone,
               isLastChunk && isLast);
      } else {
        dest =
            packTile(accRing.buffer, pack, 0, 0, count, column, columns, slot);
        wait(tokens, accRing.full, passes && c == 0);
        bool isSum = isOnline ? step.isLastVisit : isLastChunk;
        signal(tokens, isSum ? resultDone : partialDone, c == across - 1);
      }
      Instruction &product =
          roller.add(Opcode::Gemm, {weights, values, dest}, tokens);
      product.stationary = flow.attend;
      product.accumulate = accumulates;
    }
    if (isResident || (isOnline && step.isLastVisit))
      return;
    if (passes && isLastChunk)
      emitResultRows(step, row, count, accRing.buffer, 0, 0, slot,
                     {{resultDone}, {}}, {{}, {accRing.free}});
    else
      movePartial(step, row, count, false, slot,
                  {{partialDone}, {accRing.free, partialOut}});
    if (passes)
      ++accRing.uses;
  });
}

/// Strip by strip of rows, all chunks of keys in a row.
void AttentionProgram::emitOutputStrips(const Step &step) {
  int64_t strips = ceilDiv(step.rows, rowStrip), across = columnStrips(),
          chunks = step.chunks();
  roller.forEach(0, strips, [&](int64_t i) {
    int64_t row = i * rowStrip, count = std::min(rowStrip, step.rows - row);
    for (int64_t c = 0; c < across; ++c) {
      int64_t column = across == 1 ? 0 : c * segment;
      int64_t columns = across == 1 ? width : std::min(segment, width - column);
      roller.forEach(0, chunks, [&](int64_t j) {
        bool isFirst = i == 0 && c == 0,
             isLast = i == strips - 1 && c == across - 1;
        Tokens tokens;
        TileRef weights = weightsTile(step, row, count, j, isFirst, tokens);
        TileRef values =
            valuesTile(step, j, isFirst, isLast, column, columns, tokens);
        wait(tokens, accRing.free, c == 0 && j == 0);
        signal(tokens, resultDone, c == across - 1 && j == chunks - 1);
        Instruction &product =
            roller.add(Opcode::Gemm,
                       {weights, values,
                        packTile(accRing.buffer, step.pack, 0, 0, count, column,
                                 columns, accRing.slot())},
                       tokens);
        product.stationary = flow.attend;
        product.accumulate = j > 0;
      });
    }
    emitResultRows(step, row, count, accRing.buffer, 0, 0, accRing.slot(),
                   {{resultDone}, {accRing.free}}, {});
    ++accRing.uses;
  });
}

//===----------------------------------------------------------------------===//
// Partial sums
//===----------------------------------------------------------------------===//

TileRef AttentionProgram::partialDram(const Step &step, int64_t unit,
                                      int64_t row, int64_t count,
                                      int64_t column, int64_t columns) const {
  int64_t place = (step.pack.place + unit) * residentRows + step.base + row;
  return b.tile(partials, {place, column}, {count, columns});
}

/// Sums, and with keys in the outer loop maxima and row sums, to or from DRAM.
void AttentionProgram::movePartial(const Step &step, int64_t row, int64_t count,
                                   bool isLoad, int64_t slot,
                                   const Tokens &tokens) {
  int64_t items = isKeysOuter ? 3 : 1, pieces = items * step.pack.count;
  int lane = isLoad ? channel(3) : channel(0);
  for (int64_t p = 0, n = 0; p < step.pack.count; ++p) {
    transfer(isLoad, partialDram(step, p, row, count, 0, width),
             unitPart(accRing.buffer, p, 0, count, 0, width, slot), lane,
             share(tokens, n++, pieces));
    if (!isKeysOuter)
      continue;
    for (int64_t k = 0; k < 2; ++k)
      transfer(isLoad, partialDram(step, p, row, count, width + k, 1).dims({0}),
               vectorPart(k ? rowSums : maxima, p, 0, count, slot), lane,
               share(tokens, n++, pieces));
  }
}

/// A slot for partial sums, with what they are so far.
void AttentionProgram::takePartial(const Step &step, int64_t row, int64_t count,
                                   bool isFirst) {
  if (isFirst)
    sync(Engine::Load, channel(3), {{accRing.free}, {accRing.full}});
  else
    movePartial(step, row, count, true, accRing.slot(),
                {{accRing.free, partialOut}, {accRing.full}});
}

} // namespace nm::isa
