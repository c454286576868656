//===- ReportText.cpp - Table and JSON of a simulation ---------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ReportParts.h"
#include "nm/Support/Table.h"
#include "nm/Support/Trace.h"
#include <algorithm>
#include <cmath>

namespace nm::sim {

using support::JsonWriter;

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
  line("power", wattText(averageWatts(result, device)) + " on average, " +
                    wattText(device.staticWatts.total()) + " of it static");
  if (double area = device.areaMm2.total(); area > 0 && seconds > 0)
    line("area",
         formatted("%.4g mm2, %sMAC/s for each", area,
                   countText(static_cast<double>(result.macs) / seconds / area)
                       .c_str()));

  return text + "\n" + engineTable(result, program) + "\n" +
         tensorTable(result, program);
}

static void writeEngine(JsonWriter &json, const EngineTime &time,
                        const std::string &name) {
  json.field("name", name);
  json.field("instructions", time.instructions);
  json.object("cycles", [&] {
    for (const TimePart &part : timeParts)
      json.field(part.name, time.*part.part);
  });
}

static void writeTensor(JsonWriter &json, const isa::Tensor &tensor,
                        const TensorTraffic &traffic) {
  json.field("name", tensor.name);
  json.field("role", isa::toString(tensor.role));
  json.field("type", isa::toString(tensor.type));
  json.list("shape", tensor.shape);
  json.field("read", traffic.read);
  json.field("written", traffic.written);
}

static void writeDevice(JsonWriter &json, const Device &device) {
  json.field("name", device.name);
  json.field("frequency_hz", device.frequencyHz);
  json.field("macs_per_cycle", device.array.macsPerCycle());
  json.field("dram_bytes_per_cycle", device.dramBytesPerCycle());
  json.field("scratchpad_bytes_per_cycle", device.scratchpadBytesPerCycle());
  json.field("static_watts", device.staticWatts.total());
  json.field("area_mm2", device.areaMm2.total());
}

static void writeTotals(JsonWriter &json, const SimulationResult &result,
                        const Device &device) {
  json.field("cycles", result.cycles);
  json.field("seconds", result.seconds(device));
  json.field("instructions", result.steps);
  json.field("macs", result.macs);
  json.field("special_ops", result.specialOps);
  json.field("utilisation", result.utilisation(device));
  json.field("dram_share", dramShare(result, device));
  json.object("bytes", [&] {
    json.field("dram_read", result.dramRead);
    json.field("dram_written", result.dramWritten);
    json.field("scratchpad", result.scratchpadBytes);
  });
  json.object("energy_pj", [&] {
    for (const EnergyPart &part : energyParts)
      json.field(part.name, result.energy.*part.part);
    json.field("total", result.energy.total());
  });
  json.field("average_watts", averageWatts(result, device));
}

std::string formatJson(const SimulationResult &result, const Program &program,
                       const Device &device, const ReportFields &further) {
  return support::jsonText(2, [&](JsonWriter &json) {
    json.object([&] {
      json.field("schema", "nm.simulation/1");
      json.field("program", program.name);
      json.object("device", [&] { writeDevice(json, device); });
      writeTotals(json, result, device);
      json.array("engines", [&] {
        for (size_t i = 0; i != result.engines.size(); ++i)
          json.object([&] {
            writeEngine(json, result.engines[i],
                        isa::queueName(static_cast<int>(i), program.target));
          });
      });
      json.array("tensors", [&] {
        for (size_t i = 0; i != program.tensors.size(); ++i)
          json.object([&] {
            writeTensor(json, program.tensors[i], result.tensors[i]);
          });
      });
      if (further)
        further(json);
    });
  });
}

std::string formatTrace(const SimulationResult &result, const Program &program,
                        const Device &device) {
  auto head = [&](JsonWriter &json) {
    json.field("program", program.name);
    json.field("device", device.name);
    json.field("dropped", result.eventsDropped);
  };
  return support::traceText(head, [&](support::Trace &trace) {
    trace.name("process_name", 0, program.name + " on " + device.name);
    for (size_t i = 0; i != result.engines.size(); ++i)
      if (result.engines[i].instructions)
        trace.name("thread_name", static_cast<int64_t>(i),
                   isa::queueName(static_cast<int>(i), program.target));
    double scale = 1e6 / static_cast<double>(device.frequencyHz);
    for (const Event &event : result.events)
      trace.span(isa::toString(program.code[event.instruction].opcode),
                 event.queue, event.begin * scale,
                 (event.end - event.begin) * scale, [&](JsonWriter &json) {
                   json.field("instruction", event.instruction);
                   json.field("cycles", event.end - event.begin);
                 });
  });
}

} // namespace nm::sim
