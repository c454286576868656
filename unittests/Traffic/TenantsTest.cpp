//===- TenantsTest.cpp - Programs that share an accelerator -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Tenants.h"
#include "CompileExample.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "nm/Driver/PifoScheduler.h"
#include "nm/Isa/Builder.h"
#include "nm/Registration.h"
#include "nm/Traffic/Tiles.h"
#include "llvm/Support/JSON.h"
#include "gtest/gtest.h"
#include <limits>

using namespace mlir::nm::driver;
using mlir::nm::driver::PifoScheduler;
namespace sim = nm::sim;
namespace isa = nm::isa;

namespace {

std::unique_ptr<PifoScheduler> compilePolicy(const std::string &name) {
  return nm::traffic::test::compileExample(name, "auto",
                                           nm::traffic::TileQueue::columns());
}

/// A program of `jobs` parts, each 100 ns long with 1000 bytes.
TenantProgram programOf(size_t jobs, double ns = 100, int64_t bytes = 1000) {
  TenantProgram program;
  program.name = "p" + std::to_string(jobs);
  for (size_t i = 0; i != jobs; ++i) {
    sim::Segment segment;
    segment.begin = static_cast<double>(i) * ns;
    segment.end = segment.begin + ns;
    segment.dramBytes = bytes;
    segment.macs = 10;
    segment.instructions = 1;
    program.jobs.push_back(segment);
  }
  return program;
}

TenantsResult runOf(const TenantTrace &trace,
                    std::vector<TenantProgram> programs,
                    const std::string &policy) {
  auto scheduler = compilePolicy(policy);
  if (!scheduler)
    return {};
  auto result = runTenants(trace, programs, *scheduler);
  if (!result) {
    ADD_FAILURE() << llvm::toString(result.takeError());
    return {};
  }
  return std::move(*result);
}

/// Tenants in the order of service.
std::vector<uint64_t> orderOf(const TenantTrace &trace,
                              const TenantsResult &result) {
  std::vector<uint64_t> order;
  for (const TenantJob &job : result.jobs)
    order.push_back(trace.requests[job.request].tenant);
  return order;
}

} // namespace

TEST(Tenants, StrictPutsTheInteractiveOneFirst) {
  // A long request of tenant 1 is under way when short ones of tenant 0 come.
  TenantTrace trace;
  trace.requests = {{1, 0, 0, 0}, {0, 1, 150, 0}, {0, 1, 450, 0}};
  TenantsResult result =
      runOf(trace, {programOf(6), programOf(1)}, "tiles-strict");
  // Jobs are not interrupted: each of tenant 0 waits for the one under way.
  EXPECT_EQ(orderOf(trace, result),
            (std::vector<uint64_t>{1, 1, 0, 1, 1, 0, 1, 1}));
  EXPECT_EQ(result.ends, (std::vector<double>{800, 300, 600}));
  ASSERT_EQ(result.tenants.size(), 2u);
  EXPECT_EQ(result.tenants[0].p50, 150);
  EXPECT_EQ(result.tenants[0].slowdown, 1.5);
  EXPECT_EQ(result.tenants[1].max, 800);
  EXPECT_EQ(result.utilisation(), 1);
  EXPECT_EQ(result.bytes, 8000);
  EXPECT_EQ(result.macs, 80);
}

TEST(Tenants, WhoIsInterruptedLeavesAndComesBack) {
  // Rounds of 100 ns; leaving takes 10 to drain and 2 + 50 to save, coming back
  // 2 + 50 again.
  TenantProgram rounds = programOf(6);
  rounds.nsPerByte = 0.5;
  rounds.nsLatency = 2;
  for (size_t i = 0; i != 5; ++i) {
    rounds.jobs[i].isRound = true;
    rounds.jobs[i].drain = 10;
    rounds.jobs[i].liveBytes = 100;
  }
  TenantTrace trace;
  trace.requests = {{1, 0, 0, 0}, {0, 1, 150, 0}};
  TenantsResult result = runOf(trace, {rounds, programOf(1)}, "tiles-strict");
  EXPECT_EQ(orderOf(trace, result),
            (std::vector<uint64_t>{1, 1, 0, 1, 1, 1, 1}));
  // Two rounds, leave (62), 100 of the other, come back (52), four rounds.
  EXPECT_EQ(result.ends, (std::vector<double>{814, 362}));
  EXPECT_EQ(result.jobs[2].begin, 262);
  EXPECT_EQ(result.jobs[3].begin, 414);
  EXPECT_EQ(result.preemptions, 1);
  EXPECT_EQ(result.switching, 114);
  EXPECT_EQ(result.switchBytes, 200);
  EXPECT_EQ(result.busy, 700);
  // Alone, or behind what came first, nobody leaves.
  trace.requests = {{1, 0, 0, 0}};
  result = runOf(trace, {rounds}, "tiles-strict");
  EXPECT_EQ(result.ends, (std::vector<double>{600}));
  EXPECT_EQ(result.preemptions, 0);
  // At a barrier nothing is on chip.
  trace.requests = {{1, 0, 0, 0}, {0, 1, 150, 0}};
  rounds.jobs[1] = programOf(6).jobs[1];
  result = runOf(trace, {rounds, programOf(1)}, "tiles-strict");
  EXPECT_EQ(result.ends, (std::vector<double>{700, 300}));
  EXPECT_EQ(result.switching, 0);
}

TEST(Tenants, StrictServesTheShortestRestNext) {
  TenantTrace trace;
  trace.requests = {{2, 0, 0, 0}, {1, 1, 0, 0}};
  TenantsResult result =
      runOf(trace, {programOf(4), programOf(2)}, "tiles-strict");
  EXPECT_EQ(orderOf(trace, result), (std::vector<uint64_t>{1, 1, 2, 2, 2, 2}));
}

TEST(Tenants, EarliestDeadlineGoesFirst) {
  TenantTrace trace;
  // No deadline; a late one; an early one; then one more, in time.
  trace.requests = {
      {0, 0, 0, 0}, {1, 0, 0, 2000}, {2, 0, 0, 300}, {3, 0, 250, 1000}};
  TenantsResult result = runOf(trace, {programOf(2)}, "tiles-edf");
  EXPECT_EQ(orderOf(trace, result),
            (std::vector<uint64_t>{2, 2, 1, 3, 3, 1, 0, 0}));
  for (const TenantStatistics &tenant : result.tenants)
    EXPECT_EQ(tenant.misses, 0);
  // Two that cannot both be in time: one miss, of the later.
  trace.requests = {{0, 0, 0, 250}, {1, 0, 0, 260}};
  result = runOf(trace, {programOf(2)}, "tiles-edf");
  EXPECT_EQ(result.tenants[0].misses, 0);
  EXPECT_EQ(result.tenants[1].misses, 1);
}

TEST(Tenants, FairDividesByWeight) {
  // Three shares, two and one, all with work: 300 : 200 : 100 jobs of the first
  // 600.
  TenantTrace trace;
  trace.requests = {{0, 0, 0, 0}, {1, 0, 0, 0}, {2, 0, 0, 0}};
  trace.weights = {3, 2, 1};
  TenantsResult result = runOf(trace, {programOf(300)}, "tiles-fair");
  std::vector<int> jobs(3, 0);
  for (size_t i = 0; i != 600; ++i)
    ++jobs[trace.requests[result.jobs[i].request].tenant];
  EXPECT_NEAR(jobs[0], 300, 2);
  EXPECT_NEAR(jobs[1], 200, 2);
  EXPECT_NEAR(jobs[2], 100, 2);
  EXPECT_GT(result.fairness, 0.999);
  // The same service divided otherwise is not fair.
  trace.weights = {1, 1, 1};
  EXPECT_LT(runOf(trace, {programOf(300)}, "tiles-fair").fairness, 0.9);
  // Strictly, the first has all while it has work.
  EXPECT_NEAR(runOf(trace, {programOf(300)}, "tiles-strict").fairness, 1.0 / 3,
              1e-9);
}

TEST(Tenants, CapsHoldJobsBack) {
  // Tenant 2 moves a MiB in each of ten jobs: the first at once, each further
  // one when 4 GB/s have earned it. Meanwhile the machine is free for tenant 0.
  TenantTrace trace;
  trace.requests = {{2, 0, 0, 0}, {0, 1, 500000, 1000}};
  TenantsResult result =
      runOf(trace, {programOf(10, 100, 1 << 20), programOf(1)}, "tiles-capped");
  const double earned = (1 << 20) / 4.0;
  EXPECT_NEAR(result.ends[0], 9 * earned + 100, 100);
  EXPECT_EQ(result.ends[1], 500100);
  EXPECT_EQ(result.tenants[0].misses, 0);
  EXPECT_LT(result.utilisation(), 0.001);
  // Without the cap it would take a microsecond.
  EXPECT_EQ(
      runOf(trace, {programOf(10, 100, 1 << 20), programOf(1)}, "tiles-edf")
          .ends[0],
      1000);
}

TEST(Tenants, IdleTimeIsNoService) {
  TenantTrace trace;
  trace.requests = {{0, 0, 1000, 0}, {0, 0, 5000, 0}};
  TenantsResult result = runOf(trace, {programOf(1)}, "tiles-edf");
  EXPECT_EQ(result.begin, 1000);
  EXPECT_EQ(result.end, 5100);
  EXPECT_EQ(result.busy, 200);
  EXPECT_DOUBLE_EQ(result.utilisation(), 200 / 4100.0);
  EXPECT_EQ(result.fairness, 1);
  EXPECT_EQ(result.tenants[0].slowdown, 1);
}

TEST(Tenants, PercentilesAreRanks) {
  TenantTrace trace;
  for (int i = 0; i != 100; ++i)
    trace.requests.push_back({0, 0, 0, 0});
  TenantsResult result = runOf(trace, {programOf(1, 10)}, "tiles-edf");
  EXPECT_EQ(result.tenants[0].p50, 500);
  EXPECT_EQ(result.tenants[0].p95, 950);
  EXPECT_EQ(result.tenants[0].p99, 990);
  EXPECT_EQ(result.tenants[0].max, 1000);
  EXPECT_EQ(result.tenants[0].mean, 505);
}

TEST(Tenants, UnknownTenantsAreRefused) {
  auto scheduler = compilePolicy("tiles-fair");
  ASSERT_TRUE(scheduler);
  TenantTrace trace;
  trace.requests = {{9, 0, 0, 0}};
  std::vector<TenantProgram> programs = {programOf(1)};
  auto result = runTenants(trace, programs, *scheduler);
  ASSERT_FALSE(bool(result));
  EXPECT_NE(llvm::toString(result.takeError()).find("tenant 9"),
            std::string::npos);
}

TEST(Tenants, ProgramsAreCutAtTheirBarriers) {
  auto device = nm::model::findDevice("edge");
  ASSERT_TRUE(device.ok());
  isa::Builder b("parts", isa::targetOf(*device));
  isa::BufferId x = b.buffer(isa::Type::F16, {64, 64});
  isa::TensorId in = b.tensor([] {
    isa::Tensor tensor;
    tensor.name = "in";
    tensor.role = isa::Role::In;
    tensor.type = isa::Type::F16;
    tensor.shape = {64, 64};
    return tensor;
  }());
  isa::LoopId i = b.beginLoop(3);
  b.load(b.tile(in), b.tile(x), 0, {});
  b.barrier();
  b.gemm(isa::Stationarity::Output, b.tile(x), b.tile(x), b.tile(x), {});
  b.barrier();
  b.barrier();
  b.endLoop(i);
  b.load(b.tile(in), b.tile(x), 0, {});
  auto program = b.finish();
  ASSERT_TRUE(program.ok()) << program.error().message;
  sim::Memory memory = sim::Memory::none(*program);
  sim::SimulatorOptions options;
  options.functional = false;
  options.maxSegments = 100;
  auto result = sim::simulate(*program, *device, memory, options);
  ASSERT_TRUE(result.ok()) << result.error().message;
  ASSERT_EQ(result->segments.size(), 7u);
  double end = 0;
  for (size_t k = 0; k != 7; ++k) {
    const sim::Segment &segment = result->segments[k];
    EXPECT_EQ(segment.begin, end);
    EXPECT_GT(segment.end, segment.begin);
    end = segment.end;
    EXPECT_EQ(segment.instructions, 1);
    EXPECT_EQ(segment.dramBytes, k % 2 ? 0 : 8192);
    EXPECT_EQ(segment.macs, k % 2 ? 64 * 64 * 64 : 0);
    EXPECT_EQ(segment.barrier, k == 6 ? -1 : k % 2 ? 4 : 2);
  }
  EXPECT_EQ(end, result->cycles);
  // Few parts: the last takes what is left.
  options.maxSegments = 2;
  auto coarse = sim::simulate(*program, *device, memory, options);
  ASSERT_TRUE(coarse.ok());
  ASSERT_EQ(coarse->segments.size(), 2u);
  EXPECT_EQ(coarse->segments[1].end, coarse->cycles);
  EXPECT_EQ(coarse->segments[1].dramBytes, 3 * 8192);
  EXPECT_EQ(coarse->segments[1].instructions, 6);
}

TEST(Tenants, FiguresThatAreNotFinite) {
  auto device = nm::model::findDevice("edge");
  ASSERT_TRUE(device.ok());
  double infinity = std::numeric_limits<double>::infinity();
  double none = std::numeric_limits<double>::quiet_NaN();
  TenantTrace trace;
  trace.programs = {"a"};
  trace.requests = {{0, 0, 0, 0}};
  TenantsResult result;
  result.jobs = {{0, 0, 0, infinity}};
  result.ends = {none};
  result.end = infinity;
  result.fairness = none;
  TenantStatistics tenant;
  tenant.mean = tenant.max = tenant.slowdown = infinity;
  tenant.p50 = tenant.service = none;
  result.tenants = {tenant};
  std::vector<TenantProgram> programs(1);
  for (const std::string &text :
       {formatTenantsJson(result, trace, *device),
        formatTenantsTrace(result, trace, programs)}) {
    auto parsed = llvm::json::parse(text);
    EXPECT_TRUE(bool(parsed)) << llvm::toString(parsed.takeError()) << text;
  }
}

TEST(Tenants, Reports) {
  auto device = nm::model::findDevice("edge");
  ASSERT_TRUE(device.ok());
  TenantTrace trace;
  trace.programs = {"a.nmb"};
  trace.requests = {{0, 0, 0, 150}, {1, 0, 0, 0}};
  std::vector<TenantProgram> programs = {programOf(2)};
  TenantsResult result = runOf(trace, programs, "tiles-edf");
  auto report = llvm::json::parse(formatTenantsJson(result, trace, *device));
  ASSERT_TRUE(bool(report)) << llvm::toString(report.takeError());
  const llvm::json::Object *object = report->getAsObject();
  EXPECT_EQ(object->getString("schema"), "nm.tenants-report/1");
  EXPECT_EQ(object->getInteger("jobs"), 4);
  EXPECT_EQ(object->getNumber("utilisation"), 1.0);
  const llvm::json::Object *first =
      (*object->getArray("tenants"))[0].getAsObject();
  EXPECT_EQ(first->getInteger("deadline_misses"), 1);
  EXPECT_EQ(first->getObject("latency_ns")->getNumber("p99"), 200.0);
  EXPECT_EQ(object->getArray("requests")->size(), 2u);
  auto events = llvm::json::parse(formatTenantsTrace(result, trace, programs));
  ASSERT_TRUE(bool(events)) << llvm::toString(events.takeError());
  EXPECT_EQ(events->getAsObject()->getArray("traceEvents")->size(), 6u);
  std::string table = formatTenants(result, *device);
  EXPECT_NE(table.find("4 jobs on edge"), std::string::npos);
}
