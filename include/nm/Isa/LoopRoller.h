//===- LoopRoller.h - Loops found in straight-line emission -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A generator with many cases writes its instructions with the numbers of each
// iteration, as if there were no loops, and marks where iterations begin. What
// repeats with constant steps becomes a hardware loop; what differs (a first
// iteration, a tail, a diagonal) stays by itself. Long runs are not written in
// full: forEach leaves out iterations from the middle, and rolling checks that
// both sides of the gap continue each other.
//
//===----------------------------------------------------------------------===//

#ifndef NM_ISA_LOOPROLLER_H
#define NM_ISA_LOOPROLLER_H

#include "nm/Isa/Builder.h"
#include <memory>

namespace nm::isa {

class LoopRoller {
public:
  /// Without gaps every iteration is written.
  explicit LoopRoller(bool allowsGaps) : allowsGaps(allowsGaps) {}

  /// The reference is valid until the next instruction.
  Instruction &add(Opcode opcode, std::vector<Tile> operands, Tokens tokens);

  /// Calls body(i) for `begin` to `end` as the iterations of a loop. Slots of
  /// buffers that body takes in turn must have cycles that divide kGapUnit
  /// iterations, and what an iteration leaves to later ones must be gone after
  /// kCarried of them. If the iterations are not `isAlike`, all are written.
  template <typename Body>
  void forEach(int64_t begin, int64_t end, Body body, bool isAlike = true) {
    int64_t count = end - begin;
    int64_t gap = 0;
    if (allowsGaps && isAlike && count >= kHead + kCarried + kTail + kGapUnit)
      gap = (count - kHead - kCarried - kTail) / kGapUnit * kGapUnit;
    open(gap != 0 ? begin + kHead - 1 : -1);
    for (int64_t i = begin; i < end && !isTooLong(); ++i) {
      if (gap && i == begin + kHead)
        i += gap;
      iteration(i);
      body(i);
      // After the gap come the leftovers of iterations before it.
      if (gap && i >= begin + kHead && i < begin + kHead + gap + kCarried)
        discard();
      else
        complete();
    }
    close();
  }

  /// Instructions that may be held at a time, and ever be written.
  static constexpr int64_t kMostLive = int64_t(1) << 20, kMostAdded = int64_t(1)
                                                                      << 26;
  /// Whether this holds more instructions than a program should, or took more
  /// to find its loops; what follows is dropped. An instruction held takes up
  /// to 1.7 KiB with its tiles and steps, one written about a microsecond.
  bool isTooLong() const { return live > kMostLive || added > kMostAdded; }

  /// Appends everything to a program. False if a gap could not be closed; then
  /// nothing is appended, and the emission has to be repeated without gaps.
  bool finish(Builder &builder);

private:
  static constexpr int64_t kHead = 8, kTail = 3, kCarried = 4, kGapUnit = 8;

  /// How an instruction moves with one loop around it.
  struct Step {
    std::vector<int64_t> places; ///< of its operands, then of a mask
    std::vector<int64_t> slots;  ///< of its operands
    bool operator==(const Step &other) const {
      return places == other.places && slots == other.slots;
    }
  };
  struct Node {
    Instruction instruction;
    std::vector<Step> steps; ///< of the loops around it, innermost first
    int64_t trips = 0;       ///< not 0: a loop around `body`
    std::vector<Node> body;
  };
  struct Iteration {
    int64_t index = 0;
    std::vector<Node> nodes;
  };
  /// Iterations that repeat the first of them with constant steps.
  struct Run {
    Iteration first;
    int64_t last = 0; ///< index
    bool isLoop = false;
    std::vector<Step> steps; ///< from one to the next, if it is a loop
  };
  /// A loop under way. What repeats is dropped as it comes.
  struct Scope {
    int64_t lastBeforeGap = -1; ///< index; -1: no gap
    std::vector<Run> runs;
    Iteration pending; ///< being written
  };

  void open(int64_t lastBeforeGap) {
    scopes.emplace_back();
    scopes.back().lastBeforeGap = lastBeforeGap;
  }
  void iteration(int64_t index) { scopes.back().pending = {index, {}}; }
  void discard() {
    live -= sizeOf(scopes.back().pending.nodes);
    scopes.back().pending.nodes.clear();
  }
  static int64_t sizeOf(const std::vector<Node> &nodes);
  void complete();
  bool extend(Run &run, const Iteration &iteration) const;
  void close();
  std::vector<Node> &current() {
    return scopes.empty() ? top : scopes.back().pending.nodes;
  }

  static std::vector<int64_t> placesOf(const Instruction &instruction);
  static bool isSameKind(const Node &a, const Node &b);
  static bool isSameKind(const std::vector<Node> &a,
                         const std::vector<Node> &b);
  void collectSteps(const std::vector<Node> &a, const std::vector<Node> &b,
                    std::vector<Step> &steps) const;
  bool continues(const std::vector<Node> &first, const std::vector<Node> &other,
                 int64_t distance, const std::vector<Step> &steps,
                 size_t &next) const;
  static void addSteps(std::vector<Node> &nodes, const std::vector<Step> &steps,
                       size_t &next);
  void write(Builder &builder, const std::vector<Node> &nodes,
             std::vector<int> &depths) const;

  bool allowsGaps;
  bool isBroken = false;
  int64_t live = 0, added = 0; ///< instructions held, and ever written
  Instruction spare;           ///< where those beyond the limits go
  std::vector<Scope> scopes;
  std::vector<Node> top;
  const Builder *slotsOf = nullptr;

public:
  /// Whose buffers the tiles are of.
  void bind(const Builder &builder) { slotsOf = &builder; }
};

} // namespace nm::isa

#endif // NM_ISA_LOOPROLLER_H
