//===- attention.cpp - Fused attention against the dense libraries -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One Google Benchmark per case. Each of its iterations runs nm and every peer
// once, in turn, on the same data; ratios are of minima and of medians. Every
// result is checked against float64 before any timing. The peers are unfused:
// two library products with a vectorised softmax between them. They need
// [queries, keys] logits for one head; nm's memory is measured beside them.
//
//===----------------------------------------------------------------------===//

#include "AttentionCase.h"
#include "AttentionDataflows.h"
#include "AttentionPeers.h"
#include "Machine.h"
#include "Table.h"
#include "Turns.h"
#include "nm/Driver/Main.h"
#include "nm/Driver/Support.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/TargetSelect.h"
#include <fstream>
#include <malloc.h>

using namespace nm::bench;

namespace {

struct Outcome {
  AttentionCase attention;
  std::string peer; ///< the fastest by minimum; empty: none ran
  double minMs = 0, medianMs = 0, peerMinMs = 0, peerMedianMs = 0;
  double error = 0, peerError = 0;
  /// Of FMA peak, or for decoding of the measured read bandwidth.
  double fraction = 0;
  double extraMiB = 0; ///< peak memory of one run beyond its arguments
};

struct Settings {
  bool quick = false, noPeers = false, dataflows = false;
  int64_t threads = 1;
  int64_t peerLimit = 8192; ///< longest sequence that peers run
};

/// A line of /proc/self/status in MiB.
double statusMiB(const std::string &key) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);)
    if (line.rfind(key + ":", 0) == 0)
      return std::stod(line.substr(key.size() + 1)) / 1024;
  return 0;
}

/// Peak resident memory of one run beyond what was there before.
double measureExtraMemory(CompiledAttention &compiled) {
  malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << 5; // resets VmHWM
  double before = statusMiB("VmRSS");
  compiled.timeOnce();
  return std::max(0.0, statusMiB("VmHWM") - before);
}

/// Runs the peers that fit; the first one's result is checked too.
bool checkPeers(const AttentionCase &attention, const AttentionData &data,
                const std::vector<AttentionPeer> &peers,
                std::vector<float> &out, std::vector<float> &logits,
                Outcome &outcome) {
  for (const AttentionPeer &peer : peers) {
    peer.run(attention, data, out.data(), logits.data());
    outcome.peerError = std::max(outcome.peerError,
                                 attentionError(attention, data, out.data()));
  }
  return outcome.peerError < 1e-4;
}

void runCase(benchmark::State &state, const AttentionCase &attention,
             std::vector<AttentionPeer> peers, const Machine &machine,
             const Settings &settings, std::vector<Outcome> &outcomes) {
  AttentionData data(attention);
  auto compiled = CompiledAttention::compile(attention, data, settings.threads);
  if (!compiled)
    return state.SkipWithError(llvm::toString(compiled.takeError()).c_str());
  Outcome outcome;
  outcome.attention = attention;
  auto result = (*compiled)->run();
  if (!result)
    return state.SkipWithError(llvm::toString(result.takeError()).c_str());
  outcome.error = attentionError(attention, data, result->data());
  if (!(outcome.error < 1e-4))
    return state.SkipWithError(
        llvm::formatv("wrong result: relative error {0}", outcome.error)
            .str()
            .c_str());
  outcome.extraMiB = measureExtraMemory(**compiled);
  if (attention.keys > settings.peerLimit || attention.dtype != "f32")
    peers.clear();
  std::vector<float> out(result->size());
  std::vector<float> logits(peers.empty() ? 0
                                          : attention.queries * attention.keys);
  if (!checkPeers(attention, data, peers, out, logits, outcome))
    return state.SkipWithError("a peer's result is wrong");
  timeByTurns(
      state, **compiled, peers,
      [&](size_t i) {
        peers[i].run(attention, data, out.data(), logits.data());
      },
      outcome);
  // Memory is shared with others: what it gives now, not at the start.
  double bandwidth = machine.bandwidth;
  if (attention.isDecode())
    bandwidth = std::max(bandwidth, measureMachine().bandwidth);
  double bound = attention.isDecode()
                     ? attention.cacheBytes() / bandwidth
                     : attention.flops() / machine.flops / settings.threads;
  outcome.fraction = bound * 1e3 / outcome.minMs;
  outcomes.push_back(outcome);
}

std::vector<AttentionCase> makeCases(bool quick) {
  std::vector<AttentionCase> cases;
  std::vector<int64_t> lengths{128, 256, 512, 1024, 2048, 4096, 8192, 16384};
  if (quick)
    lengths = {512, 2048};
  for (int64_t width : {64, 128})
    for (bool causal : {false, true})
      for (int64_t length : lengths)
        cases.push_back({length, length, width, 1, 1, causal});
  if (!quick)
    for (int64_t heads : {12, 32})
      for (bool causal : {false, true})
        cases.push_back(
            {1024, 1024, heads == 12 ? 64 : 128, heads, heads, causal});
  cases.push_back({1024, 1024, 64, 8, 2, true}); // grouped queries
  if (!quick) // no quadratic buffer would fit
    cases.push_back({65536, 65536, 64, 1, 1, true});
  // The caches of all heads together exceed the processor's.
  for (const char *dtype : {"f32", "bf16"}) {
    cases.push_back({2048, 2048, 64, 1, 1, false, dtype});
    for (int64_t length : {2048, 8192})
      cases.push_back({1, length, 128, 32, 32, true, dtype});
  }
  cases.push_back({1, 8192, 128, 32, 8, true});
  return cases;
}

std::string header() {
  return llvm::formatv("{0,-32} {1,10} {2,10} {3,9} {4,10} {5,7} {6,7} {7,7} "
                       "{8,9} {9,10}\n",
                       "case", "nm min ms", "median ms", "peer", "peer min",
                       "x min", "x med", "bound", "extra MiB", "error")
      .str();
}

std::string row(const Outcome &o) {
  std::string peer = llvm::formatv(" {0,9} {0,10} {0,7} {0,7}", "-").str();
  if (!o.peer.empty())
    peer =
        llvm::formatv(" {0,9} {1,10:f3} {2,7:f2} {3,7:f2}", o.peer, o.peerMinMs,
                      o.peerMinMs / o.minMs, o.peerMedianMs / o.medianMs)
            .str();
  return llvm::formatv(
             "{0,-32} {1,10:f3} {2,10:f3}{3} {4,6:f1}% {5,9:f1} {6,10:e1}\n",
             o.attention.name(), o.minMs, o.medianMs, peer, 100 * o.fraction,
             o.extraMiB, o.error)
      .str();
}

std::string toJson(const Settings &settings, const Machine &machine,
                   const std::vector<Outcome> &outcomes) {
  llvm::json::Array cases;
  for (const Outcome &o : outcomes) {
    llvm::json::Object object{{"case", o.attention.name()},
                              {"queries", o.attention.queries},
                              {"keys", o.attention.keys},
                              {"width", o.attention.width},
                              {"heads", o.attention.heads},
                              {"kv_heads", o.attention.kvHeads},
                              {"causal", o.attention.isCausal},
                              {"dtype", o.attention.dtype},
                              {"min_ms", o.minMs},
                              {"median_ms", o.medianMs},
                              {"fraction_of_bound", o.fraction},
                              {"extra_mib", o.extraMiB},
                              {"relative_error", o.error}};
    if (!o.peer.empty()) {
      object["peer"] = o.peer;
      object["peer_min_ms"] = o.peerMinMs;
      object["peer_median_ms"] = o.peerMedianMs;
      object["peer_relative_error"] = o.peerError;
    }
    cases.push_back(std::move(object));
  }
  llvm::json::Value root =
      llvm::json::Object{{"threads", settings.threads},
                         {"peak_gflops", machine.flops / 1e9},
                         {"bandwidth_gbs", machine.bandwidth / 1e9},
                         {"cases", std::move(cases)}};
  return llvm::formatv("{0:2}\n", root).str();
}

/// The command line into `settings`; an exit code as Command::parse.
std::optional<int> takeSettings(int argc, char **argv, Command &command,
                                Settings &settings) {
  nm::support::CommandLine &line = command.options();
  line.flag("quick", settings.quick, "fewer cases, fewer turns");
  line.flag("no-peers", settings.noPeers, "nm alone");
  line.flag("dataflows", settings.dataflows,
            "time the dataflows that the cost model ranks high");
  line.number("threads", settings.threads, 1, 1024, "n",
              "threads of nm and of the peers");
  line.number("peer-limit", settings.peerLimit, 1, int64_t(1) << 40, "n",
              "longest sequence that peers run");
  command.results();
  if (std::optional<int> code = command.parse(argc, argv))
    return code;
  if (!settings.dataflows)
    return std::nullopt;
  for (const char *other : {"no-peers", "peer-limit", "json"})
    if (line.given(other)) {
      llvm::errs() << "error: --" << other
                   << " has no effect with --dataflows, which only prints; "
                      "drop one of them\n";
      return 1;
    }
  return std::nullopt;
}

/// Enough for a minimum, few enough for long cases.
int iterations(const AttentionCase &attention, bool quick) {
  double seconds = attention.isDecode() ? attention.cacheBytes() / 2e10
                                        : attention.flops() / 8e10;
  int least = seconds > 2 ? 1 : 5;
  return std::clamp(int(2.0 / seconds / 4), least, quick ? 21 : 101);
}

/// The selected dataflow against the others that the model ranks high.
bool rankDataflows(const Settings &settings) {
  std::vector<int64_t> lengths{512, 1024, 2048, 4096, 8192};
  if (settings.quick)
    lengths = {512, 2048};
  for (int64_t width : {64, 128})
    for (bool causal : {false, true})
      for (int64_t length : lengths) {
        AttentionCase attention{length, length, width, 1, 1, causal};
        int rounds = iterations(attention, settings.quick);
        if (!compareDataflows(attention, settings.threads, rounds))
          return false;
      }
  return true;
}

} // namespace

static int run(int argc, char **argv) {
  Settings settings;
  Command command("nm-bench-attention",
                  "fused attention against the dense libraries",
                  "  nm-bench-attention [--quick] [--no-peers] "
                  "[--peer-limit=<n>] [--threads=<n>] [--json=<file>]\n"
                  "  nm-bench-attention --dataflows [--quick] "
                  "[--threads=<n>]\n\n");
  if (std::optional<int> code = takeSettings(argc, argv, command, settings))
    return *code;
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  if (settings.dataflows)
    return rankDataflows(settings) ? 0 : 1;
  std::vector<AttentionPeer> peers;
  if (!settings.noPeers)
    peers = loadAttentionPeers(settings.threads);
  Machine machine = measureMachine();
  printMachine(command.table(), machine, settings.threads);
  std::vector<Outcome> outcomes;
  registerCases(
      makeCases(settings.quick),
      [&](const AttentionCase &attention) {
        return iterations(attention, settings.quick);
      },
      [&](benchmark::State &state, const AttentionCase &attention) {
        runCase(state, attention, peers, machine, settings, outcomes);
      });
  return runTable(header(), outcomes, command, row, [&] {
    return std::vector{toJson(settings, machine, outcomes)};
  });
}

int main(int argc, char **argv) {
  return mlir::nm::driver::runTool(argc, argv, [&] { return run(argc, argv); });
}
