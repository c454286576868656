//===- MeshWalk.cpp - The mesh's module: from block to block --------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MeshWriter.h"

namespace nm::mesh {

using namespace sv;

std::string MeshWriter::inRange(const Block &block, const NextHop &hop) {
  std::string flow = block.name + "_out_flow";
  unsigned bits = flowBits(block);
  uint64_t end = uint64_t(hop.firstFlow) + hop.numFlows;
  std::string low =
      hop.firstFlow == 0 ? "" : cat(flow, " >= ", literal(bits, hop.firstFlow));
  std::string high =
      end > maskOf(bits) ? "" : cat(flow, " < ", literal(bits, end));
  if (low.empty() && high.empty())
    return "1'b1";
  return low.empty() ? high : high.empty() ? low : low + " && " + high;
}

void MeshWriter::dequeueRequest(const Block &block) {
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
      w.line(n, "_deq_pifo = ", literal(pifoBits(block), config.roots[r].pifo),
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

void MeshWriter::releases(const Block &block) {
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
  w.line(n, "_waiting <= ", n, "_waiting + {2'd0, ", n, "_out_valid} - {2'd0, ",
         n, "_grant};");
  w.line(n, "_outstanding <= ", n, "_outstanding + {2'd0, ", n,
         "_deq_valid} - {2'd0, ", n, "_grant};");
  w.line("if (", n, "_grant) ", n, "_first <= ", n, "_first + 2'd1;");
  w.close("end");
  w.close("end");
}

void MeshWriter::transmit() {
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
            w.line("leaves", d, "_fields = ", block.name, "_leave_fields;");
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

void MeshWriter::walk() {
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
  w.line("occupied <= rst ? '0 : occupied + ", pad, "accepted} - ", pad, "out",
         2 * depth, "_next};");
  w.line("fault_q <= !rst && (fault_q");
  for (const std::string &fault : faults)
    w.line("    || ", fault);
  w.line(");");
  w.close("end");
}

} // namespace nm::mesh
