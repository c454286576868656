// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// CYCLES registers that move together.
module nm_array_delay #(
    parameter int BITS = 1,
    parameter int CYCLES = 0,
    parameter bit RESET = 1'b0
) (
    input  logic            clk,
    input  logic            rst,
    input  logic            advance,
    input  logic [BITS-1:0] in,
    output logic [BITS-1:0] out
);
  generate
    genvar i;
    for (i = 0; i < CYCLES; i = i + 1) begin : g_stage
      logic [BITS-1:0] from, held;
      if (i == 0) begin : g_first
        assign from = in;
      end else begin : g_next
        assign from = g_stage[i-1].held;
      end
      always_ff @(posedge clk)
        if (RESET && rst) held <= '0;
        else if (advance) held <= from;
    end
    if (CYCLES > 0) begin : g_out
      assign out = g_stage[CYCLES-1].held;
    end else begin : g_straight
      /* verilator lint_off UNUSEDSIGNAL */
      logic unused;
      /* verilator lint_on UNUSEDSIGNAL */
      assign unused = ^{clk, rst, advance};
      assign out = in;
    end
  endgenerate
endmodule
