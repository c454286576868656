// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What becomes of a sum on its way out: times the product's value, plus what
// dest held if it accumulates, as an element of dest. Each step is rounded by
// itself. Combinational.
module nm_array_output (
    input  logic [31:0] sum,
    input  logic [31:0] value,
    input  logic        accumulate,
    input  logic [ 1:0] kind,
    input  logic [31:0] dest,
    output logic [31:0] element
);
  logic [31:0] scaled, half, addend, total;
  nm_array_multiply #(
      .EXP(8),
      .MAN(23)
  ) scale (
      .a(sum),
      .b(value),
      .product(scaled)
  );
  // f16 times one is the same as f32.
  nm_array_multiply #(
      .EXP(5),
      .MAN(10)
  ) widen (
      .a(dest[15:0]),
      .b(16'h3c00),
      .product(half)
  );
  assign addend = kind == 2'd1 ? half : kind == 2'd2 ? {dest[15:0], 16'b0} : dest;
  nm_array_add add (
      .a  (addend),
      .b  (scaled),
      .sum(total)
  );
  nm_array_round round (
      .value(accumulate ? total : scaled),
      .kind(kind),
      .element(element)
  );
endmodule
