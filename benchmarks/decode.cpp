//===- decode.cpp - Products of one token with weights of four bits -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Writing a token is a product of every weight with one vector, bound by the
// bytes of the weights. Each case runs nm and llama.cpp's types in turn, so
// that noise falls on all alike. Each is compared with the product in float64
// of the weights that it itself holds.
//
//===----------------------------------------------------------------------===//

#include "CompiledProduct.h"
#include "LlamaPeers.h"
#include "Machine.h"
#include "Samples.h"
#include "Table.h"
#include "nm/Driver/Main.h"
#include "nm/Driver/Support.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/TargetSelect.h"

using namespace nm::bench;

namespace {

struct Timing {
  std::string name;
  double minMs = 0, medianMs = 0, error = 0, megabytes = 0;
  double gbs() const { return megabytes / minMs; }
};

struct Outcome {
  ProductCase product;
  Timing own;
  std::vector<Timing> peers;

  /// How many times faster than the best of the peers of four bits.
  double faster(bool byMedian) const {
    double best = 0;
    for (const Timing &peer : peers) {
      double ms = byMedian ? peer.medianMs : peer.minMs;
      if (peer.name.rfind("q4", 0) == 0 && (best == 0 || ms < best))
        best = ms;
    }
    return best / (byMedian ? own.medianMs : own.minMs);
  }
};

struct Settings {
  bool quick = false;
  int64_t threads = 1;
};

/// |y - w x| / |w x| in the norm of the elements, with w x in float64.
double relativeError(const ProductCase &product, const std::vector<float> &w,
                     const std::vector<float> &x, const std::vector<float> &y) {
  double difference = 0, norm = 0;
  for (int64_t t = 0; t < product.tokens; ++t)
    for (int64_t r = 0; r < product.rows; ++r) {
      double sum = 0;
      for (int64_t k = 0; k < product.depth; ++k)
        sum += double(w[size_t(r * product.depth + k)]) *
               double(x[size_t(t * product.depth + k)]);
      double found = y[size_t(t * product.rows + r)];
      difference += (found - sum) * (found - sum);
      norm += sum * sum;
    }
  return std::sqrt(difference / norm);
}

void runCase(benchmark::State &state, const ProductCase &product, Llama *llama,
             const Settings &settings, std::vector<Outcome> &outcomes) {
  auto fail = [&](llvm::Error error) {
    state.SkipWithError(llvm::toString(std::move(error)).c_str());
  };
  ProductData data(product);
  auto compiled = CompiledProduct::compile(product, data, settings.threads);
  if (!compiled)
    return fail(compiled.takeError());
  auto result = (*compiled)->run();
  if (!result)
    return fail(result.takeError());
  Outcome outcome;
  outcome.product = product;
  outcome.own.error = relativeError(product, data.w, data.x, *result);
  outcome.own.megabytes = product.bytes() / 1e6;
  std::vector<std::unique_ptr<Llama::Product>> theirs;
  for (const char *type : {"q4_0", "q4_K", "q8_0", "f16"}) {
    if (!llama)
      break;
    // The same dense weights that nm prunes and rounds.
    auto peer = llama->product(type, data.before, data.x, product.rows,
                               product.depth, product.tokens);
    if (!peer)
      return fail(peer.takeError());
    (*peer)->run();
    (*peer)->rest();
    Timing timing;
    timing.name = type;
    timing.megabytes = (*peer)->bytes() / 1e6;
    timing.error =
        relativeError(product, (*peer)->weight(), data.x, (*peer)->result());
    outcome.peers.push_back(timing);
    theirs.push_back(std::move(*peer));
  }
  std::vector<double> own;
  std::vector<std::vector<double>> samples(theirs.size());
  for (auto _ : state) {
    own.push_back((*compiled)->timeOnce());
    state.SetIterationTime(own.back() / 1e3);
    for (size_t i = 0; i < theirs.size(); ++i) {
      theirs[i]->wake();
      mlir::nm::driver::Stopwatch watch;
      theirs[i]->run();
      samples[i].push_back(watch.ms());
      theirs[i]->rest();
    }
  }
  outcome.own.minMs = minimum(own);
  outcome.own.medianMs = median(own);
  for (size_t i = 0; i < theirs.size(); ++i) {
    outcome.peers[i].minMs = minimum(samples[i]);
    outcome.peers[i].medianMs = median(samples[i]);
  }
  outcomes.push_back(outcome);
}

std::vector<ProductCase> makeCases(bool quick) {
  using Shape = std::pair<int64_t, int64_t>;
  std::vector<Shape> shapes{{4096, 4096}, {11008, 4096}, {4096, 11008}};
  if (quick)
    shapes.resize(1);
  std::vector<ProductCase> cases;
  for (int64_t tokens : {1, 8})
    for (Shape pattern : {Shape(2, 4), Shape(1, 4), Shape(1, 1)})
      for (Shape shape : shapes)
        cases.push_back({shape.first, shape.second, tokens, pattern.first,
                         pattern.second, "i4"});
  return cases;
}

std::string header() {
  return "case                       bits  min ms  median  GB/s    error | "
         "x best of q4: min, median | peers: min ms, median, GB/s, error\n";
}

std::string row(const Outcome &o) {
  std::string text;
  llvm::raw_string_ostream os(text);
  double weights = double(o.product.rows) * double(o.product.depth);
  os << llvm::formatv("{0,-25} {1,5:f2} {2,7:f3} {3,7:f3} {4,5:f1} {5,8:e1} | ",
                      o.product.name(), o.own.megabytes * 8e6 / weights,
                      o.own.minMs, o.own.medianMs, o.own.gbs(), o.own.error);
  if (!o.peers.empty())
    os << llvm::formatv("{0:f2} {1:f2} |", o.faster(false), o.faster(true));
  for (const Timing &peer : o.peers)
    os << llvm::formatv(" {0} {1:f3} {2:f3} {3:f1} {4:e1};", peer.name,
                        peer.minMs, peer.medianMs, peer.gbs(), peer.error);
  os << "\n";
  return text;
}

llvm::json::Object toJson(const Timing &timing) {
  return llvm::json::Object{{"min_ms", timing.minMs},
                            {"median_ms", timing.medianMs},
                            {"megabytes", timing.megabytes},
                            {"relative_error", timing.error}};
}

std::vector<std::string> toTexts(const Settings &settings,
                                 const Machine &machine,
                                 const std::vector<Outcome> &outcomes) {
  llvm::json::Array cases;
  for (const Outcome &o : outcomes) {
    llvm::json::Object peers;
    for (const Timing &peer : o.peers)
      peers[peer.name] = toJson(peer);
    llvm::json::Object item = toJson(o.own);
    item["case"] = o.product.name();
    item["peers"] = std::move(peers);
    cases.push_back(std::move(item));
  }
  llvm::json::Value root =
      llvm::json::Object{{"threads", settings.threads},
                         {"bandwidth_gbs", machine.bandwidth / 1e9},
                         {"cases", std::move(cases)}};
  return {llvm::formatv("{0:2}\n", root).str()};
}

} // namespace

static int run(int argc, char **argv) {
  Settings settings;
  std::string folder;
  if (const char *named = std::getenv("NM_GGML"))
    folder = named;
  Command command("nm-bench-decode",
                  "products of one and of eight tokens with weights of four "
                  "bits, against llama.cpp's",
                  "  nm-bench-decode [--quick] [--threads=<n>] "
                  "[--json=<file>]\n\n");
  command.options().flag("quick", settings.quick, "one shape, fewer turns");
  command.options().number("threads", settings.threads, 1, 1024, "n",
                           "threads of nm and of llama.cpp");
  command.results();
  if (std::optional<int> code = command.parse(argc, argv))
    return *code;
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  std::unique_ptr<Llama> llama;
  if (!folder.empty()) {
    auto opened = Llama::open(folder, int(settings.threads));
    if (!opened) {
      llvm::errs() << "error: " << llvm::toString(opened.takeError()) << "\n";
      return 1;
    }
    llama = std::move(*opened);
  }
  Machine machine = measureMachine();
  printMachine(machine, int(settings.threads));
  llvm::outs() << (llama ? "llama.cpp: " + llama->variant()
                         : "llama.cpp: none, NM_GGML names no folder")
               << "\n";
  std::vector<Outcome> outcomes;
  for (const ProductCase &product : makeCases(settings.quick))
    benchmark::RegisterBenchmark(product.name().c_str(),
                                 [&, product](benchmark::State &state) {
                                   runCase(state, product, llama.get(),
                                           settings, outcomes);
                                 })
        ->UseManualTime()
        ->Iterations(settings.quick ? 15 : 41);
  return runTable(header(), outcomes, command, row,
                  [&] { return toTexts(settings, machine, outcomes); });
}

int main(int argc, char **argv) {
  return mlir::nm::driver::runTool(argc, argv, [&] { return run(argc, argv); });
}
