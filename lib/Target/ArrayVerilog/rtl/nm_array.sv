// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The array of an accelerator: products of dense and of N:M weights with sums
// that stay in place. In every cycle a step of the reduction comes in: a group
// of M elements from each row of lhs (of which a dense product uses the first)
// and one kept weight of each column, whose index says which of the group it is
// multiplied with. Sums run in the order of the steps, each product and each
// sum rounded to f32 by itself.
//
// The ports are streams: what is valid stays until it is ready.
//   cmd    a product: rows and cols of dest, steps of the reduction (kept ones
//          of N:M weights), columns of a tile, N and M (1 and 1: dense), and of
//          dest the type (0 f32, 1 f16, 2 bf16), the factor (f32) and whether
//          it accumulates
//   step   the operands of a step; step_row, step_col and step_position say
//          which one is due. Rows and columns beyond dest hold anything
//   index  a byte of packed indices for each column, when one is due
//   dest   what dest held, rows by rows as they leave, where it accumulates
//   out    DRAIN rows of dest, elements in the low bits of 32; out_row and
//          out_col are the first row and column, out_last ends a product
//
// The first product of a kind (shape and pattern) after another waits SETUP
// cycles; a step's sum is there LATENCY cycles after the step has come, in the
// cycle after. A tile leaves in ceil(rows / DRAIN) cycles while the next one is
// summed, which waits if it is done sooner.
module nm_array #(
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
    // A divisor of ROWS.
    parameter int DRAIN = 4,
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
    input  logic                                     step_valid,
    output logic                                     step_ready,
    input  logic [SEGMENTS*ROWS*M*(1+EXP+MAN)-1:0] step_lhs,
    input  logic [             COLS*(1+EXP+MAN)-1:0] step_rhs,
    output logic [                     DIM_BITS-1:0] step_row,
    output logic [                     DIM_BITS-1:0] step_col,
    output logic [                     DIM_BITS-1:0] step_position,
    input  logic                                     index_valid,
    output logic                                     index_ready,
    input  logic [                       COLS*8-1:0] index_bytes,
    input  logic                                     dest_valid,
    output logic                                     dest_ready,
    input  logic [                DRAIN*COLS*32-1:0] dest_elements,
    output logic                                     out_valid,
    input  logic                                     out_ready,
    output logic [                DRAIN*COLS*32-1:0] out_elements,
    output logic [                     DIM_BITS-1:0] out_row,
    output logic [                     DIM_BITS-1:0] out_col,
    output logic                                     out_last
);
  localparam int WIDTH = 1 + EXP + MAN;
  localparam int INDEX_BITS = M > 1 ? $clog2(M) : 1;
  localparam int LHS = SEGMENTS * ROWS * M * WIDTH;
  localparam int RHS = COLS * WIDTH;
  localparam int DATA = LHS + RHS + COLS * INDEX_BITS;
  // Registers that only carry operands into the array.
  localparam int CARRY = LATENCY > 2 ? LATENCY - 2 : 0;
  // {value, type, accumulate, last of product, row, col, rows left}
  localparam int TAG = 36 + 3 * DIM_BITS;
  localparam int CONTROL = 3 + TAG;

  logic advance, taken, due, first, last, finishes, decodes;
  logic [6:0] group;
  logic [34:0] dest;
  logic [DIM_BITS-1:0] rows;
  logic [COLS*INDEX_BITS-1:0] indices;
  nm_array_sequencer #(
      .ROWS(ROWS),
      .SETUP(SETUP),
      .DIM_BITS(DIM_BITS)
  ) sequencer (
      .clk(clk),
      .rst(rst),
      .cmd_valid(cmd_valid),
      .cmd_ready(cmd_ready),
      .cmd_rows(cmd_rows),
      .cmd_cols(cmd_cols),
      .cmd_steps(cmd_steps),
      .cmd_width(cmd_width),
      .cmd_n(cmd_n),
      .cmd_m(cmd_m),
      .cmd_output({cmd_value, cmd_type, cmd_accumulate}),
      .due(due),
      .step(taken),
      .first(first),
      .last(last),
      .finishes(finishes),
      .row(step_row),
      .col(step_col),
      .position(step_position),
      .rows(rows),
      .group(group),
      .dest(dest)
  );
  nm_array_decoder #(
      .COLS(COLS),
      .M(M),
      .INDEX_BITS(INDEX_BITS)
  ) decoder (
      .clk(clk),
      .rst(rst),
      .group(group),
      .step(taken),
      .last(last),
      .ready(decodes),
      .bytes_valid(index_valid),
      .bytes_ready(index_ready),
      .bytes(index_bytes),
      .indices(indices)
  );
  assign step_ready = due && decodes && advance;
  assign taken = step_ready && step_valid;

  // Operands on their way, and what belongs to a step until it is summed.
  logic [DATA-1:0] entering, operands;
  logic [CONTROL-1:0] control, summing;
  assign entering = {step_lhs, step_rhs, indices};
  assign control = {taken, first, last, dest, finishes, step_row, step_col, rows};
  nm_array_delay #(
      .BITS(DATA),
      .CYCLES(CARRY)
  ) carry (
      .clk(clk),
      .rst(rst),
      .advance(advance),
      .in(entering),
      .out(operands)
  );
  nm_array_delay #(
      .BITS(CONTROL),
      .CYCLES(LATENCY),
      .RESET(1'b1)
  ) latency (
      .clk(clk),
      .rst(rst),
      .advance(advance),
      .in(control),
      .out(summing)
  );

  logic adds, begins, ends, free, leaves;
  assign {adds, begins, ends} = summing[CONTROL-1-:3];
  // Without registers in between it is the step at the door that may have to
  // wait.
  assign advance = !(LATENCY == 0 ? last : adds && ends) || free;

  logic [ROWS*COLS*32-1:0] sums;
  generate
    genvar r, c;
    for (c = 0; c < COLS; c = c + 1) begin : g_column
      localparam int BUS = c * SEGMENTS / COLS;
      for (r = 0; r < ROWS; r = r + 1) begin : g_row
        nm_array_place #(
            .EXP(EXP),
            .MAN(MAN),
            .M(M),
            .INDEX_BITS(INDEX_BITS),
            .LATENCY(LATENCY)
        ) place (
            .clk(clk),
            .advance(advance),
            .first(begins),
            .sums(adds),
            .group(operands[DATA-LHS+(BUS*ROWS+r)*M*WIDTH+:M*WIDTH]),
            .index(operands[c*INDEX_BITS+:INDEX_BITS]),
            .value(operands[COLS*INDEX_BITS+c*WIDTH+:WIDTH]),
            .sum(sums[(r*COLS+c)*32+:32])
        );
      end
    end
  endgenerate

  logic [TAG-1:0] tag;
  logic [DRAIN*COLS*32-1:0] done;
  logic [DIM_BITS-1:0] below;
  logic holds, accumulates, final_tile, final_rows;
  logic [1:0] kind;
  logic [31:0] value;
  nm_array_results #(
      .ROWS(ROWS),
      .COLS(COLS),
      .DRAIN(DRAIN),
      .DIM_BITS(DIM_BITS),
      .TAG(TAG)
  ) results (
      .clk(clk),
      .rst(rst),
      .valid(adds && ends),
      .free(free),
      .sums(sums),
      .rows(summing[DIM_BITS-1:0]),
      .tag(summing[TAG-1:0]),
      .out_valid(holds),
      .out_taken(leaves),
      .out_sums(done),
      .out_begin(below),
      .out_last(final_rows),
      .out_tag(tag)
  );
  assign {value, kind, accumulates, final_tile} = tag[TAG-1-:36];
  assign out_row = tag[2*DIM_BITS+:DIM_BITS] + below;
  assign out_col = tag[DIM_BITS+:DIM_BITS];
  assign out_last = final_tile && final_rows;
  assign out_valid = holds && (!accumulates || dest_valid);
  assign dest_ready = holds && accumulates && out_ready;
  assign leaves = out_valid && out_ready;
  generate
    genvar e;
    for (e = 0; e < DRAIN * COLS; e = e + 1) begin : g_output
      nm_array_output lane (
          .sum(done[e*32+:32]),
          .value(value),
          .accumulate(accumulates),
          .kind(kind),
          .dest(dest_elements[e*32+:32]),
          .element(out_elements[e*32+:32])
      );
    end
  endgenerate
  /* verilator lint_off UNUSEDSIGNAL */
  logic unused_rows;
  /* verilator lint_on UNUSEDSIGNAL */
  assign unused_rows = ^tag[DIM_BITS-1:0];
endmodule
