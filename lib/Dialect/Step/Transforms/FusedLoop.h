//===- FusedLoop.h - One pass over memory of a recipe -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_STEP_TRANSFORMS_FUSEDLOOP_H
#define NM_LIB_DIALECT_STEP_TRANSFORMS_FUSEDLOOP_H

#include "GroupCut.h"
#include "Recipe.h"
#include "mlir/IR/IRMapping.h"

namespace mlir::step {

/// Replaces the body of a recipe by its loop. A *tile* is what one turn works
/// on, level by level:
/// * a vector of `lanes` neighbours;
/// * `m` rows of one vector each, where the members of a group do not lie side
///   by side and where groups are so large that selecting in many of them
///   together pays;
/// * whole blocks, vector after vector as they lie in memory, where the rows of
///   a block are too short to be worked on one by one.
/// Vectors of the last two are a loop within each level, and what a later level
/// asks for waits in a buffer on the stack.
class FusedLoop {
public:
  explicit FusedLoop(Recipe &recipe);

  void build();

private:
  /// Lanes of a row.
  static constexpr int64_t kRowLanes = 16;
  /// Groups of at most so many are ranked, pair by pair.
  static constexpr int64_t kMaxRanked = 7;
  /// And of at most so many are sorted in registers.
  static constexpr int64_t kMaxCut = 64;
  /// Elements of a tile of blocks, at most, and as it usually is: its buffers
  /// stay in the first cache.
  static constexpr int64_t kBlockElements = 2048;
  static constexpr int64_t kUsualElements = 1024;

  /// Where a vector lies. A null `count` means that all of its lanes are
  /// elements of the tensor.
  struct Place {
    Value index; ///< of its first element in the flattened tensors
    Value count; ///< lanes that are elements
    Value valid; ///< the same as a vector of i1
    Value row;   ///< number of the vector in the tile, if it has several
  };

  /// A tile of several vectors: rows of `number` columns (all, if null) from
  /// `first` on, or `size` elements that lie together.
  struct Tile {
    Value first, number;
    Value size; ///< null: rows
  };

  /// What a selection of one group in each lane reads and writes.
  struct GroupRows {
    function_ref<Value(Value row)> key;
    function_ref<void(Value row, Value keep)> keep;
    Value valid; ///< lanes that are groups, null: all
  };

  /// Groups ranked by one source with one N: every step.mask and
  /// step.soft_threshold of them.
  struct Selection {
    Value source, n;
    int64_t fixedN, level;
    bool hasThreshold;
    Value keep;      ///< vector of i1 (neighbours)
    Value threshold; ///< magnitude, a vector
    // Buffers of a tile's vectors: their elements' magnitudes, bits (i16) and
    // thresholds, and bytes of the bits where vectors overlap.
    Value magnitudes, words, thresholds, kept;
    // Of groups that are transposed, members in order and a 1 for those that
    // stay.
    Value members, ones;
    GroupCut cut;
  };

  // The function.
  void makeSignature();
  void makeScalars();
  void makeBuffers();
  void makeSelections();
  void makeSelectionBuffers(Selection &selection);
  Value flatten(Value memory);
  Value elementCount();
  Value allocate(ArrayRef<int64_t> shape, Type element);
  void finish();

  // Loops.
  void loopOverVectors();
  void loopOverTurned();
  void loopOverRows();
  void vectorTile(Value index, Value count);
  Value loopOverBlocks();
  void tileOfVectors(const Tile &tile);
  void forEachPlace(const Tile &tile, function_ref<void(const Place &)> body);

  // One level of a tile.
  void emitLevel(int64_t level, const Place &at);
  void defineSelected(Operation *op, const Place &at);
  void emitOp(Operation *op, const Place &at);
  void define(Value value, Value vector, const Place &at);
  Value get(Value value, const Place &at);
  Value load(Value argument, const Place &at);
  void store(const Recipe::Output &output, Value vector, const Place &at);
  void storeIf(const Recipe::Output &output, function_ref<void()> store);

  // Between levels.
  void selectNeighbours(int64_t level);
  void selectRows(int64_t level, const Tile &tile);
  void selectColumns(Selection &selection, const Tile &tile);
  void selectBlocks(Selection &selection, const Tile &tile);
  void selectTurned(Selection &selection);
  void selectGroups(Selection &selection, const GroupRows &rows);
  void selectByRank(Selection &selection, const GroupRows &rows);
  void selectByCut(Selection &selection, const GroupRows &rows);
  void selectInMemory(Selection &selection, const GroupRows &rows);
  void countTies(Value nth, Value n, const GroupRows &rows);
  Value hasTies(const GroupCut::Ends &ends, Value valid);
  Value isKept(const Selection &selection, Value rank);
  Value numberKept(const Selection &selection);
  void ifElse(Value condition, function_ref<void()> then,
              function_ref<void()> otherwise);

  // Statistics.
  void accumulate(Operation *op, const Place &at);
  void finishStatistic(Operation *op);

  /// Whether groups of neighbours are ranked in tiles of rows.
  bool areTurned() const {
    return recipe.isContiguous && (m == 8 || m == 16 || m == 32);
  }
  /// Whether a tile may be whole blocks; groups of more than that are selected
  /// in rows alone.
  bool hasBlocks() const { return !recipe.isContiguous && m <= kMaxCut; }
  /// Vectors of a tile, at most.
  int64_t tileVectors() const {
    return hasBlocks() ? std::max(m, kBlockElements / kRowLanes) : m;
  }
  /// Whether what is emitted is a tile of several vectors.
  bool hasRows() const { return inRows; }
  void setRows(bool rows);
  /// Elements as they lie in memory and in vectors: bf16 as its bits.
  static Type storedType(Type type);
  VectorType vectorOf(Type element) const {
    return VectorType::get({lanes}, element);
  }
  Value splat(Value scalar);
  Value index(int64_t value);
  Value memoryOf(const Recipe::Output &output);
  Selection &selectionOf(Operation *op);

  Recipe &recipe;
  ImplicitLocOpBuilder b;
  Block *old;
  int64_t lanes, m;
  bool inRows = false;
  Value count; ///< elements of a tensor
  Value inner; ///< elements from one row to the next
  Value ahead; ///< elements from what is read to what is prefetched

  IRMapping scalars;
  DenseMap<Value, Value> splats;
  DenseMap<Value, Value> memory;   ///< of arguments, flat
  DenseMap<unsigned, Value> fresh; ///< of results that update no argument
  DenseMap<Value, Value> buffers;  ///< of values of several levels (rows)
  DenseMap<Value, Value> vectors;  ///< of the tile, or of the row's level
  SmallVector<Selection> selections;
  DenseMap<Operation *, unsigned> selectionNumber;
  DenseMap<Operation *, SmallVector<Value>> accumulators;
};

} // namespace mlir::step

#endif // NM_LIB_DIALECT_STEP_TRANSFORMS_FUSEDLOOP_H
