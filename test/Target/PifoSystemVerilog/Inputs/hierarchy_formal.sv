// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a hierarchy owes, for scripts/pifo-formal: a root and two leaves, each of
// two places, so that two packets are inside at most. Both are known, and each
// carries the number of the slot in which it is noted here; what comes, when, with
// which ranks, and what is asked for, are free.
module hierarchy_formal #(
    parameter int SETTLED = 8,  // cycles after which a packet is in the root
    parameter int ANSWER = 10  // cycles from a request to its packet, at most
) (
    input logic clk,
    input logic enq_valid,
    input logic enq_leaf,
    input logic [1:0] enq_ranks,  // {root, leaf}
    input logic deq_valid
);
  localparam int AGE_BITS = 4;
  localparam logic [AGE_BITS-1:0] OLD = AGE_BITS'(SETTLED);
  localparam logic [AGE_BITS-1:0] LATE = AGE_BITS'(ANSWER);

  // The leaves are told that they lie in the root while all else is reset.
  logic [1:0] starts = 2'd2;
  logic rst;
  assign rst = starts != 2'd0;
  always_ff @(posedge clk) if (rst) starts <= starts - 2'd1;

  logic enq_ready, deq_ready, out_valid, out_meta, empty, slot;
  logic [1:0] out_queue, occupancy, held;
  nm_pifo_hierarchy #(
      .DEPTH(2),
      .QUEUES(3),
      .WAYS(2),
      .LEVELS(1),
      .RANK_BITS(1),
      .META_BITS(1)
  ) hierarchy (
      .clk(clk),
      .rst(rst),
      .set_valid(rst),
      .set_queue(starts),
      .set_parent(2'd0),
      .enq_valid(enq_valid && !rst),
      .enq_queue(enq_leaf ? 2'd2 : 2'd1),
      .enq_ranks(enq_ranks),
      .enq_meta(slot),
      .enq_ready(enq_ready),
      .deq_valid(deq_valid && !rst),
      .deq_ready(deq_ready),
      .out_valid(out_valid),
      .out_queue(out_queue),
      .out_meta(out_meta),
      .step_valid(),
      .step_queue(),
      .step_rank(),
      .step_packet(),
      .step_meta(),
      .empty(empty),
      .occupancy(occupancy)
  );

  // Of each packet: its leaf and ranks, for how long it has been inside, and
  // whether it was in the root when the packet that leaves next was asked for.
  logic comes, asks, asked;
  logic [1:0] leaf, leaf_rank, root_rank, stays, was_there, earlier, there;
  logic [AGE_BITS-1:0] age0, age1, waits, refused;
  assign comes = enq_valid && enq_ready && !rst;
  assign asks = deq_valid && deq_ready && !rst;
  assign stays = held & ~(out_valid ? 2'd1 << out_meta : 2'd0);
  assign slot = stays[0];
  assign there = {held[1] && age1 >= OLD, held[0] && age0 >= OLD};

  // Of the packet that leaves, and the other one: who has to leave first. Within a
  // leaf its ranks say so, else those of the root.
  logic other, beats, counts;
  assign other = !out_meta;
  assign beats = leaf[0] == leaf[1] ? leaf_rank[other] < leaf_rank[out_meta]
                                    : root_rank[other] < root_rank[out_meta];
  // A request may be taken in the cycle before the packet of the last one leaves.
  assign counts = asked ? earlier[other] : was_there[other];

  logic [1:0] open;  // requests without their packet
  always_ff @(posedge clk) begin
    asked <= asks;
    if (asks) begin
      earlier <= was_there;
      was_there <= there & stays;
    end else if (out_valid) was_there <= was_there & stays;
    age0 <= comes && !slot ? '0 : age0 == '1 ? '1 : age0 + AGE_BITS'(1);
    age1 <= comes && slot ? '0 : age1 == '1 ? '1 : age1 + AGE_BITS'(1);
    waits <= open == 2'd0 || out_valid ? '0 : waits + AGE_BITS'(1);
    refused <= enq_valid && !enq_ready && stays != '1 ? refused + AGE_BITS'(1) : '0;
    open <= open + {1'b0, asks} - {1'b0, out_valid};
    held <= stays | (comes ? 2'd1 << slot : 2'd0);
    if (comes) begin
      leaf[slot] <= enq_leaf;
      leaf_rank[slot] <= enq_ranks[0];
      root_rank[slot] <= enq_ranks[1];
    end
    if (rst) {asked, held, open, waits, refused, was_there, earlier} <= '0;
  end

  always_comb begin
    // Which of two references to a leaf goes with which of its packets, nobody
    // says: they have one rank.
    if (comes && stays[!slot] && leaf[!slot] == enq_leaf) assume (enq_ranks[1] == root_rank[!slot]);
    if (!rst) begin
`ifdef COVER
      assert (!(stays == '1 && enq_valid));
      assert (!(out_valid && out_meta && held[0] && leaf == 2'd2));
      assert (!(out_valid && counts && leaf[0] == leaf[1] && leaf_rank[0] != leaf_rank[1]));
`else
      assert (empty == (occupancy == '0));
      assert (occupancy == {1'b0, stays[0]} + {1'b0, stays[1]});
      // Only a full hierarchy refuses for more than the time of a walk.
      if (stays == '1) assert (!enq_ready);
      assert (refused < LATE);
      // One that did not come, or comes twice, is not held; with what it came with.
      if (out_valid) assert (held[out_meta] && out_queue == (leaf[out_meta] ? 2'd2 : 2'd1));
      // None is lost: one that is in the root can be asked for, and a request is
      // answered.
      if (open == '0 && there != '0) assert (deq_ready);
      assert (waits < LATE);
      if (out_valid) assert (open != '0);
      // One that was there when it was asked for leaves before those behind it.
      if (out_valid && held[other] && counts) assert (!beats);
`endif
    end
  end
endmodule
