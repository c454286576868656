//===- AttentionBlocker.h - Writes the kernel of one attention -*- C++ -*-===//
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
// so array and special function unit work on different steps. Where two steps
// share the memory of their logits the chunks of both alternate.
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_TILE_TRANSFORMS_ATTENTIONBLOCKER_H
#define NM_LIB_DIALECT_TILE_TRANSFORMS_ATTENTIONBLOCKER_H

#include "nm/Dialect/Tile/IR/TileBuilder.h"
#include "nm/Dialect/Tile/Transforms/AttentionPlan.h"

namespace mlir::tiles {

class AttentionBlocker {
public:
  AttentionBlocker(AttentionOp op, const AttentionFacts &facts,
                   const AttentionPlan &plan, int64_t serial);
  void run();

private:
  using Body = llvm::function_ref<void()>;
  using RoundBody = llvm::function_ref<void(Value counter)>;
  /// Loops that cut a dimension, from the outermost in; null ones are not
  /// there.
  using Loops = SmallVector<Value>;
  struct Cut {
    int64_t dim;
    Loops loops;
  };
  /// What a loop is over: rows or keys that are seen.
  enum class Sight { None, Keys, Tiles, Rows };
  struct LoopOptions {
    Value outer = {}, pair = {};
    Sight sight = Sight::None;
    bool varies = false, unroll = false;
  };

  // Structure (AttentionBlocker.cpp).
  Operation *each(int64_t total, int64_t block, const LoopOptions &options,
                  RoundBody body);
  void when(StringRef condition, const Loops &loops, Body body);
  void phase(int64_t delay, int64_t turn, bool byChunk, Body body);
  Value place(Type element, ArrayRef<int64_t> shape, int64_t slots,
              bool isFolded = false);
  Value at(Value place, ArrayRef<Cut> cuts, int64_t rank = 0);
  void put(Value value, Value part, bool accumulates = false,
           const Loops &from = {});
  void load(Value region, HeadsAttr heads, int64_t sample, int64_t group,
            int64_t lane, Value part, const Loops &units, const Loops &rows,
            const Loops &columns, bool byStep = false);
  void store(Value region, HeadsAttr heads, int64_t sample, int64_t group,
             int64_t lane, Value part, const Loops &units, const Loops &rows,
             const Loops &columns, bool byStep = false);
  void product(::nm::model::Stationarity stationary, Value lhs, Value rhs,
               Value part, bool isLogits, const Loops &from);
  void eachUnit(RoundBody body);
  void eachChunk(RoundBody body);
  void makeTensors();
  void makeConstants();
  void rowsOuter();
  void keysOuter();
  void eachPack(RoundBody body);
  void eachPart(Body body);
  void makeRowPlaces(int64_t rows);
  void makeTilePlaces();
  void makeStatistics(ArrayRef<int64_t> shape, int64_t slots);
  void step();

  // Products (AttentionPhases.cpp).
  void logitsPhase(Value j);
  void logitsStrip(Value j, Value i);
  void outputPhase();
  void outputChunk(Value j);
  void outputStrips();
  void outputColumns(Value j, Value i, Value acc, bool isResident);
  void results(Value i, Value acc);
  void resultUnit(Value i, Value x, Value q, Value acc, Value out);
  void movePartial(bool isLoad, Value i, Value acc);

  // Softmax (AttentionPhases.cpp).
  void maximum(Value j);
  void exponentials(Value j);
  void rescale();
  void softmaxPhase();
  void unfusedSoftmax();
  /// Part of the logits of a unit [rows, keys], more closely cut by `more`.
  using PartOf = llvm::function_ref<Value(Value more)>;
  void score(PartOf part, const Loops &rows, Value rowLoop, int64_t rowCount,
             Value q, Value keyLoop);
  void loadKeyBias(const Loops &first);
  Value logitsOf(Value j, Value q, Value more = {});
  Value stateOf(Value state, Value q, Value i = {}, Value x = {});
  Value sumsOf(Value acc, Value i, Value x, Value q, int64_t rank);

  Loops unitsOf(Value q = {}) const {
    return {samples, units, inRound, pack, q};
  }
  /// Units of places that hold those of a round, and of those that hold a
  /// pack's.
  Cut residentUnits(Value q = {}) const { return {0, {inRound, pack, q}}; }
  Cut packUnits(Value q = {}) const { return {0, {pack, q}}; }
  Loops rowsOf(Value i = {}, Value x = {}) const { return {rows, part, i, x}; }
  /// Rows of places that hold those of a block, or of all of them.
  Cut placeRows(Value i = {}, Value x = {}) const {
    return {1, {keepsAllRows ? rows : Value(), part, i, x}};
  }
  Loops spillUnits(Value q = {}) const {
    return spillsRound ? Loops{inRound, pack, q} : unitsOf(q);
  }

  AttentionOp op;
  const AttentionFacts &facts;
  const ::nm::model::AttentionLayout &layout;
  const AttentionPlan &plan;
  const ::nm::model::AttentionShape &shape;
  const ::nm::model::Dataflow &flow;
  OpBuilder b;
  Location loc;
  TileBuilder tiles;
  Type type, f32;
  int64_t serial;

  int64_t group, total, keys, depth, width, heads, count, resident, packed;
  bool isFused, isOnline, isKeysOuter, stagedQ, stagedK, stagedV, isResident;
  bool keepsAllRows, spillsRound;

  /// Counters: samples (or rounds of them), rounds of units, samples in one,
  /// packs; blocks of rows and their parts; tiles of keys.
  Value samples, units, inRound, pack, rows, part, tile;
  Value queryPlace, keyPlace, valuePlace, keyRing, valueRing, biasPlace, logits,
      sums, maxima, before, rowSums, caps, ones, inverses;
  Value partials, spilled;
};

} // namespace mlir::tiles

#endif // NM_LIB_DIALECT_TILE_TRANSFORMS_ATTENTIONBLOCKER_H
