//===- Shared.cpp - panels of rows that share their mask ------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Panel.h"

namespace nm::rt {

namespace {

class SharedFormat final
    : public PanelFormatOf<SharedFormat, /*isShared=*/true> {
public:
  std::string_view name() const override { return "shared"; }

  template <typename U>
  static void writeTile(const StoredParts &parts, const FiberGeometry &geometry,
                        FiberTile<U> &tile) {
    const int64_t n = geometry.n, m = geometry.m, rows = parts.spec.rows;
    const int64_t cols = parts.spec.cols;
    PanelGeometry panel(parts.spec, geometry);
    auto storeValue = [&](const PanelBlock &block, int64_t row, int64_t s,
                          U value) {
      storeUnaligned(
          parts.values + panel.slot(block, row, s) * int64_t(sizeof(U)), value);
    };
    // A tile holds whole row groups, but for the last one of the weight.
    for (int64_t t0 = 0; t0 < tile.numRows; t0 += rows) {
      int64_t last = std::min(t0 + rows, tile.numRows);
      int64_t row0 = tile.firstRow + t0;
      for (int64_t b = 0; b < panel.numBlocks(); ++b) {
        PanelBlock block = panel.block(b);
        int64_t s = 0;
        for (int64_t g = 0; g < block.length / m; ++g) {
          int64_t group = block.begin / m + g;
          uint64_t used = usedPositions(tile, geometry, t0, last, group);
          int64_t count = __builtin_popcountll(used);
          if (count > n) {
            tile.note(GroupFault::Kind::Unshared, geometry, row0, group, count);
            return;
          }
          // Under-full groups keep the first positions that are left.
          for (; count < n; ++count)
            used |= ~used & (used + 1);
          for (; used != 0; used &= used - 1, ++s) {
            int64_t index = __builtin_ctzll(used);
            storeUnaligned(parts.metadata +
                               panel.sharedSlot(block, row0, s) * 2,
                           static_cast<uint16_t>((g * m + index) * cols));
            for (int64_t r = 0; r < rows; ++r) {
              U value = 0;
              if (t0 + r < last) {
                const uint8_t *indices = tile.rowIndices(t0 + r) + group * n;
                const uint8_t *found = std::find(indices, indices + n, index);
                if (found != indices + n)
                  value = tile.rowValues(t0 + r)[group * n + (found - indices)];
              }
              storeValue(block, row0 + r, s, value);
            }
          }
        }
        for (; s < block.slots; ++s) {
          storeUnaligned(parts.metadata + panel.sharedSlot(block, row0, s) * 2,
                         uint16_t(0));
          for (int64_t r = 0; r < rows; ++r)
            storeValue(block, row0 + r, s, U(0));
        }
      }
    }
  }
};

} // namespace

const LayoutFormat &sharedFormat() {
  static const SharedFormat format;
  return format;
}

} // namespace nm::rt
