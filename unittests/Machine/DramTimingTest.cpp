//===- DramTimingTest.cpp - Banks and rows against closed forms ------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Timings are those of the standards (JESD79-4, JESD209-4, JESD235): what a
// stream, misses of one bank and misses of many banks take follows from them.
//
//===----------------------------------------------------------------------===//

#include "nm/Machine/Device.h"
#include <gtest/gtest.h>
#include <random>

using namespace nm::machine;

namespace {

struct Part {
  const char *name;
  Dram dram;
};

Dram dramOf(double bandwidth, int64_t burst, DramRows rows) {
  Dram dram;
  dram.bytesPerSecond = bandwidth;
  dram.burstBytes = burst;
  dram.rows = rows;
  return dram;
}

/// DDR4-3200AA, 64 bits of x8 parts of 8 Gbit; LPDDR4-3200, two channels of 16
/// bits; HBM2 of 2 Gbit/s a pin, 16 pseudo channels. Channels, groups, banks,
/// row bytes; tRCD, tCL, tRP, tRAS, tRRD_S, tFAW, tCCD_L, tREFI, tRFC.
const Part kParts[] = {
    {"DDR4-3200",
     dramOf(25.6e9, 64,
            {1, 4, 16, 8192, 13.75, 13.75, 13.75, 32, 2.5, 21, 5, 7800, 350})},
    {"LPDDR4-3200",
     dramOf(12.8e9, 32,
            {2, 1, 8, 2048, 18, 17.5, 18, 42, 10, 40, 5, 3904, 280})},
    {"HBM2", dramOf(256e9, 32,
                    {16, 4, 16, 1024, 14, 14, 14, 33, 4, 16, 4, 3900, 260})}};

/// One of its channels, with its share of the bandwidth.
Dram channelOf(Dram dram) {
  dram.bytesPerSecond /= static_cast<double>(dram.rows.channels);
  dram.rows.channels = 1;
  return dram;
}

/// Nanoseconds of an access, refreshes and all.
double timeOf(const Dram &dram, const DramAccess &access) {
  return dramModelOf(dram)->streamBytes(access) /
         (dram.bytesPerSecond * dram.streamingShare()) * 1e9;
}

double refreshOf(const DramRows &rows) { return 1 - rows.rfc / rows.refi; }

/// Bytes from a row of a bank to the same place of the next row of the same
/// group.
int64_t superRow(const DramRows &rows) {
  return rows.rowBytes * rows.bankGroups * rows.channels;
}

TEST(DramTiming, StreamsLoseTheRefreshesAlone) {
  for (const Part &part : kParts) {
    const DramRows &rows = part.dram.rows;
    EXPECT_NEAR(part.dram.streamingShare(), refreshOf(rows), 1e-12)
        << part.name;
    DramAccess stream;
    stream.bytes = 4 << 20;
    EXPECT_NEAR(dramModelOf(part.dram)->streamBytes(stream) /
                    static_cast<double>(stream.bytes),
                1, 0.01)
        << part.name;
  }
}

TEST(DramTiming, MissesOfOneBankTakeARowCycleEach) {
  for (const Part &part : kParts) {
    Dram dram = channelOf(part.dram);
    const DramRows &rows = dram.rows;
    DramAccess misses;
    misses.bytes = dram.burstBytes;
    misses.counts[3] = 1000;
    misses.strides[3] = superRow(rows) * (rows.banks / rows.bankGroups);
    double cycle =
        std::max(rows.ras + rows.rp, rows.rcd + dram.burstTime() + rows.rp);
    // The last one ends with its data.
    EXPECT_NEAR(timeOf(dram, misses), 1000 * cycle / refreshOf(rows),
                1.1 * cycle)
        << part.name;
  }
}

TEST(DramTiming, MissesOfManyBanksAreBoundByOpenings) {
  for (const Part &part : kParts) {
    Dram dram = channelOf(part.dram);
    const DramRows &rows = dram.rows;
    int64_t perGroup = rows.banks / rows.bankGroups;
    DramAccess misses; // of one channel and group, each in the next bank
    misses.bytes = dram.burstBytes;
    misses.counts[3] = 4000;
    misses.strides[3] = superRow(rows);
    double each =
        std::max({dram.burstTime(), rows.rrd, rows.faw / 4, rows.ccdLong,
                  (rows.ras + rows.rp) / static_cast<double>(perGroup)});
    EXPECT_NEAR(timeOf(dram, misses) / (4000 * each / refreshOf(rows)), 1, 0.02)
        << part.name;
    // All banks of a channel: tRRD and tFAW alone.
    DramAccess spread = misses;
    spread.counts = {1, 1, 1000, rows.bankGroups};
    spread.strides = {0, 0, superRow(rows), dram.burstBytes * rows.channels};
    each = std::max({dram.burstTime(), rows.rrd, rows.faw / 4,
                     (rows.ras + rows.rp) / static_cast<double>(rows.banks)});
    double all = static_cast<double>(1000 * rows.bankGroups);
    EXPECT_NEAR(timeOf(dram, spread) / (all * each / refreshOf(rows)), 1, 0.05)
        << part.name;
  }
}

TEST(DramTiming, BurstsOfOneGroupAreFurtherApart) {
  Dram dram = kParts[0].dram;
  DramAccess access; // every fourth burst: one of four groups
  access.bytes = 64;
  access.counts[3] = 128;
  access.strides[3] = 4 * 64;
  EXPECT_NEAR(timeOf(dram, access), 128 * 5 / refreshOf(dram.rows), 6);
}

TEST(DramTiming, StridesMeetAllChannels) {
  for (const Part &part : kParts)
    for (int64_t stride = part.dram.burstBytes; stride <= 4096; stride *= 2) {
      DramAccess access;
      access.bytes = part.dram.burstBytes;
      access.counts[3] = 4096;
      access.strides[3] = stride;
      // As bursts of one channel that is as fast as all of them.
      Dram one = part.dram;
      one.rows.channels = 1;
      one.rows.rowBytes *= part.dram.rows.channels;
      one.rows.rrd /= static_cast<double>(part.dram.rows.channels);
      one.rows.faw /= static_cast<double>(part.dram.rows.channels);
      one.rows.ccdLong /= static_cast<double>(part.dram.rows.channels);
      double most = 2 * timeOf(one, access) + 500;
      EXPECT_LE(timeOf(part.dram, access), most)
          << part.name << ", stride " << stride;
    }
}

TEST(DramTiming, OpeningsCanBeSlowerThanRows) {
  // Rows of two bursts: tFAW / 4 is longer than reading one.
  Dram dram = kParts[0].dram;
  dram.rows.rowBytes = 128;
  EXPECT_NEAR(dram.streamingShare(), 5 / (21.0 / 4) * refreshOf(dram.rows),
              1e-12);
  DramAccess stream;
  stream.bytes = 1 << 20;
  EXPECT_NEAR(dramModelOf(dram)->streamBytes(stream) / (1 << 20), 1, 0.02);
}

TEST(DramTiming, NoAccessIsFasterThanItsBursts) {
  std::mt19937_64 random(5);
  auto below = [&](int64_t n) {
    return static_cast<int64_t>(random() % static_cast<uint64_t>(n));
  };
  for (int i = 0; i != 500; ++i) {
    const Part &part = kParts[below(3)];
    Dram flat = part.dram;
    flat.rows = {};
    DramAccess access;
    access.base = below(1 << 20) * part.dram.burstBytes;
    access.bytes = 1 + below(5000);
    for (size_t d = 0; d != 4; ++d) {
      access.counts[d] = 1 + below(5);
      access.strides[d] = part.dram.burstBytes * (200 + below(10000));
    }
    double bursts = dramModelOf(flat)->streamBytes(access);
    double bytes = dramModelOf(part.dram)->streamBytes(access);
    // Streams lose their refreshes too.
    EXPECT_GE(bytes, bursts * (1 - 1e-9)) << part.name << ", access " << i;
  }
}

TEST(DramTiming, LongAccessesGoOnAsTheyBegin) {
  for (const Part &part : kParts) {
    DramAccess access;
    access.bytes = part.dram.burstBytes;
    access.strides[3] = superRow(part.dram.rows) + part.dram.burstBytes;
    access.counts[3] = 1 << 18;
    double part1 = dramModelOf(part.dram)->streamBytes(access);
    access.counts[3] = 1 << 20;
    EXPECT_NEAR(dramModelOf(part.dram)->streamBytes(access) / part1, 4, 0.01)
        << part.name;
  }
}

TEST(DramTiming, FlatBandwidthRoundsRunsUp) {
  Dram dram;
  dram.bytesPerSecond = 1e9;
  dram.burstBytes = 64;
  EXPECT_EQ(dram.streamingShare(), 1);
  DramAccess access;
  access.bytes = 65;
  access.counts = {2, 3, 1, 4};
  EXPECT_EQ(dramModelOf(dram)->streamBytes(access), 24 * 128);
}

} // namespace
