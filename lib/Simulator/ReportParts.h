//===- ReportParts.h - What reports have in common -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_SIMULATOR_REPORTPARTS_H
#define NM_LIB_SIMULATOR_REPORTPARTS_H

#include "nm/Simulator/Report.h"
#include "nm/Support/Svg.h"

namespace nm::sim {

using support::formatted;

/// The parts of an engine's time with their names, in the order of reports.
struct TimePart {
  const char *name;
  double EngineTime::*part;
};
inline constexpr TimePart timeParts[] = {
    {"busy", &EngineTime::busy},
    {"latency", &EngineTime::latency},
    {"overhead", &EngineTime::overhead},
    {"dram", &EngineTime::dram},
    {"scratchpad", &EngineTime::scratchpad},
    {"array", &EngineTime::array},
    {"semaphore", &EngineTime::semaphore},
    {"barrier", &EngineTime::barrier},
    {"finished", &EngineTime::finished}};

struct EnergyPart {
  const char *name;
  double Energy::*part;
};
inline constexpr EnergyPart energyParts[] = {
    {"mac", &Energy::mac},       {"scratchpad", &Energy::scratchpad},
    {"dram", &Energy::dram},     {"special", &Energy::special},
    {"decode", &Energy::decode}, {"static", &Energy::leakage}};

std::string byteText(double bytes);   ///< "1.5 MiB"
std::string countText(double count);  ///< "1.5 M"
std::string secondText(double value); ///< "1.5 ms"
std::string jouleText(double picojoules);
std::string wattText(double watts);                       ///< "1.5 W"
std::string shapeText(const std::vector<int64_t> &shape); ///< "64x64"
/// The table of the model's operations, for a page.
std::string operationsHtml(const SimulationResult &result,
                           const Program &program,
                           const ModelOperations &model);
/// Energy over time; 0 of an empty run.
double averageWatts(const SimulationResult &result, const Device &device);
/// Share of the DRAM bandwidth that the payload took.
double dramShare(const SimulationResult &result, const Device &device);

} // namespace nm::sim

#endif // NM_LIB_SIMULATOR_REPORTPARTS_H
