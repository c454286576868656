//===- HappensBefore.h - Semaphores for a sequence of accesses -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The rule of the proof (lib/Isa/Verify.cpp), run forward. Instructions come in
// an order in which the program could run one after the other. What is known to
// have ended when one begins is a vector clock of the engines; where it
// touches what another engine touched later than is known, the two get a
// semaphore: the earlier one signals and the later one waits. Since each engine
// keeps its order, the k-th wait for a semaphore takes the k-th signal.
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_TILE_TRANSFORMS_HAPPENSBEFORE_H
#define NM_LIB_DIALECT_TILE_TRANSFORMS_HAPPENSBEFORE_H

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SmallVector.h"
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <vector>

namespace mlir::tiles {

class HappensBefore {
public:
  using Queue = int; ///< engines are numbered
  /// Elements of a place or a tensor: [first, end) by dimension.
  struct Box {
    std::array<int64_t, 4> first{}, end{1, 1, 1, 1};

    bool meets(const Box &other) const;
    bool holds(const Box &other) const;
  };
  struct Access {
    int place = 0;        ///< number of a place or a tensor
    int64_t slot = 0;     ///< of it
    int64_t instance = 0; ///< which time the place was made
    Box box;
    bool reads = false, writes = false;
    /// DRAM: what is read there orders nothing, because what is written later
    /// follows from it on chip.
    bool isDram = false;
  };

  explicit HappensBefore(int queues) : clocks(queues, Clock(queues, 0)) {}

  /// The next instruction; `site` is its operation.
  void add(Queue queue, int site, llvm::ArrayRef<Access> accesses);
  /// No more come: the last users give places back as those before did, so
  /// that loops end as they went.
  void finish();

  /// After finish(): the semaphores' counts at the start, and those that
  /// instruction `number`, counted from 0, waits for and signals.
  llvm::ArrayRef<int64_t> counts() const { return semaphores; }
  llvm::ArrayRef<uint32_t> waitsOf(int64_t number) const {
    return waits[number];
  }
  llvm::ArrayRef<uint32_t> signalsOf(int64_t number) const {
    return signals[number];
  }

private:
  using Clock = std::vector<int64_t>;
  /// Who signals, who waits, about what, and the operation that waits for a
  /// place to be free; -1: that it is full.
  using Key = std::tuple<Queue, Queue, int, int>;

  struct Touch {
    Queue queue;
    int64_t index;  ///< among the queue's instructions, from 1
    int64_t number; ///< among all
    int64_t instance;
    Box box;
    bool writes;
    std::shared_ptr<Clock> clock; ///< when it has ended
  };
  /// The first writes of an instance of a place.
  struct First {
    Queue queue;
    int site;
    Box box;
  };
  struct Slot {
    std::vector<Touch> touches;
    std::vector<First> firsts;
    int64_t instance = -1;
  };
  /// Numbers of instructions.
  struct Ends {
    int64_t firstWait = 0, lastSignal = 0;
  };
  struct Need {
    const Touch *from;
    bool isFree; ///< what was there is over; else it is read
    int place;
  };

  /// The latest touches of other engines that an access has to follow.
  void collect(Queue queue, const Access &access, Slot &slot,
               std::map<Queue, Need> &needs);
  /// Waits for those that nothing else orders.
  void order(Queue queue, int site, int64_t number,
             const std::map<Queue, Need> &needs);
  uint32_t semaphoreOf(const Key &key);
  static void record(Slot &slot, Touch touch);

  std::vector<Clock> clocks;
  std::map<std::pair<int, int64_t>, Slot> slots;
  std::map<Key, uint32_t> keys;
  std::map<Key, Ends> real; ///< of those that were needed
  std::vector<int64_t> semaphores;
  std::vector<llvm::SmallVector<uint32_t, 2>> waits, signals;
  /// First writes of places that nothing was in before, by site and place.
  std::map<std::pair<int, int>, std::vector<int64_t>> fresh;
};

} // namespace mlir::tiles

#endif // NM_LIB_DIALECT_TILE_TRANSFORMS_HAPPENSBEFORE_H
