// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a PIFO block owes, for scripts/pifo-formal. Of all elements ever sent two
// are marked, each once: their metadata is A and B, that of all others is 0. The
// block never looks at metadata, so that what holds of A and B holds of any two.
// The block asks that a flow lies in one logical PIFO and that ranks do not fall
// within a flow; everything else is free.
//
// With COVER the assertions say that what the properties are about never happens,
// and each must be refuted. So it is in all of these files.
module block_formal #(
    parameter int FLOWS = 2,
    parameter int ELEMENTS = 2,
    parameter int FLOW_BITS = 1,
    parameter int RANK_BITS = 1
) (
    input logic clk,
    input logic enq_valid,
    input logic [RANK_BITS-1:0] enq_rank,
    input logic [FLOW_BITS-1:0] enq_flow,
    input logic [1:0] enq_meta,
    input logic deq_valid,
    input logic deq_pifo,
    input logic [FLOWS-1:0] any_home
);
  localparam logic [1:0] A = 2'd1, B = 2'd2;
  localparam int COUNT_BITS = $clog2(ELEMENTS + FLOWS + 3);

  logic rst = 1'b1;
  always_ff @(posedge clk) rst <= 1'b0;

  // The logical PIFO of each flow: any, but for ever.
  logic [FLOWS-1:0] home;
  always_ff @(posedge clk) if (rst) home <= any_home;

  logic enq_ready, deq_ready, out_valid, out_pifo, empty, overflow;
  logic [RANK_BITS-1:0] out_rank;
  logic [FLOW_BITS-1:0] out_flow;
  logic [1:0] out_meta;
  logic [COUNT_BITS-1:0] occupancy;
  nm_pifo_block #(
      .ELEMENTS(ELEMENTS),
      .FLOWS(FLOWS),
      .PIFO_BITS(1),
      .RANK_BITS(RANK_BITS),
      .FLOW_BITS(FLOW_BITS),
      .META_BITS(2)
  ) block (
      .clk(clk),
      .rst(rst),
      .enq_valid(enq_valid),
      .enq_pifo(home[enq_flow]),
      .enq_rank(enq_rank),
      .enq_flow(enq_flow),
      .enq_meta(enq_meta),
      .enq_ready(enq_ready),
      .deq_valid(deq_valid),
      .deq_pifo(deq_pifo),
      .deq_ready(deq_ready),
      .out_valid(out_valid),
      .out_pifo(out_pifo),
      .out_rank(out_rank),
      .out_flow(out_flow),
      .out_meta(out_meta),
      .head_valid(),
      .head_pifo(),
      .head_rank(),
      .empty(empty),
      .occupancy(occupancy),
      .overflow(overflow)
  );

  logic enters, enters_a, enters_b, leaves_a, leaves_b;
  assign enters = enq_valid && enq_ready && !rst;
  assign enters_a = enters && enq_meta == A;
  assign enters_b = enters && enq_meta == B;
  assign leaves_a = out_valid && out_meta == A;
  assign leaves_b = out_valid && out_meta == B;

  // Of each flow the rank that came last, and how many are inside; an element
  // that leaves in this cycle is inside no more.
  logic [RANK_BITS-1:0] latest[0:FLOWS-1];
  logic [COUNT_BITS-1:0] inside[0:FLOWS-1];
  logic [COUNT_BITS-1:0] total;
  logic alone;
  assign alone = inside[enq_flow] == {{(COUNT_BITS - 1) {1'b0}}, out_valid && out_flow == enq_flow};

  logic came_a, came_b, left_a, left_b, a_first, a_heads;
  logic [RANK_BITS-1:0] rank_a, rank_b;
  logic [FLOW_BITS-1:0] flow_a, flow_b;
  // The pops of the two cycles before, and whether A had come before them.
  logic pop1, pop2, pifo1, pifo2, old1, old2;

  always_ff @(posedge clk) begin
    if (rst) begin
      for (int k = 0; k < FLOWS; k = k + 1) begin
        latest[k] <= '0;
        inside[k] <= '0;
      end
      total <= '0;
      {came_a, came_b, left_a, left_b, a_first, a_heads} <= '0;
      {rank_a, rank_b, flow_a, flow_b} <= '0;
      {pop1, pop2, pifo1, pifo2, old1, old2} <= '0;
    end else begin
      for (int k = 0; k < FLOWS; k = k + 1) begin
        if (enters && enq_flow == k) latest[k] <= enq_rank;
        inside[k] <= inside[k] + {{(COUNT_BITS - 1) {1'b0}}, enters && enq_flow == k}
            - {{(COUNT_BITS - 1) {1'b0}}, out_valid && out_flow == k};
      end
      total <= total + {{(COUNT_BITS - 1) {1'b0}}, enters} - {{(COUNT_BITS - 1) {1'b0}}, out_valid};
      if (enters_a) begin
        came_a <= 1'b1;
        rank_a <= enq_rank;
        flow_a <= enq_flow;
        a_first <= !came_b;
        a_heads <= alone;
      end
      if (enters_b) begin
        came_b <= 1'b1;
        rank_b <= enq_rank;
        flow_b <= enq_flow;
      end
      if (leaves_a) left_a <= 1'b1;
      if (leaves_b) left_b <= 1'b1;
      pop1 <= deq_valid && deq_ready;
      pifo1 <= deq_pifo;
      old1 <= came_a;
      pop2 <= pop1;
      pifo2 <= pifo1;
      old2 <= old1;
    end
  end

  logic overtakes;
  assign overtakes = leaves_b && came_a && !left_a && home[flow_a] == home[flow_b];

  always_comb begin
    if (enters) assume (enq_meta != 2'd3);
    if (enters) assume (enq_rank >= latest[enq_flow]);
    if (enters_a) assume (!came_a);
    if (enters_b) assume (!came_b);
    if (!rst) begin
`ifdef COVER
      assert (!(enq_valid && !enq_ready));
      assert (!(leaves_b && left_a && a_first && flow_a == flow_b));
      assert (!(leaves_b && came_a && !left_a && a_first && home[flow_a] == home[flow_b]));
      assert (!(left_a && left_b && empty));
`else
      assert (!overflow);
      assert (occupancy == total);
      assert (empty == (total == '0));
      // Nothing leaves that was not asked for, and nothing from elsewhere.
      if (out_valid) assert (pop2 && out_pifo == pifo2 && out_pifo == home[out_flow]);
      // None that did not come, none twice, each as it came.
      if (leaves_a) assert (came_a && !left_a && out_rank == rank_a && out_flow == flow_a);
      // None lost: while one is inside, each pop of its logical PIFO finds an
      // element. Were it lost, then once nothing else is inside a pop would fail.
      if (pop2 && old2 && !left_a && pifo2 == home[flow_a]) assert (out_valid);
      // Order: nothing of a larger rank leaves before one that was inside when
      // the pop came; nothing before its elder in the same flow; and of equal
      // ranks first the one that was the only one of its flow when it came.
      if (overtakes && old2) assert (rank_b <= rank_a);
      if (overtakes && a_first && flow_a == flow_b) assert (1'b0);
      if (overtakes && a_first && a_heads) assert (rank_b < rank_a);
`endif
    end
  end
endmodule
