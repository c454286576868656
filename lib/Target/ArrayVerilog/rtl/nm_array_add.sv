// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The f32 nearest to a + b, ties to even (IEEE 754), denormal numbers and all;
// combinational. x - x is +0. NaN is 7fc00000.
module nm_array_add (
    input  logic [31:0] a,
    input  logic [31:0] b,
    output logic [31:0] sum
);
  // The larger magnitude, and the smaller moved to its exponent: 24 bits, two
  // behind them and one for all others.
  logic swap, subtract;
  logic [31:0] big, little;
  logic [7:0] exp_big, exp_little, distance;
  logic [26:0] sig_big, sig_little, moved;
  assign swap = b[30:0] > a[30:0];
  assign big = swap ? b : a;
  assign little = swap ? a : b;
  assign subtract = big[31] ^ little[31];
  assign exp_big = big[30:23] | {7'b0, ~|big[30:23]};
  assign exp_little = little[30:23] | {7'b0, ~|little[30:23]};
  assign sig_big = {|big[30:23], big[22:0], 3'b0};
  assign sig_little = {|little[30:23], little[22:0], 3'b0};
  assign distance = exp_big - exp_little;
  always_comb begin
    moved = sig_little;
    for (int i = 0; i < 5; i = i + 1)
      if (distance[i])
        moved = (moved >> (1 << i)) | {26'b0, |(moved & ~({27{1'b1}} << (1 << i)))};
    if (|distance[7:5]) moved = {26'b0, |sig_little};
  end

  logic [27:0] total;
  logic [26:0] placed;
  logic [8:0] exponent;
  assign total = subtract ? {1'b0, sig_big} - {1'b0, moved} : {1'b0, sig_big} + {1'b0, moved};
  always_comb begin
    exponent = {1'b0, exp_big};
    if (total[27]) begin
      placed = {total[27:2], |total[1:0]};
      exponent = exponent + 9'd1;
    end else begin
      placed = total[26:0];
      // The leading one goes to the top, as far as the exponent allows.
      for (int i = 4; i >= 0; i = i - 1)
        if ((placed >> (27 - (1 << i))) == '0 && exponent > (9'd1 << i)) begin
          placed = placed << (1 << i);
          exponent = exponent - (9'd1 << i);
        end
    end
  end

  logic up, over, special, invalid;
  logic [30:0] rounded;
  assign up = placed[2] && (placed[3] || |placed[1:0]);
  assign rounded = {placed[26] ? exponent[7:0] : 8'd0, placed[25:3]} + {30'b0, up};
  assign over = exponent > 9'd254 || &rounded[30:23];
  assign special = &big[30:23];
  assign invalid = special && (|big[22:0] || (&little[30:23] && subtract));
  always_comb begin
    if (invalid) sum = 32'h7fc00000;
    else if (special) sum = big;
    else if (total == '0) sum = {a[31] && b[31], 31'b0};
    else if (over) sum = {big[31], 8'hff, 23'b0};
    else sum = {big[31], rounded};
  end
endmodule
