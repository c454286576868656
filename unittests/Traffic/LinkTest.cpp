//===- LinkTest.cpp - Times on the link and what flows got -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestUtil.h"
#include "nm/Traffic/Statistics.h"
#include "gtest/gtest.h"
#include <deque>
#include <nlohmann/json.hpp>

using namespace nm::traffic;
using test::ListSource;

namespace {

/// First in, first out; takes `capacity` packets; holds each for `hold` ns.
struct Fifo : Scheduler {
  std::deque<std::pair<int64_t, uint64_t>> held;
  std::deque<uint64_t> ready;
  size_t capacity = 1000000;
  int64_t hold = 0;
  std::vector<int64_t> releases;

  EnqueueStatus enqueue(uint64_t handle, const uint64_t *,
                        int64_t now) override {
    if (held.size() + ready.size() == capacity)
      return EnqueueStatus::Full;
    if (hold)
      held.push_back({now + hold, handle});
    else
      ready.push_back(handle);
    return EnqueueStatus::Ok;
  }
  bool dequeue(int64_t, uint64_t &handle) override {
    if (ready.empty())
      return false;
    handle = ready.front();
    ready.pop_front();
    return true;
  }
  void release(int64_t now) override {
    releases.push_back(now);
    while (!held.empty() && held.front().first <= now) {
      ready.push_back(held.front().second);
      held.pop_front();
    }
  }
  bool nextRelease(int64_t &time) override {
    if (held.empty())
      return false;
    time = held.front().first;
    return true;
  }
};

using Order = std::vector<std::pair<uint64_t, int64_t>>;

TEST(Link, FractionsOfTicksAddUp) {
  // 3 Gbit/s: 1 byte takes 2 2/3 ns.
  ListSource source({"length"}, {{0, 1}, {0, 1}, {0, 1}, {0, 1}, {20, 1}});
  Fifo fifo;
  test::Trace trace = test::run(source, fifo, {3'000'000'000, 0});
  EXPECT_EQ(trace.departures, (Order{{0, 0}, {1, 3}, {2, 6}, {3, 8}, {4, 20}}));
  EXPECT_EQ(trace.totals.end, 23);
}

TEST(Link, MixedLengthsAddUpExactly) {
  // Back to back from time 0, packet i begins where the bytes before it end,
  // rounded up to a tick.
  for (uint64_t rate : {uint64_t(1), uint64_t(7), uint64_t(9'999'999'967),
                        uint64_t(40) << 50}) {
    test::Rows rows;
    Order expected;
    unsigned __int128 bits = 0;
    for (uint64_t i = 0; i < 300; ++i) {
      uint64_t bytes = 1 + i / 3 * 7919 % 1500;
      rows.push_back({0, bytes});
      expected.push_back({i, static_cast<int64_t>((bits + rate - 1) / rate)});
      bits += static_cast<unsigned __int128>(bytes) * 8'000'000'000;
    }
    ListSource source({"length"}, rows);
    Fifo fifo;
    EXPECT_EQ(test::run(source, fifo, {rate, 0}).departures, expected) << rate;
  }
}

TEST(Link, OverheadTakesTime) {
  ListSource source({"length"}, {{5, 100}, {5, 100}});
  Fifo fifo;
  test::Trace trace = test::run(source, fifo, {8'000'000'000, 20});
  EXPECT_EQ(trace.departures, (Order{{0, 5}, {1, 125}}));
  EXPECT_EQ(trace.totals.bytes, 200u);
}

TEST(Link, ReleasesWakeTheLink) {
  ListSource source({"length"}, {{0, 10}, {3, 10}, {100, 10}});
  Fifo fifo;
  fifo.hold = 7;
  test::Trace trace = test::run(source, fifo, {8'000'000'000, 0});
  EXPECT_EQ(trace.departures, (Order{{0, 7}, {1, 17}, {2, 107}}));
  EXPECT_EQ(fifo.releases, (std::vector<int64_t>{7, 10, 107}));
}

TEST(Link, CountsWhatIsRefused) {
  ListSource source({"length"}, {{0, 10}, {0, 10}, {0, 10}, {50, 10}});
  Fifo fifo;
  fifo.capacity = 2;
  test::Trace trace = test::run(source, fifo, {8'000'000'000, 0});
  EXPECT_EQ(trace.order(), (std::vector<uint64_t>{0, 1, 3}));
  EXPECT_EQ(
      trace.totals.refused[static_cast<int>(Scheduler::EnqueueStatus::Full)],
      1u);
  EXPECT_EQ(trace.totals.arrived, 4u);
  EXPECT_EQ(trace.totals.mostQueued, 2u);
}

TEST(Link, SaysThatPacketsStay) {
  struct Never : Fifo {
    bool dequeue(int64_t, uint64_t &) override { return false; }
  } never;
  ListSource source({"length"}, {{0, 10}});
  EXPECT_EQ(test::run(source, never, {}).error,
            "1 packets stay in the scheduler for ever: none leaves and none is "
            "to be released");
}

TEST(Link, AsksForLengths) {
  Fifo fifo;
  ListSource zero({"length"}, {{0, 0}});
  EXPECT_EQ(test::run(zero, fifo, {}).error,
            "packet 1 has a length of 0; expected 1 to 2^32 bytes");
  ListSource none({"flow"}, {{0, 0}, {0, 1}});
  EXPECT_NE(test::run(none, fifo, {}).error, "");
  ListSource again({"flow"}, {{0, 0}, {0, 1}});
  EXPECT_EQ(test::run(again, fifo, {0, 0}).departures, (Order{{0, 0}, {1, 1}}));
}

/// The same queue, which lets packets pass if told to. Packets are their flows;
/// there are two classes, and the largest flow is unknown.
struct PassingFifo : Fifo {
  uint64_t unknown = UINT64_MAX, passed = 0;
  bool letsPass = false, hasClasses = false;

  void prepare(Arrivals &block) const override {
    block.packets.resize(block.count);
    for (size_t i = 0; i < block.count; ++i)
      block.packets[i] = block.columns[1][i];
    block.classes.setAll(0);
    if (hasClasses)
      block.classes.setEach(block.count);
    for (size_t i = 0; hasClasses && i < block.count; ++i)
      block.classes.values[i] =
          block.packets[i] == unknown
              ? -1
              : static_cast<int32_t>(block.packets[i] % 2);
    block.isPrepared = true;
  }
  size_t packetWords() const override { return 1; }
  std::vector<std::string> classes() const override {
    return hasClasses ? std::vector<std::string>{"even", "odd"}
                      : std::vector<std::string>();
  }
  bool passes() const override { return letsPass; }
  void pass(const uint64_t *, const int64_t *, size_t count) override {
    passed += count;
  }
  bool changes() const override { return false; }
};

/// The report of a run, by the slow way or not, and how many packets passed.
std::pair<std::string, uint64_t> reportOf(Source &source, const Link &link,
                                          bool hasClasses, uint64_t unknown,
                                          bool letsPass, bool takesSums) {
  PassingFifo fifo;
  fifo.hasClasses = hasClasses;
  fifo.unknown = unknown;
  fifo.letsPass = letsPass;
  Statistics statistics;
  Totals totals;
  ::nm::support::Status status =
      simulate(source, fifo, link,
               {[&](const Departures &block) { statistics.add(block); }, false,
                false, takesSums},
               totals);
  EXPECT_TRUE(status);
  return {formatJson(totals, statistics, link, -1, {}, fifo.classes()),
          fifo.passed};
}

/// `open` gives the same traffic each time.
uint64_t expectSameReports(const std::function<std::unique_ptr<Source>()> &open,
                           const Link &link, bool hasClasses = false,
                           uint64_t unknown = UINT64_MAX) {
  auto report = [&](bool letsPass, bool takesSums) {
    return reportOf(*open(), link, hasClasses, unknown, letsPass, takesSums);
  };
  const std::string expected = report(false, false).first;
  EXPECT_EQ(report(true, false).first, expected);
  auto [summed, passed] = report(true, true);
  EXPECT_EQ(summed, expected);
  return passed;
}

TEST(Link, PassedPacketsAreCountedAsOthers) {
  // Gaps that are a packet's time, less, more, and fractions of ticks.
  for (const char *text :
       {"cbr:rate=10G,packets=9000,flows=16,seed=2",
        "cbr:rate=10G,packets=5000,length=1499,flows=3,order=turn",
        "cbr:rate=9999M,packets=9000", "cbr:rate=9G,packets=4500,flows=5000",
        "cbr:rate=1G,packets=9000,flows=70000", "cbr:rate=11G,packets=3000",
        "poisson:rate=6G,length=64..1500,packets=9000,flows=7",
        "poisson:rate=6G,packets=9000", "burst:rate=1G,size=3,packets=3000"})
    for (const Link &link : {Link{10'000'000'000, 0, {}}, Link{0, 0, {}},
                             Link{9'999'999'967, 38, {5000, 1'000'000}}}) {
      std::string error;
      auto open = [&] { return test::opened(openGenerator(text), error); };
      for (bool hasClasses : {false, true})
        expectSameReports(open, link, hasClasses, /*unknown=*/2);
    }
  std::string error;
  EXPECT_GT(expectSameReports(
                [&] {
                  return test::opened(
                      openGenerator("cbr:rate=10G,packets=20000,flows=16"),
                      error);
                },
                {}),
            19900u);
}

TEST(Link, RandomGapsAndLengths) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 60; ++round) {
    const uint64_t most = 1 + random() % 3000, longest = 1 + random() % 2000,
                   flows = 1 + random() % (round % 2 ? 9 : 6000);
    test::Rows rows;
    for (uint64_t i = 0, time = 0; i < 3000; ++i) {
      rows.push_back({time, 1 + random() % longest, random() % flows});
      time += random() % 3 ? random() % (most + 1) : 1;
    }
    auto open = [&] {
      return std::make_unique<ListSource>(
          std::vector<std::string>{"length", "flow"}, rows);
    };
    expectSameReports(open, {uint64_t(1) << (28 + round % 12), 0, {}},
                      round % 3 == 0, flows - 1);
  }
}

TEST(Histogram, PercentilesLieInTheirBuckets) {
  Histogram histogram(5);
  for (uint64_t i = 1; i <= 100000; ++i)
    histogram.add(i);
  EXPECT_EQ(histogram.min(), 1u);
  EXPECT_EQ(histogram.max(), 100000u);
  EXPECT_EQ(histogram.mean(), 50000.5);
  for (double part : {0.1, 0.5, 0.9, 0.99, 0.999}) {
    auto found = static_cast<double>(histogram.percentile(part));
    EXPECT_GE(found, part * 100000);
    EXPECT_LE(found, part * 100000 * (1 + 1.0 / 32) + 1);
  }
  Histogram small(5);
  for (uint64_t value : {0, 1, 5, 63})
    small.add(value);
  EXPECT_EQ(small.percentile(0.25), 0u);
  EXPECT_EQ(small.percentile(0.5), 1u);
  EXPECT_EQ(small.percentile(0.75), 5u);
  EXPECT_EQ(small.percentile(1), 63u);
  Histogram large(7);
  large.add(UINT64_MAX);
  EXPECT_EQ(large.percentile(0.5), UINT64_MAX);
  EXPECT_EQ(Histogram(5).percentile(0.5), 0u);
  Histogram mostlyZero(5);
  for (uint64_t value : {0, 0, 10, 0})
    mostlyZero.add(value);
  EXPECT_EQ(mostlyZero.count(), 4u);
  EXPECT_EQ(mostlyZero.min(), 0u);
  EXPECT_EQ(mostlyZero.max(), 10u);
  EXPECT_EQ(mostlyZero.mean(), 2.5);
  EXPECT_EQ(mostlyZero.percentile(0.75), 0u);
  EXPECT_EQ(mostlyZero.percentile(0.76), 10u);
}

TEST(Statistics, FairnessByWeight) {
  EXPECT_EQ(jainIndex({}), 1);
  EXPECT_EQ(jainIndex({3, 3, 3}), 1);
  EXPECT_EQ(jainIndex({1, 0, 0, 0}), 0.25);
  Statistics statistics;
  Departures block;
  block.add(0, 0, 10, 100, 0);
  block.add(1, 0, 20, 300, 1);
  statistics.add(block);
  EXPECT_DOUBLE_EQ(statistics.fairness(), 0.8);
  EXPECT_DOUBLE_EQ(statistics.fairness({1, 3}), 1);
  auto flows = statistics.flows();
  ASSERT_EQ(flows.size(), 2u);
  EXPECT_EQ(flows[1]->bytes, 300u);
  EXPECT_EQ(flows[1]->delay.max(), 20u);
}

TEST(Statistics, ManyFlowsShareOneRow) {
  Statistics statistics;
  Departures block;
  for (uint64_t i = 0; i < Statistics::kMostFlows + 10; ++i)
    block.add(i, 0, 1, 5, i);
  statistics.add(block);
  EXPECT_EQ(statistics.flows().size(), Statistics::kMostFlows);
  EXPECT_EQ(statistics.others().packets, 10u);
}

TEST(Report, AllForms) {
  Totals totals;
  totals.arrived = 3;
  totals.departed = 2;
  totals.refused[1] = 1;
  totals.bytes = 400;
  totals.end = 3200;
  Statistics statistics;
  Departures block;
  block.add(0, 0, 10, 100, 0);
  block.add(1, 0, 20, 300, 7);
  block.add(2, 0, -static_cast<int64_t>(Loss::Refused), 300, 7);
  block.add(2, 0, -static_cast<int64_t>(Loss::Unknown), 300, 9);
  statistics.add(block);
  std::string table = formatTable(totals, statistics, {}, -1, 10, {});
  EXPECT_NE(table.find("refused    1 packets: queue full"), std::string::npos);
  EXPECT_NE(table.find("throughput 1000.000 Mbit/s of 10000.000 Mbit/s "
                       "(10.00 %)"),
            std::string::npos)
      << table;
  auto json = nlohmann::json::parse(formatJson(totals, statistics, {}, -1, {}));
  EXPECT_NEAR(json["jain_fairness"], 0.8, 1e-12);
  EXPECT_EQ(json["refused"]["full"], 1);
  const nlohmann::json &flow = json["flows"][1];
  EXPECT_EQ(flow["flow"], 7);
  EXPECT_EQ(flow["packets"], 1);
  EXPECT_EQ(flow["lost"], 1);
  EXPECT_EQ(flow["bytes"], 300);
  EXPECT_NEAR(flow["bits_per_second"], 750e6, 1e-3);
  EXPECT_EQ(flow["delay_ns"]["max"], 20);
  std::string svg = formatSvg(totals, statistics, {});
  EXPECT_NE(svg.find("flow 7: 750.000 Mbit/s"), std::string::npos);
}

} // namespace
