// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The order of the work of an array that holds weights: commands, the set-up
// between products that differ, the folds of a product and the rows of a fold.
// A fold is up to ROWS kept elements of the reduction by `width` columns; folds
// of the reduction come one after the other, then the next columns.
//
// Weights are loaded one fold ahead: those of the next one while the rows of
// this one pass. A fold takes as many cycles as there are rows, and no fewer
// than a whole fold's weights take to load.
module nm_array_weight_sequencer #(
    parameter int ROWS = 4,
    parameter int SETUP = 0,
    parameter int DIM_BITS = 16
) (
    input  logic                      clk,
    input  logic                      rst,
    input  logic                      advance,
    input  logic                      cmd_valid,
    output logic                      cmd_ready,
    input  logic [      DIM_BITS-1:0] cmd_rows,
    input  logic [      DIM_BITS-1:0] cmd_cols,
    input  logic [      DIM_BITS-1:0] cmd_steps,
    input  logic [      DIM_BITS-1:0] cmd_width,
    input  logic [               6:0] cmd_n,
    input  logic [               6:0] cmd_m,
    input  logic [              34:0] cmd_output,
    // Weights of a row of the array are due; they are taken now.
    output logic                      load_due,
    input  logic                      load,
    output logic                      load_last,  // of these columns
    output logic [    $clog2(ROWS):0] load_place,
    output logic [      DIM_BITS-1:0] load_position,
    output logic [      DIM_BITS-1:0] load_col,
    output logic [               6:0] load_group,
    // A row of lhs is due; it is taken now; where it stands.
    output logic                      due,
    input  logic                      step,
    output logic                      first,     // of its fold
    output logic                      begins,    // sums
    output logic                      ends,      // them
    output logic                      finishes,  // the product
    output logic [    $clog2(ROWS):0] count,     // weights of each column
    output logic [      DIM_BITS-1:0] row,
    output logic [      DIM_BITS-1:0] col,
    output logic [      DIM_BITS-1:0] position,
    output logic [              34:0] dest
);
  localparam int SHAPE = 4 * DIM_BITS + 14;
  localparam int PLACE_BITS = $clog2(ROWS) + 1;
  localparam int WAIT_BITS = $clog2(SETUP + 2);
  localparam logic [DIM_BITS-1:0] ONE = {{(DIM_BITS - 1) {1'b0}}, 1'b1};
  localparam logic [DIM_BITS-1:0] WHOLE = ROWS[DIM_BITS-1:0];

  // Loading.
  logic [SHAPE-1:0] shape, asked;
  logic [34:0] output_of;
  logic busy, known, fresh, waits, loaded, right, start;
  logic [DIM_BITS-1:0] rows, cols, steps, width, beyond, base, least, slot;
  assign asked = {cmd_rows, cmd_cols, cmd_steps, cmd_width, cmd_n, cmd_m};
  assign {rows, cols, steps, width} = shape[SHAPE-1:14];
  assign load_group = shape[6:0];
  assign beyond = cols - load_col;
  assign right = beyond <= width;
  assign load_last = load_position + ONE == steps;
  assign loaded = load && (load_last || load_place + 1'b1 == ROWS[PLACE_BITS-1:0]);
  assign load_due = busy && (!waits || start);
  assign cmd_ready = !busy || (load && load_last && right);
  assign least = steps < WHOLE ? steps : WHOLE;
  assign slot = rows < least ? least : rows;

  // Of a fold: whether it is the first of a product that differs, of its
  // columns and the last one, and of the product; cycles, rows, where.
  localparam int FOLD = 4 + PLACE_BITS + 4 * DIM_BITS + 35;
  logic [FOLD-1:0] next, held, fold;
  logic differs, last_fold, running;
  logic [DIM_BITS-1:0] cycles, height, passed, left;
  logic [WAIT_BITS-1:0] idle;
  assign fold = running ? held : next;
  assign {differs, begins, ends, last_fold, count, cycles, height, col, position, dest} = fold;
  assign finishes = last_fold && row + ONE == height;
  assign row = running ? passed : '0;
  assign first = !running;
  assign due = running ? passed != height : waits && (!differs || idle == SETUP[WAIT_BITS-1:0]);
  assign start = step && !running;

  always_ff @(posedge clk) begin
    if (rst) begin
      busy <= 1'b0;
      known <= 1'b0;
      fresh <= 1'b0;
      shape <= '0;
      output_of <= '0;
      load_place <= '0;
      load_position <= '0;
      load_col <= '0;
      base <= '0;
      waits <= 1'b0;
      next <= '0;
    end else begin
      if (start) waits <= 1'b0;
      if (load) begin
        load_place <= loaded ? '0 : load_place + 1'b1;
        load_position <= load_last ? '0 : load_position + ONE;
        if (loaded) begin
          waits <= 1'b1;
          next <= {
            fresh, base == '0, load_last, load_last && right, load_place + 1'b1, slot, rows, load_col, base, output_of
          };
          fresh <= 1'b0;
          base <= load_last ? '0 : load_position + ONE;
        end
        if (load_last) begin
          load_col <= right ? '0 : load_col + width;
          if (right) busy <= 1'b0;
        end
      end
      if (cmd_valid && cmd_ready) begin
        busy <= 1'b1;
        known <= 1'b1;
        fresh <= !known || shape != asked;
        shape <= asked;
        output_of <= cmd_output;
      end
    end
  end

  // Rows. Only cycles in which the fold goes on count, so sums are back before
  // the next fold adds to them, whatever pauses there are.
  logic over;
  assign over = running ? left == ONE : cycles == ONE;
  always_ff @(posedge clk) begin
    if (rst) begin
      running <= 1'b0;
      held <= '0;
      passed <= '0;
      left <= '0;
      idle <= '0;
    end else begin
      if (!running && !start && idle != SETUP[WAIT_BITS-1:0]) idle <= idle + 1'b1;
      if (advance && (step || (running && passed == height))) begin
        held <= fold;
        running <= !over;
        passed <= step ? row + ONE : passed;
        left <= (running ? left : cycles) - ONE;
        if (over) idle <= '0;
      end
    end
  end
endmodule
