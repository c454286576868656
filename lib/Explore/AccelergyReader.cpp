//===- AccelergyReader.cpp - Reads tables of Accelergy -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Explore/Accelergy.h"
#include "nm/Support/Guarded.h"
#include "nm/Support/Numbers.h"
#include "nm/Support/Result.h"
#include "nm/Support/Text.h"
#include <algorithm>
#include <map>
#include <set>
#include <yaml-cpp/yaml.h>

namespace nm::explore {

using support::Errc;
using support::Error;
using support::makeError;
using support::quote;

namespace {

constexpr size_t kMostComponents = 4096, kMostActions = 4096,
                 kMostArguments = 16;
constexpr double kMostFigure = 1e15; ///< pJ or square micrometres
constexpr int64_t kMostInstances = int64_t(1) << 32;

class Reader {
public:
  Reader(const std::string &where, AccelergyTables &tables)
      : where(where), tables(tables) {
    for (size_t i = 0; i != tables.components.size(); ++i)
      known[tables.components[i].name] = i;
  }

  Status read(const YAML::Node &document) {
    if (!document.IsMap())
      return wrong(document, "found no map, expected one with ERT or ART");
    bool isEmpty = true;
    std::set<std::string> seen;
    for (const auto &entry : document) {
      std::string key = entry.first.IsScalar() ? entry.first.Scalar() : "";
      if (key != "ERT" && key != "ART")
        return wrong(entry.first, "found ", quote(key),
                     ", expected ERT or ART (not their summaries)");
      if (!seen.insert(key).second)
        return wrong(entry.first, "found ", key, " twice, expected once");
      NM_RETURN_IF_ERROR(readTables(entry.second, key == "ERT"));
      isEmpty = false;
    }
    if (isEmpty)
      return wrong(document, "found an empty map, expected ERT or ART");
    return {};
  }

private:
  const std::string &where;
  AccelergyTables &tables;
  std::map<std::string, size_t> known; ///< components by name
  std::set<size_t> inTable;            ///< those of the table under way

  template <typename... Parts>
  Error wrong(const YAML::Node &node, const Parts &...parts) const {
    return makeError(Errc::Format, where, ", line ", node.Mark().line + 1, ": ",
                     parts...);
  }

  /// The fields of a map, each of `fields` at most once and no others.
  Result<std::map<std::string, YAML::Node>>
  fieldsOf(const YAML::Node &node, const std::vector<std::string> &fields) {
    if (!node.IsMap())
      return wrong(node, "found no map, expected one with ",
                   support::alternatives(fields, "and"));
    std::map<std::string, YAML::Node> found;
    for (const auto &entry : node) {
      std::string key = entry.first.IsScalar() ? entry.first.Scalar() : "";
      if (std::find(fields.begin(), fields.end(), key) == fields.end())
        return wrong(entry.first, "found field ", quote(key), ", expected ",
                     support::alternatives(fields),
                     support::didYouMean(key, fields));
      if (!found.emplace(key, entry.second).second)
        return wrong(entry.first, "found field ", key, " twice, expected once");
    }
    return found;
  }

  Result<std::string> textOf(const YAML::Node &node, const char *what) {
    if (!node.IsDefined() || !node.IsScalar() || node.Scalar().empty() ||
        node.Scalar().size() > 1024)
      return wrong(node, "found no ", what,
                   ", expected a text of at most 1024 bytes");
    return node.Scalar();
  }

  Result<double> figureOf(const YAML::Node &node, const char *what) {
    double value = 0;
    std::string text = node.IsDefined() && node.IsScalar() ? node.Scalar() : "";
    if (!support::parseReal(text, value) || value < 0 || value > kMostFigure)
      return wrong(node, what, ": found ", quote(text),
                   ", expected a number from 0 to 1e15");
    return value;
  }

  Status readTables(const YAML::Node &node, bool isEnergy) {
    auto fields = fieldsOf(node, {"version", "tables"});
    if (!fields)
      return fields.error();
    // 0.2 to 0.4 are written alike; what comes later may not be.
    double version = 0;
    if (auto given = fields->find("version");
        given != fields->end() &&
        (!given->second.IsScalar() ||
         !support::parseReal(given->second.Scalar(), version) ||
         version < 0.2 || version > 0.4))
      return wrong(given->second, "found version ",
                   quote(given->second.IsScalar() ? given->second.Scalar()
                                                  : std::string()),
                   ", expected 0.2, 0.3 or 0.4");
    auto list = fields->find("tables");
    if (list == fields->end() || !list->second.IsSequence())
      return wrong(node, "found no list 'tables', expected one");
    if (list->second.size() > kMostComponents)
      return wrong(list->second, "found ", list->second.size(),
                   " components, expected at most ", kMostComponents);
    if (isEnergy ? tables.hasEnergies : tables.hasAreas)
      return wrong(node, "found another ", isEnergy ? "ERT" : "ART",
                   ", expected one in all files");
    (isEnergy ? tables.hasEnergies : tables.hasAreas) = true;
    inTable.clear();
    for (const YAML::Node &entry : list->second)
      NM_RETURN_IF_ERROR(isEnergy ? readEnergies(entry) : readArea(entry));
    return {};
  }

  /// chip.PE[0..15].mac without its ranges, and how many that are.
  Result<AccelergyComponent *> component(const YAML::Node &node) {
    Result<std::string> written = textOf(node, "name");
    if (!written)
      return written.error();
    std::string name;
    int64_t count = 1;
    for (size_t at = 0; at < written->size();) {
      char c = (*written)[at];
      if (c != '[') {
        name += c;
        ++at;
        continue;
      }
      size_t dots = written->find("..", at), end = written->find(']', at);
      int64_t first = 0, last = 0;
      if (end == std::string::npos || dots == std::string::npos || dots > end ||
          !support::parseWholeNumber(written->substr(at + 1, dots - at - 1),
                                     first) ||
          !support::parseWholeNumber(written->substr(dots + 2, end - dots - 2),
                                     last) ||
          first < 0 || last < first || last - first >= kMostInstances ||
          __builtin_mul_overflow(count, last - first + 1, &count) ||
          count > kMostInstances)
        return wrong(node, "found the name ", quote(*written),
                     ", expected ranges such as [0..15], of at most 2^32 "
                     "instances");
      at = end + 1;
    }
    auto [it, isNew] = known.try_emplace(name, tables.components.size());
    if (isNew) {
      tables.components.emplace_back();
      tables.components.back().name = name;
      tables.components.back().count = count;
    }
    AccelergyComponent &found = tables.components[it->second];
    if (found.count != count)
      return wrong(node, "found ", count, " of ", quote(name), ", expected ",
                   found.count, " as before");
    if (!inTable.insert(it->second).second)
      return wrong(node, "found component ", quote(name),
                   " twice, expected once");
    return &found;
  }

  Status readArea(const YAML::Node &entry) {
    auto fields = fieldsOf(entry, {"name", "area"});
    if (!fields)
      return fields.error();
    auto found = component((*fields)["name"]);
    if (!found)
      return found.error();
    Result<double> area = figureOf((*fields)["area"], "area");
    if (!area)
      return area.error();
    (*found)->areaUm2 = *area;
    return {};
  }

  Status readEnergies(const YAML::Node &entry) {
    auto fields = fieldsOf(entry, {"name", "actions"});
    if (!fields)
      return fields.error();
    auto found = component((*fields)["name"]);
    if (!found)
      return found.error();
    const YAML::Node &actions = (*fields)["actions"];
    if (!actions.IsDefined() || !actions.IsSequence() ||
        actions.size() > kMostActions)
      return wrong(entry, "found no list 'actions', expected one of at most ",
                   kMostActions);
    for (const YAML::Node &action : actions)
      NM_RETURN_IF_ERROR(readAction(action, **found));
    return {};
  }

  Status readAction(const YAML::Node &entry, AccelergyComponent &component) {
    auto fields = fieldsOf(entry, {"name", "arguments", "energy"});
    if (!fields)
      return fields.error();
    AccelergyAction action;
    Result<std::string> name = textOf((*fields)["name"], "name");
    if (!name)
      return name.error();
    action.name = *name;
    Result<double> energy = figureOf((*fields)["energy"], "energy");
    if (!energy)
      return energy.error();
    action.energyPj = *energy;
    const YAML::Node &arguments = (*fields)["arguments"];
    if (arguments.IsDefined() && !arguments.IsNull()) {
      if (!arguments.IsMap() || arguments.size() > kMostArguments)
        return wrong(arguments, "found no arguments by name, expected at most ",
                     kMostArguments, " or null");
      for (const auto &argument : arguments) {
        Result<std::string> key = textOf(argument.first, "argument's name");
        if (!key)
          return key.error();
        Result<std::string> value = textOf(argument.second, "argument's value");
        if (!value)
          return value.error();
        action.arguments.emplace_back(*key, *value);
      }
      std::sort(action.arguments.begin(), action.arguments.end());
    }
    for (const AccelergyAction &other : component.actions)
      if (other.name == action.name && other.arguments == action.arguments)
        return wrong(entry, "found action ", quote(action.name), " of ",
                     quote(component.name),
                     " twice with the same arguments, expected once");
    component.actions.push_back(std::move(action));
    return {};
  }
};

} // namespace

Status readAccelergy(const std::string &text, const std::string &where,
                     AccelergyTables &tables) {
  return support::guarded([&]() -> Status {
    try {
      return Reader(where, tables).read(YAML::Load(text));
    } catch (const YAML::Exception &exception) {
      return makeError(Errc::Format, where, ": ",
                       support::printable(exception.what()));
    }
  });
}

} // namespace nm::explore
