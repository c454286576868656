//===- Mesh.cpp - The mesh's module ---------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Writer.h"
#include "nm/Target/SystemVerilog/SystemVerilog.h"
#include <algorithm>

namespace nm::mesh {

using namespace sv;

namespace {
constexpr unsigned kReleases = 4; // as in the model

class MeshWriter {
public:
  explicit MeshWriter(const Config &config) : config(config) {
    depth = config.depth();
    for (const Field &field : config.fields) {
      offsets.push_back(fieldBits);
      fieldBits += field.bits;
    }
    leafBits = indexBits(config.leaves.size());
    rootBits = indexBits(config.roots.size());
    countBits = indexBits(uint64_t(config.capacity()) + 1);
  }

  std::string run() {
    ports();
    w.deeper();
    declarations();
    for (const Block &block : config.blocks)
      writeBlock(block);
    transmit();
    walk();
    w.blank();
    w.line("assign fault = fault_q;");
    std::string list = "1'b0, now";
    for (const std::string &name : unread)
      list += ", " + name;
    w.line("// Fields and outputs that no transaction reads.");
    w.line("logic unused;");
    w.line("assign unused = &{", list, "};");
    w.close("endmodule");
    return w.str();
  }

private:
  const Config &config;
  Writer w;
  unsigned depth, fieldBits = 0, leafBits, rootBits, countBits;
  std::vector<unsigned> offsets;
  std::vector<std::string> unread;
  std::vector<std::string> faults;

  unsigned pifoBits(const Block &block) {
    return indexBits(block.pifos.size());
  }
  unsigned flowBits(const Block &block) { return indexBits(block.flows); }
  unsigned metaBits(const Block &block) {
    return std::max(1u, config.metadataBits(block));
  }
  std::string slice(const std::string &name, unsigned low, unsigned bits) {
    return cat(name, "[", low, "+:", bits, "]");
  }

  void ports() {
    w.line("// Mesh '", config.name, "': ", config.blocks.size(),
           config.blocks.size() == 1 ? " block, " : " blocks, ", depth + 1,
           depth == 0 ? " level." : " levels.");
    w.open("module ", config.name, " (");
    w.line("input  logic clk,");
    w.line("input  logic rst,");
    w.line("input  logic ", range(config.nowBits), "now,");
    w.line("input  logic enq_valid,");
    w.line("input  logic ", range(leafBits), "enq_leaf,");
    w.line("input  logic ", range(fieldBits), "enq_fields,");
    w.line("output logic enq_ready,");
    w.line("input  logic deq_valid,");
    w.line("input  logic ", range(rootBits), "deq_root,");
    w.line("output logic deq_ready,");
    w.line("output logic out_valid,");
    w.line("output logic ", range(fieldBits), "out_fields,");
    w.line("output logic fault");
    w.close(");");
  }

  void declarations() {
    w.line("logic fault_q;");
    w.line("logic ", range(countBits), "occupied;");
    for (unsigned d = 0; d <= depth; ++d) {
      w.line("logic slot", d, "_valid, suspend", d, ";");
      w.line("logic ", range(leafBits), "slot", d, "_leaf;");
      w.line("logic ", range(fieldBits), "slot", d, "_fields;");
      w.line("logic leaves", d, "_valid;");
      w.line("logic ", range(fieldBits), "leaves", d, "_fields;");
      unread.push_back(cat("slot", d, "_fields"));
    }
    unread.push_back("slot0_leaf");
    // A shaping block of a lower level may be named before it is written.
    for (const Block &block : config.blocks) {
      const std::string &n = block.name;
      w.blank();
      w.line("// Block '", n, "'.");
      w.line("logic ", n, "_enq_valid, ", n, "_enq_ready, ", n, "_deq_valid, ",
             n, "_deq_ready;");
      w.line("logic ", n, "_out_valid, ", n, "_head_valid, ", n, "_overflow;");
      w.line("logic ", range(pifoBits(block)), n, "_enq_pifo, ", n,
             "_deq_pifo, ", n, "_out_pifo, ", n, "_head_pifo;");
      w.line("logic ", range(block.rankBits), n, "_enq_rank, ", n,
             "_out_rank, ", n, "_head_rank;");
      w.line("logic ", range(flowBits(block)), n, "_enq_flow, ", n,
             "_enq_base, ", n, "_out_flow;");
      w.line("logic ", range(metaBits(block)), n, "_enq_meta, ", n,
             "_out_meta;");
      w.line("logic ", n, "_suspends;");
      w.line("logic ", range(fieldBits), n, "_out_fields;");
      if (block.shaping) {
        w.line("logic ", range(leafBits), n, "_resume_leaf;");
        w.line("logic ", n, "_grant;");
        w.line("logic ", range(leafBits), n, "_release_leaf;");
        w.line("logic ", range(fieldBits), n, "_release_fields;");
      } else {
        unread.push_back(n + "_head_valid");
        unread.push_back(n + "_head_pifo");
        unread.push_back(n + "_head_rank");
      }
      for (const char *name : {"_out_rank", "_out_flow", "_out_pifo",
                               "_out_meta", "_out_fields", "_suspends"})
        unread.push_back(n + name);
      for (const State &state : block.states)
        w.line("logic ", range(state.bits), n, "_state_", state.name,
               state.entries > 1 ? cat("[", state.entries, "]") : "", ";");
      faults.push_back(cat("(", n, "_enq_valid && !", n, "_enq_ready)"));
      faults.push_back(cat("(", n, "_deq_valid && !", n, "_deq_ready)"));
      faults.push_back(n + "_overflow");
    }
  }

  void writeBlock(const Block &block) {
    const std::string &n = block.name;
    w.blank();
    w.line("// ---- ", block.shaping ? "shaping " : "", "block '", n,
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

  void routes(const Block &block) {
    const std::string &n = block.name;
    std::string slot = cat("slot", block.depth);
    w.open("always_comb begin");
    w.line(n, "_enq_valid = 1'b0;");
    w.line(n, "_enq_pifo = '0;");
    w.line(n, "_enq_base = '0;");
    w.line(n, "_suspends = 1'b0;");
    w.open("case (", slot, "_leaf)");
    for (const Route &route : block.routes) {
      w.open(literal(leafBits, route.leaf), ": begin // ",
             config.leaves[route.leaf].name);
      w.line(n, "_enq_valid = ", slot, "_valid;");
      w.line(n, "_enq_pifo = ", literal(pifoBits(block), route.pifo), ";");
      w.line(n, "_enq_base = ", literal(flowBits(block), route.firstFlow), ";");
      if (route.suspends)
        w.line(n, "_suspends = ", slot, "_valid;");
      w.close("end");
    }
    w.line("default: ;");
    w.close("endcase");
    w.close("end");
  }

  bool isDequeue(const Block &block, size_t p) {
    return block.programs[p].rank < 0;
  }
  std::string net(const Block &block, size_t p, const std::string &name) {
    return cat(block.name, "_", block.programs[p].name, "_", name);
  }

  void atom(const Block &block, size_t p) {
    const Program &program = block.programs[p];
    const std::string &n = block.name;
    AtomPorts ports = portsOf(config, block, program);
    std::vector<std::string> list;
    auto connect = [&](const std::string &port, const std::string &to) {
      list.push_back("." + port + "(" + to + ")");
    };
    std::string fields = cat("slot", block.depth, "_fields");
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
        w.line("logic ", range(program.values[ports.entry[s]].bits), at, ";");
        connect("at_" + state.name, at);
      }
      if (ports.loads[s])
        connect("old_" + state.name, entryOf(block, p, s, ports));
      if (ports.stores[s]) {
        w.line("logic ", range(state.bits), net(block, p, "new_" + state.name),
               ";");
        connect("new_" + state.name, net(block, p, "new_" + state.name));
      }
    }
    if (program.rank >= 0) {
      w.line("logic ", range(block.rankBits), net(block, p, "rank"), ";");
      connect("rank", net(block, p, "rank"));
    }
    if (program.flow >= 0) {
      w.line("logic ", range(program.values[program.flow].bits),
             net(block, p, "flow"), ";");
      connect("flow", net(block, p, "flow"));
    }
    w.open(atomName(config, block, program), " ", n, "_", program.name, " (");
    for (size_t i = 0; i < list.size(); ++i)
      w.line(list[i], i + 1 < list.size() ? "," : "");
    w.close(");");
  }

  std::string entryOf(const Block &block, size_t p, size_t s,
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

  void results(const Block &block) {
    const std::string &n = block.name;
    w.open("always_comb begin");
    w.line(n, "_enq_rank = '0;");
    w.line(n, "_enq_flow = ", n, "_enq_base;");
    w.open("case (", n, "_enq_pifo)");
    for (size_t i = 0; i < block.pifos.size(); ++i) {
      size_t p = block.pifos[i].enqueueProgram;
      const Program &program = block.programs[p];
      w.open(literal(pifoBits(block), i), ": begin // ", block.pifos[i].name);
      w.line(n, "_enq_rank = ", net(block, p, "rank"), ";");
      if (program.flow >= 0) {
        unsigned bits = program.values[program.flow].bits;
        std::string flow = net(block, p, "flow");
        if (bits < flowBits(block))
          flow = cat("{", literal(flowBits(block) - bits, 0), ", ", flow, "}");
        w.line(n, "_enq_flow = ", n, "_enq_base + ", flow, ";");
      }
      w.close("end");
    }
    w.line("default: ;");
    w.close("endcase");
    w.close("end");
  }

  /// The condition under which program `p` runs in this cycle.
  std::string runs(const Block &block, size_t p) {
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

  void states(const Block &block) {
    if (block.states.empty())
      return;
    const std::string &n = block.name;
    w.open("always_ff @(posedge clk) begin");
    w.open("if (rst) begin");
    for (const State &state : block.states) {
      std::string value = literal(state.bits, state.init);
      w.line(n, "_state_", state.name,
             " <= ", state.entries > 1 ? cat("'{default: ", value, "}") : value,
             ";");
    }
    w.close("end else begin");
    w.deeper();
    for (size_t p = 0; p < block.programs.size(); ++p) {
      const Program &program = block.programs[p];
      if (program.stores.empty())
        continue;
      AtomPorts ports = portsOf(config, block, program);
      w.open("if (", runs(block, p), ") begin");
      for (const Store &store : program.stores)
        w.line(entryOf(block, p, store.state, ports),
               " <= ", net(block, p, "new_" + block.states[store.state].name),
               ";");
      w.close("end");
    }
    w.close("end");
    w.close("end");
    for (const State &state : block.states)
      if (state.entries == 1)
        unread.push_back(cat(n, "_state_", state.name));
  }

  void carry(const Block &block) {
    const std::string &n = block.name;
    std::string packed;
    for (unsigned field : block.carry) {
      std::string part = slice(cat("slot", block.depth, "_fields"),
                               offsets[field], config.fields[field].bits);
      packed = packed.empty() ? part : part + ", " + packed;
    }
    w.line("assign ", n,
           "_enq_meta = ", packed.empty() ? "'0" : "{" + packed + "}", ";");
    w.open("always_comb begin");
    w.line(n, "_out_fields = '0;");
    unsigned low = 0;
    for (unsigned field : block.carry) {
      unsigned bits = config.fields[field].bits;
      w.line(slice(n + "_out_fields", offsets[field], bits), " = ",
             slice(n + "_out_meta", low, bits), ";");
      low += bits;
    }
    w.close("end");
  }

  void instance(const Block &block) {
    const std::string &n = block.name;
    w.open("nm_pifo_block #(");
    w.line(".ELEMENTS(", block.elements, "),");
    w.line(".FLOWS(", block.flows, "),");
    w.line(".PIFO_BITS(", pifoBits(block), "),");
    w.line(".RANK_BITS(", block.rankBits, "),");
    w.line(".FLOW_BITS(", flowBits(block), "),");
    w.line(".META_BITS(", metaBits(block), "),");
    w.line(".ORDER(", static_cast<int>(block.order), ")");
    w.close(") ", n, " (");
    w.deeper();
    w.line(".clk,");
    w.line(".rst,");
    for (const char *port :
         {"enq_valid", "enq_pifo", "enq_rank", "enq_flow", "enq_meta",
          "enq_ready", "deq_valid", "deq_pifo", "deq_ready", "out_valid",
          "out_pifo", "out_rank", "out_flow", "out_meta", "head_valid",
          "head_pifo", "head_rank"})
      w.line(".", port, "(", n, "_", port, "),");
    w.line(".overflow(", n, "_overflow)");
    w.close(");");
  }

  /// "flow in [first, first + count)", without the comparisons that are
  /// always true.
  std::string inRange(const Block &block, const NextHop &hop) {
    std::string flow = block.name + "_out_flow";
    unsigned bits = flowBits(block);
    uint64_t end = uint64_t(hop.firstFlow) + hop.numFlows;
    std::string low = hop.firstFlow == 0
                          ? ""
                          : cat(flow, " >= ", literal(bits, hop.firstFlow));
    std::string high =
        end > maskOf(bits) ? "" : cat(flow, " < ", literal(bits, end));
    if (low.empty() && high.empty())
      return "1'b1";
    return low.empty() ? high : high.empty() ? low : low + " && " + high;
  }

  void dequeueRequest(const Block &block) {
    const std::string &n = block.name;
    unsigned index = static_cast<unsigned>(&block - config.blocks.data());
    if (block.shaping) {
      std::string clock = config.nowBits > block.rankBits
                              ? slice("now", 0, block.rankBits)
                              : "now";
      w.line("logic ", range(block.rankBits), n, "_late;");
      w.line("logic ", range(3), n, "_outstanding;");
      w.line("assign ", n, "_late = ", clock, " - ", n, "_head_rank;");
      w.line("assign ", n, "_deq_pifo = ", n, "_head_pifo;");
      // deq_ready belongs to the condition: a refusal here is no fault.
      w.line("assign ", n, "_deq_valid = ", n, "_head_valid && !", n, "_late[",
             block.rankBits - 1, "] && ", n, "_outstanding != 3'd", kReleases,
             " && ", n, "_deq_ready;");
      unread.push_back(n + "_late");
      return;
    }
    if (config.roots[0].block == index) {
      w.open("always_comb begin");
      w.line(n, "_deq_valid = 1'b0;");
      w.line(n, "_deq_pifo = '0;");
      w.line("deq_ready = 1'b0;");
      w.open("case (deq_root)");
      for (size_t r = 0; r < config.roots.size(); ++r) {
        w.open(literal(rootBits, r), ": begin");
        w.line(n,
               "_deq_pifo = ", literal(pifoBits(block), config.roots[r].pifo),
               ";");
        w.line("deq_ready = ", n, "_deq_ready;");
        w.line(n, "_deq_valid = deq_valid && ", n, "_deq_ready;");
        w.close("end");
      }
      w.line("default: ;");
      w.close("endcase");
      w.close("end");
      return;
    }
    w.open("always_comb begin");
    w.line(n, "_deq_valid = 1'b0;");
    w.line(n, "_deq_pifo = '0;");
    for (const Block &source : config.blocks)
      for (const LogicalPifo &pifo : source.pifos)
        for (const NextHop &hop : pifo.next)
          if (hop.kind == NextHop::Kind::Dequeue && hop.block == index) {
            w.open("if (", source.name, "_out_valid && ", inRange(source, hop),
                   ") begin");
            w.line(n, "_deq_valid = 1'b1;");
            w.line(n, "_deq_pifo = ", literal(pifoBits(block), hop.pifo), ";");
            w.close("end");
          }
    w.close("end");
  }

  /// The queue of released packets that wait for a slot of the walk.
  void releases(const Block &block) {
    const std::string &n = block.name;
    w.open("always_comb begin");
    w.line(n, "_resume_leaf = '0;");
    for (const LogicalPifo &pifo : block.pifos)
      for (const NextHop &hop : pifo.next)
        w.line("if (", inRange(block, hop), ") ", n,
               "_resume_leaf = ", literal(leafBits, hop.leaf), ";");
    w.close("end");
    unsigned bits = leafBits + fieldBits;
    w.line("logic ", range(bits), n, "_queue[", kReleases, "];");
    w.line("logic ", range(3), n, "_waiting;");
    w.line("logic ", range(2), n, "_first, ", n, "_free;");
    w.line("assign {", n, "_release_leaf, ", n, "_release_fields} = ", n,
           "_queue[", n, "_first];");
    w.line("assign ", n, "_free = ", n, "_first + ", n, "_waiting[1:0];");
    std::string free =
        cat("!(slot", block.depth, "_valid && !suspend", block.depth, ")");
    std::string earlier;
    for (const Block &other : config.blocks)
      if (&other < &block && other.shaping && other.depth == block.depth)
        earlier += " && !" + other.name + "_grant";
    w.line("assign ", n, "_grant = ", n, "_waiting != 3'd0 && ", free, earlier,
           ";");
    w.open("always_ff @(posedge clk) begin");
    w.line("if (", n, "_out_valid) ", n, "_queue[", n, "_free] <= {", n,
           "_resume_leaf, ", n, "_out_fields};");
    w.open("if (rst) begin");
    w.line(n, "_waiting <= 3'd0;");
    w.line(n, "_first <= 2'd0;");
    w.line(n, "_outstanding <= 3'd0;");
    w.close("end else begin");
    w.deeper();
    w.line(n, "_waiting <= ", n, "_waiting + {2'd0, ", n,
           "_out_valid} - {2'd0, ", n, "_grant};");
    w.line(n, "_outstanding <= ", n, "_outstanding + {2'd0, ", n,
           "_deq_valid} - {2'd0, ", n, "_grant};");
    w.line("if (", n, "_grant) ", n, "_first <= ", n, "_first + 2'd1;");
    w.close("end");
    w.close("end");
  }

  void transmit() {
    w.blank();
    w.line("// ---- departures, delayed to the time a deepest leaf would take");
    for (unsigned d = 0; d <= depth; ++d) {
      w.open("always_comb begin");
      w.line("leaves", d, "_valid = 1'b0;");
      w.line("leaves", d, "_fields = '0;");
      for (const Block &block : config.blocks)
        for (const LogicalPifo &pifo : block.pifos)
          for (const NextHop &hop : pifo.next)
            if (hop.kind == NextHop::Kind::Transmit && block.depth == d) {
              w.open("if (", block.name, "_out_valid && ", inRange(block, hop),
                     ") begin");
              w.line("leaves", d, "_valid = 1'b1;");
              w.line("leaves", d, "_fields = ", block.name, "_out_fields;");
              w.close("end");
            }
      w.close("end");
    }
    for (unsigned i = 0; i <= 2 * depth; ++i) {
      w.line("logic out", i, "_valid, out", i, "_next;");
      w.line("logic ", range(fieldBits), "out", i, "_fields;");
      std::string before = i > 0 ? cat("out", i - 1, "_valid") : "1'b0";
      w.line("assign out", i,
             "_next = ", i % 2 == 0 ? cat("leaves", i / 2, "_valid || ") : "",
             before, ";");
    }
    w.open("always_ff @(posedge clk) begin");
    for (unsigned i = 0; i <= 2 * depth; ++i) {
      std::string before = i > 0 ? cat("out", i - 1, "_fields") : "'0";
      w.line("out", i, "_valid <= !rst && out", i, "_next;");
      w.line("out", i, "_fields <= ",
             i % 2 == 0
                 ? cat("leaves", i / 2, "_valid ? leaves", i / 2, "_fields : ")
                 : "",
             before, ";");
    }
    w.close("end");
    w.line("assign out_valid = out", 2 * depth, "_valid;");
    w.line("assign out_fields = out", 2 * depth, "_fields;");
  }

  void walk() {
    w.blank();
    w.line("// ---- the walk from the deepest level to the root");
    uint64_t capacity = config.capacity();
    w.line("logic accepted;");
    w.line("assign enq_ready = occupied < ", literal(countBits, capacity), ";");
    std::string known =
        config.leaves.size() > maskOf(leafBits)
            ? ""
            : cat(" && enq_leaf < ", literal(leafBits, config.leaves.size()));
    w.line("assign accepted = enq_valid && enq_ready", known, ";");
    for (unsigned d = 0; d <= depth; ++d) {
      std::string any = "1'b0";
      for (const Block &block : config.blocks)
        if (!block.shaping && block.depth == d)
          any += " || " + block.name + "_suspends";
      w.line("assign suspend", d, " = ", any, ";");
    }
    unread.push_back("suspend0");
    w.open("always_ff @(posedge clk) begin");
    for (unsigned d = 0; d < depth; ++d) {
      w.open("if (slot", d + 1, "_valid && !suspend", d + 1, ") begin");
      w.line("slot", d, "_leaf <= slot", d + 1, "_leaf;");
      w.line("slot", d, "_fields <= slot", d + 1, "_fields;");
      std::string valid = cat("slot", d + 1, "_valid && !suspend", d + 1);
      for (const Block &block : config.blocks)
        if (block.shaping && block.depth == d + 1) {
          w.close("end else if (", block.name, "_grant) begin");
          w.deeper();
          w.line("slot", d, "_leaf <= ", block.name, "_release_leaf;");
          w.line("slot", d, "_fields <= ", block.name, "_release_fields;");
          valid += " || " + block.name + "_grant";
        }
      w.close("end");
      w.line("slot", d, "_valid <= !rst && (", valid, ");");
    }
    w.line("slot", depth, "_valid <= !rst && accepted;");
    w.line("slot", depth, "_leaf <= enq_leaf;");
    w.line("slot", depth, "_fields <= enq_fields;");
    std::string pad =
        countBits > 1 ? cat("{", literal(countBits - 1, 0), ", ") : "{";
    w.line("occupied <= rst ? '0 : occupied + ", pad, "accepted} - ", pad,
           "out", 2 * depth, "_next};");
    w.line("fault_q <= !rst && (fault_q");
    for (const std::string &fault : faults)
      w.line("    || ", fault);
    w.line(");");
    w.close("end");
  }
};
} // namespace

std::string systemVerilogOfMesh(const Config &config) {
  // One self-contained file holds several modules.
  return "/* verilator lint_off DECLFILENAME */\n" + systemVerilogOfBlock() +
         systemVerilogOfAtoms(config) + MeshWriter(config).run() +
         (config.classifier ? "\n" + frontOf(config) : "");
}

} // namespace nm::mesh
