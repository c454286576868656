// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A PIFO as a balanced multi-way tree in block RAM ("BMW Tree: Large-scale,
// High-throughput and Modular PIFO Implementation using Balanced Multi-Way
// Sorting Tree", SIGCOMM 2023): QUEUES logical queues of CAPACITY =
// WAYS * (WAYS^LEVELS - 1) / (WAYS - 1) elements each, which share one memory and
// one pipeline for each level. No place holds a rank above one below it, so that
// the smallest of a queue is in its root; a push goes to the sub-tree that has
// the fewest, so that there is room as long as the queue is not full.
//
// A push takes one cycle and a pop two, whatever the queues: a push and a pop
// every three cycles. A pop answers two cycles later. If both ask, they take
// turns. A request is served if its `ready` is high in the same cycle.
//
// Any of the elements of the smallest rank may leave first: ties are not FIFO. A
// user who needs them to be gives ranks a serial number in the low bits.
module nm_pifo_tree #(
    parameter int WAYS = 4,  // a power of two
    parameter int LEVELS = 6,
    parameter int QUEUES = 1,  // the only one has the number 0
    parameter int RANK_BITS = 16,
    parameter int META_BITS = 32,
    // Derived.
    parameter int QUEUE_BITS = QUEUES > 1 ? $clog2(QUEUES) : 1,
    parameter int CAPACITY = WAYS * ((WAYS ** LEVELS - 1) / (WAYS - 1)),
    parameter int COUNT_BITS = $clog2(CAPACITY * QUEUES + 1)
) (
    input  logic                  clk,
    input  logic                  rst,
    input  logic                  push_valid,
    input  logic [QUEUE_BITS-1:0] push_queue,
    input  logic [RANK_BITS-1:0]  push_rank,
    input  logic [META_BITS-1:0]  push_meta,
    output logic                  push_ready,
    input  logic                  pop_valid,
    input  logic [QUEUE_BITS-1:0] pop_queue,
    // Low if the queue is empty, too.
    output logic                  pop_ready,
    output logic                  out_valid,
    output logic [QUEUE_BITS-1:0] out_queue,
    output logic [RANK_BITS-1:0]  out_rank,
    output logic [META_BITS-1:0]  out_meta,
    // Elements in all queues: taken, and not yet asked for.
    output logic                  empty,
    output logic [COUNT_BITS-1:0] occupancy
);
  localparam int WAY_BITS = $clog2(WAYS);
  localparam int ELEMENT = RANK_BITS + META_BITS;
  localparam int NODE_BITS = QUEUE_BITS + LEVELS * WAY_BITS;
  localparam int FILL_BITS = $clog2(CAPACITY + 1);
  localparam logic [FILL_BITS-1:0] FULL = FILL_BITS'(CAPACITY);
  localparam logic [FILL_BITS-1:0] ONE = FILL_BITS'(1);

  // How many each queue has, whether or not the tree has moved them yet.
  logic [QUEUES*FILL_BITS-1:0] fills;
  logic [FILL_BITS-1:0] push_fill, pop_fill;
  logic popping, turn, can_push, can_pop, push, pop;
  assign push_fill = fills[push_queue*FILL_BITS+:FILL_BITS];
  assign pop_fill = fills[pop_queue*FILL_BITS+:FILL_BITS];
  assign can_push = !popping && push_fill != FULL;
  assign can_pop = !popping && pop_fill != '0;
  assign push_ready = can_push && !(pop_valid && can_pop && !turn);
  assign pop_ready = can_pop && !(push_valid && can_push && turn);
  assign push = push_valid && push_ready;
  assign pop = pop_valid && pop_ready;
  assign empty = occupancy == '0;
  always_ff @(posedge clk) begin
    if (rst) begin
      popping <= 1'b0;
      turn <= 1'b0;
      occupancy <= '0;
    end else begin
      popping <= pop;
      if (push || pop) turn <= pop;
      if (push) occupancy <= occupancy + COUNT_BITS'(1);
      else if (pop) occupancy <= occupancy - COUNT_BITS'(1);
    end
  end

  genvar i;
  generate
    for (i = 0; i < QUEUES; i = i + 1) begin : queue
      always_ff @(posedge clk) begin
        if (rst) fills[i*FILL_BITS+:FILL_BITS] <= '0;
        else if (push && push_queue == i) fills[i*FILL_BITS+:FILL_BITS] <= push_fill + ONE;
        else if (pop && pop_queue == i) fills[i*FILL_BITS+:FILL_BITS] <= pop_fill - ONE;
      end
    end
  endgenerate

  // Between the levels; what goes into level i is at place i. Nothing comes of
  // what the last level gives away.
  /* verilator lint_off UNUSEDSIGNAL */
  logic [LEVELS:0] valid  /*verilator split_var*/;
  logic [LEVELS:0] pops  /*verilator split_var*/;
  logic [LEVELS:0] fresh  /*verilator split_var*/;
  logic [(LEVELS+1)*NODE_BITS-1:0] node  /*verilator split_var*/;
  logic [(LEVELS+1)*ELEMENT-1:0] element  /*verilator split_var*/;
  logic [(LEVELS+1)*ELEMENT-1:0] least  /*verilator split_var*/;
  /* verilator lint_on UNUSEDSIGNAL */
  assign valid[0] = push || pop;
  assign pops[0] = pop;
  assign fresh[0] = push && push_fill == '0;
  assign node[NODE_BITS-1:0] = {
    {(NODE_BITS - QUEUE_BITS) {1'b0}}, QUEUES == 1 ? '0 : pop ? pop_queue : push_queue
  };
  assign element[ELEMENT-1:0] = {push_rank, push_meta};
  assign least[LEVELS*ELEMENT+:ELEMENT] = '0;

  generate
    for (i = 0; i < LEVELS; i = i + 1) begin : level
      localparam int BITS = QUEUES > 1 ? QUEUE_BITS + i * WAY_BITS : i > 0 ? i * WAY_BITS : 1;
      nm_pifo_tree_level #(
          .WAYS(WAYS),
          .LEVELS(LEVELS - i),
          .NODES(QUEUES > 1 ? QUEUES * WAYS ** i : i > 0 ? WAYS ** i : 2),
          .NODE_BITS(BITS),
          .RANK_BITS(RANK_BITS),
          .META_BITS(META_BITS)
      ) stage (
          .clk(clk),
          .rst(rst),
          .in_valid(valid[i]),
          .in_pop(pops[i]),
          .in_fresh(fresh[i]),
          .in_node(node[i*NODE_BITS+:BITS]),
          .in_element(element[i*ELEMENT+:ELEMENT]),
          .least(least[i*ELEMENT+:ELEMENT]),
          .out_valid(valid[i+1]),
          .out_pop(pops[i+1]),
          .out_fresh(fresh[i+1]),
          .out_node(node[(i+1)*NODE_BITS+:BITS+WAY_BITS]),
          .out_element(element[(i+1)*ELEMENT+:ELEMENT]),
          .out_least(least[(i+1)*ELEMENT+:ELEMENT])
      );
    end
  endgenerate

  logic popped;
  logic [QUEUE_BITS-1:0] popped_queue;
  always_ff @(posedge clk) begin
    popped <= pop && !rst;
    popped_queue <= pop_queue;
    out_valid <= popped && !rst;
    out_queue <= popped_queue;
    {out_rank, out_meta} <= least[ELEMENT-1:0];
  end
endmodule
