//===- MeshAxis.cpp - A mesh with AXI-Stream ports ------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MeshAxis.h"
#include "Modules.h"
#include "nm/Target/SystemVerilog/SystemVerilog.h"
#include <algorithm>

namespace nm::mesh {

using namespace sv;

namespace sv {

std::vector<Stream> streamsOf(const Config &config) {
  std::vector<StreamField> fields;
  for (const Field &field : config.fields)
    fields.push_back({field.name, field.bits});
  std::vector<StreamField> comes = fields;
  if (!config.classifier)
    comes.push_back({"leaf", indexBits(config.leaves.size())});
  std::string unknown = config.classifier
                            ? "one that is of no leaf is taken and forgotten"
                            : "one of an unknown leaf is taken and forgotten";
  return {{"s_axis", comes, "a packet comes; " + unknown},
          {"request",
           {{"root", indexBits(config.roots.size())}},
           "the number of a root: its next packet is asked for; an empty one "
           "gives nothing"},
          {"m_axis", fields,
           "a packet leaves, with the fields that its leaf's block carries, "
           "the others 0",
           true}};
}

std::string axisModule(const Config &config) { return config.name + "_axis"; }

/// A pop takes two cycles a level, and departures of all leaves as long.
unsigned axisLatency(const Config &config) { return 2 * config.depth() + 3; }

unsigned axisCountBits(const Config &config) {
  // Those inside, one on its way, and four at the output.
  return indexBits(uint64_t(config.capacity()) + 8);
}

} // namespace sv

/// The ports of the mesh, or of the module in front of it.
static void instance(Writer &text, const Config &config, unsigned fieldBits) {
  text.open(config.name, config.classifier ? "_front" : "", " mesh (");
  text.line(".clk(aclk),");
  text.line(".rst(rst),");
  text.line(".now(now),");
  text.line(".enq_valid(s_axis_tvalid && aresetn),");
  if (config.classifier)
    text.line(".enq_known(known),");
  else
    text.line(".enq_leaf(s_axis_tdata[", fieldBits,
              "+:", indexBits(config.leaves.size()), "]),");
  text.line(".enq_fields(s_axis_tdata[", fieldBits - 1, ":0]),");
  text.line(".enq_ready(enq_ready),");
  text.line(".deq_valid(asks),");
  text.line(".deq_root(request_tdata[", indexBits(config.roots.size()) - 1,
            ":0]),");
  text.line(".deq_ready(deq_ready),");
  text.line(".out_valid(found),");
  text.line(".out_fields(departs),");
  text.line(".fault(fault)");
  text.close(");");
}

/// Handshakes, and which requests wait for their answers.
static void handshakes(Writer &text, const Config &config,
                       const Stream &leaves) {
  auto fieldBits = static_cast<unsigned>(leaves.fieldBits());
  const unsigned latency = axisLatency(config);
  unsigned leafBits = indexBits(config.leaves.size());
  text.line("logic rst, known, enq_ready, deq_ready, may_ask, asks, found;");
  text.line("logic ", range(latency), "asked;");
  text.line("logic ", range(fieldBits), "departs, leaving;");
  text.line("assign rst = !aresetn;");
  if (!config.classifier)
    text.line("assign known = ",
              config.leaves.size() > maskOf(leafBits)
                  ? "1'b1"
                  : cat("s_axis_tdata[", fieldBits, "+:", leafBits, "] < ",
                        literal(leafBits, config.leaves.size())),
              ";");
  text.line("assign s_axis_tready = (enq_ready || !known) && aresetn;");
  text.line("assign unknown = s_axis_tvalid && s_axis_tready && !known;");
  text.line("assign request_tready = deq_ready && may_ask && aresetn;");
  text.line("assign asks = request_tvalid && request_tready;");
  text.line("assign m_axis_tdata = ", leaves.width(), "'(leaving);");
  text.open("always_ff @(posedge aclk) begin");
  text.line("asked <= rst ? '0 : {asked[", latency - 2, ":0], asks};");
  text.close("end");
}

std::string systemVerilogOfMeshAxis(const Config &config) {
  Writer text;
  const std::vector<Stream> streams = streamsOf(config);
  const Stream &leaves = streams.back();
  auto fieldBits = static_cast<unsigned>(leaves.fieldBits());
  text.line("// Mesh '", config.name,
            "' with AXI-Stream ports. From a request ", "to m_axis are ",
            axisLatency(config) + 1, " cycles.");
  text.open("module ", axisModule(config), " (");
  text.line("input  logic aclk,");
  text.line("input  logic aresetn,");
  text.line("// The time, which transactions read.");
  text.line("input  logic ", range(config.nowBits), "now,");
  writePorts(text, streams);
  text.line("// A packet of no leaf was taken and forgotten.");
  text.line("output logic unknown,");
  text.line("// Never, or the mesh is wrong.");
  text.line("output logic fault,");
  text.line("// Packets taken from s_axis and not yet by m_axis.");
  text.line("output logic empty,");
  text.line("output logic ", range(axisCountBits(config)), "occupancy");
  text.close(");");
  text.deeper();
  handshakes(text, config, leaves);
  instance(text, config, fieldBits);
  text.open("nm_pifo_axis_output #(");
  text.line(".BITS(", fieldBits, "),");
  text.line(".COUNT_BITS(", axisCountBits(config), ")");
  text.close(") departures (");
  text.deeper();
  text.line(".clk(aclk),");
  text.line(".rst(rst),");
  text.line(".may_ask(may_ask),");
  text.line(".asks(asks),");
  text.line(".answers(asked[", axisLatency(config) - 1, "]),");
  text.line(".found(found),");
  text.line(".element(departs),");
  text.line(".tvalid(m_axis_tvalid),");
  text.line(".tdata(leaving),");
  text.line(".tready(m_axis_tready),");
  text.line(".enters(s_axis_tvalid && s_axis_tready && known),");
  text.line(".empty(empty),");
  text.line(".occupancy(occupancy)");
  text.close(");");
  text.close("endmodule");
  return systemVerilogOfMesh(config) + "\n" + rtl::axisOutput + text.str();
}

std::string constraintsOfMeshAxis(const Config &config, int64_t clock) {
  return clockConstraints(axisModule(config), clock);
}

std::string dataSheetOfMeshAxis(const Config &config, int64_t clock) {
  Writer out;
  out.raw(cat("# ", axisModule(config), "\n\nThe mesh '", config.name,
              "': ", config.blocks.size(), " blocks in ", config.depth() + 1,
              " levels, ", config.leaves.size(), " leaves, at most ",
              config.capacity(), " packets.\n\n"));
  out.raw("## Ports\n\n| Port | Bits | What |\n| --- | ---: | --- |\n"
          "| `aclk`, `aresetn` | 1 | clock; reset, synchronous and low |\n");
  out.raw(cat("| `now` | ", config.nowBits,
              " | the time, which transactions read |\n"));
  std::vector<Stream> streams = streamsOf(config);
  out.raw(portRows(streams));
  out.raw("| `unknown` | 1 | a packet of no leaf was taken and forgotten |\n"
          "| `fault` | 1 | never, or the mesh is wrong |\n"
          "| `empty`, `occupancy` | | packets that came and have not left "
          "|\n\n");
  out.raw(fieldTables(streams));
  out.raw("\n| Leaf | Name |\n| ---: | --- |\n");
  for (size_t i = 0; i < config.leaves.size(); ++i)
    out.raw(cat("| ", i, " | ", config.leaves[i].name, " |\n"));
  const unsigned latency = axisLatency(config) + 1;
  // Four answers may be on their way; a root answers every fourth cycle.
  int64_t part = std::max<int64_t>(4, (latency + 3) / 4);
  out.raw(cat("\n## Timing\n\n* A packet in every cycle.\n* A root takes a "
              "request every fourth cycle, the mesh four in ",
              latency, " cycles.\n* From a request to `m_axis` are ", latency,
              " cycles.\n* At ", clock, " MHz ", tenths(clock * 1000),
              " million packets a second in, ", tenths(clock * 1000 / part),
              " million out of one root.\n\n## Memories\n\n"
              "| Block | Elements | Flows | Bits of a rank | Bits beside it "
              "|\n| --- | ---: | ---: | ---: | ---: |\n"));
  for (const Block &block : config.blocks)
    out.raw(cat("| ", block.name, " | ", block.elements, " | ", block.flows,
                " | ", block.rankBits, " | ", config.metadataBits(block),
                " |\n"));
  return out.str();
}

} // namespace nm::mesh
