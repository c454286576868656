//===- ModelTest.cpp - Compiled schedulers against independent models -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PifoTestUtil.h"
#include <deque>
#include <optional>

using namespace nm::test;

namespace {

struct Packet {
  uint64_t handle;
  int64_t length, flow, priority;
};

/// What a scheduler does, written down without PIFOs where that is possible.
struct Model {
  virtual ~Model() = default;
  virtual void enqueue(const Packet &packet, int64_t now) = 0;
  virtual void release(int64_t) {}
  /// The handle, or -1.
  virtual int64_t dequeue(int64_t now) = 0;
};

/// A queue in rank order; std::multimap keeps the order of equal keys.
template <typename T> struct RankQueue {
  std::multimap<int64_t, T> queue;
  void push(int64_t rank, T value) { queue.emplace(rank, value); }
  std::pair<int64_t, T> pop() {
    auto head = *queue.begin();
    queue.erase(queue.begin());
    return head;
  }
};

struct FifoModel : Model {
  std::deque<uint64_t> queue;
  void enqueue(const Packet &packet, int64_t) override {
    queue.push_back(packet.handle);
  }
  int64_t dequeue(int64_t) override {
    if (queue.empty())
      return -1;
    int64_t head = queue.front();
    queue.pop_front();
    return head;
  }
};

struct StrictModel : Model {
  std::deque<uint64_t> queues[8];
  void enqueue(const Packet &packet, int64_t) override {
    queues[packet.priority].push_back(packet.handle);
  }
  int64_t dequeue(int64_t) override {
    for (auto &queue : queues)
      if (!queue.empty()) {
        int64_t head = queue.front();
        queue.pop_front();
        return head;
      }
    return -1;
  }
};

/// Start-time fair queueing (Figure 1 of the paper) over anything that has
/// flows.
template <typename T> struct Stfq {
  std::map<int64_t, int64_t> weights, finish;
  int64_t virtualTime = 0;
  RankQueue<T> queue;
  void push(int64_t flow, int64_t length, T value) {
    auto seen = finish.find(flow);
    int64_t start = seen == finish.end() ? virtualTime
                                         : std::max(virtualTime, seen->second);
    finish[flow] = start + length / weights[flow];
    queue.push(start, value);
  }
  bool empty() const { return queue.queue.empty(); }
  T pop() {
    auto [start, value] = queue.pop();
    virtualTime = start;
    return value;
  }
};

struct StfqModel : Model {
  Stfq<uint64_t> node;
  StfqModel() { node.weights = {{0, 1}, {1, 2}, {2, 5}, {3, 1}}; }
  void enqueue(const Packet &packet, int64_t) override {
    node.push(packet.flow, packet.length, packet.handle);
  }
  int64_t dequeue(int64_t) override { return node.empty() ? -1 : node.pop(); }
};

/// Figure 2: flows 0 and 1 left (weights 3, 7), 2 and 3 right (4, 6); left to
/// right as 1 to 9.
struct HpfqModel : Model {
  Stfq<int> root;
  Stfq<uint64_t> leaves[2];
  HpfqModel() {
    root.weights = {{0, 1}, {1, 9}};
    leaves[0].weights = {{0, 3}, {1, 7}};
    leaves[1].weights = {{2, 4}, {3, 6}};
  }
  void enqueue(const Packet &packet, int64_t) override {
    int side = packet.flow >= 2;
    leaves[side].push(packet.flow, packet.length, packet.handle);
    root.push(side, packet.length, side);
  }
  int64_t dequeue(int64_t) override {
    return root.empty() ? -1 : leaves[root.pop()].pop();
  }
};

/// Figure 4 at the right one of two FIFOs that a FIFO joins. 3 bytes a tick,
/// 4000 bytes deep, full at first.
struct TokenBucketModel : Model {
  int64_t tokens = 4000, last = 0;
  std::deque<uint64_t> sides[2];
  std::deque<int> root;
  RankQueue<int> waiting;
  void enqueue(const Packet &packet, int64_t now) override {
    int side = packet.flow >= 2;
    sides[side].push_back(packet.handle);
    if (!side)
      return root.push_back(0);
    tokens = std::min<int64_t>(tokens + 3 * (now - last), 4000);
    int64_t missing = packet.length - tokens;
    int64_t send = missing <= 0 ? now : now + (missing + 2) / 3;
    tokens -= packet.length;
    last = now;
    waiting.push(send, 1);
  }
  void release(int64_t now) override {
    while (!waiting.queue.empty() && waiting.queue.begin()->first <= now)
      root.push_back(waiting.pop().second);
  }
  int64_t dequeue(int64_t) override {
    if (root.empty())
      return -1;
    auto &side = sides[root.front()];
    root.pop_front();
    int64_t head = side.front();
    side.pop_front();
    return head;
  }
};

} // namespace

static const char *kFields = R"(
  pifo.field @length : i11
  pifo.field @flow : i2
  pifo.field @priority : i3
)";
/// STFQ at a node; `key` is what its flows are.
static std::string stfqNode(const std::string &key, const std::string &weights,
                            const std::string &rank) {
  return " rank(" + rank + ") {\n    pifo.table @weight by " + key +
         " = dense<[" + weights + "]> : tensor<" +
         std::to_string(std::count(weights.begin(), weights.end(), ',') + 1) +
         "xi64>\n    pifo.state @finish by " + key +
         " written_by(enqueue) = 0 : i64" + R"(
    pifo.state @virtual written_by(dequeue) = 0 : i64
    pifo.scheduling {
      %v = pifo.load @virtual : i64
      %f = pifo.load @finish : i64
      %s = arith.maxsi %v, %f : i64
      %l = pifo.read_field @length : i64
      %w = pifo.lookup @weight : i64
      %d = arith.divui %l, %w : i64
      %e = arith.addi %s, %d : i64
      pifo.store %e, @finish : i64
      pifo.yield %s : i64
    }
    pifo.dequeue {
      %s = pifo.rank : i64
      pifo.store %s, @virtual : i64
    }
)";
}
static std::string side(const char *order) {
  return std::string(R"(pifo.predicate {
      %f = pifo.read_field @flow : i2
      %c = arith.constant 2 : i2
      %p = arith.cmpi )") +
         order + R"(, %f, %c : i2
      pifo.yield %p : i1
    }
)";
}
static std::string scheduler(const std::string &tree, int capacity = 64) {
  return "pifo.scheduler @s capacity(" + std::to_string(capacity) + ") {" +
         kFields + "  pifo.node @root" + tree + "  }\n}\n";
}
static std::string byRank(const std::string &rank, const std::string &value) {
  return " rank(" + rank + ") {\n    pifo.scheduling {\n      %r = " + value +
         " : i64\n      pifo.yield %r : i64\n    }\n";
}
static std::string hpfq(const std::string &rank) {
  return scheduler(stfqNode("child", "1, 9", rank) + "pifo.node @left" +
                   stfqNode("@flow", "3, 7, 1, 1", rank) + side("ult") +
                   "}\npifo.node @right" +
                   stfqNode("@flow", "1, 1, 4, 6", rank) + side("uge") + "}\n");
}
static std::string tokenBucket() {
  std::string fifo = byRank("i1, saturate", "arith.constant 0");
  return scheduler(fifo + "pifo.node @left" + fifo + side("ult") +
                   "}\npifo.node @right" + fifo + side("uge") + R"(
    pifo.state @tokens written_by(enqueue) = 4000 : i64
    pifo.state @last written_by(enqueue) = 0 : i64
    pifo.shaping {
      %old = pifo.load @tokens : i64
      %last = pifo.load @last : i64
      %now = pifo.now : i64
      %length = pifo.read_field @length : i64
      %rate = arith.constant 3 : i64
      %depth = arith.constant 4000 : i64
      %two = arith.constant 2 : i64
      %gone = arith.subi %now, %last : i64
      %earned = arith.muli %gone, %rate : i64
      %sum = arith.addi %old, %earned : i64
      %tokens = arith.minsi %sum, %depth : i64
      %missing = arith.subi %length, %tokens : i64
      %enough = arith.cmpi sle, %length, %tokens : i64
      %send = scf.if %enough -> i64 {
        scf.yield %now : i64
      } else {
        %up = arith.addi %missing, %two : i64
        %wait = arith.divsi %up, %rate : i64
        %then = arith.addi %now, %wait : i64
        scf.yield %then : i64
      }
      %rest = arith.subi %tokens, %length : i64
      pifo.store %rest, @tokens : i64
      pifo.store %now, @last : i64
      pifo.yield %send : i64
    }
}
)");
}

/// Random traffic; every answer of the scheduler must be the model's.
static void compare(const std::string &text, Model &model,
                    const char *container) {
  SCOPED_TRACE(container);
  Scheduler tested(text, container);
  ASSERT_NE(tested.memory, nullptr);
  std::mt19937 random(7);
  int64_t now = 0, inside = 0, served = 0, refused = 0;
  for (uint64_t step = 0; step < 100000; ++step) {
    now += random() % 40;
    // Busy and idle phases, so that queues fill and drain.
    bool busy = step / 500 % 2;
    if (random() % 8 < (busy ? 5u : 3u)) {
      Packet packet{step, int64_t(64 + random() % 1437), int64_t(random() % 4),
                    int64_t(random() % 8)};
      int status = tested.enqueue(step,
                                  {{"length", packet.length},
                                   {"flow", packet.flow},
                                   {"priority", packet.priority}},
                                  now);
      ASSERT_EQ(status, inside == 64 ? 2 : 0) << "step " << step;
      if (status == 0) {
        model.enqueue(packet, now);
        ++inside;
      } else {
        ++refused;
      }
    } else {
      tested.release(now);
      model.release(now);
      int64_t expected = model.dequeue(now);
      ASSERT_EQ(tested.peek(), expected) << "step " << step;
      ASSERT_EQ(tested.dequeue(now), expected) << "step " << step;
      inside -= expected >= 0;
      served += expected >= 0;
    }
    ASSERT_EQ(tested.size(), inside);
  }
  EXPECT_GT(served, 10000);
  EXPECT_GT(refused, 100);
}

template <typename M> static void compareAll(const std::string &text) {
  for (const char *container : {"auto", "heap", "list"}) {
    M model;
    compare(text, model, container);
  }
}

TEST(PifoModel, Fifo) {
  compareAll<FifoModel>(scheduler(byRank("i1, saturate", "arith.constant 0")));
}
TEST(PifoModel, FifoByTime) {
  // Ranks wrap often; a small range holds as the queue is short of it.
  compareAll<FifoModel>(scheduler(byRank("i14, wrap", "pifo.now")));
}
TEST(PifoModel, Strict) {
  compareAll<StrictModel>(
      scheduler(byRank("i3, saturate", "pifo.read_field @priority")));
}

/// Start-time fair queuing with each kind of ranks.
class PifoModelStfq : public testing::TestWithParam<const char *> {};
TEST_P(PifoModelStfq, EqualsTheModel) {
  compareAll<StfqModel>(scheduler(stfqNode("@flow", "1, 2, 5, 1", GetParam())));
}
INSTANTIATE_TEST_SUITE_P(Ranks, PifoModelStfq,
                         testing::Values("i18, wrap", "i18, window",
                                         "i32, wrap", "i63, saturate"));

TEST(PifoModel, Hpfq) {
  compareAll<HpfqModel>(hpfq("i18, wrap"));
  compareAll<HpfqModel>(hpfq("i40, saturate"));
}
TEST(PifoModel, TokenBucket) { compareAll<TokenBucketModel>(tokenBucket()); }
