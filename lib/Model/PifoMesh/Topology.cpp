//===- Topology.cpp - Embedding trees into trees --------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Model/PifoMesh/Topology.h"
#include <algorithm>
#include <functional>
#include <map>
#include <queue>

namespace nm::mesh {

using support::Errc;
using support::makeError;
using support::Result;

std::vector<std::vector<unsigned>> Topology::children() const {
  std::vector<std::vector<unsigned>> list(size());
  for (unsigned node = 1; node < size(); ++node)
    list[parent[node]].push_back(node);
  return list;
}

unsigned Topology::height() const {
  unsigned height = 0;
  std::vector<unsigned> depth(size());
  for (unsigned node = 1; node < size(); ++node) {
    depth[node] = depth[parent[node]] + 1;
    height = std::max(height, depth[node]);
  }
  return height;
}

std::string Topology::print() const {
  std::vector<std::vector<unsigned>> below = children();
  std::string text;
  std::function<void(unsigned)> visit = [&](unsigned node) {
    if (below[node].empty()) {
      text += '.';
      return;
    }
    text += '(';
    for (unsigned child : below[node])
      visit(child);
    text += ')';
  };
  visit(0);
  return text;
}

Result<Topology> parseTopology(const std::string &text) {
  Topology topology;
  topology.parent.clear();
  std::vector<int> open;
  bool closed = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if ((c != '(' && c != ')' && c != '.') || closed || open.size() > 64 ||
        topology.parent.size() > 65536)
      return makeError(Errc::Format, "topology at character ", i,
                       ": expected one tree of '(', '.' and ')'");
    if (c == ')') {
      if (open.empty() || open.back() + 1 == static_cast<int>(topology.size()))
        return makeError(Errc::Format, "topology at character ", i,
                         ": expected a node with children to be closed");
      open.pop_back();
    } else {
      topology.parent.push_back(open.empty() ? -1 : open.back());
      if (c == '(')
        open.push_back(static_cast<int>(topology.size()) - 1);
    }
    closed = open.empty();
  }
  if (!closed)
    return makeError(Errc::Format, "topology ends within a node; expected ')'");
  return topology;
}

Embedding embedIntoArity(const Topology &source, unsigned arity) {
  std::vector<std::vector<unsigned>> below = source.children();
  // A tree in the making; numbers are given in the end, parents first.
  struct Shape {
    int source = -1; ///< -1: transit
    unsigned height = 0;
    std::vector<unsigned> children;
  };
  std::vector<Shape> shapes(source.size());
  for (unsigned node = source.size(); node-- > 0;) {
    shapes[node].source = static_cast<int>(node);
    using Item = std::pair<unsigned, unsigned>; // height, order
    std::priority_queue<Item, std::vector<Item>, std::greater<Item>> heap;
    std::map<unsigned, unsigned> shapeOf; // by order: ties keep siblings close
    unsigned order = 0;
    for (unsigned child : below[node]) {
      shapeOf[order] = child;
      heap.push({shapes[child].height, order++});
    }
    // The first merge takes as many as leave full nodes afterwards; merging
    // the lowest subtrees first yields the least height.
    while (heap.size() > arity) {
      size_t surplus = (heap.size() - arity) % (arity - 1);
      size_t take = surplus == 0 ? arity : surplus + 1;
      Shape transit;
      for (size_t i = 0; i < take; ++i) {
        auto [height, key] = heap.top();
        heap.pop();
        transit.children.push_back(shapeOf[key]);
        transit.height = std::max(transit.height, height + 1);
      }
      shapes.push_back(transit);
      shapeOf[order] = static_cast<unsigned>(shapes.size()) - 1;
      heap.push({transit.height, order++});
    }
    while (!heap.empty()) {
      auto [height, key] = heap.top();
      heap.pop();
      shapes[node].children.push_back(shapeOf[key]);
      shapes[node].height = std::max(shapes[node].height, height + 1);
    }
  }
  Embedding result;
  result.image.assign(source.size(), 0);
  std::deque<std::pair<unsigned, unsigned>> work = {{0, 0}};
  while (!work.empty()) {
    auto [shape, number] = work.front();
    work.pop_front();
    if (shapes[shape].source >= 0)
      result.image[shapes[shape].source] = number;
    for (unsigned child : shapes[shape].children)
      work.push_back({child, result.target.add(number)});
  }
  return result;
}

namespace {
/// Backtracking over the places of a node's children; the children of one node
/// go into disjoint subtrees of its image.
class Search {
public:
  Search(const Topology &source, const Topology &target)
      : below(source.children()), targetBelow(target.children()),
        image(source.size(), -1), leaves(target.size()), depth(target.size()),
        need(source.size()) {
    for (unsigned node = source.size(); node-- > 0;)
      for (unsigned child : below[node])
        need[node] = std::max(need[node], need[child] + 1);
    for (unsigned node = target.size(); node-- > 0;) {
      leaves[node] = targetBelow[node].empty();
      for (unsigned child : targetBelow[node]) {
        leaves[node] += leaves[child];
        depth[node] = std::max(depth[node], depth[child] + 1);
      }
    }
    sourceLeaves.resize(source.size());
    for (unsigned node = source.size(); node-- > 0;) {
      sourceLeaves[node] = below[node].empty();
      for (unsigned child : below[node])
        sourceLeaves[node] += sourceLeaves[child];
    }
  }

  bool run() {
    return put(0, 0, [] { return true; });
  }

private:
  std::vector<std::vector<unsigned>> below, targetBelow;

public:
  std::vector<int> image;

private:
  std::vector<unsigned> leaves, depth, need, sourceLeaves;
  unsigned steps = 0;
  static constexpr unsigned kSteps = 2000000;

  using Next = std::function<bool()>;

  /// Places `node` exactly at `at`, then goes on.
  bool put(unsigned node, unsigned at, const Next &next) {
    if (++steps > kSteps || below[node].empty() != targetBelow[at].empty() ||
        sourceLeaves[node] > leaves[at] || need[node] > depth[at])
      return false;
    image[node] = static_cast<int>(at);
    std::vector<unsigned> free = targetBelow[at];
    return spread(node, 0, free, next);
  }

  /// Places child number `k` and later ones in the subtrees `free`; a subtree
  /// that was opened leaves its other children free.
  bool spread(unsigned node, size_t k, const std::vector<unsigned> &free,
              const Next &next) {
    if (k == below[node].size())
      return next();
    unsigned child = below[node][k];
    for (size_t i = 0; i < free.size(); ++i) {
      std::vector<unsigned> rest = free;
      rest.erase(rest.begin() + static_cast<long>(i));
      if (put(child, free[i], [&] { return spread(node, k + 1, rest, next); }))
        return true;
      // Or somewhere below: free[i] becomes a transit node.
      if (!targetBelow[free[i]].empty() &&
          leaves[free[i]] >= sourceLeaves[child]) {
        std::vector<unsigned> opened = rest;
        opened.insert(opened.end(), targetBelow[free[i]].begin(),
                      targetBelow[free[i]].end());
        if (spread(node, k, opened, next))
          return true;
      }
      if (steps > kSteps)
        return false;
    }
    return false;
  }
};
} // namespace

Result<Embedding> embedInto(const Topology &source, const Topology &target) {
  Search search(source, target);
  if (!search.run())
    return makeError(Errc::Mismatch, "no embedding of ", source.print(),
                     " into ", target.print(),
                     " was found; it takes as many leaves and as much height");
  Embedding result;
  result.target = target;
  for (int at : search.image)
    result.image.push_back(static_cast<unsigned>(at));
  return result;
}

bool isEmbedding(const Topology &source, const Embedding &embedding) {
  const Topology &target = embedding.target;
  if (embedding.image.size() != source.size() || embedding.image[0] != 0)
    return false;
  auto above = [](const Topology &tree, unsigned a, unsigned b) {
    for (int node = static_cast<int>(b); node >= 0; node = tree.parent[node])
      if (node == static_cast<int>(a))
        return true;
    return false;
  };
  std::vector<std::vector<unsigned>> below = source.children();
  std::vector<std::vector<unsigned>> targetBelow = target.children();
  for (unsigned a = 0; a < source.size(); ++a) {
    if (embedding.image[a] >= target.size() ||
        below[a].empty() != targetBelow[embedding.image[a]].empty())
      return false;
    for (unsigned b = 0; b < source.size(); ++b)
      if (above(source, a, b) !=
          above(target, embedding.image[a], embedding.image[b]))
        return false;
  }
  return true;
}

PifoTree::PifoTree(const Topology &topology)
    : topology(topology), below(topology.children()), queues(topology.size()) {}

std::vector<unsigned> PifoTree::path(unsigned node) const {
  std::vector<unsigned> result;
  for (int at = static_cast<int>(node); at >= 0; at = topology.parent[at])
    result.push_back(static_cast<unsigned>(at));
  std::reverse(result.begin(), result.end());
  return result;
}

void PifoTree::push(uint64_t packet, unsigned leaf,
                    const std::vector<uint64_t> &ranks) {
  std::vector<unsigned> nodes = path(leaf);
  ++sequence;
  for (size_t i = 0; i < nodes.size(); ++i) {
    uint64_t value = i + 1 < nodes.size() ? nodes[i + 1] : packet;
    std::deque<Entry> &queue = queues[nodes[i]];
    auto at = std::upper_bound(
        queue.begin(), queue.end(), ranks[i],
        [](uint64_t rank, const Entry &entry) { return rank < entry.rank; });
    queue.insert(at, {ranks[i], sequence, value});
  }
}

std::optional<uint64_t> PifoTree::pop() {
  unsigned node = 0;
  while (true) {
    if (queues[node].empty())
      return std::nullopt;
    Entry entry = queues[node].front();
    queues[node].pop_front();
    if (below[node].empty())
      return entry.value;
    node = static_cast<unsigned>(entry.value);
  }
}

std::vector<uint64_t> liftRanks(const Topology &source,
                                const Embedding &embedding, unsigned leaf,
                                const std::vector<uint64_t> &ranks) {
  std::vector<unsigned> nodes = PifoTree(source).path(leaf);
  std::vector<unsigned> images =
      PifoTree(embedding.target).path(embedding.image[leaf]);
  std::vector<uint64_t> lifted;
  size_t at = 0;
  for (unsigned image : images) {
    // A transit node repeats the rank of the last image above it.
    if (at + 1 < nodes.size() && embedding.image[nodes[at + 1]] == image)
      ++at;
    lifted.push_back(ranks[at]);
  }
  return lifted;
}

} // namespace nm::mesh
