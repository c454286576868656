// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// nm_pifo_block with AXI-Stream ports.
//
//   s_axis      an element comes     {padding, metadata, flow, logical PIFO, rank}
//   request     one is asked for     {padding, logical PIFO}
//   m_axis      it leaves            as it came
//
// The rank is in the low bits; each stream is padded to whole bytes. A flow lies
// in one logical PIFO, and its ranks must not fall. A request of an empty logical
// PIFO gives nothing, so that `request_tvalid` may always be high. An element can
// leave three cycles after it came at the earliest; from a request to `m_axis`
// are three cycles. A logical PIFO takes a request every fourth cycle, the block
// one in every cycle.
module nm_pifo_block_axis #(
    parameter int ELEMENTS = 4096,
    parameter int FLOWS = 16,
    parameter int PIFO_BITS = 2,
    parameter int RANK_BITS = 16,
    parameter int META_BITS = 32,
    // 0: unsigned ranks, 1: serial numbers, 2: serial numbers by logical PIFO.
    parameter int ORDER = 0,
    // Derived.
    parameter int FLOW_BITS = FLOWS > 1 ? $clog2(FLOWS) : 1,
    parameter int DATA_BITS = 8 * ((META_BITS + FLOW_BITS + PIFO_BITS + RANK_BITS + 7) / 8),
    parameter int REQUEST_BITS = 8 * ((PIFO_BITS + 7) / 8),
    parameter int COUNT_BITS = $clog2(ELEMENTS + FLOWS + 7)
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
  localparam int FLOW_AT = RANK_BITS + PIFO_BITS;
  localparam int META_AT = FLOW_AT + FLOW_BITS;
  localparam int BITS = META_AT + META_BITS;

  logic rst, enq_ready, deq_ready, may_ask, asks, asked1, asked2, found, overflow;
  logic [BITS-1:0] element, departs;
  assign rst = !aresetn;
  assign s_axis_tready = enq_ready && aresetn;
  assign request_tready = deq_ready && may_ask && aresetn;
  assign asks = request_tvalid && request_tready;
  assign m_axis_tdata = DATA_BITS'(departs);
  always_ff @(posedge aclk) begin
    asked1 <= asks && aresetn;
    asked2 <= asked1 && aresetn;
  end

  nm_pifo_block #(
      .ELEMENTS(ELEMENTS),
      .FLOWS(FLOWS),
      .PIFO_BITS(PIFO_BITS),
      .RANK_BITS(RANK_BITS),
      .FLOW_BITS(FLOW_BITS),
      .META_BITS(META_BITS),
      .ORDER(ORDER)
  ) block (
      .clk(aclk),
      .rst(rst),
      .enq_valid(s_axis_tvalid && aresetn),
      .enq_pifo(s_axis_tdata[RANK_BITS+:PIFO_BITS]),
      .enq_rank(s_axis_tdata[RANK_BITS-1:0]),
      .enq_flow(s_axis_tdata[FLOW_AT+:FLOW_BITS]),
      .enq_meta(s_axis_tdata[META_AT+:META_BITS]),
      .enq_ready(enq_ready),
      .deq_valid(asks),
      .deq_pifo(request_tdata[PIFO_BITS-1:0]),
      .deq_ready(deq_ready),
      .out_valid(found),
      .out_pifo(element[RANK_BITS+:PIFO_BITS]),
      .out_rank(element[RANK_BITS-1:0]),
      .out_flow(element[FLOW_AT+:FLOW_BITS]),
      .out_meta(element[META_AT+:META_BITS]),
      /* verilator lint_off PINCONNECTEMPTY */
      .head_valid(),
      .head_pifo(),
      .head_rank(),
      .empty(),
      .occupancy(),
      /* verilator lint_on PINCONNECTEMPTY */
      .overflow(overflow)
  );

  nm_pifo_axis_output #(
      .BITS(BITS),
      .COUNT_BITS(COUNT_BITS)
  ) departures (
      .clk(aclk),
      .rst(rst),
      .may_ask(may_ask),
      .asks(asks),
      .answers(asked2),
      .found(found),
      .element(element),
      .tvalid(m_axis_tvalid),
      .tdata(departs),
      .tready(m_axis_tready),
      .enters(s_axis_tvalid && s_axis_tready),
      .empty(empty),
      .occupancy(occupancy)
  );

  // Never: a block has a place for the head of every flow.
  /* verilator lint_off UNUSEDSIGNAL */
  logic unused;
  assign unused = overflow;
  /* verilator lint_on UNUSEDSIGNAL */
endmodule
