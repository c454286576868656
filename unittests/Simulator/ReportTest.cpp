//===- ReportTest.cpp - Tables, traces and pages ---------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Simulator/Report.h"
#include "Common/CountOf.h"
#include "TestSupport.h"
#include <map>
#include <nlohmann/json.hpp>

using namespace nm;
using namespace nm::sim;
using namespace nm::isa;
using nlohmann::json;

namespace {

struct Simulated {
  Device device = smallDevice();
  Program program;
  SimulationResult result;
};

/// Products of tiles that come and go, with names that need escapes.
Simulated runOf(int64_t tiles) {
  Simulated run;
  run.device.name = "small <&> \"machine\"";
  Builder b("tiles \"<script>\" & more", targetOf(run.device));
  TensorId in =
      b.tensor(tensorOf("in<1>", Role::In, Type::F16, {tiles * 16, 32}));
  TensorId out =
      b.tensor(tensorOf("out", Role::Out, Type::F16, {tiles * 16, 8}));
  Stream from(b, Type::F16, {16, 32}), to(b, Type::F16, {16, 8});
  BufferId rhs = b.buffer(Type::F16, {32, 8});
  LoopId i = b.beginLoop(tiles);
  b.load(b.tile(in, {0, 0}, {16, 32}).by(i, 0, 16),
         b.tile(from.buffer).slotBy(i), 0, from.produce());
  b.gemm(Stationarity::Output, b.tile(from.buffer).slotBy(i), b.tile(rhs),
         b.tile(to.buffer).slotBy(i), from.consume() + to.produce());
  b.store(b.tile(to.buffer).slotBy(i),
          b.tile(out, {0, 0}, {16, 8}).by(i, 0, 16), 1, to.consume());
  b.endLoop(i);
  Result<Program> program = b.finish();
  EXPECT_TRUE(program.ok()) << (program.ok() ? "" : program.error().message);
  run.program = *program;
  run.result = timeOf(run.program, run.device);
  return run;
}

/// Tags of an XML text that open and close in order.
bool isBalanced(const std::string &text) {
  std::vector<std::string> open;
  for (size_t at = text.find('<'); at != std::string::npos;
       at = text.find('<', at + 1)) {
    size_t end = text.find('>', at);
    if (end == std::string::npos)
      return false;
    std::string tag = text.substr(at + 1, end - at - 1);
    std::string name = tag.substr(0, tag.find_first_of(" \n/", 1));
    if (tag[0] == '!' || tag.back() == '/' || name == "meta")
      continue;
    if (tag[0] != '/') {
      open.push_back(name);
      continue;
    }
    if (open.empty() || "/" + open.back() != tag)
      return false;
    open.pop_back();
  }
  return open.empty();
}

} // namespace

TEST(Report, Json) {
  Simulated run = runOf(20);
  json report = json::parse(formatJson(run.result, run.program, run.device));
  EXPECT_EQ(report["schema"], "nm.simulation/1");
  EXPECT_EQ(report["program"], run.program.name);
  EXPECT_EQ(report["device"]["name"], run.device.name);
  EXPECT_EQ(report["cycles"].get<double>(), run.result.cycles);
  EXPECT_EQ(report["instructions"], 60);
  EXPECT_EQ(report["macs"], 20 * 16 * 32 * 8);
  EXPECT_EQ(report["bytes"]["dram_read"], 20 * 1024);
  EXPECT_EQ(report["bytes"]["dram_written"], 20 * 256);
  EXPECT_EQ(report["tensors"][0]["name"], "in<1>");
  EXPECT_EQ(report["tensors"][0]["read"], 20 * 1024);
  EXPECT_EQ(report["tensors"][1]["written"], 20 * 256);
  ASSERT_EQ(report["engines"].size(), 6u);
  double sum = 0;
  for (auto &part : report["engines"][4]["cycles"].items())
    sum += part.value().get<double>();
  EXPECT_NEAR(sum, run.result.cycles, 1e-6);
  EXPECT_EQ(report["engines"][4]["name"], "array");
  double energy = 0;
  for (auto &part : report["energy_pj"].items())
    energy += part.key() == "total" ? 0 : part.value().get<double>();
  EXPECT_NEAR(energy, report["energy_pj"]["total"].get<double>(), 1e-6);
}

TEST(Report, Table) {
  Simulated run = runOf(20);
  std::string table = formatTable(run.result, run.program, run.device);
  EXPECT_NE(table.find(std::to_string(static_cast<int64_t>(run.result.cycles))),
            std::string::npos);
  // Rows of engines that did something, and of both tensors.
  EXPECT_EQ(countOf(table, "\n  load 0 "), 1u);
  EXPECT_EQ(countOf(table, "\n  load 1 "), 0u);
  EXPECT_EQ(countOf(table, "\n  store 1 "), 1u);
  EXPECT_EQ(countOf(table, "\n  array "), 2u);
  EXPECT_NE(table.find("20 KiB"), std::string::npos);
  EXPECT_NE(table.find("5 KiB"), std::string::npos);
}

TEST(Report, Trace) {
  Simulated run = runOf(20);
  json trace = json::parse(formatTrace(run.result, run.program, run.device));
  EXPECT_EQ(trace["otherData"]["dropped"], false);
  std::map<int, double> end;
  int complete = 0, names = 0;
  double last = 0;
  for (const json &event : trace["traceEvents"]) {
    if (event["ph"] == "M") {
      names += event["name"] == "thread_name";
      continue;
    }
    ASSERT_EQ(event["ph"], "X");
    ++complete;
    double begin = event["ts"].get<double>();
    EXPECT_GE(begin, end[event["tid"].get<int>()] - 1e-9);
    end[event["tid"].get<int>()] = begin + event["dur"].get<double>();
    last = std::max(last, begin + event["dur"].get<double>());
  }
  EXPECT_EQ(complete, 60);
  EXPECT_EQ(names, 3);
  EXPECT_NEAR(last, run.result.cycles / 1000, 1e-6); // 1 GHz: microseconds
}

TEST(Report, Page) {
  for (int64_t tiles : {1, 300}) {
    Simulated run = runOf(tiles);
    std::string page = formatHtml(run.result, run.program, run.device);
    // Nothing from elsewhere; names are text.
    EXPECT_EQ(countOf(page, "http"),
              countOf(page, "http://www.w3.org/2000/svg"));
    EXPECT_EQ(countOf(page, "<script"), 0u);
    EXPECT_EQ(countOf(page, "src="), 0u);
    EXPECT_EQ(countOf(page, "href="), 0u);
    EXPECT_TRUE(isBalanced(page));
    for (const char *heading :
         {"Timeline", "Roofline", "Energy", "DRAM bytes by tensor"})
      EXPECT_EQ(countOf(page, std::string("<h2>") + heading), 1u);
    EXPECT_EQ(countOf(page, "<svg"), 5u);
    EXPECT_NE(page.find("in&lt;1&gt;"), std::string::npos);
  }
}

TEST(Report, PageStaysSmall) {
  // Three hundred thousand events: neighbours are merged.
  Simulated run = runOf(2);
  Event event = run.result.events[0];
  run.result.events.clear();
  run.result.cycles = 300000;
  for (int i = 0; i != 300000; ++i) {
    event.begin = i;
    event.end = i + 0.9;
    run.result.events.push_back(event);
  }
  run.result.eventsDropped = true;
  std::string page = formatHtml(run.result, run.program, run.device);
  EXPECT_LT(page.size(), size_t(1) << 20);
  EXPECT_NE(page.find("The first 300000 instructions"), std::string::npos);
}

TEST(Report, LongRunsAtAGlance) {
  // Of a run with more instructions than events the page shows all engines over
  // the whole time.
  Simulated run = runOf(300);
  Memory memory = Memory::none(run.program);
  SimulatorOptions options;
  options.functional = false;
  options.maxEvents = 10;
  Result<SimulationResult> result =
      simulate(run.program, run.device, memory, options);
  ASSERT_TRUE(result.ok());
  const Activity &activity = result->activity;
  ASSERT_EQ(activity.engines.size(), 6u);
  EXPECT_GE(activity.cycles * static_cast<double>(Activity::kSpans),
            result->cycles);
  EXPECT_LT(activity.cycles * static_cast<double>(Activity::kSpans) / 2,
            result->cycles);
  for (size_t i = 0; i != 6; ++i) {
    double sum = 0;
    for (double span : activity.engines[i]) {
      EXPECT_LE(span, activity.cycles * (1 + 1e-9));
      sum += span;
    }
    const EngineTime &time = result->engines[i];
    EXPECT_NEAR(sum,
                result->cycles - time.semaphore - time.barrier - time.finished,
                1e-6 * result->cycles);
  }
  std::string page = formatHtml(*result, run.program, run.device);
  EXPECT_NE(page.find("over the whole run"), std::string::npos);
  EXPECT_EQ(countOf(page, "<svg"), 6u);
  EXPECT_TRUE(isBalanced(page));
}

TEST(Report, NothingHappened) {
  Device device = smallDevice();
  Program program;
  program.name = "empty";
  program.target = targetOf(device);
  SimulationResult result = timeOf(program, device);
  EXPECT_EQ(result.cycles, 0);
  EXPECT_FALSE(formatTable(result, program, device).empty());
  EXPECT_NO_THROW((void)json::parse(formatJson(result, program, device)));
  EXPECT_NO_THROW((void)json::parse(formatTrace(result, program, device)));
  EXPECT_TRUE(isBalanced(formatHtml(result, program, device)));
}
