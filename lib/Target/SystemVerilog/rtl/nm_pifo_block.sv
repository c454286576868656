// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// PIFO block: logical PIFOs that share a flow scheduler and a rank store. One
// enqueue and one dequeue a cycle; a dequeue answers two cycles later, and one
// logical PIFO takes a dequeue every fourth cycle (pop, read, reinsertion).
// A request is served if its `ready` is high in the same cycle.
module nm_pifo_block #(
    parameter int ELEMENTS = 65536,
    parameter int FLOWS = 1024,
    parameter int PIFO_BITS = 8,
    parameter int RANK_BITS = 16,
    parameter int FLOW_BITS = 10,
    parameter int META_BITS = 32,
    parameter int ORDER = 0
) (
    input  logic                 clk,
    input  logic                 rst,
    input  logic                 enq_valid,
    input  logic [PIFO_BITS-1:0] enq_pifo,
    input  logic [RANK_BITS-1:0] enq_rank,
    input  logic [FLOW_BITS-1:0] enq_flow,
    input  logic [META_BITS-1:0] enq_meta,
    output logic                 enq_ready,
    input  logic                 deq_valid,
    input  logic [PIFO_BITS-1:0] deq_pifo,
    output logic                 deq_ready,
    output logic                 out_valid,
    output logic [PIFO_BITS-1:0] out_pifo,
    output logic [RANK_BITS-1:0] out_rank,
    output logic [FLOW_BITS-1:0] out_flow,
    output logic [META_BITS-1:0] out_meta,
    output logic                 head_valid,
    output logic [PIFO_BITS-1:0] head_pifo,
    output logic [RANK_BITS-1:0] head_rank,
    // Elements inside: taken, and not yet on `out`.
    output logic                 empty,
    output logic [$clog2(ELEMENTS+FLOWS+3)-1:0] occupancy,
    output logic                 overflow
);
  localparam int COUNT_BITS = $clog2(ELEMENTS + FLOWS + 3);
  localparam logic [COUNT_BITS-1:0] ONE = COUNT_BITS'(1);
  logic enters;
  logic bypass, read_valid;
  logic [FLOW_BITS-1:0] read_flow, look_flow;
  logic [RANK_BITS-1:0] read_rank;
  logic [META_BITS-1:0] read_meta;
  logic [PIFO_BITS-1:0] read_pifo;
  logic [2:0] recent_valid;
  logic [PIFO_BITS-1:0] recent0, recent1, recent2;
  logic pop;

  assign deq_ready = !((recent_valid[0] && recent0 == deq_pifo) ||
                       (recent_valid[1] && recent1 == deq_pifo) ||
                       (recent_valid[2] && recent2 == deq_pifo));
  assign pop = deq_valid && deq_ready;

  // An element may be in each place of the store and of the array, and in three
  // registers between them.
  assign enters = enq_valid && enq_ready;
  assign empty = occupancy == '0;
  always_ff @(posedge clk) begin
    if (rst) occupancy <= '0;
    else if (enters && !out_valid) occupancy <= occupancy + ONE;
    else if (!enters && out_valid) occupancy <= occupancy - ONE;
  end

  always_ff @(posedge clk) begin
    read_pifo <= out_pifo;
    recent0 <= deq_pifo;
    recent1 <= recent0;
    recent2 <= recent1;
    recent_valid <= rst ? 3'b000 : {recent_valid[1:0], pop};
  end

  nm_pifo_rank_store #(
      .ELEMENTS(ELEMENTS),
      .FLOWS(FLOWS),
      .RANK_BITS(RANK_BITS),
      .FLOW_BITS(FLOW_BITS),
      .META_BITS(META_BITS)
  ) store (
      .clk(clk),
      .rst(rst),
      .enq_valid(enq_valid),
      .enq_flow(enq_flow),
      .enq_rank(enq_rank),
      .enq_meta(enq_meta),
      .enq_ready(enq_ready),
      .enq_bypass(bypass),
      .look_flow(look_flow),
      .popped_valid(out_valid),
      .popped_flow(out_flow),
      .read_valid(read_valid),
      .read_flow(read_flow),
      .read_rank(read_rank),
      .read_meta(read_meta)
  );

  nm_pifo_flow_scheduler #(
      .FLOWS(FLOWS),
      .PIFO_BITS(PIFO_BITS),
      .RANK_BITS(RANK_BITS),
      .FLOW_BITS(FLOW_BITS),
      .META_BITS(META_BITS),
      .ORDER(ORDER)
  ) scheduler (
      .clk(clk),
      .rst(rst),
      .pop_valid(pop),
      .pop_pifo(deq_pifo),
      .push1_valid(enq_valid && bypass),
      .push1_pifo(enq_pifo),
      .push1_rank(enq_rank),
      .push1_flow(enq_flow),
      .push1_meta(enq_meta),
      .push2_valid(read_valid),
      .push2_pifo(read_pifo),
      .push2_rank(read_rank),
      .push2_flow(read_flow),
      .push2_meta(read_meta),
      .look_flow(look_flow),
      .out_valid(out_valid),
      .out_pifo(out_pifo),
      .out_rank(out_rank),
      .out_flow(out_flow),
      .out_meta(out_meta),
      .head_valid(head_valid),
      .head_pifo(head_pifo),
      .head_rank(head_rank),
      .overflow(overflow)
  );
endmodule
