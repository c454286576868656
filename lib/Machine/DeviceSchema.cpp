//===- DeviceSchema.cpp - The published schema of device descriptions ------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DeviceFields.h"
#include "nm/Support/Json.h"
#include <nlohmann/json.hpp>

using nlohmann::ordered_json;

namespace nm::machine {

namespace {

/// The visitor that says what each field may be.
class SchemaWriter {
public:
  ordered_json properties = ordered_json::object();
  ordered_json required = ordered_json::array();

  void text(const char *name, const std::string &value, Need need,
            const char *doc) {
    ordered_json &field = add(name, "string", need, doc);
    field["maxLength"] = 4096;
    if (need == Need::Required)
      field["minLength"] = 1;
  }
  void texts(const char *name, const std::vector<std::string> &,
             const char *doc) {
    ordered_json &field = add(name, "array", Need::Optional, doc);
    field["items"] = {{"type", "string"}, {"maxLength", 4096}};
    field["maxItems"] = 64;
  }
  void integer(const char *name, int64_t value, int64_t least, int64_t most,
               Need need, const char *doc) {
    addRange("integer", name, value, least, most, need, doc);
  }
  void number(const char *name, double value, double least, double most,
              Need need, const char *doc) {
    addRange("number", name, value, least, most, need, doc);
  }
  void boolean(const char *name, bool value, Need need, const char *doc) {
    ordered_json &field = add(name, "boolean", need, doc);
    if (need == Need::Optional)
      field["default"] = value;
  }
  template <typename Body>
  void object(const char *name, Need need, const char *doc, Body body) {
    SchemaWriter writer;
    body(writer);
    properties[name] = writer.finish(doc);
    if (need == Need::Required)
      required.push_back(name);
  }
  template <typename T, typename Body>
  void objects(const char *name, const std::vector<T> &, size_t leastCount,
               const char *doc, Body body) {
    ordered_json &field = add(name, "array", Need::Required, doc);
    SchemaWriter writer;
    T element;
    body(writer, element);
    field["items"] = writer.finish(nullptr);
    field["minItems"] = leastCount;
    field["maxItems"] = 64;
  }
  void stationarities(const char *name, const std::vector<Stationarity> &,
                      const char *doc) {
    ordered_json &field = add(name, "array", Need::Required, doc);
    ordered_json words = ordered_json::array();
    for (int i = 0; i != kNumStationarities; ++i)
      words.push_back(toString(static_cast<Stationarity>(i)));
    field["items"] = {{"enum", words}};
    field["minItems"] = 1;
    field["uniqueItems"] = true;
  }
  void features(const char *name, const std::vector<std::string> &,
                const char *doc) {
    ordered_json &field = add(name, "array", Need::Optional, doc);
    ordered_json words = ordered_json::array();
    for (const char *word : kProcessorFeatures)
      words.push_back(word);
    field["items"] = {{"enum", words}};
    field["uniqueItems"] = true;
  }
  void patterns(const char *name, const std::vector<SparsePattern> &,
                const char *doc) {
    ordered_json &field = add(name, "array", Need::Optional, doc);
    field["items"] = {{"type", "string"},
                      {"pattern", "^[0-9]{1,2}:[0-9]{1,2}$"}};
    field["maxItems"] = 64;
    field["uniqueItems"] = true;
  }

  ordered_json finish(const char *doc) {
    ordered_json schema = ordered_json::object();
    schema["type"] = "object";
    if (doc)
      schema["description"] = doc;
    schema["properties"] = std::move(properties);
    if (!required.empty())
      schema["required"] = std::move(required);
    schema["additionalProperties"] = false;
    return schema;
  }

private:
  template <typename T>
  void addRange(const char *type, const char *name, T value, T least, T most,
                Need need, const char *doc) {
    ordered_json &field = add(name, type, need, doc);
    field["minimum"] = least;
    field["maximum"] = most;
    if (need == Need::Optional)
      field["default"] = value;
  }
  ordered_json &add(const char *name, const char *type, Need need,
                    const char *doc) {
    ordered_json &field = properties[name];
    field["type"] = type;
    field["description"] = doc;
    if (need == Need::Required)
      required.push_back(name);
    return field;
  }
};

ordered_json schemaOf(DeviceKind kind) {
  SchemaWriter writer;
  Device device;
  device.kind = kind;
  writer.properties["schema"] = {{"const", kDeviceSchema}};
  writer.properties["kind"] = {
      {"const", kind == DeviceKind::Host ? "host" : "accelerator"}};
  writer.required = {"schema", "kind"};
  visitDevice(writer, device);
  return writer.finish(kind == DeviceKind::Host ? "a processor"
                                                : "an accelerator");
}

} // namespace

std::string deviceSchema() {
  ordered_json schema = ordered_json::object();
  schema["$schema"] = "https://json-schema.org/draft/2020-12/schema";
  schema["title"] = "device description of nm";
  schema["oneOf"] = {schemaOf(DeviceKind::Accelerator),
                     schemaOf(DeviceKind::Host)};
  return support::printJson(schema, 2) + "\n";
}

} // namespace nm::machine
