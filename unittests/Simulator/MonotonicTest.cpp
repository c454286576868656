//===- MonotonicTest.cpp - Programs on better machines ---------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One program on two machines of which one has at least as much of everything.
// Where no two instructions compete for a memory, the better one is never
// slower (docs/simulator.md, "Better machines"); where they do, it may be, and
// the last test is the smallest program of that kind. NM_SEED chooses
// other machines and programs.
//
//===----------------------------------------------------------------------===//

#include "Common/RandomDevices.h"
#include "TestSupport.h"
#include <cstdio>

using namespace nm;
using namespace nm::sim;
using namespace nm::isa;

namespace {

/// Programs of loops in which tiles come in on one channel, pass through the
/// special function unit or not, and go to the array, whose sums may have to
/// pass through the unit before the next product. Rings have any number of
/// slots, loops follow one another with a barrier or without.
class RandomPipelines {
public:
  RandomPipelines(std::mt19937 &random, const Device &device)
      : random(random), device(device), b("random", targetOf(device)) {}

  Program make() {
    for (int64_t loops = 1 + below(3); loops; --loops) {
      std::vector<Lane> lanes;
      for (int64_t count = 1 + below(3); count; --count)
        lanes.push_back(lane());
      LoopId i = b.beginLoop(1 + below(30));
      for (const Lane &lane : lanes)
        round(lane, i);
      b.endLoop(i);
      if (below(2))
        b.barrier();
    }
    Result<Program> program = b.finish();
    EXPECT_TRUE(program.ok()) << (program.ok() ? "" : program.error().message);
    return program.ok() ? *program : Program();
  }

private:
  /// What of a round belongs to one ring of tiles.
  struct Lane {
    TensorId in;
    Stream tiles;
    BufferId rhs, dest;
    int64_t rows, columns;
    SemaphoreId ready, summed, rescaled;
    bool isRescaled, hasFeedback;
    Stationarity stationary;
  };

  int64_t below(int64_t bound) {
    return static_cast<int64_t>(random() % static_cast<uint64_t>(bound));
  }

  Lane lane() {
    int64_t rows = int64_t(1) << below(5), columns = int64_t(1) << below(6);
    TensorId in = b.tensor(tensorOf("in" + std::to_string(tensors++), Role::In,
                                    Type::F16, {rows * 30, columns}));
    Stream tiles(b, Type::F16, {rows, columns}, 1 + below(4));
    BufferId rhs = b.buffer(Type::F16, {columns, 4});
    BufferId dest = b.buffer(Type::F32, {rows, 4});
    const auto &kinds = device.array.stationarities;
    return {
        in,
        tiles,
        rhs,
        dest,
        rows,
        columns,
        b.semaphore(0),
        b.semaphore(0),
        b.semaphore(1),
        below(2) == 0,
        below(3) == 0,
        kinds[static_cast<size_t>(below(static_cast<int64_t>(kinds.size())))]};
  }

  void round(const Lane &lane, LoopId i) {
    TileRef tile = b.tile(lane.tiles.buffer).slotBy(i);
    b.load(
        b.tile(lane.in, {0, 0}, {lane.rows, lane.columns}).by(i, 0, lane.rows),
        tile, 0, lane.tiles.produce());
    isa::Tokens product = lane.tiles.consume();
    if (lane.isRescaled) {
      b.special(Opcode::Softmax, {tile, tile},
                {{lane.tiles.full}, {lane.ready}});
      product = {{lane.ready}, {lane.tiles.free}};
    }
    TileRef dest = b.tile(lane.dest);
    if (lane.hasFeedback)
      product = product + isa::Tokens{{lane.rescaled}, {lane.summed}};
    b.gemm(lane.stationary, tile, b.tile(lane.rhs), dest, product);
    if (lane.hasFeedback)
      b.special(Opcode::Unary, {dest, dest}, {{lane.summed}, {lane.rescaled}})
          .unary = UnaryKind::Gelu;
  }

  std::mt19937 &random;
  const Device &device;
  Builder b;
  int tensors = 0;
};

} // namespace

TEST(Monotonic, ProgramsWithoutCompetition) {
  unsigned seed = model::seedOf("NM_SEED", 1);
  std::printf("seed %u\n", seed);
  std::mt19937 random(seed);
  int64_t pairs = 0, faster = 0;
  for (std::vector<Device> family : model::randomFamilies(seed, 15, 10)) {
    // One channel alone draws from DRAM, and the scratchpad gives what is asked
    // for; all programs fit.
    for (Device &device : family) {
      device.scratchpad.bytesPerSecond = 1e18;
      device.scratchpad.bytes = 1 << 20;
    }
    for (int number = 0; number != 10; ++number) {
      Program program = RandomPipelines(random, family[0]).make();
      std::vector<double> seconds;
      for (const Device &device : family)
        seconds.push_back(timeOf(program, device).cycles /
                          static_cast<double>(device.frequencyHz));
      for (size_t i = 0; i != family.size(); ++i)
        for (size_t j = 0; j != family.size(); ++j) {
          if (i == j || !model::isAtLeast(family[j], family[i]))
            continue;
          ++pairs;
          faster += seconds[j] < seconds[i] * (1 - 1e-9);
          ASSERT_LE(seconds[j], seconds[i] * (1 + 1e-9))
              << "program " << number << " is slower on\n"
              << printDevice(family[j]) << "than on\n"
              << printDevice(family[i]);
        }
    }
  }
  std::printf("%ld pairs, %ld faster\n", static_cast<long>(pairs),
              static_cast<long>(faster));
  EXPECT_GT(pairs, 1000);
  EXPECT_GT(faster, pairs / 3) << "the machines hardly differ";
}

TEST(Monotonic, LatencyIsHiddenAsFarAsItIsCovered) {
  // A ring of two slots: the second load's slot is free from the beginning, the
  // third one's when the first product ends. What passes between that and the
  // end of the second load hides as much of the latency, and no more: the run
  // has no jump where the product becomes a little longer than the transfer.
  Device device = smallDevice();
  device.array.fillCycles = 0;
  device.array.stepOverhead[static_cast<int>(Stationarity::Output)] = 0;
  double before = 0;
  for (int64_t k = 1; k != 64; ++k) {
    Builder b("covered", targetOf(device));
    // 512 bytes in 32 cycles; a product takes k.
    TensorId in = b.tensor(tensorOf("in", Role::In, Type::F16, {30, 256}));
    Stream tiles(b, Type::F16, {1, 256});
    BufferId lhs = b.buffer(Type::F16, {8, k}),
             dest = b.buffer(Type::F32, {8, 8});
    LoopId i = b.beginLoop(3);
    TileRef tile = b.tile(tiles.buffer).slotBy(i);
    b.load(b.tile(in, {0, 0}, {1, 256}).by(i, 0, 1), tile, 0, tiles.produce());
    BufferId rhs = b.buffer(Type::F16, {k, 8});
    b.gemm(Stationarity::Output, b.tile(lhs), b.tile(rhs), b.tile(dest),
           tiles.consume());
    b.endLoop(i);
    Result<Program> program = b.finish();
    ASSERT_TRUE(program.ok());
    double cycles = timeOf(*program, device).cycles;
    double use = static_cast<double>(k), first = 120 + 32;
    double third = std::max(first + 32, first + use + 120) + 32;
    EXPECT_DOUBLE_EQ(
        cycles, std::max(third, std::max(first + use, first + 32) + use) + use);
    EXPECT_GE(cycles, before);
    EXPECT_LE(cycles, before ? before + 3 : cycles);
    before = cycles;
  }
}

TEST(Monotonic, CompetitionIsNot) {
  // A long transfer starts when a product ends; another one, after which 1,000
  // cycles of arithmetic come, is under way on the other channel. A faster
  // scratchpad lets the product end sooner, the first transfer takes half of
  // the bandwidth from the second for as long, and the arithmetic starts later.
  // Whoever shares without knowing what the future needs can be caught so.
  auto run = [](double scratchpad) {
    Device device = smallDevice();
    device.dma.setupCycles = device.dram.latencyCycles = 0;
    device.array.fillCycles = 0;
    device.array.stepOverhead[static_cast<int>(Stationarity::Output)] = 0;
    device.specialFunction.lanes = 1;
    device.scratchpad.bytesPerSecond = scratchpad;
    Builder b("competition", targetOf(device));
    TensorId in = b.tensor(tensorOf("in", Role::In, Type::F16, {100, 64}));
    BufferId x = b.buffer(Type::F16, {8, 400}),
             y = b.buffer(Type::F16, {400, 8}),
             sums = b.buffer(Type::F16, {8, 8}),
             other = b.buffer(Type::F16, {100, 64}),
             needed = b.buffer(Type::F16, {100, 64}),
             last = b.buffer(Type::F32, {1000});
    SemaphoreId ended = b.semaphore(0), there = b.semaphore(0);
    b.gemm(Stationarity::Output, b.tile(x), b.tile(y), b.tile(sums),
           {{}, {ended}});
    b.load(b.tile(in), b.tile(other), 0, {{ended}, {}});
    b.load(b.tile(in), b.tile(needed), 1, {{}, {there}});
    b.special(Opcode::Unary, {b.tile(last), b.tile(last)}, {{there}, {}})
        .unary = UnaryKind::Relu;
    Result<Program> program = b.finish();
    EXPECT_TRUE(program.ok()) << (program.ok() ? "" : program.error().message);
    return timeOf(*program, device).cycles;
  };
  // 12,800 bytes at 16 a cycle are 800 cycles alone. The product ends after 400
  // cycles; or after 808, with 16 of 32 bytes a cycle for its 12,928.
  EXPECT_DOUBLE_EQ(run(4096e9), 400 + 800 + 1000);
  EXPECT_DOUBLE_EQ(run(32e9), 800 + 1000);
}
