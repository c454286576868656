//===- JsonSchemaTest.cpp - The published schema against the reader --------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// docs/attacc-program.schema.json says what readJson takes before the numbered
// rules are asked. Both are given the same texts, right and wrong ones.
//
//===----------------------------------------------------------------------===//

#include "SampleProgram.h"
#include "nm/Isa/Names.h"
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>

using namespace nm::isa;
using Json = nlohmann::ordered_json;

namespace {

std::string textOf(const std::filesystem::path &path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// The part of JSON Schema 2020-12 that the schema uses.
class Validator {
public:
  Validator() : root(Json::parse(textOf(NM_PROGRAM_SCHEMA))) {}
  bool accepts(const Json &value) { return accepts(root, value); }

  Json root;
  std::set<const Json *> used; ///< schemas of properties that values had

private:
  bool accepts(const Json &schema, const Json &value);
  bool hasType(const std::string &type, const Json &value);
  const std::regex &expression(const std::string &text) {
    return expressions.try_emplace(text, text).first->second;
  }

  std::map<std::string, std::regex> expressions;
};

} // namespace

bool Validator::hasType(const std::string &type, const Json &value) {
  if (type == "object")
    return value.is_object();
  if (type == "array")
    return value.is_array();
  if (type == "string")
    return value.is_string();
  if (type == "boolean")
    return value.is_boolean();
  if (type == "integer")
    return value.is_number_integer();
  EXPECT_EQ(type, "number");
  return value.is_number();
}

bool Validator::accepts(const Json &schema, const Json &value) {
  static const std::set<std::string> kNotes = {"$schema", "title", "$defs",
                                               "description", "default"};
  for (const auto &item : schema.items()) {
    const std::string &key = item.key();
    const Json &rule = item.value();
    bool fits = true;
    if (key == "$ref") {
      std::string name = rule.get<std::string>().substr(strlen("#/$defs/"));
      fits = accepts(root["$defs"][name], value);
    } else if (key == "type") {
      fits = hasType(rule, value);
    } else if (key == "const") {
      fits = value == rule;
    } else if (key == "enum") {
      fits = std::find(rule.begin(), rule.end(), value) != rule.end();
    } else if (key == "minimum") {
      fits = !value.is_number() || value >= rule;
    } else if (key == "maximum") {
      fits = !value.is_number() || value <= rule;
    } else if (key == "maxItems") {
      fits = !value.is_array() || value.size() <= rule.get<size_t>();
    } else if (key == "pattern") {
      fits = !value.is_string() ||
             std::regex_search(value.get<std::string>(), expression(rule));
    } else if (key == "items") {
      if (value.is_array())
        for (const Json &element : value)
          fits &= accepts(rule, element);
    } else if (key == "required") {
      if (value.is_object())
        for (const Json &name : rule)
          fits &= value.contains(name.get<std::string>());
    } else if (key == "properties") {
      for (const auto &property : rule.items())
        if (value.is_object() && value.contains(property.key())) {
          used.insert(&property.value());
          fits &= accepts(property.value(), value[property.key()]);
        }
    } else if (key == "additionalProperties") {
      EXPECT_EQ(rule, Json(false));
      if (value.is_object())
        for (const auto &property : value.items())
          fits &= schema["properties"].contains(property.key());
    } else if (key == "oneOf" || key == "anyOf") {
      int64_t count =
          std::count_if(rule.begin(), rule.end(), [&](const Json &choice) {
            return accepts(choice, value);
          });
      fits = key == "oneOf" ? count == 1 : count > 0;
    } else {
      EXPECT_TRUE(kNotes.count(key)) << key;
    }
    if (!fits)
      return false;
  }
  return true;
}

/// Whether readJson gets as far as the numbered rules.
static bool hasShape(const std::string &text, std::string &message) {
  Result<Program> program = readJson(text, "f");
  message = program.ok() ? "accepted" : program.error().message;
  return program.ok() || message.rfind("f: [attacc_", 0) == 0;
}

/// Names of fields and places in lists, from the root.
using Path = std::vector<std::string>;

static Json &at(Json &json, const Path &path) {
  Json *node = &json;
  for (const std::string &step : path)
    node = node->is_array() ? &(*node)[std::stoul(step)] : &(*node)[step];
  return *node;
}

/// Adds a node of each kind to `paths`: equal paths but for places in lists.
static void collect(const Json &json, const Path &path, const std::string &kind,
                    std::map<std::string, int> &seen,
                    std::vector<Path> &paths) {
  if (seen[kind]++ == 0)
    paths.push_back(path);
  auto enter = [&](const Json &inner, const std::string &step,
                   const std::string &name) {
    Path next = path;
    next.push_back(step);
    collect(inner, next, kind + "/" + name, seen, paths);
  };
  if (json.is_object())
    for (const auto &item : json.items())
      enter(item.value(), item.key(), item.key());
  if (json.is_array())
    for (size_t i = 0; i < json.size(); ++i)
      enter(json[i], std::to_string(i), "*");
}

TEST(JsonSchema, ProgramsAreValid) {
  Validator validator;
  EXPECT_TRUE(validator.accepts(Json::parse(writeJson(sample()))));
  int programs = 0;
  for (const auto &entry :
       std::filesystem::directory_iterator(NM_PROGRAM_SEEDS)) {
    std::string text = textOf(entry.path());
    EXPECT_TRUE(readJson(text, "f").ok()) << entry.path();
    EXPECT_TRUE(validator.accepts(Json::parse(text))) << entry.path();
    ++programs;
  }
  EXPECT_GE(programs, 9);
}

/// What the schema offers, some program has, so the reader knows it.
TEST(JsonSchema, EveryPropertyIsUsed) {
  Validator validator;
  EXPECT_TRUE(validator.accepts(Json::parse(writeJson(sample()))));
  int count = 0;
  auto check = [&](const Json &schema, const std::string &where) {
    if (schema.contains("properties"))
      for (const auto &property : schema["properties"].items()) {
        EXPECT_TRUE(validator.used.count(&property.value()))
            << where << "/" << property.key();
        ++count;
      }
  };
  const Json &root = validator.root;
  check(root, "");
  for (const auto &item : root["$defs"].items())
    check(item.value(), item.key());
  EXPECT_GT(count, 50);
}

template <typename Enum> static Json namesIn() {
  Json names = Json::array();
  for (int i = 0; i < countOf(Enum()); ++i)
    names.push_back(toString(static_cast<Enum>(i)));
  return names;
}

TEST(JsonSchema, NamesAreThoseOfTheReader) {
  Validator validator;
  const Json &defs = validator.root["$defs"];
  const Json &tensor = defs["tensor"]["properties"],
             &code = defs["instruction"]["properties"];
  EXPECT_EQ(defs["type"]["enum"], namesIn<Type>());
  EXPECT_EQ(tensor["role"]["enum"], namesIn<Role>());
  EXPECT_EQ(tensor["part"]["enum"], namesIn<Part>());
  EXPECT_EQ(code["op"]["enum"], namesIn<Opcode>());
  EXPECT_EQ(code["engine"]["enum"], namesIn<Engine>());
  EXPECT_EQ(code["stationary"]["enum"], namesIn<Stationarity>());
  EXPECT_EQ(code["binary"]["enum"], namesIn<BinaryKind>());
  EXPECT_EQ(code["unary"]["enum"], namesIn<UnaryKind>());
}

TEST(JsonSchema, WrongProgramsAreRefusedAlike) {
  Validator validator;
  const Json right = Json::parse(writeJson(sample()));
  const Json others[] = {nullptr,
                         true,
                         -1.5,
                         -1,
                         2,
                         300,
                         5000000000,
                         "?",
                         "f16",
                         "2:4",
                         "256:4",
                         "0x3f800000",
                         "abc",
                         Json::array(),
                         Json::object(),
                         Json{{"x", 1}},
                         Json(std::vector<int>(5, 0)),
                         Json(std::vector<int>(20, 1)),
                         Json(std::vector<int>(65, 1))};
  int accepted = 0, refused = 0;
  auto compare = [&](const Json &changed, const std::string &what) {
    std::string message;
    bool expected = hasShape(changed.dump(), message);
    EXPECT_EQ(validator.accepts(changed), expected) << what << ": " << message;
    ++(expected ? accepted : refused);
  };
  std::map<std::string, int> seen;
  std::vector<Path> paths;
  collect(right, {}, "", seen, paths);
  for (const Path &path : paths) {
    std::string name;
    for (const std::string &step : path)
      name += "/" + step;
    for (const Json &other : others) {
      Json changed = right;
      at(changed, path) = other;
      compare(changed, name + " = " + other.dump());
    }
    Json changed = right;
    if (Json &node = at(changed, path); node.is_object()) {
      node["tensor"] = 0;
      compare(changed, name + " with a tensor");
    }
    Path parent(path.begin(), path.empty() ? path.end() : path.end() - 1);
    changed = right;
    if (Json &node = at(changed, parent); node.is_object() && !path.empty()) {
      node.erase(path.back());
      compare(changed, "no " + name);
    }
  }
  EXPECT_GT(accepted, 200);
  EXPECT_GT(refused, 1000);
}
