//===- ModelDescription.cpp - What a compiled library says of itself -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Runtime/ModelDescription.h"
#include "Support.h"
#include "nm/Runtime/Tensor.h"
#include "nm/Support/Json.h"
#include "nm/Support/JsonReader.h"

namespace nm::rt {

using nlohmann::ordered_json;
using support::JsonReader;

int64_t ModelFunction::dimensionThatGrows(size_t input) const {
  for (const ModelValue &output : outputs)
    if (output.input == int64_t(input))
      return output.grows;
  return ModelValue::kNowhere;
}

static ordered_json toJson(const std::vector<ModelValue> &values) {
  ordered_json list = ordered_json::array();
  for (const ModelValue &value : values) {
    list.push_back({{"name", value.name},
                    {"dtype", std::string(dtypeName(value.dtype))},
                    {"scalar", value.isScalar},
                    {"shape", value.shape}});
    if (value.input != ModelValue::kReturned)
      list.back()["input"] = value.input;
    if (value.grows != ModelValue::kNowhere)
      list.back()["grows"] = value.grows;
  }
  return list;
}

std::string printDescription(const ModelDescription &description) {
  ordered_json functions = ordered_json::array();
  for (const ModelFunction &function : description.functions)
    functions.push_back({{"name", function.name},
                         {"symbol", function.symbol},
                         {"inputs", toJson(function.inputs)},
                         {"outputs", toJson(function.outputs)}});
  ordered_json document = {{"version", ModelDescription::kVersion},
                           {"arch", description.arch},
                           {"features", description.features},
                           {"functions", std::move(functions)}};
  return support::printJson(document);
}

static void readValue(JsonReader &reader, ModelValue &value) {
  reader.text("name", value.name);
  reader.word("dtype", "a dtype such as \"f32\"", [&](const std::string &word) {
    value.dtype = parseDType(word);
    return value.dtype != DType::Unknown;
  });
  reader.flag("scalar", value.isScalar, support::Need::Required);
  reader.integers("shape", value.shape, kDynamicSize, INT64_MAX,
                  size_t(kMaxRank));
  reader.integer("input", value.input, int64_t(0), int64_t(INT64_MAX),
                 support::Need::Optional);
  reader.integer("grows", value.grows, int64_t(1), int64_t(kMaxRank) - 1,
                 support::Need::Optional);
}

/// An output in an input's memory is as that is.
static Status checkInPlace(const ModelFunction &function,
                           const std::string &where) {
  for (const ModelValue &output : function.outputs) {
    if (output.grows >= int64_t(output.shape.size()) ||
        (output.grows != ModelValue::kNowhere &&
         output.input == ModelValue::kReturned))
      return makeError(Errc::Format, where, ": output ", quote(output.name),
                       " of ", quote(function.name), " grows in dimension ",
                       output.grows, " of ", output.shape.size(),
                       ", expected one of an output in an input's memory");
    if (output.input == ModelValue::kReturned)
      continue;
    if (output.input >= int64_t(function.inputs.size()))
      return makeError(Errc::Format, where, ": output ", quote(output.name),
                       " of ", quote(function.name), " is in input ",
                       output.input, " of ", function.inputs.size());
    const ModelValue &input = function.inputs[size_t(output.input)];
    if (input.isScalar || output.isScalar || input.dtype != output.dtype ||
        input.shape.size() != output.shape.size())
      return makeError(Errc::Format, where, ": output ", quote(output.name),
                       " of ", quote(function.name), " does not fit input ",
                       quote(input.name), ", in whose memory it is");
  }
  return {};
}

static void readFunction(JsonReader &reader, ModelFunction &function) {
  reader.text("name", function.name);
  reader.text("symbol", function.symbol);
  auto read = [&](const char *name, std::vector<ModelValue> &values) {
    reader.objects(name, 0, SIZE_MAX, [&](JsonReader &inner, size_t) {
      readValue(inner, values.emplace_back());
    });
  };
  read("inputs", function.inputs);
  read("outputs", function.outputs);
}

Result<ModelDescription> parseDescription(std::string_view text,
                                          const std::string &where) {
  ModelDescription description;
  Status status = support::readJsonObject(text, where, [&](JsonReader &reader) {
    int version = ModelDescription::kVersion;
    reader.integer("version", version, version, version);
    reader.text("arch", description.arch);
    reader.texts("features", description.features, 256);
    reader.objects("functions", 0, SIZE_MAX, [&](JsonReader &inner, size_t) {
      readFunction(inner, description.functions.emplace_back());
    });
  });
  if (!status)
    return status.error();
  for (const ModelFunction &function : description.functions)
    NM_RETURN_IF_ERROR(checkInPlace(function, where));
  return description;
}

} // namespace nm::rt
