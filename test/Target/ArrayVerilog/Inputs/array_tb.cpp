//===- array_tb.cpp - The array's SystemVerilog against the simulator ------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// usage: array_tb random <products> <seed>
//        array_tb golden <file>
// Compares every element of every product, and of a run without pauses the
// cycle in which each product is summed. Parameters of the module are macros:
// ROWS, COLS, EXP, MAN, GROUP (M), SEGMENTS, LATENCY, SETUP, DRAIN.
//
//===----------------------------------------------------------------------===//

#include "Vnm_array.h"
#include "product.h"
#include "verilated.h"
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

namespace {
constexpr int kWidth = 1 + EXP + MAN;
constexpr int kOperand = EXP == 5 ? 1 : MAN == 7 ? 2 : 0;

int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

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

class Bench {
public:
  Bench(const std::vector<Product> &products, uint64_t seed, bool pauses)
      : products(products), random(seed), pauses(pauses),
        sums(products.size(), -1) {}
  void run();

private:
  void reset();
  void tick();
  void command();
  void step();
  void indices(const Product &p);
  void dest();
  void result();
  bool goes() { return !pauses || random.below(3) != 0; }
  static int64_t widthOf(const Product &p) { return COLS / p.segments; }
  void checkTimes() const;
  [[noreturn]] void fail(const char *what, size_t product, int64_t row,
                         int64_t col, uint64_t found, uint64_t expected) const;

  const std::vector<Product> &products;
  Elements random;
  bool pauses;
  VerilatedContext context;
  Vnm_array top{&context};
  int64_t cycle = 0, commanded = -1, byte = 0;
  size_t asked = 0, fed = 0, left = 0; ///< products
  bool stepHeld = false, commandHeld = false, indexHeld = false,
       destHeld = false;
  std::vector<int64_t> sums; ///< when the last tile of a product is summed
};

void Bench::fail(const char *what, size_t product, int64_t row, int64_t col,
                 uint64_t found, uint64_t expected) const {
  const Product &p = products[product];
  std::printf("cycle %lld, product %zu (%lld x %lld x %lld, %lld:%lld, %lld "
              "segments), row %lld, column %lld: %s is %llx, expected %llx\n",
              (long long)cycle, product, (long long)p.rows, (long long)p.cols,
              (long long)p.kept, (long long)p.n, (long long)p.m,
              (long long)p.segments, (long long)row, (long long)col, what,
              (unsigned long long)found, (unsigned long long)expected);
  std::exit(1);
}

void Bench::reset() {
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
void Bench::command() {
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

void Bench::step() {
  stepHeld = fed < asked && (stepHeld || goes());
  top.step_valid = stepHeld;
  if (fed == asked)
    return;
  const Product &p = products[fed];
  int64_t position = top.step_position, group = position / p.n * p.m;
  for (int64_t bus = 0; bus != SEGMENTS; ++bus) {
    int64_t s = bus * (COLS / SEGMENTS) / widthOf(p);
    for (int64_t r = 0; r != ROWS; ++r)
      for (int64_t i = 0; i != GROUP; ++i) {
        int64_t row = top.step_row + r;
        bool within = row < p.rows && i < p.m;
        uint32_t element =
            within ? p.lhs[(s * p.rows + row) * p.depth() + group + i]
                   : static_cast<uint32_t>(random.below(65536));
        put(top.step_lhs, ((bus * ROWS + r) * GROUP + i) * kWidth, kWidth,
            element);
      }
  }
  for (int64_t c = 0; c != COLS; ++c) {
    int64_t s = c / widthOf(p), col = top.step_col + c % widthOf(p);
    bool within = s < p.segments && col < p.cols;
    put(top.step_rhs, c * kWidth, kWidth,
        within ? p.weights[(s * p.cols + col) * p.kept + position]
               : static_cast<uint32_t>(random.below(65536)));
  }
  indices(p);
}

void Bench::indices(const Product &p) {
  // A byte that is not there may not be asked for.
  indexHeld = byte < p.indexBytes() && (indexHeld || goes());
  top.index_valid = indexHeld;
  for (int64_t c = 0; indexHeld && c != COLS; ++c) {
    int64_t col = top.step_col + c;
    put(top.index_bytes, 8 * c, 8,
        col < p.cols ? p.indices[col * p.indexBytes() + byte]
                     : static_cast<uint8_t>(random.below(256)));
  }
}

void Bench::dest() {
  bool needs = left != products.size() && products[left].accumulates;
  destHeld = needs && (destHeld || goes());
  top.dest_valid = destHeld;
  if (!destHeld)
    return;
  const Product &p = products[left];
  for (int64_t r = 0; r != DRAIN; ++r)
    for (int64_t c = 0; c != COLS; ++c) {
      int64_t row = top.out_row + r, s = c / widthOf(p),
              col = top.out_col + c % widthOf(p);
      if (row < p.rows && s < p.segments && col < p.cols)
        put(top.dest_elements, (r * COLS + c) * 32, 32,
            p.before[(s * p.rows + row) * p.cols + col]);
    }
}

void Bench::result() {
  const Product &p = products[left];
  bool lastTile = top.out_col + widthOf(p) >= p.cols &&
                  top.out_row / ROWS == (p.rows - 1) / ROWS;
  if (lastTile && sums[left] < 0)
    sums[left] = cycle;
  if (!top.out_ready)
    return;
  for (int64_t r = 0; r != DRAIN; ++r)
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
  bool isLast = lastTile && top.out_row + DRAIN >= p.rows;
  if (top.out_last != isLast)
    fail("out_last", left, top.out_row, top.out_col, top.out_last, isLast);
  left += isLast;
}

void Bench::tick() {
  top.clk = 0;
  top.eval();
  command();
  step();
  dest();
  top.out_ready = goes();
  top.eval();
  bool commandTaken = top.cmd_valid && top.cmd_ready;
  bool stepTaken = top.step_valid && top.step_ready;
  if (stepTaken && fed < products.size()) {
    const Product &p = products[fed];
    byte += top.index_ready;
    if (top.index_ready && !indexHeld)
      fail("index", fed, top.step_row, top.step_col, 1, 0);
    bool tileEnds = top.step_position + 1 == p.kept;
    if (tileEnds) {
      if (byte != p.indexBytes())
        fail("number of index bytes", fed, top.step_row, top.step_col, byte,
             p.indexBytes());
      byte = 0;
      fed +=
          top.step_col + widthOf(p) >= p.cols && top.step_row + ROWS >= p.rows;
    }
    stepHeld = false;
    indexHeld = indexHeld && !top.index_ready;
  }
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

/// Without pauses: one product after the other takes its set-up, if its shape
/// is new, and its steps; a short tile waits until the one before it has left.
void Bench::checkTimes() const {
  int64_t end = commanded + 1 + LATENCY;
  for (size_t i = 0; i != products.size(); ++i) {
    const Product &p = products[i];
    bool isNew = i == 0 || !p.sameShape(products[i - 1]);
    int64_t folds = ceilDiv(p.rows, ROWS) * ceilDiv(p.cols, widthOf(p));
    int64_t cycles = (isNew ? SETUP : 0) + folds * p.kept;
    end += cycles;
    if (sums[i] != end)
      fail("the cycle of the last sum", i, 0, 0, sums[i], end);
    // Times of the simulator are sums of fractions.
    if (p.cycles >= 0 &&
        std::fabs(p.cycles - static_cast<double>(cycles)) > 1e-6)
      fail("cycles", i, 0, 0, cycles, static_cast<uint64_t>(p.cycles));
  }
}

void Bench::run() {
  reset();
  int64_t work = 0;
  for (const Product &p : products)
    work +=
        SETUP + LATENCY + ROWS +
        ceilDiv(p.rows, ROWS) * ceilDiv(p.cols, widthOf(p)) * (p.kept + ROWS);
  for (int64_t limit = 100 + 40 * work; left != products.size();) {
    tick();
    if (cycle > limit)
      fail("the number of cycles", left, 0, 0, cycle, work);
  }
  if (!pauses && DRAIN == ROWS)
    checkTimes();
  std::printf("%zu products, %lld cycles, no mismatch%s\n", products.size(),
              (long long)cycle,
              pauses          ? ", with pauses"
              : DRAIN == ROWS ? ", in time"
                              : "");
}
} // namespace

int main(int argc, char **argv) {
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
    std::fprintf(stderr, "usage: array_tb random <products> <seed>\n"
                         "       array_tb golden <file>\n");
    return 2;
  }
  if (products.empty()) {
    std::printf("no products\n");
    return 1;
  }
  Bench(products, seed, false).run();
  Bench(products, seed, true).run();
}
