//===- FusedLoop.h - One pass over memory of a recipe -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_STEP_TRANSFORMS_FUSEDLOOP_H
#define NM_LIB_DIALECT_STEP_TRANSFORMS_FUSEDLOOP_H

#include "Recipe.h"
#include "mlir/IR/IRMapping.h"

namespace mlir::step {

/// Replaces the body of a recipe by its loop. A *tile* is what one turn works
/// on: a vector of `lanes` neighbours, or `m` rows of one vector each, where
/// the members of a group do not lie side by side and where groups are so large
/// that ranking many of them together pays. A tile is computed level by level;
/// rows are a loop within each level, and what a later level asks for waits in
/// a buffer on the stack.
class FusedLoop {
public:
  explicit FusedLoop(Recipe &recipe);

  void build();

private:
  /// Where a vector lies. A null `count` means that all of its lanes are
  /// elements of the tensor.
  struct Place {
    Value index; ///< of its first element in the flattened tensors
    Value count; ///< lanes that are elements
    Value valid; ///< the same as a vector of i1
    Value row;   ///< in the group, if groups are rows
  };

  /// Groups ranked by one source with one N: every step.mask and
  /// step.soft_threshold of them.
  struct Selection {
    Value source, n;
    int64_t fixedN, level;
    bool hasThreshold;
    Value keep;      ///< vector of i1 (neighbours)
    Value threshold; ///< magnitude, a vector
    // Buffers of rows: m x 16 x i32, and the bits of each row, m x i16.
    Value magnitudes, words;
    Value ranks;
    // The same of groups that are turned: members in order, and the threshold
    // of each element.
    Value members, thresholds;
  };

  // The function.
  void makeSignature();
  void makeScalars();
  void makeBuffers();
  void makeSelections();
  Value flatten(Value memory);
  Value elementCount();
  Value allocate(ArrayRef<int64_t> shape, Type element);
  void finish();

  // Loops.
  void loopOverVectors();
  void loopOverTurned();
  void loopOverRows();
  void vectorTile(Value index, Value count);
  void rowTile(Value block, Value column, Value count);
  void forEachRow(Value block, Value column, Value count,
                  function_ref<void(const Place &)> body);

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
  void selectRows(int64_t level);
  void rankRows(Selection &selection);
  void rankManyRows(Selection &selection);
  void forEachRank(Value magnitudes,
                   function_ref<void(Value row, Value rank)> body);
  void rankTurned(Selection &selection);
  Value isKept(const Selection &selection, Value rank);

  // Statistics.
  void accumulate(Operation *op, const Place &at);
  void finishStatistic(Operation *op);

  /// Whether groups of neighbours are ranked in tiles of rows.
  bool areTurned() const {
    return recipe.isContiguous && (m == 8 || m == 16 || m == 32);
  }
  /// Whether what is emitted is a tile of rows.
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
