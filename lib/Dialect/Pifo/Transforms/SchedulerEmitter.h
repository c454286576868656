//===- SchedulerEmitter.h - From a scheduler to functions -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_PIFO_TRANSFORMS_SCHEDULEREMITTER_H
#define NM_LIB_DIALECT_PIFO_TRANSFORMS_SCHEDULEREMITTER_H

#include "Emitter.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/IRMapping.h"
#include "nm/Dialect/Pifo/Transforms/SchedulerLayout.h"

namespace mlir::pifo {

/// Heaps and sorted arrays: functions that all schedulers of a module share.
/// `pifo_heap_push(heap, key: i64, element: i32)`, `pifo_heap_pop(heap) ->
/// (key, element)`, and the same of `pifo_list` and `pifo_ends`, which have a
/// `_pop_last` too. A heap is {entries: ptr,
/// count: i64, sequence: i64}, an entry {key: i64, sequence: i64, element:
/// i32}.
LogicalResult addSharedFunctions(ModuleOp module);
constexpr int64_t kEntryBytes = 24;

/// The rank of the first element of an empty bitmap.
constexpr int64_t kNoRank = std::numeric_limits<int64_t>::max();

/// When a node that decides late need not be asked again.
constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

/// Whether a walk from node `id` may meet a refusal before it comes to rest.
bool mayBeRefused(const SchedulerLayout &layout, int id);

/// Whether the node, the only one, refuses packets by their ranks.
inline bool admitsByRank(const SchedulerLayout &layout, int id) {
  return layout.nodes[id].container == Container::Fifos &&
         layout.approximation->admits();
}
/// Lanes.cpp: whether an inner node is to have a queue for each child.
bool wantsLanes(const NodeLayout &node);

/// Places what an approximation needs in the memory of a node.
void placeNear(NodeLayout &node, const Approximation &near,
               llvm::function_ref<int64_t(int64_t)> take, bool isHot);

/// What the transactions of a node see.
struct TransactionContext {
  /// The scheduler, the packet whose fields are read, the time.
  Value memory, packet, now;
  /// The number of the node's instance, i64; null if there is one only.
  Value instance;
  /// At inner nodes, i32.
  Value child;
  /// On dequeue: i64, and the packet that is handed out. Rank and tie, i64, are
  /// those that a child offers to a selection.
  Value rank, out, tie = {};
};

/// Emits the functions of one scheduler before an insertion point.
class SchedulerEmitter {
public:
  SchedulerEmitter(const SchedulerLayout &layout, OpBuilder &builder,
                   bool hugePages)
      : layout(layout), hugePages(hugePages), e(builder, layout.op.getLoc()),
        b(builder), name(layout.op.getSymName()) {}

  void emitAll();

private:
  struct Head {
    /// i32, unless the node has lanes; i64.
    Value element, rank;
    /// i32, if the node has lanes.
    Value child = {};
  };
  // EntryPoints.cpp
  func::FuncOp begin(const llvm::Twine &name, TypeRange arguments,
                     TypeRange results, bool isPublic);
  void end(ValueRange results);
  void inlineInChain(func::FuncOp function);
  std::string nodeFunction(StringRef what, unsigned node);
  void emitCreate();
  void emitDestroy();
  void emitSize();
  void emitEnqueue();
  void emitBatches();
  void emitDequeue();
  void emitPeek();
  void emitRelease();
  void emitNextRelease();
  /// The node functions: `enter` walks up with a packet, `leave` pops and
  /// `look` finds the packet below a node.
  void emitEnter(unsigned node);
  void emitPassThrough(unsigned node, const TransactionContext &at);
  void emitLeave(unsigned node);
  void emitLook(unsigned node);
  /// The status of entering the leaf that takes the packet.
  Value enterLeaf(Value memory, Value packet, Value now);
  /// i1: whether a field is beyond its bound; null if none can be.
  Value isUnknown(Value packet);
  /// Routes.cpp: i32, the place of the leaf that takes the packet.
  SmallVector<unsigned> leafClasses() const;
  uint32_t encode(LeafPlace leaf) const;
  Value dispatch(NodeOp node, Value packet);
  Value dispatchByTable(Value packet);
  void emitRoutes();
  /// The public function that numbers leaves.
  void emitClass();
  std::string routeFunction(NodeOp node);
  /// What `enter` returns: the status, and the rank if a transit node asks.
  SmallVector<Type> enterTypes(const NodeLayout &node);
  /// Calls the parent's `enter`, for the node or the child of a transit node.
  SmallVector<Value> callParent(const NodeLayout &node, Value memory,
                                Value packet, Value now, Value instance,
                                Value child = {});
  /// Calls `what` of the child with that number; its instance comes last.
  Value callChild(StringRef what, const NodeLayout &node, Value instance,
                  Value child, ArrayRef<Value> arguments, Type result);
  /// `select(i)` for the i below `count` that is `index`.
  Value switchOver(Value index, size_t count, Type result,
                   llvm::function_ref<Value(unsigned)> select);
  void storePacket(Value to, Value packet);
  void emitInitialState(const NodeLayout &node, Value memory);
  void emitEnterBody(unsigned node, TransactionContext at, Value value);

  // Admission.cpp
  /// The node functions `admit` (what the rules of it and those above say, i1),
  /// `take` (counts a packet that went in) and `evict` (pops the last, i32).
  void emitAdmit(unsigned node);
  void emitTake(unsigned node);
  void emitEvict(unsigned node);
  void emitDropped();
  /// The status of entering a class of leaves: rules, ranks, backlogs.
  Value enterByRules(unsigned leaf, Value memory, Value packet, Value now,
                     Value instance);
  Value packetCopy();
  /// Adds a packet, which has left, to those that wait to be handed back.
  void keepDropped(Value memory, Value packet);
  /// Behind an enqueue that went beyond the capacity: pushes the worst out.
  Value pushOut(Value memory, Value now);
  /// i1: whether one more packet must be refused.
  Value isFull(Value memory);
  /// Adds 1 or -1 packets to the backlogs of the node.
  void count(const NodeLayout &node, const TransactionContext &at,
             int64_t sign);
  Value backlogPointer(const NodeLayout &node, BacklogOp backlog,
                       const TransactionContext &at);
  /// The backlog of that name here or above.
  Value inside(const NodeLayout &node, StringRef name, TransactionContext at);
  /// The instance of the parent, and the number of the child there, i32.
  std::pair<Value, Value> parentPlace(const NodeLayout &node, Value instance,
                                      Value child);
  bool hasRule(int node) const;
  /// Whether a leaf has a rule for what leaves.
  bool hasDeliver() const;
  bool hasBacklog(int node) const;

  // Changes.cpp
  /// `change(memory, values, count) -> i32`, of the caller's other threads, and
  /// `apply(memory)`, which takes what waits.
  void emitChange();
  void emitApply();
  /// Takes a change that waits, at the start of a call.
  void applyChanges(Value memory);
  Value isWaiting(Value memory);
  void setWaiting(Value memory, bool waits);

  // Counters.cpp
  enum Counter { kEntered, kSent, kDropped };
  /// Counts a packet of a leaf, if leaves count.
  void countAt(const NodeLayout &node, const TransactionContext &at,
               Value packet, Counter counter);
  void emitCounters();

  // Late.cpp
  /// Nodes that decide late: `enter`, `leave`, `look`, `evict` as others have,
  /// and `offer(memory, now, instance) -> i32`: whether something may leave,
  /// with the rest in memory. Their children have `offer` too.
  void emitOffer(unsigned node);
  void emitOfferOfPifo(unsigned node);
  void emitLateEnter(unsigned node, const TransactionContext &at);
  /// Asks child `child`: whether it is the best yet, its rank, tie, and when to
  /// ask again.
  SmallVector<Value> askChild(const NodeLayout &node, TransactionContext at,
                              ValueRange best);
  // Eligible.cpp
  /// Leaves with `pifo.eligible`: `mature(memory, now, instance)` moves
  /// elements whose time has come to those that may leave.
  void emitMature(unsigned node);
  void mature(unsigned node, const TransactionContext &at);
  void emitOfferOfEligible(unsigned node);
  /// Where an element that was pushed goes.
  void pushEligible(unsigned node, const TransactionContext &at, Value element,
                    Value rank);
  Value rankOf(const NodeLayout &node, const TransactionContext &at,
               Value element);
  /// The last of those that wait, or of all others.
  Head popLastEligible(unsigned node, const TransactionContext &at);
  /// The child that loses a packet, i32.
  Value longestChild(const NodeLayout &node, const TransactionContext &at);
  /// The element count of the child.
  Value waitingAt(const NodeLayout &node, const TransactionContext &at);
  /// Adds 1 or -1.
  void countChild(const NodeLayout &node, const TransactionContext &at,
                  int64_t by);
  /// i1: whether nothing may leave now. Asks late nodes.
  Value isDone(Value memory, Value now);
  void lateRelease(Value memory, Value now);
  Value lateNow(Value memory) {
    return e.load(64, e.at(memory, layout.late + layout.kLateNow));
  }

  // Batches.cpp
  /// An i64 or a pointer for each packet that goes through a level.
  struct Row {
    Value first;
    Value at(SchedulerEmitter &emitter, Value i) const;
  };
  /// Of one level; the child of a leaf is the packet's fields.
  struct LevelRows {
    Row instance, rank, child;
  };
  Row row(int64_t count);
  /// Has LLVM leave a loop as it is, in which turns touch the same memory:
  /// stores of several at once, each to a place of its own, are slow, and what
  /// they wrote is read soon.
  void keepScalar(scf::ForOp loop);
  void forEachBelow(Value count, llvm::function_ref<void(Value)> body);
  /// Whether each level is one class of nodes, and nothing is refused or rests
  /// on the way to the root.
  bool isChain() const;
  Value packetAt(Value packets, Value i);
  /// Runs `step(i)`, which gives a status, for i below n until one is not 0:
  /// how many were, i64, and the last status.
  SmallVector<Value> untilRefused(Value n,
                                  llvm::function_ref<Value(Value)> step);
  void emitOneByOne();
  SmallVector<Value> enterByLevels(Value memory, Value packets, Value now,
                                   Value most);
  void emitEnqueueTogether();
  void emitDequeueTogether();
  void enterTogether(Value memory, Value packets, Value now, Value count,
                     Row instances, Row yields);
  void prefetchHeads(const NodeLayout &node, Value memory, Value count,
                     Row instances);
  bool waitsForPacket(unsigned id) const;
  void transactWithPackets(Value memory, Value now, Value out, Value count,
                           ArrayRef<LevelRows> rows);
  void leaveTogether(Value memory, Value now, Value out, Value count,
                     ArrayRef<LevelRows> rows);

  // Pass.cpp
  bool letsPass() const;
  void emitPassNode(unsigned node);
  void emitPass();

  // Containers.cpp
  /// The address of something of an instance.
  Value hot(const NodeLayout &node, const TransactionContext &at,
            int64_t offset) {
    return place(at, offset, node.hotStride);
  }
  Value cold(const NodeLayout &node, const TransactionContext &at,
             int64_t offset) {
    return place(at, offset, node.coldStride);
  }
  Value place(const TransactionContext &at, int64_t offset, int64_t stride) {
    Value first = e.at(at.memory, offset);
    return at.instance ? e.at(first, e.mul(at.instance, e.c(stride))) : first;
  }
  Value slot(const Pool &pool, Value memory, Value element);
  Value link(const Pool &pool, Value memory, Value element);
  Value allocate(const Pool &pool, Value memory);
  void release(const Pool &pool, Value memory, Value element);
  const Pool &poolOf(const NodeLayout &node) const {
    return node.children.empty() ? layout.packets
                                 : layout.references[node.depth];
  }
  std::string sharedName(StringRef what, bool serial) const;
  Value isBefore(const NodeLayout &node, Value a, Value b);
  Value later(const NodeLayout &node, Value a, Value b);
  Value isEmpty(const NodeLayout &node, const TransactionContext &at);
  /// Of the container, not of the lanes in front of it.
  Value isEmptyBelow(const NodeLayout &node, const TransactionContext &at);
  /// i64: what serial numbers are counted from.
  Value origin(const NodeLayout &node, const TransactionContext &at);
  /// i64: where the window of a ring begins.
  Value ringStart(const NodeLayout &node, const TransactionContext &at);
  /// From what a transaction yields to an i64: the rank, or for serial
  /// numbers its value; where 64 bits wrap and the node has lanes, as it was
  /// yielded. `refused`: whether a window refuses it (null if none).
  Value toRank(const NodeLayout &node, Value yielded,
               const TransactionContext &at, Value &refused);
  /// The value within the window whose low bits those of `yielded` are. In an
  /// empty node the window is placed so that it holds the value.
  Value wrapRank(const NodeLayout &node, Value yielded,
                 const TransactionContext &at);
  /// The word with the bit of the rank `index`, of several levels.
  Value wordOf(const NodeLayout &node, const TransactionContext &at,
               Value index) {
    return wordAt(node, at, e.shr(index, node.wordBits));
  }
  Value wordAt(const NodeLayout &node, const TransactionContext &at,
               Value wordIndex) {
    return e.at(cold(node, at, node.words),
                e.shl(wordIndex, node.isSparse ? 4 : 3));
  }
  /// The list of a rank of a bitmap; if it is sparse, of a rank whose word has
  /// a block.
  Value bucketAt(const NodeLayout &node, const TransactionContext &at,
                 Value index);
  Value bucketIn(const NodeLayout &node, const TransactionContext &at,
                 Value block, Value index);
  /// Asks for the list and the word of a rank of a large bitmap.
  void prefetchRank(const NodeLayout &node, const TransactionContext &at,
                    Value rank);
  Head head(const NodeLayout &node, const TransactionContext &at);
  Head pop(const NodeLayout &node, const TransactionContext &at);
  /// The same of the container, not of the lanes in front of it.
  void pushBelow(const NodeLayout &node, const TransactionContext &at,
                 Value element, Value rank);
  Head headBelow(const NodeLayout &node, const TransactionContext &at);
  Head popBelow(const NodeLayout &node, const TransactionContext &at);
  Head heapHead(const NodeLayout &node, const TransactionContext &at);
  Head bitmapHead(const NodeLayout &node, const TransactionContext &at);
  /// Of a ring: whether the heap's first element leaves before the bitmap's.
  Value heapIsFirst(const NodeLayout &node, const TransactionContext &at);
  Head popHeap(const NodeLayout &node, const TransactionContext &at,
               StringRef what = "_pop");
  Head popBitmap(const NodeLayout &node, const TransactionContext &at);
  Head takeFromBitmap(const NodeLayout &node, const TransactionContext &at,
                      const Head &head);
  void keepBitmapHead(const NodeLayout &node, const TransactionContext &at,
                      const Head &head);
  void pushBitmap(const NodeLayout &node, const TransactionContext &at,
                  Value element, Value rank);
  void keepHead(const NodeLayout &node, const TransactionContext &at,
                Value element, Value rank);
  Value nextBit(const NodeLayout &node, Value word, Value from);
  Value nextWord(const NodeLayout &node, const TransactionContext &at,
                 Value index, Value isEmpty);
  Value rankAt(const NodeLayout &node, Value rank, Value index, Value to);

  // Lanes.cpp
  /// The first entry of a lane: the child, i64; where it is; its rank and as
  /// what number it came, i64 each.
  struct LaneHead {
    Value child, place, rank, came;
  };
  Value lane(const NodeLayout &node, const TransactionContext &at,
             int64_t array, Value child);
  Value takeChunk(const NodeLayout &node, Value memory);
  Value nextToWrite(const NodeLayout &node, Value memory, Value place,
                    Value rank);
  Value nextToRead(const NodeLayout &node, Value memory, Value place);
  /// The element of a child, which needs no slot. `value` is what toRank gives.
  void pushLanes(const NodeLayout &node, const TransactionContext &at,
                 Value value);
  void pushAnywhere(const NodeLayout &node, const TransactionContext &at,
                    Value value);
  void pushBehindLanes(const NodeLayout &node, const TransactionContext &at,
                       Value rank);
  Value countPush(const NodeLayout &node, const TransactionContext &at);
  void appendToLane(const NodeLayout &node, const TransactionContext &at,
                    Value child, Value tail, Value rank);
  Value leavesBefore(const NodeLayout &node, Value rank, Value came,
                     Value otherRank, Value otherCame);
  SmallVector<LaneHead> laneHeads(const NodeLayout &node,
                                  const TransactionContext &at);
  LaneHead laneHeadAt(Value child, Value place);
  LaneHead firstOfLanes(const NodeLayout &node, ArrayRef<LaneHead> heads,
                        Value occupied);
  LaneHead choose(Value first, const LaneHead &one, const LaneHead &other);
  std::pair<Value, Value> takeFromLane(const NodeLayout &node,
                                       const TransactionContext &at,
                                       const LaneHead &head);
  Value lanesAreFirst(const NodeLayout &node, const TransactionContext &at,
                      const LaneHead &best, Value occupied);
  Head headWithLanes(const NodeLayout &node, const TransactionContext &at);
  Head popOfLanes(const NodeLayout &node, const TransactionContext &at,
                  const LaneHead &best, Value occupied);
  Head popOfBoth(const NodeLayout &node, const TransactionContext &at);
  Head popNextLane(const NodeLayout &node, const TransactionContext &at,
                   Value child);
  Head popWithLanes(const NodeLayout &node, const TransactionContext &at);
  void emitAside(
      StringRef what, unsigned id, TypeRange arguments, TypeRange results,
      llvm::function_ref<SmallVector<Value>(TransactionContext, ValueRange)>
          body);
  Type asideResult(TypeRange results);
  SmallVector<Value> callAside(StringRef what, const NodeLayout &node,
                               const TransactionContext &at, TypeRange results,
                               ValueRange arguments);
  void emitAside(unsigned id);
  unsigned idOf(const NodeLayout &node) const {
    return &node - layout.nodes.data();
  }

  // Flows.cpp
  Value flowsEntry(const NodeLayout &node, const TransactionContext &at,
                   Value element);
  /// The entry that `isBetter(rank, number, bestRank, bestNumber)` finds of
  /// those that `counts`, if there is one.
  Head bestEntry(const NodeLayout &node, const TransactionContext &at,
                 llvm::function_ref<Value(Value, Value, Value, Value)> isBetter,
                 llvm::function_ref<Value(Value)> counts);
  /// Of all: the least (slt) or the largest (sgt) rank, of equal ones the first
  /// or the last to come.
  Head outermost(const NodeLayout &node, const TransactionContext &at,
                 arith::CmpIPredicate order);
  void pushFlows(const NodeLayout &node, const TransactionContext &at,
                 Value element, Value rank);
  Head flowsHead(const NodeLayout &node, const TransactionContext &at);
  Head flowsLast(const NodeLayout &node, const TransactionContext &at);
  void leaveFlows(const NodeLayout &node, const TransactionContext &at,
                  Value element);

  // Approximation.cpp
  SmallVector<Value>
  forUpTo(Value count, ValueRange first,
          llvm::function_ref<SmallVector<Value>(Value, ValueRange)> body);
  Value nearEntry(const NodeLayout &node, const TransactionContext &at,
                  Value element);
  Value nearQueue(const NodeLayout &node, const TransactionContext &at,
                  int64_t offset, Value queue);
  Value chooseByBounds(const NodeLayout &node, const TransactionContext &at,
                       Value rank);
  std::pair<Value, Value> lookBack(const NodeLayout &node,
                                   const TransactionContext &at, Value rank);
  std::pair<Value, Value> lookAtEnds(const NodeLayout &node,
                                     const TransactionContext &at, Value rank);
  /// i1: whether the rank is refused; the queue of one that is not is kept.
  Value admitNear(const NodeLayout &node, const TransactionContext &at,
                  Value rank);
  void pushNear(const NodeLayout &node, const TransactionContext &at,
                Value element, Value rank);
  Head nearHead(const NodeLayout &node, const TransactionContext &at);
  Head popNear(const NodeLayout &node, const TransactionContext &at);
  void countDisorder(const NodeLayout &node, const TransactionContext &at,
                     Value rank);
  void emitDisorder();

  // TimingWheel.cpp
  /// A walk rests until a time, i64; `now` is i64.
  void pushWalk(Value memory, Value walk, Value time, Value now);
  /// i32: the walk that is due first, 0 if none is. It no longer rests.
  Value popWalk(Value memory, Value now);
  /// i1: whether a walk rests; if so, the time of the first, i64.
  Value walksRest(Value memory);
  Value firstWalkTime(Value memory);
  /// Where the first digit of the first level that is not empty is.
  struct WheelHead {
    Value level, digit, bucket, first, last;
  };
  WheelHead wheelHead(Value memory);
  Value wheelWord(Value memory, Value level);
  Value wheelBucket(Value memory, Value level, Value digit);
  void clearDigit(Value memory, const WheelHead &head);
  Value startOf(Value memory, const WheelHead &head);
  Value timeOf(Value memory, Value walk);
  void emitWheel();
  void emitWheelPut();
  void emitWheelSettle();

  // Transactions.cpp
  SmallVector<Value> inlineValues(Region &region, const NodeLayout &node,
                                  const TransactionContext &at);
  /// Emits a transaction and returns what it yields, if anything.
  Value inlineTransaction(Region &region, const NodeLayout &node,
                          const TransactionContext &at);
  void inlineBlock(Block &block, IRMapping &map, const NodeLayout &node,
                   const TransactionContext &at,
                   SmallVectorImpl<Value> &yielded);
  Value statePointer(const NodeLayout &node, StateOp state,
                     const TransactionContext &at);
  Value keyOf(FlatSymbolRefAttr key, const TransactionContext &at);
  Value emitDivision(Operation *op, Value x, Value y);
  Value emitShift(Operation *op, Value x, Value y);
  Value readField(StringRef field, Value packet);
  std::string tableName(TableOp table);
  void emitTable(StringRef name, ArrayRef<APInt> values);
  /// The same from inside a function.
  void emitTableBefore(StringRef name, ArrayRef<APInt> values);
  void emitTables();

  const SchedulerLayout &layout;
  bool hugePages;
  /// Short, for they stand in every line: arithmetic and the ops around it.
  Emitter e;
  OpBuilder &b;
  std::string name;
};

} // namespace mlir::pifo

#endif // NM_LIB_DIALECT_PIFO_TRANSFORMS_SCHEDULEREMITTER_H
