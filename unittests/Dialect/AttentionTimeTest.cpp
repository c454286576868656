//===- AttentionTimeTest.cpp - The closed form and the machine -------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Cycles that the simulator counts for a program, against those that the cost
// model predicts for its dataflow. Set NM_PRINT_AGREEMENT for a table.
//
//===----------------------------------------------------------------------===//

#include "AttentionTestSupport.h"
#include "nm/Model/Blocks.h"
#include <cstdio>
#include <cstdlib>

using namespace nm;
using namespace nm::isa;
using model::Candidate;
using model::Cost;
using model::SearchOptions;

namespace {

sim::SimulationResult timeOf(const Case &c, const Device &device) {
  Result<Built> built = build(c, device);
  EXPECT_TRUE(built.ok()) << built.error().message;
  if (!built)
    return {};
  sim::SimulatorOptions options;
  options.functional = false;
  sim::Memory memory = sim::Memory::none(built->program);
  Result<sim::SimulationResult> result =
      sim::simulate(built->program, device, memory, options);
  EXPECT_TRUE(result.ok()) << result.error().message;
  if (!result)
    return {};
  if (result->steps < 50000) {
    Result<VerifyResult> proof = verifyProgram(built->program);
    EXPECT_TRUE(proof.ok()) << proof.error().message;
  }
  EXPECT_EQ(result->dramBytes(),
            model::extendedDramBytes(device, c.shape, c.flow));
  if (std::getenv("NM_PRINT_AGREEMENT")) {
    if (std::getenv("NM_PRINT_ENGINES"))
      for (size_t i = 0; i < result->engines.size(); ++i) {
        const sim::EngineTime &e = result->engines[i];
        std::printf("  %-8s busy %8.0f lat %8.0f over %8.0f dram %8.0f pad "
                    "%8.0f sem %8.0f bar %8.0f n %ld\n",
                    queueName(i, built->program.target).c_str(), e.busy,
                    e.latency, e.overhead, e.dram, e.scratchpad, e.semaphore,
                    e.barrier, long(e.instructions));
      }
    Cost cost = model::evaluateExtended(device, c.shape, c.flow);
    const sim::EngineTime &array = result->engines[result->engines.size() - 2];
    std::printf("%-8s %6ld x %6ld d %3ld %s %-70s %6.1f%% | model %.4g array "
                "%.3g dram %.3g sf %.3g pad %.3g over %.3g | sim %.4g busy "
                "%.3g pad %.3g over %.3g lat %.3g sem %.3g code %zu\n",
                device.name.c_str(), long(c.shape.queries), long(c.shape.keys),
                long(c.shape.headDim), c.shape.causal ? "causal" : "      ",
                model::toString(c.flow).c_str(),
                100 * (result->cycles / cost.cycles - 1), cost.cycles,
                cost.computeCycles, cost.dramCycles, cost.softmaxCycles,
                cost.onChipCycles, cost.overheadCycles, result->cycles,
                array.busy, array.scratchpad, array.overhead, array.latency,
                array.semaphore, built->program.code.size());
  }
  return std::move(*result);
}

/// Mappings of a case; set NM_MAPPINGS for more than the suite has time for.
size_t mappingsToTry() {
  const char *text = std::getenv("NM_MAPPINGS");
  return text ? static_cast<size_t>(std::atol(text)) : 2;
}

/// The best dataflows of the space.
void expectAgreement(const std::string &name, const AttentionShape &shape,
                     const SearchOptions &options = {}, double bound = 0.1) {
  Device device = deviceOf(name);
  SearchOptions few = options;
  few.keep = mappingsToTry();
  auto found = model::searchDataflows(device, shape, few);
  ASSERT_TRUE(found.ok()) << found.error().message;
  for (const Candidate &candidate : found->ranked) {
    Case c;
    c.shape = shape;
    c.flow = candidate.dataflow;
    if (shape.causal)
      c.score.offset = shape.keys - shape.queries;
    SCOPED_TRACE(name + " " + model::toString(c.flow));
    double cycles = timeOf(c, device).cycles;
    EXPECT_NEAR(cycles / candidate.cost.cycles, 1, bound);
  }
}

/// As in the paper, but for the time that simulating takes.
AttentionShape bert(int64_t length) {
  AttentionShape shape;
  shape.batch = std::max<int64_t>(1, std::min<int64_t>(64, 8192 / length));
  shape.heads = 12;
  shape.queries = shape.keys = length;
  shape.headDim = 64;
  return shape;
}

constexpr const char *kDevices[] = {"edge", "cloud", "tpu-v5e"};

} // namespace

TEST(AttentionTime, Best) {
  for (const char *device : kDevices)
    for (int64_t length : {512, 2048})
      expectAgreement(device, bert(length));
}

TEST(AttentionTime, Long) {
  for (const char *device : kDevices) {
    AttentionShape shape = bert(65536);
    shape.heads = 2;
    expectAgreement(device, shape);
  }
}

TEST(AttentionTime, Causal) {
  for (const char *device : kDevices)
    for (int64_t length : {512, 2048}) {
      AttentionShape shape = bert(length);
      shape.causal = true;
      expectAgreement(device, shape);
    }
}

/// Where 256 lanes mask, rescale and divide for an array that does the rest of
/// the softmax, and without fusion, where early blocks of few keys take as much
/// of the array as whole strips.
TEST(AttentionTime, CausalMasks) {
  SearchOptions tiles, rows, unfused;
  tiles.allowWholeRows = false;
  rows.allowKeyTiles = false;
  unfused.scope = model::Scope::Unfused;
  AttentionShape shape = bert(512);
  shape.causal = true;
  for (const SearchOptions &options : {tiles, rows, unfused})
    expectAgreement("fusemax", shape, options, 0.05);
  expectAgreement("cloud", shape, unfused, 0.05);
  shape.batch = 4;
  shape.queries = shape.keys = 2048;
  expectAgreement("fusemax", shape, tiles, 0.05);
}

/// Lane cycles are those of the program, one by one: softmax, masks of whole
/// blocks, of parts and of rows on their way through DRAM, sums and results.
/// Only the copies of maxima before a key tile are left out, a cycle a row.
TEST(AttentionTime, LaneCyclesOfMasks) {
  Device device = deviceOf("a100");
  AttentionShape grouped;
  grouped.heads = 6;
  grouped.kvHeads = 2;
  grouped.queries = 200;
  grouped.keys = 331;
  grouped.headDim = 40;
  grouped.causal = true;
  AttentionShape plain = grouped;
  plain.kvHeads = 0;
  for (const AttentionShape &shape : {grouped, plain})
    for (int64_t tile : {0, 64})
      for (int64_t rows : {1, 7, 50, 150, 200})
        for (unsigned staged :
             {unsigned(model::StagedAll),
              model::StagedAll & ~unsigned(model::StagedLogits)}) {
          Case c;
          c.shape = shape;
          c.score.offset = shape.keys - shape.queries;
          c.flow.rows = rows;
          c.flow.keyTile = tile;
          c.flow.staged = staged;
          if (!model::checkExtended(device, c.shape, c.flow))
            continue; // key tiles without staged logits
          SCOPED_TRACE(model::toString(c.flow));
          Cost cost = model::evaluateExtended(device, c.shape, c.flow);
          int64_t copied = 0, total = model::foldedRows(shape);
          for (int64_t row = 0; tile && row < total; row += rows) {
            int64_t end = std::min(total, row + rows);
            copied += (end - row) * ((model::keysSeen(shape, end) - 1) / tile);
          }
          double lanes =
              cost.softmaxCycles * double(device.specialFunction.lanes);
          EXPECT_NEAR(timeOf(c, device).energy.special /
                          device.energy.specialFunctionOp,
                      lanes + double(shape.kvHeadCount() * copied), 1e-3);
        }
}

static void expectAgreementOnBert(const SearchOptions &options) {
  for (const char *device : kDevices)
    for (int64_t length : {512, 2048})
      expectAgreement(device, bert(length), options);
}

TEST(AttentionTime, KeyTiles) {
  SearchOptions options;
  options.allowWholeRows = false;
  expectAgreementOnBert(options);
}

TEST(AttentionTime, WholeRows) {
  SearchOptions options;
  options.allowKeyTiles = false;
  expectAgreementOnBert(options);
}

TEST(AttentionTime, Unfused) {
  SearchOptions options;
  options.scope = model::Scope::Unfused;
  expectAgreementOnBert(options);
}

TEST(AttentionTime, Naive) {
  SearchOptions options;
  options.scope = model::Scope::Naive;
  for (const char *device : kDevices)
    expectAgreement(device, bert(512), options);
}

TEST(AttentionTime, WiderHeads) {
  for (const char *device : kDevices) {
    AttentionShape shape = bert(2048);
    shape.heads = 16;
    shape.headDim = 128;
    expectAgreement(device, shape);
  }
}

/// The dataflow of FuseMax on its machine: PEs that do the softmax, tiles of
/// keys of the array's width that stay while all rows pass by.
TEST(AttentionTime, SoftmaxOnTheArray) {
  Device device = deviceOf("fusemax");
  for (int64_t length : {1024, 4096})
    for (int64_t width : {64, 128}) {
      AttentionShape shape = bert(length);
      shape.batch = 1;
      shape.headDim = width;
      expectAgreement("fusemax", shape);
      Case c;
      c.shape = shape;
      c.flow.rows = c.flow.keyTile = 256;
      c.flow.staged =
          model::StagedQ | model::StagedLogits | model::StagedOutput;
      c.flow.attend = Stationarity::Input;
      c.flow.order = model::LoopOrder::KeysOuter;
      sim::SimulationResult result = timeOf(c, device);
      // Of a tile of 256 x 256 logits the array's share, as in the paper: two
      // products of the head's width, a maximum, an exponential, a sum.
      double tiles = 12 * double(length / 256) * double(length / 256);
      double paper = tiles * double(2 * width + 1 + 7 + 1);
      EXPECT_NEAR(result.cycles / paper, 1, 0.05);
      // Each element of Q, K, V and the output once.
      EXPECT_EQ(result.dramBytes(), 12 * length * width * 4 * 2);
    }
}

TEST(AttentionTime, GroupedDecode) {
  for (const char *device : kDevices) {
    AttentionShape shape = bert(2048);
    shape.heads = 32;
    shape.kvHeads = 8;
    shape.headDim = 128;
    shape.queries = 1;
    expectAgreement(device, shape);
  }
}

/// Chunks of logits and outputs alternate, so that the latencies of keys and
/// values pass at the same time.
TEST(AttentionTime, AlternatingChunks) {
  Device device = model::smallDevice();
  device.array.rows = device.array.cols = 4;
  device.dram.latencyCycles = 1000;
  device.scratchpad.bytes = 8192;
  Case c;
  c.shape.heads = 4;
  c.shape.queries = c.shape.keys = 256;
  c.shape.headDim = 64;
  c.flow.rows = 4;
  c.flow.staged = model::StagedAll & ~(model::StagedK | model::StagedV);
  ASSERT_TRUE(model::checkExtended(device, c.shape, c.flow).ok())
      << model::checkExtended(device, c.shape, c.flow).error().message;
  double predicted = model::evaluateExtended(device, c.shape, c.flow).cycles;
  EXPECT_NEAR(timeOf(c, device).cycles / predicted, 1, 0.1);
}

/// No two blocks are alike, and each is a row.
static Case causalRows(int64_t length, int64_t keyTile) {
  Case c;
  c.shape = bert(length);
  c.shape.causal = true;
  c.flow.rows = 1;
  c.flow.keyTile = keyTile;
  c.flow.staged = model::StagedAll & ~(model::StagedK | model::StagedV);
  return c;
}

/// The rows of a head stand one by one, those of the next head repeat them.
TEST(AttentionTime, LongCausalRows) {
  Case c = causalRows(8192, 4096);
  c.shape.batch = 1;
  c.shape.heads = 3;
  // Also compares bytes with the model.
  EXPECT_GT(timeOf(c, deviceOf("cloud")).steps, 3 * 8192 * 10);
}

TEST(AttentionTime, ProgramsThatAreTooLong) {
  Result<Built> built = build(causalRows(1 << 18, 1 << 15), deviceOf("cloud"));
  ASSERT_FALSE(built.ok());
  EXPECT_NE(built.error().message.find("expected larger blocks"),
            std::string::npos)
      << built.error().message;
}
