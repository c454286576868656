//===- Paired.cpp - panels of rows that meet in pairs ---------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Runtime/Paired.h"
#include "Chain.h"
#include "Panel.h"
#include <bitset>

namespace nm::rt {

namespace {

/// Numbers of a head.
constexpr int64_t kHead = 2;

/// Where the parts of a weight lie. As many values and offsets as panels of two
/// rows have; behind the offsets stands a head for every link of a block.
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
  /// The head of the link that is stored in place of row `row`.
  unsigned char *head(const StoredParts &parts, int64_t block,
                      int64_t row) const {
    int64_t number = block * panel.paddedRows() + row;
    return parts.metadata + (firstHead + number * kHead) * 2;
  }
  Link link(const StoredParts &parts, int64_t block, int64_t row) const {
    const unsigned char *from = head(parts, block, row);
    return {loadUnaligned<uint16_t>(from), loadUnaligned<uint16_t>(from + 2)};
  }

  PanelGeometry panel;
  int64_t window;

private:
  int64_t rows, firstHead;
};

/// The slots of a row: half of them in the link from the row before, the
/// others in that to the next. In each, what both rows have comes first.
class RowSlots {
public:
  /// `before` and `after` are the places of the two links.
  RowSlots(const PanelBlock &block, int64_t before, int64_t sharedBefore,
           int64_t after, int64_t sharedAfter)
      : half(block.slots / 2), sharedBefore(sharedBefore * kPairedStep),
        sharedAfter(sharedAfter * kPairedStep),
        bases{block.base + before * block.slots + kPairedStep,
              block.base + after * block.slots} {}

  /// Stored element of slot `s`; the second link's are from `half` on.
  int64_t at(int64_t s) const { return bases[s >= half] + inLink(s); }
  /// Where kernels read its offset: of two rows that share it, the first's.
  int64_t offsetAt(int64_t s) const {
    return s < sharedBefore ? at(s) - kPairedStep : at(s);
  }
  /// The slot of the row's own that is `s` or comes after it.
  int64_t own(int64_t s) const { return s == half ? half + sharedAfter : s; }

  int64_t half, sharedBefore, sharedAfter;

private:
  int64_t inLink(int64_t s) const {
    s -= s >= half ? half : 0;
    return s / kPairedStep * 2 * kPairedStep + s % kPairedStep;
  }

  int64_t bases[2];
};

using Seen = std::bitset<kMostWindow>;

/// Notes the row of `link` in `seen`; whether it is in a window of `rows`
/// (padded) rows and new, and its steps in the block.
bool isLegal(const Link &link, int64_t rows, const PanelBlock &block,
             Seen &seen) {
  if (link.row >= rows || seen[size_t(link.row)])
    return false;
  seen.set(size_t(link.row));
  return link.sharedSteps <= block.slots / 2 / kPairedStep;
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
    if (mulOverflow(ceilDiv(*weight.rows(), int64_t(2)) * 2 * kHead, blocks,
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
      for (int64_t row0 = 0; row0 < geometry.rows; row0 += pairs.window) {
        Seen seen;
        int64_t rows = pairs.paddedRowsOf(row0);
        for (int64_t row = row0; row < row0 + rows; ++row) {
          Link link = pairs.link(parts, b, row);
          if (!isLegal(link, rows, block, seen) ||
              !sharesOffsets(parts, block, row, link.sharedSteps))
            return makeError(
                Errc::Format, "tensor ", quote(name), ": metadata of layout ",
                parts.spec.str(), " pairs row ", link.row, " of the ", rows,
                " from row ", row0, " on with the next for ", link.sharedSteps,
                " steps, which do not pair; the file is damaged or of another "
                "version: pack the weights again");
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
      for (int64_t row0 = first; row0 < end; row0 += pairs.window) {
        Seen seen;
        int64_t rows = pairs.paddedRowsOf(row0), last = row0 + rows - 1;
        Link before = pairs.link(parts, b, last);
        for (int64_t row = row0; row <= last; ++row) {
          Link link = pairs.link(parts, b, row);
          int64_t to = row0 + link.row - tile.firstRow;
          bool isLeftOver = row0 + link.row >= geometry.rows;
          RowSlots slots(block, row > row0 ? row - 1 : last, before.sharedSteps,
                         row, link.sharedSteps);
          if (!isLegal(link, rows, block, seen) ||
              slots.sharedBefore > slots.half ||
              (!isLeftOver && slots.sharedBefore + slots.sharedAfter >
                                  block.length / geometry.m * geometry.n)) {
            tile.note(GroupFault::Kind::Metadata, geometry, row0,
                      block.begin / geometry.m, link.row);
            clear(geometry, tile);
            return;
          }
          if (!isLeftOver && to >= 0 && to < tile.numRows)
            readRow(parts, geometry, tile, block, slots, to);
          before = link;
        }
      }
    }
  }

  template <typename U>
  static void writeTile(const StoredParts &parts, const FiberGeometry &geometry,
                        FiberTile<U> &tile) {
    PairGeometry pairs(parts.spec, geometry);
    // A tile holds whole windows, but for the last one of the weight.
    for (int64_t t0 = 0; t0 < tile.numRows; t0 += pairs.window) {
      int64_t row0 = tile.firstRow + t0, rows = pairs.paddedRowsOf(row0);
      for (int64_t b = 0; b < pairs.panel.numBlocks(); ++b) {
        PanelBlock block = pairs.panel.block(b);
        BlockMasks masks(tile, t0, pairs.rowsOf(row0), block, geometry);
        Chain chain(masks, rows,
                    pairedSteps(block.length, geometry.n, geometry.m));
        for (int64_t i = 0; i < rows; ++i) {
          int64_t before = i > 0 ? i - 1 : rows - 1;
          const Link &link = chain.links[i];
          const uint16_t head[kHead] = {uint16_t(link.row),
                                        uint16_t(link.sharedSteps)};
          std::memcpy(pairs.head(parts, b, row0 + i), head, sizeof(head));
          writeRow(parts, geometry, tile, block,
                   RowSlots(block, row0 + before,
                            chain.links[before].sharedSteps, row0 + i,
                            link.sharedSteps),
                   t0 + link.row, chain.shared[before], chain.shared[i]);
        }
      }
    }
  }

private:
  /// Kernels read the offsets of one row in shared steps.
  static bool sharesOffsets(const StoredParts &parts, const PanelBlock &block,
                            int64_t row, int64_t sharedSteps) {
    const unsigned char *step =
        parts.metadata + (block.base + row * block.slots) * 2;
    for (int64_t s = 0; s < sharedSteps; ++s, step += 4 * kPairedStep)
      if (loadUnaligned<uint32_t>(step) !=
          loadUnaligned<uint32_t>(step + 2 * kPairedStep))
        return false;
    return true;
  }

  /// Into row `t` of the tile: four ascending runs of slots become one.
  template <typename U>
  static void readRow(const StoredParts &parts, const FiberGeometry &geometry,
                      FiberTile<U> &tile, const PanelBlock &block,
                      const RowSlots &slots, int64_t t) {
    const int64_t n = geometry.n, m = geometry.m;
    const int64_t stored = block.length / m * n;
    const unsigned cols = static_cast<unsigned>(parts.spec.cols);
    uint8_t *indices = tile.rowIndices(t) + block.begin / m * n;
    U *values = tile.rowValues(t) + block.begin / m * n;
    int64_t own = stored - slots.sharedBefore - slots.sharedAfter;
    int64_t ownBefore = std::min(own, slots.half - slots.sharedBefore);
    int64_t second = slots.half + slots.sharedAfter;
    int64_t at[4] = {0, slots.sharedBefore, slots.half, second};
    const int64_t ends[4] = {slots.sharedBefore, slots.sharedBefore + ownBefore,
                             second, second + own - ownBefore};
    auto offsetOf = [&](int64_t run) -> unsigned {
      if (at[run] == ends[run])
        return 65536;
      return loadUnaligned<uint16_t>(parts.metadata +
                                     slots.offsetAt(at[run]) * 2);
    };
    unsigned next[4] = {offsetOf(0), offsetOf(1), offsetOf(2), offsetOf(3)};
    for (int64_t j = 0, previous = 0; j < stored; ++j) {
      int64_t run = std::min_element(next, next + 4) - next;
      unsigned offset = next[run], k = offset / cols;
      int64_t group = j / n, index = int64_t(k) - group * m;
      if (k * cols != offset || !legalIndex(index, j % n, previous, m)) {
        tile.note(GroupFault::Kind::Metadata, geometry, tile.firstRow + t,
                  block.begin / m + group, offset);
        index = 0;
      }
      indices[j] = static_cast<uint8_t>(previous = index);
      values[j] = loadUnaligned<U>(parts.values +
                                   slots.at(at[run]++) * int64_t(sizeof(U)));
      next[run] = offsetOf(run);
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

  /// Row `t` of the tile, or zeros if it has none: `before` and `after` are
  /// the elements that it shares with its neighbours.
  template <typename U>
  static void writeRow(const StoredParts &parts, const FiberGeometry &geometry,
                       const FiberTile<U> &tile, const PanelBlock &block,
                       const RowSlots &slots, int64_t t, const uint64_t *before,
                       const uint64_t *after) {
    const int64_t n = geometry.n, m = geometry.m, first = block.begin / m * n;
    auto store = [&](int64_t slot, U value, int64_t k) {
      int64_t at = slots.at(slot);
      storeUnaligned(parts.values + at * int64_t(sizeof(U)), value);
      storeUnaligned(parts.metadata + at * 2, uint16_t(k * parts.spec.cols));
    };
    int64_t stored = t < tile.numRows ? block.length / m * n : 0;
    // No branch: whose an element is is chance.
    int64_t next[3] = {slots.own(slots.sharedBefore), 0, slots.half};
    for (int64_t s = 0, base = 0; s < stored; base += m)
      for (int64_t end = s + n; s < end; ++s) {
        int64_t k = base + tile.rowIndices(t)[first + s];
        auto isIn = [&](const uint64_t *bits) {
          return bits[k / 64] >> (k % 64) & 1;
        };
        store(next[isIn(before) + 2 * isIn(after)]++,
              tile.rowValues(t)[first + s], k);
        next[0] = slots.own(next[0]);
      }
    for (int64_t slot = next[0]; slot < block.slots; slot = slots.own(slot + 1))
      store(slot, 0, 0);
  }
};

} // namespace

const LayoutFormat &pairedFormat() {
  static const PairedFormat format;
  return format;
}

} // namespace nm::rt
