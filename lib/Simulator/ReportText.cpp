//===- ReportText.cpp - Table and JSON of a simulation ---------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ReportParts.h"
#include "nm/Support/Json.h"
#include "nm/Support/Table.h"
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace nm::sim {

using Json = nlohmann::ordered_json;

/// Where each engine's time went, in percent of the cycles.
static std::string engineTable(const SimulationResult &result,
                               const Program &program) {
  support::Table table{{{"engine", "instructions"}}};
  table.indent = 2;
  table.leastWidths = {10, 12};
  table.rightAligned = {1};
  for (const TimePart &part : timeParts) {
    table.rightAligned.push_back(table.rows[0].size());
    table.leastWidths.push_back(9);
    table.rows[0].push_back(part.name);
  }
  table.rows[0].push_back("(% of the cycles)");
  for (size_t i = 0; i != result.engines.size(); ++i) {
    const EngineTime &time = result.engines[i];
    if (time.instructions == 0)
      continue;
    support::Table::Row row{isa::queueName(static_cast<int>(i), program.target),
                            std::to_string(time.instructions)};
    for (const TimePart &part : timeParts)
      row.push_back(formatted(
          "%.1f",
          result.cycles > 0 ? 100 * time.*part.part / result.cycles : 0.0));
    table.rows.push_back(std::move(row));
  }
  return table.str();
}

static std::string tensorTable(const SimulationResult &result,
                               const Program &program) {
  support::Table table{
      {{"tensor", "role", "type", "shape", "read", "written"}}};
  table.indent = 2;
  table.rightAligned = {4, 5};
  for (size_t i = 0; i != program.tensors.size(); ++i) {
    const isa::Tensor &tensor = program.tensors[i];
    const TensorTraffic &traffic = result.tensors[i];
    table.rows.push_back({tensor.name, isa::toString(tensor.role),
                          isa::toString(tensor.type), shapeText(tensor.shape),
                          byteText(static_cast<double>(traffic.read)),
                          byteText(static_cast<double>(traffic.written))});
  }
  return table.str();
}

std::string formatTable(const SimulationResult &result, const Program &program,
                        const Device &device) {
  double seconds = result.seconds(device);
  std::string text =
      formatted("%s on %s: %.0f cycles, %s at %sHz, %lld instructions\n\n",
                program.name.c_str(), device.name.c_str(), result.cycles,
                secondText(seconds).c_str(),
                countText(static_cast<double>(device.frequencyHz)).c_str(),
                static_cast<long long>(result.steps));
  auto line = [&](const char *name, const std::string &value) {
    text += formatted("  %-12s %s\n", name, value.c_str());
  };
  line("array", formatted("%.1f %% of %lld MACs a cycle, %s MACs",
                          100 * result.utilisation(device),
                          static_cast<long long>(device.array.macsPerCycle()),
                          countText(static_cast<double>(result.macs)).c_str()));
  line("dram",
       formatted("%s read, %s written, %.1f %% of %sB/s",
                 byteText(static_cast<double>(result.dramRead)).c_str(),
                 byteText(static_cast<double>(result.dramWritten)).c_str(),
                 100 * dramShare(result, device),
                 countText(device.dram.bytesPerSecond).c_str()));
  line("scratchpad",
       byteText(static_cast<double>(result.scratchpadBytes)) + " moved");
  line("special", countText(static_cast<double>(result.specialOps)) + " ops");
  std::string energy = jouleText(result.energy.total()) + ":";
  for (const EnergyPart &part : energyParts)
    energy += formatted(" %s %s,", part.name,
                        jouleText(result.energy.*part.part).c_str());
  energy.pop_back();
  line("energy", energy);

  return text + "\n" + engineTable(result, program) + "\n" +
         tensorTable(result, program);
}

std::string formatJson(const SimulationResult &result, const Program &program,
                       const Device &device) {
  Json engines = Json::array(), tensors = Json::array(), energy;
  for (size_t i = 0; i != result.engines.size(); ++i) {
    Json parts;
    for (const TimePart &part : timeParts)
      parts[part.name] = result.engines[i].*part.part;
    engines.push_back(
        {{"name", isa::queueName(static_cast<int>(i), program.target)},
         {"instructions", result.engines[i].instructions},
         {"cycles", std::move(parts)}});
  }
  for (size_t i = 0; i != program.tensors.size(); ++i) {
    const isa::Tensor &tensor = program.tensors[i];
    tensors.push_back({{"name", tensor.name},
                       {"role", isa::toString(tensor.role)},
                       {"type", isa::toString(tensor.type)},
                       {"shape", tensor.shape},
                       {"read", result.tensors[i].read},
                       {"written", result.tensors[i].written}});
  }
  for (const EnergyPart &part : energyParts)
    energy[part.name] = result.energy.*part.part;
  energy["total"] = result.energy.total();
  Json report = {
      {"schema", "nm.simulation/1"},
      {"program", program.name},
      {"device",
       {{"name", device.name},
        {"frequency_hz", device.frequencyHz},
        {"macs_per_cycle", device.array.macsPerCycle()},
        {"dram_bytes_per_cycle", device.dramBytesPerCycle()},
        {"scratchpad_bytes_per_cycle", device.scratchpadBytesPerCycle()}}},
      {"cycles", result.cycles},
      {"seconds", result.seconds(device)},
      {"instructions", result.steps},
      {"macs", result.macs},
      {"special_ops", result.specialOps},
      {"utilisation", result.utilisation(device)},
      {"dram_share", dramShare(result, device)},
      {"bytes",
       {{"dram_read", result.dramRead},
        {"dram_written", result.dramWritten},
        {"scratchpad", result.scratchpadBytes}}},
      {"energy_pj", std::move(energy)},
      {"engines", std::move(engines)},
      {"tensors", std::move(tensors)}};
  return support::printJson(report, 2, true) + "\n";
}

std::string formatTrace(const SimulationResult &result, const Program &program,
                        const Device &device) {
  std::string text =
      "{\"displayTimeUnit\": \"ns\", \"otherData\": "
      "{\"program\": " +
      jsonText(program.name) + ", \"device\": " + jsonText(device.name) +
      ", \"dropped\": " + (result.eventsDropped ? "true" : "false") +
      "},\n\"traceEvents\": [\n";
  text += "{\"ph\": \"M\", \"name\": \"process_name\", \"pid\": 0, \"args\": "
          "{\"name\": " +
          jsonText(program.name + " on " + device.name) + "}}";
  for (size_t i = 0; i != result.engines.size(); ++i)
    if (result.engines[i].instructions) {
      text += formatted(
          ",\n{\"ph\": \"M\", \"name\": \"thread_name\", \"pid\": 0, \"tid\": "
          "%zu, \"args\": {\"name\": ",
          i);
      text +=
          jsonText(isa::queueName(static_cast<int>(i), program.target)) + "}}";
    }
  double scale = 1e6 / static_cast<double>(device.frequencyHz);
  for (const Event &event : result.events)
    text += formatted(
        ",\n{\"ph\": \"X\", \"name\": \"%s\", \"pid\": 0, \"tid\": %d, \"ts\": "
        "%.12g, \"dur\": %.12g, \"args\": {\"instruction\": %d, \"cycles\": "
        "%.12g}}",
        isa::toString(program.code[event.instruction].opcode), event.queue,
        event.begin * scale, (event.end - event.begin) * scale,
        event.instruction, event.end - event.begin);
  return text + "\n]}\n";
}

} // namespace nm::sim
