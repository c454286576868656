//===- Topology.h - Embedding trees into trees ------------------*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// "Formal Abstractions for Packet Scheduling" (OOPSLA 2023): a scheduler of one
// topology runs on another if the first embeds into the second: root to root,
// leaves to leaves, ancestors to ancestors (Theorem 5.10). A node on the way
// from a node's image to a child's image is a *transit* node: it receives the
// reference with the rank that the node gave it.
//
//===----------------------------------------------------------------------===//

#ifndef NM_MODEL_PIFOMESH_TOPOLOGY_H
#define NM_MODEL_PIFOMESH_TOPOLOGY_H

#include "nm/Support/Result.h"
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace nm::mesh {

/// A tree by parents; node 0 is the root and has parent -1, every other node a
/// parent of a smaller number.
struct Topology {
  std::vector<int> parent = {-1};

  unsigned size() const { return static_cast<unsigned>(parent.size()); }
  unsigned add(unsigned below) {
    parent.push_back(static_cast<int>(below));
    return size() - 1;
  }
  std::vector<std::vector<unsigned>> children() const;
  unsigned height() const;
  /// "((..)..)": a leaf is a dot. Reads back with parse.
  std::string print() const;
};

/// Reads the form of print.
support::Result<Topology> parseTopology(const std::string &text);

struct Embedding {
  Topology target;
  /// The image of each node of the source.
  std::vector<unsigned> image;
};

/// Into a tree whose nodes have at most `arity` children (2 or more), of the
/// least height: subtrees are merged, smallest heights first, as in a Huffman
/// code (Theorem 6.1), in O(n log n).
Embedding embedIntoArity(const Topology &source, unsigned arity);

/// Into a given tree; fails if the search finds no way. Leaves of the target
/// that are not images stay empty. Exact for trees of up to a few dozen nodes.
support::Result<Embedding> embedInto(const Topology &source,
                                     const Topology &target);

/// Whether `embedding` is one: root to root, leaves to leaves, and ancestors to
/// ancestors both ways.
bool isEmbedding(const Topology &source, const Embedding &embedding);

/// A PIFO tree of the formal model: `push` takes a packet, its leaf and the
/// rank at every node from the root down to the leaf.
class PifoTree {
public:
  explicit PifoTree(const Topology &topology);
  void push(uint64_t packet, unsigned leaf, const std::vector<uint64_t> &ranks);
  std::optional<uint64_t> pop();

  /// The nodes from the root to `node`.
  std::vector<unsigned> path(unsigned node) const;

private:
  struct Entry {
    uint64_t rank, sequence, value; ///< packet, or the child's number
  };
  const Topology topology;
  std::vector<std::vector<unsigned>> below;
  std::vector<std::deque<Entry>> queues;
  uint64_t sequence = 0;
};

/// The ranks on the target for those on the source: transit nodes repeat them.
std::vector<uint64_t> liftRanks(const Topology &source,
                                const Embedding &embedding, unsigned leaf,
                                const std::vector<uint64_t> &ranks);

} // namespace nm::mesh

#endif // NM_MODEL_PIFOMESH_TOPOLOGY_H
