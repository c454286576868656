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

/// The place of the leaf below `node` whose predicates accept the packet.
Value SchedulerEmitter::dispatch(NodeOp node, Value packet) {
  if (node.isLeaf())
    return e.c(encode(layout.leaves.lookup(node)), 32);
  // The predicates are disjoint and total: the last one need not be evaluated.
  TransactionContext at{{}, packet, {}, {}, {}, {}, {}};
  SmallVector<NodeOp, 4> children = node.getInside();
  Value child = e.c(children.size() - 1, 32);
  for (unsigned i = 0; i + 1 < children.size(); ++i) {
    // Predicates read the packet alone: any node will do.
    Value takes = inlineTransaction(children[i].getPredicate().getBody(),
                                    layout.nodes.front(), at);
    child = e.select(takes, e.c(i, 32), child);
  }
  return switchOver(child, children.size(), e.type(32), [&](unsigned i) {
    return e.call(routeFunction(children[i]), e.type(32), packet)[0];
  });
}

/// If one field decides, a table maps each of its values to a leaf.
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

/// `s_class(packet) -> i32`: the number of the leaf in the order of the text;
/// -1 for a packet that has none.
void SchedulerEmitter::emitClass() {
  auto classes = leafClasses();
  // By class, then by instance.
  SmallVector<SmallVector<uint32_t>> numbers(classes.size());
  for (auto [number, entry] : llvm::enumerate(layout.leaves)) {
    LeafPlace place = entry.second;
    auto &mine = numbers[encode(place) >> 16];
    mine.resize(std::max<size_t>(mine.size(), place.instance + 1));
    mine[place.instance] = number;
  }
  SmallVector<APInt> firsts, flat;
  for (const auto &mine : numbers) {
    firsts.push_back(APInt(32, flat.size()));
    for (uint32_t number : mine)
      flat.push_back(APInt(32, number));
  }
  emitTable(name + ".first_class", firsts);
  emitTable(name + ".classes", flat);
  Type ptr = e.ptrType(), i32 = e.type(32);
  auto function = begin(name + "_class", ptr, i32, true);
  Value packet = function.getArgument(0);
  auto find = [&]() -> SmallVector<Value> {
    Value place = e.call(routeFunction(layout.op.getRoot()), i32, packet)[0];
    auto entry = [&](StringRef table, Value index) {
      Value first =
          LLVM::AddressOfOp::create(b, e.loc, ptr, name + table.str());
      return e.load(32, e.at(first, e.shl(e.cast(index, 64), 2)));
    };
    Value first = entry(".first_class", e.shr(place, 16));
    return {entry(".classes", e.add(first, e.mask(place, 16)))};
  };
  Value unknown = isUnknown(packet);
  if (!unknown)
    return end(find());
  end(e.ifElse(
      unknown, i32, [&]() -> SmallVector<Value> { return {e.c(-1, 32)}; },
      find));
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
