//===- Atoms.cpp - Programs as combinational modules ----------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Writer.h"
#include "nm/Target/SystemVerilog/SystemVerilog.h"

namespace nm::mesh {

using namespace sv;

AtomPorts sv::portsOf(const Config &config, const Block &block,
                      const Program &program) {
  AtomPorts ports;
  ports.fields.resize(config.fields.size());
  ports.loads.resize(block.states.size());
  ports.stores.resize(block.states.size());
  ports.entry.assign(block.states.size(), -1);
  ports.live.resize(program.values.size());
  auto keep = [&](int value) {
    if (value >= 0)
      ports.live[value] = true;
  };
  keep(program.rank);
  keep(program.flow);
  for (const Store &store : program.stores) {
    keep(store.value);
    keep(store.entry);
    ports.stores[store.state] = true;
    ports.entry[store.state] = store.entry;
  }
  for (const FieldWrite &write : program.writes)
    keep(write.value);
  for (size_t i = program.values.size(); i-- > 0;) {
    const Value &value = program.values[i];
    if (!ports.live[i])
      continue;
    keep(value.a);
    keep(value.b);
    keep(value.c);
    ports.now |= value.op == Op::Now;
    ports.rank |= value.op == Op::Rank;
    ports.pifo |= value.op == Op::Pifo;
    ports.leaf |= value.op == Op::Leaf;
    if (value.op == Op::Field)
      ports.fields[value.index] = true;
    if (value.op == Op::Load) {
      ports.loads[value.index] = true;
      ports.entry[value.index] = value.a;
    }
  }
  return ports;
}

std::string sv::atomName(const Config &config, const Block &block,
                         const Program &program) {
  return cat(config.name, "_", block.name, "_", program.name);
}

namespace {
void writeLookup(Writer &text, const Program &program, size_t i) {
  const Value &value = program.values[i];
  unsigned bits = program.values[value.a].bits;
  text.open("always_comb begin");
  text.open("case (v", value.a, ")");
  for (size_t k = 0; k < value.table.size() && k <= maskOf(bits); ++k)
    text.line(literal(bits, k), ": v", i, " = ",
              literal(value.bits, value.table[k]), ";");
  if (bits > 16 || value.table.size() <= maskOf(bits))
    text.line("default: v", i, " = ", literal(value.bits, 0), ";");
  text.close("endcase");
  text.close("end");
}

std::string expression(const Config &config, const Block &block,
                       const Program &program, const Value &value) {
  auto v = [](int operand) { return cat("v", operand); };
  std::string a = v(value.a), b = v(value.b);
  auto binary = [&](const char *op) { return cat(a, " ", op, " ", b); };
  auto signedBinary = [&](const char *op) {
    return cat("$signed(", a, ") ", op, " $signed(", b, ")");
  };
  unsigned abits = value.a >= 0 ? program.values[value.a].bits : 1;
  switch (value.op) {
  case Op::Const:
    return literal(value.bits, value.immediate);
  case Op::Field:
    return "field_" + config.fields[value.index].name;
  case Op::Now:
    return "now";
  case Op::Rank:
    return "popped_rank";
  case Op::Pifo:
    return "pifo";
  case Op::Leaf:
    return "leaf";
  case Op::Load:
    return "old_" + block.states[value.index].name;
  case Op::Lookup:
    return "";
  case Op::Add:
    return binary("+");
  case Op::Sub:
    return binary("-");
  case Op::Mul:
    return binary("*");
  case Op::And:
    return binary("&");
  case Op::Or:
    return binary("|");
  case Op::Xor:
    return binary("^");
  case Op::Shl:
    return binary("<<");
  case Op::LShr:
    return binary(">>");
  case Op::AShr:
    return cat(value.bits, "'($signed(", a, ") >>> ", b, ")");
  case Op::Eq:
    return binary("==");
  case Op::Ne:
    return binary("!=");
  case Op::ULt:
    return binary("<");
  case Op::ULe:
    return binary("<=");
  case Op::SLt:
    return signedBinary("<");
  case Op::SLe:
    return signedBinary("<=");
  case Op::Select:
    return cat(a, " ? ", b, " : ", v(value.c));
  case Op::ZExt:
    return cat("{", literal(value.bits - abits, 0), ", ", a, "}");
  case Op::SExt:
    return cat("{{", value.bits - abits, "{", a, "[", abits - 1, "]}}, ", a,
               "}");
  case Op::Trunc:
    return cat(a, "[", value.bits - 1, ":0]");
  }
  return "";
}

/// `flow` names the port of that value.
void writeAtom(Writer &text, const Config &config, const Block &block,
               const Program &program, const std::string &module,
               const std::string &flow = "flow") {
  AtomPorts ports = portsOf(config, block, program);
  std::vector<std::string> list;
  auto in = [&](unsigned bits, const std::string &name) {
    list.push_back("input  logic " + range(bits) + name);
  };
  auto out = [&](unsigned bits, const std::string &name) {
    list.push_back("output logic " + range(bits) + name);
  };
  for (size_t f = 0; f < config.fields.size(); ++f)
    if (ports.fields[f])
      in(config.fields[f].bits, "field_" + config.fields[f].name);
  if (ports.now)
    in(config.nowBits, "now");
  if (ports.rank)
    in(block.rankBits, "popped_rank");
  if (ports.pifo)
    in(indexBits(block.pifos.size()), "pifo");
  if (ports.leaf)
    in(indexBits(config.leaves.size()), "leaf");
  for (size_t s = 0; s < block.states.size(); ++s) {
    const State &state = block.states[s];
    if (ports.loads[s])
      in(state.bits, "old_" + state.name);
    if (ports.stores[s])
      out(state.bits, "new_" + state.name);
    if ((ports.loads[s] || ports.stores[s]) && ports.entry[s] >= 0)
      out(program.values[ports.entry[s]].bits, "at_" + state.name);
  }
  if (program.rank >= 0)
    out(block.rankBits, "rank");
  if (program.flow >= 0)
    out(program.values[program.flow].bits, flow);
  for (const FieldWrite &write : program.writes)
    out(config.fields[write.field].bits,
        "set_" + config.fields[write.field].name);

  text.open("module ", module, " (");
  for (size_t i = 0; i < list.size(); ++i)
    text.line(list[i], i + 1 < list.size() ? "," : "");
  text.close(");");
  text.deeper();
  // A truncation leaves high bits of its operand unread.
  text.line("/* verilator lint_off UNUSEDSIGNAL */");
  for (size_t i = 0; i < program.values.size(); ++i)
    if (ports.live[i])
      text.line("logic ", range(program.values[i].bits), "v", i, ";");
  text.line("/* verilator lint_on UNUSEDSIGNAL */");
  for (size_t i = 0; i < program.values.size(); ++i) {
    if (!ports.live[i])
      continue;
    if (program.values[i].op == Op::Lookup)
      writeLookup(text, program, i);
    else
      text.line("assign v", i, " = ",
                expression(config, block, program, program.values[i]), ";");
  }
  for (size_t s = 0; s < block.states.size(); ++s)
    if ((ports.loads[s] || ports.stores[s]) && ports.entry[s] >= 0)
      text.line("assign at_", block.states[s].name, " = v", ports.entry[s],
                ";");
  for (const Store &store : program.stores)
    text.line("assign new_", block.states[store.state].name, " = v",
              store.value, ";");
  if (program.rank >= 0)
    text.line("assign rank = v", program.rank, ";");
  if (program.flow >= 0)
    text.line("assign ", flow, " = v", program.flow, ";");
  for (const FieldWrite &write : program.writes)
    text.line("assign set_", config.fields[write.field].name, " = v",
              write.value, ";");
  text.close("endmodule");
}
} // namespace

std::string systemVerilogOfAtoms(const Config &config) {
  Writer text;
  for (const Block &block : config.blocks)
    for (const Program &program : block.programs) {
      text.line("// Transaction '", program.name, "' of block '", block.name,
                "'.");
      writeAtom(text, config, block, program, atomName(config, block, program));
      text.blank();
    }
  if (config.classifier) {
    text.line("// The leaf of a packet.");
    writeAtom(text, config, Block(), *config.classifier,
              config.name + "_classifier", "leaf");
    text.blank();
  }
  return text.str();
}

} // namespace nm::mesh
