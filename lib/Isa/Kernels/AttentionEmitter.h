//===- AttentionEmitter.h - Fused attention as a program -*- C++ -*- ===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A unit is one key head of one sample with the query heads that share it,
// folded position by position: row r is position r / group of query head
// r % group. A unit is worked in blocks of rows, a block in tiles of keys: the
// tiles of the online softmax, or strips as wide as the array where whole rows
// of logits exist and keys or values are not staged.
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_ISA_KERNELS_ATTENTIONEMITTER_H
#define NM_LIB_ISA_KERNELS_ATTENTIONEMITTER_H

#include "../../Model/Blocks.h"
#include "nm/Isa/Kernels/Kernels.h"

namespace nm::isa {

/// base + step * counter of a loop, or a constant.
struct Place {
  int64_t base = 0;
  LoopId loop;
  int64_t step = 0;
};

/// A block of rows of the unit under way.
struct RowBlock {
  Place row;   ///< first folded row
  Place index; ///< number of the block
  Place tiles; ///< key tiles of the blocks before it
  int64_t rows = 0;
  int64_t seen = 0;      ///< keys that some row sees
  int64_t seenFirst = 0; ///< keys that every row sees
};

/// A tile of keys of a block.
struct KeyTile {
  Place number; ///< within the block
  int64_t keys = 0;
  bool isMasked = false;
  bool isFirst = false;
};

class AttentionEmitter {
public:
  AttentionEmitter(Builder &builder, const Device &device,
                   const model::AttentionShape &shape,
                   const model::Dataflow &flow, Type type, const HeadsView &q,
                   const HeadsView &k, const HeadsView &v,
                   const HeadsView &output, const AttentionScore &score);

  Status emit();

private:
  /// How many slots each buffer has; fewer overlap less and fit better.
  struct Slots {
    int64_t q = 2, kv = 2, logits = 1, output = 2;
  };

  // Memory (Attention.cpp).
  void chooseSlots();
  int64_t bytesFor(const Slots &slots) const;
  void allocate();

  // Blocks and transfers (AttentionBlocks.cpp).
  void emitUnit();
  void loadUnit();
  void moveRows(const RowBlock &block, bool isLoad);
  RowBlock blockAt(int64_t number) const;
  /// Calls body(current, previous): in a skewed order the block whose logits
  /// are due and the one whose output is, either null at the ends; else one
  /// block twice.
  template <typename Body> void forEachBlock(bool isSkewed, Body body);
  void emitStep(const RowBlock *logits, const RowBlock *output);

  // Whole rows (AttentionRows.cpp).
  void emitWholeLogits(const RowBlock &block);
  void emitWholeSoftmax(const RowBlock &block);
  void emitWholeOutput(const RowBlock &block);

  // Key tiles (AttentionTiles.cpp).
  void emitTiles(const RowBlock &block);
  void emitTileLogits(const RowBlock &block, const KeyTile &tile);
  void emitTileSoftmax(const RowBlock &block, const KeyTile &tile);
  void emitTileOutput(const RowBlock &block, const KeyTile &tile);
  void emitQuotient(const RowBlock &block);

  /// Tiles of a block.
  int64_t tileCount(const RowBlock &block) const;
  int64_t tileKeys(const RowBlock &block, int64_t number) const;

  // Operands.
  /// The keys or values of a tile, loaded now if they are not staged; `tokens`
  /// then gets what the product that uses them waits for and signals.
  TileRef operandTile(bool isValue, const RowBlock &block, const Place &number,
                      int64_t keys, Tokens &tokens);
  /// `keys` logits from tile `number` on: the slot if keys are tiled.
  TileRef logitsTile(const RowBlock &block, const Place &number, int64_t keys);
  TileRef queryTile(const RowBlock &block);
  TileRef outputTile(const RowBlock &block);
  void emitMask(const RowBlock &block, const TileRef &logits,
                const Place &column, const Tokens &tokens);
  void emitKeyBias(const TileRef &logits, const Place &column, int64_t keys,
                   const Tokens &tokens);
  TileRef vectorOf(BufferId buffer, int64_t rows) const {
    return b.tile(buffer, {0}, {rows});
  }
  TileRef dramTile(const HeadsView &view, int64_t heads, int64_t positions,
                   int64_t width) const;
  /// Slots of a buffer that is filled `count` times a unit.
  TileRef unitSlot(TileRef tile, int64_t count, int64_t slots) const;
  int channel(int wish) const {
    return static_cast<int>(wish % b.target().channels);
  }

  Builder &b;
  const Device &device;
  const model::AttentionShape &shape;
  const model::Dataflow &flow;
  Type type;
  const HeadsView &q, &k, &v, &output;
  const AttentionScore &score;

  int64_t group, total, rows, keys, depth, width;
  int64_t blocks;    ///< of rows in a unit
  int64_t tile;      ///< keys of a tile
  int64_t unitTiles; ///< of all blocks of a unit
  bool isOnline;     ///< key tiles with online softmax
  bool stagedK, stagedV;
  bool accumulates; ///< outputs are summed in f32 over several products
  bool isSkewed;    ///< logits of the next step before the output of this
  bool isUnrolled;  ///< blocks differ
  Slots slots;

  LoopId batchLoop, headLoop;
  BufferId qBuffer, qFolded, kBuffer, vBuffer, logits, outBuffer, outFolded,
      sums, oldMax, newMax, rowSum, biasBuffer;
  SemaphoreId qFree, qFull, kFree, kFull, vFree, vFull, outFree, outFull,
      biasFree, biasFull;
  SemaphoreId logitsDone;  ///< array to special
  SemaphoreId weightsDone; ///< special to array
  SemaphoreId sumsDone;    ///< array to special
  SemaphoreId sumsFree;    ///< special to array
};

/// `tile` moved along `dim` of its object.
TileRef shift(const TileRef &tile, int dim, int64_t amount);
TileRef at(const TileRef &tile, int dim, const Place &place, int64_t scale = 1);
TileRef slotAt(const TileRef &tile, const Place &place, int64_t slots);

} // namespace nm::isa

#endif // NM_LIB_ISA_KERNELS_ATTENTIONEMITTER_H
