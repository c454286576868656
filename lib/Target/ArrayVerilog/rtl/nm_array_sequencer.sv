// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The order of an array's work: commands, the set-up between products that
// differ, the tiles of a product and the steps of a tile. A tile is ROWS rows by
// `width` columns of dest; tiles of a row of tiles come one after the other.
module nm_array_sequencer #(
    parameter int ROWS = 4,
    parameter int SETUP = 0,
    parameter int DIM_BITS = 16
) (
    input  logic                clk,
    input  logic                rst,
    input  logic                cmd_valid,
    output logic                cmd_ready,
    input  logic [DIM_BITS-1:0] cmd_rows,
    input  logic [DIM_BITS-1:0] cmd_cols,
    input  logic [DIM_BITS-1:0] cmd_steps,
    input  logic [DIM_BITS-1:0] cmd_width,
    input  logic [         6:0] cmd_n,
    input  logic [         6:0] cmd_m,
    input  logic [        34:0] cmd_output,
    // A step is due; it is taken now; where it stands.
    output logic                due,
    input  logic                step,
    output logic                first,
    output logic                last,
    output logic                finishes,  // the product
    output logic [DIM_BITS-1:0] row,
    output logic [DIM_BITS-1:0] col,
    output logic [DIM_BITS-1:0] position,
    output logic [DIM_BITS-1:0] rows,  // of dest from this row on
    // Of the product under way.
    output logic [         6:0] group,
    output logic [        34:0] dest
);
  localparam int SHAPE = 4 * DIM_BITS + 14;
  localparam int COUNT_BITS = $clog2(SETUP + 2);
  logic [SHAPE-1:0] shape, asked;
  logic [COUNT_BITS-1:0] setup;
  logic busy, known, right, bottom;
  logic [DIM_BITS-1:0] cols, steps, width, beyond;
  assign asked = {cmd_rows, cmd_cols, cmd_steps, cmd_width, cmd_n, cmd_m};
  assign width = shape[14+:DIM_BITS];
  assign steps = shape[14+DIM_BITS+:DIM_BITS];
  assign cols = shape[14+2*DIM_BITS+:DIM_BITS];
  assign group = shape[6:0];
  assign beyond = cols - col;
  assign right = beyond <= width;
  assign bottom = rows <= ROWS[DIM_BITS-1:0];
  assign first = position == '0;
  assign last = position + {{(DIM_BITS - 1) {1'b0}}, 1'b1} == steps;
  assign finishes = last && right && bottom;
  assign due = busy && setup == '0;
  assign cmd_ready = !busy || (step && finishes);

  always_ff @(posedge clk) begin
    if (rst) begin
      busy <= 1'b0;
      known <= 1'b0;
      setup <= '0;
      shape <= '0;
      dest <= '0;
      row <= '0;
      col <= '0;
      rows <= '0;
      position <= '0;
    end else begin
      if (setup != '0) setup <= setup - {{(COUNT_BITS - 1) {1'b0}}, 1'b1};
      if (step) begin
        position <= last ? '0 : position + {{(DIM_BITS - 1) {1'b0}}, 1'b1};
        if (last) begin
          col <= right ? '0 : col + width;
          if (right) begin
            row <= row + ROWS[DIM_BITS-1:0];
            rows <= rows - ROWS[DIM_BITS-1:0];
          end
        end
        if (finishes) busy <= 1'b0;
      end
      if (cmd_valid && cmd_ready) begin
        busy <= 1'b1;
        known <= 1'b1;
        shape <= asked;
        dest <= cmd_output;
        row <= '0;
        col <= '0;
        rows <= cmd_rows;
        position <= '0;
        if (!known || shape != asked) setup <= SETUP[COUNT_BITS-1:0];
      end
    end
  end
endmodule
