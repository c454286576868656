//===- DropTest.cpp - Packets that are pushed out or dropped -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PifoTestUtil.h"
#include <deque>

using namespace nm::test;

namespace {

/// What a scheduler drops after it has taken it.
int64_t fetch(Scheduler &s, uint64_t *mark = nullptr) {
  std::vector<char> packet(s.jit->packetSize);
  if (s.jit->dropped(s.memory, packet.data()))
    return -1;
  int64_t handle;
  std::memcpy(&handle, packet.data(), 8);
  for (const PifoJit::Field &field : s.jit->fields)
    if (mark && field.name == "mark")
      std::memcpy(mark, &packet[field.offset], field.bytes);
  return handle;
}

/// Two levels, of ranks of that many bits: field a chooses the class and,
/// shifted to the width, its rank at the root; field b is the rank in the
/// class.
std::string tree(unsigned bits, const std::string &rule, int capacity) {
  std::string wide = "i" + std::to_string(bits);
  std::string rank = "rank(" + wide + ", " + rule + ") {\n";
  auto leaf = [&](const char *name, const char *relation) {
    return "    pifo.node @" + std::string(name) + " " + rank +
           "      pifo.predicate {\n"
           "        %a = pifo.read_field @a : i8\n"
           "        %k = arith.constant 1 : i8\n"
           "        %is = arith.cmpi " +
           relation +
           ", %a, %k : i8\n"
           "        pifo.yield %is : i1\n"
           "      }\n"
           "      pifo.scheduling {\n"
           "        %b = pifo.read_field @b : i64\n"
           "        pifo.yield %b : i64\n"
           "      }\n"
           "    }\n";
  };
  return "pifo.scheduler @s capacity(" + std::to_string(capacity) +
         ") push_out {\n  pifo.field @a : i8\n  pifo.field @b : i62\n"
         "  pifo.node @root " +
         rank +
         "    pifo.scheduling {\n"
         "      %a = pifo.read_field @a : i64\n"
         "      pifo.yield %a : i64\n"
         "    }\n" +
         leaf("low", "ule") + leaf("high", "ugt") + "  }\n}\n";
}

/// The model: sorted lists, of which both ends are taken.
struct Model {
  struct Class {
    std::multimap<uint64_t, uint64_t> packets;
  } classes[2];
  std::multimap<uint64_t, int> root;
  size_t capacity;

  void push(uint64_t a, uint64_t b, uint64_t handle) {
    classes[a > 1].packets.insert({b, handle});
    root.insert({a, a > 1});
  }
  uint64_t take(bool last) {
    auto at = last ? std::prev(root.end()) : root.begin();
    auto &packets = classes[at->second].packets;
    root.erase(at);
    auto packet = last ? std::prev(packets.end()) : packets.begin();
    uint64_t handle = packet->second;
    packets.erase(packet);
    return handle;
  }
};

void comparePushOut(const std::string &text, const char *container,
                    unsigned seed, uint64_t mostB, uint64_t mostA) {
  SCOPED_TRACE(std::string(container) + ", seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const size_t capacity = 1 + random() % 40;
  Scheduler s(text, container, capacity);
  Model model;
  uint64_t handle = 0;
  int pushedOut = 0, refused = 0;
  for (int step = 0; step < 4000 && !testing::Test::HasFailure(); ++step) {
    // Full for long, empty now and then.
    if (random() % 8 < (step / 500 % 2 ? 3u : 6u)) {
      uint64_t a = random() % mostA, b = random() % mostB;
      model.push(a, b, ++handle);
      int64_t worst = -1;
      if (model.root.size() > capacity)
        worst = static_cast<int64_t>(model.take(true));
      int status = s.enqueue(handle, {{"a", a}, {"b", b}});
      bool isRefused = worst == static_cast<int64_t>(handle);
      EXPECT_EQ(status, isRefused ? 2 : 0);
      EXPECT_EQ(fetch(s), isRefused ? -1 : worst);
      EXPECT_EQ(fetch(s), -1);
      pushedOut += worst >= 0 && !isRefused;
      refused += isRefused;
    } else {
      int64_t expected =
          model.root.empty() ? -1 : static_cast<int64_t>(model.take(false));
      EXPECT_EQ(s.dequeue(), expected);
    }
    EXPECT_EQ(s.size(), static_cast<int64_t>(model.root.size()));
  }
  EXPECT_GT(pushedOut, 0);
  EXPECT_GT(refused, 0);
}

} // namespace

TEST(PifoDrops, TheWorstIsPushedOut) {
  unsigned seed = 1;
  for (const char *container : {"auto", "heap", "list"})
    for (unsigned bits : {4, 12, 40, 63})
      for (uint64_t most : {2u, 7u, 16u})
        comparePushOut(tree(bits, "saturate", 64), container, seed++, most, 4);
}

TEST(PifoDrops, TheWorstSerialNumberIsPushedOut) {
  // Ranks within half of the range of each other: they compare as numbers.
  unsigned seed = 100;
  for (const char *container : {"auto", "heap", "list"})
    for (unsigned bits : {8, 20, 48})
      comparePushOut(tree(bits, "wrap", 64), container, seed++, 60, 4);
}

TEST(PifoDrops, WhatIsNotFetchedTakesUpRoom) {
  Scheduler s(tree(8, "saturate", 2));
  EXPECT_EQ(s.enqueue(1, {{"b", 5}}), 0);
  EXPECT_EQ(s.enqueue(2, {{"b", 6}}), 0);
  EXPECT_EQ(s.enqueue(3, {{"b", 7}}), 2);
  EXPECT_EQ(s.enqueue(4, {{"b", 1}}), 0);
  EXPECT_EQ(s.size(), 2);
  // Packet 2 waits: even a better one finds no room.
  EXPECT_EQ(s.enqueue(5, {{"b", 0}}), 2);
  EXPECT_EQ(fetch(s), 2);
  EXPECT_EQ(s.enqueue(5, {{"b", 0}}), 0);
  EXPECT_EQ(fetch(s), 1);
  EXPECT_EQ(s.dequeue(), 5);
  EXPECT_EQ(s.dequeue(), 4);
  EXPECT_EQ(s.dequeue(), -1);
}

/// A FIFO that drops what waited longer than 100 and marks what waited longer
/// than 50, and takes at most 6 packets of each flow, those of flow 3 marked.
static const char *kRules = R"(pifo.scheduler @s capacity(16) {
  pifo.field @flow : i8 below 4
  pifo.field @arrival : i64
  pifo.field @length : i16
  pifo.field writable @mark : i2
  pifo.node @root rank(i1, saturate) {
    pifo.backlog @queue packets by @flow
    pifo.backlog @all bytes
    pifo.state @refused written_by(any) = 0 : i64
    pifo.scheduling {
      %z = arith.constant 0 : i1
      pifo.yield %z : i1
    }
    pifo.admit {
      %inside = pifo.inside @queue : i64
      %most = arith.constant 6 : i64
      %few = arith.cmpi ult, %inside, %most : i64
      %bytes = pifo.inside @all : i64
      %length = pifo.read_field @length : i64
      %then = arith.addi %bytes, %length : i64
      %buffer = arith.constant 1000 : i64
      %small = arith.cmpi ule, %then, %buffer : i64
      %fits = arith.andi %few, %small : i1
      %flow = pifo.read_field @flow : i8
      %three = arith.constant 3 : i8
      %is = arith.cmpi eq, %flow, %three : i8
      scf.if %is {
        %mark = arith.constant 1 : i2
        pifo.write_field %mark, @mark : i2
      }
      pifo.yield %fits : i1
    }
    pifo.deliver {
      %now = pifo.now : i64
      %arrival = pifo.read_field @arrival : i64
      %waited = arith.subi %now, %arrival : i64
      %soon = arith.constant 50 : i64
      %late = arith.constant 100 : i64
      %marks = arith.cmpi sgt, %waited, %soon : i64
      scf.if %marks {
        %mark = arith.constant 3 : i2
        pifo.write_field %mark, @mark : i2
      }
      %sends = arith.cmpi sle, %waited, %late : i64
      pifo.yield %sends : i1
    }
  }
}
)";

TEST(PifoDrops, RulesAtBothEnds) {
  struct Packet {
    uint64_t handle, flow, length;
    int64_t arrival;
  };
  for (unsigned seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    Scheduler s(kRules, seed % 2 ? "auto" : "list");
    std::deque<Packet> model, waiting;
    int64_t now = 0, counts[3] = {};
    uint64_t handle = 0;
    for (int step = 0; step < 3000 && !testing::Test::HasFailure(); ++step) {
      now += static_cast<int64_t>(random() % 20);
      if (random() % 2) {
        Packet packet{++handle, random() % 4, random() % 300, now};
        uint64_t bytes = packet.length;
        int64_t same = 0;
        for (const Packet &other : model) {
          bytes += other.length;
          same += other.flow == packet.flow;
        }
        int expected = model.size() + waiting.size() >= 16 ? 2
                       : same >= 6 || bytes > 1000         ? 5
                                                           : 0;
        EXPECT_EQ(s.enqueue(handle,
                            {{"flow", packet.flow},
                             {"length", packet.length},
                             {"arrival", static_cast<uint64_t>(now)}},
                            now),
                  expected);
        counts[expected == 0 ? 0 : expected == 2 ? 1 : 2]++;
        if (expected == 0)
          model.push_back(packet);
      } else {
        int64_t expected = -1;
        uint64_t mark = 0;
        while (!model.empty() && expected < 0) {
          Packet packet = model.front();
          model.pop_front();
          if (now - packet.arrival > 100) {
            waiting.push_back(packet);
            continue;
          }
          expected = static_cast<int64_t>(packet.handle);
          mark = now - packet.arrival > 50 ? 3 : packet.flow == 3;
        }
        EXPECT_EQ(s.dequeue(now), expected);
        if (expected >= 0) {
          EXPECT_EQ(s.field("mark"), mark);
        }
      }
      // Fetched in their order, but not always at once.
      if (random() % 3 == 0)
        for (; !waiting.empty(); waiting.pop_front()) {
          uint64_t mark = 0;
          EXPECT_EQ(fetch(s, &mark),
                    static_cast<int64_t>(waiting.front().handle));
          EXPECT_EQ(mark, 3u);
        }
      EXPECT_EQ(s.size(), static_cast<int64_t>(model.size()));
    }
    EXPECT_GT(counts[0], 0);
    EXPECT_GT(counts[2], 0);
  }
}
