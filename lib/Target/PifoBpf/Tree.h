//===- Tree.h - A scheduler's nodes and arrays, numbered -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_TARGET_PIFOBPF_TREE_H
#define NM_LIB_TARGET_PIFOBPF_TREE_H

#include "nm/Dialect/Pifo/IR/PifoDialect.h"
#include "llvm/ADT/DenseMap.h"
#include <cstdint>
#include <string>

namespace mlir::pifo::bpf {

/// A symbol as a name of C; it may hold any character.
std::string identifier(StringRef name);

/// The nodes of a scheduler level by level, so that the children of a node
/// follow one another, and the sizes of its arrays, which are powers of two.
struct Tree {
  explicit Tree(SchedulerOp scheduler);

  mutable SchedulerOp op;
  struct Node {
    mutable NodeOp op;
    unsigned parent = 0, number = 0, firstChild = 0, children = 0;
    /// Of leaves with `pifo.eligible`, the container of those that wait.
    unsigned waiters = 0;
  };
  SmallVector<Node, 0> nodes;
  llvm::DenseMap<Operation *, unsigned> numbers;
  /// Levels of the tree; of a container's heap.
  unsigned depth = 1, heapLevels = 1;
  /// Containers, entries of each, packets with a number.
  uint64_t heaps = 1, room = 1, slots = 1;
  /// The container of walks that rest.
  unsigned resting = 0;
  bool hasShaping = false, decidesLate = false, waits = false;

  /// How C spells a state, backlog or table (a symbol of the scheduler or of
  /// a node).
  std::string nameOf(Operation *symbol) const;
  /// Entries of one that is keyed, and whether that is by child.
  uint64_t entries(FlatSymbolRefAttr key, bool byChild, NodeOp node) const;
  /// Bytes of all arrays.
  uint64_t bytes() const;
};

/// Why the scheduler cannot be a queueing discipline in BPF, or empty.
std::string refusalOf(const Tree &tree);

} // namespace mlir::pifo::bpf

#endif // NM_LIB_TARGET_PIFOBPF_TREE_H
