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
  Writer w;
  const Program &program = *config.classifier;
  unsigned fieldBits = 0;
  for (const Field &field : config.fields)
    fieldBits += field.bits;
  unsigned leafBits = indexBits(config.leaves.size());
  unsigned bits = program.values[program.flow].bits;

  w.line("// Mesh '", config.name, "' behind its classifier.");
  w.open("module ", config.name, "_front (");
  w.line("input  logic clk,");
  w.line("input  logic rst,");
  w.line("input  logic ", range(config.nowBits), "now,");
  w.line("input  logic enq_valid,");
  w.line("input  logic ", range(fieldBits), "enq_fields,");
  w.line("output logic enq_known,");
  w.line("output logic enq_ready,");
  w.line("input  logic deq_valid,");
  w.line("input  logic ", range(indexBits(config.roots.size())), "deq_root,");
  w.line("output logic deq_ready,");
  w.line("output logic out_valid,");
  w.line("output logic ", range(fieldBits), "out_fields,");
  w.line("output logic fault");
  w.close(");");
  w.deeper();
  w.line("logic ", range(bits), "leaf;");
  AtomPorts ports = portsOf(config, Block(), program);
  w.open(config.name, "_classifier classifier (");
  unsigned low = 0;
  for (size_t f = 0; f < config.fields.size(); ++f) {
    if (ports.fields[f])
      w.line(".field_", config.fields[f].name, "(enq_fields[", low,
             "+:", config.fields[f].bits, "]),");
    low += config.fields[f].bits;
  }
  w.line(".leaf");
  w.close(");");
  // A comparison that always holds is no clean Verilog.
  w.line("assign enq_known = ",
         config.leaves.size() > maskOf(bits)
             ? "1'b1"
             : cat("leaf < ", literal(bits, config.leaves.size())),
         ";");
  w.open(config.name, " mesh (");
  for (const char *port : {"clk", "rst", "now"})
    w.line(".", port, ",");
  w.line(".enq_valid(enq_valid && enq_known),");
  w.line(".enq_leaf(leaf", bits > leafBits ? cat("[", leafBits - 1, ":0]") : "",
         "),");
  for (const char *port : {"enq_fields", "enq_ready", "deq_valid", "deq_root",
                           "deq_ready", "out_valid", "out_fields"})
    w.line(".", port, ",");
  w.line(".fault");
  w.close(");");
  w.close("endmodule");
  return w.str();
}

} // namespace nm::mesh
