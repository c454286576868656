//===- Schema.cpp - Instructions in the schema of programs -----------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Tables.h"
#include "nm/Isa/Instructions.h"
#include "nm/Support/Json.h"
#include <nlohmann/json.hpp>

namespace nm::isa {

using Json = nlohmann::ordered_json;

namespace {

template <typename Enum> Json wordsOf(Enum) {
  using model::toString;
  Json words = Json::array();
  for (int i = 0; i < countOf(Enum()); ++i)
    words.push_back(toString(static_cast<Enum>(i)));
  return words;
}

// The schema of a field, by the type of its member.
Json schemaOf(bool value) { return {{"type", "boolean"}, {"default", value}}; }
Json schemaOf(uint8_t value) {
  return {{"type", "integer"},
          {"minimum", 0},
          {"maximum", 255},
          {"default", value}};
}
Json schemaOf(int64_t value) {
  return {{"type", "integer"}, {"default", value}};
}
Json schemaOf(float value) {
  return {{"anyOf",
           {{{"type", "number"}},
            {{"type", "string"}, {"pattern", "^0x[0-9A-Fa-f]{8}$"}}}},
          {"default", static_cast<int>(value)}};
}
Json schemaOf(SparsePattern) { return {{"$ref", "#/$defs/pattern"}}; }
Json schemaOf(const Affine &) { return {{"$ref", "#/$defs/place"}}; }
template <typename Enum> Json schemaOf(Enum value) {
  using model::toString;
  return {{"enum", wordsOf(value)}, {"default", toString(value)}};
}

} // namespace

std::string withFields(const std::string &schema) {
  Json root = Json::parse(schema);
  Json &defs = root.at("$defs");
  defs.at("type").at("enum") = wordsOf(Type());
  Json &tensor = defs.at("tensor").at("properties");
  tensor.at("role").at("enum") = wordsOf(Role());
  tensor.at("part").at("enum") = wordsOf(Part());
  Json &instruction = defs.at("instruction").at("properties"), fields;
  fields["op"] = {{"enum", wordsOf(Opcode())}};
  for (const char *name : {"operands", "wait", "signal"})
    fields[name] = instruction.at(name);
  const Instruction none;
  forEachField(none, [&](Field field, const auto &value) {
    const FieldInfo &info = infoOf(field);
    Json &entry = fields[info.word];
    if (*info.text)
      entry["description"] = info.text;
    entry.update(schemaOf(value));
  });
  instruction = fields;
  return support::printJson(root, 2) + "\n";
}

} // namespace nm::isa
