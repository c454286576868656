//===- StepWriter.h - Instructions of a kernel of steps -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Does what the kernel says, round by round, and notes each instruction: phases
// of earlier steps between those of the step at hand. A first time to find who
// has to wait for whom (HappensBefore.h), a second time to write it, with
// semaphores. What repeats becomes a loop (nm/Isa/LoopRoller.h).
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_TILE_TRANSFORMS_STEPWRITER_H
#define NM_LIB_DIALECT_TILE_TRANSFORMS_STEPWRITER_H

#include "HappensBefore.h"
#include "nm/Dialect/Tile/IR/TileDialect.h"
#include "nm/Isa/Builder.h"
#include "nm/Isa/LoopRoller.h"
#include <deque>
#include <memory>
#include <optional>

namespace mlir::tiles {

class StepWriter {
public:
  explicit StepWriter(KernelOp kernel);
  /// Puts instructions of attacc in place of the kernel.
  LogicalResult run();

private:
  using Instruction = ::nm::isa::Instruction;

  /// A round of a loop, in blocks and in elements.
  struct Round {
    int64_t index = 0, begin = 0, size = 0;
    int64_t first = 0, last = 0; ///< numbers of the loop's rounds
  };
  /// Where a place is at the moment.
  struct Made {
    int64_t slot = 0, instance = 0;
  };
  /// A part of a place.
  struct Part {
    PlaceOp place;
    Made made;
    SmallVector<int64_t, 4> offsets, sizes; ///< by dimension of the place
    int64_t dropped = 0;                    ///< leading dimensions
  };
  /// What a part is in all rounds: of a place, cut by the rounds of loops.
  struct View {
    struct Cut {
      ForOp loop;
      int64_t dim;
      bool moves; ///< begins where the round does
    };
    PlaceOp place;
    SmallVector<int64_t, 4> sizes;
    SmallVector<Cut, 4> cuts;
    int64_t dropped = 0;
  };
  /// What an operation that computes is in all rounds.
  struct Computation {
    Instruction instruction; ///< without operands
    SmallVector<Value, 4> tiles;
    SmallVector<PutOp, 2> puts; ///< of its results, which come last
  };
  /// What is the same in a whole step, and what a phase of it runs in later.
  struct Step {
    DenseMap<Operation *, Round> rounds;
    DenseMap<Operation *, Made> places;
    std::optional<Part> filled; ///< of a place of the kernel
  };
  /// The phases of a block, by turn.
  struct Phases {
    SmallVector<PhaseOp> all, delayed;
    int64_t delay = 0;
    bool byChunk = false;
    Value filled; ///< where the first one puts, if that is no place of the step
  };
  /// The rounds of a loop that there are now.
  struct Range {
    int64_t total = 0, begin = 0, end = 0;
    int64_t most = 0; ///< elements up to which rounds are whole
  };

  LogicalResult makeTables();
  bool write(bool allowsGaps);
  void trace(bool allowsGaps);

  // Order.
  void execute(Block &block);
  void executeLoop(ForOp loop);
  Range rangeOf(ForOp loop) const;
  void executeRound(ForOp loop, const Range &range, int64_t index);
  /// A number that is the same where rounds do alike.
  int kindOf(ForOp loop, const Range &range, int64_t index) const;
  bool holds(WhenOp when) const;
  bool isFirst(ValueRange counters) const;
  bool isLast(Value counter) const;
  void executeStep(Block &block);
  void executePhase(PhaseOp phase, Step &step);
  void finishOldest(const Phases &phases);
  void alternate(const Phases &phases, Step step);
  const Phases &phasesOf(Block &block);
  void drain();

  // Instructions.
  const View &viewOf(Value value);
  Part partOf(Value value);
  const Computation &computationOf(Operation *op);
  ::nm::isa::Tile tileOf(const Part &part) const;
  HappensBefore::Access accessOf(const Part &part, bool reads,
                                 bool writes) const;
  void writeCompute(Operation *op);
  void writeRescale(RescaleOp op);
  void writeMask(MaskOp op);
  template <typename Op>
  void writeHeads(Op op, Value region, Value part, bool isLoad);
  void add(Operation *op, Instruction instruction,
           ArrayRef<HappensBefore::Access> accesses);
  void addTouching(Operation *op, Instruction instruction,
                   ArrayRef<Part> parts);
  int64_t beginOf(ValueRange counters) const;
  /// All columns of the rows of the step that a box of a tensor, which begins
  /// at `row` of them, is a part of.
  ::nm::isa::Tile rowsOfStep(::nm::isa::Tile tile, int64_t columns, int64_t row,
                             ValueRange counters) const;
  bool isHidden(int64_t row, int64_t rows, int64_t key, int64_t keys,
                int64_t group, int64_t offset, int64_t window,
                bool causal) const;

  KernelOp kernel;
  Location loc;
  ::nm::isa::Target target;
  ::nm::isa::Builder builder;
  ::nm::isa::LoopRoller roller;
  DenseMap<Operation *, ::nm::isa::BufferId> buffers, folded; ///< of places
  DenseMap<Operation *, int> numbers; ///< of places, and of operations
  DenseMap<Value, ::nm::isa::TensorId> tensors;
  DenseMap<Value, int> spilled; ///< tensors that are stored and loaded
  SmallVector<Value> tensorValues;
  DenseMap<Operation *, Operation *> rowLoops; ///< of loops over keys
  DenseMap<Block *, Phases> known;
  // By address: a reference outlives what is found meanwhile.
  DenseMap<Value, std::unique_ptr<View>> views;
  DenseMap<Operation *, std::unique_ptr<Computation>> computations;

  // While instructions are noted.
  Step now;
  DenseMap<Operation *, int64_t> made; ///< times that a place was
  std::deque<Step> pending;
  Block *stepBlock = nullptr;
  std::optional<HappensBefore> found;
  bool isTracing = false;
  int64_t number = 0;
};

} // namespace mlir::tiles

#endif // NM_LIB_DIALECT_TILE_TRANSFORMS_STEPWRITER_H
