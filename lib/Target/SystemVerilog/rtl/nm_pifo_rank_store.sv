// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rank store of a PIFO block: the elements behind the head of every flow, in
// arrival order, as linked lists in SRAM ("Programmable Packet Scheduling at
// Line Rate", section 5.2). One append and one removal a cycle.
//
// All tables but two bits for each flow are memories with one write port and
// one registered read port, which synthesis maps to block RAM. A read gives what
// was there before the cycle's write; what was written in the cycle of a read or
// is still on its way is passed by in registers.
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
    // The flow of `popped_flow` of the next cycle, if there is a pop.
    input  logic [FLOW_BITS-1:0] look_flow,
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
  localparam logic [COUNT_BITS-1:0] MOST = COUNT_BITS'(ELEMENTS);
  localparam logic [COUNT_BITS-1:0] ONE = COUNT_BITS'(1);
  localparam logic [ADDR_BITS-1:0] LAST = ADDR_BITS'(ELEMENTS - 1);
  localparam logic [ADDR_BITS-1:0] STEP = ADDR_BITS'(1);

  logic [RANK_BITS+META_BITS-1:0] mem[0:ELEMENTS-1];
  logic [ADDR_BITS-1:0] next[0:ELEMENTS-1];
  logic [ADDR_BITS-1:0] free_list[0:ELEMENTS-1];
  // {mark, address} of the first element of a flow's list, as a removal or as an
  // append to an empty list left it. Who writes makes the marks equal (removal)
  // or different (append), so that they say which was last.
  logic [ADDR_BITS:0] head_removed[0:FLOWS-1];
  logic [ADDR_BITS:0] head_appended[0:FLOWS-1];
  logic removed_mark[0:FLOWS-1];  // a copy of the mark of head_removed
  logic [ADDR_BITS-1:0] tail[0:FLOWS-1];
  logic [FLOWS-1:0] active;  // its head is in the flow scheduler or on the way
  logic [FLOWS-1:0] stored;  // its list is not empty

  // What the reads of the cycle before found.
  logic [ADDR_BITS:0] head_removed_q, head_appended_q;
  logic [ADDR_BITS-1:0] tail_popped_q;
  logic removed_mark_q;
  logic [ADDR_BITS-1:0] tail_enq_q, next_read_q, free_read_q;
  logic [ADDR_BITS-1:0] last_address;  // of the append before
  logic tail_passes;

  // Removal.
  logic removes, last, leaves, moves;
  logic [ADDR_BITS-1:0] first, tail_popped;
  logic [ADDR_BITS:0] head_now;
  // An append to an empty list is written one cycle later, when the other mark
  // is known: what was appended in the last cycle, and in the one before.
  logic begins, head_passes, head_passed;
  logic [FLOW_BITS-1:0] begins_flow;
  logic [ADDR_BITS:0] begun, head_written;
  assign begun = {!removed_mark_q, last_address};
  assign head_now = head_passes ? begun : head_passed ? head_written : head_appended_q;
  assign first = head_now[ADDR_BITS] != head_removed_q[ADDR_BITS]
      ? head_now[ADDR_BITS-1:0] : head_removed_q[ADDR_BITS-1:0];
  assign tail_popped = tail_passes ? last_address : tail_popped_q;
  assign removes = popped_valid && stored[popped_flow];
  assign last = first == tail_popped;
  assign leaves = popped_valid && !stored[popped_flow];

  // Append. Addresses never used begin at `fresh`; those given back are a queue
  // in free_list, whose first entry has been read ahead.
  logic idle, append, appends_to_empty, reuses, same;
  logic [COUNT_BITS-1:0] fresh, freed;
  logic [ADDR_BITS-1:0] address, free_first, free_written, oldest, oldest_next, newest;
  logic free_passes;
  assign same = popped_flow == enq_flow;
  assign idle = !active[enq_flow] || (leaves && same);
  assign enq_ready = idle || freed != '0 || fresh != MOST;
  assign enq_bypass = idle;
  assign append = enq_valid && enq_ready && !idle;
  assign appends_to_empty = !stored[enq_flow] || (removes && last && same);
  assign reuses = append && freed != '0;
  assign free_first = free_passes ? free_written : free_read_q;
  assign address = freed != '0 ? free_first : fresh[ADDR_BITS-1:0];
  assign oldest_next = !reuses ? oldest : oldest == LAST ? '0 : oldest + STEP;

  // The pointer to an appended element is written one cycle later, when its
  // predecessor is known.
  logic link, next_passes, moved_mark;
  logic [ADDR_BITS-1:0] next_written, next_now;
  assign next_now = next_passes ? next_written : next_read_q;

  always_ff @(posedge clk) begin
    read_flow <= popped_flow;
    last_address <= address;
    tail_passes <= append && enq_flow == look_flow;
    begins_flow <= enq_flow;
    head_passes <= append && appends_to_empty && enq_flow == look_flow;
    head_passed <= begins && begins_flow == look_flow;
    head_written <= begun;
    moved_mark <= head_now[ADDR_BITS];
    next_passes <= link && tail_enq_q == first;
    next_written <= last_address;
    free_passes <= removes && newest == oldest_next;
    free_written <= first;
    if (rst) begin
      fresh <= '0;
      freed <= '0;
      oldest <= '0;
      newest <= '0;
      read_valid <= 1'b0;
      moves <= 1'b0;
      link <= 1'b0;
      begins <= 1'b0;
    end else begin
      read_valid <= removes;
      moves <= removes && !last;
      link <= append && !appends_to_empty;
      begins <= append && appends_to_empty;
      oldest <= oldest_next;
      if (removes) newest <= newest == LAST ? '0 : newest + STEP;
      if (append && !reuses) fresh <= fresh + ONE;
      if (removes && !reuses) freed <= freed + ONE;
      else if (!removes && reuses) freed <= freed - ONE;
    end
  end

  // The bits of the flows, each chosen by a row and a column.
  localparam int LOW = (FLOW_BITS + 1) / 2;
  localparam int COLUMNS = 2 ** LOW;
  localparam int ROWS = 2 ** (FLOW_BITS - LOW);
  logic [COLUMNS-1:0] enq_column, popped_column;
  logic [ROWS-1:0] enq_row, popped_row;
  assign enq_column = {{(COLUMNS - 1) {1'b0}}, 1'b1} << enq_flow[LOW-1:0];
  assign popped_column = {{(COLUMNS - 1) {1'b0}}, 1'b1} << popped_flow[LOW-1:0];
  genvar i;
  generate
    for (i = 0; i < ROWS; i = i + 1) begin : row
      assign enq_row[i] = (enq_flow >> LOW) == i;
      assign popped_row[i] = (popped_flow >> LOW) == i;
    end
    for (i = 0; i < FLOWS; i = i + 1) begin : flow
      logic enq, popped;
      assign enq = enq_row[i/COLUMNS] && enq_column[i%COLUMNS];
      assign popped = popped_row[i/COLUMNS] && popped_column[i%COLUMNS];
      always_ff @(posedge clk) begin
        if (rst) active[i] <= 1'b0;
        else if (enq && enq_valid && idle) active[i] <= 1'b1;
        else if (popped && leaves) active[i] <= 1'b0;
        if (rst) stored[i] <= 1'b0;
        else if (enq && append) stored[i] <= 1'b1;
        else if (popped && removes && last) stored[i] <= 1'b0;
      end
    end
  endgenerate

  // The memories.
  always_ff @(posedge clk) begin
    if (append) mem[address] <= {enq_rank, enq_meta};
    {read_rank, read_meta} <= mem[first];
  end
  always_ff @(posedge clk) begin
    if (link) next[tail_enq_q] <= last_address;
    next_read_q <= next[first];
  end
  always_ff @(posedge clk) begin
    if (removes) free_list[newest] <= first;
    free_read_q <= free_list[oldest_next];
  end
  always_ff @(posedge clk) begin
    if (moves) head_removed[read_flow] <= {moved_mark, next_now};
    head_removed_q <= head_removed[look_flow];
  end
  always_ff @(posedge clk) begin
    if (moves) removed_mark[read_flow] <= moved_mark;
    removed_mark_q <= removed_mark[enq_flow];
  end
  always_ff @(posedge clk) begin
    if (begins) head_appended[begins_flow] <= begun;
    head_appended_q <= head_appended[look_flow];
  end
  always_ff @(posedge clk) begin
    if (append) tail[enq_flow] <= address;
    tail_popped_q <= tail[look_flow];
    tail_enq_q <= tail[enq_flow];
  end

  // Any marks will do, but simulators know unknown ones.
  initial begin
    for (int k = 0; k < FLOWS; k = k + 1) begin
      head_removed[k] = '0;
      head_appended[k] = '0;
      removed_mark[k] = 1'b0;
    end
  end
endmodule
