// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The arithmetic of the array, side by side.
module nm_array_units (
    input  logic [31:0] a,
    input  logic [31:0] b,
    output logic [31:0] sum,
    output logic [31:0] product,
    output logic [31:0] product_half,
    output logic [31:0] product_brain,
    output logic [31:0] half,
    output logic [31:0] brain,
    output logic [31:0] single
);
  nm_array_add add (
      .a  (a),
      .b  (b),
      .sum(sum)
  );
  nm_array_multiply #(
      .EXP(8),
      .MAN(23)
  ) wide (
      .a(a),
      .b(b),
      .product(product)
  );
  nm_array_multiply #(
      .EXP(5),
      .MAN(10)
  ) halves (
      .a(a[15:0]),
      .b(b[15:0]),
      .product(product_half)
  );
  nm_array_multiply #(
      .EXP(8),
      .MAN(7)
  ) brains (
      .a(a[15:0]),
      .b(b[15:0]),
      .product(product_brain)
  );
  nm_array_round to_half (
      .value(a),
      .kind(2'd1),
      .element(half)
  );
  nm_array_round to_brain (
      .value(a),
      .kind(2'd2),
      .element(brain)
  );
  nm_array_round to_single (
      .value(a),
      .kind(2'd0),
      .element(single)
  );
endmodule
