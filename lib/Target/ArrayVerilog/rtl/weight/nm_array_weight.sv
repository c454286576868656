// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The array of an accelerator: products of dense and of N:M weights that stay
// in place. A fold is up to ROWS kept weights of each of COLS columns, loaded a
// row of the array in a cycle while the rows of lhs pass the fold before. In
// every cycle a row of lhs comes in, a group of M elements for each row of the
// array (of which a dense product uses the first), and its sums run down the
// columns, in the order of the reduction, each product and each sum rounded to
// f32 by itself. Where the reduction has several folds the sums of all rows
// wait in the array's accumulators, SUMS rows of COLS.
//
// The ports are streams: what is valid stays until it is ready.
//   cmd    a product: rows (at most SUMS, if the reduction is longer than ROWS)
//          and cols of dest, steps of the reduction (kept ones of N:M weights),
//          columns of a tile, N and M (1 and 1: dense), and of dest the type (0
//          f32, 1 f16, 2 bf16), the factor (f32) and whether it accumulates
//   load   a weight of each column; load_position and load_col say which one is
//          due. Columns beyond dest hold anything
//   index  a byte of packed indices for each column, when one is due
//   step   a row of lhs, from the group of step_position on; step_row says which
//          one is due, step_col for which columns
//   dest   what dest held, a row as it leaves, where it accumulates
//   out    a row of dest, elements in the low bits of 32; out_row and out_col
//          are its row and first column, out_last ends a product
//
// A fold takes max(rows, min(steps, ROWS)) cycles, a row's sums are there
// LATENCY cycles after it has come, in the cycle after. Between products that
// differ (shape or pattern) pass SETUP cycles, and those that the first weights
// of the next one take longer to load than the last fold before it lasts.
module nm_array_weight #(
    parameter int ROWS = 4,
    parameter int COLS = 4,
    // Operands: bits of exponent and fraction (5, 10: f16; 8, 7: bf16; 8, 23:
    // f32).
    parameter int EXP = 5,
    parameter int MAN = 10,
    // The longest group, at most 64; 1: dense products alone.
    parameter int M = 4,
    // Products side by side, each with its lhs: a power of two that divides COLS.
    parameter int SEGMENTS = 1,
    parameter int LATENCY = 0,
    parameter int SETUP = 0,
    parameter int SUMS = 16,
    parameter int DIM_BITS = 16
) (
    input  logic                                     clk,
    input  logic                                     rst,
    input  logic                                     cmd_valid,
    output logic                                     cmd_ready,
    input  logic [                     DIM_BITS-1:0] cmd_rows,
    input  logic [                     DIM_BITS-1:0] cmd_cols,
    input  logic [                     DIM_BITS-1:0] cmd_steps,
    input  logic [                     DIM_BITS-1:0] cmd_width,
    input  logic [                              6:0] cmd_n,
    input  logic [                              6:0] cmd_m,
    input  logic [                              1:0] cmd_type,
    input  logic [                             31:0] cmd_value,
    input  logic                                     cmd_accumulate,
    input  logic                                     load_valid,
    output logic                                     load_ready,
    input  logic [             COLS*(1+EXP+MAN)-1:0] load_rhs,
    output logic [                     DIM_BITS-1:0] load_position,
    output logic [                     DIM_BITS-1:0] load_col,
    input  logic                                     index_valid,
    output logic                                     index_ready,
    input  logic [                       COLS*8-1:0] index_bytes,
    input  logic                                     step_valid,
    output logic                                     step_ready,
    input  logic [SEGMENTS*ROWS*M*(1+EXP+MAN)-1:0] step_lhs,
    output logic [                     DIM_BITS-1:0] step_row,
    output logic [                     DIM_BITS-1:0] step_col,
    output logic [                     DIM_BITS-1:0] step_position,
    input  logic                                     dest_valid,
    output logic                                     dest_ready,
    input  logic [                      COLS*32-1:0] dest_elements,
    output logic                                     out_valid,
    input  logic                                     out_ready,
    output logic [                      COLS*32-1:0] out_elements,
    output logic [                     DIM_BITS-1:0] out_row,
    output logic [                     DIM_BITS-1:0] out_col,
    output logic                                     out_last
);
  localparam int WIDTH = 1 + EXP + MAN;
  localparam int INDEX_BITS = M > 1 ? $clog2(M) : 1;
  localparam int PLACE_BITS = $clog2(ROWS) + 1;
  localparam int SUM_BITS = SUMS > 1 ? $clog2(SUMS) : 1;
  localparam int GROUP = M * WIDTH;
  localparam int LHS = SEGMENTS * ROWS * GROUP;
  localparam int RHS = COLS * (WIDTH + INDEX_BITS);
  // Registers on a column's way: at most one behind each place. The others
  // carry operands into the array.
  localparam int CHAIN = LATENCY < ROWS ? LATENCY : ROWS;
  localparam int CARRY = LATENCY - CHAIN;
  // {value, type, accumulate, last of product, row, col}
  localparam int TAG = 36 + 2 * DIM_BITS;

  logic advance, load, load_due, load_last, decodes, due, step, first, begins, ends, finishes;
  logic [PLACE_BITS-1:0] load_place, count;
  logic [6:0] load_group;
  logic [34:0] dest;
  logic [COLS*INDEX_BITS-1:0] indices;
  nm_array_weight_sequencer #(
      .ROWS(ROWS),
      .SETUP(SETUP),
      .DIM_BITS(DIM_BITS)
  ) sequencer (
      .clk(clk),
      .rst(rst),
      .advance(advance),
      .cmd_valid(cmd_valid),
      .cmd_ready(cmd_ready),
      .cmd_rows(cmd_rows),
      .cmd_cols(cmd_cols),
      .cmd_steps(cmd_steps),
      .cmd_width(cmd_width),
      .cmd_n(cmd_n),
      .cmd_m(cmd_m),
      .cmd_output({cmd_value, cmd_type, cmd_accumulate}),
      .load_due(load_due),
      .load(load),
      .load_last(load_last),
      .load_place(load_place),
      .load_position(load_position),
      .load_col(load_col),
      .load_group(load_group),
      .due(due),
      .step(step),
      .first(first),
      .begins(begins),
      .ends(ends),
      .finishes(finishes),
      .count(count),
      .row(step_row),
      .col(step_col),
      .position(step_position),
      .dest(dest)
  );
  nm_array_decoder #(
      .COLS(COLS),
      .M(M),
      .INDEX_BITS(INDEX_BITS)
  ) decoder (
      .clk(clk),
      .rst(rst),
      .group(load_group),
      .step(load),
      .last(load_last),
      .ready(decodes),
      .bytes_valid(index_valid),
      .bytes_ready(index_ready),
      .bytes(index_bytes),
      .indices(indices)
  );
  assign step_ready = due && advance;
  assign step = step_ready && step_valid;
  assign load_ready = load_due && decodes && advance;
  assign load = load_ready && load_valid;

  // Operands on their way into the array.
  logic [LHS-1:0] lhs;
  logic [RHS-1:0] weights;
  logic [PLACE_BITS-1:0] place, used;
  logic writes, enters, renews, clears, completes;
  logic [TAG-1:0] tag;
  nm_array_delay #(
      .BITS(LHS + RHS),
      .CYCLES(CARRY)
  ) carry (
      .clk(clk),
      .rst(rst),
      .advance(advance),
      .in({step_lhs, load_rhs, indices}),
      .out({lhs, weights})
  );
  nm_array_delay #(
      .BITS(4 + 2 * PLACE_BITS + 1 + TAG),
      .CYCLES(CARRY),
      .RESET(1'b1)
  ) carry_control (
      .clk(clk),
      .rst(rst),
      .advance(advance),
      .in({load, load_place, step, step && first, begins, ends, count, dest, finishes, step_row, step_col}),
      .out({writes, place, enters, renews, clears, completes, used, tag})
  );

  // Sums that a row finds: none, or those that it made before, which may just
  // come out of the columns.
  logic leaves_sums, holds, completed, free;
  logic [TAG-1:0] done_tag, out_tag;
  logic [COLS*32-1:0] found, entering, done, held;
  logic [SUM_BITS-1:0] read, write;
  logic [COLS*32-1:0] sums[SUMS];
  assign read = tag[DIM_BITS+:SUM_BITS];
  assign write = done_tag[DIM_BITS+:SUM_BITS];
  generate
    if (CHAIN > 0) begin : g_meets
      assign found = leaves_sums && !completed && read == write ? done : sums[read];
    end else begin : g_apart
      assign found = sums[read];
    end
  endgenerate
  assign entering = clears ? '0 : found;
  always_ff @(posedge clk) if (advance && leaves_sums && !completed) sums[write] <= done;

  // Rows of the array. Behind some of them sums and control wait for a cycle;
  // operands wait as long.
  generate
    genvar r, c;
    for (r = 0; r < ROWS; r = r + 1) begin : g_row
      localparam int SKEW = r * CHAIN / ROWS;
      logic [COLS*32-1:0] above, after;
      logic [SEGMENTS*GROUP-1:0] arriving, groups;
      logic [PLACE_BITS-1:0] uses;
      logic first_row, adds;
      for (c = 0; c < SEGMENTS; c = c + 1) begin : g_bus
        assign arriving[c*GROUP+:GROUP] = lhs[(c*ROWS+r)*GROUP+:GROUP];
      end
      nm_array_delay #(
          .BITS(SEGMENTS * GROUP),
          .CYCLES(SKEW)
      ) skew (
          .clk(clk),
          .rst(rst),
          .advance(advance),
          .in(arriving),
          .out(groups)
      );
      if (r == 0) begin : g_top
        assign above = entering;
        assign {first_row, uses} = {renews, used};
      end else begin : g_below
        nm_array_delay #(
            .BITS(COLS * 32),
            .CYCLES(SKEW - (r - 1) * CHAIN / ROWS)
        ) way (
            .clk(clk),
            .rst(rst),
            .advance(advance),
            .in(g_row[r-1].after),
            .out(above)
        );
        nm_array_delay #(
            .BITS(1 + PLACE_BITS),
            .CYCLES(SKEW - (r - 1) * CHAIN / ROWS),
            .RESET(1'b1)
        ) control (
            .clk(clk),
            .rst(rst),
            .advance(advance),
            .in({g_row[r-1].first_row, g_row[r-1].uses}),
            .out({first_row, uses})
        );
      end
      assign adds = r[PLACE_BITS-1:0] < uses;
      for (c = 0; c < COLS; c = c + 1) begin : g_column
        localparam int BUS = c * SEGMENTS / COLS;
        nm_array_weight_place #(
            .EXP(EXP),
            .MAN(MAN),
            .M(M),
            .INDEX_BITS(INDEX_BITS)
        ) multiply_add (
            .clk(clk),
            .advance(advance),
            .load(writes && place == r[PLACE_BITS-1:0]),
            .load_value(weights[COLS*INDEX_BITS+c*WIDTH+:WIDTH]),
            .load_index(weights[c*INDEX_BITS+:INDEX_BITS]),
            .first(first_row),
            .adds(adds),
            .group(groups[BUS*GROUP+:GROUP]),
            .above(above[c*32+:32]),
            .sum(after[c*32+:32])
        );
      end
    end
  endgenerate
  nm_array_delay #(
      .BITS(COLS * 32),
      .CYCLES(CHAIN > 0 ? 1 : 0)
  ) bottom (
      .clk(clk),
      .rst(rst),
      .advance(advance),
      .in(g_row[ROWS-1].after),
      .out(done)
  );
  nm_array_delay #(
      .BITS(2 + TAG),
      .CYCLES(CHAIN),
      .RESET(1'b1)
  ) chain (
      .clk(clk),
      .rst(rst),
      .advance(advance),
      .in({enters, completes, tag}),
      .out({leaves_sums, completed, done_tag})
  );

  // A row of results on its way out. Without registers in between it is the row
  // at the door that may have to wait.
  logic leaves, accumulates, final_row;
  logic [1:0] kind;
  logic [31:0] value;
  assign free = !holds || leaves;
  assign advance = !(LATENCY == 0 ? ends : leaves_sums && completed) || free;
  always_ff @(posedge clk) begin
    if (rst) holds <= 1'b0;
    else if (leaves_sums && completed && advance) holds <= 1'b1;
    else if (leaves) holds <= 1'b0;
    if (leaves_sums && completed && advance) begin
      held <= done;
      out_tag <= done_tag;
    end
  end
  assign {value, kind, accumulates, final_row, out_row, out_col} = out_tag;
  assign out_last = final_row;
  assign out_valid = holds && (!accumulates || dest_valid);
  assign dest_ready = holds && accumulates && out_ready;
  assign leaves = out_valid && out_ready;
  generate
    genvar e;
    for (e = 0; e < COLS; e = e + 1) begin : g_output
      nm_array_output lane (
          .sum(held[e*32+:32]),
          .value(value),
          .accumulate(accumulates),
          .kind(kind),
          .dest(dest_elements[e*32+:32]),
          .element(out_elements[e*32+:32])
      );
    end
  endgenerate
endmodule
