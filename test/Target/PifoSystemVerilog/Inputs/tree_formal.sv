// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a tree block owes, for scripts/pifo-formal: two elements are marked, each
// once, as in block_formal.sv; everything is free.
module tree_formal #(
    parameter int WAYS = 2,
    parameter int LEVELS = 2,
    parameter int RANK_BITS = 1
) (
    input logic clk,
    input logic push_valid,
    input logic [RANK_BITS-1:0] push_rank,
    input logic push_meta,
    input logic pop_valid
);
  localparam int CAPACITY = WAYS * ((WAYS ** LEVELS - 1) / (WAYS - 1));
  localparam int COUNT_BITS = $clog2(CAPACITY + 1);

  logic rst = 1'b1;
  always_ff @(posedge clk) rst <= 1'b0;

  logic push_ready, pop_ready, out_valid, out_meta, empty;
  logic [RANK_BITS-1:0] out_rank;
  logic [COUNT_BITS-1:0] occupancy;
  nm_pifo_tree #(
      .WAYS(WAYS),
      .LEVELS(LEVELS),
      .RANK_BITS(RANK_BITS),
      .META_BITS(1)
  ) tree (
      .clk(clk),
      .rst(rst),
      .push_valid(push_valid),
      .push_queue(1'b0),
      .push_rank(push_rank),
      .push_meta(push_meta),
      .push_ready(push_ready),
      .pop_valid(pop_valid),
      .pop_queue(1'b0),
      .pop_ready(pop_ready),
      .out_valid(out_valid),
      .out_queue(),
      .out_rank(out_rank),
      .out_meta(out_meta),
      .empty(empty),
      .occupancy(occupancy)
  );

  // One element is marked; the ranks of all are counted, so that what a pop must
  // give is known.
  logic pushes, pops, pop1, pop2, came, gone, marks, leaves;
  logic [RANK_BITS-1:0] rank, least;
  logic [COUNT_BITS-1:0] counts[0:2**RANK_BITS-1];
  logic [COUNT_BITS-1:0] total;
  assign pushes = push_valid && push_ready && !rst;
  assign pops = pop_valid && pop_ready && !rst;
  assign marks = pushes && push_meta;
  assign leaves = out_valid && out_meta;
  always_comb begin
    least = '1;
    for (int r = 2 ** RANK_BITS - 1; r >= 0; r = r - 1) if (counts[r] != '0) least = r[RANK_BITS-1:0];
  end
  always_ff @(posedge clk) begin
    pop1 <= pops;
    pop2 <= pop1 && !rst;
    if (rst) begin
      {pop1, pop2, came, gone, rank, total} <= '0;
      for (int r = 0; r < 2 ** RANK_BITS; r = r + 1) counts[r] <= '0;
    end else begin
      for (int r = 0; r < 2 ** RANK_BITS; r = r + 1)
        counts[r] <= counts[r] + {{(COUNT_BITS - 1) {1'b0}}, pushes && push_rank == r}
            - {{(COUNT_BITS - 1) {1'b0}}, pop2 && least == r};
      total <= total + {{(COUNT_BITS - 1) {1'b0}}, pushes} - {{(COUNT_BITS - 1) {1'b0}}, pops};
      if (marks) begin
        came <= 1'b1;
        rank <= push_rank;
      end
      if (leaves) gone <= 1'b1;
    end
  end

  always_comb begin
    if (came) assume (!marks);
    if (!rst) begin
`ifdef COVER
      assert (!(total == CAPACITY && push_valid));
      assert (!(gone && empty));
      assert (!(leaves && rank == '1));
`else
      assert (occupancy == total && empty == (total == '0));
      // One is refused only if there is no room, or for two cycles at most.
      if (pop1) assert (!push_ready && !pop_ready);
      if (push_valid && !push_ready) assert (total == CAPACITY || pop1 || pops);
      if (pop_valid && !pop_ready) assert (total == '0 || pop1 || pushes);
      assert (total <= CAPACITY);
      // Every pop gives an element of the smallest rank of those inside.
      assert (out_valid == pop2);
      if (out_valid) assert (out_rank == least);
      // None that did not come, none twice, with what it came with.
      if (leaves) assert (came && !gone && out_rank == rank);
      // None lost: when all are gone, so is the marked one.
      if (total == '0 && !pop1 && !pop2) assert (came == gone);
`endif
    end
  end
endmodule
