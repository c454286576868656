//===- Accelergy.cpp - Energies and areas of Accelergy for a device -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Explore/Accelergy.h"
#include "nm/Model/Explore.h"
#include "nm/Support/CommandFiles.h"
#include "nm/Support/Guarded.h"
#include "nm/Support/Numbers.h"
#include "nm/Support/Result.h"
#include "nm/Support/Text.h"
#include "nm/Support/TextFile.h"
#include <algorithm>
#include <iostream>
#include <map>

namespace nm::explore {

using machine::Device;
using support::CommandFiles;
using support::Errc;
using support::Error;
using support::makeError;
using support::quote;

namespace {

/// Accelergy's names of what a component takes whatever it does: `leak` since
/// version 0.4, before it `idle`.
constexpr const char *kStaticActions[] = {"leak", "idle"};

/// An energy that the user asked for.
struct Take {
  std::string field, component;
  std::vector<std::string> actions;
  std::vector<std::pair<std::string, std::string>> arguments;
  double units = 1;
};

std::vector<std::string> splitAt(const std::string &text, char separator) {
  std::vector<std::string> parts(1);
  for (char c : text)
    if (c == separator)
      parts.emplace_back();
    else
      parts.back() += c;
  return parts;
}

/// FIELD=COMPONENT:ACTION[+ACTION][(ARGUMENT=VALUE[,...])][/UNITS].
Result<Take> parseTake(const std::string &text) {
  auto wrong = [&] {
    return makeError(Errc::Argument, "option --energy: found ", quote(text),
                     ", expected FIELD=COMPONENT:ACTION/UNITS, such as "
                     "scratchpad_byte=chip.buffer:read+write/8");
  };
  Take take;
  size_t equals = text.find('='), colon = text.find(':', equals);
  if (equals == std::string::npos || colon == std::string::npos)
    return wrong();
  take.field = text.substr(0, equals);
  take.component = text.substr(equals + 1, colon - equals - 1);
  std::string rest = text.substr(colon + 1);
  if (size_t slash = rest.rfind('/'); slash != std::string::npos) {
    if (!support::parseReal(rest.substr(slash + 1), take.units) ||
        take.units < 1e-6 || take.units > 1e9)
      return makeError(Errc::Argument, "option --energy: found ",
                       quote(rest.substr(slash + 1)), " in ", quote(text),
                       ", expected how many units an action is, from 1e-6 to "
                       "1e9");
    rest.resize(slash);
  }
  if (size_t open = rest.find('('); open != std::string::npos) {
    if (rest.back() != ')')
      return wrong();
    for (const std::string &argument :
         splitAt(rest.substr(open + 1, rest.size() - open - 2), ',')) {
      std::vector<std::string> parts = splitAt(argument, '=');
      if (parts.size() != 2)
        return wrong();
      take.arguments.emplace_back(parts[0], parts[1]);
    }
    rest.resize(open);
  }
  take.actions = splitAt(rest, '+');
  for (const std::string &action : take.actions)
    if (action.empty())
      return wrong();
  return take;
}

/// Whether a component is `prefix` or inside of it.
bool isWithin(const std::string &name, const std::string &prefix) {
  return name.compare(0, prefix.size(), prefix) == 0 &&
         (name.size() == prefix.size() || name[prefix.size()] == '.');
}

class Importer {
public:
  Importer(Device &device, const AccelergyTables &tables,
           const AccelergyUse &use)
      : device(device), tables(tables), use(use) {}

  Status import(const std::string &files) {
    std::string used;
    NM_RETURN_IF_ERROR(takeEnergies(used));
    NM_RETURN_IF_ERROR(readUnits());
    NM_RETURN_IF_ERROR(addStaticPower());
    if (tables.hasAreas)
      addAreas();
    // Sources are bounded as all texts of a description are.
    device.sources.push_back(
        ("tables of Accelergy: " + files + (used.empty() ? "" : ":" + used))
            .substr(0, 4096));
    return {};
  }

private:
  Device &device;
  const AccelergyTables &tables;
  const AccelergyUse &use;
  /// Prefix and unit, longest first.
  std::vector<std::pair<std::string, std::string>> units;

  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const AccelergyComponent &component : tables.components)
      all.push_back(component.name);
    return all;
  }

  Status takeEnergies(std::string &used) {
    const std::pair<const char *, double *> fields[] = {
        {"mac", &device.energy.mac},
        {"scratchpad_byte", &device.energy.scratchpadByte},
        {"dram_byte", &device.energy.dramByte},
        {"special_function_op", &device.energy.specialFunctionOp},
        {"index_decode", &device.energy.indexDecode}};
    std::map<std::string, double> sums;
    for (const std::string &text : use.energies) {
      Result<Take> take = parseTake(text);
      if (!take)
        return take.error();
      std::vector<std::string> words;
      for (const auto &field : fields)
        words.push_back(field.first);
      if (std::find(words.begin(), words.end(), take->field) == words.end())
        return makeError(Errc::Argument, "option --energy: found ",
                         quote(take->field), ", expected ",
                         support::alternatives(words),
                         support::didYouMean(take->field, words));
      Result<double> energy = energyOf(*take);
      if (!energy)
        return energy.error();
      sums[take->field] += *energy / take->units;
      used += " " + text;
    }
    for (const auto &[name, value] : fields)
      if (auto sum = sums.find(name); sum != sums.end()) {
        if (sum->second > 1e9)
          return makeError(Errc::Format, "found ", sum->second, " pJ for ",
                           name, ", expected at most 1e9");
        *value = sum->second;
      }
    return {};
  }

  /// The mean of the actions that are named.
  Result<double> energyOf(const Take &take) {
    auto found = std::find_if(
        tables.components.begin(), tables.components.end(),
        [&](const AccelergyComponent &c) { return c.name == take.component; });
    if (found == tables.components.end())
      return makeError(Errc::NotFound, "option --energy: found no component ",
                       quote(take.component),
                       " in the tables, expected one of theirs without its "
                       "ranges",
                       support::didYouMean(take.component, names()));
    double sum = 0;
    for (const std::string &name : take.actions) {
      Result<double> energy = energyOf(*found, name, take.arguments);
      if (!energy)
        return energy;
      sum += *energy;
    }
    return sum / static_cast<double>(take.actions.size());
  }

  Result<double>
  energyOf(const AccelergyComponent &component, const std::string &name,
           const std::vector<std::pair<std::string, std::string>> &arguments) {
    std::vector<std::string> known;
    std::optional<double> energy;
    std::string forms;
    bool differs = false;
    for (const AccelergyAction &action : component.actions) {
      known.push_back(action.name);
      bool matches = action.name == name;
      for (const auto &argument : arguments)
        matches &= std::find(action.arguments.begin(), action.arguments.end(),
                             argument) != action.arguments.end();
      if (!matches)
        continue;
      std::string form;
      for (const auto &[key, value] : action.arguments)
        form += (form.empty() ? "(" : ",") + key + "=" + value;
      if (forms.size() < 400)
        forms +=
            (forms.empty() ? "" : ", ") + (form.empty() ? "()" : form + ")");
      differs |= energy && *energy != action.energyPj;
      energy = action.energyPj;
    }
    if (!energy)
      return makeError(Errc::NotFound, "option --energy: found no action ",
                       quote(name), " of ", quote(component.name),
                       arguments.empty() ? "" : " with these arguments",
                       ", expected one of its own",
                       support::didYouMean(name, known));
    if (differs)
      return makeError(Errc::Argument,
                       "option --energy: found several energies "
                       "of ",
                       quote(name), " of ", quote(component.name),
                       ", expected the arguments of one: ", forms);
    return *energy;
  }

  Status readUnits() {
    const std::vector<std::string> words = {"array", "scratchpad",
                                            "special_function", "dram"};
    for (const std::string &text : use.units) {
      size_t equals = text.find('=');
      std::string unit = text.substr(0, equals);
      if (equals == std::string::npos ||
          std::find(words.begin(), words.end(), unit) == words.end())
        return makeError(Errc::Argument, "option --unit: found ", quote(text),
                         ", expected UNIT=COMPONENT with ",
                         support::alternatives(words), " as UNIT",
                         support::didYouMean(unit, words));
      std::string prefix = text.substr(equals + 1);
      if (std::none_of(tables.components.begin(), tables.components.end(),
                       [&](const AccelergyComponent &c) {
                         return isWithin(c.name, prefix);
                       }))
        return makeError(Errc::NotFound, "option --unit: found no component ",
                         quote(prefix),
                         " in the tables, expected one of theirs without its "
                         "ranges, or where such a name begins",
                         support::didYouMean(prefix, names()));
      for (const auto &other : units)
        if (other.first == prefix)
          return makeError(Errc::Argument, "option --unit: found ",
                           quote(prefix), " twice, expected once");
      units.emplace_back(prefix, unit);
    }
    std::sort(units.begin(), units.end(), [](const auto &a, const auto &b) {
      return a.first.size() > b.first.size();
    });
    return {};
  }

  std::string unitOf(const AccelergyComponent &component) const {
    for (const auto &[prefix, unit] : units)
      if (isWithin(component.name, prefix))
        return unit;
    return "other";
  }

  /// The energy of a cycle in which one component does nothing, and the length
  /// of that cycle; nothing where its table has neither action.
  std::optional<double> staticWatts(const AccelergyComponent &component) const {
    for (const char *name : kStaticActions)
      for (const AccelergyAction &action : component.actions) {
        if (action.name != name)
          continue;
        double seconds = use.cycleSeconds > 0
                             ? use.cycleSeconds
                             : 1 / static_cast<double>(device.frequencyHz);
        for (const auto &[key, value] : action.arguments)
          if (double given = 0; key == "global_cycle_seconds" &&
                                support::parseReal(value, given) && given > 0)
            seconds = given;
        return action.energyPj * 1e-12 / seconds;
      }
    return {};
  }

  Status addStaticPower() {
    machine::StaticPower power;
    bool isThere = false;
    for (const AccelergyComponent &component : tables.components) {
      std::optional<double> watts = staticWatts(component);
      if (!watts)
        continue;
      isThere = true;
      std::string unit = unitOf(component);
      (unit == "array"              ? power.array
       : unit == "scratchpad"       ? power.scratchpad
       : unit == "special_function" ? power.specialFunction
       : unit == "dram"             ? power.dram
                                    : power.other) +=
          *watts * static_cast<double>(component.count);
    }
    if (!isThere && use.cycleSeconds > 0)
      return makeError(Errc::Argument,
                       "option --cycle-seconds: found no action leak or idle "
                       "in the tables, expected one that it is for");
    for (double watts : {power.array, power.scratchpad, power.specialFunction,
                         power.dram, power.other})
      if (!(watts <= 1e6))
        return makeError(Errc::Format, "found ", watts,
                         " W of static power in the tables, expected at most "
                         "1e6; is their cycle another than the device's "
                         "(--cycle-seconds)?");
    if (isThere)
      device.staticWatts = power;
    return {};
  }

  /// Whether each area stays in bounds is for the reader of the description.
  void addAreas() {
    machine::Area area;
    for (const AccelergyComponent &component : tables.components) {
      if (!component.areaUm2)
        continue;
      double all =
          *component.areaUm2 * 1e-6 * static_cast<double>(component.count);
      std::string unit = unitOf(component);
      if (unit == "dram") // another chip
        continue;
      (unit == "array"              ? area.array
       : unit == "scratchpad"       ? area.scratchpad
       : unit == "special_function" ? area.specialFunction
                                    : area.other) += all;
    }
    device.areaMm2 = area;
  }
};

} // namespace

Result<Device> applyAccelergy(Device device, const AccelergyTables &tables,
                              const AccelergyUse &use,
                              const std::string &files) {
  return support::guarded([&]() -> Result<Device> {
    if (device.kind != machine::DeviceKind::Accelerator)
      return makeError(Errc::Argument, "found the processor ", device.name,
                       ", expected an accelerator");
    NM_RETURN_IF_ERROR(Importer(device, tables, use).import(files));
    // What was made is a description like any other.
    return machine::parseDevice(machine::printDevice(device),
                                "the device with these tables");
  });
}

struct AccelergyCommand::State {
  support::CommandLine line{
      "nm-explore accelergy",
      "writes a device with the energies, static power and areas of "
      "Accelergy's tables"};
  std::string device, ert, art, name, output = "-";
  AccelergyUse use;

  Status run() {
    if (device.empty())
      return makeError(Errc::Argument, "found no --device, expected the "
                                       "description that the tables complete");
    if (ert.empty() && art.empty())
      return makeError(Errc::Argument,
                       "found neither --ert nor --art, expected one or both");
    for (auto [option, isGiven] :
         {std::pair("--energy", !use.energies.empty()),
          std::pair("--cycle-seconds", use.cycleSeconds != 0)})
      if (ert.empty() && isGiven)
        return makeError(Errc::Argument, "option ", option,
                         ": found no --ert, expected the table of energies");
    CommandFiles files;
    AccelergyTables tables;
    std::string names;
    for (auto [option, path] :
         {std::pair("--ert", &ert), std::pair("--art", &art)}) {
      if (path->empty())
        continue;
      NM_RETURN_IF_ERROR(files.reads(option, *path));
      Result<std::string> text =
          support::readTextFile(*path, 16, "a table of Accelergy");
      if (!text)
        return text.error();
      NM_RETURN_IF_ERROR(
          readAccelergy(*text, support::printable(*path), tables));
      names += (names.empty() ? "" : ", ") + support::printable(*path);
    }
    if (!ert.empty() && !tables.hasEnergies)
      return makeError(Errc::Format, support::quotePath(ert),
                       ": found no ERT, expected one");
    if (!art.empty() && !tables.hasAreas)
      return makeError(Errc::Format, support::quotePath(art),
                       ": found no ART, expected one");
    Result<Device> base = machine::findDevice(device);
    if (!base)
      return base.error();
    NM_RETURN_IF_ERROR(model::readsDevices(files, {device}));
    if (!name.empty())
      base->name = name;
    Result<Device> made = applyAccelergy(*base, tables, use, names);
    if (!made)
      return made.error();
    NM_RETURN_IF_ERROR(files.writes("--output", output));
    NM_RETURN_IF_ERROR(files.write(output, machine::printDevice(*made)));
    return files.commit();
  }
};

AccelergyCommand::AccelergyCommand() : state(std::make_unique<State>()) {
  support::CommandLine &line = state->line;
  line.example("nm-explore accelergy --device=edge --ert=ERT.yaml "
               "--art=ART.yaml --energy=mac=chip.PE.mac:compute "
               "--energy=scratchpad_byte=chip.buffer:read+write/8 "
               "--unit=array=chip.PE --unit=scratchpad=chip.buffer "
               "--unit=dram=DRAM -o edge-32nm.json");
  line.group("Tables");
  line.text("device", state->device, "name",
            "the description that the tables complete, or its path");
  line.text("ert", state->ert, "file", "energies (ERT.yaml)");
  line.text("art", state->art, "file", "areas (ART.yaml)");
  line.real("cycle-seconds", state->use.cycleSeconds, "seconds",
            "cycle that leak and idle are for (default: that of the tables, or "
            "of the device)");
  line.group("What is what");
  line.list(
      "energy", state->use.energies, "field=component:action/units",
      "an energy: the mean of actions joined by +, with arguments in "
      "parentheses where they matter, over the units (bytes, elements) of "
      "an action; several of a field add up");
  line.list("unit", state->use.units, "unit=component",
            "static power and area of components that begin so are the "
            "array's, scratchpad's, special_function's or dram's; the rest is "
            "other");
  line.group("Results");
  line.text("name", state->name, "name", "of the new description");
  line.text("output", state->output, "file", "the new description, as JSON");
  line.shorthand('o', "output");
}

AccelergyCommand::~AccelergyCommand() = default;

support::CommandLine &AccelergyCommand::line() { return state->line; }

int AccelergyCommand::run() {
  Status status = support::guarded([&] { return state->run(); });
  if (status)
    return 0;
  std::cerr << "error: " << status.error().message << "\n";
  return 1;
}

} // namespace nm::explore
