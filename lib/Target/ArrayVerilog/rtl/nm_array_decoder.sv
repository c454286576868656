// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Unpacks indices of N:M weights, one for each column and step. They lie in
// bytes, lowest bit first, ceil(log2 M) bits each; every tile begins on a byte.
// All columns are in step, so one byte of each is taken whenever the bits that
// are left do not make an index. An index beyond its group is the last. Where M
// is 1 there are no indices.
module nm_array_decoder #(
    parameter int COLS = 4,
    // The longest group.
    parameter int M = 4,
    parameter int INDEX_BITS = 2
) (
    input  logic                       clk,
    input  logic                       rst,
    // Elements of a group; 1: a dense product, which needs no bytes.
    input  logic [                6:0] group,
    input  logic                       step,         // one is taken
    input  logic                       last,         // and is the tile's last
    output logic                       ready,        // there are indices for it
    input  logic                       bytes_valid,
    output logic                       bytes_ready,
    input  logic [         COLS*8-1:0] bytes,
    output logic [COLS*INDEX_BITS-1:0] indices
);
  generate
    if (M > 1) begin : g_decoder
      logic [2:0] bits, count;  // of an index; left of each column
      logic [COLS*7-1:0] held, left;
      logic needs;
      logic [6:0] most;
      assign most = group - 7'd1;
      always_comb begin
        bits = 3'd0;
        for (int i = 0; i < 6; i = i + 1) if (most[i]) bits = i[2:0] + 3'd1;
      end
      assign needs = count < bits;
      assign ready = !needs || bytes_valid;
      assign bytes_ready = step && needs;

      genvar c;
      for (c = 0; c < COLS; c = c + 1) begin : g_column
        logic [14:0] word, rest;
        logic [5:0] index, bounded;
        assign word = {8'b0, held[c*7+:7]} | (needs ? {7'b0, bytes[c*8+:8]} << count : 15'b0);
        assign index = word[5:0] & ~(6'h3f << bits);
        assign bounded = {1'b0, index} > most ? most[5:0] : index;
        assign indices[c*INDEX_BITS+:INDEX_BITS] = bounded[INDEX_BITS-1:0];
        assign rest = word >> bits;
        assign left[c*7+:7] = rest[6:0];
        /* verilator lint_off UNUSEDSIGNAL */
        logic unused;
        /* verilator lint_on UNUSEDSIGNAL */
        assign unused = ^{rest[14:7], bounded};
      end

      always_ff @(posedge clk) begin
        if (rst) begin
          count <= 3'd0;
          held <= '0;
        end else if (step) begin
          // Of eight bits more, modulo 8.
          count <= last ? 3'd0 : count - bits;
          held <= last ? '0 : left;
        end
      end
    end else begin : g_dense
      /* verilator lint_off UNUSEDSIGNAL */
      logic unused;
      /* verilator lint_on UNUSEDSIGNAL */
      assign unused = ^{clk, rst, group, step, last, bytes_valid, bytes};
      assign ready = 1'b1;
      assign bytes_ready = 1'b0;
      assign indices = '0;
    end
  endgenerate
endmodule
