//===- Panel.h - what panel and shared have in common ---------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_RUNTIME_LAYOUTS_PANEL_H
#define NM_LIB_RUNTIME_LAYOUTS_PANEL_H

#include "../LayoutFormat.h"
#include "../Support.h"
#include <algorithm>

namespace nm::rt {

/// Position of the rows of a K block in the panel layout.
struct PanelBlock {
  int64_t begin = 0, length = 0;
  /// Slots of one row in this block.
  int64_t slots = 0;
  /// Index of the block's first stored element.
  int64_t base = 0;
};

class PanelGeometry {
public:
  PanelGeometry(const LayoutSpec &spec, const FiberGeometry &geometry);
  int64_t numBlocks() const { return blocks; }
  PanelBlock block(int64_t b) const;
  int64_t paddedRows() const { return padded; }
  /// Index of the offset of slot s of the row group of row r, which its rows
  /// share.
  int64_t sharedSlot(const PanelBlock &block, int64_t r, int64_t s) const {
    return block.base / rows + r / rows * block.slots + s;
  }
  /// Stored element of slot s of row r.
  int64_t slot(const PanelBlock &block, int64_t r, int64_t s) const {
    return block.base + r / rows * rows * block.slots + s / 4 * rows * 4 +
           r % rows * 4 + s % 4;
  }

private:
  const FiberGeometry &geometry;
  int64_t rows, depth, blocks, padded;
};

/// The parameters of both.
std::vector<LayoutParameter> panelParameters();
Status checkPanel(const LayoutSpec &spec);
/// Columns and depth alone.
Status checkOffsets(const LayoutSpec &spec);

/// Stored elements of a weight, each of which a size in bytes can hold.
Result<int64_t> panelElements(const LayoutSpec &spec,
                              const StoredWeight &weight);

/// Kernels take the offsets of a panel, those that pad its rows and blocks
/// included, as places in a block of the other operand. That they lie in their
/// group is not looked at: it makes no difference to what is read. An offset
/// serves `rowsPerOffset` rows.
Status verifyOffsets(const StoredParts &parts, const PanelGeometry &panel,
                     int64_t rowsPerOffset, const std::string &name);

/// Fills a tile; `isShared`: offsets serve the rows of a group.
template <typename U>
void readPanelRows(const StoredParts &parts, const FiberGeometry &geometry,
                   FiberTile<U> &tile, bool isShared) {
  const int64_t n = geometry.n, m = geometry.m;
  const unsigned cols = static_cast<unsigned>(parts.spec.cols);
  const bool hasOffsets = isShared || n < m;
  PanelGeometry panel(parts.spec, geometry);
  for (int64_t b = 0; b < panel.numBlocks(); ++b) {
    PanelBlock block = panel.block(b);
    for (int64_t t = 0; t < tile.numRows; ++t) {
      int64_t row = tile.firstRow + t, first = block.begin / m * n;
      uint8_t *indices = tile.rowIndices(t) + first;
      U *values = tile.rowValues(t) + first;
      int64_t s = 0, start = panel.slot(block, row, 0);
      for (int64_t g = 0; g < block.length / m; ++g) {
        for (int64_t j = 0, previous = 0; j < n; ++j, ++s) {
          int64_t at = start + s / 4 * parts.spec.rows * 4 + s % 4;
          int64_t offsetAt = isShared ? panel.sharedSlot(block, row, s) : at;
          unsigned offset =
              !hasOffsets
                  ? unsigned(s) * cols
                  : loadUnaligned<uint16_t>(parts.metadata + offsetAt * 2);
          unsigned k = offset / cols;
          int64_t index = int64_t(k) - g * m;
          if (k * cols != offset || !legalIndex(index, j, previous, m)) {
            tile.note(GroupFault::Kind::Metadata, geometry, row,
                      block.begin / m + g, offset);
            index = 0;
          }
          indices[s] = static_cast<uint8_t>(previous = index);
          values[s] = loadUnaligned<U>(parts.values + at * int64_t(sizeof(U)));
        }
      }
    }
  }
}

/// What both formats have in common; `isShared`: an offset serves the rows of a
/// group.
template <typename Derived, bool isShared>
class PanelFormatOf : public LayoutFormatOf<Derived> {
public:
  std::vector<LayoutParameter> parameters() const override {
    return panelParameters();
  }
  Status check(const LayoutSpec &spec) const override {
    return checkPanel(spec);
  }
  Result<StorageShapes> shapes(const LayoutSpec &spec,
                               const StoredWeight &weight) const override {
    Result<int64_t> total = panelElements(spec, weight);
    if (!total)
      return total.error();
    StorageShapes shapes;
    shapes.values = {{*total}, weight.elemBytes};
    // Without offsets slot k holds element k.
    if (isShared || weight.n < weight.m)
      shapes.metadata = {{*total / rowsOf(spec)}, 2};
    return shapes;
  }
  int64_t rowsTogether(const LayoutSpec &spec,
                       const FiberGeometry &) const override {
    return spec.rows;
  }
  bool readsToVerify() const override { return false; }
  Status verifyPlaces(const StoredParts &parts, const FiberGeometry &geometry,
                      const std::string &name) const override {
    return verifyOffsets(parts, PanelGeometry(parts.spec, geometry),
                         rowsOf(parts.spec), name);
  }
  template <typename U>
  static void readTile(const StoredParts &parts, const FiberGeometry &geometry,
                       FiberTile<U> &tile) {
    readPanelRows(parts, geometry, tile, isShared);
  }

private:
  /// Rows that an offset serves.
  static int64_t rowsOf(const LayoutSpec &spec) {
    return isShared ? spec.rows : 1;
  }
};

} // namespace nm::rt

#endif // NM_LIB_RUNTIME_LAYOUTS_PANEL_H
