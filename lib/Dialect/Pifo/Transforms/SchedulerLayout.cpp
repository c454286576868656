//===- SchedulerLayout.cpp - Memory of a compiled scheduler -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SchedulerEmitter.h"
#include "mlir/IR/OperationSupport.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::pifo;

unsigned pifo::storageBytes(unsigned bits) {
  return bits <= 8 ? 1 : bits <= 16 ? 2 : bits <= 32 ? 4 : 8;
}

PacketLayout::PacketLayout(SchedulerOp scheduler) {
  int64_t offset = 8;
  for (FieldOp op : scheduler.getFields()) {
    unsigned bytes = storageBytes(op.getWidth());
    offset = llvm::alignTo(offset, bytes);
    fields.push_back({op, bytes, offset});
    offset += bytes;
  }
  size = llvm::alignTo(offset, 8);
}

const PacketLayout::Field &PacketLayout::find(StringRef name) const {
  return *llvm::find_if(fields, [&](const Field &field) {
    return field.op.getSymName() == name;
  });
}

/// `forced`: what each node has that can, or null.
static Container chooseContainer(SchedulerOp scheduler, const NodeLayout &node,
                                 const Container *forced) {
  NodeOp op = node.op;
  unsigned bits = op.getRankWidth();
  if (op.getInOrder())
    return Container::Flows;
  if (op.isLate())
    return Container::None;
  if (scheduler.getPushOut() && !(forced && *forced == Container::List))
    return Container::Ends;
  if (forced)
    return *forced;
  if (op.getEligible())
    return Container::Heap;
  // Three levels of 64-way bitmaps hold 2^18 ranks.
  return bits <= 6    ? Container::Word
         : bits <= 18 ? Container::Bitmap
                      : Container::Ring;
}

/// Ranks of a ring's window: the more instances there are, the fewer. 2 MB of
/// lists in all, and a granule of the window for each bit of the top word.
static unsigned chooseWindow(int64_t instances) {
  unsigned bits = 18;
  while (bits > 12 && instances << (bits + 3) > int64_t(2) << 20)
    --bits;
  return bits;
}

/// Whether two operations are the same but for their symbol names.
static bool equalOps(Operation *x, Operation *y) {
  if (isa<NodeOp>(x) && isa<NodeOp>(y)) {
    NodeOp a = cast<NodeOp>(x), b = cast<NodeOp>(y);
    if (a.getRank() != b.getRank() || a.getRule() != b.getRule() ||
        a.getTransit() != b.getTransit())
      return false;
    Block &left = a.getBody().front(), &right = b.getBody().front();
    auto skip = [](Operation &op) { return !isa<PredicateOp>(op); };
    auto these = llvm::make_filter_range(left, skip);
    auto those = llvm::make_filter_range(right, skip);
    auto i = these.begin(), j = those.begin();
    for (; i != these.end() && j != those.end(); ++i, ++j)
      if (!equalOps(&*i, &*j))
        return false;
    return i == these.end() && j == those.end();
  }
  return OperationEquivalence::isEquivalentTo(
      x, y, OperationEquivalence::IgnoreLocations);
}

/// Adds the class of `instances`, and those of all below.
static void addNode(SchedulerLayout &layout, ArrayRef<NodeOp> instances,
                    int parent, unsigned childIndex, unsigned fanOut,
                    unsigned depth) {
  unsigned id = layout.nodes.size();
  NodeLayout node{};
  node.op = instances.front();
  node.count = instances.size();
  node.parent = parent;
  node.childIndex = childIndex;
  node.fanOut = fanOut;
  node.depth = depth;
  layout.hasShaping |= bool(node.op.getShaping());
  for (auto [i, op] : llvm::enumerate(instances))
    layout.places[op] = {id, int64_t(i)};
  layout.nodes.push_back(node);
  SmallVector<NodeOp, 4> first = node.op.getInside();
  if (first.empty()) {
    for (auto [i, op] : llvm::enumerate(instances))
      layout.leaves[op] = {id, int64_t(i)};
    return;
  }
  SmallVector<SmallVector<NodeOp, 4>> children;
  for (NodeOp op : instances)
    children.push_back(op.getInside());
  bool handsRankOn =
      llvm::any_of(first, [](NodeOp child) { return child.getTransit(); });
  layout.nodes[id].handsRankOn = handsRankOn;
  bool alike = !node.op.getTransit() && !handsRankOn &&
               llvm::all_of(first, [&](NodeOp child) {
                 return equalOps(first.front(), child);
               });
  if (alike) {
    SmallVector<NodeOp> all;
    for (auto &each : children)
      all.append(each.begin(), each.end());
    layout.nodes[id].children.push_back(layout.nodes.size());
    addNode(layout, all, id, 0, first.size(), depth + 1);
    return;
  }
  unsigned number = node.op.getTransit() ? childIndex : 0;
  for (unsigned c = 0; c < first.size(); ++c) {
    SmallVector<NodeOp> all;
    for (auto &each : children)
      all.push_back(each[c]);
    layout.nodes[id].children.push_back(layout.nodes.size());
    addNode(layout, all, id, number, 0, depth + 1);
    number += first[c].getTransit() ? first[c].getChildren().size() : 1;
  }
}

/// The field that all predicates read, if it is one of few values.
static FieldOp findClassifier(SchedulerOp scheduler) {
  FieldOp found;
  bool one = true;
  scheduler->walk([&](PredicateOp predicate) {
    predicate->walk([&](ReadFieldOp read) {
      FieldOp field = scheduler.getField(read.getField());
      one &= !found || found == field;
      found = field;
    });
  });
  return one && found && found.getMaxValue() < (1 << 16) ? found : FieldOp();
}

static SchedulerLayout::Parameter placeParameter(const SchedulerLayout &layout,
                                                 Operation *op) {
  LeafPlace place = layout.places.lookup(op->getParentOp());
  const NodeLayout &node = layout.nodes[place.node];
  if (auto table = dyn_cast<TableOp>(op))
    return {node.states.lookup(table.getSymName()) +
                place.instance * node.coldStride,
            table.getValues().getNumElements()};
  return {node.states.lookup(cast<StateOp>(op).getSymName()) +
              place.instance * node.hotStride,
          1};
}

SchedulerLayout::SchedulerLayout(SchedulerOp scheduler,
                                 const ContainerChoice &choice, bool counts)
    : op(scheduler), packet(scheduler), classifier(findClassifier(scheduler)),
      counts(counts), approximation(choice.approximation) {
  const bool force = choice.kind != ContainerChoice::Automatic;
  const Container forced =
      choice.kind == ContainerChoice::Near       ? Container::Fifos
      : choice.kind == ContainerChoice::AllLists ? Container::List
                                                 : Container::Heap;
  addNode(*this, scheduler.getRoot(), -1, 0, 0, 0);
  int64_t offset = 24;
  auto take = [&](int64_t bytes, int64_t alignment = 8) {
    offset = llvm::alignTo(offset, alignment);
    int64_t begin = offset;
    offset += bytes;
    return begin;
  };
  // What every call touches comes first, and close together.
  // A short packet lies in one line of the cache.
  auto slots = [&](int64_t bytes) -> Pool {
    return {take(16), bytes <= 64 ? int64_t(llvm::PowerOf2Ceil(bytes)) : bytes};
  };
  packets = slots(packet.size);
  packets.links = take(8);
  suspended = slots(packet.size + kRestPacket);
  shaping = take(24);
  hasWheel = hasShaping && !force;
  wheel.time = take(8);
  wheel.levels = take(8);
  keepsDropped = scheduler.getPushOut();
  scheduler.walk([&](DeliverOp) { keepsDropped = true; });
  if (keepsDropped)
    dropped = take(24);
  decidesLate = scheduler.decidesLate();
  if (decidesLate)
    late = take(40);
  if (approximation)
    disorder = take(24);
  for (NodeLayout &node : nodes)
    node.container =
        chooseContainer(scheduler, node, force ? &forced : nullptr);
  unsigned depths = 0;
  for (NodeLayout &node : nodes)
    if (!node.children.empty())
      depths = std::max(depths, node.depth + 1);
  for (unsigned depth = 0; depth < depths; ++depth)
    references.push_back({take(16), 8});
  for (NodeLayout &node : nodes)
    if (node.hasBitmap() && wantsLanes(node)) {
      node.lanes.count = node.op.getChildren().size();
      references[node.depth].stride = NodeLayout::kLaneSlot;
    }
  // The instances of a node lie one behind the other. A stride that is an odd
  // number of lines keeps what they have in common in different sets of the
  // caches.
  auto finish = [&](int64_t begin, int64_t count) {
    int64_t lines = llvm::divideCeil(offset - begin, 64);
    int64_t stride = 64 * (lines | 1);
    offset = begin + count * stride;
    return stride;
  };
  if (hasWheel) {
    wheel.words = take(8 * kWheelLevels, 64);
    wheel.buckets = take(512 * kWheelLevels, 64);
  }
  for (NodeLayout &node : nodes) {
    unsigned bits = node.op.getRankWidth();
    int64_t begin = take(0, 64);
    // What a push or a pop of a lane reads lies in one line if there are two.
    if (node.hasLanes()) {
      for (int64_t *word : {&node.lanes.next, &node.base, &node.lanes.came})
        *word = take(8);
      for (int64_t *array : {&node.lanes.heads, &node.lanes.tails})
        *array = take(8 * node.lanes.count);
    } else {
      node.top = take(8);
      node.base = take(8);
      if (node.hasBitmap()) {
        node.firstRank = take(8);
        node.first = take(8);
      }
    }
    if (node.op.isLate()) {
      for (int64_t *word : {&node.late.waitingAll, &node.late.chosenRank,
                            &node.late.chosenTie, &node.late.chosen})
        *word = take(8);
    }
    node.bitmapBits = bits;
    if (node.container == Container::Ring) {
      node.bitmapBits = chooseWindow(node.count);
      node.window = take(8);
    }
    if (node.hasHeap())
      node.heap = take(24);
    if (counts && node.children.empty())
      node.late.counters = take(8 * kCounters);
    if (node.op.getEligible()) {
      node.late.waiters = take(24);
      node.late.ranks = take(8);
    }
    if (node.container == Container::Flows)
      for (int64_t *word : {&node.late.flows.inside, &node.late.flows.came,
                            &node.late.flows.entries})
        *word = take(8);
    if (node.container == Container::Fifos)
      placeNear(
          node, *approximation, [&](int64_t size) { return take(size); },
          /*isHot=*/true);
    for (StateOp state : node.op.getBody().front().getOps<StateOp>())
      if (node.isHot(state)) {
        int64_t bytes = storageBytes(state.getType().getWidth());
        node.states[state.getSymName()] =
            take(state.isKeyed() ? bytes * node.lanes.count : bytes, bytes);
      }
    for (BacklogOp backlog : node.op.getBody().front().getOps<BacklogOp>())
      if (!backlog.getKeyAttr())
        node.states[backlog.getSymName()] = take(8);
    if (node.hasLanes())
      for (int64_t *word :
           {&node.lanes.occupied, &node.top, &node.firstRank, &node.first})
        *word = take(8);
    if (node.isDeep()) {
      // The top word always has 64 bits: `wrap` turns it by whole bits.
      node.wordBits = std::min(6u, node.bitmapBits - 6);
      node.middleBits = node.bitmapBits - 6 - node.wordBits;
      if (node.middleBits)
        node.middle = take(512, 64);
    }
    // The lists of one node alone are read from end to end, which caches like
    // better than blocks here and there.
    node.isSparse = node.count > 1 && node.hasFarLists();
    node.hotStride = finish(begin, node.count);
    if (node.isSparse)
      node.sparse.usedBlocks = take(8, 64);
    if (node.hasLanes())
      node.lanes.pool = take(24, 64);
  }
  for (NodeLayout &node : nodes) {
    int64_t begin = take(0, 64);
    for (StateOp state : node.op.getBody().front().getOps<StateOp>()) {
      if (node.isHot(state))
        continue;
      int64_t count = node.op.getChildren().size();
      if (state.getKeyAttr())
        count = scheduler.getField(*state.getKey()).getMaxValue() + 1;
      node.states[state.getSymName()] =
          take(count * storageBytes(state.getType().getWidth()), 64);
    }
    for (BacklogOp backlog : node.op.getBody().front().getOps<BacklogOp>())
      if (FlatSymbolRefAttr key = backlog.getKeyAttr()) {
        FieldOp field = scheduler.getField(key.getValue());
        node.states[backlog.getSymName()] =
            take(8 * (field.getMaxValue() + 1), 64);
      }
    for (TableOp table : node.op.getBody().front().getOps<TableOp>())
      if (table.getVariable())
        node.states[table.getSymName()] =
            take(8 * table.getValues().getNumElements(), 64);
    if (node.op.isLate())
      node.late.waiting = take(int64_t(8) * node.op.getChildren().size(), 64);
    if (node.container == Container::Fifos)
      placeNear(
          node, *approximation, [&](int64_t size) { return take(size); },
          /*isHot=*/false);
    const int64_t words = int64_t(1) << (node.bitmapBits - node.wordBits);
    if (node.isDeep())
      node.words = take((node.isSparse ? 16 : 8) * words, 64);
    if (node.hasBitmap() && !node.isSparse)
      node.buckets = take(int64_t(8) << node.bitmapBits, 64);
    node.coldStride = finish(begin, node.count);
    if (node.isSparse) {
      node.sparse.freeBlocks = take(4 * words * node.count, 64);
      node.sparse.blocks =
          take((int64_t(8) << node.bitmapBits) * node.count, 64);
    }
  }
  for (Operation *op : scheduler.getParameters())
    parameters.push_back(placeParameter(*this, op));
  for (const Parameter &parameter : parameters)
    parameterValues += parameter.count;
  if (!parameters.empty())
    changes = take(8 + 8 * parameterValues, 64);
  fixedSize = llvm::alignTo(offset, 64);
}
