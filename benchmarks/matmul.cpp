//===- matmul.cpp - N:M products against the dense libraries -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One Google Benchmark per case. Each of its iterations runs nm and every peer
// once, in turn, on the same data, so that noise falls on all alike; the
// ratios are of minima and of medians. Results are checked before any timing.
//
//===----------------------------------------------------------------------===//

#include "CompiledProduct.h"
#include "Machine.h"
#include "Peers.h"
#include "Roofline.h"
#include "Table.h"
#include "Turns.h"
#include "Upstream.h"
#include "nm/Driver/Main.h"
#include "nm/Driver/Support.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/TargetSelect.h"

using namespace nm::bench;

namespace {

struct Outcome {
  ProductCase product;
  std::string peer; ///< the fastest by minimum
  double minMs = 0, medianMs = 0, peerMinMs = 0, peerMedianMs = 0, error = 0;
  double boundFraction = 0;
  /// Of upstream's sparsifier; 0 where it does not take the case.
  double upstreamMinMs = 0, upstreamMedianMs = 0;
};

/// Upstream is far from the others: a few runs show it, and would otherwise
/// take most of the time.
constexpr int kUpstreamRuns = 5;

struct Settings {
  bool quick = false;
  int64_t threads = 1;
};

/// max |a - b| / max |b|.
double relativeError(const std::vector<float> &a, const std::vector<float> &b) {
  double difference = 0, scale = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference = std::max(difference, double(std::abs(a[i] - b[i])));
    scale = std::max(scale, double(std::abs(b[i])));
  }
  return scale > 0 ? difference / scale : difference;
}

/// Checks and times upstream's sparsifier on the case.
llvm::Error runUpstream(const ProductCase &product, const ProductData &data,
                        const std::vector<float> &expected, Outcome &outcome) {
  auto upstream = UpstreamProduct::compile(product, data);
  if (!upstream)
    return upstream.takeError();
  std::vector<double> samples;
  for (int run = 0; run <= kUpstreamRuns; ++run) {
    auto ms = (*upstream)->timeOnce();
    if (!ms)
      return ms.takeError();
    if (run > 0) {
      samples.push_back(*ms);
      continue;
    }
    double error = relativeError((*upstream)->result(), expected);
    // A wrong answer has no time: the column stays empty.
    if (error > 1e-5) {
      llvm::errs() << llvm::formatv(
          "note: upstream's sparsifier is left out: relative error {0}\n",
          error);
      return llvm::Error::success();
    }
  }
  outcome.upstreamMinMs = minimum(samples);
  outcome.upstreamMedianMs = median(samples);
  return llvm::Error::success();
}

void runCase(benchmark::State &state, const ProductCase &product,
             const std::vector<Peer> &peers, const Machine &machine,
             const Settings &settings, std::vector<Outcome> &outcomes) {
  ProductData data(product);
  auto compiled = CompiledProduct::compile(product, data, settings.threads);
  if (!compiled) {
    state.SkipWithError(llvm::toString(compiled.takeError()).c_str());
    return;
  }
  std::vector<float> y(product.tokens * product.rows);
  // Everyone reads weights of its own, as nm reads its packed ones: nobody
  // finds in the cache what another has just read.
  std::vector<std::vector<float>> weights(peers.size(), data.w);
  auto runPeer = [&](size_t i) {
    peers[i].product(data.x.data(), weights[i].data(), y.data(), product.tokens,
                     product.rows, product.depth);
  };
  auto result = (*compiled)->run();
  if (!result) {
    state.SkipWithError(llvm::toString(result.takeError()).c_str());
    return;
  }
  Outcome outcome;
  outcome.product = product;
  for (size_t i = 0; i < peers.size(); ++i) {
    runPeer(i);
    outcome.error = std::max(outcome.error, relativeError(*result, y));
  }
  // Both sides round in f32; sums of `depth` terms differ by their order.
  if (outcome.error > 1e-5) {
    state.SkipWithError(
        llvm::formatv("wrong result: relative error {0}", outcome.error)
            .str()
            .c_str());
    return;
  }
  timeByTurns(state, **compiled, peers, runPeer, outcome);
  outcome.boundFraction = boundSeconds(machine, product.flops(),
                                       product.bytes(), settings.threads) *
                          1e3 / outcome.minMs;
  if (UpstreamProduct::supports(product, settings.threads))
    if (auto error = runUpstream(product, data, *result, outcome)) {
      state.SkipWithError(llvm::toString(std::move(error)).c_str());
      return;
    }
  outcomes.push_back(outcome);
}

std::vector<ProductCase> makeCases(bool quick) {
  using Shape = std::pair<int64_t, int64_t>;
  std::vector<Shape> shapes{
      {768, 768}, {3072, 768}, {768, 3072}, {4096, 4096}, {11008, 4096}};
  // 1:1 is dense: the same generator against the libraries on their ground.
  std::vector<Shape> patterns{{2, 4}, {4, 8},  {1, 4}, {2, 8},
                              {1, 8}, {1, 16}, {1, 1}};
  std::vector<int64_t> tokens{1, 8, 32, 128, 512};
  if (quick) {
    shapes = {{768, 768}, {4096, 4096}};
    patterns = {{2, 4}, {1, 4}, {1, 1}};
    tokens = {1, 8, 128};
  }
  std::vector<ProductCase> cases;
  for (int64_t count : tokens)
    for (Shape pattern : patterns)
      for (Shape shape : shapes)
        cases.push_back({shape.first, shape.second, count, pattern.first,
                         pattern.second, "f32"});
  // Masks that every four rows share.
  for (int64_t count : tokens)
    for (Shape pattern : patterns)
      for (Shape shape : shapes)
        if (count >= 32 && pattern.first < pattern.second)
          cases.push_back({shape.first, shape.second, count, pattern.first,
                           pattern.second, "f32", 4});
  // Narrow weights of one column, among them all shapes of a Llama of 7 B.
  if (!quick)
    shapes.push_back({4096, 11008});
  for (const char *dtype : {"bf16", "i8"})
    for (Shape pattern : patterns)
      for (Shape shape : shapes)
        if (shape.first >= 4096)
          cases.push_back({shape.first, shape.second, 1, pattern.first,
                           pattern.second, dtype});
  return cases;
}

std::string header() {
  return llvm::formatv(
             "{0,-30} {1,10} {2,10} {3,9} {4,10} {5,8} {6,8} {7,7} {8,10}\n",
             "case", "nm min ms", "median ms", "peer", "peer min", "x min",
             "x med", "bound", "x upstream")
      .str();
}

std::string row(const Outcome &o) {
  return llvm::formatv(
             "{0,-30} {1,10:f3} {2,10:f3} {3,9} {4,10:f3} {5,8:f2} {6,8:f2} "
             "{7,6:f0}% {8,10:f1}\n",
             o.product.name(), o.minMs, o.medianMs, o.peer, o.peerMinMs,
             o.peerMinMs / o.minMs, o.peerMedianMs / o.medianMs,
             100 * o.boundFraction, o.upstreamMinMs / o.minMs)
      .str();
}

/// The results as JSON, and the roofline.
std::vector<std::string> toTexts(const Settings &settings,
                                 const Machine &machine,
                                 const std::vector<Outcome> &outcomes) {
  llvm::json::Array cases;
  std::vector<RooflinePoint> points;
  for (const Outcome &o : outcomes) {
    cases.push_back(llvm::json::Object{
        {"case", o.product.name()},
        {"rows", o.product.rows},
        {"depth", o.product.depth},
        {"tokens", o.product.tokens},
        {"pattern", llvm::formatv("{0}:{1}", o.product.n, o.product.m).str()},
        {"dtype", o.product.dtype},
        {"shared_rows", o.product.shared},
        {"min_ms", o.minMs},
        {"median_ms", o.medianMs},
        {"peer", o.peer},
        {"peer_min_ms", o.peerMinMs},
        {"peer_median_ms", o.peerMedianMs},
        {"upstream_min_ms", o.upstreamMinMs},
        {"upstream_median_ms", o.upstreamMedianMs},
        {"relative_error", o.error},
        {"fraction_of_bound", o.boundFraction}});
    points.push_back({o.product.name(), o.product.flops() / o.product.bytes(),
                      o.product.flops() / o.minMs * 1e3});
  }
  llvm::json::Value root =
      llvm::json::Object{{"threads", settings.threads},
                         {"peak_gflops", machine.flops / 1e9},
                         {"bandwidth_gbs", machine.bandwidth / 1e9},
                         {"cases", std::move(cases)}};
  return {llvm::formatv("{0:2}\n", root).str(),
          drawRoofline(machine, settings.threads, points)};
}

} // namespace

static int run(int argc, char **argv) {
  Settings settings;
  Command command(
      "nm-bench-matmul", "N:M products against the dense libraries",
      "  nm-bench-matmul [--quick] [--threads=<n>] [--json=<file>]\n\n");
  command.options().flag("quick", settings.quick, "fewer cases, fewer turns");
  command.options().number("threads", settings.threads, 1, 1024, "n",
                           "threads of nm and of the libraries");
  command.results({".svg"});
  if (std::optional<int> code = command.parse(argc, argv))
    return *code;
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  std::vector<Peer> peers = loadPeers(settings.threads);
  if (peers.empty()) {
    llvm::errs() << "error: no peer library is installed; expected one of "
                    "libopenblas, libblis, libdnnl\n";
    return 1;
  }
  Machine machine = measureMachine();
  printMachine(command.table(), machine, settings.threads);
  std::vector<Outcome> outcomes;
  registerCases(
      makeCases(settings.quick),
      [&](const ProductCase &) { return settings.quick ? 15 : 31; },
      [&](benchmark::State &state, const ProductCase &product) {
        runCase(state, product, peers, machine, settings, outcomes);
      });
  return runTable(header(), outcomes, command, row,
                  [&] { return toTexts(settings, machine, outcomes); });
}

int main(int argc, char **argv) {
  return mlir::nm::driver::runTool(argc, argv, [&] { return run(argc, argv); });
}
