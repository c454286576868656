//===- Front.cpp - A mesh that finds out the leaf of a packet -------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Writer.h"

namespace nm::mesh {

using namespace sv;

std::string sv::frontOf(const Config &config) {
  Writer text;
  const Program &program = *config.classifier;
  unsigned fieldBits = 0;
  for (const Field &field : config.fields)
    fieldBits += field.bits;
  unsigned leafBits = indexBits(config.leaves.size());
  unsigned bits = program.values[program.flow].bits;

  text.line("// Mesh '", config.name, "' behind its classifier.");
  text.open("module ", config.name, "_front (");
  text.line("input  logic clk,");
  text.line("input  logic rst,");
  text.line("input  logic ", range(config.nowBits), "now,");
  text.line("input  logic enq_valid,");
  text.line("input  logic ", range(fieldBits), "enq_fields,");
  text.line("output logic enq_known,");
  text.line("output logic enq_ready,");
  text.line("input  logic deq_valid,");
  text.line("input  logic ", range(indexBits(config.roots.size())),
            "deq_root,");
  text.line("output logic deq_ready,");
  text.line("output logic out_valid,");
  text.line("output logic ", range(fieldBits), "out_fields,");
  text.line("output logic fault");
  text.close(");");
  text.deeper();
  text.line("logic ", range(bits), "leaf;");
  AtomPorts ports = portsOf(config, Block(), program);
  text.open(config.name, "_classifier classifier (");
  unsigned low = 0;
  for (size_t f = 0; f < config.fields.size(); ++f) {
    if (ports.fields[f])
      text.line(".field_", config.fields[f].name, "(enq_fields[", low,
                "+:", config.fields[f].bits, "]),");
    low += config.fields[f].bits;
  }
  text.line(".leaf");
  text.close(");");
  // A comparison that always holds is no clean Verilog.
  text.line("assign enq_known = ",
            config.leaves.size() > maskOf(bits)
                ? "1'b1"
                : cat("leaf < ", literal(bits, config.leaves.size())),
            ";");
  text.open(config.name, " mesh (");
  for (const char *port : {"clk", "rst", "now"})
    text.line(".", port, ",");
  text.line(".enq_valid(enq_valid && enq_known),");
  text.line(".enq_leaf(leaf",
            bits > leafBits ? cat("[", leafBits - 1, ":0]") : "", "),");
  for (const char *port : {"enq_fields", "enq_ready", "deq_valid", "deq_root",
                           "deq_ready", "out_valid", "out_fields"})
    text.line(".", port, ",");
  text.line(".fault");
  text.close(");");
  text.close("endmodule");
  return text.str();
}

} // namespace nm::mesh
