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
    // What the pop of two cycles ago found.
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
  localparam int KEY_BITS = 1 + PIFO_BITS + RANK_BITS;
  localparam int DATA_BITS = FLOW_BITS + META_BITS;
  typedef logic [KEY_BITS-1:0] key_t;  // {valid, pifo, rank}
  typedef logic [KEY_BITS-2:0] place_t;  // {pifo, rank}
  typedef logic [DATA_BITS-1:0] data_t;  // {flow, meta}
  // {belongs to the popped logical PIFO, after push 1, after push 2}
  typedef logic [2:0] mask_t;

  function automatic logic sorts_after(input key_t a, input place_t b);
    logic [RANK_BITS-1:0] behind;
    behind = b[RANK_BITS-1:0] - a[RANK_BITS-1:0];
    // An empty entry is after everything.
    if (!a[KEY_BITS-1]) return 1'b1;
    if (ORDER == 0) return a[RANK_BITS-1:0] > b[RANK_BITS-1:0];
    if (ORDER == 2 && a[RANK_BITS+:PIFO_BITS] != b[RANK_BITS+:PIFO_BITS])
      return a[RANK_BITS+:PIFO_BITS] > b[RANK_BITS+:PIFO_BITS];
    return behind >= {1'b1, {(RANK_BITS - 1) {1'b0}}};
  endfunction

  key_t  key  [FLOWS];
  data_t data [FLOWS];
  mask_t mask [FLOWS];
  key_t key1, key2;
  data_t data1, data2;
  logic pop_q, after12;

  // Stage 1: the new requests against the entries as they stand, and against
  // the two that are about to enter.
  key_t in1, in2;
  data_t in1_data, in2_data;
  assign in1 = {push1_valid, push1_pifo, push1_rank};
  assign in2 = {push2_valid, push2_pifo, push2_rank};
  assign in1_data = {push1_flow, push1_meta};
  assign in2_data = {push2_flow, push2_meta};

  function automatic mask_t compare(input key_t entry, input logic [PIFO_BITS-1:0] pifo,
                                    input place_t first, input place_t second);
    return {
      entry[KEY_BITS-1] && entry[RANK_BITS+:PIFO_BITS] == pifo,
      sorts_after(entry, first),
      sorts_after(entry, second)
    };
  endfunction

  // Stage 2: three shifts, one after the other.
  key_t  key_b  [FLOWS];
  data_t data_b [FLOWS];
  mask_t mask_b [FLOWS];
  mask_t next_b [FLOWS];
  key_t  key_c  [FLOWS];
  data_t data_c [FLOWS];
  mask_t next_c [FLOWS];
  logic  after_c[FLOWS];
  key_t  key_d  [FLOWS];
  data_t data_d [FLOWS];
  mask_t next_d [FLOWS];
  mask_t next1, next2;
  logic found, lost1, lost2;
  place_t found_key;
  data_t found_data;

  always_comb begin
    logic past;
    past = 1'b0;
    found_key = '0;
    found_data = '0;
    // Pop: everything behind the hit moves up.
    for (int i = 0; i < FLOWS; i++) begin
      if (pop_q && !past && mask[i][2]) begin
        past = 1'b1;
        found_key = key[i][KEY_BITS-2:0];
        found_data = data[i];
      end
      if (!past) begin
        key_b[i] = key[i];
        data_b[i] = data[i];
        mask_b[i] = mask[i];
      end else if (i + 1 < FLOWS) begin
        key_b[i] = key[i+1];
        data_b[i] = data[i+1];
        mask_b[i] = mask[i+1];
      end else begin
        key_b[i] = '0;
        data_b[i] = '0;
        mask_b[i] = 3'b011;
      end
      next_b[i] = compare(key_b[i], pop_pifo, in1[KEY_BITS-2:0], in2[KEY_BITS-2:0]);
    end
    found = past;

    // Push 1: everything that sorts after it moves down.
    next1 = compare(key1, pop_pifo, in1[KEY_BITS-2:0], in2[KEY_BITS-2:0]);
    next2 = compare(key2, pop_pifo, in1[KEY_BITS-2:0], in2[KEY_BITS-2:0]);
    past = 1'b0;
    for (int i = 0; i < FLOWS; i++) begin
      if (key1[KEY_BITS-1] && !past && mask_b[i][1]) begin
        past = 1'b1;
        key_c[i] = key1;
        data_c[i] = data1;
        next_c[i] = next1;
        after_c[i] = after12;
      end else if (past) begin
        key_c[i] = key_b[i-1];
        data_c[i] = data_b[i-1];
        next_c[i] = next_b[i-1];
        after_c[i] = mask_b[i-1][0];
      end else begin
        key_c[i] = key_b[i];
        data_c[i] = data_b[i];
        next_c[i] = next_b[i];
        after_c[i] = mask_b[i][0];
      end
    end
    lost1 = key1[KEY_BITS-1] && (!past || key_b[FLOWS-1][KEY_BITS-1]);

    // Push 2.
    past = 1'b0;
    for (int i = 0; i < FLOWS; i++) begin
      if (key2[KEY_BITS-1] && !past && after_c[i]) begin
        past = 1'b1;
        key_d[i] = key2;
        data_d[i] = data2;
        next_d[i] = next2;
      end else if (past) begin
        key_d[i] = key_c[i-1];
        data_d[i] = data_c[i-1];
        next_d[i] = next_c[i-1];
      end else begin
        key_d[i] = key_c[i];
        data_d[i] = data_c[i];
        next_d[i] = next_c[i];
      end
    end
    lost2 = key2[KEY_BITS-1] && (!past || key_c[FLOWS-1][KEY_BITS-1]);
  end

  always_ff @(posedge clk) begin
    if (rst) begin
      key <= '{default: '0};
      data <= '{default: '0};
      mask <= '{default: 3'b011};
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
      key <= key_d;
      data <= data_d;
      mask <= next_d;
      key1 <= in1;
      key2 <= in2;
      data1 <= in1_data;
      data2 <= in2_data;
      pop_q <= pop_valid;
      after12 <= sorts_after(in1, in2[KEY_BITS-2:0]);
      out_valid <= found;
      out_pifo <= found_key[RANK_BITS+:PIFO_BITS];
      out_rank <= found_key[RANK_BITS-1:0];
      out_flow <= found_data[META_BITS+:FLOW_BITS];
      out_meta <= found_data[META_BITS-1:0];
      overflow <= overflow | lost1 | lost2;
    end
  end

  assign head_valid = key[0][KEY_BITS-1];
  assign head_pifo = key[0][RANK_BITS+:PIFO_BITS];
  assign head_rank = key[0][RANK_BITS-1:0];
endmodule
