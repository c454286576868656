// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sums that are done, on their way out while the array works at the next tile:
// DRAIN rows at a time.
module nm_array_results #(
    parameter int ROWS = 4,
    parameter int COLS = 4,
    parameter int DRAIN = 4,
    parameter int DIM_BITS = 16,
    parameter int TAG = 1
) (
    input  logic                     clk,
    input  logic                     rst,
    // A tile comes; `free` says that it may.
    input  logic                     valid,
    output logic                     free,
    input  logic [ROWS*COLS*32-1:0]  sums,
    input  logic [     DIM_BITS-1:0] rows,
    input  logic [          TAG-1:0] tag,
    // Its rows leave.
    output logic                     out_valid,
    input  logic                     out_taken,
    output logic [DRAIN*COLS*32-1:0] out_sums,
    output logic [     DIM_BITS-1:0] out_begin,  // within the tile
    output logic                     out_last,   // of the tile
    output logic [          TAG-1:0] out_tag
);
  logic [ROWS*COLS*32-1:0] held;
  logic [DIM_BITS-1:0] left;
  assign out_sums = held[DRAIN*COLS*32-1:0];
  assign out_last = left <= DRAIN[DIM_BITS-1:0];
  assign free = !out_valid || (out_taken && out_last);
  always_ff @(posedge clk) begin
    if (rst) begin
      out_valid <= 1'b0;
      left <= '0;
      out_begin <= '0;
    end else if (valid && free) begin
      out_valid <= 1'b1;
      left <= rows > ROWS[DIM_BITS-1:0] ? ROWS[DIM_BITS-1:0] : rows;
      out_begin <= '0;
    end else if (out_taken) begin
      if (out_last) out_valid <= 1'b0;
      left <= left - DRAIN[DIM_BITS-1:0];
      out_begin <= out_begin + DRAIN[DIM_BITS-1:0];
    end
  end
  always_ff @(posedge clk) begin
    if (valid && free) begin
      held <= sums;
      out_tag <= tag;
    end else if (out_taken) held <= held >> (DRAIN * COLS * 32);
  end
endmodule
