//===- Routes.cpp - From a packet to its leaf -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SchedulerEmitter.h"

using namespace mlir;
using namespace mlir::pifo;

SmallVector<unsigned> SchedulerEmitter::leafClasses() const {
  SmallVector<unsigned> classes;
  for (const auto &[leaf, place] : layout.leaves)
    if (!llvm::is_contained(classes, place.node))
      classes.push_back(place.node);
  return classes;
}

/// The number of the leaf's class and, in the low half, of its instance.
uint32_t SchedulerEmitter::encode(LeafPlace leaf) const {
  // There are at most 4096 nodes.
  auto classes = leafClasses();
  uint32_t number = llvm::find(classes, leaf.node) - classes.begin();
  return number << 16 | uint32_t(leaf.instance);
}

Value SchedulerEmitter::enterLeaf(Value memory, Value packet, Value now) {
  auto classes = leafClasses();
  Value place =
      e.call(routeFunction(layout.op.getRoot()), e.type(32), packet)[0];
  Value instance = e.cast(e.mask(place, 16), 64);
  return switchOver(
      e.shr(place, 16), classes.size(), e.type(32), [&](unsigned i) {
        return enterByRules(classes[i], memory, packet, now, instance);
      });
}

std::string SchedulerEmitter::routeFunction(NodeOp node) {
  std::string path;
  for (; NodeOp parent = node.getParentNode(); node = parent) {
    SmallVector<NodeOp, 4> siblings = parent.getInside();
    path = "." + std::to_string(llvm::find(siblings, node) - siblings.begin()) +
           path;
  }
  return name + ".route" + path;
}

/// The place of the leaf below `node` that takes the packet.
Value SchedulerEmitter::dispatch(NodeOp node, Value packet) {
  if (node.isLeaf())
    return e.c(encode(layout.leaves.lookup(node)), 32);
  // The predicates are disjoint and total: the last one need not be asked.
  TransactionContext at{{}, packet, {}, {}, {}, {}, {}};
  SmallVector<NodeOp, 4> children = node.getInside();
  Value child = e.c(children.size() - 1, 32);
  for (unsigned i = 0; i + 1 < children.size(); ++i) {
    // Predicates see the packet alone: any node will do.
    Value takes = inlineTransaction(children[i].getPredicate().getBody(),
                                    layout.nodes.front(), at);
    child = e.select(takes, e.c(i, 32), child);
  }
  return switchOver(child, children.size(), e.type(32), [&](unsigned i) {
    return e.call(routeFunction(children[i]), e.type(32), packet)[0];
  });
}

/// One field decides: a table says which leaf takes each of its values.
Value SchedulerEmitter::dispatchByTable(Value packet) {
  FieldOp field = layout.classifier;
  SmallVector<APInt> places;
  for (uint64_t value = 0; value <= field.getMaxValue(); ++value) {
    NodeOp node = layout.op.getRoot();
    while (!node.isLeaf())
      for (NodeOp child : node.getInside())
        if (evaluatePredicate(child.getPredicate(), value)) {
          node = child;
          break;
        }
    places.push_back(APInt(32, encode(layout.leaves.lookup(node))));
  }
  emitTableBefore(name + ".leaves", places);
  Value first =
      LLVM::AddressOfOp::create(b, e.loc, e.ptrType(), name + ".leaves");
  Value value = e.cast(readField(field.getSymName(), packet), 64);
  return e.load(32, e.at(first, e.shl(value, 2)));
}

/// Private `route` functions, from a node to its leaf.
void SchedulerEmitter::emitRoutes() {
  auto emit = [&](NodeOp node) {
    auto route = begin(routeFunction(node), e.ptrType(), e.type(32), false);
    Value packet = route.getArgument(0);
    end(layout.classifier ? dispatchByTable(packet) : dispatch(node, packet));
  };
  if (layout.classifier)
    return emit(layout.op.getRoot());
  layout.op->walk([&](NodeOp node) { emit(node); });
}
