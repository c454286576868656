//===- product.h - A product for the array --------------------*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_TEST_ARRAY_PRODUCT_H
#define NM_TEST_ARRAY_PRODUCT_H

#include "elements.h"
#include <algorithm>
#include <istream>
#include <vector>

/// dest [segments, rows, cols] (+)= value * lhs [segments, rows, depth] times
/// the transpose of weights [segments, cols, kept]; depth = kept / n * m.
struct Product {
  int operand = 1, dest = 0; ///< types
  int64_t segments = 1, rows = 1, cols = 1, kept = 1, n = 1, m = 1;
  uint32_t value = 0x3f800000;
  bool accumulates = false;
  double cycles = -1; ///< as the simulator says; -1: nobody said
  std::vector<uint32_t> lhs, weights, before, after;
  /// Packed, `indexBytes` for each column.
  std::vector<uint8_t> indices;

  int64_t depth() const { return kept / n * m; }
  int64_t indexBits() const {
    int64_t bits = 0;
    while ((int64_t(1) << bits) < m)
      ++bits;
    return bits;
  }
  int64_t indexBytes() const { return (kept * indexBits() + 7) / 8; }

  /// The place of a kept weight within the reduction.
  int64_t place(int64_t column, int64_t p) const {
    int64_t index = 0;
    for (int64_t b = 0; b != indexBits(); ++b) {
      int64_t bit = p * indexBits() + b;
      index |= int64_t(indices[column * indexBytes() + bit / 8] >> bit % 8 & 1)
               << b;
    }
    return p / n * m + std::min(index, m - 1);
  }

  /// An element of dest, by the definition.
  uint32_t expected(int64_t s, int64_t r, int64_t c) const {
    float sum = 0;
    for (int64_t p = 0; p != kept; ++p) {
      float a = widen(lhs[(s * rows + r) * depth() + place(c, p)], operand);
      float b = widen(weights[(s * cols + c) * kept + p], operand);
      sum = sum + a * b;
    }
    float result = floatOf(value) * sum;
    if (accumulates)
      result = widen(before[(s * rows + r) * cols + c], dest) + result;
    return narrow(result, dest);
  }

  void compute() {
    after.resize(segments * rows * cols);
    for (int64_t s = 0; s != segments; ++s)
      for (int64_t r = 0; r != rows; ++r)
        for (int64_t c = 0; c != cols; ++c)
          after[(s * rows + r) * cols + c] = expected(s, r, c);
  }

  bool sameShape(const Product &other) const {
    return segments == other.segments && rows == other.rows &&
           cols == other.cols && kept == other.kept && n == other.n &&
           m == other.m;
  }
};

/// What random products may be.
struct Limits {
  int operand, segments, mostM;
  int64_t rows, cols; ///< of the array
};

inline Product randomProduct(Elements &random, const Limits &limits) {
  static const int patterns[][2] = {{1, 1}, {1, 4}, {2, 4},  {2, 8},
                                    {4, 8}, {1, 2}, {3, 5},  {1, 3},
                                    {2, 7}, {6, 6}, {5, 16}, {3, 64}};
  Product p;
  p.operand = limits.operand;
  p.dest = random.below(2) ? 0 : limits.operand;
  if (random.below(2)) {
    auto [n, m] = patterns[random.below(12)];
    if (m <= limits.mostM)
      p.n = n, p.m = m;
  }
  for (p.segments = 1;
       p.m == 1 && p.segments < limits.segments && random.below(2);)
    p.segments *= 2;
  auto size = [&](int64_t unit) {
    return random.below(4) ? 1 + random.below(2 * unit + 3)
                           : unit * (1 + random.below(2));
  };
  p.rows = size(limits.rows);
  p.cols = size(limits.cols / p.segments);
  p.kept = p.n * (1 + random.below(random.below(4) ? 8 : 40));
  p.accumulates = random.below(3) == 0;
  if (random.below(3) == 0)
    p.value = random.finite(0);
  bool special = random.below(3) == 0;
  auto fill = [&](std::vector<uint32_t> &to, int64_t count, int type) {
    for (to.clear(); int64_t(to.size()) < count;)
      to.push_back(special ? random.any(type) : random.finite(type));
  };
  fill(p.lhs, p.segments * p.rows * p.depth(), p.operand);
  fill(p.weights, p.segments * p.cols * p.kept, p.operand);
  fill(p.before, p.accumulates ? p.segments * p.rows * p.cols : 0, p.dest);
  // Any bits: indices beyond their group too.
  for (int64_t i = p.cols * p.indexBytes(); i != 0; --i)
    p.indices.push_back(static_cast<uint8_t>(random.below(256)));
  p.compute();
  return p;
}

inline bool readList(std::istream &in, std::vector<uint32_t> &list) {
  size_t count = 0;
  in >> count;
  if (!in || count > size_t(1) << 28)
    return false;
  list.resize(count);
  for (uint32_t &element : list)
    in >> element;
  return bool(in);
}

/// As golden_products.py writes them; false at the end.
inline bool read(std::istream &in, Product &p) {
  std::vector<uint32_t> bytes;
  in >> p.operand >> p.dest >> p.segments >> p.rows >> p.cols >> p.kept >>
      p.n >> p.m >> p.value >> p.accumulates >> p.cycles;
  if (!in || !readList(in, p.lhs) || !readList(in, p.weights) ||
      !readList(in, bytes) || !readList(in, p.before) || !readList(in, p.after))
    return false;
  p.indices.assign(bytes.begin(), bytes.end());
  return true;
}

#endif // NM_TEST_ARRAY_PRODUCT_H
