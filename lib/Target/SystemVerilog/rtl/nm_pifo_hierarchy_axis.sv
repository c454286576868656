// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// nm_pifo_hierarchy with AXI-Stream ports.
//
//   config      which queue one is in    {padding, parent, queue}
//   s_axis      a packet comes           {padding, metadata, queue, ranks}
//   request     one is asked for         no data
//   m_axis      it leaves                {padding, metadata, queue}
//
// The ranks are in the low bits, the leaf's lowest, then that of the queue around
// it, and so on to the root; those beyond the root do not count. Each stream is
// padded to whole bytes. Queues are told their parents before packets come for
// them. A request waits until a packet has come to the root. Of equal ranks any
// may leave first. From a request to `m_axis` are 3 * D + 2 cycles for a packet
// that lies in D levels.
module nm_pifo_hierarchy_axis #(
    parameter int DEPTH = 6,  // levels of the hierarchy, at most
    parameter int QUEUES = 128,  // at least 2
    parameter int WAYS = 4,  // of each queue's tree, a power of two
    parameter int LEVELS = 4,  // of each queue's tree
    parameter int RANK_BITS = 16,
    parameter int META_BITS = 32,
    // Derived.
    parameter int QUEUE_BITS = $clog2(QUEUES),
    parameter int CAPACITY = WAYS * ((WAYS ** LEVELS - 1) / (WAYS - 1)),
    parameter int CONFIG_BITS = 8 * ((2 * QUEUE_BITS + 7) / 8),
    parameter int DATA_BITS = 8 * ((META_BITS + QUEUE_BITS + DEPTH * RANK_BITS + 7) / 8),
    parameter int OUT_BITS = 8 * ((META_BITS + QUEUE_BITS + 7) / 8),
    parameter int COUNT_BITS = $clog2(CAPACITY + 5)
) (
    input  logic                   aclk,
    input  logic                   aresetn,
    input  logic                   config_tvalid,
    output logic                   config_tready,
    /* verilator lint_off UNUSEDSIGNAL */
    input  logic [CONFIG_BITS-1:0] config_tdata,
    /* verilator lint_on UNUSEDSIGNAL */
    input  logic                   s_axis_tvalid,
    output logic                   s_axis_tready,
    /* verilator lint_off UNUSEDSIGNAL */
    input  logic [DATA_BITS-1:0]   s_axis_tdata,
    /* verilator lint_on UNUSEDSIGNAL */
    input  logic                   request_tvalid,
    output logic                   request_tready,
    output logic                   m_axis_tvalid,
    input  logic                   m_axis_tready,
    output logic [OUT_BITS-1:0]    m_axis_tdata,
    // Packets taken from s_axis and not yet by m_axis.
    output logic                   empty,
    output logic [COUNT_BITS-1:0]  occupancy
);
  localparam int QUEUE_AT = DEPTH * RANK_BITS;
  localparam int META_AT = QUEUE_AT + QUEUE_BITS;
  localparam int BITS = QUEUE_BITS + META_BITS;

  logic rst, enq_ready, deq_ready, may_ask, found;
  logic [BITS-1:0] packet, departs;
  assign rst = !aresetn;
  assign config_tready = aresetn;
  assign s_axis_tready = enq_ready && aresetn;
  assign request_tready = deq_ready && may_ask && aresetn;
  assign m_axis_tdata = OUT_BITS'(departs);

  nm_pifo_hierarchy #(
      .DEPTH(DEPTH),
      .QUEUES(QUEUES),
      .WAYS(WAYS),
      .LEVELS(LEVELS),
      .RANK_BITS(RANK_BITS),
      .META_BITS(META_BITS)
  ) hierarchy (
      .clk(aclk),
      .rst(rst),
      .set_valid(config_tvalid && aresetn),
      .set_queue(config_tdata[QUEUE_BITS-1:0]),
      .set_parent(config_tdata[QUEUE_BITS+:QUEUE_BITS]),
      .enq_valid(s_axis_tvalid && aresetn),
      .enq_queue(s_axis_tdata[QUEUE_AT+:QUEUE_BITS]),
      .enq_ranks(s_axis_tdata[QUEUE_AT-1:0]),
      .enq_meta(s_axis_tdata[META_AT+:META_BITS]),
      .enq_ready(enq_ready),
      .deq_valid(request_tvalid && may_ask && aresetn),
      .deq_ready(deq_ready),
      .out_valid(found),
      .out_queue(packet[QUEUE_BITS-1:0]),
      .out_meta(packet[QUEUE_BITS+:META_BITS]),
      /* verilator lint_off PINCONNECTEMPTY */
      .step_valid(),
      .step_queue(),
      .step_rank(),
      .step_packet(),
      .step_meta(),
      .empty(),
      .occupancy()
      /* verilator lint_on PINCONNECTEMPTY */
  );

  nm_pifo_axis_output #(
      .BITS(BITS),
      .COUNT_BITS(COUNT_BITS)
  ) departures (
      .clk(aclk),
      .rst(rst),
      .may_ask(may_ask),
      .asks(request_tvalid && request_tready),
      .answers(found),
      .found(found),
      .element(packet),
      .tvalid(m_axis_tvalid),
      .tdata(departs),
      .tready(m_axis_tready),
      .enters(s_axis_tvalid && s_axis_tready),
      .empty(empty),
      .occupancy(occupancy)
  );
endmodule
