// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A hierarchy of PIFOs whose queues share one nm_pifo_tree, as vPIFO ("vPIFO:
// Virtualized Packet Scheduler for Programmable Hierarchical Scheduling in
// High-Speed Networks", SIGCOMM 2024) has them: QUEUES instances in DEPTH
// levels. `set` says which queue each one is in, before packets come; queue 0 is
// the root.
//
// A packet goes into a leaf with a rank for the leaf, one for the queue around
// it, and so on to the root (`enq_ranks`, the leaf's in the lowest bits): one
// push for each level, the root last. A dequeue pops the root, then the queue
// that the popped element names, down to a packet. The two walks go on side by
// side: a queue never holds fewer elements than the one around it has references
// to it. Each level of both takes three cycles, so that DEPTH levels take
// 3 * DEPTH for a packet in and a packet out.
//
// A queue holds CAPACITY elements, and so many packets may be inside in all. Of
// equal ranks any may leave first.
module nm_pifo_hierarchy #(
    parameter int DEPTH = 6,  // levels of the hierarchy, at most
    parameter int QUEUES = 128,  // at least 2
    parameter int WAYS = 4,  // of each queue's tree, a power of two
    parameter int LEVELS = 4,  // of each queue's tree
    parameter int RANK_BITS = 16,
    parameter int META_BITS = 32,
    // Derived.
    parameter int QUEUE_BITS = $clog2(QUEUES),
    parameter int CAPACITY = WAYS * ((WAYS ** LEVELS - 1) / (WAYS - 1)),
    parameter int COUNT_BITS = $clog2(CAPACITY + 1),
    parameter int PAYLOAD = META_BITS > QUEUE_BITS ? META_BITS : QUEUE_BITS
) (
    input  logic                       clk,
    input  logic                       rst,
    input  logic                       set_valid,
    input  logic [     QUEUE_BITS-1:0] set_queue,
    input  logic [     QUEUE_BITS-1:0] set_parent,
    input  logic                       enq_valid,
    input  logic [     QUEUE_BITS-1:0] enq_queue,
    input  logic [DEPTH*RANK_BITS-1:0] enq_ranks,
    input  logic [      META_BITS-1:0] enq_meta,
    output logic                       enq_ready,
    input  logic                       deq_valid,
    // Low while no packet has come to the root.
    output logic                       deq_ready,
    output logic                       out_valid,
    output logic [     QUEUE_BITS-1:0] out_queue,
    output logic [      META_BITS-1:0] out_meta,
    // Every pop of a dequeue: from which queue, and the element.
    output logic                       step_valid,
    output logic [     QUEUE_BITS-1:0] step_queue,
    output logic [      RANK_BITS-1:0] step_rank,
    output logic                       step_packet,
    // Of a packet its own, else the number of the queue that is popped next.
    output logic [        PAYLOAD-1:0] step_meta,
    // Packets that were taken and have not left.
    output logic                       empty,
    output logic [     COUNT_BITS-1:0] occupancy
);
  localparam logic [COUNT_BITS-1:0] FULL = COUNT_BITS'(CAPACITY);
  localparam logic [COUNT_BITS-1:0] ONE = COUNT_BITS'(1);

  // Up: the queue that is next pushed into, and what.
  logic up_busy, up_packet, push, push_ready, up_last, load;
  logic [QUEUE_BITS-1:0] up_queue, up_child, parent, address;
  logic [DEPTH*RANK_BITS-1:0] up_ranks;
  logic [META_BITS-1:0] up_meta;
  logic [PAYLOAD-1:0] up_payload;
  assign push = up_busy && push_ready;
  assign up_last = push && up_queue == '0;
  assign enq_ready = (!up_busy || up_last) && occupancy != FULL;
  assign load = enq_valid && enq_ready;
  assign up_payload = up_packet ? PAYLOAD'(up_meta) : PAYLOAD'(up_child);

  // The queue around `up_queue`, whatever that becomes.
  logic [QUEUE_BITS-1:0] parents[0:QUEUES-1];
  assign address = load ? enq_queue : push ? parent : up_queue;
  always_ff @(posedge clk) begin
    if (set_valid) parents[set_queue] <= set_parent;
    parent <= parents[address];
  end

  always_ff @(posedge clk) begin
    if (rst) up_busy <= 1'b0;
    else if (load) up_busy <= 1'b1;
    else if (up_last) up_busy <= 1'b0;
    up_queue <= address;
    if (load) begin
      up_packet <= 1'b1;
      up_ranks <= enq_ranks;
      up_meta <= enq_meta;
    end else if (push) begin
      up_packet <= 1'b0;
      up_child <= up_queue;
      up_ranks <= up_ranks >> RANK_BITS;
    end
  end

  // Down: the queue that is popped next, or whose element is on its way.
  logic down_busy, down_asks, pop, pop_ready, down_last, request;
  logic [QUEUE_BITS-1:0] down_queue;
  logic [COUNT_BITS-1:0] rooted;
  assign pop = down_busy && down_asks && pop_ready;
  assign down_last = step_valid && step_packet;
  assign deq_ready = (!down_busy || down_last) && rooted != '0;
  assign request = deq_valid && deq_ready;
  always_ff @(posedge clk) begin
    if (rst) begin
      down_busy <= 1'b0;
      down_asks <= 1'b0;
      rooted <= '0;
      occupancy <= '0;
      out_valid <= 1'b0;
    end else begin
      if (request) down_busy <= 1'b1;
      else if (down_last) down_busy <= 1'b0;
      if (request || (step_valid && !step_packet)) down_asks <= 1'b1;
      else if (pop) down_asks <= 1'b0;
      // In the root, and not yet promised to a dequeue.
      if (up_last && !request) rooted <= rooted + ONE;
      else if (request && !up_last) rooted <= rooted - ONE;
      if (load && !down_last) occupancy <= occupancy + ONE;
      else if (down_last && !load) occupancy <= occupancy - ONE;
      out_valid <= down_last;
    end
    if (request) down_queue <= '0;
    else if (step_valid) down_queue <= step_meta[QUEUE_BITS-1:0];
    out_queue <= step_queue;
    out_meta <= step_meta[META_BITS-1:0];
  end
  assign empty = occupancy == '0;

  /* verilator lint_off PINCONNECTEMPTY */
  nm_pifo_tree #(
      .WAYS(WAYS),
      .LEVELS(LEVELS),
      .QUEUES(QUEUES),
      .RANK_BITS(RANK_BITS),
      .META_BITS(PAYLOAD + 1)
  ) queues (
      .clk(clk),
      .rst(rst),
      .push_valid(up_busy),
      .push_queue(up_queue),
      .push_rank(up_ranks[RANK_BITS-1:0]),
      .push_meta({up_packet, up_payload}),
      .push_ready(push_ready),
      .pop_valid(down_busy && down_asks),
      .pop_queue(down_queue),
      .pop_ready(pop_ready),
      .out_valid(step_valid),
      .out_queue(step_queue),
      .out_rank(step_rank),
      .out_meta({step_packet, step_meta}),
      .empty(),
      .occupancy()
  );
  /* verilator lint_on PINCONNECTEMPTY */
endmodule
