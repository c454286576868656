//===- bench.h - An array's SystemVerilog against the simulator -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the benches of both arrays have in common: commands, what dest held,
// results, pauses. Parameters of the module are macros: ROWS, COLS, EXP, MAN,
// GROUP (M), SEGMENTS, LATENCY, SETUP.
//
//===----------------------------------------------------------------------===//

#ifndef NM_TEST_ARRAY_BENCH_H
#define NM_TEST_ARRAY_BENCH_H

#include "product.h"
#include "verilated.h"
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

constexpr int kWidth = 1 + EXP + MAN;
constexpr int kOperand = EXP == 5 ? 1 : MAN == 7 ? 2 : 0;

inline int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Bits of a port of any width.
template <typename Port>
void put(Port &port, int64_t low, int bits, uint32_t value) {
  if constexpr (std::is_integral_v<Port>) {
    uint64_t mask = ((uint64_t(1) << bits) - 1) << low;
    port = static_cast<Port>((uint64_t(port) & ~mask) | uint64_t(value) << low);
  } else {
    for (int b = 0; b != bits; ++b, ++low) {
      uint32_t bit = uint32_t(1) << low % 32;
      port[low / 32] = (port[low / 32] & ~bit) | (value >> b & 1) * bit;
    }
  }
}
template <typename Port> uint32_t get(const Port &port, int64_t low) {
  if constexpr (std::is_integral_v<Port>)
    return static_cast<uint32_t>(uint64_t(port) >> low);
  else
    return port[low / 32]; // elements are words
}

/// `TileRows` rows of dest are summed at a time, `OutRows` of them leave in a
/// cycle.
template <typename Top, int64_t TileRows, int64_t OutRows> class Bench {
public:
  Bench(const std::vector<Product> &products, uint64_t seed, bool pauses)
      : products(products), random(seed), pauses(pauses),
        sums(products.size(), -1) {}
  virtual ~Bench() = default;
  void run();

protected:
  /// Offers operands, and looks at which were taken.
  virtual void offer() = 0;
  virtual void take() = 0;
  /// Rows that stay in the array while others pass by, and how many those are.
  struct Passes {
    int64_t stay, pass;
  };
  virtual Passes passesOf(const Product &p) const = 0;
  /// About the cycles of a product without pauses.
  int64_t cyclesOf(const Product &p) const {
    return SETUP + LATENCY + ROWS + foldsOf(p) * (passesOf(p).pass + ROWS);
  }
  int64_t foldsOf(const Product &p) const {
    return ceilDiv(passesOf(p).stay, ROWS) * ceilDiv(p.cols, widthOf(p));
  }
  /// Of a run without pauses; false where the simulator says none.
  virtual bool checkTimes() const = 0;

  void offerIndices(const Product &p, int64_t firstCol);
  void takeIndices(const Product &p, size_t product, bool tileEnds, int64_t row,
                   int64_t col);
  void checkCycles(size_t product, int64_t sum, int64_t cycles) const;
  bool goes() { return !pauses || random.below(3) != 0; }
  static int64_t widthOf(const Product &p) { return COLS / p.segments; }
  uint32_t anything() { return static_cast<uint32_t>(random.below(65536)); }
  /// An element of lhs in the port's place for bus, row of the array and member
  /// of a group.
  void putLhs(const Product &p, int64_t bus, int64_t r, int64_t i, int64_t row,
              int64_t position);
  /// The weights of all columns.
  template <typename Port>
  void putWeights(Port &port, const Product &p, int64_t firstCol,
                  int64_t position);
  [[noreturn]] void fail(const char *what, size_t product, int64_t row,
                         int64_t col, uint64_t found, uint64_t expected) const;

  const std::vector<Product> &products;
  Elements random;
  bool pauses;
  VerilatedContext context;
  Top top{&context};
  int64_t cycle = 0, commanded = -1, byte = 0;
  size_t asked = 0, left = 0; ///< products
  std::vector<int64_t> sums;  ///< when the last tile of a product is summed

private:
  void reset();
  void tick();
  void command();
  void dest();
  void result();

  bool commandHeld = false, indexHeld = false, destHeld = false;
};

#define BENCH template <typename Top, int64_t TileRows, int64_t OutRows>
#define OF_BENCH Bench<Top, TileRows, OutRows>

BENCH void OF_BENCH::fail(const char *what, size_t product, int64_t row,
                          int64_t col, uint64_t found,
                          uint64_t expected) const {
  const Product &p = products[product];
  std::printf("cycle %lld, product %zu (%lld x %lld x %lld, %lld:%lld, %lld "
              "segments), row %lld, column %lld: %s is %llx, expected %llx\n",
              (long long)cycle, product, (long long)p.rows, (long long)p.cols,
              (long long)p.kept, (long long)p.n, (long long)p.m,
              (long long)p.segments, (long long)row, (long long)col, what,
              (unsigned long long)found, (unsigned long long)expected);
  std::exit(1);
}

BENCH void OF_BENCH::reset() {
  top.rst = 1;
  for (int i = 0; i != 3; ++i) {
    top.clk = 0;
    top.eval();
    top.clk = 1;
    top.eval();
  }
  top.rst = 0;
}

// What is offered stays until it is taken.
BENCH void OF_BENCH::command() {
  commandHeld = asked != products.size() && (commandHeld || goes());
  top.cmd_valid = commandHeld;
  if (!commandHeld)
    return;
  const Product &p = products[asked];
  top.cmd_rows = p.rows;
  top.cmd_cols = p.cols;
  top.cmd_steps = p.kept;
  top.cmd_width = widthOf(p);
  top.cmd_n = p.n;
  top.cmd_m = p.m;
  top.cmd_type = p.dest;
  top.cmd_value = p.value;
  top.cmd_accumulate = p.accumulates;
}

BENCH void OF_BENCH::dest() {
  bool needs = left != products.size() && products[left].accumulates;
  destHeld = needs && (destHeld || goes());
  top.dest_valid = destHeld;
  if (!destHeld)
    return;
  const Product &p = products[left];
  for (int64_t r = 0; r != OutRows; ++r)
    for (int64_t c = 0; c != COLS; ++c) {
      int64_t row = top.out_row + r, s = c / widthOf(p),
              col = top.out_col + c % widthOf(p);
      if (row < p.rows && s < p.segments && col < p.cols)
        put(top.dest_elements, (r * COLS + c) * 32, 32,
            p.before[(s * p.rows + row) * p.cols + col]);
    }
}

BENCH void OF_BENCH::result() {
  const Product &p = products[left];
  bool lastTile = top.out_col + widthOf(p) >= p.cols &&
                  top.out_row / TileRows == (p.rows - 1) / TileRows;
  if (lastTile && sums[left] < 0)
    sums[left] = cycle;
  if (!top.out_ready)
    return;
  for (int64_t r = 0; r != OutRows; ++r)
    for (int64_t c = 0; c != COLS; ++c) {
      int64_t row = top.out_row + r, s = c / widthOf(p),
              col = top.out_col + c % widthOf(p);
      if (row >= p.rows || s >= p.segments || col >= p.cols)
        continue;
      uint32_t found = get(top.out_elements, (r * COLS + c) * 32);
      uint32_t expected = p.after[(s * p.rows + row) * p.cols + col];
      if (found != expected)
        fail("dest", left, row, col, found, expected);
    }
  bool isLast = lastTile && top.out_row + OutRows >= p.rows;
  if (top.out_last != isLast)
    fail("out_last", left, top.out_row, top.out_col, top.out_last, isLast);
  left += isLast;
}

BENCH void OF_BENCH::putLhs(const Product &p, int64_t bus, int64_t r, int64_t i,
                            int64_t row, int64_t position) {
  int64_t s = bus * (COLS / SEGMENTS) / widthOf(p);
  bool within = row < p.rows && position < p.kept && i < p.m;
  put(top.step_lhs, ((bus * ROWS + r) * GROUP + i) * kWidth, kWidth,
      within ? p.lhs[(s * p.rows + row) * p.depth() + position / p.n * p.m + i]
             : anything());
}

BENCH template <typename Port>
void OF_BENCH::putWeights(Port &port, const Product &p, int64_t firstCol,
                          int64_t position) {
  for (int64_t c = 0; c != COLS; ++c) {
    int64_t s = c / widthOf(p), col = firstCol + c % widthOf(p);
    bool within = s < p.segments && col < p.cols;
    put(port, c * kWidth, kWidth,
        within ? p.weights[(s * p.cols + col) * p.kept + position]
               : anything());
  }
}

BENCH void OF_BENCH::offerIndices(const Product &p, int64_t firstCol) {
  // A byte that is not there may not be asked for.
  indexHeld = byte < p.indexBytes() && (indexHeld || goes());
  top.index_valid = indexHeld;
  for (int64_t c = 0; indexHeld && c != COLS; ++c) {
    int64_t col = firstCol + c;
    put(top.index_bytes, 8 * c, 8,
        col < p.cols ? p.indices[col * p.indexBytes() + byte]
                     : static_cast<uint8_t>(random.below(256)));
  }
}

/// Weights were taken: so were their indices, if a byte was due.
BENCH void OF_BENCH::takeIndices(const Product &p, size_t product,
                                 bool tileEnds, int64_t row, int64_t col) {
  byte += top.index_ready;
  if (top.index_ready && !indexHeld)
    fail("index", product, row, col, 1, 0);
  if (tileEnds) {
    if (byte != p.indexBytes())
      fail("number of index bytes", product, row, col, byte, p.indexBytes());
    byte = 0;
  }
  indexHeld = indexHeld && !top.index_ready;
}

/// The last sum of a product, and the cycles that the simulator said, if it
/// did.
BENCH void OF_BENCH::checkCycles(size_t product, int64_t sum,
                                 int64_t cycles) const {
  double said = products[product].cycles;
  if (sums[product] != sum)
    fail("the cycle of the last sum", product, 0, 0, sums[product], sum);
  // Times of the simulator are sums of fractions.
  if (said >= 0 && std::fabs(said - static_cast<double>(cycles)) > 1e-6)
    fail("cycles", product, 0, 0, cycles, static_cast<uint64_t>(said));
}

BENCH void OF_BENCH::tick() {
  top.clk = 0;
  top.eval();
  command();
  offer();
  dest();
  top.out_ready = goes();
  top.eval();
  bool commandTaken = top.cmd_valid && top.cmd_ready;
  take();
  destHeld = destHeld && !(top.dest_valid && top.dest_ready && top.out_valid);
  if (top.out_valid)
    result();
  if (commandTaken) {
    if (commanded < 0)
      commanded = cycle;
    ++asked;
    commandHeld = false;
  }
  top.clk = 1;
  top.eval();
  ++cycle;
}

BENCH void OF_BENCH::run() {
  reset();
  int64_t work = 0;
  for (const Product &p : products)
    work += cyclesOf(p);
  for (int64_t limit = 100 + 40 * work; left != products.size();) {
    tick();
    if (cycle > limit)
      fail("the number of cycles", left, 0, 0, cycle, work);
  }
  bool timed = !pauses && checkTimes();
  std::printf("%zu products, %lld cycles, no mismatch%s\n", products.size(),
              (long long)cycle,
              pauses  ? ", with pauses"
              : timed ? ", in time"
                      : "");
}

#undef BENCH
#undef OF_BENCH

/// `random <products> <seed>` or `golden <file>`, with and without pauses.
template <typename Runner> int benchMain(int argc, char **argv) {
  std::vector<Product> products;
  uint64_t seed = 1;
  if (argc == 4 && !std::strcmp(argv[1], "random")) {
    seed = std::strtoull(argv[3], nullptr, 10);
    Elements random(seed);
    Limits limits{kOperand, SEGMENTS, GROUP, ROWS, COLS};
    for (uint64_t left = std::strtoull(argv[2], nullptr, 10); left; --left) {
      products.push_back(randomProduct(random, limits));
      // A product of the same shape: no set-up between.
      if (random.below(4) == 0)
        products.push_back(products.back());
    }
  } else if (argc == 3 && !std::strcmp(argv[1], "golden")) {
    std::ifstream file(argv[2]);
    for (Product p; read(file, p); p = Product())
      if (p.operand == kOperand)
        products.push_back(p);
  } else {
    std::fprintf(stderr, "usage: testbench random <products> <seed>\n"
                         "       testbench golden <file>\n");
    return 2;
  }
  if (products.empty()) {
    std::printf("no products\n");
    return 1;
  }
  Runner(products, seed, false).run();
  Runner(products, seed, true).run();
  return 0;
}

#endif // NM_TEST_ARRAY_BENCH_H
