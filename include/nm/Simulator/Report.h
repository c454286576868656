//===- Report.h - Tables, traces and pages of a simulation -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_SIMULATOR_REPORT_H
#define NM_SIMULATOR_REPORT_H

#include "nm/Simulator/Simulator.h"
#include "nm/Support/JsonWriter.h"

namespace nm::sim {

/// Cycles, time, utilisation, bytes, energy, time of each engine by cause and
/// bytes of each tensor, for a terminal.
std::string formatTable(const SimulationResult &result, const Program &program,
                        const Device &device);
using ReportFields = std::function<void(support::JsonWriter &)>;

/// The same and more as JSON (docs/simulator.md); `further`, if there is one,
/// writes fields at the end.
std::string formatJson(const SimulationResult &result, const Program &program,
                       const Device &device, const ReportFields &further = {});
/// Chrome trace events; chrome://tracing and ui.perfetto.dev open it. Times are
/// microseconds of the device. Needs events.
std::string formatTrace(const SimulationResult &result, const Program &program,
                        const Device &device);
/// One page without any reference to a network: timeline, roofline, bytes by
/// tensor, stall causes, energy. The timeline needs events.
std::string formatHtml(const SimulationResult &result, const Program &program,
                       const Device &device);

} // namespace nm::sim

#endif // NM_SIMULATOR_REPORT_H
