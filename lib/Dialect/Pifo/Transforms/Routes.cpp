//===- Routes.cpp - From a packet to its leaf -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SchedulerEmitter.h"

using namespace mlir;
using namespace mlir::pifo;

Value SchedulerEmitter::enterLeaf(LeafPlace leaf, Value packet, Value memory,
                                  Value now) {
  return e.call(nodeFunction("enter", leaf.node), e.type(32),
                {memory, packet, now, e.c(0, 32),
                 constantInstance(layout.nodes[leaf.node], leaf.instance)})[0];
}

std::string SchedulerEmitter::routeFunction(NodeOp node) {
  std::string path;
  for (; NodeOp parent = node.getParentNode(); node = parent) {
    SmallVector<NodeOp, 4> siblings = parent.getChildren();
    path = "." + std::to_string(llvm::find(siblings, node) - siblings.begin()) +
           path;
  }
  return name + ".route" + path;
}

/// The status of entering the leaf below `node` that takes the packet.
Value SchedulerEmitter::dispatch(NodeOp node, Value packet, Value memory,
                                 Value now) {
  if (node.isLeaf())
    return enterLeaf(layout.leaves.lookup(node), packet, memory, now);
  // The predicates are disjoint and total: the last one need not be asked.
  Surroundings at{memory, packet, now, {}, {}, {}, {}};
  SmallVector<NodeOp, 4> children = node.getChildren();
  Value child = e.c(children.size() - 1, 32);
  for (unsigned i = 0; i + 1 < children.size(); ++i) {
    // Predicates see the packet alone: any node will do.
    Value takes = inlineTransaction(children[i].getPredicate().getBody(),
                                    layout.nodes.front(), at);
    child = e.select(takes, e.c(i, 32), child);
  }
  return switchOver(child, children.size(), e.type(32), [&](unsigned i) {
    return e.call(routeFunction(children[i]), e.type(32),
                  {memory, packet, now})[0];
  });
}

/// One field decides: a table says which leaf takes each of its values.
Value SchedulerEmitter::dispatchByTable(Value packet, Value memory, Value now) {
  FieldOp field = layout.classifier;
  SmallVector<unsigned> classes;
  SmallVector<APInt> places;
  for (uint64_t value = 0; value <= field.getMaxValue(); ++value) {
    NodeOp node = layout.op.getRoot();
    while (!node.isLeaf())
      for (NodeOp child : node.getChildren())
        if (evaluatePredicate(child.getPredicate(), value)) {
          node = child;
          break;
        }
    LeafPlace leaf = layout.leaves.lookup(node);
    auto known = llvm::find(classes, leaf.node);
    uint64_t number = known - classes.begin();
    if (known == classes.end())
      classes.push_back(leaf.node);
    // There are at most 4096 nodes.
    places.push_back(APInt(32, number << 16 | leaf.instance));
  }
  emitTableBefore(name + ".leaves", places);
  Value first =
      LLVM::AddressOfOp::create(b, e.loc, e.ptrType(), name + ".leaves");
  Value value = e.cast(readField(field.getSymName(), packet), 64);
  Value place = e.load(32, e.at(first, e.shl(value, 2)));
  Value instance = e.cast(e.mask(place, 16), 64);
  return switchOver(
      e.shr(place, 16), classes.size(), e.type(32), [&](unsigned i) {
        return e.call(nodeFunction("enter", classes[i]), e.type(32),
                      {memory, packet, now, e.c(0, 32), instance})[0];
      });
}

/// Private `route` functions, from a node to its leaf.
void SchedulerEmitter::emitRoutes() {
  Type ptr = e.ptrType(), i64 = e.type(64), i32 = e.type(32);
  auto emit = [&](NodeOp node) {
    auto route = begin(routeFunction(node), {ptr, ptr, i64}, i32, false);
    Value memory = route.getArgument(0), packet = route.getArgument(1);
    Value now = route.getArgument(2);
    end(layout.classifier ? dispatchByTable(packet, memory, now)
                          : dispatch(node, packet, memory, now));
  };
  if (layout.classifier)
    return emit(layout.op.getRoot());
  layout.op->walk([&](NodeOp node) { emit(node); });
}
