//===- AttentionDataflows.cpp - Measured ranking of dataflows -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionDataflows.h"
#include "nm/Model/Search.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

using namespace nm::bench;
namespace model = nm::model;

namespace {

struct Entry {
  std::string dataflow; ///< empty: what flat-generate-attention falls back to
  double modelMs = 0;
  std::unique_ptr<CompiledAttention> compiled;
  double minMs = 0;
};

/// The text between the angle brackets of `#flat.dataflow`.
std::string textOf(const model::Dataflow &dataflow) {
  return model::toString(dataflow);
}

} // namespace

bool nm::bench::compareDataflows(const AttentionCase &attention, int threads,
                                 int rounds) {
  model::AttentionShape shape;
  shape.heads = attention.heads;
  shape.kvHeads = attention.kvHeads;
  shape.queries = attention.queries;
  shape.keys = attention.keys;
  shape.headDim = attention.width;
  shape.causal = attention.isCausal;
  model::SearchOptions options;
  options.threads = threads;
  model::Device host = model::detectHost();
  auto found = model::searchDataflows(host, shape, options);
  if (!found) {
    llvm::errs() << "error: " << found.error().message << "\n";
    return false;
  }
  AttentionData data(attention);
  std::vector<Entry> entries;
  auto add = [&](std::string dataflow, double modelMs) {
    AttentionCase variant = attention;
    variant.dataflow = dataflow;
    auto compiled = CompiledAttention::compile(variant, data, threads);
    if (!compiled) {
      llvm::errs() << "error: dataflow <" << dataflow
                   << ">: " << llvm::toString(compiled.takeError()) << "\n";
      return false;
    }
    auto result = (*compiled)->run();
    if (!result) {
      llvm::errs() << "error: " << llvm::toString(result.takeError()) << "\n";
      return false;
    }
    double error = attentionError(attention, data, result->data());
    if (!(error < 1e-4)) {
      llvm::errs() << "error: dataflow <" << dataflow
                   << "> gives a wrong result, relative error " << error
                   << "\n";
      return false;
    }
    entries.push_back({dataflow, modelMs, std::move(*compiled)});
    return true;
  };
  for (const model::Candidate &candidate : found->ranked)
    if (!add(textOf(candidate.dataflow),
             candidate.cost.cycles / host.frequencyHz * 1e3))
      return false;
  if (!add("", 0))
    return false;
  for (int round = 0; round < rounds; ++round)
    for (Entry &entry : entries) {
      double ms = entry.compiled->timeOnce();
      entry.minMs = round == 0 ? ms : std::min(entry.minMs, ms);
    }
  double best = entries.front().minMs;
  for (const Entry &entry : entries)
    best = std::min(best, entry.minMs);
  llvm::outs() << llvm::formatv("{0}: {1} candidates\n{2,5} {3,10} {4,10} "
                                "{5,9}  {6}\n",
                                attention.name(), entries.size() - 1, "rank",
                                "model ms", "min ms", "over best", "dataflow");
  for (auto [rank, entry] : llvm::enumerate(entries))
    llvm::outs() << llvm::formatv(
        "{0,5} {1,10:f3} {2,10:f3} {3,8:f1}%  {4}\n",
        entry.dataflow.empty() ? "-" : std::to_string(rank + 1), entry.modelMs,
        entry.minMs, 100 * (entry.minMs / best - 1),
        entry.dataflow.empty() ? "(none: by the caches)" : entry.dataflow);
  llvm::outs() << llvm::formatv(
      "selected {0:f3} ms, best {1:f3} ms: {2:f1}% behind\n\n",
      entries.front().minMs, best, 100 * (entries.front().minMs / best - 1));
  llvm::outs().flush();
  return true;
}
