//===- decode.cpp - Products of tokens with integers in groups -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Writing a token is a product of every weight with one vector, bound by the
// bytes of the weights. Each case runs nm and llama.cpp's types in turn, so
// that noise falls on all alike. Before each the caches are read over, and then
// the same product runs with a copy of the weight: as behind another layer of a
// model, the weight comes from memory, and code, activations and what starts
// the threads do not. Results are compared with the product in float64 of the
// weights that each itself holds.
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
#include <functional>
#include <unistd.h>

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
  /// Bytes/s that as many threads read before the case or after it, whichever
  /// is more: a shared machine's memory is not as fast at all times.
  double bandwidth = 0;

  /// Whether the product is compared with this one: integers of one token with
  /// llama.cpp's of as many bits, others with nm's own.
  bool comparesWith(const Timing &peer) const {
    auto groups = product.groups();
    llvm::StringRef name = peer.name;
    if (!groups || product.tokens > 16)
      return name.starts_with("nm ");
    return name.starts_with(groups->form.bits == 8 ? "q8" : "q4");
  }
  /// How many times faster than the best of those.
  double faster(bool byMedian) const {
    double best = 0;
    for (const Timing &peer : peers) {
      double ms = byMedian ? peer.medianMs : peer.minMs;
      if (comparesWith(peer) && (best == 0 || ms < best))
        best = ms;
    }
    return best / (byMedian ? own.medianMs : own.minMs);
  }
  double share() const { return own.gbs() * 1e9 / bandwidth; }
};

struct Settings {
  bool quick = false;
  int64_t threads = 1;
  int64_t turns = 0; ///< 0: as many as the product's size suggests
  int64_t seed = 1234;
};

/// What runs in turn with a case, and what is done around it.
struct Rival {
  Timing timing;
  std::function<void()> wake, runCopy, run, rest;
  std::vector<double> samples;
};

/// Reads more than the caches hold, so that weights come from memory.
class CacheFlush {
public:
  CacheFlush() {
    long last = sysconf(_SC_LEVEL3_CACHE_SIZE);
    words.resize((size_t(64) << 20) / 8 + size_t(std::max(last, 0L)) / 4, 1);
  }
  void run() {
    uint64_t sum = 0;
    for (uint64_t word : words)
      sum += word;
    benchmark::DoNotOptimize(sum);
  }

private:
  std::vector<uint64_t> words;
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

class Case {
public:
  Case(const ProductCase &product, Llama *llama, const Settings &settings)
      : product(product), data(product, settings.seed), llama(llama),
        settings(settings) {
    outcome.product = product;
  }

  llvm::Error prepare() {
    if (llvm::Error error = addOwn(product, data, outcome.own))
      return error;
    if (llvm::Error error = addOwnPeer())
      return error;
    if (!llama || !product.groups() || product.tokens > 16)
      return llvm::Error::success();
    for (const char *type : {"q4_0", "q4_K", "q8_0", "f16"})
      if (llvm::Error error = addTheirs(type))
        return error;
    return llvm::Error::success();
  }

  /// Milliseconds of nm's run.
  double runOnce(CacheFlush &flush) {
    for (Rival &rival : rivals) {
      rival.wake();
      flush.run();
      rival.runCopy();
      mlir::nm::driver::Stopwatch watch;
      rival.run();
      rival.samples.push_back(watch.ms());
      rival.rest();
    }
    return rivals.front().samples.back();
  }

  Outcome finish() {
    for (size_t i = 0; i < rivals.size(); ++i) {
      Timing timing = rivals[i].timing;
      timing.minMs = minimum(rivals[i].samples);
      timing.medianMs = median(rivals[i].samples);
      if (i == 0)
        outcome.own = timing;
      else
        outcome.peers.push_back(timing);
    }
    return outcome;
  }

private:
  llvm::Error addOwn(const ProductCase &own, const ProductData &ownData,
                     Timing timing) {
    auto compiled = CompiledProduct::compile(own, ownData, settings.threads);
    if (!compiled)
      return compiled.takeError();
    if (llvm::Error error = (*compiled)->addCopy(own, ownData))
      return error;
    auto result = (*compiled)->run();
    if (!result)
      return result.takeError();
    timing.error = relativeError(own, ownData.w, ownData.x, *result);
    timing.megabytes = own.bytes() / 1e6;
    CompiledProduct *code = compiled->get();
    rivals.push_back({timing,
                      [] {},
                      [code] { code->runCopy(); },
                      [code] { code->timeOnce(); },
                      [] {},
                      {}});
    owned.push_back(std::move(*compiled));
    return llvm::Error::success();
  }

  /// Dense floats of integers whose activations stay floats; of a prompt the
  /// same pattern in bf16.
  llvm::Error addOwnPeer() {
    ProductCase other = product;
    Timing timing;
    if (product.tokens > 16) {
      other.dtype = "bf16";
    } else if (!product.groups()) {
      other.dtype = "f32";
      other.n = other.m = 1;
    } else {
      return llvm::Error::success();
    }
    timing.name = "nm " + other.dtype;
    return addOwn(other, ProductData(other, settings.seed), timing);
  }

  llvm::Error addTheirs(const char *type) {
    // The same dense weights that nm prunes and rounds.
    auto make = [&] {
      return llama->product(type, data.before, data.x, product.rows,
                            product.depth, product.tokens);
    };
    auto peer = make();
    if (!peer)
      return peer.takeError();
    auto copied = make();
    if (!copied)
      return copied.takeError();
    Llama::Product *code = peer->get(), *copy = copied->get();
    code->run();
    code->rest();
    Timing timing;
    timing.name = type;
    timing.megabytes = code->bytes() / 1e6;
    timing.error =
        relativeError(product, code->weight(), data.x, code->result());
    rivals.push_back({timing,
                      [code] { code->wake(); },
                      [copy] { copy->run(); },
                      [code] { code->run(); },
                      [code] { code->rest(); },
                      {}});
    theirs.push_back(std::move(*peer));
    theirs.push_back(std::move(*copied));
    return llvm::Error::success();
  }

  ProductCase product;
  ProductData data;
  Llama *llama;
  const Settings &settings;
  Outcome outcome;
  /// The product itself, then its peers.
  std::vector<Rival> rivals;
  std::vector<std::unique_ptr<CompiledProduct>> owned;
  std::vector<std::unique_ptr<Llama::Product>> theirs;
};

/// `bandwidth` is what was read before the case, then what is after it.
void runCase(benchmark::State &state, const ProductCase &product, Llama *llama,
             const Settings &settings, double &bandwidth, CacheFlush &flush,
             std::vector<Outcome> &outcomes) {
  Case each(product, llama, settings);
  if (llvm::Error error = each.prepare()) {
    state.SkipWithError(llvm::toString(std::move(error)).c_str());
    return;
  }
  for (auto _ : state)
    state.SetIterationTime(each.runOnce(flush) / 1e3);
  outcomes.push_back(each.finish());
  double before =
      std::exchange(bandwidth, measureReadBandwidth(int(settings.threads)));
  outcomes.back().bandwidth = std::max(before, bandwidth);
}

std::vector<ProductCase> makeCases(bool quick) {
  using Shape = std::pair<int64_t, int64_t>;
  std::vector<Shape> shapes{{4096, 4096}, {11008, 4096}, {4096, 11008}};
  if (quick)
    shapes.resize(1);
  std::vector<ProductCase> cases;
  auto add = [&](const char *dtype, int64_t tokens) {
    for (Shape pattern : {Shape(2, 4), Shape(1, 4), Shape(1, 1)})
      for (Shape shape : shapes)
        if (dtype != std::string("i8") || pattern.first < pattern.second)
          cases.push_back({shape.first, shape.second, tokens, pattern.first,
                           pattern.second, dtype});
  };
  for (int64_t tokens : {1, 8, 512})
    for (const char *dtype : {"i4:64", "i8:64"})
      add(dtype, tokens);
  add("i8", 1);
  return cases;
}

std::string header() {
  return "case                           bits  min ms  median  GB/s  of read   "
         " "
         "error | x best of q4, q8_0 or nm's: min, median | peers: min ms, "
         "median, GB/s, error\n";
}

std::string row(const Outcome &o) {
  std::string text;
  llvm::raw_string_ostream os(text);
  double weights = double(o.product.rows) * double(o.product.depth);
  os << llvm::formatv(
      "{0,-29} {1,5:f2} {2,7:f3} {3,7:f3} {4,5:f1} {5,6:f0} % {6,8:e1} | ",
      o.product.name(), o.own.megabytes * 8e6 / weights, o.own.minMs,
      o.own.medianMs, o.own.gbs(), 100 * o.share(), o.own.error);
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
                                 const std::vector<Outcome> &outcomes) {
  llvm::json::Array cases;
  for (const Outcome &o : outcomes) {
    llvm::json::Object peers;
    for (const Timing &peer : o.peers)
      peers[peer.name] = toJson(peer);
    llvm::json::Object item = toJson(o.own);
    item["case"] = o.product.name();
    item["bandwidth_gbs"] = o.bandwidth / 1e9;
    item["peers"] = std::move(peers);
    cases.push_back(std::move(item));
  }
  llvm::json::Value root = llvm::json::Object{{"threads", settings.threads},
                                              {"cases", std::move(cases)}};
  return {llvm::formatv("{0:2}\n", root).str()};
}

} // namespace

static int run(int argc, char **argv) {
  Settings settings;
  std::string folder;
  if (const char *named = std::getenv("NM_GGML"))
    folder = named;
  Command command(
      "nm-bench-decode",
      "products of one, of eight and of 512 tokens with integers in "
      "groups, against llama.cpp's and nm's own floats",
      "  nm-bench-decode [--quick] [--threads=<n>] "
      "[--turns=<n>] [--seed=<n>] [--json=<file>]\n\n");
  command.options().flag("quick", settings.quick, "one shape, fewer turns");
  command.options().number("threads", settings.threads, 1, 1024, "n",
                           "threads of nm and of llama.cpp");
  command.options().number("turns", settings.turns, 1, 1000, "n",
                           "runs of each, instead of 41, 15 or of prompts 5");
  command.options().number("seed", settings.seed, 0, 1000000, "n",
                           "of weights and activations");
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
  printMachine(command.table(), machine, int(settings.threads));
  CacheFlush flush;
  command.table() << (llama ? "llama.cpp: " + llama->variant()
                            : "llama.cpp: none, NM_GGML names no folder")
                  << "\n";
  std::vector<Outcome> outcomes;
  double bandwidth = measureReadBandwidth(int(settings.threads));
  registerCases(
      makeCases(settings.quick),
      [&](const ProductCase &product) {
        return settings.turns        ? settings.turns
               : product.tokens > 16 ? 5
               : settings.quick      ? 15
                                     : 41;
      },
      [&](benchmark::State &state, const ProductCase &product) {
        runCase(state, product, llama.get(), settings, bandwidth, flush,
                outcomes);
      });
  return runTable(header(), outcomes, command, row,
                  [&] { return toTexts(settings, outcomes); });
}

int main(int argc, char **argv) {
  return mlir::nm::driver::runTool(argc, argv, [&] { return run(argc, argv); });
}
