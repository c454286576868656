//===- SchedulerLayout.h - Memory of a compiled scheduler -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_PIFO_TRANSFORMS_SCHEDULERLAYOUT_H
#define NM_DIALECT_PIFO_TRANSFORMS_SCHEDULERLAYOUT_H

#include "nm/Dialect/Pifo/IR/PifoDialect.h"
#include "nm/Dialect/Pifo/Transforms/Approximation.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"

namespace mlir::pifo {

/// What the functions of a compiled scheduler return.
enum Status : int32_t {
  kStatusOk = 0,
  kStatusEmpty = 1,
  kStatusFull = 2,
  kStatusUnknown = 3,
  kStatusRank = 4,
  kStatusDropped = 5,
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

/// Ring: a bitmap hierarchy over the ranks of a window that follows the ranks
/// that leave, and a heap for those outside of it. Ends: a heap that gives the
/// last element too. None: of nodes that decide late. Fifos: an approximation.
/// Flows: of leaves with `pifo.in_order`.
enum class Container {
  Word,
  Bitmap,
  Ring,
  Ends,
  Heap,
  List,
  None,
  Fifos,
  Flows
};

/// Elements of one kind, allocated from a free list; number 0 is none. The
/// number of the next element in a list, i32, is at the begin of an element's
/// slot or, of packets, in an array of its own: lists are followed and
/// lengthened without the lines of packets, and slots have no gap.
struct Pool {
  /// Of {slots: ptr, free: i32, used: i32} in the scheduler's memory.
  int64_t offset;
  int64_t stride;
  /// Of links: ptr, where they are apart.
  int64_t links = 0;
};

/// Nodes that differ in nothing but their predicates, below parents that do
/// not either: they share code, which takes the number of the instance. Transit
/// nodes and those beside and below them keep classes of their own.
struct NodeLayout {
  /// The first instance.
  NodeOp op;
  int64_t count;
  /// Of the parents; -1 for the root. If the parent has one class of children,
  /// `fanOut` is their number: child c of instance i is instance i * fanOut +
  /// c. If not, `fanOut` is 0, each child is a class, and child `childIndex` of
  /// instance i is instance i.
  /// Of a transit node, `childIndex` is the number of its first child.
  int parent;
  unsigned childIndex, fanOut, depth;
  SmallVector<unsigned> children;
  /// Whether a transit node is among the children, which asks for the rank.
  bool handsRankOn;
  Container container;
  /// Bytes from one instance to the next: of what every call touches, and of
  /// the rest.
  int64_t hotStride, coldStride;
  /// Hot: i64, see `wrap` of pifo.node. The top word of a bitmap. 64 words in
  /// the middle of three levels.
  int64_t base, top, middle;
  /// Hot: of bitmaps, i32 and i64, the element that leaves next (0: none) and
  /// its rank.
  int64_t first, firstRank;
  /// Hot: of heaps and lists, {entries: ptr, count: i64, sequence: i64}.
  int64_t heap;
  /// Cold: the words with a bit for each rank; a pair (first, last) of i32 for
  /// each rank, unless the bitmap is sparse.
  int64_t words, buckets;
  /// Of a bitmap whose lists are many: only words with a bit have lists, in a
  /// block that all instances take from one pool. A word is followed by the
  /// number of its block, {bits: i64, block: i32}, 16 bytes. `blocks` is the
  /// first block, `freeBlocks` a stack of i32 whose entry i is the number of
  /// the block to take when i are in use, exclusive or i, and `usedBlocks` is
  /// how many are, i64. Not of an instance.
  struct Sparse {
    int64_t blocks, freeBlocks, usedBlocks;
  } sparse;
  bool isSparse;
  /// Ranks that a bitmap tells apart, as a power of two: all of them, or those
  /// of a ring's window.
  unsigned bitmapBits;
  /// Bits of a rank that choose within a word of the middle and of the words.
  unsigned middleBits, wordBits;
  /// Hot: of rings, i64, the largest rank that left; all if none is inside.
  int64_t window;
  /// Of each state variable and backlog, the first entry. Scalars are hot.
  llvm::StringMap<int64_t> states;

  /// What only some nodes have.
  struct Late {
    /// Of nodes that decide late. Hot: i64, the elements of all children; the
    /// rank and the tie of the child chosen last and, i32, its number. Cold:
    /// i64, the elements of each child.
    int64_t waitingAll, chosenRank, chosenTie, chosen, waiting;
    /// Of leaves with `pifo.eligible`, hot: as `heap`, of elements whose time
    /// has not come, by time; and the ranks of elements, i64 each (a pointer).
    int64_t waiters, ranks;
    /// Hot: of leaves that are counted, i64 each: packets and bytes that
    /// entered, that were sent, and that were dropped.
    int64_t counters;
    /// Of approximations, see Approximation.cpp.
    struct Near {
      int64_t inside, chosen, next, full, least, most, ranks;
      int64_t bounds, lengths, lists, window;
    } near;

    /// Of leaves with `pifo.in_order`, hot: i64, the packets inside and how
    /// many came; an entry {rank, number: i64} for each packet (a pointer),
    /// whose number is 0 if it is not inside.
    struct Flows {
      int64_t inside, came, entries;
    } flows;
  } late;

  /// Of inner nodes of a few children whose ranks mostly climb: a FIFO queue
  /// for each child, in front of the container, which takes what goes back.
  /// Hot: i64, a bit for each child with elements in its queue and the
  /// uppermost if the container has some; the child whose element is next if
  /// all queues and only they have some, else kNoLane; how many came; arrays
  /// with an entry for each child: where to read and to write (`heads`,
  /// `tails`: ptr). Queues are chunks of {last rank of the chunk before: i64,
  /// link: ptr} and entries {rank, came: i64}: an entry that would begin at a
  /// multiple of a chunk's size is in the next chunk, so that the rank of an
  /// entry is 16 bytes behind the last one's. Slots of the container's elements
  /// are {next, child: i32, came: i64}. Not of an instance: {first chunk, first
  /// free one, first that was never used: ptr}.
  struct Lanes {
    int64_t occupied, next, came, heads, tails, pool;
    unsigned count;
  } lanes;
  static constexpr int64_t kEntry = 16, kEntryCame = 8, kChunkBytes = 512,
                           kChunkLink = 8, kNoLane = -1;
  static constexpr int64_t kPoolFree = 8, kPoolFresh = 16;
  static constexpr int64_t kSlotCame = 8, kLaneSlot = 16;
  static constexpr int64_t kSomeBelow = std::numeric_limits<int64_t>::min();
  bool hasLanes() const { return lanes.count != 0; }
  /// Of bitmaps over serial numbers: whether the rank of none is set behind
  /// each rank that is pushed first, so that a push need not ask whether it is.
  bool keepsRankOfNone() const {
    NodeOp node = op;
    return container <= Container::Bitmap && !hasLanes() &&
           node.getRule() == RankRule::Wrap && !node.getTransit();
  }
  /// Whether a state is among what every call touches: one word, or a few that
  /// lie beside the lanes.
  bool isHot(StateOp state) const {
    return !state.isKeyed() || (state.getByChild() && hasLanes());
  }

  bool hasHeap() const {
    return container >= Container::Ring && container < Container::None;
  }
  bool hasBitmap() const { return container <= Container::Ring; }
  /// More than one level of words.
  bool isDeep() const { return hasBitmap() && container != Container::Word; }
  /// More bytes of lists than that do not stay in a second cache of 512 KB.
  static constexpr int64_t kLargeLists = 256 << 10;
  /// Whether the lists of all instances are more.
  bool hasFarLists() const {
    return isDeep() && count << (bitmapBits + 3) > kLargeLists;
  }
  /// Whether the bitmap is a window of larger ranks, which goes around its end.
  bool isSerial() const {
    return container == Container::Ring ||
           NodeOp(op).getRule() != RankRule::Saturate;
  }
};

/// Where a leaf of the tree is.
struct LeafPlace {
  unsigned node;
  int64_t instance;
};

/// The memory of a scheduler: one block, whose first part has a fixed size and
/// whose second part depends on the capacity.
struct SchedulerLayout {
  explicit SchedulerLayout(SchedulerOp scheduler,
                           const ContainerChoice &choice = {},
                           bool counts = false);

  /// Ops are handles; their accessors are not const.
  mutable SchedulerOp op;
  PacketLayout packet;
  SmallVector<NodeLayout, 0> nodes;
  llvm::MapVector<Operation *, LeafPlace> leaves;
  /// Of all nodes.
  llvm::DenseMap<Operation *, LeafPlace> places;
  /// What the caller may change, in the order of SchedulerOp::getParameters:
  /// the first of its values in memory, and how many. A change waits at
  /// `changes`, {isWaiting: i32, values: i64 each}.
  struct Parameter {
    int64_t offset, count;
  };
  SmallVector<Parameter, 0> parameters;
  int64_t changes = 0;
  /// Of all parameters.
  int64_t parameterValues = 0;
  /// If one field alone decides which leaf takes a packet, and has few values.
  mutable FieldOp classifier;
  /// Fixed offsets: what calloc returned (ptr), capacity and size (i64).
  static constexpr int64_t kRaw = 0, kCapacity = 8, kSize = 16;
  Pool packets;
  /// Of schedulers that push out or drop on the way out: packets that wait to
  /// be handed back, {first, last, newest, isDropped: i32, count: i64}.
  /// `newest` is the packet that came last, `isDropped` what became of the one
  /// that left.
  int64_t dropped = 0;
  bool keepsDropped = false;
  static constexpr int64_t kDroppedLast = 4, kNewest = 8, kIsDropped = 12,
                           kDroppedCount = 16;
  /// Of {next: i32, node, instance: i16, time: i64, packet}; there are at most
  /// 4096 nodes.
  Pool suspended;
  static constexpr int64_t kRestNode = 4, kRestInstance = 6, kRestTime = 8,
                           kRestPacket = 16;
  /// The heap of suspended walks, as NodeLayout::heap. With a wheel, of those
  /// whose time is before the wheel's.
  int64_t shaping;
  /// See TimingWheel.cpp; not with a forced container. i64: the time at which
  /// the wheel stands, a bit for each level that is not empty, and for each
  /// level a bit for each digit that is not empty; of each of these, i32
  /// (first, last).
  bool hasWheel = false;
  static constexpr int64_t kWheelLevels = 11;
  struct Wheel {
    int64_t time, levels, words, buckets;
  } wheel;
  /// By depth, of the nodes with children.
  SmallVector<Pool> references;
  /// Of schedulers that decide late, i64 each: the time of the latest call,
  /// when to ask again, and the rank, the tie and the time that a node offers.
  int64_t late = 0;
  bool decidesLate = false;
  static constexpr int64_t kLateNow = 0, kLateAgain = 8, kOfferRank = 16,
                           kOfferTie = 24, kOfferAgain = 32;
  /// Whether leaves count.
  bool counts = false;
  static constexpr int kCounters = 6;
  /// Where nodes only come near the order of ranks; i64 each, how far from it.
  std::optional<Approximation> approximation;
  int64_t disorder = 0;
  int64_t fixedSize;
  bool hasShaping = false;
};

/// Bytes in which a value of that many bits is kept.
unsigned storageBytes(unsigned bits);

/// The C header of the compiled scheduler.
void printCHeader(SchedulerOp scheduler, raw_ostream &os);

/// Registers `nm-translate --pifo-to-c-header`.
void registerCHeaderTranslation(void (*dialects)(DialectRegistry &));

} // namespace mlir::pifo

#endif // NM_DIALECT_PIFO_TRANSFORMS_SCHEDULERLAYOUT_H
