// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An f32 as an element: kind 0 is f32, 1 f16, 2 bf16, in the lowest bits. To
// nearest, ties to even; NaN is the one quiet NaN of the type. Combinational.
module nm_array_round (
    input  logic [31:0] value,
    input  logic [ 1:0] kind,
    output logic [31:0] element
);
  logic nan;
  assign nan = &value[30:23] && |value[22:0];

  logic [15:0] brain;
  assign brain = value[31:16] + {15'b0, value[15] && (value[16] || |value[14:0])};

  // f16: 11 bits of 24; below its normal numbers the fraction moves right, and
  // bits that leave are remembered in the last one.
  logic [23:0] placed;
  logic [8:0] below, above;
  logic [15:0] half;
  logic up;
  assign below = 9'd113 - {1'b0, value[30:23]};
  assign above = {1'b0, value[30:23]} - 9'd112;
  always_comb begin
    placed = {|value[30:23], value[22:0]};
    if (value[30:23] < 8'd113) begin
      for (int i = 0; i < 5; i = i + 1)
        if (below[i])
          placed = (placed >> (1 << i)) | {23'b0, |(placed & ~({24{1'b1}} << (1 << i)))};
      if (|below[8:5]) placed = {23'b0, |value[30:0]};
    end
  end
  assign up = placed[12] && (placed[13] || |placed[11:0]);
  assign half = {1'b0, placed[23] ? above[4:0] : 5'd0, placed[22:13]} + {15'b0, up};

  always_comb begin
    case (kind)
      2'd1: begin
        if (nan) element = 32'h7e00;
        else if (value[30:23] > 8'd142 || &half[14:10]) element = {16'b0, value[31], 15'h7c00};
        else element = {16'b0, value[31], half[14:0]};
      end
      2'd2: element = {16'b0, nan ? 16'h7fc0 : brain};
      default: element = nan ? 32'h7fc00000 : value;
    endcase
  end
  /* verilator lint_off UNUSEDSIGNAL */
  logic unused;
  /* verilator lint_on UNUSEDSIGNAL */
  assign unused = ^{above[8:5], half[15]};
endmodule
