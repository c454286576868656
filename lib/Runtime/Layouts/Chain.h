//===- Chain.h - rows of a window, each beside two that share much --------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_RUNTIME_LAYOUTS_CHAIN_H
#define NM_LIB_RUNTIME_LAYOUTS_CHAIN_H

#include "Panel.h"

namespace nm::rt {

constexpr int64_t kMostWindow = 384, kMostDepth = 1024;

/// Elements that the rows of a block keep, as bits.
class BlockMasks {
public:
  /// Of `rows` rows of `tile` from `first` on, and none of those behind them.
  template <typename U>
  BlockMasks(const FiberTile<U> &tile, int64_t first, int64_t rows,
             const PanelBlock &block, const FiberGeometry &geometry)
      : words((block.length + 63) / 64) {
    const int64_t n = geometry.n, m = geometry.m;
    for (int64_t r = 0; r < rows; ++r) {
      const uint8_t *indices = tile.rowIndices(first + r) + block.begin / m * n;
      for (int64_t g = 0; g < block.length / m; ++g)
        for (int64_t j = 0; j < n; ++j) {
          int64_t k = g * m + *indices++;
          bits[r][k / 64] |= uint64_t(1) << (k % 64);
        }
    }
  }

  const uint64_t *row(int64_t r) const { return bits[r]; }

  int64_t common(const uint64_t *a, const uint64_t *b) const {
    int64_t count = 0;
    for (int64_t w = 0; w < words; ++w)
      count += countBits(a[w] & b[w]);
    return count;
  }

  /// Into `to`, the first `count` elements that `a` and `b` have in common.
  void share(const uint64_t *a, const uint64_t *b, int64_t count,
             uint64_t *to) const;

  /// Into `to`, the elements of `a` that `b` has not.
  void subtract(const uint64_t *a, const uint64_t *b, uint64_t *to) const {
    for (int64_t w = 0; w < words; ++w)
      to[w] = a[w] & ~b[w];
  }

private:
  /// Without the instruction, which not all processors have, the compiler's
  /// function is a call.
  static int64_t countBits(uint64_t x) {
    constexpr uint64_t ones = ~uint64_t(0);
    x -= x >> 1 & ones / 3;
    x = (x & ones / 5) + (x >> 2 & ones / 5);
    x = (x + (x >> 4)) & ones / 17;
    return int64_t(x * (ones / 255) >> 56);
  }

  int64_t words;
  uint64_t bits[kMostWindow][kMostDepth / 64] = {};
};

/// A row of a window, by its place in it, and the steps in which it and the
/// next one have the same offsets.
struct Link {
  int64_t row = 0;
  int64_t sharedSteps = 0;
};

/// The rows of a window in a chain that closes, each beside one that has much
/// of what it does not share with the row before.
class Chain {
public:
  /// Of `rows` rows. First come links of `most` steps, as many as are found,
  /// then such of one less, then the others, of at most `most`: so there are
  /// few changes of their number, which no processor foresees.
  Chain(const BlockMasks &masks, int64_t rows, int64_t most);

  Link links[kMostWindow];
  /// What the rows of a link share.
  uint64_t shared[kMostWindow][kMostDepth / 64] = {};

private:
  int64_t extend(int64_t first, int64_t steps);
  void extendGreedily(int64_t first, int64_t most);
  void close(int64_t most);
  void take(int64_t i, int64_t place);
  void link(int64_t i, const uint64_t *from, const uint64_t *to, int64_t steps);
  const uint64_t *rest(int64_t i);

  const BlockMasks &masks;
  int64_t rows;
  uint64_t restBits[kMostDepth / 64];
};

} // namespace nm::rt

#endif // NM_LIB_RUNTIME_LAYOUTS_CHAIN_H
