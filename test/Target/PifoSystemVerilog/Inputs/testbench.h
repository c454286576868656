//===- testbench.h - What the testbenches share -----------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include <cstdint>
#include <cstdio>
#include <cstdlib>

/// Numbers by a format in which each is %llu.
template <typename... Numbers>
void printNumbers(const char *format, Numbers... numbers) {
  std::printf(format, static_cast<unsigned long long>(numbers)...);
}

/// Ends the run with what differs.
[[noreturn]] inline void fail(uint64_t cycle, const char *what, uint64_t rtl,
                              uint64_t expected) {
  std::printf("mismatch in cycle %llu: %s is %llu, expected %llu\n",
              static_cast<unsigned long long>(cycle), what,
              static_cast<unsigned long long>(rtl),
              static_cast<unsigned long long>(expected));
  std::exit(1);
}

inline void expect(uint64_t cycle, const char *what, uint64_t rtl,
                   uint64_t expected) {
  if (rtl != expected)
    fail(cycle, what, rtl, expected);
}

template <typename Top> void clock(Top &top) {
  top.clk = 1;
  top.eval();
  top.clk = 0;
  top.eval();
}

/// Two cycles of reset.
template <typename Top> void startUp(Top &top) {
  top.clk = 0;
  top.rst = 1;
  top.eval();
  clock(top);
  clock(top);
  top.rst = 0;
}

/// Runs a bench, which is made from a seed and has step(cycle), as its command
/// line says; then it prints its figures.
template <typename Bench> int runBench(int argc, char **argv) {
  if (argc != 3)
    return std::fprintf(stderr, "usage: %s <cycles> <seed>\n", argv[0]), 2;
  uint64_t cycles = std::strtoull(argv[1], nullptr, 10);
  Bench bench(std::strtoull(argv[2], nullptr, 10));
  for (uint64_t cycle = 0; cycle < cycles; ++cycle)
    bench.step(cycle);
  printNumbers("%llu cycles, no mismatch: ", cycles);
  bench.print();
  return 0;
}
