//===- Paired.cpp - panels of rows that meet in pairs ---------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Panel.h"

namespace nm::rt {

namespace {

constexpr int64_t kMostWindow = 64, kMostDepth = 1024;
/// Slots of a step, and numbers of a head.
constexpr int64_t kStep = 4, kHead = 4;

/// Two rows of a window, by their places in it, and the steps in which both
/// have the same offsets.
struct Pair {
  int64_t rows[2] = {0, 0};
  int64_t sharedSteps = 0;
};

/// Where the parts of a weight lie. Values and offsets are those of panels of
/// two rows, in another order of rows and slots; behind the offsets stands a
/// head for every pair of a block.
class PairGeometry {
public:
  PairGeometry(const LayoutSpec &spec, const FiberGeometry &geometry)
      : panel(LayoutSpec::panel(2, spec.cols, spec.depth), geometry),
        window(spec.window), rows(geometry.rows) {
    PanelBlock last = panel.block(panel.numBlocks() - 1);
    firstHead = last.base + panel.paddedRows() * last.slots;
  }

  /// Rows of the window that begins at row `first`, and with the one that pads
  /// them.
  int64_t rowsOf(int64_t first) const { return std::min(window, rows - first); }
  int64_t paddedRowsOf(int64_t first) const {
    return (rowsOf(first) + 1) / 2 * 2;
  }
  /// The head of the pair whose storage is that of rows `row` and `row + 1`.
  unsigned char *head(const StoredParts &parts, int64_t block,
                      int64_t row) const {
    int64_t number = block * (panel.paddedRows() / 2) + row / 2;
    return parts.metadata + (firstHead + number * kHead) * 2;
  }

  PanelGeometry panel;
  int64_t window;

private:
  int64_t rows, firstHead;
};

/// Elements that two rows of a block keep, as bits.
class BlockMasks {
public:
  /// Of the rows of `tile` from `first` on.
  template <typename U>
  BlockMasks(const FiberTile<U> &tile, int64_t first, int64_t rows,
             const PanelBlock &block, const FiberGeometry &geometry)
      : words((block.length + 63) / 64) {
    const int64_t n = geometry.n, m = geometry.m;
    for (int64_t r = 0; r < rows; ++r) {
      const uint8_t *indices = tile.rowIndices(first + r) + block.begin / m * n;
      std::fill_n(bits[r], words, 0);
      for (int64_t g = 0; g < block.length / m; ++g)
        for (int64_t j = 0; j < n; ++j) {
          int64_t k = g * m + *indices++;
          bits[r][k / 64] |= uint64_t(1) << (k % 64);
        }
    }
  }

  int64_t common(int64_t a, int64_t b) const {
    int64_t count = 0;
    for (int64_t w = 0; w < words; ++w)
      count += countBits(bits[a][w] & bits[b][w]);
    return count;
  }

  /// Into `to`, the first elements that the rows of `pair` have in common, as
  /// many as its steps take.
  void shared(const Pair &pair, uint64_t *to) const {
    std::fill_n(to, words, 0);
    if (pair.sharedSteps == 0)
      return;
    int64_t excess =
        common(pair.rows[0], pair.rows[1]) - pair.sharedSteps * kStep;
    for (int64_t w = words - 1; w >= 0; --w) {
      to[w] = bits[pair.rows[0]][w] & bits[pair.rows[1]][w];
      for (; excess > 0 && to[w] != 0; --excess)
        to[w] ^= uint64_t(1) << (63 - __builtin_clzll(to[w]));
    }
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
  uint64_t bits[kMostWindow][kMostDepth / 64];
};

/// The rows of a window in pairs: those with most in common first, each row
/// once. Where rows are odd, the last is paired with the one behind them.
int64_t pairRows(const BlockMasks &masks, int64_t rows, Pair *pairs) {
  constexpr int64_t most = kMostWindow * (kMostWindow - 1) / 2;
  struct Candidate {
    uint8_t a, b;
    uint16_t common;
  } found[most], sorted[most];
  int64_t count = 0, starts[kMostDepth + 2] = {};
  for (int64_t a = 0; a < rows; ++a)
    for (int64_t b = a + 1; b < rows; ++b) {
      auto common = masks.common(a, b);
      found[count++] = {uint8_t(a), uint8_t(b), uint16_t(common)};
      ++starts[kMostDepth - common + 1];
    }
  for (int64_t i = 1; i < kMostDepth + 2; ++i)
    starts[i] += starts[i - 1];
  for (int64_t i = 0; i < count; ++i)
    sorted[starts[kMostDepth - found[i].common]++] = found[i];
  int64_t made = 0;
  uint64_t taken = 0;
  for (int64_t i = 0; i < count; ++i) {
    uint64_t both = uint64_t(1) << sorted[i].a | uint64_t(1) << sorted[i].b;
    if (taken & both)
      continue;
    taken |= both;
    pairs[made++] = {{sorted[i].a, sorted[i].b}, sorted[i].common / kStep};
  }
  if (rows % 2 != 0)
    pairs[made++] = {{__builtin_ctzll(~taken), rows}, 0};
  return made;
}

/// A head that is stored.
Pair readHead(const unsigned char *from) {
  auto number = [&](int64_t i) -> int64_t {
    return loadUnaligned<uint16_t>(from + i * 2);
  };
  return {{number(0), number(1)}, number(2)};
}

/// Notes the rows of `pair` in `seen`; whether they are in a window of `rows`
/// (padded) rows and new, and their steps in the block.
bool isLegal(const Pair &pair, int64_t rows, int64_t stored, uint64_t &seen) {
  for (int64_t row : pair.rows) {
    if (row >= rows || (seen >> row & 1) != 0)
      return false;
    seen |= uint64_t(1) << row;
  }
  return pair.sharedSteps <= stored / kStep;
}

class PairedFormat final : public LayoutFormatOf<PairedFormat> {
public:
  std::string_view name() const override { return "paired"; }
  std::vector<LayoutParameter> parameters() const override {
    return {{"cols", &LayoutSpec::cols},
            {"depth", &LayoutSpec::depth},
            {"window", &LayoutSpec::window}};
  }

  Status check(const LayoutSpec &spec) const override {
    NM_RETURN_IF_ERROR(checkOffsets(spec));
    if (spec.window < 2 || spec.window > kMostWindow || spec.window % 2 != 0)
      return layoutError(spec, "expected an even window from 2 to ",
                         kMostWindow);
    if (spec.depth > kMostDepth)
      return layoutError(spec, "expected a depth of at most ", kMostDepth);
    return {};
  }

  Result<StorageShapes> shapes(const LayoutSpec &spec,
                               const StoredWeight &weight) const override {
    if (weight.n == weight.m)
      return layoutError(spec, "rows of a dense weight share every position, "
                               "expected N < M");
    Result<int64_t> total =
        panelElements(LayoutSpec::panel(2, spec.cols, spec.depth), weight);
    if (!total)
      return total.error();
    int64_t blocks = ceilDiv(weight.length, spec.depth);
    int64_t heads, all;
    if (mulOverflow(ceilDiv(*weight.rows(), int64_t(2)) * kHead, blocks,
                    heads) ||
        addOverflow(*total, heads, all))
      return layoutError(spec, "the storage size overflows");
    StorageShapes shapes;
    shapes.values = {{*total}, weight.elemBytes};
    shapes.metadata = {{all}, 2};
    return shapes;
  }

  int64_t rowsTogether(const LayoutSpec &spec,
                       const FiberGeometry &) const override {
    return spec.window;
  }
  bool readsToVerify() const override { return false; }

  Status verifyPlaces(const StoredParts &parts, const FiberGeometry &geometry,
                      const std::string &name) const override {
    PairGeometry pairs(parts.spec, geometry);
    NM_RETURN_IF_ERROR(verifyOffsets(parts, pairs.panel, 1, name));
    for (int64_t b = 0; b < pairs.panel.numBlocks(); ++b) {
      PanelBlock block = pairs.panel.block(b);
      int64_t stored = block.length / geometry.m * geometry.n;
      for (int64_t row0 = 0; row0 < geometry.rows; row0 += pairs.window) {
        uint64_t seen = 0;
        int64_t rows = pairs.paddedRowsOf(row0);
        for (int64_t row = row0; row < row0 + rows; row += 2) {
          Pair pair = readHead(pairs.head(parts, b, row));
          if (!isLegal(pair, rows, stored, seen) ||
              !sharesOffsets(parts, pairs.panel, block, row, pair.sharedSteps))
            return makeError(
                Errc::Format, "tensor ", quote(name), ": metadata of layout ",
                parts.spec.str(), " pairs rows ", pair.rows[0], " and ",
                pair.rows[1], " of the ", rows, " from row ", row0,
                " on, which do not pair, in ", pair.sharedSteps, " steps");
        }
      }
    }
    return {};
  }

  template <typename U>
  static void readTile(const StoredParts &parts, const FiberGeometry &geometry,
                       FiberTile<U> &tile) {
    PairGeometry pairs(parts.spec, geometry);
    int64_t end = tile.firstRow + tile.numRows;
    int64_t first = tile.firstRow / pairs.window * pairs.window;
    for (int64_t b = 0; b < pairs.panel.numBlocks(); ++b) {
      PanelBlock block = pairs.panel.block(b);
      int64_t stored = block.length / geometry.m * geometry.n;
      for (int64_t row0 = first; row0 < end; row0 += pairs.window) {
        uint64_t seen = 0;
        int64_t rows = pairs.paddedRowsOf(row0);
        for (int64_t row = row0; row < row0 + rows; row += 2) {
          Pair pair = readHead(pairs.head(parts, b, row));
          if (!isLegal(pair, rows, stored, seen)) {
            tile.note(GroupFault::Kind::Metadata, geometry, row0,
                      block.begin / geometry.m, pair.rows[0]);
            clear(geometry, tile);
            return;
          }
          for (int64_t i : {0, 1}) {
            int64_t to = row0 + pair.rows[i];
            if (to >= tile.firstRow && to < end)
              readRow(parts, geometry, tile, pairs.panel, block, row, i,
                      pair.sharedSteps, to - tile.firstRow);
          }
        }
      }
    }
  }

  template <typename U>
  static void writeTile(const StoredParts &parts, const FiberGeometry &geometry,
                        FiberTile<U> &tile) {
    PairGeometry pairs(parts.spec, geometry);
    Pair found[kMostWindow / 2];
    uint64_t shared[kMostDepth / 64];
    // A tile holds whole windows, but for the last one of the weight.
    for (int64_t t0 = 0; t0 < tile.numRows; t0 += pairs.window) {
      int64_t row0 = tile.firstRow + t0, rows = pairs.rowsOf(row0);
      for (int64_t b = 0; b < pairs.panel.numBlocks(); ++b) {
        PanelBlock block = pairs.panel.block(b);
        BlockMasks masks(tile, t0, rows, block, geometry);
        int64_t count = pairRows(masks, rows, found);
        for (int64_t p = 0; p < count; ++p) {
          const uint16_t head[kHead] = {uint16_t(found[p].rows[0]),
                                        uint16_t(found[p].rows[1]),
                                        uint16_t(found[p].sharedSteps), 0};
          std::memcpy(pairs.head(parts, b, row0 + 2 * p), head, sizeof(head));
          masks.shared(found[p], shared);
          for (int64_t i : {0, 1})
            writeRow(parts, geometry, tile, pairs.panel, block,
                     row0 + 2 * p + i, t0 + found[p].rows[i], shared,
                     found[p].sharedSteps);
        }
      }
    }
  }

private:
  static uint16_t offsetAt(const StoredParts &parts, int64_t slot) {
    return loadUnaligned<uint16_t>(parts.metadata + slot * 2);
  }

  /// Kernels read the offsets of one row in shared steps.
  static bool sharesOffsets(const StoredParts &parts,
                            const PanelGeometry &panel, const PanelBlock &block,
                            int64_t row, int64_t sharedSteps) {
    const unsigned char *step = parts.metadata + panel.slot(block, row, 0) * 2;
    for (int64_t s = 0; s < sharedSteps; ++s, step += 4 * kStep)
      if (loadUnaligned<uint64_t>(step) !=
          loadUnaligned<uint64_t>(step + 2 * kStep))
        return false;
    return true;
  }

  /// Row `i` of the pair that is stored as rows `row` and `row + 1`, into row
  /// `t` of the tile: two ascending runs of slots become one.
  template <typename U>
  static void readRow(const StoredParts &parts, const FiberGeometry &geometry,
                      FiberTile<U> &tile, const PanelGeometry &panel,
                      const PanelBlock &block, int64_t row, int64_t i,
                      int64_t sharedSteps, int64_t t) {
    const int64_t n = geometry.n, m = geometry.m;
    const int64_t stored = block.length / m * n;
    const unsigned cols = static_cast<unsigned>(parts.spec.cols);
    uint8_t *indices = tile.rowIndices(t) + block.begin / m * n;
    U *values = tile.rowValues(t) + block.begin / m * n;
    int64_t ends[2] = {sharedSteps * kStep, stored}, at[2] = {0, ends[0]};
    auto offsetOf = [&](int64_t s) {
      return offsetAt(parts, panel.slot(block, s < ends[0] ? row : row + i, s));
    };
    for (int64_t j = 0, previous = 0; j < stored; ++j) {
      int run = at[0] == ends[0] ||
                (at[1] < ends[1] && offsetOf(at[1]) < offsetOf(at[0]));
      int64_t s = at[run]++, group = j / n;
      unsigned offset = offsetOf(s), k = offset / cols;
      int64_t index = int64_t(k) - group * m;
      if (k * cols != offset || !legalIndex(index, j % n, previous, m)) {
        tile.note(GroupFault::Kind::Metadata, geometry, tile.firstRow + t,
                  block.begin / m + group, offset);
        index = 0;
      }
      indices[j] = static_cast<uint8_t>(previous = index);
      values[j] = loadUnaligned<U>(
          parts.values + panel.slot(block, row + i, s) * int64_t(sizeof(U)));
    }
  }

  /// What a fault leaves unread.
  template <typename U>
  static void clear(const FiberGeometry &geometry, FiberTile<U> &tile) {
    for (int64_t t = 0; t < tile.numRows; ++t) {
      std::fill_n(tile.rowIndices(t), geometry.kept, uint8_t(0));
      std::fill_n(tile.rowValues(t), geometry.kept, U(0));
    }
  }

  /// Row `t` of the tile, or zeros if it has none, to the storage of row `row`:
  /// first the elements of `shared`.
  template <typename U>
  static void writeRow(const StoredParts &parts, const FiberGeometry &geometry,
                       const FiberTile<U> &tile, const PanelGeometry &panel,
                       const PanelBlock &block, int64_t row, int64_t t,
                       const uint64_t *shared, int64_t sharedSteps) {
    const int64_t n = geometry.n, m = geometry.m, first = block.begin / m * n;
    auto store = [&](int64_t slot, U value, int64_t k) {
      int64_t at = panel.slot(block, row, slot);
      storeUnaligned(parts.values + at * int64_t(sizeof(U)), value);
      storeUnaligned(parts.metadata + at * 2, uint16_t(k * parts.spec.cols));
    };
    int64_t stored = t < tile.numRows ? block.length / m * n : 0;
    // No branch: what comes next in either run is chance.
    int64_t next[2] = {sharedSteps * kStep, 0};
    for (int64_t s = 0, base = 0; s < stored; base += m)
      for (int64_t end = s + n; s < end; ++s) {
        int64_t k = base + tile.rowIndices(t)[first + s];
        int64_t &slot = next[shared[k / 64] >> (k % 64) & 1];
        store(slot++, tile.rowValues(t)[first + s], k);
      }
    for (int64_t slot = stored; slot < block.slots; ++slot)
      store(slot, 0, 0);
  }
};

} // namespace

const LayoutFormat &pairedFormat() {
  static const PairedFormat format;
  return format;
}

} // namespace nm::rt
