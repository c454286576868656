//===- MappingSchema.cpp - The schema of mappings -===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Model/Mapping.h"
#include "nm/Support/JsonWriter.h"

namespace nm::model {

using support::JsonWriter;

namespace {

/// A property of the schema.
void count(JsonWriter &json, const char *name, int64_t least,
           const char *text) {
  json.lineObject(name, [&] {
    json.field("type", "integer");
    json.field("minimum", least);
    json.field("maximum", int64_t(1) << 40);
    json.field("description", text);
  });
}

void oneOf(JsonWriter &json, const char *name,
           const std::vector<std::string> &words, const char *text) {
  json.lineObject(name, [&] {
    json.list("enum", words);
    json.field("description", text);
  });
}

void attention(JsonWriter &json) {
  count(json, "batch", 1, "samples");
  count(json, "heads", 1, "of the queries");
  count(json, "key_heads", 1, "a divisor of heads; left out: as many");
  count(json, "queries", 1, "rows of Q in a head");
  count(json, "keys", 1, "rows of K and V");
  count(json, "head_width", 1, "columns of Q and K");
  count(json, "value_width", 1, "columns of V; left out: as head_width");
  json.lineObject("causal", [&] { json.field("type", "boolean"); });
}

void dataflow(JsonWriter &json) {
  oneOf(json, "granularity", {"batch", "sample", "head", "row"},
        "the share of the logits that exists at a time");
  count(json, "rows", 1, "of a block; all of a head's unless row");
  count(json, "key_tile", 0, "keys of a tile; 0: whole rows");
  count(json, "heads", 1, "key heads resident at a time");
  count(json, "packed", 1, "heads side by side on the array");
  json.object("staged", [&] {
    json.field("type", "array");
    json.lineObject("items", [&] {
      json.list("enum", std::vector<std::string>{"q", "k", "v", "logits", "o"});
    });
    json.field("uniqueItems", true);
    json.field("description", "what lies on chip while it is used");
  });
  for (const char *name : {"logit", "attend"})
    oneOf(json, name, {"output", "weight", "input"},
          "which operand stays in the array");
  oneOf(json, "order", {"rows-outer", "keys-outer"},
        "the outer one of the two loops over tiles");
}

void closedObject(JsonWriter &json, const std::vector<std::string> &required,
                  const std::function<void()> &properties) {
  json.field("type", "object");
  json.field("additionalProperties", false);
  json.list("required", required);
  json.object("properties", properties);
}

} // namespace

std::string mappingSchema() {
  return support::jsonText(2, [&](JsonWriter &json) {
    json.object([&] {
      json.field("$schema", "https://json-schema.org/draft/2020-12/schema");
      json.field("title", "A mapping of attention (nm-explore map)");
      closedObject(json, {"nm_mapping", "attention", "dataflow"}, [&] {
        json.lineObject("nm_mapping", [&] { json.field("const", 1); });
        json.object("attention", [&] {
          closedObject(json,
                       {"batch", "heads", "queries", "keys", "head_width"},
                       [&] { attention(json); });
        });
        json.object("dataflow", [&] {
          closedObject(json,
                       {"granularity", "rows", "staged", "logit", "attend"},
                       [&] { dataflow(json); });
        });
      });
    });
  });
}

} // namespace nm::model
