//===- Attention.cpp - An attention layer and its dataflows ----------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Model/Attention.h"
#include "nm/Support/Result.h"

namespace nm::model {

using support::makeError;

Status AttentionShape::check() const {
  constexpr int64_t kLength = int64_t(1) << 24, kWidth = 1 << 14;
  constexpr int64_t kCount = 1 << 20, kProduct = int64_t(1) << 53;
  auto in = [](const char *what, int64_t value, int64_t most) -> Status {
    if (value >= 1 && value <= most)
      return {};
    return makeError(Errc::Argument, "found ", what, " ", value,
                     ", expected 1 to ", most);
  };
  for (Status status :
       {in("batch", batch, kCount), in("heads", heads, kCount),
        in("queries", queries, kLength), in("keys", keys, kLength),
        in("head width", headDim, kWidth),
        in("value width", valueWidth(), kWidth),
        in("key heads", kvHeadCount(), kCount)})
    if (!status)
      return status;
  if (heads % kvHeadCount() != 0)
    return makeError(Errc::Argument, "found ", kvHeads, " key heads for ",
                     heads, " query heads, expected a divisor");
  if (causal && queries > keys)
    return makeError(Errc::Argument, "found ", queries, " causal queries on ",
                     keys, " keys, expected at least as many keys");
  int64_t product = 0;
  if (__builtin_mul_overflow(batch * heads, queries * keys, &product) ||
      product > kProduct)
    return makeError(Errc::Argument, "found more than 2^53 logits (batch ",
                     batch, ", heads ", heads, ", queries ", queries, ", keys ",
                     keys, "), expected at most 2^53");
  return {};
}

const char *toString(Granularity granularity) {
  switch (granularity) {
  case Granularity::Batch:
    return "batch";
  case Granularity::Sample:
    return "sample";
  case Granularity::Head:
    return "head";
  case Granularity::Row:
    return "row";
  }
  return "unknown";
}

std::string toString(const Dataflow &dataflow) {
  std::string text = toString(dataflow.granularity);
  if (dataflow.granularity == Granularity::Row)
    text += ", rows = " + std::to_string(dataflow.rows);
  if (dataflow.keyTile)
    text += ", key_tile = " + std::to_string(dataflow.keyTile);
  if (dataflow.staged) {
    static constexpr const char *kNames[] = {"q", "k", "v", "logits", "o"};
    std::string names;
    for (int i = 0; i != 5; ++i)
      if (dataflow.staged & (1u << i))
        names += (names.empty() ? "" : ", ") + std::string(kNames[i]);
    text += ", staged = [" + names + "]";
  }
  if (dataflow.logit != Stationarity::Output)
    text += std::string(", logit = ") + toString(dataflow.logit);
  if (dataflow.attend != Stationarity::Output)
    text += std::string(", attend = ") + toString(dataflow.attend);
  // All of a sample's or of the batch's, if that is the granularity.
  if ((dataflow.granularity == Granularity::Row ||
       dataflow.granularity == Granularity::Head) &&
      dataflow.heads > 1)
    text += ", heads = " + std::to_string(dataflow.heads);
  if (dataflow.packed > 1)
    text += ", packed = " + std::to_string(dataflow.packed);
  if (dataflow.order == LoopOrder::KeysOuter)
    text += ", keys outer";
  return text;
}

const char *Cost::bound() const {
  double most = computeCycles;
  const char *name = "array";
  auto larger = [&](double cycles, const char *what) {
    if (cycles > most) {
      most = cycles;
      name = what;
    }
  };
  larger(dramCycles, "dram");
  larger(softmaxCycles, "softmax");
  larger(onChipCycles, "on-chip bandwidth");
  return name;
}

const std::vector<NamedModel> &paperModels() {
  static const std::vector<NamedModel> models = {
      {"BERT", 12, 768, 64, 3072},
      {"TrXL", 16, 1024, 64, 4096},
      {"T5", 8, 512, 64, 2048},
      {"XLM", 16, 2048, 128, 8192},
  };
  return models;
}

} // namespace nm::model
