// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A place of the array: the element of a group that an index names, times a
// value, added to the sum. LATENCY counts registers before the sum: none, one
// behind the multiplier, or one more before it. `first` and `sums` belong to
// the step that is added now.
module nm_array_place #(
    parameter int EXP = 5,
    parameter int MAN = 10,
    parameter int M = 4,
    parameter int INDEX_BITS = 2,
    parameter int LATENCY = 0
) (
    input  logic                     clk,
    input  logic                     advance,
    input  logic                     first,
    input  logic                     sums,
    input  logic [M*(1+EXP+MAN)-1:0] group,
    input  logic [   INDEX_BITS-1:0] index,
    input  logic [        EXP+MAN:0] value,
    // The sum with this step's product.
    output logic [             31:0] sum
);
  localparam int WIDTH = 1 + EXP + MAN;
  logic [WIDTH-1:0] chosen, lhs, rhs;
  logic [31:0] product, term, held;
  always_comb begin
    chosen = group[0+:WIDTH];
    for (int i = 1; i < M; i = i + 1)
      if (index == i[INDEX_BITS-1:0]) chosen = group[i*WIDTH+:WIDTH];
  end
  generate
    if (LATENCY >= 2) begin : g_operands
      always_ff @(posedge clk)
        if (advance) begin
          lhs <= chosen;
          rhs <= value;
        end
    end else begin : g_straight
      assign lhs = chosen;
      assign rhs = value;
    end
  endgenerate
  nm_array_multiply #(
      .EXP(EXP),
      .MAN(MAN)
  ) multiply (
      .a(lhs),
      .b(rhs),
      .product(product)
  );
  generate
    if (LATENCY >= 1) begin : g_product
      always_ff @(posedge clk) if (advance) term <= product;
    end else begin : g_term
      assign term = product;
    end
  endgenerate
  nm_array_add add (
      .a  (first ? 32'b0 : held),
      .b  (term),
      .sum(sum)
  );
  always_ff @(posedge clk) if (advance && sums) held <= sum;
endmodule
