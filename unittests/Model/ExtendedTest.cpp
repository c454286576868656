//===- ExtendedTest.cpp - The model beyond the paper -----------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Model/Extended.h"
#include "nm/Model/Faithful.h"
#include "nm/Model/Search.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace nm::model;

namespace {

/// 4 x 8 MACs, 1 byte a cycle off chip, 16 on chip, no overheads.
Device small() {
  Device device;
  device.name = "small";
  device.frequencyHz = 1000;
  device.array.rows = 4;
  device.array.cols = 8;
  device.array.stationarities = {Stationarity::Output, Stationarity::Weight,
                                 Stationarity::Input};
  device.scratchpad.bytes = 1 << 20;
  device.scratchpad.bytesPerSecond = 16000;
  device.dram.bytesPerSecond = 1000;
  device.energy = {1, 10, 100, 1000, 0};
  return device;
}

AttentionShape shape(int64_t heads, int64_t queries, int64_t keys,
                     int64_t width) {
  AttentionShape s;
  s.heads = heads;
  s.queries = queries;
  s.keys = keys;
  s.headDim = width;
  return s;
}

Dataflow rows(int64_t r, int64_t tile, unsigned staged = StagedAll) {
  Dataflow flow;
  flow.rows = r;
  flow.keyTile = tile;
  flow.staged = staged;
  return flow;
}

TEST(Extended, FootprintOfTheOnlineSoftmaxIsIndependentOfTheLength) {
  // 4Rd + 4Cd + RC elements of two bytes, 6R statistics of four, and two
  // results of as many rows as the array.
  unsigned staged = StagedQ | StagedLogits | StagedOutput;
  for (int64_t length : {256, 4096, 65536})
    EXPECT_EQ(extendedFootprint(small(), shape(1, length, length, 16),
                                rows(32, 64, staged)),
              2 * (4 * 32 * 16 + 4 * 64 * 16 + 32 * 64) + 4 * 6 * 32 +
                  2 * 2 * 4 * 16);
}

TEST(Extended, FootprintOfWholeRowsIsThePapers) {
  AttentionShape s = shape(3, 128, 128, 16);
  // And the statistics of two blocks, and results on their way out.
  EXPECT_EQ(extendedFootprint(small(), s, rows(32, 0)),
            2 * stagedFootprint(s, rows(32, 0)) + 4 * 4 * 32 + 2 * 4 * 4 * 16);
}

TEST(Extended, DramBytes) {
  // 2 heads, 64 x 128, width 16, bytes of 2 elements.
  AttentionShape s = shape(2, 64, 128, 16);
  auto bytes = [&](const Dataflow &flow) {
    return extendedDramBytes(small(), s, flow);
  };
  int64_t q = 64 * 16, k = 128 * 16;
  // All staged: each tensor once.
  EXPECT_EQ(bytes(rows(16, 0)), 2 * 2 * (2 * q + 2 * k));
  // Key tiles: keys and values once for each of four blocks.
  unsigned online = StagedQ | StagedLogits | StagedOutput;
  EXPECT_EQ(bytes(rows(16, 32, online)), 2 * 2 * (2 * q + 4 * 2 * k));
  // Keys in the outer loop: keys and values once, queries for each of four
  // tiles.
  Dataflow outer = rows(16, 32, StagedLogits | StagedOutput);
  outer.order = LoopOrder::KeysOuter;
  EXPECT_EQ(bytes(outer), 2 * 2 * (4 * q + q + 2 * k));
  // Logits off chip: written, softmax in and out, read for each of the two
  // column tiles of the outputs.
  EXPECT_EQ(bytes(rows(16, 0, StagedAll & ~StagedLogits)),
            2 * 2 * (2 * q + 2 * k + 5 * 64 * 128));
}

TEST(Extended, CausalSkipsDeadTiles) {
  AttentionShape s = shape(1, 128, 128, 16);
  Dataflow flow = rows(32, 32, StagedQ | StagedLogits | StagedOutput);
  Cost all = evaluateExtended(small(), s, flow);
  s.causal = true;
  Cost half = evaluateExtended(small(), s, flow);
  // Ten of sixteen tiles: (1 + R/N) / 2.
  EXPECT_EQ(half.computeCycles / all.computeCycles, 10.0 / 16);
  EXPECT_EQ(extendedDramBytes(small(), s, flow),
            2 * (2 * 128 * 16 + 10 * 2 * 32 * 16));
  EXPECT_EQ(half.idealCycles, 128 * 129 / 2 * 32 / 32.0);
}

TEST(Extended, GroupedHeadsShareKeys) {
  AttentionShape s = shape(8, 64, 64, 16);
  int64_t q = 8 * 64 * 16, k = 64 * 16;
  s.kvHeads = 2;
  EXPECT_EQ(extendedDramBytes(small(), s, rows(64, 0)),
            2 * (2 * q + 2 * 2 * k));
  // A decode step folds the group into rows.
  s.queries = 1;
  EXPECT_EQ(extendedDramBytes(small(), s, rows(4, 0)),
            2 * (2 * 8 * 16 + 2 * 2 * k));
  EXPECT_FALSE(checkExtended(small(), s, rows(5, 0)));
}

TEST(Extended, ComputeCyclesByStationarity) {
  // Rows 8, keys 32, width 16 on 4 x 8.
  AttentionShape s = shape(1, 8, 32, 16);
  auto compute = [&](Stationarity logit, Stationarity attend) {
    Dataflow flow = rows(8, 0);
    flow.logit = logit;
    flow.attend = attend;
    return evaluateExtended(small(), s, flow).computeCycles;
  };
  using S = Stationarity;
  // Output: ceil(8/4) ceil(32/8) 16 + ceil(8/4) ceil(16/8) 32.
  EXPECT_EQ(compute(S::Output, S::Output), 128 + 128);
  // Weight: ceil(16/4) ceil(32/8) 8 + ceil(32/4) ceil(16/8) 8.
  EXPECT_EQ(compute(S::Weight, S::Weight), 128 + 128);
  // Input: ceil(8/4) ceil(16/8) 32 + ceil(8/4) ceil(32/8) 16.
  EXPECT_EQ(compute(S::Input, S::Input), 128 + 128);
  // A decode row cannot hide the loading of weights.
  AttentionShape decode = shape(1, 1, 32, 16);
  Dataflow flow = rows(1, 0);
  flow.logit = flow.attend = S::Weight;
  EXPECT_EQ(evaluateExtended(small(), decode, flow).computeCycles,
            4 * 4 * 4 + 8 * 2 * 4);
}

TEST(Extended, PackedHeadsFillAWideArray) {
  // Width 2 leaves three quarters of eight columns idle in attend.
  AttentionShape s = shape(4, 16, 32, 2);
  Device device = small();
  Dataflow flow = rows(16, 0);
  flow.heads = 4;
  double alone = evaluateExtended(device, s, flow).computeCycles;
  flow.packed = 4;
  EXPECT_FALSE(checkExtended(device, s, flow)) << "no segments";
  device.array.packsHeads = true;
  EXPECT_TRUE(checkExtended(device, s, flow));
  double packed = evaluateExtended(device, s, flow).computeCycles;
  // Logit 4 * 4 * 2 either way, attend 4 * 32 for one head or for four.
  EXPECT_EQ(alone, 4 * (4 * 4 * 2 + 4 * 32));
  EXPECT_EQ(packed, 4 * (4 * 4 * 2) + 4 * 32);
  EXPECT_EQ(evaluateExtended(device, s, flow).utilisation() > 0, true);
  flow.heads = 2;
  EXPECT_FALSE(checkExtended(device, s, flow)) << "four of two heads";
}

TEST(Extended, SpecialFunctionUnitAndOnChipBandwidth) {
  AttentionShape s = shape(1, 64, 64, 16);
  Device device = small();
  device.dram.bytesPerSecond = 1e9;
  device.scratchpad.bytesPerSecond = 1e12;
  EXPECT_STREQ(evaluateExtended(device, s, rows(16, 0)).bound(), "array");
  device.specialFunction.lanes = 1;
  Cost whole = evaluateExtended(device, s, rows(16, 0));
  EXPECT_STREQ(whole.bound(), "softmax");
  // No scale of logits, but of outputs at each visit.
  EXPECT_EQ(whole.softmaxCycles, 3 * 64 * 64 + 64 * 16);
  Cost unfused =
      evaluateExtended(device, s, rows(16, 0, StagedAll & ~StagedLogits));
  EXPECT_EQ(unfused.softmaxCycles, 4 * 64 * 64 + 64 * 16);
  Cost one = evaluateExtended(device, s, rows(16, 32));
  EXPECT_EQ(one.softmaxCycles, 3 * 64 * 64 + 2 * 64 * 16);
  device.specialFunction.lanes = 0;
  device.scratchpad.bytesPerSecond = 1000;
  EXPECT_STREQ(evaluateExtended(device, s, rows(16, 0)).bound(),
               "on-chip bandwidth");
}

TEST(Extended, MoreResidentHeadsSaveStepsAndCostSpace) {
  AttentionShape s = shape(8, 64, 64, 16);
  Device device = small();
  device.array.stepOverhead[0] = 6;
  Dataflow one = rows(16, 0), four = one;
  four.heads = 4;
  Cost a = evaluateExtended(device, s, one),
       b = evaluateExtended(device, s, four);
  // The blocks of one head at a time are worked in halves.
  EXPECT_EQ(a.overheadCycles - b.overheadCycles, 6 * 4 * 8 * (2 - 1));
  // But for the statistics of two blocks, and results on their way out.
  double shared = 4 * 4 * 16 + 2 * 4 * 4 * 16;
  EXPECT_EQ(b.footprintBytes - shared, 4 * (a.footprintBytes - shared));
}

TEST(Extended, AgreesWithTheFaithfulModelWhereBothApply) {
  // Blocks of the array's side, output stationary, fused, nothing spilt, free
  // softmax: both models count the same compute, and the same traffic but for
  // the faithful edge term.
  Device device = *findDevice("edge");
  device.scratchpad.bytes = 1 << 24;
  device.scratchpad.bytesPerSecond = 1e18;
  AttentionShape s = shape(4, 1024, 1024, 64);
  for (unsigned others = 0; others != 4; ++others) {
    Dataflow flow = rows(32, 0, StagedQ | StagedLogits | StagedOutput);
    flow.staged |= (others & 1 ? StagedK : 0u) | (others & 2 ? StagedV : 0u);
    Cost faithful = evaluateFaithful(device, s, flow);
    Cost extended = evaluateExtended(device, s, flow);
    EXPECT_EQ(faithful.spill, 0);
    EXPECT_EQ(faithful.computeCycles, extended.computeCycles);
    EXPECT_EQ(faithful.dramCycles, extended.dramCycles) << toString(flow);
    // With keys or values alone on chip, what passes by passes in one half of
    // the time only.
    // And the array turns from logits to outputs for each chunk.
    double bound = others == 1 || others == 2 ? 0.12 : 0.05;
    EXPECT_NEAR(faithful.cycles, extended.cycles, bound * faithful.cycles);
  }
}

/// Walks the nest tile by tile and counts what passes between chip and DRAM.
int64_t walkedBytes(const Device &device, const AttentionShape &s,
                    const Dataflow &flow) {
  int64_t group = s.heads / s.kvHeadCount(), total = group * s.queries;
  int64_t d = s.headDim, v = s.valueWidth(), e = 0, partial = 0;
  bool q = flow.isStaged(StagedQ), k = flow.isStaged(StagedK);
  bool val = flow.isStaged(StagedV), o = flow.isStaged(StagedOutput);
  bool keysOuter = flow.order == LoopOrder::KeysOuter;
  int64_t columns = device.array.cols / flow.packed, a = device.array.rows;
  std::vector<bool> loadedRow(total), loadedKey(s.keys), loadedValue(s.keys);
  std::vector<bool> started(total);
  auto step = [&](int64_t r0, int64_t r1, int64_t k0, int64_t k1) {
    // Strips of keys against which queries pass.
    int64_t strip = flow.keyTile ? k1 - k0 : columns;
    for (int64_t at = k0; at < k1; at += strip)
      for (int64_t r = r0; r != r1; ++r) {
        e += !q || !loadedRow[r] ? d : 0;
        loadedRow[r] = true;
        if (o || (!flow.keyTile && flow.attend == Stationarity::Output))
          continue;
        // Partial outputs, with the running statistics if rows come back.
        if (started[r])
          partial += 2 * (v + (flow.keyTile && keysOuter ? 2 : 0));
        started[r] = true;
      }
    for (int64_t key = k0; key != k1; ++key) {
      e += (!k && !keysOuter) || !loadedKey[key] ? d : 0;
      loadedKey[key] = true;
      bool inArray = !o && !flow.keyTile && flow.attend == Stationarity::Output;
      int64_t passes = inArray ? (r1 - r0 + a - 1) / a : 1;
      if (val || keysOuter)
        passes = loadedValue[key] ? 0 : 1;
      e += passes * v;
      loadedValue[key] = true;
    }
    if (!flow.isFused())
      e += (r1 - r0) * (k1 - k0) * (3 + (v + columns - 1) / columns);
  };
  auto seen = [&](int64_t end) {
    return s.causal
               ? std::min(s.keys, (end - 1) / group + 1 + s.keys - s.queries)
               : s.keys;
  };
  if (keysOuter) {
    for (int64_t k0 = 0; k0 < s.keys; k0 += flow.keyTile)
      for (int64_t r0 = 0; r0 < total; r0 += flow.rows) {
        int64_t r1 = std::min(total, r0 + flow.rows);
        if (k0 < seen(r1))
          step(r0, r1, k0, std::min(s.keys, k0 + flow.keyTile));
      }
  } else {
    for (int64_t r0 = 0; r0 < total; r0 += flow.rows) {
      int64_t r1 = std::min(total, r0 + flow.rows);
      int64_t tile = flow.keyTile ? flow.keyTile : seen(r1);
      for (int64_t k0 = 0; k0 < seen(r1); k0 += tile)
        step(r0, r1, k0, std::min(s.keys, k0 + tile));
    }
  }
  e += total * v;
  int64_t bits = e * device.elementBits + partial * device.accumulatorBits;
  return s.batch * s.kvHeadCount() * ((bits + 7) / 8);
}

TEST(Extended, DramBytesEqualThoseOfAWalk) {
  Device device = small();
  int checked = 0;
  for (int64_t queries : {1, 13, 40})
    for (int64_t keys : {40, 57})
      for (bool causal : {false, true})
        for (int64_t group : {1, 3})
          for (int64_t r : {1, 5, 13})
            for (int64_t tile : {0, 8, 16})
              for (auto order : {LoopOrder::RowsOuter, LoopOrder::KeysOuter})
                for (auto attend : {Stationarity::Output, Stationarity::Weight})
                  for (unsigned staged = 0; staged <= StagedAll; ++staged) {
                    AttentionShape s = shape(6, queries, keys, 12);
                    s.valueDim = 20;
                    s.kvHeads = 6 / group;
                    s.causal = causal;
                    Dataflow flow = rows(r, tile, staged);
                    flow.order = order;
                    flow.attend = attend;
                    if (!checkExtended(device, s, flow))
                      continue;
                    ++checked;
                    ASSERT_EQ(extendedDramBytes(device, s, flow),
                              walkedBytes(device, s, flow))
                        << toString(flow) << " " << queries << " " << keys
                        << " causal " << causal << " group " << group;
                  }
  EXPECT_GT(checked, 4000);
}

TEST(Extended, RefusesWhatCouldOverflow) {
  Device device = small();
  device.array.rows = device.array.cols = 1;
  AttentionShape s = shape(1, 1 << 24, 1 << 24, 1 << 14);
  Status status = checkExtended(device, s, rows(1, 16));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message,
            "found attention of width 16384 with 281474976710656 logits, "
            "expected at most 2^62 bytes of traffic on small");
  EXPECT_FALSE(searchDataflows(device, s));
  // The largest published layer is within, and all that a double counts.
  AttentionShape large = shape(16, 1 << 20, 1 << 20, 128);
  large.batch = 64;
  EXPECT_TRUE(searchDataflows(*findDevice("cloud"), large));
  large = shape(32, 1 << 24, 1 << 24, 128);
  EXPECT_TRUE(searchDataflows(*findDevice("edge"), large));
  large.heads = 33;
  Status beyond = large.check();
  ASSERT_FALSE(beyond);
  EXPECT_EQ(beyond.error().message,
            "found more than 2^53 logits (batch 1, heads 33, queries 16777216, "
            "keys 16777216), expected at most 2^53");
}

/// At the largest shapes, a step at a time in long doubles.
TEST(Extended, CountsAllLogits) {
  AttentionShape s = shape(32, 1 << 24, 1 << 24, 64);
  for (const char *name : {"edge", "cloud", "tpu-v5e"}) {
    Device device = *findDevice(name);
    SearchOptions options;
    options.keep = 50;
    for (Scope scope : {Scope::Naive, Scope::Unfused, Scope::All}) {
      options.scope = scope;
      auto found = searchDataflows(device, s, options);
      // One row of logits is 32 MiB: elsewhere there are key tiles alone.
      ASSERT_TRUE(found.ok() || scope != Scope::All);
      if (!found)
        continue;
      for (const Candidate &c : found->ranked) {
        const Dataflow &f = c.dataflow;
        auto ceil = [](long double a, long double b) {
          return std::ceil(a / b);
        };
        long double S = s.keys, N = s.queries, d = 64,
                    b = device.array.cols / f.packed, a = device.array.rows;
        long double blocks = ceil(N, f.rows), bytes = 2 * N * d; // q or o
        bool isOnline = f.keyTile != 0;
        bool keysOuter = f.order == LoopOrder::KeysOuter;
        bool inArray = !f.isStaged(StagedOutput) && !isOnline &&
                       f.attend == Stationarity::Output;
        long double visits = N * ceil(S, isOnline ? f.keyTile : b);
        if (!f.isStaged(StagedQ))
          bytes += 2 * visits * d;
        else
          bytes += 2 * N * d;
        bytes += 2 * d * S * (f.isStaged(StagedK) || keysOuter ? 1 : blocks);
        bytes += 2 * d * S *
                 (f.isStaged(StagedV) || keysOuter ? 1
                  : inArray                        ? blocks * ceil(f.rows, a)
                                                   : blocks);
        if (!f.isFused())
          bytes += 2 * N * S * (3 + ceil(d, b));
        if (!f.isStaged(StagedOutput) && !inArray)
          bytes += 8 * (visits - N) * (d + (keysOuter ? 2 : 0));
        EXPECT_NEAR(c.cost.dramBytes / static_cast<double>(32 * bytes), 1,
                    1e-12)
            << name << " " << toString(f);
        EXPECT_EQ(c.cost.idealCycles,
                  std::ldexp(1, 53) * 128 / device.array.macsPerCycle());
        EXPECT_GE(c.cost.cycles, c.cost.idealCycles);
      }
    }
  }
}

TEST(Extended, ChecksCapacity) {
  Device device = small();
  device.dram.latencyCycles = 100;
  AttentionShape s = shape(1, 1024, 1024, 16);
  for (const Dataflow &flow :
       {rows(64, 0), rows(64, 128, StagedQ | StagedLogits)}) {
    device.scratchpad.bytes = 1 << 30;
    int64_t most = extendedFootprint(device, s, flow);
    device.scratchpad.bytes = 1;
    int64_t least = extendedFootprint(device, s, flow);
    EXPECT_LT(least, most);
    device.scratchpad.bytes = least - 1;
    Status status = checkExtended(device, s, flow);
    ASSERT_FALSE(status);
    EXPECT_NE(status.error().message.find("live bytes"), std::string::npos);
    // What hides latency takes what is there, and costs nothing to leave out
    // but time.
    int64_t last = least;
    double cycles = INFINITY;
    for (int64_t bytes = least; bytes <= most; bytes += 64) {
      device.scratchpad.bytes = bytes;
      ASSERT_TRUE(checkExtended(device, s, flow));
      int64_t live = extendedFootprint(device, s, flow);
      EXPECT_LE(live, bytes);
      EXPECT_GE(live, last);
      last = live;
      double now = evaluateExtended(device, s, flow).cycles;
      EXPECT_LE(now, cycles);
      cycles = now;
    }
    EXPECT_EQ(last, most);
  }
}

void expectSameRanking(const Device &device, const AttentionShape &s,
                       SearchOptions options) {
  Result<SearchResult> pruned = searchDataflows(device, s, options);
  options.exhaustive = true;
  Result<SearchResult> all = searchDataflows(device, s, options);
  ASSERT_TRUE(pruned) << pruned.error().message;
  ASSERT_TRUE(all);
  ASSERT_EQ(pruned->ranked.size(), all->ranked.size());
  for (size_t i = 0; i != all->ranked.size(); ++i) {
    EXPECT_EQ(toString(pruned->ranked[i].dataflow),
              toString(all->ranked[i].dataflow));
    EXPECT_EQ(pruned->ranked[i].cost.cycles, all->ranked[i].cost.cycles);
    Status status = checkExtended(device, s, all->ranked[i].dataflow);
    EXPECT_TRUE(status) << status.error().message;
  }
  EXPECT_EQ(all->pruned, 0);
  EXPECT_EQ(all->priced + all->infeasible, all->points);
  EXPECT_EQ(pruned->points, all->points);
}

TEST(ExtendedSearch, PruningKeepsTheRanking) {
  Device edge = *findDevice("edge"), packing = *findDevice("cloud");
  packing.array.packsHeads = true;
  packing.specialFunction.lanes = 256;
  edge.specialFunction.lanes = 16;
  Device softmax = *findDevice("fusemax");
  softmax.array.rows = 32;
  softmax.array.cols = 48;
  softmax.scratchpad.bytes = 1 << 18;
  for (const Device &device : {edge, packing, small(), softmax})
    for (Objective objective : {Objective::Cycles, Objective::Energy,
                                Objective::EnergyDelay, Objective::Capacity})
      for (Scope scope : {Scope::Unfused, Scope::All})
        for (bool causal : {false, true})
          for (int64_t group : {1, 4}) {
            AttentionShape s = shape(8, 200, 256, 32);
            s.kvHeads = 8 / group;
            s.batch = 2;
            s.causal = causal;
            SearchOptions options;
            options.objective = objective;
            options.scope = scope;
            options.keep = 7;
            expectSameRanking(device, s, options);
          }
}

/// Two products of the head's width, a maximum, an exponential and a sum on
/// each tile of 256 by 256 logits, and all tensors moved once: the published
/// figures.
TEST(ExtendedSearch, FindsTheMappingOfFuseMax) {
  for (int64_t length : {1024, 4096, 16384}) {
    AttentionShape s = shape(12, length, length, 64);
    s.batch = 64;
    SearchOptions options;
    options.keep = 1;
    auto found = searchDataflows(*findDevice("fusemax"), s, options);
    ASSERT_TRUE(found);
    const Candidate &best = found->ranked.front();
    EXPECT_EQ(toString(best.dataflow),
              "row, rows = 256, key_tile = 256, staged = [q, logits, o], "
              "attend = input, keys outer");
    double tiles = 768 * double(length / 256) * double(length / 256);
    EXPECT_DOUBLE_EQ(best.cost.computeCycles, tiles * (64 + 1 + 7 + 1 + 64));
    EXPECT_DOUBLE_EQ(best.cost.dramBytes, 768.0 * double(length) * 64 * 4 * 2);
    EXPECT_LT(best.cost.cycles, 1.001 * best.cost.computeCycles);
  }
}

TEST(ExtendedSearch, AllNeverLosesToUnfused) {
  for (const char *name : {"edge", "cloud"})
    for (int64_t length : {512, 4096, 65536}) {
      AttentionShape s = shape(12, length, length, 64);
      s.batch = 64;
      SearchOptions options;
      options.keep = 1;
      Result<SearchResult> all = searchDataflows(*findDevice(name), s, options);
      options.scope = Scope::Unfused;
      Result<SearchResult> unfused =
          searchDataflows(*findDevice(name), s, options);
      ASSERT_TRUE(all && unfused);
      EXPECT_LE(all->ranked[0].cost.cycles, unfused->ranked[0].cost.cycles);
      EXPECT_TRUE(all->ranked[0].dataflow.isFused());
      // Of hundreds of thousands of points few are priced: that makes it
      // quick.
      EXPECT_GT(all->points, 300000);
      EXPECT_LT(all->priced, 10000);
    }
}

TEST(ExtendedSearch, SaysWhyNothingFits) {
  Device device = small();
  device.scratchpad.bytes = 64;
  Result<SearchResult> result = searchDataflows(device, shape(1, 64, 64, 16));
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message.find("live bytes"), std::string::npos)
      << result.error().message;
}

} // namespace
