// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The f32 nearest to a * b, ties to even (IEEE 754), denormal numbers and all;
// combinational. EXP and MAN are the bits of exponent and fraction of the
// operands: 5 and 10 are f16, 8 and 7 bf16, 8 and 23 f32. NaN is 7fc00000.
module nm_array_multiply #(
    parameter int EXP = 5,
    parameter int MAN = 10
) (
    input  logic [EXP+MAN:0] a,
    input  logic [EXP+MAN:0] b,
    output logic [     31:0] product
);
  localparam int W = MAN + 1;
  localparam int BIAS = (1 << (EXP - 1)) - 1;
  // Room for 24 bits, the one behind them and one for all others.
  localparam int P = 2 * W < 26 ? 26 : 2 * W;
  // Of a product whose significands' product has its highest bit set.
  localparam int OFFSET = 128 - 2 * BIAS;
  // No product of narrow exponents leaves the normal numbers of f32, and one of
  // short fractions needs no rounding there.
  localparam bit EXACT = EXP < 8 && 2 * W <= 24;

  logic [EXP-1:0] exp_a, exp_b;
  logic [W-1:0] sig_a, sig_b;
  logic [2*W-1:0] full;
  logic special_a, special_b, zero_a, zero_b, invalid, sign;
  assign exp_a = a[MAN+:EXP];
  assign exp_b = b[MAN+:EXP];
  assign sig_a = {|exp_a, a[MAN-1:0]};
  assign sig_b = {|exp_b, b[MAN-1:0]};
  assign full = {{W{1'b0}}, sig_a} * {{W{1'b0}}, sig_b};
  assign special_a = &exp_a;
  assign special_b = &exp_b;
  assign zero_a = sig_a == '0;
  assign zero_b = sig_b == '0;
  assign invalid = (special_a && (|a[MAN-1:0] || zero_b)) || (special_b && (|b[MAN-1:0] || zero_a));
  assign sign = a[EXP+MAN] ^ b[EXP+MAN];

  // The leading one goes to the top.
  logic signed [11:0] raised, exponent;
  logic [P-1:0] aligned, normal;
  assign raised = $signed({{(12 - EXP) {1'b0}}, exp_a}) + $signed({{(12 - EXP) {1'b0}}, exp_b})
      + $signed({11'b0, ~|exp_a}) + $signed({11'b0, ~|exp_b}) + $signed(OFFSET[11:0]);
  generate
    if (P == 2 * W) begin : g_wide
      assign aligned = full;
    end else begin : g_narrow
      assign aligned = {full, {(P - 2 * W) {1'b0}}};
    end
  endgenerate
  always_comb begin
    normal = aligned;
    exponent = raised;
    for (int i = 5; i >= 0; i = i - 1)
      if ((1 << i) < P && (normal >> (P - (1 << i))) == '0) begin
        normal = normal << (1 << i);
        exponent = exponent - (12'sd1 << i);
      end
  end

  logic [30:0] rounded;
  logic over;
  generate
    if (EXACT) begin : g_exact
      assign rounded = {exponent[7:0], normal[P-2-:23]};
      assign over = 1'b0;
      /* verilator lint_off UNUSEDSIGNAL */
      logic unused;
      /* verilator lint_on UNUSEDSIGNAL */
      assign unused = ^{exponent[11:8], normal[P-1], normal[P-25:0]};
    end else begin : g_rounded
      // Below the normal numbers the fraction moves right; bits that leave are
      // remembered in the last one.
      logic [P-1:0] placed;
      logic signed [11:0] below;
      logic up;
      assign below = 12'sd1 - exponent;
      always_comb begin
        placed = normal;
        if (below > 12'sd0) begin
          for (int i = 0; i < 6; i = i + 1)
            if (below[i])
              placed = (placed >> (1 << i))
                  | {{(P - 1) {1'b0}}, |(placed & ~({P{1'b1}} << (1 << i)))};
          if (below > 12'sd63) placed = {{(P - 1) {1'b0}}, |normal};
        end
      end
      assign up = placed[P-25] && (placed[P-24] || |placed[P-26:0]);
      assign rounded = {placed[P-1] ? exponent[7:0] : 8'd0, placed[P-2-:23]} + {30'b0, up};
      assign over = exponent > 12'sd254 || &rounded[30:23];
    end
  endgenerate

  always_comb begin
    if (invalid) product = 32'h7fc00000;
    else if (zero_a || zero_b) product = {sign, 31'b0};
    else if (special_a || special_b || over) product = {sign, 8'hff, 23'b0};
    else product = {sign, rounded};
  end
endmodule
