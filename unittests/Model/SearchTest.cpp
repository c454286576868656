//===- SearchTest.cpp - Searching the space --------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Model/Search.h"
#include <cmath>
#include <gtest/gtest.h>
#include <set>

using namespace nm::model;

namespace {

AttentionShape paperShape(const NamedModel &model, int64_t length) {
  AttentionShape shape;
  shape.batch = 64;
  shape.heads = model.heads;
  shape.queries = shape.keys = length;
  shape.headDim = model.headDim;
  return shape;
}

SearchResult search(const Device &device, const AttentionShape &shape,
                    SearchOptions options) {
  Result<SearchResult> result = searchDataflows(device, shape, options);
  EXPECT_TRUE(result) << (result ? "" : result.error().message);
  return result ? *result : SearchResult();
}

double best(const char *device, const AttentionShape &shape, Scope scope,
            bool published = false) {
  SearchOptions options;
  options.mode = Mode::Faithful;
  options.scope = scope;
  options.publishedSpace = published;
  return search(*findDevice(device), shape, options).ranked.at(0).cost.cycles;
}

void expectEqualRankings(const SearchResult &a, const SearchResult &b) {
  ASSERT_EQ(a.ranked.size(), b.ranked.size());
  for (size_t i = 0; i != a.ranked.size(); ++i) {
    EXPECT_EQ(toString(a.ranked[i].dataflow), toString(b.ranked[i].dataflow));
    EXPECT_EQ(a.ranked[i].cost.cycles, b.ranked[i].cost.cycles);
  }
  EXPECT_EQ(a.points, b.points);
}

TEST(FaithfulSearch, GainOverTheBestUnfusedMapping) {
  // Geometric means over the paper's models.
  auto gain = [](const char *device, int64_t length) {
    double product = 1;
    for (const NamedModel &model : paperModels()) {
      AttentionShape shape = paperShape(model, length);
      product *= best(device, shape, Scope::Unfused, true) /
                 best(device, shape, Scope::All, true);
    }
    return std::pow(product, 0.25);
  };
  EXPECT_NEAR(gain("cloud", 512), 2.24, 0.01);
  EXPECT_NEAR(gain("cloud", 4096), 1.78, 0.01);
  EXPECT_NEAR(gain("cloud", 16384), 1.73, 0.01);
  EXPECT_NEAR(gain("cloud", 65536), 1.80, 0.01);
  EXPECT_NEAR(gain("edge", 512), 1.00, 0.01);
  EXPECT_NEAR(gain("edge", 4096), 1.10, 0.01);
  EXPECT_NEAR(gain("edge", 16384), 1.00, 0.01);
  EXPECT_NEAR(gain("edge", 65536), 1.00, 0.01);
}

TEST(FaithfulSearch, PruningKeepsTheRanking) {
  for (const char *device : {"edge", "cloud"})
    for (int64_t length : {64, 96, 130, 512, 4096})
      for (Scope scope : {Scope::Unfused, Scope::All})
        for (Objective objective :
             {Objective::Cycles, Objective::Energy, Objective::EnergyDelay,
              Objective::Capacity})
          for (bool softmax : {false, true}) {
            SearchOptions options;
            options.mode = Mode::Faithful;
            options.scope = scope;
            options.objective = objective;
            options.modelSoftmax = softmax;
            options.keep = 5;
            Device d = *findDevice(device);
            d.specialFunction.lanes = 256;
            AttentionShape shape = paperShape(paperModels()[0], length);
            SearchResult pruned = search(d, shape, options);
            options.exhaustive = true;
            SearchResult all = search(d, shape, options);
            expectEqualRankings(pruned, all);
            EXPECT_EQ(all.pruned, 0);
            EXPECT_EQ(all.priced, all.points);
            EXPECT_EQ(pruned.priced + pruned.pruned, pruned.points);
          }
}

TEST(FaithfulSearch, PruningSavesWork) {
  SearchOptions options;
  options.mode = Mode::Faithful;
  options.keep = 1;
  SearchResult result =
      search(*findDevice("cloud"), paperShape(paperModels()[0], 4096), options);
  EXPECT_GT(result.pruned, result.points / 2);
}

TEST(FaithfulSearch, NaiveIsNeverBetter) {
  for (const char *device : {"edge", "cloud"})
    for (const NamedModel &model : paperModels()) {
      AttentionShape shape = paperShape(model, 2048);
      EXPECT_GE(best(device, shape, Scope::Naive),
                best(device, shape, Scope::Unfused));
      EXPECT_GE(best(device, shape, Scope::Unfused),
                best(device, shape, Scope::All));
    }
}

TEST(FaithfulSearch, ObeysTheStationaritiesOfTheDevice) {
  using S = Stationarity;
  // What naive shall run on each set: weights where the array holds them.
  struct Case {
    std::vector<S> array;
    S naive;
  };
  AttentionShape shape = paperShape(paperModels().front(), 512);
  for (const Case &c :
       {Case{{S::Output}, S::Output}, Case{{S::Output, S::Input}, S::Output},
        Case{{S::Weight}, S::Weight}, Case{{S::Output, S::Weight}, S::Weight}})
    for (Scope scope : {Scope::Naive, Scope::Unfused, Scope::All}) {
      Device device = *findDevice("edge");
      device.array.stationarities = c.array;
      SearchOptions options;
      options.mode = Mode::Faithful;
      options.scope = scope;
      SearchResult result = search(device, shape, options);
      ASSERT_FALSE(result.ranked.empty());
      for (const Candidate &candidate : result.ranked) {
        EXPECT_TRUE(device.array.supports(candidate.dataflow.logit))
            << toString(candidate.dataflow);
        EXPECT_EQ(candidate.dataflow.logit, candidate.dataflow.attend);
      }
      if (scope == Scope::Naive) {
        EXPECT_EQ(result.ranked.size(), 1u);
        EXPECT_EQ(result.ranked[0].dataflow.logit, c.naive);
      }
    }
}

TEST(FaithfulSearch, InputStationarityAloneIsRefused) {
  Device device = *findDevice("edge");
  device.array.stationarities = {Stationarity::Input};
  AttentionShape shape = paperShape(paperModels().front(), 512);
  for (Scope scope : {Scope::Naive, Scope::Unfused, Scope::All}) {
    SearchOptions options;
    options.mode = Mode::Faithful;
    options.scope = scope;
    EXPECT_FALSE(searchDataflows(device, shape, options));
  }
}

Candidate bestOnHost(const Device &device, int64_t length, bool causal = false,
                     int64_t width = 64) {
  AttentionShape shape;
  shape.heads = 12;
  shape.queries = shape.keys = length;
  shape.headDim = width;
  shape.causal = causal;
  SearchOptions options;
  options.threads = 1;
  return search(device, shape, options).ranked.at(0);
}

TEST(HostSearch, WholeRowsWhileTheyFitThenKeyTiles) {
  Device host = *findDevice("generic-host");
  for (int64_t length : {192, 384, 512}) {
    Dataflow flow = bestOnHost(host, length).dataflow;
    EXPECT_EQ(flow.keyTile, 0) << length;
    EXPECT_LT(flow.rows * length * 4, 300 << 10) << length;
    EXPECT_EQ(flow.rows % 6, 0) << "whole register tiles";
  }
  for (int64_t length : {16384, 65536}) {
    Dataflow flow = bestOnHost(host, length).dataflow;
    EXPECT_GE(flow.keyTile, 128) << length;
    EXPECT_GE(flow.rows, 48) << length;
  }
}

TEST(HostSearch, FollowsTheDescription) {
  // With a larger private cache tiles grow up to whole rows, and with a tiny
  // one whole rows end early.
  Device host = *findDevice("generic-host");
  int64_t tile = bestOnHost(host, 2048).dataflow.keyTile;
  EXPECT_NE(tile, 0);
  host.host.caches[1].bytes = 8 << 20;
  int64_t larger = bestOnHost(host, 2048).dataflow.keyTile;
  EXPECT_TRUE(larger == 0 || larger > tile) << larger << " after " << tile;
  host.host.caches[1].bytes = 64 << 10;
  EXPECT_NE(bestOnHost(host, 512).dataflow.keyTile, 0);
}

TEST(HostSearch, Rejections) {
  AttentionShape shape;
  shape.queries = shape.keys = 4096;
  shape.headDim = 64;
  SearchOptions options;
  options.keepRejected = 3;
  SearchResult result = search(*findDevice("generic-host"), shape, options);
  EXPECT_EQ(result.rejected.size(), 3u);
  EXPECT_GT(result.infeasible, 3);
  EXPECT_NE(result.rejected[0].reason.find("usable of cache level 2"),
            std::string::npos)
      << result.rejected[0].reason;
  EXPECT_EQ(result.priced + result.infeasible, result.points);
}

TEST(HostSearch, CausalWorkIsHalved) {
  Device host = *findDevice("generic-host");
  double ratio = bestOnHost(host, 4096, true).cost.cycles /
                 bestOnHost(host, 4096).cost.cycles;
  EXPECT_GT(ratio, 0.49);
  EXPECT_LT(ratio, 0.55);
}

TEST(HostSearch, DecodeIsBoundByBandwidth) {
  Device host = *findDevice("generic-host");
  AttentionShape shape;
  shape.heads = 32;
  shape.kvHeads = 8;
  shape.queries = 1;
  shape.keys = 65536;
  shape.headDim = 128;
  Candidate candidate = search(host, shape, {}).ranked.at(0);
  EXPECT_EQ(candidate.dataflow.rows, 4) << "the group is folded into rows";
  EXPECT_STREQ(candidate.cost.bound(), "dram");
}

constexpr Objective kObjectives[] = {Objective::Cycles, Objective::Energy,
                                     Objective::EnergyDelay,
                                     Objective::Capacity};

/// Written anew: what the words of --objective mean.
double measure(Objective objective, const Cost &cost) {
  double edp = cost.cycles * cost.energyPj;
  return objective == Objective::Cycles     ? cost.cycles
         : objective == Objective::Energy   ? cost.energyPj
         : objective == Objective::Capacity ? cost.footprintBytes
                                            : edp;
}

TEST(Search, MarginsFallByTheSecondMeasure) {
  AttentionShape shape = paperShape(paperModels().front(), 128);
  shape.batch = 1;
  shape.heads = 4;
  int changed = 0;
  for (const char *device : {"edge", "cloud"})
    for (Mode mode : {Mode::Faithful, Mode::Extended})
      for (Objective objective : kObjectives) {
        SearchOptions options;
        options.mode = mode;
        options.objective = objective;
        // All of the space, best first, tells what to expect.
        options.keep = size_t(1) << 20;
        SearchResult all = search(*findDevice(device), shape, options);
        ASSERT_FALSE(all.ranked.empty());
        double best = measure(objective, all.ranked[0].cost);
        for (Objective then : kObjectives) {
          if (then == objective)
            continue;
          options.then = then;
          for (int64_t percent : {1, 10, 100}) {
            double margin = best * (1 + static_cast<double>(percent) / 100);
            double least = measure(then, all.ranked[0].cost);
            for (const Candidate &c : all.ranked)
              if (measure(objective, c.cost) <= margin)
                least = std::min(least, measure(then, c.cost));
            changed += least < measure(then, all.ranked[0].cost);
            options.withinPercent = percent;
            for (size_t keep : {1, 20}) {
              options.keep = keep;
              SearchResult found = search(*findDevice(device), shape, options);
              ASSERT_FALSE(found.ranked.empty());
              EXPECT_EQ(measure(then, found.ranked[0].cost), least)
                  << device << ", " << toString(objective) << ", then "
                  << toString(then) << ", " << percent << " %, keep " << keep;
              EXPECT_LE(measure(objective, found.ranked[0].cost), margin);
            }
          }
        }
      }
  EXPECT_GT(changed, 0) << "no case in which the margin matters";
}

TEST(Search, StaticPowerCostsTime) {
  AttentionShape shape = paperShape(paperModels().front(), 256);
  shape.batch = 1;
  int changed = 0;
  for (const char *name : {"edge", "cloud", "tpu-v5e"})
    for (Mode mode : {Mode::Faithful, Mode::Extended}) {
      Device plain = *findDevice(name), leaking = plain;
      // As much as a busy machine draws.
      leaking.staticWatts.array = 1;
      leaking.staticWatts.dram = 4;
      if (mode == Mode::Faithful)
        plain.array.cols = leaking.array.cols = plain.array.rows;
      SearchOptions options;
      options.mode = mode;
      options.objective = Objective::Energy;
      SearchResult found = search(leaking, shape, options);
      options.exhaustive = true;
      expectEqualRankings(found, search(leaking, shape, options));
      options.exhaustive = false;
      options.keep = size_t(1) << 20;
      // The best of all points, priced anew: energy and power times time.
      double least = 0;
      for (const Candidate &c : search(plain, shape, options).ranked) {
        double joules =
            c.cost.energyPj +
            5e12 * c.cost.cycles / static_cast<double>(plain.frequencyHz);
        least = least == 0 ? joules : std::min(least, joules);
      }
      EXPECT_NEAR(found.ranked[0].cost.energyPj / least, 1, 1e-12) << name;
      options.keep = 1;
      changed += toString(search(plain, shape, options).ranked[0].dataflow) !=
                 toString(found.ranked[0].dataflow);
    }
  EXPECT_GT(changed, 0) << "no case in which static power matters";
}

TEST(Search, MappingsHaveNamesOfTheirOwn) {
  AttentionShape shape = paperShape(paperModels().front(), 64);
  shape.batch = 2;
  shape.heads = 2;
  for (Mode mode : {Mode::Faithful, Mode::Extended}) {
    SearchOptions options;
    options.mode = mode;
    options.keep = size_t(1) << 20;
    SearchResult all = search(*findDevice("cloud"), shape, options);
    std::set<std::string> names;
    for (const Candidate &c : all.ranked)
      EXPECT_TRUE(names.insert(toString(c.dataflow)).second)
          << toString(c.dataflow);
  }
}

TEST(Search, RefusesMarginsOutOfRange) {
  SearchOptions options;
  for (int64_t percent : {-1, 101}) {
    options.withinPercent = percent;
    EXPECT_FALSE(
        searchDataflows(*findDevice("edge"), AttentionShape(), options));
  }
}

TEST(Search, RefusesBadShapes) {
  AttentionShape shape;
  shape.queries = 0;
  EXPECT_FALSE(searchDataflows(*findDevice("edge"), shape));
  SearchOptions options;
  options.allowKeyTiles = options.allowWholeRows = false;
  EXPECT_FALSE(searchDataflows(*findDevice("edge"), AttentionShape(), options));
}

} // namespace
