// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A place of an array that holds weights: the element of a group that its
// weight's index names, times the weight, added to the sum that comes by. The
// next fold's weight is loaded beside the one in use and takes its place with
// the fold's `first` row. Combinational from row to sum.
module nm_array_weight_place #(
    parameter int EXP = 5,
    parameter int MAN = 10,
    parameter int M = 4,
    parameter int INDEX_BITS = 2
) (
    input  logic                     clk,
    input  logic                     advance,
    input  logic                     load,
    input  logic [        EXP+MAN:0] load_value,
    input  logic [   INDEX_BITS-1:0] load_index,
    input  logic                     first,
    input  logic                     adds,  // else the sum passes by
    input  logic [M*(1+EXP+MAN)-1:0] group,
    input  logic [             31:0] above,
    output logic [             31:0] sum
);
  localparam int WIDTH = 1 + EXP + MAN;
  logic [WIDTH-1:0] next_value, held_value, value, chosen;
  logic [INDEX_BITS-1:0] next_index, held_index, index;
  logic [31:0] term, total;
  assign {value, index} = first ? {next_value, next_index} : {held_value, held_index};
  always_comb begin
    chosen = group[WIDTH-1:0];
    for (int i = 1; i < M; i = i + 1)
      if (index == i[INDEX_BITS-1:0]) chosen = group[i*WIDTH+:WIDTH];
  end
  nm_array_multiply #(
      .EXP(EXP),
      .MAN(MAN)
  ) multiply (
      .a(chosen),
      .b(value),
      .product(term)
  );
  nm_array_add add (
      .a  (above),
      .b  (term),
      .sum(total)
  );
  assign sum = adds ? total : above;
  always_ff @(posedge clk)
    if (advance) begin
      if (load) {next_value, next_index} <= {load_value, load_index};
      if (first) {held_value, held_index} <= {next_value, next_index};
    end
endmodule
