//===- MeshRouting.cpp - The mesh's module: from block to block --------------===//
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

/// Calls body(hop, block) for every hop of the kind and the block that it
/// leaves.
template <typename Body>
static void forEachHop(const Config &config, NextHop::Kind kind, Body body) {
  for (const Block &block : config.blocks)
    for (const LogicalPifo &pifo : block.pifos)
      for (const NextHop &hop : pifo.next)
        if (hop.kind == kind)
          body(hop, block);
}

void MeshWriter::dequeueRequest(const Block &block) {
  const std::string &n = block.name;
  unsigned index = static_cast<unsigned>(&block - config.blocks.data());
  if (block.shaping) {
    std::string clock = config.nowBits > block.rankBits
                            ? slice("now", 0, block.rankBits)
                            : "now";
    text.line("logic ", range(block.rankBits), n, "_late;");
    text.line("logic ", range(3), n, "_outstanding;");
    text.line("assign ", n, "_late = ", clock, " - ", n, "_head_rank;");
    text.line("assign ", n, "_deq_pifo = ", n, "_head_pifo;");
    // deq_ready belongs to the condition: a refusal here is no fault.
    text.line("assign ", n, "_deq_valid = ", n, "_head_valid && !", n, "_late[",
              block.rankBits - 1, "] && ", n, "_outstanding != 3'd", kReleases,
              " && ", n, "_deq_ready;");
    unread.push_back(n + "_late");
    return;
  }
  if (config.roots[0].block == index) {
    text.open("always_comb begin");
    text.line(n, "_deq_valid = 1'b0;");
    text.line(n, "_deq_pifo = '0;");
    text.line("deq_ready = 1'b0;");
    text.open("case (deq_root)");
    for (size_t r = 0; r < config.roots.size(); ++r) {
      text.open(literal(rootBits, r), ": begin");
      text.line(n,
                "_deq_pifo = ", literal(pifoBits(block), config.roots[r].pifo),
                ";");
      text.line("deq_ready = ", n, "_deq_ready;");
      text.line(n, "_deq_valid = deq_valid && ", n, "_deq_ready;");
      text.close("end");
    }
    text.line("default: ;");
    text.close("endcase");
    text.close("end");
    return;
  }
  text.open("always_comb begin");
  text.line(n, "_deq_valid = 1'b0;");
  text.line(n, "_deq_pifo = '0;");
  auto ask = [&](const NextHop &hop, const Block &source) {
    if (hop.block != index)
      return;
    text.open("if (", source.name, "_out_valid && ", inRange(source, hop),
              ") begin");
    text.line(n, "_deq_valid = 1'b1;");
    text.line(n, "_deq_pifo = ", literal(pifoBits(block), hop.pifo), ";");
    text.close("end");
  };
  forEachHop(config, NextHop::Kind::Dequeue, ask);
  text.close("end");
}

void MeshWriter::releases(const Block &block) {
  const std::string &n = block.name;
  text.open("always_comb begin");
  text.line(n, "_resume_leaf = '0;");
  for (const LogicalPifo &pifo : block.pifos)
    for (const NextHop &hop : pifo.next)
      text.line("if (", inRange(block, hop), ") ", n,
                "_resume_leaf = ", literal(leafBits, hop.leaf), ";");
  text.close("end");
  unsigned bits = leafBits + fieldBits;
  text.line("logic ", range(bits), n, "_queue[", kReleases, "];");
  text.line("logic ", range(3), n, "_waiting;");
  text.line("logic ", range(2), n, "_first, ", n, "_free;");
  text.line("assign {", n, "_release_leaf, ", n, "_release_fields} = ", n,
            "_queue[", n, "_first];");
  text.line("assign ", n, "_free = ", n, "_first + ", n, "_waiting[1:0];");
  std::string free =
      cat("!(slot", block.depth, "_valid && !suspend", block.depth, ")");
  std::string earlier;
  for (const Block &other : config.blocks)
    if (&other < &block && other.shaping && other.depth == block.depth)
      earlier += " && !" + other.name + "_grant";
  text.line("assign ", n, "_grant = ", n, "_waiting != 3'd0 && ", free, earlier,
            ";");
  text.open("always_ff @(posedge clk) begin");
  text.line("if (", n, "_out_valid) ", n, "_queue[", n, "_free] <= {", n,
            "_resume_leaf, ", n, "_out_fields};");
  text.open("if (rst) begin");
  text.line(n, "_waiting <= 3'd0;");
  text.line(n, "_first <= 2'd0;");
  text.line(n, "_outstanding <= 3'd0;");
  text.close("end else begin");
  text.deeper();
  text.line(n, "_waiting <= ", n, "_waiting + {2'd0, ", n,
            "_out_valid} - {2'd0, ", n, "_grant};");
  text.line(n, "_outstanding <= ", n, "_outstanding + {2'd0, ", n,
            "_deq_valid} - {2'd0, ", n, "_grant};");
  text.line("if (", n, "_grant) ", n, "_first <= ", n, "_first + 2'd1;");
  text.close("end");
  text.close("end");
}

void MeshWriter::transmit() {
  text.blank();
  text.line(
      "// ---- departures, delayed to the time a deepest leaf would take");
  for (unsigned d = 0; d <= depth; ++d) {
    text.open("always_comb begin");
    text.line("leaves", d, "_valid = 1'b0;");
    text.line("leaves", d, "_fields = '0;");
    auto leave = [&](const NextHop &hop, const Block &block) {
      if (block.depth != d)
        return;
      text.open("if (", block.name, "_out_valid && ", inRange(block, hop),
                ") begin");
      text.line("leaves", d, "_valid = 1'b1;");
      text.line("leaves", d, "_fields = ", block.name, "_leave_fields;");
      text.close("end");
    };
    forEachHop(config, NextHop::Kind::Transmit, leave);
    text.close("end");
  }
  for (unsigned i = 0; i <= 2 * depth; ++i) {
    text.line("logic out", i, "_valid, out", i, "_next;");
    text.line("logic ", range(fieldBits), "out", i, "_fields;");
    std::string before = i > 0 ? cat("out", i - 1, "_valid") : "1'b0";
    text.line("assign out", i,
              "_next = ", i % 2 == 0 ? cat("leaves", i / 2, "_valid || ") : "",
              before, ";");
  }
  text.open("always_ff @(posedge clk) begin");
  for (unsigned i = 0; i <= 2 * depth; ++i) {
    std::string before = i > 0 ? cat("out", i - 1, "_fields") : "'0";
    text.line("out", i, "_valid <= !rst && out", i, "_next;");
    text.line("out", i, "_fields <= ",
              i % 2 == 0
                  ? cat("leaves", i / 2, "_valid ? leaves", i / 2, "_fields : ")
                  : "",
              before, ";");
  }
  text.close("end");
  text.line("assign out_valid = out", 2 * depth, "_valid;");
  text.line("assign out_fields = out", 2 * depth, "_fields;");
}

void MeshWriter::walk() {
  text.blank();
  text.line("// ---- the walk from the deepest level to the root");
  uint64_t capacity = config.capacity();
  text.line("logic accepted;");
  text.line("assign enq_ready = occupied < ", literal(countBits, capacity),
            ";");
  std::string known =
      config.leaves.size() > maskOf(leafBits)
          ? ""
          : cat(" && enq_leaf < ", literal(leafBits, config.leaves.size()));
  text.line("assign accepted = enq_valid && enq_ready", known, ";");
  for (unsigned d = 0; d <= depth; ++d) {
    std::string any = "1'b0";
    for (const Block &block : config.blocks)
      if (!block.shaping && block.depth == d)
        any += " || " + block.name + "_suspends";
    text.line("assign suspend", d, " = ", any, ";");
  }
  unread.push_back("suspend0");
  text.open("always_ff @(posedge clk) begin");
  for (unsigned d = 0; d < depth; ++d) {
    text.open("if (slot", d + 1, "_valid && !suspend", d + 1, ") begin");
    text.line("slot", d, "_leaf <= slot", d + 1, "_leaf;");
    text.line("slot", d, "_fields <= slot", d + 1, "_fields;");
    std::string valid = cat("slot", d + 1, "_valid && !suspend", d + 1);
    for (const Block &block : config.blocks)
      if (block.shaping && block.depth == d + 1) {
        text.close("end else if (", block.name, "_grant) begin");
        text.deeper();
        text.line("slot", d, "_leaf <= ", block.name, "_release_leaf;");
        text.line("slot", d, "_fields <= ", block.name, "_release_fields;");
        valid += " || " + block.name + "_grant";
      }
    text.close("end");
    text.line("slot", d, "_valid <= !rst && (", valid, ");");
  }
  text.line("slot", depth, "_valid <= !rst && accepted;");
  text.line("slot", depth, "_leaf <= enq_leaf;");
  text.line("slot", depth, "_fields <= enq_fields;");
  std::string pad =
      countBits > 1 ? cat("{", literal(countBits - 1, 0), ", ") : "{";
  text.line("occupied <= rst ? '0 : occupied + ", pad, "accepted} - ", pad,
            "out", 2 * depth, "_next};");
  text.line("fault_q <= !rst && (fault_q");
  for (const std::string &fault : faults)
    text.line("    || ", fault);
  text.line(");");
  text.close("end");
}

} // namespace nm::mesh
