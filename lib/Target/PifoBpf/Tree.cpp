//===- Tree.cpp - A scheduler's nodes and arrays, numbered -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Tree.h"
#include "nm/Dialect/Pifo/Transforms/SchedulerLayout.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::pifo;
using namespace mlir::pifo::bpf;

/// Of all arrays together; the kernel takes them from memory that is never
/// paged out.
static constexpr uint64_t kMostBytes = uint64_t(64) << 20;
/// Each has functions of its own.
static constexpr size_t kMostNodes = 512;

std::string bpf::identifier(StringRef name) {
  std::string text;
  for (char c : name)
    text += llvm::isAlnum(c) || c == '_' ? c : '_';
  return text;
}

Tree::Tree(SchedulerOp scheduler) : op(scheduler) {
  nodes.push_back({scheduler.getRoot()});
  for (size_t id = 0; id < nodes.size(); ++id) {
    numbers[nodes[id].op] = id;
    SmallVector<NodeOp, 4> inside = nodes[id].op.getInside();
    nodes[id].children = inside.size();
    if (!inside.empty())
      nodes[id].firstChild = nodes.size();
    for (auto [number, child] : llvm::enumerate(inside)) {
      Node made{child};
      made.parent = id;
      made.number = number;
      nodes.push_back(made);
    }
  }
  unsigned containers = nodes.size();
  for (Node &node : nodes) {
    unsigned levels = 1;
    for (NodeOp at = node.op; at.getParentNode(); at = at.getParentNode())
      ++levels;
    depth = std::max(depth, levels);
    hasShaping |= bool(node.op.getShaping());
    if (node.op.getEligible()) {
      node.waiters = containers++;
      waits = true;
    }
  }
  resting = containers++;
  decidesLate = scheduler.decidesLate();
  uint64_t capacity = scheduler.getCapacity();
  heaps = llvm::PowerOf2Ceil(containers);
  // One more than the capacity while a packet is pushed out.
  room = llvm::PowerOf2Ceil(capacity + 1);
  heapLevels = llvm::Log2_64(room) + 1;
  // Number 0 is none, and a packet may come to a full scheduler.
  slots = llvm::PowerOf2Ceil((hasShaping ? 2 : 1) * (capacity + 1) + 1);
}

std::string Tree::nameOf(Operation *symbol) const {
  std::string prefix = "pifo_all";
  Operation *above = symbol->getParentOp();
  if (isa<NodeOp>(above))
    prefix = "pifo_at" + std::to_string(numbers.lookup(above));
  // Different symbols may become one identifier.
  unsigned index = 0;
  for (Operation &other : above->getRegion(0).front()) {
    if (&other == symbol)
      break;
    ++index;
  }
  return prefix + "_" + std::to_string(index) + "_" +
         identifier(cast<SymbolOpInterface>(symbol).getName());
}

uint64_t Tree::entries(FlatSymbolRefAttr key, bool byChild, NodeOp node) const {
  if (byChild)
    return llvm::PowerOf2Ceil(nodes[numbers.lookup(node)].children);
  if (!key)
    return 1;
  uint64_t most = op.getField(key.getValue()).getMaxValue();
  return most >= uint64_t(1) << 32 ? uint64_t(1) << 32
                                   : llvm::PowerOf2Ceil(most + 1);
}

uint64_t Tree::bytes() const {
  constexpr uint64_t kEntry = 24, kOfSlot = 24;
  uint64_t sum =
      heaps * room * kEntry + slots * (PacketLayout(op).size + kOfSlot);
  op->walk([&](Operation *symbol) {
    auto node = dyn_cast<NodeOp>(symbol->getParentOp());
    if (auto state = dyn_cast<StateOp>(symbol))
      sum += 8 * entries(state.getKeyAttr(), state.getByChild(), node);
    else if (auto backlog = dyn_cast<BacklogOp>(symbol))
      sum += 8 * entries(backlog.getKeyAttr(), false, node);
    else if (auto table = dyn_cast<TableOp>(symbol))
      sum += 8 * entries(table.getKeyAttr(), table.isByChild(), node);
  });
  return sum;
}

std::string bpf::refusalOf(const Tree &tree) {
  std::string why;
  auto refuse = [&](const std::string &reason) {
    if (why.empty())
      why = reason;
  };
  if (tree.nodes.size() > kMostNodes)
    refuse("it has " + std::to_string(tree.nodes.size()) +
           " nodes; expected at most " + std::to_string(kMostNodes));
  for (const Tree::Node &node : tree.nodes) {
    std::string name = "node '" + node.op.getSymName().str() + "' ";
    if (node.op.getTransit())
      refuse(name + "is a transit node; expected the tree that was embedded");
    if (node.op.getRule() == RankRule::Window)
      refuse(name + "has the rule 'window', which takes state back when it "
                    "refuses a packet; expected 'wrap' or 'saturate'");
    if (node.op.getInOrder())
      refuse(name + "keeps flows in order ('in order per'), for which all "
                    "packets are compared at each departure");
  }
  if (!tree.op.getParameters().empty())
    refuse("its numbers may change while it runs; expected those of one "
           "policy");
  tree.op->walk([&](WriteFieldOp write) {
    refuse("it marks packets (writes the field '" + write.getField().str() +
           "'), but the kernel has no function by which a queueing discipline "
           "in BPF changes a packet; expected rules that drop");
  });
  if (uint64_t bytes = tree.bytes(); bytes > kMostBytes)
    refuse("with a capacity of " + std::to_string(tree.op.getCapacity()) +
           " packets its maps take " + std::to_string(bytes) +
           " bytes; expected at most " + std::to_string(kMostBytes) +
           ": a smaller capacity, or fields with fewer values");
  return why;
}
