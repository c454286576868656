//===- ReportOperations.cpp - Where the time of a model's operations went --===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ReportParts.h"
#include "nm/Isa/Instructions.h"
#include "nm/Support/HtmlTable.h"
#include <algorithm>

namespace nm::sim {

using support::HtmlTable;
using support::JsonWriter;

static void add(OperationUse &sum, const OperationUse &use) {
  bool isFirst = sum.instructions == 0;
  sum.instructions += use.instructions;
  sum.dramBytes += use.dramBytes;
  sum.macs += use.macs;
  sum.loads += use.loads;
  sum.stores += use.stores;
  sum.array += use.array;
  sum.special += use.special;
  sum.begin = isFirst ? use.begin : std::min(sum.begin, use.begin);
  sum.end = std::max(sum.end, use.end);
}

std::vector<OperationUse> useOf(const SimulationResult &result,
                                const Program &program,
                                const ModelOperations &model) {
  std::vector<OperationUse> uses(model.operations.size());
  for (size_t i = 0; i != result.code.size() && i != model.of.size(); ++i) {
    const InstructionUse &code = result.code[i];
    if (model.of[i] < 0 || code.executions == 0 ||
        program.code[i].opcode == isa::Opcode::Barrier)
      continue;
    OperationUse use{code.executions, code.dramBytes, code.macs};
    use.begin = code.begin;
    use.end = code.end;
    switch (isa::engineOf(program.code[i])) {
    case isa::Engine::Load:
      use.loads = code.cycles;
      break;
    case isa::Engine::Store:
      use.stores = code.cycles;
      break;
    case isa::Engine::Array:
      use.array = code.cycles;
      break;
    default:
      use.special = code.cycles;
    }
    add(uses[static_cast<size_t>(model.of[i])], use);
  }
  return uses;
}

void writeOperations(JsonWriter &json, const SimulationResult &result,
                     const Program &program, const ModelOperations &model) {
  std::vector<OperationUse> uses = useOf(result, program, model);
  json.array("operations", [&] {
    for (size_t i = 0; i != uses.size(); ++i) {
      const OperationUse &use = uses[i];
      json.object([&] {
        json.field("name", model.operations[i].name);
        json.list("fused", model.operations[i].fused);
        json.field("layer", model.operations[i].layer);
        json.field("instructions", use.instructions);
        json.field("macs", use.macs);
        json.field("dram_bytes", use.dramBytes);
        json.field("load_cycles", use.loads);
        json.field("store_cycles", use.stores);
        json.field("array_cycles", use.array);
        json.field("special_cycles", use.special);
        json.field("begin_cycle", use.begin);
        json.field("end_cycle", use.end);
      });
    }
  });
}

static HtmlTable::Row rowOf(const std::string &name, const OperationUse &use,
                            const SimulationResult &result) {
  HtmlTable::Row row{{name}};
  auto number = [&](double value, const std::string &text) {
    row.push_back({text, value});
  };
  auto share = [&](double cycles) {
    double part = result.cycles > 0 ? cycles / result.cycles : 0;
    row.push_back({formatted("%.1f %%", 100 * part), part, part});
  };
  number(use.begin, countText(use.begin));
  number(use.end, countText(use.end));
  share(use.array);
  share(use.special);
  share(use.loads);
  share(use.stores);
  number(static_cast<double>(use.macs),
         countText(static_cast<double>(use.macs)));
  number(static_cast<double>(use.dramBytes),
         byteText(static_cast<double>(use.dramBytes)));
  number(static_cast<double>(use.instructions),
         countText(static_cast<double>(use.instructions)));
  return row;
}

std::string operationsHtml(const SimulationResult &result,
                           const Program &program,
                           const ModelOperations &model) {
  HtmlTable table;
  table.columns = {{"operation"},
                   {"from", "cycle of its first instruction", true},
                   {"to", "cycle at which its last instruction ended", true},
                   {"array", "of the run's cycles", true},
                   {"special functions", "of the run's cycles", true},
                   {"loads", "of the run's cycles, all channels", true},
                   {"stores", "of the run's cycles, all channels", true},
                   {"MACs", "", true},
                   {"DRAM bytes", "", true},
                   {"instructions", "executed", true}};
  std::vector<OperationUse> uses = useOf(result, program, model);
  for (size_t i = 0; i != uses.size();) {
    const std::string &layer = model.operations[i].layer;
    HtmlTable::Group group;
    OperationUse sum;
    for (; i != uses.size() && model.operations[i].layer == layer; ++i) {
      add(sum, uses[i]);
      group.rows.push_back(rowOf(model.operations[i].name, uses[i], result));
      std::string fused;
      for (const std::string &name : model.operations[i].fused)
        fused += (fused.empty() ? "with " : ", ") + name;
      if (!fused.empty())
        group.rows.back()[0].notes.push_back(fused);
    }
    group.head = rowOf(layer.empty() ? "(model)" : layer, sum, result);
    table.groups.push_back(std::move(group));
  }
  return "<p>Engines work at the same time, also for several operations: "
         "shares "
         "do not add up. Click a head to sort, a layer to fold it.</p>\n" +
         table.html();
}

} // namespace nm::sim
