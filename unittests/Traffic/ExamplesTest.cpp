//===- ExamplesTest.cpp - The example programs against plain models -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CompileExample.h"
#include "Oracles.h"
#include "TestUtil.h"
#include "nm/Driver/PifoScheduler.h"
#include "nm/Traffic/Tiles.h"
#include "gtest/gtest.h"
#include <numeric>

using namespace nm::traffic;
using namespace nm::traffic::test;
using mlir::nm::driver::PifoScheduler;

namespace {

/// Random packets in one of several styles. Many values are equal, so that
/// ties are common.
Rows makeTraffic(unsigned style, unsigned seed, uint64_t flows, size_t count) {
  std::mt19937_64 random(seed);
  auto below = [&](uint64_t n) { return random() % n; };
  Rows rows;
  uint64_t time = style == 4 ? 9990 : 0;
  for (size_t i = 0; i < count; ++i) {
    switch (style) {
    case 0: // about the rate of the link
      time += below(1600);
      break;
    case 1: // bursts in one tick, then silence
      time += i % 40 == 0 ? below(60000) : 0;
      break;
    case 2: // overload on a coarse grid, so that times collide
      time += below(3) * 400;
      break;
    case 3: // long silences: buckets fill, frames pass
      time += below(8) == 0 ? below(3'000'000) : below(50);
      break;
    default: // at the edges of frames
      time += below(4) ? 0 : 10000 - time % 10000 - below(2);
      break;
    }
    uint64_t length = style == 2 ? 400 + 400 * below(2) : 64 + below(1437);
    // A few flows send most.
    uint64_t flow = below(2) ? below(flows) : below(flows) * below(2);
    rows.push_back({time, length, flow, below(4), time + below(20) * 1000,
                    below(10) * 5000, below(50) * 100, below(30) * 500});
  }
  return rows;
}

uint64_t flowsOf(const std::string &name) {
  return name == "las" || name == "five-levels" ? 8 : 4;
}

struct Example : testing::TestWithParam<std::string> {};

TEST_P(Example, LeavesExactlyAsTheModel) {
  size_t packets = 0;
  auto fast = compileExample(GetParam()),
       plain = compileExample(GetParam(), "list");
  ASSERT_TRUE(fast && plain);
  for (unsigned style = 0; style < 5; ++style)
    for (uint64_t rate : {uint64_t(10'000'000'000), uint64_t(3'000'000'000)})
      for (unsigned seed = 0; seed < 4; ++seed) {
        Rows rows =
            makeTraffic(style, seed * 5 + style, flowsOf(GetParam()), 3000);
        ListSource one(kColumns, rows), two(kColumns, rows);
        PifoScheduler &compiled = seed == 3 ? *plain : *fast;
        auto oracle = makeOracle(GetParam());
        ASSERT_TRUE(compiled.restart());
        Trace found = run(one, compiled, {rate, 0});
        Trace wanted = run(two, *oracle, {rate, 0});
        ASSERT_EQ(found.error, "");
        ASSERT_EQ(wanted.error, "");
        ASSERT_EQ(wanted.departures.size(), rows.size());
        ASSERT_EQ(found.departures, wanted.departures)
            << "style " << style << " seed " << seed << " rate " << rate;
        ASSERT_EQ(found.values, wanted.values);
        packets += rows.size();
      }
  EXPECT_EQ(packets, 120000u);
}

INSTANTIATE_TEST_SUITE_P(All, Example, testing::ValuesIn(oracleNames()),
                         [](const auto &info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(Models, AreNotAllTheSame) {
  // A comparison of two models that differ must fail: the traffic tells apart
  // what it is meant to.
  Rows rows = makeTraffic(2, 1, 4, 2000);
  std::map<std::vector<uint64_t>, std::string> orders;
  for (const std::string &name : oracleNames()) {
    ListSource source(kColumns, rows);
    auto oracle = makeOracle(name);
    orders[run(source, *oracle, {3'000'000'000, 0}).order()] += name + " ";
  }
  // What only holds packets back may keep the order of arrival.
  EXPECT_GE(orders.size(), oracleNames().size() - 3);
}

/// Section 3.5: what no PIFO can do.
TEST(Limits, StarvationPreventionChangesRanksOfWaitingPackets) {
  // pFabric with starvation prevention sends the earliest packet of the flow
  // whose packet has the least remaining size: p1(9), p1(8), p1(6), p0(7).
  // p1(6) changes the order of what is queued: p1(9) was behind p0(7).
  Rows rows = {{0, 100, 0, 0, 0, 0, 7, 0},
               {0, 100, 1, 0, 0, 0, 9, 0},
               {0, 100, 1, 0, 0, 0, 8, 0},
               {0, 100, 1, 0, 0, 0, 6, 0}};
  const std::vector<uint64_t> pFabric = {1, 2, 3, 0};
  // A PIFO keeps the order of what it holds, whatever comes later. With the
  // first three packets, pFabric's order is p0(7), p1(9), p1(8) ...
  auto reference = [](Rows rows) {
    std::vector<uint64_t> order, waiting(rows.size());
    std::iota(waiting.begin(), waiting.end(), 0);
    while (!waiting.empty()) {
      uint64_t best = *std::min_element(
          waiting.begin(), waiting.end(), [&](uint64_t a, uint64_t b) {
            return rows[a][1 + Remaining] < rows[b][1 + Remaining];
          });
      auto first =
          std::find_if(waiting.begin(), waiting.end(), [&](uint64_t i) {
            return rows[i][1 + Flow] == rows[best][1 + Flow];
          });
      order.push_back(*first);
      waiting.erase(first);
    }
    return order;
  };
  EXPECT_EQ(reference({rows[0], rows[1], rows[2]}),
            (std::vector<uint64_t>{0, 1, 2}));
  EXPECT_EQ(reference(rows), pFabric);
  // ... so that no rank of the fourth packet gives pFabric's order of all: of
  // all 4-element orders that keep 0, 1, 2 in theirs, none is it.
  size_t zero = std::find(pFabric.begin(), pFabric.end(), 0) - pFabric.begin();
  size_t one = std::find(pFabric.begin(), pFabric.end(), 1) - pFabric.begin();
  EXPECT_GT(zero, one);
  // And every example program agrees with that: those that send 0 before 1
  // without the fourth packet do so with it. Packets wait behind another one.
  for (const std::string &name : oracleNames()) {
    auto scheduler = compileExample(name);
    ASSERT_TRUE(scheduler);
    auto position = [&](size_t count) {
      Rows traffic = {{0, 1500, 2, 3, 0, 0, 0, 0}};
      for (size_t i = 0; i < count; ++i)
        traffic.push_back(rows[i]);
      ListSource source(kColumns, traffic);
      scheduler->restart();
      std::vector<uint64_t> order = run(source, *scheduler, {}).order();
      return std::find(order.begin(), order.end(), 1) <
             std::find(order.begin(), order.end(), 2);
    };
    EXPECT_EQ(position(3), position(4)) << name;
  }
}

TEST(Limits, OneRateOverSeveralNodes) {
  // Flows 0 and 1 shall share 1 Gbit/s. A shaping transaction has state of its
  // node only: with a bucket for each of two nodes, both together get twice
  // that. One node over both is another tree, in which they share a place in
  // the order of the parent.
  Oracle oracle;
  auto bucket = [] {
    auto free = std::make_shared<int64_t>(0);
    return [free](const Packet &packet, int64_t now) {
      int64_t send = std::max(now, *free);
      *free = send + packet[Length] * 8; // 1 Gbit/s
      return send;
    };
  };
  oracle.root.rank = [](const Packet &, int child, int64_t) { return child; };
  auto any = [](const Packet &, int, int64_t) { return int64_t(0); };
  for (int i = 0; i < 2; ++i)
    oracle.root.add(any, bucket());
  oracle.leaf = [&](const Packet &packet) {
    return oracle.root.children[packet.values[Flow]].get();
  };
  Rows rows;
  for (uint64_t i = 0; i < 1000; ++i)
    rows.push_back({0, 1000, i % 2, 0, 0, 0, 0, 0});
  ListSource source(kColumns, rows);
  Trace trace = run(source, oracle, {10'000'000'000, 0});
  double rate = static_cast<double>(trace.totals.bytes) * 8 /
                static_cast<double>(trace.totals.end);
  EXPECT_NEAR(rate, 2, 0.02);
}

TEST(Limits, ShapingIsOnTheInputSide) {
  // Packets of a shaped class are held to 1 Gbit/s at their release; if the
  // link is taken by another class at first, those released meanwhile leave in
  // a burst at the rate of the link. A limit on the output would space them.
  Oracle oracle;
  auto free = std::make_shared<int64_t>(0);
  auto any = [](const Packet &, int, int64_t) { return int64_t(0); };
  oracle.root.rank = [](const Packet &, int child, int64_t) { return child; };
  oracle.root.add(any);
  oracle.root.add(any, [=](const Packet &packet, int64_t now) {
    int64_t send = std::max(now, *free);
    *free = send + packet[Length] * 8;
    return send;
  });
  oracle.leaf = [&](const Packet &packet) {
    return oracle.root.children[packet.values[Flow]].get();
  };
  Rows rows;
  for (int i = 0; i < 100; ++i)
    rows.push_back({0, 1000, 0, 0, 0, 0, 0, 0});
  for (int i = 0; i < 10; ++i)
    rows.push_back({0, 1000, 1, 0, 0, 0, 0, 0});
  ListSource source(kColumns, rows);
  Trace trace = run(source, oracle, {10'000'000'000, 0});
  // The last ten: 800 ns each on the link, and not 8000 ns.
  EXPECT_EQ(trace.departures[109].second - trace.departures[100].second,
            9 * 800);
}

/// The order in which jobs of three tenants are served, by their handles.
std::vector<uint64_t> serve(const std::string &policy) {
  auto scheduler = compileExample(policy, "auto", TileQueue::columns());
  if (!scheduler)
    return {};
  TileQueue queue(*scheduler);
  // tenant, deadline, tiles, bytes, handle
  const TileJob jobs[] = {{1, 500, 8, 600, 0}, {1, 400, 7, 600, 1},
                          {2, 300, 2, 600, 2}, {0, 900, 9, 600, 3},
                          {0, 900, 9, 600, 4}, {2, 100, 3, 600, 5}};
  for (const TileJob &job : jobs)
    EXPECT_EQ(queue.submit(job, 0), Scheduler::EnqueueStatus::Ok);
  EXPECT_EQ(queue.submit({200, 0, 0, 1, 9}, 0),
            Scheduler::EnqueueStatus::Unknown);
  EXPECT_EQ(queue.size(), 6u);
  std::vector<uint64_t> order;
  TileJob job;
  while (queue.next(0, job))
    order.push_back(job.handle);
  EXPECT_EQ(queue.size(), 0u);
  return order;
}

TEST(Tiles, PoliciesOrderJobs) {
  EXPECT_EQ(serve("tiles-edf"), (std::vector<uint64_t>{5, 2, 1, 0, 3, 4}));
  EXPECT_EQ(serve("tiles-strict"), (std::vector<uint64_t>{3, 4, 2, 5, 1, 0}));
  // Starts in sixths of bytes: tenant 1 at 0 and 1800, 2 at 0 and 3600, 0 at 0
  // and 1200; each tenant's turn serves its job with the fewest tiles.
  EXPECT_EQ(serve("tiles-fair"), (std::vector<uint64_t>{1, 2, 3, 4, 0, 5}));
}

} // namespace
