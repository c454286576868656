//===- Oracles.cpp - The paper's algorithms in plain C++ -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Oracles.h"
#include <algorithm>

using namespace nm::traffic;
using namespace nm::traffic::test;

namespace {

using Key = std::function<int64_t(const Packet &, int child)>;

int64_t flowOf(const Packet &packet, int) { return packet[Flow]; }
int64_t childOf(const Packet &, int child) { return child; }

/// Start-time fair queueing (Figure 1). `spans`: virtual time for each byte,
/// by key; `perPacket` counts packets instead.
struct FairQueue {
  int64_t virtualTime = 0;
  std::map<int64_t, int64_t> finish;

  static void set(Node &node, Key key, std::vector<int64_t> spans = {},
                  bool perPacket = false) {
    auto state = std::make_shared<FairQueue>();
    node.rank = [=](const Packet &packet, int child, int64_t) {
      int64_t flow = key(packet, child);
      int64_t start = state->finish.count(flow)
                          ? std::max(state->virtualTime, state->finish[flow])
                          : state->virtualTime;
      // Without spans, bytes as they are.
      int64_t span = spans.empty() ? 1 : spans[flow];
      state->finish[flow] = start + (perPacket ? 1 : packet[Length] * span);
      return start;
    };
    node.popped = [=](Packet &, int64_t rank, int64_t) {
      state->virtualTime = rank;
    };
  }
};

int64_t fifo(const Packet &, int, int64_t) { return 0; }

Node::Rank by(Column column) {
  return [=](const Packet &packet, int, int64_t) { return packet[column]; };
}

/// Figure 4, in tokens that come one a tick; `cost` of them for each byte.
Node::Shape tokenBucket(int64_t cost, int64_t burst) {
  auto tokens = std::make_shared<int64_t>(burst);
  auto last = std::make_shared<int64_t>(0);
  return [=](const Packet &packet, int64_t now) {
    *tokens = std::min(*tokens + (now - *last), burst);
    int64_t price = packet[Length] * cost;
    int64_t send = price <= *tokens ? now : now + (price - *tokens);
    *tokens -= price;
    *last = now;
    return send;
  };
}

/// Least attained service: what came before of the same key.
Node::Rank attained(Key key) {
  auto service = std::make_shared<std::map<int64_t, int64_t>>();
  return [=](const Packet &packet, int child, int64_t) {
    int64_t &sum = (*service)[key(packet, child)];
    sum += packet[Length];
    return sum - packet[Length];
  };
}

/// Chooses among the root's children by flow.
void childByFlow(Oracle &oracle) {
  oracle.leaf = [&oracle](const Packet &packet) {
    return oracle.root.children[packet.values[Flow]].get();
  };
}

void hpfq(Oracle &oracle, Node::Shape rightShape) {
  FairQueue::set(oracle.root, childOf, {9, 1});
  Node *left = oracle.root.add({});
  Node *right = oracle.root.add({}, std::move(rightShape));
  FairQueue::set(*left, flowOf, {7, 3});
  FairQueue::set(*right, flowOf, {0, 0, 3, 2});
  oracle.leaf = [=](const Packet &packet) {
    return packet[Flow] < 2 ? left : right;
  };
}

void onlyChild(Oracle &oracle, Node::Shape shape) {
  oracle.root.rank = fifo;
  Node *child = oracle.root.add(fifo, std::move(shape));
  oracle.leaf = [=](const Packet &) { return child; };
}

void stopAndGo(Oracle &oracle) {
  // Figure 6 with a loop in place of its `if`: frames follow the clock.
  auto end = std::make_shared<int64_t>(10000);
  onlyChild(oracle, [=](const Packet &, int64_t now) {
    while (now >= *end)
      *end += 10000;
    return *end;
  });
}

void minimumRate(Oracle &oracle) {
  struct Bucket {
    int64_t tokens = 24000, last = 0;
  };
  auto buckets = std::make_shared<std::map<int64_t, Bucket>>();
  oracle.root.rank = [=](const Packet &packet, int, int64_t now) {
    Bucket &bucket = (*buckets)[packet[Flow]];
    bucket.tokens =
        std::min<int64_t>(bucket.tokens + (now - bucket.last), 24000);
    bucket.last = now;
    int64_t size = packet[Length] * 8;
    if (bucket.tokens > size) {
      bucket.tokens -= size;
      return 0;
    }
    return 1;
  };
  for (int i = 0; i < 4; ++i)
    oracle.root.add(fifo);
  childByFlow(oracle);
}

void lstf(Oracle &oracle) {
  auto arrivals = std::make_shared<std::map<uint64_t, int64_t>>();
  oracle.root.rank = [=](const Packet &packet, int, int64_t now) {
    (*arrivals)[packet.handle] = now;
    return packet[Slack] + now;
  };
  oracle.root.popped = [=](Packet &packet, int64_t, int64_t now) {
    int64_t wait = now - (*arrivals)[packet.handle];
    packet.values[Slack] =
        static_cast<uint64_t>(std::max<int64_t>(packet[Slack] - wait, 0));
  };
}

void serviceCurve(Oracle &oracle) {
  auto deadlines = std::make_shared<std::map<int64_t, int64_t>>();
  oracle.root.rank = [=](const Packet &packet, int, int64_t now) {
    // Gbit/s: 1, 2, 4, 8.
    int64_t rate = int64_t(1) << packet[Flow];
    int64_t &deadline = (*deadlines)[packet[Flow]];
    deadline = std::max(now, deadline) + packet[Length] * 8 / rate;
    return deadline;
  };
}

void jitterEdd(Oracle &oracle) {
  const int64_t bounds[] = {1000, 8000, 3000, 20000};
  const int64_t gaps[] = {2000, 3000, 5000, 800};
  oracle.root.rank = [=](const Packet &packet, int, int64_t now) {
    return now + bounds[packet[Flow]];
  };
  for (int64_t gap : gaps) {
    auto last = std::make_shared<int64_t>(-gap);
    oracle.root.add(fifo, [=](const Packet &, int64_t now) {
      return *last = std::max(now, *last + gap);
    });
  }
  childByFlow(oracle);
}

void roundRobinFrames(Oracle &oracle) {
  oracle.root.rank = fifo;
  for (int64_t slots = 1; slots <= 4; ++slots) {
    // Packets by frame: the first frame from now on with a slot left.
    auto used = std::make_shared<std::map<int64_t, int64_t>>();
    oracle.root.add(fifo, [=](const Packet &, int64_t now) {
      int64_t frame = now / 10000;
      if (!used->empty())
        frame = std::max(frame, used->rbegin()->first);
      while ((*used)[frame] == slots)
        ++frame;
      ++(*used)[frame];
      return std::max(now, frame * 10000);
    });
  }
  childByFlow(oracle);
}

void incremental(Oracle &oracle) {
  FairQueue::set(oracle.root, childOf, {1, 1});
  Node *legacy = oracle.root.add(fifo);
  Node *fresh = oracle.root.add({});
  FairQueue::set(*fresh, flowOf);
  oracle.leaf = [=](const Packet &packet) {
    return packet[Tos] == 0 ? legacy : fresh;
  };
}

void fiveLevels(Oracle &oracle) {
  oracle.root.rank = [](const Packet &, int child, int64_t) { return child; };
  Node *control = oracle.root.add(fifo);
  Node *data = oracle.root.add({});
  FairQueue::set(*data, childOf, {3, 1});
  Node *background = data->add(fifo, tokenBucket(8, 24000));
  Node *tenants = data->add({});
  FairQueue::set(*tenants, childOf, {}, true);
  Node *tenant0 = tenants->add(fifo);
  Node *tenant1 = tenants->add(fifo);
  Node *services = tenants->add(attained(childOf));
  Node *bulk = services->add(fifo);
  Node *urgent = services->add(by(Deadline));
  oracle.leaf = [=](const Packet &packet) {
    Node *const leaves[] = {control, control, background, background,
                            tenant0, tenant1, bulk,       urgent};
    return leaves[packet[Flow]];
  };
}

using Maker = std::function<void(Oracle &)>;

const std::map<std::string, Maker> &makers() {
  static const std::map<std::string, Maker> all = {
      {"fifo", [](Oracle &o) { o.root.rank = fifo; }},
      {"stfq",
       [](Oracle &o) { FairQueue::set(o.root, flowOf, {12, 6, 4, 3}); }},
      {"hpfq", [](Oracle &o) { hpfq(o, {}); }},
      {"token-bucket", [](Oracle &o) { onlyChild(o, tokenBucket(8, 24000)); }},
      {"hierarchies-with-shaping",
       [](Oracle &o) { hpfq(o, tokenBucket(800, 4800000)); }},
      {"lstf", lstf},
      {"stop-and-go", stopAndGo},
      {"minimum-rate", minimumRate},
      {"strict", [](Oracle &o) { o.root.rank = by(Tos); }},
      {"sjf", [](Oracle &o) { o.root.rank = by(FlowSize); }},
      {"srpt", [](Oracle &o) { o.root.rank = by(Remaining); }},
      {"las", [](Oracle &o) { o.root.rank = attained(flowOf); }},
      {"edf", [](Oracle &o) { o.root.rank = by(Deadline); }},
      {"sc-edf", serviceCurve},
      {"jitter-edd", jitterEdd},
      {"hrr", roundRobinFrames},
      {"incremental-deployment", incremental},
      {"five-levels", fiveLevels},
  };
  return all;
}

} // namespace

std::unique_ptr<Oracle> test::makeOracle(const std::string &name) {
  auto found = makers().find(name);
  if (found == makers().end())
    return nullptr;
  auto oracle = std::make_unique<Oracle>();
  found->second(*oracle);
  return oracle;
}

std::vector<std::string> test::oracleNames() {
  std::vector<std::string> names;
  for (const auto &[name, maker] : makers())
    names.push_back(name);
  return names;
}
