//===- Mesh.cpp - The mesh's module: blocks and atoms ---------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MeshWriter.h"
#include "nm/Target/SystemVerilog/SystemVerilog.h"

namespace nm::mesh {

using namespace sv;

void MeshWriter::ports() {
  text.line("// Mesh '", config.name, "': ", config.blocks.size(),
            config.blocks.size() == 1 ? " block, " : " blocks, ", depth + 1,
            depth == 0 ? " level." : " levels.");
  text.open("module ", config.name, " (");
  text.line("input  logic clk,");
  text.line("input  logic rst,");
  text.line("input  logic ", range(config.nowBits), "now,");
  text.line("input  logic enq_valid,");
  text.line("input  logic ", range(leafBits), "enq_leaf,");
  text.line("input  logic ", range(fieldBits), "enq_fields,");
  text.line("output logic enq_ready,");
  text.line("input  logic deq_valid,");
  text.line("input  logic ", range(rootBits), "deq_root,");
  text.line("output logic deq_ready,");
  text.line("output logic out_valid,");
  text.line("output logic ", range(fieldBits), "out_fields,");
  text.line("output logic fault");
  text.close(");");
}

void MeshWriter::declarations() {
  text.line("logic fault_q;");
  text.line("logic ", range(countBits), "occupied;");
  for (unsigned d = 0; d <= depth; ++d) {
    text.line("logic slot", d, "_valid, suspend", d, ";");
    text.line("logic ", range(leafBits), "slot", d, "_leaf;");
    text.line("logic ", range(fieldBits), "slot", d, "_fields;");
    text.line("logic leaves", d, "_valid;");
    text.line("logic ", range(fieldBits), "leaves", d, "_fields;");
    unread.push_back(cat("slot", d, "_fields"));
  }
  unread.push_back("slot0_leaf");
  // A shaping block of a lower level may be named before it is written.
  for (const Block &block : config.blocks) {
    const std::string &n = block.name;
    text.blank();
    text.line("// Block '", n, "'.");
    text.line("logic ", n, "_enq_valid, ", n, "_enq_ready, ", n, "_deq_valid, ",
              n, "_deq_ready;");
    text.line("logic ", n, "_out_valid, ", n, "_head_valid, ", n, "_overflow, ",
              n, "_empty;");
    text.line("logic [$clog2(", block.elements, " + ", block.flows,
              " + 3)-1:0] ", n, "_occupancy;");
    unread.push_back(n + "_empty");
    unread.push_back(n + "_occupancy");
    text.line("logic ", range(pifoBits(block)), n, "_enq_pifo, ", n,
              "_deq_pifo, ", n, "_out_pifo, ", n, "_head_pifo;");
    text.line("logic ", range(block.rankBits), n, "_enq_rank, ", n,
              "_out_rank, ", n, "_head_rank;");
    text.line("logic ", range(flowBits(block)), n, "_enq_flow, ", n,
              "_enq_base, ", n, "_out_flow;");
    text.line("logic ", range(metaBits(block)), n, "_enq_meta, ", n,
              "_out_meta;");
    text.line("logic ", n, "_suspends;");
    text.line("logic ", range(fieldBits), n, "_out_fields, ", n,
              "_leave_fields;");
    if (block.shaping) {
      text.line("logic ", range(leafBits), n, "_resume_leaf;");
      text.line("logic ", n, "_grant;");
      text.line("logic ", range(leafBits), n, "_release_leaf;");
      text.line("logic ", range(fieldBits), n, "_release_fields;");
    } else {
      unread.push_back(n + "_head_valid");
      unread.push_back(n + "_head_pifo");
      unread.push_back(n + "_head_rank");
    }
    for (const char *name : {"_out_rank", "_out_flow", "_out_pifo", "_out_meta",
                             "_out_fields", "_leave_fields", "_suspends"})
      unread.push_back(n + name);
    for (const State &state : block.states)
      text.line("logic ", range(state.bits), n, "_state_", state.name,
                state.entries > 1 ? cat("[", state.entries, "]") : "", ";");
    faults.push_back(cat("(", n, "_enq_valid && !", n, "_enq_ready)"));
    faults.push_back(cat("(", n, "_deq_valid && !", n, "_deq_ready)"));
    faults.push_back(n + "_overflow");
  }
}

void MeshWriter::writeBlock(const Block &block) {
  const std::string &n = block.name;
  text.blank();
  text.line("// ---- ", block.shaping ? "shaping " : "", "block '", n,
            "', depth ", block.depth);
  routes(block);
  for (size_t p = 0; p < block.programs.size(); ++p)
    atom(block, p);
  results(block);
  states(block);
  carry(block);
  instance(block);
  dequeueRequest(block);
  if (block.shaping)
    releases(block);
}

void MeshWriter::routes(const Block &block) {
  const std::string &n = block.name;
  std::string slot = cat("slot", block.depth);
  text.open("always_comb begin");
  text.line(n, "_enq_valid = 1'b0;");
  text.line(n, "_enq_pifo = '0;");
  text.line(n, "_enq_base = '0;");
  text.line(n, "_suspends = 1'b0;");
  text.open("case (", slot, "_leaf)");
  for (const Route &route : block.routes) {
    text.open(literal(leafBits, route.leaf), ": begin // ",
              config.leaves[route.leaf].name);
    text.line(n, "_enq_valid = ", slot, "_valid;");
    text.line(n, "_enq_pifo = ", literal(pifoBits(block), route.pifo), ";");
    text.line(n, "_enq_base = ", literal(flowBits(block), route.firstFlow),
              ";");
    if (route.suspends)
      text.line(n, "_suspends = ", slot, "_valid;");
    text.close("end");
  }
  text.line("default: ;");
  text.close("endcase");
  text.close("end");
}

bool MeshWriter::isDequeue(const Block &block, size_t p) {
  return block.programs[p].rank < 0;
}
std::string MeshWriter::net(const Block &block, size_t p,
                            const std::string &name) {
  return cat(block.name, "_", block.programs[p].name, "_", name);
}

void MeshWriter::atom(const Block &block, size_t p) {
  const Program &program = block.programs[p];
  const std::string &n = block.name;
  AtomPorts ports = portsOf(config, block, program);
  std::vector<std::string> list;
  auto connect = [&](const std::string &port, const std::string &to) {
    list.push_back("." + port + "(" + to + ")");
  };
  std::string fields = isDequeue(block, p)
                           ? n + "_out_fields"
                           : cat("slot", block.depth, "_fields");
  for (size_t f = 0; f < config.fields.size(); ++f)
    if (ports.fields[f])
      connect("field_" + config.fields[f].name,
              slice(fields, offsets[f], config.fields[f].bits));
  if (ports.now)
    connect("now", "now");
  if (ports.rank)
    connect("popped_rank", n + "_out_rank");
  if (ports.pifo)
    connect("pifo", n + (isDequeue(block, p) ? "_out_pifo" : "_enq_pifo"));
  if (ports.leaf)
    connect("leaf", cat("slot", block.depth, "_leaf"));
  for (size_t s = 0; s < block.states.size(); ++s) {
    const State &state = block.states[s];
    std::string at = net(block, p, "at_" + state.name);
    bool addressed = ports.entry[s] >= 0;
    if (!ports.loads[s] && !ports.stores[s])
      continue;
    if (addressed) {
      text.line("logic ", range(program.values[ports.entry[s]].bits), at, ";");
      connect("at_" + state.name, at);
    }
    if (ports.loads[s])
      connect("old_" + state.name, entryOf(block, p, s, ports));
    if (ports.stores[s]) {
      text.line("logic ", range(state.bits), net(block, p, "new_" + state.name),
                ";");
      connect("new_" + state.name, net(block, p, "new_" + state.name));
    }
  }
  if (program.rank >= 0) {
    text.line("logic ", range(block.rankBits), net(block, p, "rank"), ";");
    connect("rank", net(block, p, "rank"));
  }
  if (program.flow >= 0) {
    text.line("logic ", range(program.values[program.flow].bits),
              net(block, p, "flow"), ";");
    connect("flow", net(block, p, "flow"));
  }
  for (const FieldWrite &write : program.writes) {
    const Field &field = config.fields[write.field];
    text.line("logic ", range(field.bits), net(block, p, "set_" + field.name),
              ";");
    connect("set_" + field.name, net(block, p, "set_" + field.name));
  }
  text.open(atomName(config, block, program), " ", n, "_", program.name, " (");
  for (size_t i = 0; i < list.size(); ++i)
    text.line(list[i], i + 1 < list.size() ? "," : "");
  text.close(");");
}

std::string MeshWriter::entryOf(const Block &block, size_t p, size_t s,
                                const AtomPorts &ports) {
  const State &state = block.states[s];
  std::string name = cat(block.name, "_state_", state.name);
  if (state.entries == 1)
    return name;
  unsigned bits = indexBits(state.entries);
  if (ports.entry[s] < 0)
    return cat(name, "[", literal(bits, 0), "]");
  unsigned have = block.programs[p].values[ports.entry[s]].bits;
  std::string at = net(block, p, "at_" + state.name);
  if (have < bits)
    at = cat("{", literal(bits - have, 0), ", ", at, "}");
  return cat(name, "[", at, "]");
}

void MeshWriter::results(const Block &block) {
  const std::string &n = block.name;
  text.open("always_comb begin");
  text.line(n, "_enq_rank = '0;");
  text.line(n, "_enq_flow = ", n, "_enq_base;");
  text.open("case (", n, "_enq_pifo)");
  for (size_t i = 0; i < block.pifos.size(); ++i) {
    size_t p = block.pifos[i].enqueueProgram;
    const Program &program = block.programs[p];
    text.open(literal(pifoBits(block), i), ": begin // ", block.pifos[i].name);
    text.line(n, "_enq_rank = ", net(block, p, "rank"), ";");
    if (program.flow >= 0) {
      unsigned bits = program.values[program.flow].bits;
      std::string flow = net(block, p, "flow");
      if (bits < flowBits(block))
        flow = cat("{", literal(flowBits(block) - bits, 0), ", ", flow, "}");
      text.line(n, "_enq_flow = ", n, "_enq_base + ", flow, ";");
    }
    text.close("end");
  }
  text.line("default: ;");
  text.close("endcase");
  text.close("end");
}

std::string MeshWriter::runs(const Block &block, size_t p) {
  const std::string &n = block.name;
  bool dequeue = isDequeue(block, p);
  std::string any;
  size_t users = 0;
  for (size_t i = 0; i < block.pifos.size(); ++i) {
    const LogicalPifo &pifo = block.pifos[i];
    int program = dequeue ? pifo.dequeueProgram : pifo.enqueueProgram;
    if (program != static_cast<int>(p))
      continue;
    ++users;
    any +=
        cat(any.empty() ? "" : " || ", n, dequeue ? "_out_pifo" : "_enq_pifo",
            " == ", literal(pifoBits(block), i));
  }
  std::string valid = n + (dequeue ? "_out_valid" : "_enq_valid");
  return users == block.pifos.size() ? valid : cat(valid, " && (", any, ")");
}

void MeshWriter::states(const Block &block) {
  if (block.states.empty())
    return;
  const std::string &n = block.name;
  text.open("always_ff @(posedge clk) begin");
  text.open("if (rst) begin");
  for (const State &state : block.states) {
    std::string value = literal(state.bits, state.init);
    const std::string name = cat(n, "_state_", state.name);
    if (state.entries > 1)
      text.line("for (int k = 0; k < ", state.entries, "; k = k + 1) ", name,
                "[k] <= ", value, ";");
    else
      text.line(name, " <= ", value, ";");
  }
  text.close("end else begin");
  text.deeper();
  for (size_t p = 0; p < block.programs.size(); ++p) {
    const Program &program = block.programs[p];
    if (program.stores.empty())
      continue;
    AtomPorts ports = portsOf(config, block, program);
    text.open("if (", runs(block, p), ") begin");
    for (const Store &store : program.stores)
      text.line(entryOf(block, p, store.state, ports),
                " <= ", net(block, p, "new_" + block.states[store.state].name),
                ";");
    text.close("end");
  }
  text.close("end");
  text.close("end");
  for (const State &state : block.states)
    if (state.entries == 1)
      unread.push_back(cat(n, "_state_", state.name));
}

void MeshWriter::carry(const Block &block) {
  const std::string &n = block.name;
  std::string packed;
  for (unsigned field : block.carry) {
    std::string part = slice(cat("slot", block.depth, "_fields"),
                             offsets[field], config.fields[field].bits);
    packed = packed.empty() ? part : part + ", " + packed;
  }
  text.line("assign ", n,
            "_enq_meta = ", packed.empty() ? "'0" : "{" + packed + "}", ";");
  text.open("always_comb begin");
  text.line(n, "_out_fields = '0;");
  unsigned low = 0;
  for (unsigned field : block.carry) {
    unsigned bits = config.fields[field].bits;
    text.line(slice(n + "_out_fields", offsets[field], bits), " = ",
              slice(n + "_out_meta", low, bits), ";");
    low += bits;
  }
  text.close("end");
  // What leaves: the fields that were carried, and those that are written.
  text.open("always_comb begin");
  text.line(n, "_leave_fields = ", n, "_out_fields;");
  for (size_t p = 0; p < block.programs.size(); ++p) {
    const Program &program = block.programs[p];
    if (program.writes.empty())
      continue;
    text.open("if (", runs(block, p), ") begin");
    for (const FieldWrite &write : program.writes) {
      const Field &field = config.fields[write.field];
      text.line(slice(n + "_leave_fields", offsets[write.field], field.bits),
                " = ", net(block, p, "set_" + field.name), ";");
    }
    text.close("end");
  }
  text.close("end");
}

void MeshWriter::instance(const Block &block) {
  const std::string &n = block.name;
  text.open("nm_pifo_block #(");
  text.line(".ELEMENTS(", block.elements, "),");
  text.line(".FLOWS(", block.flows, "),");
  text.line(".PIFO_BITS(", pifoBits(block), "),");
  text.line(".RANK_BITS(", block.rankBits, "),");
  text.line(".FLOW_BITS(", flowBits(block), "),");
  text.line(".META_BITS(", metaBits(block), "),");
  text.line(".ORDER(", static_cast<int>(block.order), ")");
  text.close(") ", n, " (");
  text.deeper();
  text.line(".clk(clk),");
  text.line(".rst(rst),");
  for (const char *port :
       {"enq_valid", "enq_pifo", "enq_rank", "enq_flow", "enq_meta",
        "enq_ready", "deq_valid", "deq_pifo", "deq_ready", "out_valid",
        "out_pifo", "out_rank", "out_flow", "out_meta", "head_valid",
        "head_pifo", "head_rank", "empty", "occupancy"})
    text.line(".", port, "(", n, "_", port, "),");
  text.line(".overflow(", n, "_overflow)");
  text.close(");");
}

std::string systemVerilogOfMesh(const Config &config) {
  // One self-contained file holds several modules.
  return "/* verilator lint_off DECLFILENAME */\n" + systemVerilogOfBlock() +
         systemVerilogOfAtoms(config) + MeshWriter(config).run() +
         (config.classifier ? "\n" + frontOf(config) : "");
}

} // namespace nm::mesh
