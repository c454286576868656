// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Flow scheduler of a PIFO block: the heads of all flows in flip-flops, sorted
// ("Programmable Packet Scheduling at Line Rate", section 5.2). One pop and two
// pushes a cycle, each a pipeline of two stages. Stage 1 compares the request
// with every entry; the outcome travels with the entry, so that stage 2, which
// shifts, needs no comparison although the requests of the cycle before were
// shifting the array meanwhile. Requests of one cycle act in the order pop,
// push 1, push 2; equal ranks keep the order of their pushes.
module nm_pifo_flow_scheduler #(
    parameter int FLOWS = 1024,
    parameter int PIFO_BITS = 8,
    parameter int RANK_BITS = 16,
    parameter int FLOW_BITS = 10,
    parameter int META_BITS = 32,
    // 0: ranks are unsigned numbers; 1: serial numbers; 2: serial numbers,
    // sorted by logical PIFO first.
    parameter int ORDER = 0
) (
    input  logic                 clk,
    input  logic                 rst,
    input  logic                 pop_valid,
    input  logic [PIFO_BITS-1:0] pop_pifo,
    input  logic                 push1_valid,
    input  logic [PIFO_BITS-1:0] push1_pifo,
    input  logic [RANK_BITS-1:0] push1_rank,
    input  logic [FLOW_BITS-1:0] push1_flow,
    input  logic [META_BITS-1:0] push1_meta,
    input  logic                 push2_valid,
    input  logic [PIFO_BITS-1:0] push2_pifo,
    input  logic [RANK_BITS-1:0] push2_rank,
    input  logic [FLOW_BITS-1:0] push2_flow,
    input  logic [META_BITS-1:0] push2_meta,
    // What the pop of two cycles ago found; its flow one cycle earlier.
    output logic [FLOW_BITS-1:0] look_flow,
    output logic                 out_valid,
    output logic [PIFO_BITS-1:0] out_pifo,
    output logic [RANK_BITS-1:0] out_rank,
    output logic [FLOW_BITS-1:0] out_flow,
    output logic [META_BITS-1:0] out_meta,
    // The first entry.
    output logic                 head_valid,
    output logic [PIFO_BITS-1:0] head_pifo,
    output logic [RANK_BITS-1:0] head_rank,
    // A push found the array full; sticky.
    output logic                 overflow
);
  // An entry: {flow, meta, mask, valid, pifo, rank}. The mask is {belongs to the
  // popped logical PIFO, after push 1, after push 2}.
  localparam int PLACE = PIFO_BITS + RANK_BITS;
  localparam int KEY = 1 + PLACE;
  localparam int DATA = FLOW_BITS + META_BITS;
  localparam int ENTRY = DATA + 3 + KEY;
  localparam int TOP = FLOWS * ENTRY;
  // {flow, meta, mask, valid, pifo, rank}
  localparam logic [ENTRY-1:0] EMPTY = {{DATA{1'b0}}, 3'b011, {KEY{1'b0}}};

  function automatic logic sorts_after(input logic [KEY-1:0] a, input logic [PLACE-1:0] b);
    logic [RANK_BITS-1:0] behind;
    begin
      behind = b[RANK_BITS-1:0] - a[RANK_BITS-1:0];
      // An empty entry is after everything.
      if (!a[KEY-1]) sorts_after = 1'b1;
      else if (ORDER == 0) sorts_after = a[RANK_BITS-1:0] > b[RANK_BITS-1:0];
      else if (ORDER == 2 && a[RANK_BITS+:PIFO_BITS] != b[RANK_BITS+:PIFO_BITS])
        sorts_after = a[RANK_BITS+:PIFO_BITS] > b[RANK_BITS+:PIFO_BITS];
      else sorts_after = behind[RANK_BITS-1];
    end
  endfunction

  logic [TOP-1:0] entries;
  logic [KEY-1:0] key1, key2;
  logic [DATA-1:0] data1, data2;
  logic pop_q, after12;

  // Stage 1: the new requests against the entries as they leave stage 2, and
  // against the two that are about to enter.
  logic [KEY-1:0] in1, in2;
  logic [PLACE-1:0] place1, place2;
  assign in1 = {push1_valid, push1_pifo, push1_rank};
  assign in2 = {push2_valid, push2_pifo, push2_rank};
  assign place1 = in1[PLACE-1:0];
  assign place2 = in2[PLACE-1:0];

  function automatic logic [2:0] compare(input logic [KEY-1:0] entry,
                                         input logic [PIFO_BITS-1:0] pifo,
                                         input logic [PLACE-1:0] first,
                                         input logic [PLACE-1:0] second);
    compare = {
      entry[KEY-1] && entry[RANK_BITS+:PIFO_BITS] == pifo,
      sorts_after(entry, first),
      sorts_after(entry, second)
    };
  endfunction

  // Stage 2: three shifts, one after the other. Of each, the entries that match,
  // and the first of them with all behind it.
  logic [FLOWS-1:0] hits, past, first_hit, hits1, past1, hits2, past2;
  /* verilator lint_off UNUSEDSIGNAL */
  logic [TOP-1:0] popped, pushed1, pushed2;  // of the masks what is left to ask
  /* verilator lint_on UNUSEDSIGNAL */
  logic [TOP-1:0] compared;
  logic found, lost1, lost2, enters1, enters2;
  logic [PLACE-1:0] found_key;
  logic [DATA-1:0] found_data;
  logic [ENTRY-1:0] entry1, entry2;
  assign past = hits | -hits;
  assign first_hit = past & ~(past << 1);
  assign past1 = hits1 | -hits1;
  assign past2 = hits2 | -hits2;
  assign entry1 = {data1, 1'b0, 1'b0, after12, key1};
  assign entry2 = {data2, 3'b000, key2};
  assign enters1 = key1[KEY-1];
  assign enters2 = key2[KEY-1];
  assign found = past[FLOWS-1];
  assign look_flow = found_data[META_BITS+:FLOW_BITS];
  assign lost1 = enters1 && (!past1[FLOWS-1] || popped[(FLOWS-1)*ENTRY+KEY-1]);
  assign lost2 = enters2 && (!past2[FLOWS-1] || pushed1[(FLOWS-1)*ENTRY+KEY-1]);

  // Whole arrays are shifted and chosen from by wide masks, so that simulators
  // run few statements. `past` of an entry, as often as it has bits.
  logic [TOP-1:0] wide, wide1, wide2;
  assign popped = (wide & {EMPTY, entries[TOP-1:ENTRY]}) | (~wide & entries);
  assign pushed1 = (~wide1 & popped) | ((wide1 << ENTRY) & (popped << ENTRY))
      | (wide1 & ~(wide1 << ENTRY) & {FLOWS{entry1}});
  assign pushed2 = (~wide2 & pushed1) | ((wide2 << ENTRY) & (pushed1 << ENTRY))
      | (wide2 & ~(wide2 << ENTRY) & {FLOWS{entry2}});

  always_comb begin
    for (int k = 0; k < FLOWS; k = k + 1) hits[k] = pop_q && entries[k*ENTRY+KEY+2];
  end
  always_comb begin
    for (int k = 0; k < FLOWS; k = k + 1) wide[k*ENTRY+:ENTRY] = {ENTRY{past[k]}};
  end
  always_comb begin
    for (int k = 0; k < FLOWS; k = k + 1) hits1[k] = enters1 && popped[k*ENTRY+KEY+1];
  end
  always_comb begin
    for (int k = 0; k < FLOWS; k = k + 1) wide1[k*ENTRY+:ENTRY] = {ENTRY{past1[k]}};
  end
  always_comb begin
    for (int k = 0; k < FLOWS; k = k + 1) hits2[k] = enters2 && pushed1[k*ENTRY+KEY];
  end
  always_comb begin
    for (int k = 0; k < FLOWS; k = k + 1) wide2[k*ENTRY+:ENTRY] = {ENTRY{past2[k]}};
  end
  always_comb begin
    found_key = '0;
    found_data = '0;
    for (int k = 0; k < FLOWS; k = k + 1) begin
      found_key = found_key | (entries[k*ENTRY+:PLACE] & {PLACE{first_hit[k]}});
      found_data = found_data | (entries[k*ENTRY+KEY+3+:DATA] & {DATA{first_hit[k]}});
    end
  end
  always_comb begin
    for (int k = 0; k < FLOWS; k = k + 1)
      compared[k*ENTRY+:ENTRY] = {
        pushed2[k*ENTRY+KEY+3+:DATA],
        compare(pushed2[k*ENTRY+:KEY], pop_pifo, place1, place2),
        pushed2[k*ENTRY+:KEY]
      };
  end

  always_ff @(posedge clk) begin
    if (rst) begin
      entries <= {FLOWS{EMPTY}};
      key1 <= '0;
      key2 <= '0;
      data1 <= '0;
      data2 <= '0;
      pop_q <= 1'b0;
      after12 <= 1'b0;
      out_valid <= 1'b0;
      out_pifo <= '0;
      out_rank <= '0;
      out_flow <= '0;
      out_meta <= '0;
      overflow <= 1'b0;
    end else begin
      entries <= compared;
      key1 <= in1;
      key2 <= in2;
      data1 <= {push1_flow, push1_meta};
      data2 <= {push2_flow, push2_meta};
      pop_q <= pop_valid;
      after12 <= sorts_after(in1, place2);
      out_valid <= found;
      out_pifo <= found_key[RANK_BITS+:PIFO_BITS];
      out_rank <= found_key[RANK_BITS-1:0];
      out_flow <= found_data[META_BITS+:FLOW_BITS];
      out_meta <= found_data[META_BITS-1:0];
      overflow <= overflow | lost1 | lost2;
    end
  end

  assign head_valid = entries[KEY-1];
  assign head_pifo = entries[RANK_BITS+:PIFO_BITS];
  assign head_rank = entries[RANK_BITS-1:0];
endmodule
