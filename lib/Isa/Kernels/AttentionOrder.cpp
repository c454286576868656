//===- AttentionOrder.cpp - The steps of attention, in order ---------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionProgram.h"
#include "nm/Support/Arithmetic.h"
#include <algorithm>
#include <numeric>

namespace nm::isa {

using support::ceilDiv;

//===----------------------------------------------------------------------===//
// Rounds and packs
//===----------------------------------------------------------------------===//

/// Rounds repeat by sample: so many of them as end where a sample ends are an
/// iteration.
void AttentionProgram::emitRounds() {
  int64_t heads = shape.kvHeadCount();
  int64_t period = std::lcm(resident, heads);
  if (period > units)
    period = units;
  int64_t whole = period % resident ? 0 : units / period;
  auto rounds = [&](int64_t begin, int64_t end) {
    // Heads of one sample are at equal distances.
    roller.forEach(
        0, ceilDiv(end - begin, resident),
        [&](int64_t i) {
          int64_t first = begin + i * resident;
          emitRound(first, std::min(resident, end - first));
        },
        heads % resident == 0 || units == heads || shape.batch == 1);
  };
  roller.forEach(0, whole,
                 [&](int64_t i) { rounds(i * period, (i + 1) * period); });
  if (whole * period < units)
    rounds(whole * period, units);
}

void AttentionProgram::emitRound(int64_t firstUnit, int64_t count) {
  if (isKeysOuter)
    keysOuter(firstUnit, count);
  else
    rowsOuter(firstUnit, count);
  ++rounds;
}

void AttentionProgram::forEachPack(
    int64_t firstUnit, int64_t count,
    const std::function<void(const Pack &)> &body) {
  int64_t heads = shape.kvHeadCount();
  auto one = [&](int64_t place) {
    Pack pack;
    pack.first = firstUnit + place;
    pack.place = place;
    pack.count = std::min(packed, count - place);
    pack.isFirst = place == 0;
    pack.isLast = place + pack.count == count;
    body(pack);
  };
  // Samples of equal packs, if packs end where samples do.
  if (count > heads && count % heads == 0 && firstUnit % heads == 0 &&
      heads % packed == 0) {
    roller.forEach(0, count / heads, [&](int64_t sample) {
      roller.forEach(0, heads / packed,
                     [&](int64_t i) { one(sample * heads + i * packed); });
    });
    return;
  }
  bool isOneSample = firstUnit / heads == (firstUnit + count - 1) / heads;
  roller.forEach(
      0, ceilDiv(count, packed), [&](int64_t i) { one(i * packed); },
      isOneSample);
}

//===----------------------------------------------------------------------===//
// Blocks and tiles
//===----------------------------------------------------------------------===//

/// Iterations of one kind follow each other in loops of their own.
void AttentionProgram::forEachAlike(int64_t begin, int64_t end,
                                    const std::function<int(int64_t)> &kind,
                                    const std::function<void(int64_t)> &body) {
  while (begin < end) {
    int64_t next = begin + 1;
    while (next < end && kind(next) == kind(begin))
      ++next;
    roller.forEach(begin, next, body);
    begin = next;
  }
}

Step AttentionProgram::blockAt(int64_t number) const {
  Step step;
  step.row = number * flow.rows;
  step.rows = std::min(flow.rows, total - step.row);
  step.keys = model::keysSeen(shape, step.row + step.rows);
  return step;
}

int64_t AttentionProgram::tilesOf(const Step &block) const {
  return isOnline ? ceilDiv(block.keys, strip) : 1;
}

void AttentionProgram::rowsOuter(int64_t firstUnit, int64_t count) {
  int64_t blocks = ceilDiv(total, flow.rows);
  roller.forEach(
      0, blocks,
      [&](int64_t number) {
        Step block = blockAt(number);
        block.blockSlot = blocksDone++ % 2;
        int64_t tiles = tilesOf(block);
        auto tile = [&](int64_t i) {
          forEachPack(firstUnit, count, [&](const Pack &pack) {
            Step step = block;
            step.pack = pack;
            step.isFirstOfRound = number == 0 && i == 0;
            step.isLastOfRound = number == blocks - 1 && i == tiles - 1;
            emitParts(step, i, i == 0, i == tiles - 1);
          });
        };
        auto kind = [&](int64_t i) {
          return int(needsMask(block.row, block.rows, i * strip,
                               std::min(strip, keys - i * strip)));
        };
        forEachAlike(0, tiles, kind, tile);
      },
      !shape.causal && score.window == 0);
}

void AttentionProgram::keysOuter(int64_t firstUnit, int64_t count) {
  int64_t blocks = ceilDiv(total, flow.rows), tiles = ceilDiv(keys, strip);
  roller.forEach(
      0, tiles,
      [&](int64_t i) {
        int64_t first = 0;
        while (tilesOf(blockAt(first)) <= i)
          ++first;
        forEachPack(firstUnit, count, [&](const Pack &pack) {
          auto kind = [&](int64_t number) {
            Step block = blockAt(number);
            return 4 * (tilesOf(block) == i + 1) +
                   needsMask(block.row, block.rows, i * strip,
                             std::min(strip, keys - i * strip));
          };
          forEachAlike(first, blocks, kind, [&](int64_t number) {
            Step step = blockAt(number);
            step.base = step.row;
            step.pack = pack;
            step.isFirstOfRound = i == 0 && number == 0;
            step.isLastOfRound = i == tiles - 1 && number == blocks - 1;
            step.isFirstOfTile = number == first;
            step.isLastOfTile = number == blocks - 1;
            emitParts(step, i, i == 0, i == tilesOf(step) - 1);
          });
        });
      },
      !shape.causal && score.window == 0);
}

/// A block's rows and a tile's keys, as one step or several.
void AttentionProgram::emitParts(Step block, int64_t tile, bool isFirstTile,
                                 bool isLastTile) {
  if (isOnline) {
    block.key = tile * strip;
    block.keys = std::min(strip, keys - block.key);
  }
  block.chunk = layout.chunk;
  block.roundSlot = rounds % 2;
  for (int64_t at = 0; at < block.rows; at += layout.partRows) {
    bool isFirst = at == 0, isLast = at + layout.partRows >= block.rows;
    Step step = block;
    step.row += at;
    step.base += at;
    step.logitsRow = at;
    step.rows = std::min(layout.partRows, block.rows - at);
    step.isFirstVisit = isFirstTile;
    step.isLastVisit = isLastTile;
    step.isFirstOfRound &= isFirst;
    step.isLastOfRound &= isLast;
    if (isKeysOuter) {
      step.isFirstOfTile &= isFirst;
      step.isLastOfTile &= isLast;
      step.takesQueries = step.takesSums = step.isFirstOfRound;
      step.freesQueries = step.freesSums = step.isLastOfRound;
    } else {
      step.isFirstOfTile = isFirst;
      step.isLastOfTile = isLast;
      step.takesQueries = step.takesSums = isFirst && isFirstTile;
      step.freesQueries = step.freesSums = isLast && isLastTile;
    }
    work(step);
  }
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

/// Whether the step's logits lie where those of the one before still are.
bool AttentionProgram::conflicts(const Step &step) const {
  if (!isFused || pending.empty())
    return false;
  const Step &last = pending.back();
  return step.logitsSlot == last.logitsSlot &&
         step.logitsPlace < last.logitsPlace + last.pack.count &&
         last.logitsPlace < step.logitsPlace + step.pack.count &&
         step.logitsRow < last.logitsRow + last.rows &&
         last.logitsRow < step.logitsRow + step.rows;
}

/// The output and the results of the oldest step.
void AttentionProgram::finishOutput() {
  emitOutput(pending.front());
  emitResult(pending.front());
  pending.pop_front();
}

void AttentionProgram::work(Step step) {
  step.stateSlot = steps++ % 2;
  step.logitsSlot = logitsUses++ % layout.logitsSlots;
  step.logitsPlace = isKeysOuter ? 0 : step.pack.place;
  if (layout.alternates)
    return alternate(step);
  if (conflicts(step))
    finishOutput();
  roller.forEach(0, step.chunks(), [&](int64_t j) { emitLogits(step, j); });
  bool isReady = pending.size() == (isFused ? 1 : kSpilledSteps);
  // An online softmax may rescale what the step before has summed; on its way
  // from DRAM a softmax would delay the weights of an older step.
  bool isOutputFirst = isOnline || !isFused;
  if (isReady && isOutputFirst)
    emitOutput(pending.front());
  if (isOnline && sums == Sums::Partial) {
    step.partialSlot = accRing.slot();
    takePartial(step, 0, step.rows, step.isFirstVisit);
    ++accRing.uses;
  }
  emitSoftmax(step);
  if (isReady && !isOutputFirst)
    emitOutput(pending.front());
  if (isReady) {
    emitResult(pending.front());
    pending.pop_front();
  }
  pending.push_back(step);
}

/// Logits go where the weights of the step before have just been used.
void AttentionProgram::alternate(const Step &step) {
  const Step *last = pending.empty() ? nullptr : &pending.front();
  int64_t now = step.chunks(), before = last ? last->chunks() : 0;
  if (before)
    emitExponentials(*last, 0);
  auto both = [&](int64_t j) {
    // One ahead, so that the array need not wait for it.
    if (j + 1 < before)
      emitExponentials(*last, j + 1);
    if (j < before)
      emitOutputChunk(*last, j);
    if (j + 1 == before)
      emitResult(*last);
    if (j < now) {
      emitLogits(step, j);
      emitMaximum(step, j);
    }
  };
  auto kind = [&](int64_t j) {
    return (j + 1 < before) + (j < before) + 4 * (j < now);
  };
  forEachAlike(0, std::max(now, before), kind, both);
  pending.clear();
  pending.push_back(step);
}

void AttentionProgram::drain() {
  if (layout.alternates && !pending.empty())
    roller.forEach(0, pending.front().chunks(),
                   [&](int64_t j) { emitExponentials(pending.front(), j); });
  while (!pending.empty())
    finishOutput();
}

} // namespace nm::isa
