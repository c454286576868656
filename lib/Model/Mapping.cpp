//===- Mapping.cpp - A mapping given by the user -===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Model/Mapping.h"
#include "nm/Model/Extended.h"
#include "nm/Model/Faithful.h"
#include "nm/Support/JsonReader.h"
#include "nm/Support/JsonWriter.h"
#include "nm/Support/Result.h"
#include "nm/Support/TextFile.h"

namespace nm::model {

using support::JsonReader;
using support::JsonWriter;
using support::makeError;
using support::Need;

namespace {

constexpr const char *kStagedNames[] = {"q", "k", "v", "logits", "o"};
constexpr int64_t kMostCount = int64_t(1) << 40;

/// The value of an enumeration whose names toString gives.
template <typename T>
bool parseWord(std::initializer_list<T> values, const std::string &word,
               T &value) {
  for (T known : values)
    if (word == toString(known)) {
      value = known;
      return true;
    }
  return false;
}

void readShape(JsonReader &reader, AttentionShape &shape) {
  auto count = [&](const char *name, int64_t &value, Need need) {
    reader.integer(name, value, int64_t(1), kMostCount, need);
  };
  count("batch", shape.batch, Need::Required);
  count("heads", shape.heads, Need::Required);
  count("key_heads", shape.kvHeads, Need::Optional);
  count("queries", shape.queries, Need::Required);
  count("keys", shape.keys, Need::Required);
  count("head_width", shape.headDim, Need::Required);
  count("value_width", shape.valueDim, Need::Optional);
  reader.flag("causal", shape.causal);
}

bool stage(const std::string &word, unsigned &staged) {
  for (unsigned i = 0; i != 5; ++i)
    if (word == kStagedNames[i] && !(staged & (1u << i))) {
      staged |= 1u << i;
      return true;
    }
  return false;
}

void readDataflow(JsonReader &reader, Dataflow &flow) {
  reader.word("granularity", "batch, sample, head or row",
              [&](const std::string &word) {
                return parseWord({Granularity::Batch, Granularity::Sample,
                                  Granularity::Head, Granularity::Row},
                                 word, flow.granularity);
              });
  reader.integer("rows", flow.rows, int64_t(1), kMostCount);
  reader.integer("key_tile", flow.keyTile, int64_t(0), kMostCount,
                 Need::Optional);
  reader.integer("heads", flow.heads, int64_t(1), kMostCount, Need::Optional);
  reader.integer("packed", flow.packed, int64_t(1), kMostCount, Need::Optional);
  reader.words(
      "staged", "q, k, v, logits or o, each once", 0, 5,
      [&](const std::string &word) { return stage(word, flow.staged); });
  auto stationarity = [&](const char *name, Stationarity &value) {
    reader.word(name, "output, weight or input", [&](const std::string &word) {
      return parseWord(
          {Stationarity::Output, Stationarity::Weight, Stationarity::Input},
          word, value);
    });
  };
  stationarity("logit", flow.logit);
  stationarity("attend", flow.attend);
  reader.word(
      "order", "rows-outer or keys-outer",
      [&](const std::string &word) {
        bool isKeys = word == "keys-outer";
        flow.order = isKeys ? LoopOrder::KeysOuter : LoopOrder::RowsOuter;
        return isKeys || word == "rows-outer";
      },
      Need::Optional);
}

} // namespace

Result<Mapping> parseMapping(std::string_view text, const std::string &where) {
  Mapping mapping;
  Status status = support::readJsonObject(text, where, [&](JsonReader &reader) {
    int64_t version = 0;
    reader.integer("nm_mapping", version, int64_t(1), int64_t(1));
    reader.object("attention",
                  [&](JsonReader &shape) { readShape(shape, mapping.shape); });
    reader.object("dataflow", [&](JsonReader &flow) {
      readDataflow(flow, mapping.dataflow);
    });
  });
  if (!status)
    return status.error();
  if (Status shape = mapping.shape.check(); !shape)
    return makeError(shape.error().code, where, ": ", shape.error().message);
  return mapping;
}

Result<std::string> readMappingText(const std::string &path) {
  return support::readTextFile(path, 1, "a mapping");
}

Result<Mapping> readMapping(const std::string &path) {
  Result<std::string> text = readMappingText(path);
  if (!text)
    return text.error();
  return parseMapping(*text, path);
}

std::string printMapping(const Mapping &mapping) {
  const AttentionShape &shape = mapping.shape;
  const Dataflow &flow = mapping.dataflow;
  auto attention = [&](JsonWriter &json) {
    json.field("batch", shape.batch);
    json.field("heads", shape.heads);
    json.field("key_heads", shape.kvHeadCount());
    json.field("queries", shape.queries);
    json.field("keys", shape.keys);
    json.field("head_width", shape.headDim);
    json.field("value_width", shape.valueWidth());
    json.field("causal", shape.causal);
  };
  auto dataflow = [&](JsonWriter &json) {
    json.field("granularity", toString(flow.granularity));
    json.field("rows", flow.rows);
    json.field("key_tile", flow.keyTile);
    json.field("heads", flow.heads);
    json.field("packed", flow.packed);
    std::vector<std::string> staged;
    for (unsigned i = 0; i != 5; ++i)
      if (flow.staged & (1u << i))
        staged.push_back(kStagedNames[i]);
    json.list("staged", staged);
    json.field("logit", toString(flow.logit));
    json.field("attend", toString(flow.attend));
    json.field("order", flow.order == LoopOrder::KeysOuter ? "keys-outer"
                                                           : "rows-outer");
  };
  return support::jsonText(2, [&](JsonWriter &json) {
    json.object([&] {
      json.field("nm_mapping", 1);
      json.object("attention", [&] { attention(json); });
      json.object("dataflow", [&] { dataflow(json); });
    });
  });
}

Result<Cost> evaluateMapping(const Device &device, const Mapping &mapping,
                             Mode mode, bool modelSoftmax) {
  const AttentionShape &shape = mapping.shape;
  bool isFaithful = mode == Mode::Faithful;
  Status status = isFaithful ? checkFaithful(device, shape, mapping.dataflow)
                             : checkExtended(device, shape, mapping.dataflow);
  if (!status)
    return status.error();
  if (isFaithful)
    return evaluateFaithful(device, shape, mapping.dataflow, modelSoftmax);
  return evaluateExtended(device, shape, mapping.dataflow);
}

} // namespace nm::model
