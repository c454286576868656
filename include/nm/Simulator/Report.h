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
/// Operations of the model that a program was compiled from, which it does not
/// hold itself.
struct ModelOperations {
  struct Operation {
    std::string name, layer;
    std::vector<std::string> fused; ///< others that it computes
  };
  std::vector<Operation> operations;
  std::vector<int32_t> of; ///< by instruction; -1: of none
};

/// What the instructions of an operation did. Engines work at the same time:
/// cycles of all operations do not add up to the run's.
struct OperationUse {
  int64_t instructions = 0, dramBytes = 0, macs = 0;    ///< executed
  double loads = 0, stores = 0, array = 0, special = 0; ///< cycles, by engine
  double begin = 0, end = 0;
};
std::vector<OperationUse> useOf(const SimulationResult &result,
                                const Program &program,
                                const ModelOperations &model);
/// The field `operations`.
void writeOperations(support::JsonWriter &json, const SimulationResult &result,
                     const Program &program, const ModelOperations &model);

/// One page without any reference to a network: timeline, roofline, bytes by
/// tensor, stall causes, energy, and the operations of the model by layer if
/// they are known. The timeline needs events.
std::string formatHtml(const SimulationResult &result, const Program &program,
                       const Device &device, const ModelOperations &model = {});

} // namespace nm::sim

#endif // NM_SIMULATOR_REPORT_H
