//===- TimeTest.cpp - Cycles, counters and where time went -----------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestSupport.h"
#include <map>

using namespace nm;
using namespace nm::sim;
using namespace nm::isa;

namespace {

Program finished(Builder &builder) {
  Result<Program> program = builder.finish();
  EXPECT_TRUE(program.ok()) << (program.ok() ? "" : program.error().message);
  return program.ok() ? *program : Program();
}

constexpr int array = 4, special = 5; // queues of two channels

/// Cycles and elements between scratchpad and array of one product, tile by
/// tile, as docs/simulator.md tells them; it knows nothing of the formulas that
/// the simulator uses.
struct Tiled {
  int64_t cycles = 0, moved = 0;
};
Tiled tiled(Stationarity stationary, int64_t a, int64_t b, int64_t m, int64_t k,
            int64_t n) {
  Tiled sum;
  // What stays has two dimensions, the third passes by.
  int64_t high = stationary == Stationarity::Weight ? k : m;
  int64_t wide = stationary == Stationarity::Input ? k : n;
  for (int64_t y = 0; y < high; y += a)
    for (int64_t x = 0; x < wide; x += b) {
      int64_t rows = std::min(a, high - y), columns = std::min(b, wide - x);
      switch (stationary) {
      case Stationarity::Output:
        sum.cycles += k;
        sum.moved += rows * k + k * columns + rows * columns;
        break;
      case Stationarity::Weight:
        // Loading takes a cycle a row, and hides behind the tile before.
        sum.cycles += std::max(m, std::min(k, a));
        sum.moved += rows * columns + m * rows + (y ? 2 : 1) * m * columns;
        break;
      case Stationarity::Input:
        sum.cycles += std::max(n, std::min(m, a));
        sum.moved += rows * columns + n * columns + (x ? 2 : 1) * n * rows;
        break;
      }
    }
  return sum;
}

/// A product of `m` x `k` by `k` x `n` in f16, `count` times.
Program products(const Device &device, Stationarity stationary, int64_t m,
                 int64_t k, int64_t n, int64_t count = 1) {
  Builder b("products", targetOf(device));
  BufferId lhs = b.buffer(Type::F16, {m, k}), rhs = b.buffer(Type::F16, {k, n}),
           dest = b.buffer(Type::F16, {m, n});
  LoopId i = b.beginLoop(count);
  b.gemm(stationary, b.tile(lhs), b.tile(rhs), b.tile(dest), {});
  b.endLoop(i);
  return finished(b);
}

/// `count` tiles of 1024 bytes go to the array through `slots` buffers.
Program stream(const Device &device, int64_t slots, int64_t count) {
  Builder b("stream", targetOf(device));
  TensorId in = b.tensor(tensorOf("in", Role::In, Type::F16, {count * 16, 32}));
  Stream tiles(b, Type::F16, {16, 32}, slots);
  BufferId rhs = b.buffer(Type::F16, {32, 8}),
           dest = b.buffer(Type::F32, {16, 8});
  LoopId i = b.beginLoop(count);
  b.load(b.tile(in, {0, 0}, {16, 32}).by(i, 0, 16),
         b.tile(tiles.buffer).slotBy(i), 0, tiles.produce());
  b.gemm(Stationarity::Output, b.tile(tiles.buffer).slotBy(i), b.tile(rhs),
         b.tile(dest), tiles.consume());
  b.endLoop(i);
  return finished(b);
}

} // namespace

TEST(Time, Transfer) {
  Device device = smallDevice();
  device.dram.burstBytes = 64;
  Builder b("transfer", targetOf(device));
  TensorId in = b.tensor(tensorOf("in", Role::In, Type::F16, {64, 50}));
  BufferId whole = b.buffer(Type::F16, {64, 50}),
           part = b.buffer(Type::F16, {64, 10});
  b.load(b.tile(in), b.tile(whole), 0, {});
  SimulationResult one = timeOf(finished(b), device);
  // One run of 6400 bytes.
  EXPECT_DOUBLE_EQ(one.cycles, 120 + 6400 / 16.0);
  EXPECT_EQ(one.dramRead, 6400);
  EXPECT_EQ(one.scratchpadBytes, 6400);
  EXPECT_DOUBLE_EQ(one.engines[0].latency, 120);
  EXPECT_DOUBLE_EQ(one.engines[0].busy, 400);

  Builder c("bursts", targetOf(device));
  in = c.tensor(tensorOf("in", Role::In, Type::F16, {64, 50}));
  part = c.buffer(Type::F16, {64, 10});
  c.load(c.tile(in, {0, 3}, {64, 10}), c.tile(part), 1, {});
  SimulationResult rows = timeOf(finished(c), device);
  // 64 runs of 20 bytes, a burst each.
  EXPECT_DOUBLE_EQ(rows.cycles, 120 + 64 * 64 / 16.0);
  EXPECT_EQ(rows.dramRead, 1280);
  EXPECT_EQ(rows.tensors[0].read, 1280);
  EXPECT_EQ(rows.tensors[0].written, 0);
}

TEST(Time, ProductIsTheSumOfItsTiles) {
  Device device = smallDevice();
  for (auto [m, k, n] : {std::tuple(8, 8, 8), std::tuple(20, 17, 30),
                         std::tuple(1, 64, 9), std::tuple(64, 3, 5)})
    for (int s = 0; s != 3; ++s) {
      Stationarity stationary = static_cast<Stationarity>(s);
      SimulationResult result =
          timeOf(products(device, stationary, m, k, n), device);
      double overhead = static_cast<double>(device.array.stepOverhead[s]) / 2;
      EXPECT_DOUBLE_EQ(
          result.cycles,
          static_cast<double>(tiled(stationary, 8, 8, m, k, n).cycles) +
              overhead + 7);
      EXPECT_EQ(result.scratchpadBytes,
                2 * tiled(stationary, 8, 8, m, k, n).moved);
      EXPECT_EQ(result.macs, m * k * n);
      EXPECT_DOUBLE_EQ(result.engines[array].overhead, overhead);
      EXPECT_DOUBLE_EQ(result.engines[array].latency, 7);
    }
}

TEST(Time, EqualProductsNeedNoSetUp) {
  Device device = smallDevice();
  // One set-up and one filling for a row of equal products.
  EXPECT_DOUBLE_EQ(
      timeOf(products(device, Stationarity::Output, 8, 16, 8, 10), device)
          .cycles,
      3 + 7 + 160);
  // Two shapes in turn: each change costs.
  Builder b("turns", targetOf(device));
  BufferId x = b.buffer(Type::F16, {8, 8});
  LoopId i = b.beginLoop(5);
  b.gemm(Stationarity::Output, b.tile(x), b.tile(x), b.tile(x), {});
  b.gemm(Stationarity::Weight, b.tile(x), b.tile(x), b.tile(x), {});
  b.endLoop(i);
  SimulationResult turns = timeOf(finished(b), device);
  EXPECT_DOUBLE_EQ(turns.cycles, 7 + 5 * (3 + 8 + 4 + 8));
  EXPECT_DOUBLE_EQ(turns.engines[array].overhead, 35);
}

TEST(Time, SegmentsCutTheColumns) {
  Device device = smallDevice();
  Builder b("segments", targetOf(device));
  BufferId x = b.buffer(Type::F16, {2, 8, 8});
  b.gemm(Stationarity::Output, b.tile(x), b.tile(x), b.tile(x), {});
  SimulationResult result = timeOf(finished(b), device);
  EXPECT_DOUBLE_EQ(result.cycles,
                   3 + 7 +
                       static_cast<double>(
                           tiled(Stationarity::Output, 8, 4, 8, 8, 8).cycles));
  EXPECT_EQ(result.macs, 2 * 8 * 8 * 8);
}

TEST(Time, KeptElementsAndDecoder) {
  Device device = smallDevice();
  auto run = [&](Stationarity stationary) {
    Builder b("nm", targetOf(device));
    BufferId lhs = b.buffer(Type::F16, {16, 64}),
             values = b.buffer(Type::F16, {24, 32}),
             indices = b.buffer(Type::I8, {24, 8}),
             dest = b.buffer(Type::F16, {16, 24});
    b.nmGemm(stationary, {2, 4}, b.tile(lhs), b.tile(values), b.tile(indices),
             b.tile(dest), {});
    return timeOf(finished(b), device);
  };
  SimulationResult free = run(Stationarity::Output);
  EXPECT_DOUBLE_EQ(
      free.cycles,
      3 + 7 +
          static_cast<double>(
              tiled(Stationarity::Output, 8, 8, 16, 32, 24).cycles));
  EXPECT_EQ(free.macs, 16 * 32 * 24);
  EXPECT_DOUBLE_EQ(free.energy.decode, 0.25 * 2 * 32 * 24);
  device.array.indexDecodesPerCycle = 2;
  // Two tiles of rows: each weight passes the decoder twice, or once.
  EXPECT_DOUBLE_EQ(run(Stationarity::Output).cycles, 10 + 2 * 32 * 24 / 2);
  EXPECT_DOUBLE_EQ(run(Stationarity::Weight).cycles, 11 + 32 * 24 / 2);
}

TEST(Time, SpecialFunctions) {
  Device device = smallDevice();
  Builder b("special", targetOf(device));
  BufferId x = b.buffer(Type::F16, {16, 32});
  BufferId row = b.buffer(Type::F32, {16});
  b.special(Opcode::Softmax, {b.tile(x), b.tile(x)}, {});
  b.special(Opcode::RowMax, {b.tile(x), b.tile(row)}, {});
  b.special(Opcode::ExpSum, {b.tile(x), b.tile(row), b.tile(x), b.tile(row)},
            {});
  Program program = finished(b);
  SimulationResult result = timeOf(program, device);
  // max + exp + sum + scale; max; exp + sum, with exponentials of 3 cycles.
  EXPECT_DOUBLE_EQ(result.cycles, 512 * (6 + 1 + 4) / 4.0);
  EXPECT_EQ(result.specialOps, 512 * (4 + 1 + 2));
  EXPECT_DOUBLE_EQ(result.energy.special, 2.0 * 512 * 11);
  // Five accesses of the softmax; one; two; and the row vectors.
  EXPECT_EQ(result.scratchpadBytes, 1024 * (5 + 1 + 2) + 3 * 64);
  EXPECT_DOUBLE_EQ(result.engines[special].busy, result.cycles);
  // Free lanes: the scratchpad alone counts.
  device.specialFunction.lanes = 0;
  SimulationResult free = timeOf(program, device);
  EXPECT_DOUBLE_EQ(free.cycles, (1024 * 8 + 192) / 4096.0);
  EXPECT_DOUBLE_EQ(free.engines[special].scratchpad, free.cycles);
}

TEST(Time, DoubleBufferingOverlaps) {
  Device device = smallDevice();
  device.array.fillCycles = 0;
  // A tile comes in 120 + 64 cycles; its product takes 2 * 32.
  const double load = 184, product = 64;
  SimulationResult one = timeOf(stream(device, 1, 10), device);
  EXPECT_DOUBLE_EQ(one.cycles, 10 * (load + product) + 3);
  // Transfers that follow one another hide the latency of all but the first.
  SimulationResult ten = timeOf(stream(device, 10, 10), device);
  EXPECT_DOUBLE_EQ(ten.cycles, load + 3 + 10 * product);
  EXPECT_DOUBLE_EQ(ten.engines[array].busy, 640);
  EXPECT_DOUBLE_EQ(ten.engines[array].semaphore, load);
  EXPECT_DOUBLE_EQ(ten.engines[0].latency, 120);
  // With fast transfers the array is the bound.
  device.dma.setupCycles = device.dram.latencyCycles = 0;
  device.dram.bytesPerSecond = 64e9;
  EXPECT_DOUBLE_EQ(timeOf(stream(device, 2, 10), device).cycles,
                   16 + 3 + 10 * product);
}

TEST(Time, ChannelsShareDram) {
  Device device = smallDevice();
  Builder b("two", targetOf(device));
  TensorId in = b.tensor(tensorOf("in", Role::In, Type::F16, {64, 64}));
  BufferId x = b.buffer(Type::F16, {64, 64}), y = b.buffer(Type::F16, {32, 64});
  b.load(b.tile(in), b.tile(x), 0, {});
  b.load(b.tile(in, {0, 0}, {32, 64}), b.tile(y), 1, {});
  SimulationResult result = timeOf(finished(b), device);
  // 8192 and 4096 bytes at 16 a cycle: the short one runs at half the speed
  // until 512 cycles have passed, the long one then has 4096 bytes left.
  EXPECT_DOUBLE_EQ(result.engines[0].dram, 256);
  EXPECT_DOUBLE_EQ(result.engines[0].busy, 512);
  EXPECT_DOUBLE_EQ(result.engines[1].dram, 256);
  EXPECT_DOUBLE_EQ(result.engines[1].busy, 256);
  EXPECT_DOUBLE_EQ(result.engines[1].finished, 256);
  EXPECT_DOUBLE_EQ(result.cycles, 120 + 768);
}

TEST(Time, LatencyHidesBehindTransfersOnly) {
  Device device = smallDevice();
  auto run = [&](bool barrier, bool sync) {
    Builder b("pair", targetOf(device));
    TensorId in = b.tensor(tensorOf("in", Role::In, Type::F16, {16, 50}));
    BufferId x = b.buffer(Type::F16, {16, 50});
    SemaphoreId idle = b.semaphore(1);
    if (sync)
      b.sync(Engine::Load, 0, {{idle}, {}});
    b.load(b.tile(in), b.tile(x), 0, {});
    if (barrier)
      b.barrier();
    b.load(b.tile(in), b.tile(x), 0, {});
    return timeOf(finished(b), device).cycles;
  };
  // 1600 bytes in 100 cycles.
  EXPECT_DOUBLE_EQ(run(false, false), 120 + 2 * 100);
  EXPECT_DOUBLE_EQ(run(true, false), 2 * (120 + 100));
  EXPECT_DOUBLE_EQ(run(false, true), 120 + 2 * 100);
}

TEST(Time, ScratchpadSlowsTheArray) {
  Device device = smallDevice();
  device.scratchpad.bytesPerSecond = 16e9; // 16 bytes a cycle
  SimulationResult result =
      timeOf(products(device, Stationarity::Output, 8, 64, 8), device);
  int64_t bytes = 2 * (2 * 8 * 64 + 64);
  EXPECT_EQ(result.scratchpadBytes, bytes);
  EXPECT_DOUBLE_EQ(result.cycles, 10 + static_cast<double>(bytes) / 16);
  EXPECT_DOUBLE_EQ(result.engines[array].busy, 64);
  EXPECT_DOUBLE_EQ(result.engines[array].scratchpad,
                   static_cast<double>(bytes) / 16 - 64);
}

TEST(Time, WhoNeedsLessLeavesTheRest) {
  // The array asks for 4 of 16 bytes a cycle; both channels want 16 each.
  Device device = smallDevice();
  device.scratchpad.bytesPerSecond = 16e9;
  device.dram.bytesPerSecond = 64e9;
  device.dma.setupCycles = device.dram.latencyCycles = 0;
  device.array.fillCycles = 0;
  device.array.stepOverhead[1] = 0;
  Builder b("mixed", targetOf(device));
  TensorId in = b.tensor(tensorOf("in", Role::In, Type::F16, {64, 6}));
  BufferId x = b.buffer(Type::F16, {64, 6}), y = b.buffer(Type::F16, {64, 6});
  BufferId lhs = b.buffer(Type::F16, {64, 1}),
           rhs = b.buffer(Type::F16, {1, 1}),
           dest = b.buffer(Type::F16, {64, 1});
  b.load(b.tile(in), b.tile(x), 0, {});
  b.load(b.tile(in), b.tile(y), 1, {});
  b.gemm(Stationarity::Weight, b.tile(lhs), b.tile(rhs), b.tile(dest), {});
  SimulationResult result = timeOf(finished(b), device);
  // 64 cycles for 258 bytes of the array; the rest of 16 bytes goes to 2 x 768.
  EXPECT_DOUBLE_EQ(result.engines[array].busy, 64);
  EXPECT_NEAR(result.cycles, (258 + 1536) / 16.0, 1e-9);
  EXPECT_NEAR(result.engines[0].scratchpad, result.cycles - 768 / 64.0, 1e-9);
}

TEST(Time, PartsSumToTheRun) {
  Device device = smallDevice();
  device.scratchpad.bytesPerSecond = 40e9;
  Builder b("all", targetOf(device));
  TensorId in = b.tensor(tensorOf("in", Role::In, Type::F16, {160, 32}));
  TensorId out = b.tensor(tensorOf("out", Role::Out, Type::F32, {160, 8}));
  Stream tiles(b, Type::F16, {16, 32}), results(b, Type::F32, {16, 8});
  BufferId rhs = b.buffer(Type::F16, {32, 8});
  for (int pass = 0; pass != 3; ++pass) {
    LoopId i = b.beginLoop(10);
    TileRef tile = b.tile(tiles.buffer).slotBy(i);
    TileRef sums = b.tile(results.buffer).slotBy(i);
    b.load(b.tile(in, {0, 0}, {16, 32}).by(i, 0, 16), tile, pass % 2,
           tiles.produce());
    SemaphoreId ready = b.semaphore(0);
    b.gemm(Stationarity::Weight, tile, b.tile(rhs), sums,
           tiles.consume() + Tokens{{results.free}, {ready}});
    b.special(Opcode::Unary, {sums, sums}, {{ready}, {results.full}}).unary =
        UnaryKind::Gelu;
    b.store(sums, b.tile(out, {0, 0}, {16, 8}).by(i, 0, 16), 0,
            {{results.full}, {results.free}});
    b.endLoop(i);
    b.barrier();
    // A semaphore has one engine on each side: the next pass its own.
    tiles.free = b.semaphore(2);
    tiles.full = b.semaphore(0);
  }
  Program program = finished(b);
  SimulationResult result = timeOf(program, device);
  EXPECT_EQ(result.engines.size(), 6u);
  int64_t instructions = 0;
  for (const EngineTime &time : result.engines) {
    EXPECT_NEAR(sumOf(time), result.cycles, 1e-9 * result.cycles);
    instructions += time.instructions;
  }
  EXPECT_EQ(instructions, 120);
  EXPECT_EQ(result.steps, 123); // with the barriers
  EXPECT_GT(result.engines[0].barrier, 0);
  EXPECT_EQ(result.dramRead, 3 * 160 * 32 * 2);
  EXPECT_EQ(result.dramWritten, 3 * 160 * 8 * 4);
  EXPECT_EQ(result.tensors[1].written, 3 * 160 * 8 * 4);
  EXPECT_EQ(result.macs, 3 * 160 * 32 * 8);
  EXPECT_DOUBLE_EQ(result.energy.mac, 0.5 * 3 * 160 * 32 * 8);
  EXPECT_DOUBLE_EQ(result.energy.dram, 32.0 * (30720 + 15360));
  EXPECT_EQ(result.energy.leakage, 0);
  // Segments end with the rounds of outermost loops: when the last instruction
  // of a round ends, and all of it before has ended. Each instruction runs once
  // a round here.
  SimulatorOptions cut;
  cut.functional = false;
  cut.maxSegments = 1000;
  cut.maxEvents = 1000;
  cut.leastRound = 0;
  Memory none = Memory::none(program);
  auto rounds = simulate(program, device, none, cut);
  ASSERT_TRUE(rounds) << rounds.error().message;
  EXPECT_EQ(rounds->cycles, result.cycles);
  ASSERT_EQ(rounds->segments.size(), 30u);
  std::map<int32_t, std::vector<Event>> runs;
  for (const Event &event : rounds->events)
    runs[event.instruction].push_back(event);
  std::vector<double> ends(30, 0.0);
  for (auto &[index, events] : runs)
    for (size_t i = 0; i != events.size(); ++i) {
      size_t pass = static_cast<size_t>(index) * 3 / program.code.size();
      ends[10 * pass + i] = std::max(ends[10 * pass + i], events[i].end);
    }
  int64_t bytes = 0, macs = 0;
  for (size_t i = 0; i != 30; ++i) {
    const Segment &segment = rounds->segments[i];
    EXPECT_DOUBLE_EQ(segment.end, ends[i]) << i;
    EXPECT_EQ(segment.isRound, i % 10 != 9) << i;
    double drain = 0;
    for (const Event &event : rounds->events)
      if (event.begin < segment.end && event.end > segment.end)
        drain = std::max(drain, event.end - segment.end);
    EXPECT_DOUBLE_EQ(segment.drain, drain) << i;
    // Two slots of tiles and of results, and the weights.
    EXPECT_EQ(segment.liveBytes,
              segment.isRound ? 2 * 16 * 32 * 2 + 2 * 16 * 8 * 4 + 32 * 8 * 2
                              : 0);
    bytes += segment.dramBytes;
    macs += segment.macs;
  }
  EXPECT_EQ(bytes, result.dramBytes());
  EXPECT_EQ(macs, result.macs);
  cut.leastRound = rounds->segments[4].end;
  auto fewer = simulate(program, device, none, cut);
  ASSERT_TRUE(fewer) << fewer.error().message;
  EXPECT_LT(fewer->segments.size(), 30u);
  for (const Segment &segment : fewer->segments)
    EXPECT_TRUE(!segment.isRound ||
                segment.end - segment.begin >= cut.leastRound);
  // Static power flows all the time, in every unit.
  Device leaking = device;
  leaking.staticWatts = {0.5, 0.25, 0.125, 2, 1};
  SimulationResult leaked = timeOf(program, leaking);
  EXPECT_EQ(leaked.cycles, result.cycles);
  EXPECT_DOUBLE_EQ(leaked.energy.leakage, 3.875e3 * result.cycles); // at 1 GHz
  EXPECT_DOUBLE_EQ(leaked.energy.total(),
                   result.energy.total() + leaked.energy.leakage);
  // One instruction at a time on each engine.
  std::vector<double> free(6, 0.0);
  for (const Event &event : result.events) {
    EXPECT_GE(event.begin, free[event.queue]);
    EXPECT_GE(event.end, event.begin);
    free[event.queue] = event.end;
  }
  EXPECT_EQ(result.events.size(), 120u);
}

TEST(Time, RunsAreDeterministic) {
  Device device = smallDevice();
  device.scratchpad.bytesPerSecond = 33e9;
  device.dram.bytesPerSecond = 7e9;
  Program program = stream(device, 3, 100);
  SimulationResult first = timeOf(program, device);
  for (int run = 0; run != 3; ++run) {
    SimulationResult again = timeOf(program, device);
    EXPECT_EQ(first.cycles, again.cycles);
    ASSERT_EQ(first.events.size(), again.events.size());
    for (size_t i = 0; i != first.events.size(); ++i) {
      EXPECT_EQ(first.events[i].begin, again.events[i].begin);
      EXPECT_EQ(first.events[i].end, again.events[i].end);
      EXPECT_EQ(first.events[i].instruction, again.events[i].instruction);
    }
  }
  // With values too.
  Result<Memory> memory = Memory::allocate(program);
  ASSERT_TRUE(memory.ok());
  Result<SimulationResult> functional = simulate(program, device, *memory);
  ASSERT_TRUE(functional.ok());
  EXPECT_EQ(functional->cycles, first.cycles);
}

TEST(Time, WorkOfSequencersDoesNotDependOnLoops) {
  // 2^31 rounds of a loop that hold nothing for the array and no barrier: only
  // the load channel walks them, and the steps bound the run.
  Device device = smallDevice();
  Builder b("long", targetOf(device));
  TensorId in = b.tensor(tensorOf("in", Role::In, Type::F16, {8, 8}));
  BufferId x = b.buffer(Type::F16, {8, 8}), y = b.buffer(Type::F16, {8, 8});
  b.gemm(Stationarity::Output, b.tile(y), b.tile(y), b.tile(y), {});
  LoopId i = b.beginLoop(kMaxSize), j = b.beginLoop(kMaxSize);
  b.load(b.tile(in), b.tile(x), 0, {});
  b.endLoop(j);
  b.endLoop(i);
  b.gemm(Stationarity::Output, b.tile(y), b.tile(y), b.tile(y), {});
  Program program = finished(b);
  Memory memory = Memory::none(program);
  SimulatorOptions options;
  options.functional = false;
  options.maxSteps = 1000;
  Result<SimulationResult> result = simulate(program, device, memory, options);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().message,
            "instruction 3 (load): found more than 1000 executed "
            "instructions and barriers, expected the end of the program; more "
            "are run with a larger max-steps");
}

TEST(Time, EventsStopAtTheirLimit) {
  Device device = smallDevice();
  Program program = stream(device, 2, 100);
  Memory memory = Memory::none(program);
  SimulatorOptions options;
  options.functional = false;
  options.maxEvents = 10;
  Result<SimulationResult> result = simulate(program, device, memory, options);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->events.size(), 10u);
  EXPECT_TRUE(result->eventsDropped);
  EXPECT_EQ(result->steps, 200);
}

/// SCALE-Sim's closed formula (arXiv 1811.02883; arXiv 1911.00262, equations 1
/// to 4): an array of R x C works a product in folds of its size, and each fold
/// takes 2 R + C + T - 2 cycles, T what passes by: operands are skewed over
/// rows and columns, and results drain over the rows, before the next fold
/// begins. Here the next tile fills while the one before works: exactly those
/// 2 R + C - 2 cycles of each fold are what differs, as long as at least as
/// much passes by as the stationary operand has rows.
TEST(Time, ScaleSimWithoutItsFoldsBeginningsAndEnds) {
  struct Dims {
    int64_t rows, columns, temporal; ///< S_R, S_C, T
  };
  int64_t compared = 0;
  for (int64_t side : {8, 16, 32})
    for (int64_t m : {32, 40, 64, 197, 512})
      for (int64_t k : {32, 64, 96, 200})
        for (int64_t n : {32, 64, 100, 768})
          for (Stationarity s : {Stationarity::Output, Stationarity::Weight,
                                 Stationarity::Input}) {
            Dims d = s == Stationarity::Output   ? Dims{m, n, k}
                     : s == Stationarity::Weight ? Dims{k, n, m}
                                                 : Dims{k, m, n};
            auto folds = [&](int64_t x) { return (x + side - 1) / side; };
            int64_t all = folds(d.rows) * folds(d.columns);
            int64_t scaleSim = (2 * side + side + d.temporal - 2) * all;
            Device device = smallDevice();
            device.array.rows = device.array.cols = side;
            device.array.fillCycles = 0;
            device.scratchpad.bytes = int64_t(1) << 30;
            device.scratchpad.bytesPerSecond = 1e18;
            for (int64_t &overhead : device.array.stepOverhead)
              overhead = 0;
            double cycles = timeOf(products(device, s, m, k, n), device).cycles;
            EXPECT_NEAR(cycles + double((3 * side - 2) * all), double(scaleSim),
                        1e-6 * double(scaleSim))
                << m << " x " << k << " x " << n << " on " << side;
            ++compared;
          }
  EXPECT_EQ(compared, 3 * 5 * 4 * 4 * 3);
}
