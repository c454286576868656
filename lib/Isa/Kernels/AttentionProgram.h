//===- AttentionProgram.h - Attention as a program -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A unit is one key head of one sample with the query heads that share it,
// folded position by position: row r is position r / group of query head
// r % group. A round works on the resident units, in packs of units that lie
// side by side on the array. A step is a pack's product of some rows by a tile
// of keys, or by all keys with whole rows, in chunks of keys:
//
//   logits of step q | output of step q - 1 | softmax of step q
//
// is the order of the text, and that of each engine, so array and special
// function unit work on different steps. Where two steps share the memory of
// their logits the chunks of both alternate.
//
// The text is a valid order to execute the program one instruction after the
// other; with engines in order this rules out deadlock for any machine.
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_ISA_KERNELS_ATTENTIONPROGRAM_H
#define NM_LIB_ISA_KERNELS_ATTENTIONPROGRAM_H

#include "nm/Isa/Kernels/Kernels.h"
#include "nm/Isa/Kernels/LoopRoller.h"
#include "nm/Model/AttentionLayout.h"
#include <deque>
#include <functional>

namespace nm::isa {

/// Units side by side.
struct Pack {
  int64_t first = 0; ///< unit, of all
  int64_t place = 0; ///< unit, of the resident ones
  int64_t count = 1;
  bool isFirst = false, isLast = false; ///< of the round
};

/// See the top of the file. "First" and "last" mean that nothing before or
/// after, in the same round, uses the memory for the same purpose.
struct Step {
  Pack pack;
  int64_t row = 0;  ///< first row of the unit
  int64_t base = 0; ///< its place in the memory of resident rows
  int64_t rows = 0;
  int64_t key = 0; ///< first key
  int64_t keys = 0;
  int64_t chunk = 0; ///< keys of a chunk
  int64_t logitsPlace = 0, logitsRow = 0, logitsSlot = 0;
  int64_t roundSlot = 0; ///< parity of the round
  int64_t blockSlot = 0; ///< parity of the block, or of the round
  int64_t stateSlot = 0;
  bool isFirstVisit = false, isLastVisit = false;     ///< of these rows
  bool isFirstOfRound = false, isLastOfRound = false; ///< of this pack
  bool isFirstOfTile = false, isLastOfTile = false;   ///< sharing its keys
  bool takesQueries = false, freesQueries = false;    ///< their slot
  bool takesSums = false, freesSums = false;
  int64_t partialSlot = 0; ///< set when the step is worked

  int64_t chunks() const { return (keys + chunk - 1) / chunk; }
  int64_t chunkKeys(int64_t j) const {
    return std::min(chunk, keys - j * chunk);
  }
};

using model::Sums;

/// Slots that go round; see Stream.
struct Ring {
  BufferId buffer;
  SemaphoreId free, full;
  int64_t slots = 2, uses = 0;

  int64_t slot() const { return uses % slots; }
};

/// Slots of a bias by query and key, and the rows of one: about as much as a
/// strip of logits, so that it costs little beside them.
constexpr int64_t kBiasSlots = 2;
int64_t biasRowsOf(const model::AttentionLayout &layout,
                   const model::AttentionShape &shape);
/// The most keys that a score is made for at a time.
int64_t scoreKeysOf(const model::AttentionLayout &layout,
                    const model::AttentionShape &shape);

class AttentionProgram {
public:
  AttentionProgram(Builder &builder, const Device &device,
                   const model::AttentionShape &shape,
                   const model::Dataflow &flow, Type type, const HeadsView &q,
                   const HeadsView &k, const HeadsView &v,
                   const HeadsView &output, const AttentionScore &score);

  Status emit();

private:
  // Memory (AttentionMemory.cpp).
  void allocate();
  Ring ring(Type type, std::vector<int64_t> shape, int64_t slots);
  BufferId folded(BufferId buffer);
  TileRef packTile(BufferId buffer, const Pack &pack, int64_t place,
                   int64_t row, int64_t rows, int64_t column, int64_t columns,
                   int64_t slot) const;
  TileRef unitPart(BufferId buffer, int64_t place, int64_t row, int64_t rows,
                   int64_t column, int64_t columns, int64_t slot) const;
  TileRef vectorPart(BufferId buffer, int64_t place, int64_t row, int64_t rows,
                     int64_t slot) const;
  TileRef unitTile(const HeadsView &view, int64_t unit, int64_t member,
                   int64_t members, int64_t position, int64_t positions,
                   int64_t column, int64_t columns) const;
  void transfer(bool isLoad, const Tile &dram, const Tile &pad, int channel,
                const Tokens &tokens);
  void sync(Engine engine, int channel, const Tokens &tokens);
  static Tokens share(const Tokens &tokens, int64_t index, int64_t count);
  void moveRows(const HeadsView &view, bool isLoad, int64_t unit, int64_t row,
                int64_t rows, BufferId buffer, int64_t place, int64_t base,
                int64_t slot, int64_t width, int channel, const Tokens &tokens,
                int64_t column = 0);
  void loadQueries(const Pack &pack, int64_t row, int64_t rows, BufferId buffer,
                   int64_t place, int64_t base, int64_t slot,
                   const Tokens &tokens);
  void loadKeys(bool isValue, const Pack &pack, int64_t key, int64_t count,
                BufferId buffer, int64_t place, int64_t slot,
                const Tokens &tokens, int64_t column, int64_t columns);

  // Order (AttentionOrder.cpp).
  bool run(bool allowsGaps);
  void emitRounds();
  void emitRound(int64_t firstUnit, int64_t count);
  void forEachPack(int64_t firstUnit, int64_t count,
                   const std::function<void(const Pack &)> &body);
  void rowsOuter(int64_t firstUnit, int64_t count);
  void keysOuter(int64_t firstUnit, int64_t count);
  void forEachAlike(int64_t begin, int64_t end,
                    const std::function<int(int64_t)> &kind,
                    const std::function<void(int64_t)> &body);
  Step blockAt(int64_t number) const;
  int64_t tilesOf(const Step &block) const;
  void emitParts(Step step, int64_t tile, bool isFirstTile, bool isLastTile);
  void work(Step step);
  void alternate(const Step &step);
  void drain();
  bool conflicts(const Step &step) const;
  void finishOutput();

  // Products (AttentionProducts.cpp).
  void emitLogits(const Step &step, int64_t j);
  void emitLogitsStrip(const Step &step, int64_t j, int64_t strip,
                       int64_t strips);
  void emitOutput(const Step &step);
  void emitOutputChunk(const Step &step, int64_t j);
  void emitOutputStrips(const Step &step);
  TileRef weightsTile(const Step &step, int64_t row, int64_t rows, int64_t j,
                      bool isFirst, Tokens &tokens);
  TileRef valuesTile(const Step &step, int64_t j, bool isFirst, bool isLast,
                     int64_t column, int64_t columns, Tokens &tokens);
  TileRef partialDram(const Step &step, int64_t unit, int64_t row, int64_t rows,
                      int64_t column, int64_t columns) const;
  void movePartial(const Step &step, int64_t row, int64_t rows, bool isLoad,
                   int64_t slot, const Tokens &tokens);
  void takePartial(const Step &step, int64_t row, int64_t rows, bool isFirst);
  int64_t columnStrips() const;
  int64_t spilledRow(const Step &step, int64_t unit) const;

  // Softmax (AttentionSoftmax.cpp).
  void emitMaximum(const Step &step, int64_t j);
  void emitExponentials(const Step &step, int64_t j);
  void emitSoftmax(const Step &step);
  void emitOnlineSoftmax(const Step &step);
  void emitUnfusedSoftmax(const Step &step);
  void emitResult(const Step &step);
  void emitResultRows(const Step &step, int64_t row, int64_t rows,
                      BufferId sums, int64_t place, int64_t base, int64_t slot,
                      const Tokens &tokens, const Tokens &stored);
  void loadBias(const Step &step);
  void emitBias(const Step &step, const TileRef &logits, int64_t unit,
                int64_t key, int64_t count, bool isFirst, bool isLast,
                Tokens tokens);
  /// What happens to `rows` rows and `count` keys of logits, from row `row` of
  /// the step on: cap, biases, mask. `tokens` are those of the first
  /// instruction.
  struct Part {
    int64_t unit = 0, row = 0, rows = 0, key = 0, count = 0;
    bool isFirst = false, isLast = false; ///< of those that use the key bias
  };
  void emitScore(const Step &step, const TileRef &logits, const Part &part,
                 Tokens &tokens);
  void emitRowBias(const Step &step, const TileRef &logits, const Part &part,
                   Tokens &tokens);
  void prepareConstants();
  bool needsMask(int64_t row, int64_t rows, int64_t key, int64_t count) const;
  void emitMask(const TileRef &logits, int64_t row, int64_t key, int64_t count,
                const Tokens &tokens);
  TileRef logitsTile(const Step &step, int64_t unit, int64_t j) const;
  TileRef stateOf(BufferId state, const Step &step, int64_t unit, int64_t row,
                  int64_t rows) const;
  Instruction &special(Opcode opcode, std::vector<Tile> operands,
                       const Tokens &tokens) {
    return roller.add(opcode, std::move(operands), tokens);
  }

  int channel(int wish) const {
    return static_cast<int>(wish % b.target().channels);
  }
  /// Position of a folded row.
  int64_t queryOf(int64_t row) const { return row / group + score.offset; }

  Builder &b;
  const model::AttentionShape &shape;
  const model::Dataflow &flow;
  Type type;
  const HeadsView &q, &k, &v, &output;
  const AttentionScore &score;
  LoopRoller roller;

  const model::AttentionLayout layout;

  int64_t group, total, keys, depth, width, units, resident, packed;
  int64_t packs, segment, strip, rowStrip, outRows, residentRows;
  bool isFused, isOnline, isKeysOuter, stagedQ, stagedK, stagedV;
  Sums sums;
  bool isFine;          ///< tokens by pack, else by round
  int softChannel;      ///< of loads for an unfused softmax
  int64_t spilledUnits; ///< units whose logits have places in DRAM

  int64_t rounds = 0, blocksDone = 0, steps = 0, logitsUses = 0;
  /// Steps whose output is still to come: one, or some if the logits pass
  /// through DRAM, the way to which takes long.
  std::deque<Step> pending;
  static constexpr size_t kSpilledSteps = 4;

  BufferId qBuffer, kBuffer, vBuffer, logits, acc, maxima, before, rowSums;
  SemaphoreId qFree, qFull, kFree, kFull, vFree, vFull, accFree;
  Ring qRing, kRing, vRing, outRing, accRing, writtenRing, readRing, softRing;
  Ring biasRing;           ///< of the bias by query and key
  int64_t biasRows = 0;    ///< rows of a slot
  BufferId caps;           ///< the cap, for each key of a chunk
  BufferId ones, inverses; ///< of row sums
  BufferId bias;
  SemaphoreId biasFree, biasFull;
  SemaphoreId logitsDone;  ///< array to special, or to a store channel
  SemaphoreId weightsDone; ///< special to array
  SemaphoreId sumsDone;    ///< array to special: sums that will go on
  SemaphoreId resultDone;  ///< array to special: those that will not
  SemaphoreId partialDone; ///< array to store: a partial sum
  SemaphoreId partialOut;  ///< store to load: it is in DRAM
  SemaphoreId logitsOut;   ///< store to load: the logits of a step are
  SemaphoreId softDone;    ///< special to store
  SemaphoreId weightsOut;  ///< store to load: the weights of a step are
  TensorId partials, spilled;
  std::vector<BufferId> foldedBuffers; ///< by buffer
};

} // namespace nm::isa

#endif // NM_LIB_ISA_KERNELS_ATTENTIONPROGRAM_H
