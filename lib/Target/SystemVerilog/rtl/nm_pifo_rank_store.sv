// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rank store of a PIFO block: the elements behind the head of every flow, in
// arrival order, as linked lists in SRAM ("Programmable Packet Scheduling at
// Line Rate", section 5.2). One append and one removal a cycle.
module nm_pifo_rank_store #(
    parameter int ELEMENTS = 65536,
    parameter int FLOWS = 1024,
    parameter int RANK_BITS = 16,
    parameter int FLOW_BITS = 10,
    parameter int META_BITS = 32
) (
    input  logic                 clk,
    input  logic                 rst,
    // An element arrives. If its flow has no head in the flow scheduler it
    // passes by: `bypass`. `ready` is low if there is no room for it.
    input  logic                 enq_valid,
    input  logic [FLOW_BITS-1:0] enq_flow,
    input  logic [RANK_BITS-1:0] enq_rank,
    input  logic [META_BITS-1:0] enq_meta,
    output logic                 enq_ready,
    output logic                 enq_bypass,
    // The flow scheduler gave away the head of a flow.
    input  logic                 popped_valid,
    input  logic [FLOW_BITS-1:0] popped_flow,
    // One cycle later: the flow's next element.
    output logic                 read_valid,
    output logic [FLOW_BITS-1:0] read_flow,
    output logic [RANK_BITS-1:0] read_rank,
    output logic [META_BITS-1:0] read_meta
);
  localparam int ADDR_BITS = $clog2(ELEMENTS);
  localparam int COUNT_BITS = $clog2(ELEMENTS + 1);
  typedef logic [ADDR_BITS-1:0] addr_t;
  typedef logic [COUNT_BITS-1:0] count_t;

  // SRAM: elements, next pointers, free list.
  logic [RANK_BITS+META_BITS-1:0] mem[ELEMENTS];
  addr_t next[ELEMENTS];
  addr_t free_list[ELEMENTS];
  // Per flow.
  addr_t head[FLOWS];
  addr_t tail[FLOWS];
  logic [FLOWS-1:0] active;  // its head is in the flow scheduler or on the way
  logic [FLOWS-1:0] stored;  // its list is not empty
  // Addresses never used begin at `fresh`; those given back lie in free_list.
  count_t fresh, freed;

  addr_t first, address, next_q;
  logic removes, last, leaves, idle, append, appends_to_empty;
  logic head_q;
  count_t top;

  assign first = head[popped_flow];
  assign removes = popped_valid && stored[popped_flow];
  assign last = first == tail[popped_flow];
  assign leaves = popped_valid && !stored[popped_flow];

  assign idle = !active[enq_flow] || (leaves && popped_flow == enq_flow);
  assign enq_ready = idle || freed != '0 || fresh != count_t'(ELEMENTS);
  assign enq_bypass = idle;
  assign append = enq_valid && enq_ready && !idle;
  assign appends_to_empty = !stored[enq_flow] || (removes && last && popped_flow == enq_flow);
  assign top = freed - count_t'(1);
  assign address = freed != '0 ? free_list[addr_t'(top)] : addr_t'(fresh);

  always_ff @(posedge clk) begin
    {read_rank, read_meta} <= mem[first];
    next_q <= next[first];
    read_flow <= popped_flow;
    if (rst) begin
      active <= '0;
      stored <= '0;
      fresh <= '0;
      freed <= '0;
      read_valid <= 1'b0;
      head_q <= 1'b0;
    end else begin
      read_valid <= removes;
      head_q <= removes && !last;
      if (leaves) active[popped_flow] <= 1'b0;
      if (enq_valid && idle) active[enq_flow] <= 1'b1;
      if (removes && last) stored[popped_flow] <= 1'b0;
      if (append) begin
        stored[enq_flow] <= 1'b1;
        if (freed == '0) fresh <= fresh + count_t'(1);
      end
      if (removes && !(append && freed != '0)) freed <= freed + count_t'(1);
      else if (!removes && append && freed != '0) freed <= top;
    end
  end

  // The memories, one write port each; head has two.
  always_ff @(posedge clk) begin
    if (append) mem[address] <= {enq_rank, enq_meta};
  end
  always_ff @(posedge clk) begin
    if (append && !appends_to_empty) next[tail[enq_flow]] <= address;
  end
  always_ff @(posedge clk) begin
    if (append) tail[enq_flow] <= address;
  end
  always_ff @(posedge clk) begin
    // The pointer read in the cycle before; its flow's list was not empty, so
    // the two writes never meet.
    if (head_q) head[read_flow] <= next_q;
    if (append && appends_to_empty) head[enq_flow] <= address;
  end
  always_ff @(posedge clk) begin
    if (removes) free_list[addr_t'(append && freed != '0 ? top : freed)] <= first;
  end
endmodule
