// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the rank store of a PIFO block owes, for scripts/pifo-formal: behind the
// head of every flow its elements in the order in which they came, as long as
// there is room. One element is marked, once, in its rank and its metadata; of
// others both are 0. The flow scheduler around it is any that gives away only
// heads that it has.
module store_formal #(
    parameter int FLOWS = 2,
    parameter int ELEMENTS = 2,
    parameter int FLOW_BITS = 1
) (
    input logic clk,
    input logic enq_valid,
    input logic [FLOW_BITS-1:0] enq_flow,
    input logic enq_meta,
    input logic pops,
    input logic [FLOW_BITS-1:0] look_flow
);
  localparam int COUNT_BITS = $clog2(ELEMENTS + 1);
  localparam logic [COUNT_BITS-1:0] ONE = 1;

  logic rst = 1'b1;
  always_ff @(posedge clk) rst <= 1'b0;

  logic enq_ready, enq_bypass, read_valid, read_rank, read_meta;
  logic popped_valid;
  logic [FLOW_BITS-1:0] popped_flow, read_flow;
  nm_pifo_rank_store #(
      .ELEMENTS(ELEMENTS),
      .FLOWS(FLOWS),
      .RANK_BITS(1),
      .FLOW_BITS(FLOW_BITS),
      .META_BITS(1)
  ) store (
      .clk(clk),
      .rst(rst),
      .enq_valid(enq_valid),
      .enq_flow(enq_flow),
      .enq_rank(enq_meta),
      .enq_meta(enq_meta),
      .enq_ready(enq_ready),
      .enq_bypass(enq_bypass),
      .look_flow(look_flow),
      .popped_valid(popped_valid),
      .popped_flow(popped_flow),
      .read_valid(read_valid),
      .read_flow(read_flow),
      .read_rank(read_rank),
      .read_meta(read_meta)
  );

  // Of each flow whether its head is in the scheduler or on the way, whether a pop
  // could find it (two cycles after it came), and how many wait behind it.
  logic [FLOWS-1:0] busy, heads;
  logic [COUNT_BITS-1:0] behind[0:FLOWS-1];
  logic [COUNT_BITS-1:0] total, ahead;
  logic came, gone, looks, removes, idle, stores, reads;
  logic comes1, comes2;
  logic [FLOW_BITS-1:0] flow, comes1_flow, comes2_flow;
  assign looks = pops && heads[look_flow];
  assign removes = popped_valid && behind[popped_flow] != '0;
  assign idle = !busy[enq_flow] || (popped_valid && !removes && popped_flow == enq_flow);
  assign stores = enq_valid && enq_ready && !enq_bypass;
  assign reads = removes && popped_flow == flow;

  always_ff @(posedge clk) begin
    popped_flow <= look_flow;
    comes1_flow <= enq_flow;
    comes2_flow <= read_flow;
    if (rst) begin
      for (int k = 0; k < FLOWS; k = k + 1) behind[k] <= '0;
      {busy, heads, popped_valid, comes1, comes2} <= '0;
      {total, ahead, came, gone, flow} <= '0;
    end else begin
      popped_valid <= looks;
      comes1 <= enq_valid && enq_bypass;
      comes2 <= read_valid;
      for (int k = 0; k < FLOWS; k = k + 1) begin
        heads[k] <= (heads[k] && !(looks && look_flow == k))
            || (comes1 && comes1_flow == k) || (comes2 && comes2_flow == k);
        if (enq_valid && idle && enq_flow == k) busy[k] <= 1'b1;
        else if (popped_valid && !removes && popped_flow == k) busy[k] <= 1'b0;
        behind[k] <= behind[k] + (stores && enq_flow == k ? ONE : '0)
            - (removes && popped_flow == k ? ONE : '0);
      end
      total <= total + (stores ? ONE : '0) - (removes ? ONE : '0);
      if (stores && enq_meta) begin
        came <= 1'b1;
        flow <= enq_flow;
        ahead <= behind[enq_flow] - (removes && popped_flow == enq_flow ? ONE : '0);
      end else if (came && !gone && reads) begin
        ahead <= ahead - ONE;
        if (ahead == '0) gone <= 1'b1;
      end
    end
  end

  // What must be read one cycle after a removal.
  logic reads_next, reads_marked;
  logic [FLOW_BITS-1:0] reads_flow;
  always_ff @(posedge clk) begin
    reads_next <= removes && !rst;
    reads_flow <= popped_flow;
    reads_marked <= came && !gone && reads && ahead == '0;
  end

  always_comb begin
    if (came && stores) assume (!enq_meta);
    if (!rst) begin
`ifdef COVER
      assert (!(reads_marked && total == ELEMENTS - 1));
      assert (!(enq_valid && !enq_ready));
      assert (!(read_valid && read_meta && enq_valid && enq_bypass));
`else
      assert (total <= ELEMENTS);
      if (came && !gone) assert (ahead < behind[flow]);
      assert (read_valid == reads_next);
      if (read_valid) assert (read_flow == reads_flow && read_meta == reads_marked);
      if (read_valid) assert (read_rank == read_meta);
      if (enq_valid) assert (enq_bypass == idle);
      if (enq_valid) assert (enq_ready == (enq_bypass || total != ELEMENTS));
`endif
    end
  end
endmodule
