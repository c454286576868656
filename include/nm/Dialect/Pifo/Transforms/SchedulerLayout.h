//===- SchedulerLayout.h - Memory of a compiled scheduler -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_PIFO_TRANSFORMS_SCHEDULERLAYOUT_H
#define NM_DIALECT_PIFO_TRANSFORMS_SCHEDULERLAYOUT_H

#include "nm/Dialect/Pifo/IR/PifoDialect.h"
#include "llvm/ADT/StringMap.h"

namespace mlir::pifo {

/// What the functions of a compiled scheduler return.
enum Status : int32_t {
  kStatusOk = 0,
  kStatusEmpty = 1,
  kStatusFull = 2,
  kStatusUnknown = 3,
  kStatusRank = 4,
};

/// A packet in memory: 8 bytes of the user's own (`handle`), then the fields
/// in order, each in the smallest of 1, 2, 4, 8 bytes and aligned to it.
struct PacketLayout {
  explicit PacketLayout(SchedulerOp scheduler);
  struct Field {
    mutable FieldOp op;
    unsigned bytes;
    int64_t offset;
  };
  SmallVector<Field> fields;
  /// A multiple of 8.
  int64_t size;
  const Field &find(StringRef name) const;
};

enum class Container { Word, Bitmap, Heap, List };

/// Elements of one kind, allocated from a free list; number 0 is none. A slot
/// begins with the 32-bit number of the next element in a list.
struct Pool {
  /// Of {slots: ptr, free: i32, used: i32} in the scheduler's memory.
  int64_t offset;
  int64_t stride;
};

struct NodeLayout {
  NodeOp op;
  /// In pre-order; -1 for the root's parent.
  int parent;
  unsigned childIndex, depth;
  SmallVector<unsigned> children;
  Container container;
  /// i64: see `wrap` of pifo.node. Unused otherwise.
  int64_t base;
  /// Bitmaps: the top word; 64 words in the middle (bitmaps of three levels);
  /// the words with a bit for each rank; a pair (first, last) of i32 for each
  /// rank.
  int64_t top, middle, words, buckets;
  /// Bits of a rank that choose within a word of the middle and of the words.
  unsigned middleBits, wordBits;
  /// Heaps and lists: {entries: ptr, count: i64, sequence: i64}.
  int64_t heap;
  /// Of each state variable, the first entry.
  llvm::StringMap<int64_t> states;
};

/// The memory of a scheduler: one block, whose first part has a fixed size and
/// whose second part depends on the capacity.
struct SchedulerLayout {
  SchedulerLayout(SchedulerOp scheduler, Container forced, bool force);

  /// Ops are handles; their accessors are not const.
  mutable SchedulerOp op;
  PacketLayout packet;
  SmallVector<NodeLayout> nodes;
  /// Fixed offsets: what calloc returned (ptr), capacity and size (i64).
  static constexpr int64_t kRaw = 0, kCapacity = 8, kSize = 16;
  Pool packets, suspended;
  /// The heap of suspended walks, as NodeLayout::heap.
  int64_t shaping;
  /// By depth, of the nodes with children.
  SmallVector<Pool> references;
  int64_t fixedSize;
  bool hasShaping = false;
};

/// Bytes in which a value of that many bits is kept.
unsigned storageBytes(unsigned bits);

/// The C header of the compiled scheduler.
void printCHeader(SchedulerOp scheduler, raw_ostream &os);

} // namespace mlir::pifo

#endif // NM_DIALECT_PIFO_TRANSFORMS_SCHEDULERLAYOUT_H
