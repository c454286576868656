// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the flow scheduler of a PIFO block owes, for scripts/pifo-formal: one pop
// and two pushes in every cycle, as many elements as it has entries. Two elements
// are marked, each once, as in block_formal.sv.
module scheduler_formal #(
    parameter int FLOWS = 3,
    parameter int RANK_BITS = 1
) (
    input logic clk,
    input logic pop_valid,
    input logic pop_pifo,
    input logic push1_valid,
    input logic push1_pifo,
    input logic [RANK_BITS-1:0] push1_rank,
    input logic [1:0] push1_meta,
    input logic push2_valid,
    input logic push2_pifo,
    input logic [RANK_BITS-1:0] push2_rank,
    input logic [1:0] push2_meta
);
  localparam logic [1:0] A = 2'd1, B = 2'd2;
  localparam int COUNT_BITS = $clog2(FLOWS + 3);

  logic rst = 1'b1;
  always_ff @(posedge clk) rst <= 1'b0;

  logic out_valid, out_pifo, overflow;
  logic [RANK_BITS-1:0] out_rank;
  logic [1:0] out_meta;
  nm_pifo_flow_scheduler #(
      .FLOWS(FLOWS),
      .PIFO_BITS(1),
      .RANK_BITS(RANK_BITS),
      .FLOW_BITS(1),
      .META_BITS(2)
  ) scheduler (
      .clk(clk),
      .rst(rst),
      .pop_valid(pop_valid),
      .pop_pifo(pop_pifo),
      .push1_valid(push1_valid),
      .push1_pifo(push1_pifo),
      .push1_rank(push1_rank),
      .push1_flow(1'b0),
      .push1_meta(push1_meta),
      .push2_valid(push2_valid),
      .push2_pifo(push2_pifo),
      .push2_rank(push2_rank),
      .push2_flow(1'b0),
      .push2_meta(push2_meta),
      .look_flow(),
      .out_valid(out_valid),
      .out_pifo(out_pifo),
      .out_rank(out_rank),
      .out_flow(),
      .out_meta(out_meta),
      .head_valid(),
      .head_pifo(),
      .head_rank(),
      .overflow(overflow)
  );

  logic enters1, enters2, enters_a, enters_b, leaves_a, leaves_b;
  assign enters1 = push1_valid && !rst;
  assign enters2 = push2_valid && !rst;
  assign enters_a = (enters1 && push1_meta == A) || (enters2 && push2_meta == A);
  assign enters_b = (enters1 && push1_meta == B) || (enters2 && push2_meta == B);
  assign leaves_a = out_valid && out_meta == A;
  assign leaves_b = out_valid && out_meta == B;

  logic [COUNT_BITS-1:0] inside, arriving;
  assign arriving = {{(COUNT_BITS - 1) {1'b0}}, enters1} + {{(COUNT_BITS - 1) {1'b0}}, enters2};
  logic came_a, came_b, left_a, left_b, a_first, pifo_a, pifo_b;
  logic [RANK_BITS-1:0] rank_a, rank_b;
  logic pop1, pop2, pifo1, pifo2, old_a1, old_a2;

  always_ff @(posedge clk) begin
    if (rst) begin
      inside <= '0;
      {came_a, came_b, left_a, left_b, a_first, pifo_a, pifo_b, rank_a, rank_b} <= '0;
      {pop1, pop2, pifo1, pifo2, old_a1, old_a2} <= '0;
    end else begin
      inside <= inside + arriving - {{(COUNT_BITS - 1) {1'b0}}, out_valid};
      if (enters_a) begin
        came_a <= 1'b1;
        // Push 1 acts before push 2.
        a_first <= !came_b && !(enters1 && push1_meta == B);
        {pifo_a, rank_a} <= enters1 && push1_meta == A ? {push1_pifo, push1_rank} : {push2_pifo, push2_rank};
      end
      if (enters_b) begin
        came_b <= 1'b1;
        {pifo_b, rank_b} <= enters1 && push1_meta == B ? {push1_pifo, push1_rank} : {push2_pifo, push2_rank};
      end
      if (leaves_a) left_a <= 1'b1;
      if (leaves_b) left_b <= 1'b1;
      pop1 <= pop_valid;
      pifo1 <= pop_pifo;
      old_a1 <= came_a;
      pop2 <= pop1;
      pifo2 <= pifo1;
      old_a2 <= old_a1;
    end
  end

  logic overtakes;
  assign overtakes = leaves_b && came_a && !left_a && pifo_a == pifo_b;

  always_comb begin
    if (enters1) assume (push1_meta != 2'd3);
    if (enters2) assume (push2_meta != 2'd3);
    if (enters_a) assume (!came_a);
    if (enters_b) assume (!came_b);
    if (enters1 && enters2) assume (push1_meta == 2'd0 || push1_meta != push2_meta);
    // An element that a pop found has left its entry, and shows on `out` now.
    assume (inside - {{(COUNT_BITS - 1) {1'b0}}, out_valid} + arriving <= FLOWS);
    if (!rst) begin
`ifdef COVER
      assert (!(leaves_b && came_a && !left_a && a_first && pifo_a == pifo_b));
      assert (!(leaves_b && left_a && a_first && rank_a == rank_b && pifo_a == pifo_b));
      assert (!(inside == FLOWS && leaves_a));
`else
      assert (!overflow);
      if (out_valid) assert (pop2 && out_pifo == pifo2);
      if (leaves_a) assert (came_a && !left_a && out_rank == rank_a && out_pifo == pifo_a);
      if (pop2 && old_a2 && !left_a && pifo2 == pifo_a) assert (out_valid);
      if (overtakes && old_a2) assert (rank_b <= rank_a);
      if (overtakes && a_first) assert (rank_b < rank_a);
`endif
    end
  end
endmodule
