//===- pifo.cpp - Compiled schedulers against priority queues -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// nm-bench-pifo: one PIFO, HPFQ, deeper and shaped trees, compiled, against the
// same programs over other queues. The order of departures is compared before
// anything is timed; the competitors of a case take turns, so that a phase in
// which the machine is slow hits all of them.

#include "Counters.h"
#include "PifoCases.h"
#include "Samples.h"
#include "Table.h"
#include "nm/Driver/Main.h"
#include "nm/Driver/Support.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"

using namespace nm::bench;

namespace {

/// Operations of a turn; as many as the first go untimed, so that caches and
/// predictors have met this competitor again.
constexpr size_t kWarm = 1 << 16, kTimed = 1 << 18;

struct Outcome {
  std::string name, competitor;
  double minNs = 0, medianNs = 0;
  /// Of an operation; zero where the machine does not count.
  std::array<double, Counters::kCount> counts{};
  /// Times of others over this one's; zero if they do not compete.
  double queueByMin = 0, queueByMedian = 0, setByMin = 0, setByMedian = 0;
};

void compare(std::vector<Outcome> &outcomes, const char *peer,
             double Outcome::*byMin, double Outcome::*byMedian) {
  for (const Outcome &other : outcomes)
    if (other.competitor == peer)
      for (Outcome &outcome : outcomes) {
        outcome.*byMin = other.minNs / outcome.minNs;
        outcome.*byMedian = other.medianNs / outcome.medianNs;
      }
}

/// Operations whose instructions are counted one by one.
constexpr size_t kStepped = 512;

void runCase(benchmark::State &state, const PifoCase &benchCase,
             Counters &counters, bool steps, std::vector<Outcome> &all) {
  std::vector<Competitor> competitors = benchCase.build();
  std::vector<std::vector<double>> samples(competitors.size());
  std::vector<Outcome> outcomes(competitors.size());
  for (auto _ : state) {
    for (auto [i, competitor] : llvm::enumerate(competitors)) {
      competitor.run(kWarm);
      counters.start();
      mlir::nm::driver::Stopwatch watch;
      competitor.run(kTimed);
      samples[i].push_back(watch.ms() * 1e6 / kTimed);
      auto counts = counters.stop();
      for (int k = 0; k < Counters::kCount; ++k)
        outcomes[i].counts[k] += double(counts[k]) / kTimed;
    }
    state.SetIterationTime(samples[0].back() * kTimed / 1e9);
  }
  for (auto [i, outcome] : llvm::enumerate(outcomes)) {
    outcome.name = benchCase.name;
    outcome.competitor = competitors[i].name;
    outcome.minNs = minimum(samples[i]);
    outcome.medianNs = median(samples[i]);
    for (double &count : outcome.counts)
      count /= samples[i].size();
    if (steps) {
      const Competitor &competitor = competitors[i];
      outcome.counts[0] =
          double(countBySteps([&] { competitor.run(kStepped); })) / kStepped;
    }
  }
  compare(outcomes, "std::priority_queue", &Outcome::queueByMin,
          &Outcome::queueByMedian);
  compare(outcomes, "find-first-set", &Outcome::setByMin,
          &Outcome::setByMedian);
  all.insert(all.end(), outcomes.begin(), outcomes.end());
}

std::string header(bool counted) {
  std::string text =
      "ns of a packet out and one in; x: times faster than std::priority_queue "
      "(pq) and the find-first-set queue written by hand (ffs), minima and "
      "medians\n";
  if (!counted)
    text += "instructions are counted by single steps, misses are not: the "
            "kernel gives no counters\n";
  return text + llvm::formatv("{0,-20} {1,-20} {2,8} {3,8} {4,8} {5,8} {6,8} "
                              "{7,8} {8,7} {9,7} {10,7}\n",
                              "case", "queue", "min", "median", "x pq min",
                              "x pq med", "x ffs min", "x ffs med", "instr",
                              "cache m", "branch m")
                    .str();
}

std::string row(const Outcome &o, bool counted, bool steps) {
  auto ratio = [](double value) {
    return value > 0 ? llvm::formatv("{0:f2}", value).str() : std::string("-");
  };
  auto count = [](double value, bool isCounted) {
    return isCounted ? llvm::formatv("{0:f1}", value).str() : std::string("-");
  };
  return llvm::formatv("{0,-20} {1,-20} {2,8:f1} {3,8:f1} {4,8} {5,8} {6,8} "
                       "{7,8} {8,7} {9,7} {10,7}\n",
                       o.name, o.competitor, o.minNs, o.medianNs,
                       ratio(o.queueByMin), ratio(o.queueByMedian),
                       ratio(o.setByMin), ratio(o.setByMedian),
                       count(o.counts[0], counted || steps),
                       count(o.counts[1], counted), count(o.counts[2], counted))
      .str();
}

std::string toJson(bool counted, bool steps,
                   const std::vector<Outcome> &outcomes) {
  llvm::json::Array rows;
  for (const Outcome &o : outcomes) {
    llvm::json::Object row{{"case", o.name},
                           {"queue", o.competitor},
                           {"min_ns", o.minNs},
                           {"median_ns", o.medianNs}};
    if (o.queueByMin > 0) {
      row["priority_queue_by_min"] = o.queueByMin;
      row["priority_queue_by_median"] = o.queueByMedian;
    }
    if (o.setByMin > 0) {
      row["find_first_set_by_min"] = o.setByMin;
      row["find_first_set_by_median"] = o.setByMedian;
    }
    for (int k = 0; k < Counters::kCount; ++k)
      if (counted || (steps && k == 0))
        row[Counters::kNames[k]] = o.counts[k];
    rows.push_back(std::move(row));
  }
  llvm::json::Value root =
      llvm::json::Object{{"counters", counted}, {"results", std::move(rows)}};
  return llvm::formatv("{0:2}\n", root).str();
}

} // namespace

static int run(int argc, char **argv) {
  bool quick = false, steps = false;
  Command command("nm-bench-pifo",
                  "compiled schedulers against priority queues",
                  "  nm-bench-pifo [--quick] [--instructions] "
                  "[--json=<file>]\n\n");
  command.options().flag("quick", quick, "fewer cases, fewer turns");
  command.options().flag("instructions", steps,
                         "count instructions by single steps also where the "
                         "machine has counters");
  command.results();
  if (std::optional<int> code = command.parse(argc, argv))
    return *code;
  if (!verifyPifos())
    return 1;
  Counters counters;
  // Each figure comes with its instructions.
  steps |= !counters.available();
  std::vector<Outcome> outcomes;
  for (const PifoCase &benchCase : pifoCases(quick))
    benchmark::RegisterBenchmark(benchCase.name.c_str(),
                                 [&, benchCase](benchmark::State &state) {
                                   runCase(state, benchCase, counters, steps,
                                           outcomes);
                                 })
        ->UseManualTime()
        ->Iterations(quick ? 7 : 21);
  bool counted = counters.available();
  return runTable(
      header(counted), outcomes, command,
      [&](const Outcome &outcome) { return row(outcome, counted, steps); },
      [&] { return std::vector{toJson(counted, steps, outcomes)}; });
}

int main(int argc, char **argv) {
  return mlir::nm::driver::runTool(argc, argv, [&] { return run(argc, argv); });
}
