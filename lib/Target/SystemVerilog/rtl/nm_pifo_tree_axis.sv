// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// nm_pifo_tree with AXI-Stream ports.
//
//   s_axis      an element comes     {padding, metadata, queue, rank}
//   request     one is asked for     {padding, queue}
//   m_axis      it leaves            as it came
//
// The rank is in the low bits; each stream is padded to whole bytes. A request of
// an empty queue waits until it has an element, and those behind it with it. Of
// equal ranks any may leave first. From a request to `m_axis` are three cycles.
// An element takes one cycle and a request two, so that one of each goes every
// three cycles.
module nm_pifo_tree_axis #(
    parameter int WAYS = 4,  // a power of two
    parameter int LEVELS = 6,
    parameter int QUEUES = 1,
    parameter int RANK_BITS = 16,
    parameter int META_BITS = 32,
    // Derived.
    parameter int QUEUE_BITS = QUEUES > 1 ? $clog2(QUEUES) : 1,
    parameter int CAPACITY = WAYS * ((WAYS ** LEVELS - 1) / (WAYS - 1)),  // of a queue
    parameter int DATA_BITS = 8 * ((META_BITS + QUEUE_BITS + RANK_BITS + 7) / 8),
    parameter int REQUEST_BITS = 8 * ((QUEUE_BITS + 7) / 8),
    parameter int COUNT_BITS = $clog2(CAPACITY * QUEUES + 5)
) (
    input  logic                    aclk,
    input  logic                    aresetn,
    input  logic                    s_axis_tvalid,
    output logic                    s_axis_tready,
    /* verilator lint_off UNUSEDSIGNAL */
    input  logic [DATA_BITS-1:0]    s_axis_tdata,
    /* verilator lint_on UNUSEDSIGNAL */
    input  logic                    request_tvalid,
    output logic                    request_tready,
    /* verilator lint_off UNUSEDSIGNAL */
    input  logic [REQUEST_BITS-1:0] request_tdata,
    /* verilator lint_on UNUSEDSIGNAL */
    output logic                    m_axis_tvalid,
    input  logic                    m_axis_tready,
    output logic [DATA_BITS-1:0]    m_axis_tdata,
    // Elements taken from s_axis and not yet by m_axis.
    output logic                    empty,
    output logic [COUNT_BITS-1:0]   occupancy
);
  localparam int META_AT = RANK_BITS + QUEUE_BITS;
  localparam int BITS = META_AT + META_BITS;

  logic rst, push_ready, pop_ready, may_ask, found;
  logic [BITS-1:0] element, departs;
  assign rst = !aresetn;
  assign s_axis_tready = push_ready && aresetn;
  assign request_tready = pop_ready && may_ask && aresetn;
  assign m_axis_tdata = DATA_BITS'(departs);

  nm_pifo_tree #(
      .WAYS(WAYS),
      .LEVELS(LEVELS),
      .QUEUES(QUEUES),
      .RANK_BITS(RANK_BITS),
      .META_BITS(META_BITS)
  ) tree (
      .clk(aclk),
      .rst(rst),
      .push_valid(s_axis_tvalid && aresetn),
      .push_queue(s_axis_tdata[RANK_BITS+:QUEUE_BITS]),
      .push_rank(s_axis_tdata[RANK_BITS-1:0]),
      .push_meta(s_axis_tdata[META_AT+:META_BITS]),
      .push_ready(push_ready),
      .pop_valid(request_tvalid && may_ask && aresetn),
      .pop_queue(request_tdata[QUEUE_BITS-1:0]),
      .pop_ready(pop_ready),
      .out_valid(found),
      .out_queue(element[RANK_BITS+:QUEUE_BITS]),
      .out_rank(element[RANK_BITS-1:0]),
      .out_meta(element[META_AT+:META_BITS]),
      /* verilator lint_off PINCONNECTEMPTY */
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
      .element(element),
      .tvalid(m_axis_tvalid),
      .tdata(departs),
      .tready(m_axis_tready),
      .enters(s_axis_tvalid && s_axis_tready),
      .empty(empty),
      .occupancy(occupancy)
  );
endmodule
