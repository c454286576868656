//===- Oracles.h - The paper's algorithms in plain C++ -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_UNITTESTS_TRAFFIC_ORACLES_H
#define NM_UNITTESTS_TRAFFIC_ORACLES_H

#include "nm/Traffic/Link.h"
#include <functional>
#include <map>
#include <memory>

namespace nm::traffic::test {

/// Columns of all traffic of these tests.
enum Column { Length, Flow, Tos, Deadline, FlowSize, Remaining, Slack };
inline const std::vector<std::string> kColumns = {
    "length", "flow", "tos", "deadline", "flow_size", "remaining", "slack"};

struct Packet {
  uint64_t handle;
  std::vector<uint64_t> values;
  int64_t operator[](Column column) const {
    return static_cast<int64_t>(values[column]);
  }
};

/// A node as the paper defines it: a sorted list, in which equal ranks stand in
/// the order of their pushes, and functions. No bounds, no wrap, no dialect.
struct Node {
  Node *parent = nullptr;
  int index = 0;
  std::vector<std::unique_ptr<Node>> children;
  struct Element {
    int child;
    uint64_t handle;
  };
  std::multimap<int64_t, Element> list;

  using Rank = std::function<int64_t(const Packet &, int child, int64_t now)>;
  using Shape = std::function<int64_t(const Packet &, int64_t now)>;
  using Popped = std::function<void(Packet &, int64_t rank, int64_t now)>;
  Rank rank;
  Shape shape;
  Popped popped;

  Node *add(Rank rank, Shape shape = {}, Popped popped = {}) {
    children.push_back(std::make_unique<Node>());
    Node *node = children.back().get();
    node->parent = this;
    node->index = static_cast<int>(children.size()) - 1;
    node->rank = std::move(rank);
    node->shape = std::move(shape);
    node->popped = std::move(popped);
    return node;
  }
};

/// A tree of nodes. `leaf` chooses where a packet begins.
class Oracle : public Scheduler {
public:
  Node root;
  std::function<Node *(const Packet &)> leaf = [this](const Packet &) {
    return &root;
  };

  EnqueueStatus enqueue(uint64_t handle, const uint64_t *values,
                        int64_t now) override {
    Packet packet{handle, {values, values + kColumns.size()}};
    packets[handle] = packet;
    walk(leaf(packet), -1, packet, now);
    return EnqueueStatus::Ok;
  }
  bool dequeue(int64_t now, uint64_t &handle) override {
    if (root.list.empty())
      return false;
    std::vector<std::pair<Node *, int64_t>> path;
    for (Node *node = &root;;) {
      auto [rank, element] = *node->list.begin();
      node->list.erase(node->list.begin());
      path.push_back({node, rank});
      handle = element.handle;
      if (node->children.empty())
        break;
      node = node->children[element.child].get();
    }
    left = packets[handle];
    packets.erase(handle);
    for (auto [node, rank] : path)
      if (node->popped)
        node->popped(left, rank, now);
    return true;
  }
  bool changed(uint64_t *values) override {
    bool differs = false;
    for (size_t i = 0; i < left.values.size(); ++i) {
      differs |= values[i] != left.values[i];
      values[i] = left.values[i];
    }
    return differs;
  }
  void release(int64_t now) override {
    while (!resting.empty() && resting.begin()->first <= now) {
      auto [node, packet] = resting.begin()->second;
      resting.erase(resting.begin());
      walk(node->parent, node->index, packet, now);
    }
  }
  bool nextRelease(int64_t &time) override {
    if (resting.empty())
      return false;
    time = resting.begin()->first;
    return true;
  }

private:
  void walk(Node *node, int child, const Packet &packet, int64_t now) {
    for (; node; node = node->parent) {
      node->list.insert(
          {node->rank(packet, child, now), {child, packet.handle}});
      child = node->index;
      if (node->shape) {
        resting.insert({node->shape(packet, now), {node, packet}});
        return;
      }
    }
  }

  std::map<uint64_t, Packet> packets;
  Packet left;
  std::multimap<int64_t, std::pair<Node *, Packet>> resting;
};

/// The oracle of examples/pifo/<name>.mlir; null if there is none.
std::unique_ptr<Oracle> makeOracle(const std::string &name);

/// All names that makeOracle knows.
std::vector<std::string> oracleNames();

} // namespace nm::traffic::test

#endif // NM_UNITTESTS_TRAFFIC_ORACLES_H
