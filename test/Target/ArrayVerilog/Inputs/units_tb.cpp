//===- units_tb.cpp - The array's arithmetic against the host's -----------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// usage: units_tb <pairs> <seed>
// Sums and products of random pairs with many special ones, and roundings; with
// 0 pairs all of f16 by f16 and all roundings of 2^32 numbers.
//
//===----------------------------------------------------------------------===//

#include "Vnm_array_units.h"
#include "elements.h"
#include "verilated.h"
#include <cstdio>
#include <cstdlib>

namespace {
struct Units {
  VerilatedContext context;
  Vnm_array_units top{&context};

  void expect(const char *what, uint32_t found, uint32_t expected) {
    if (found == expected)
      return;
    std::printf("%s of %08x and %08x: found %08x, expected %08x\n", what, top.a,
                top.b, found, expected);
    std::exit(1);
  }

  void roundings() {
    float value = floatOf(top.a);
    expect("f16", top.half, narrow(value, 1));
    expect("bf16", top.brain, narrow(value, 2));
    expect("f32", top.single, narrow(value, 0));
  }

  void halves() {
    expect("product of f16", top.product_half,
           bitsOf(widen(top.a & 0xffff, 1) * widen(top.b & 0xffff, 1)));
  }

  void pair(uint32_t a, uint32_t b) {
    top.a = a;
    top.b = b;
    top.eval();
    expect("sum", top.sum, bitsOf(floatOf(a) + floatOf(b)));
    expect("product", top.product, bitsOf(floatOf(a) * floatOf(b)));
    expect("product of bf16", top.product_brain,
           bitsOf(widen(a & 0xffff, 2) * widen(b & 0xffff, 2)));
    halves();
    roundings();
  }

  void all() {
    for (uint64_t i = 0; i != uint64_t(1) << 32; ++i) {
      top.a = static_cast<uint32_t>(i);
      // Both operands of f16 are in one number.
      top.b = static_cast<uint32_t>(i >> 16);
      top.eval();
      halves();
      roundings();
    }
  }
};

/// Two numbers that are near one another, or each of its own kind.
void next(Elements &elements, uint32_t &a, uint32_t &b) {
  a = elements.any(0);
  b = elements.any(0);
  switch (elements.below(8)) {
  case 0: // cancels
    b = a ^ 0x80000000 ^ static_cast<uint32_t>(elements.below(8));
    break;
  case 1: // a sum of one place more, or a rounding at the end
    b = (a & 0x7f800000) - static_cast<uint32_t>(elements.below(28) << 23) |
        (b & 0x807fffff);
    break;
  case 2: // f16 and bf16 in the low halves; ties of f16 above
    a = elements.any(1) | (elements.any(2) << 16);
    b = elements.any(2) | (elements.any(1) << 16);
    break;
  case 3: // products near the smallest numbers
    b = (0x3f800000 - (a & 0x7f800000) +
         static_cast<uint32_t>(elements.below(30) << 23)) |
        (b & 0x807fffff);
    break;
  case 4: // where f16 begins and ends
    a = (a & 0x807fffff) | static_cast<uint32_t>(elements.below(64) + 96) << 23;
    if (elements.below(2))
      a &= 0xfffff000;
    break;
  case 5:
    b = elements.any(1);
    a = elements.any(1);
    break;
  }
}
} // namespace

int main(int argc, char **argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: units_tb <pairs> <seed>\n");
    return 2;
  }
  uint64_t pairs = std::strtoull(argv[1], nullptr, 10);
  Elements elements(std::strtoull(argv[2], nullptr, 10));
  Units units;
  if (pairs == 0) {
    units.all();
    std::printf("all products of f16 and all roundings, no mismatch\n");
    return 0;
  }
  for (uint64_t i = 0; i != pairs; ++i) {
    uint32_t a, b;
    next(elements, a, b);
    units.pair(a, b);
  }
  std::printf("%llu pairs, no mismatch\n",
              static_cast<unsigned long long>(pairs));
}
