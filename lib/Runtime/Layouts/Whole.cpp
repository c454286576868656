//===- Whole.cpp - panels of all elements, zeros included -----------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Panel.h"
#include "Positions.h"

namespace nm::rt {

namespace {

/// The weight as its panels see it: all elements of a group are kept.
FiberGeometry wholeGroups(FiberGeometry geometry) {
  geometry.n = geometry.m;
  geometry.kept = geometry.length;
  return geometry;
}

class WholeFormat final : public LayoutFormatOf<WholeFormat> {
public:
  std::string_view name() const override { return "whole"; }
  std::vector<LayoutParameter> parameters() const override {
    return panelParameters();
  }
  Status check(const LayoutSpec &spec) const override {
    return checkPanel(spec);
  }
  Result<StorageShapes> shapes(const LayoutSpec &spec,
                               const StoredWeight &weight) const override {
    StoredWeight all = weight;
    all.n = all.m;
    Result<int64_t> total = panelElements(spec, all);
    if (!total)
      return total.error();
    StorageShapes shapes;
    shapes.values = {{*total}, weight.elemBytes};
    return shapes;
  }
  int64_t rowsTogether(const LayoutSpec &spec,
                       const FiberGeometry &) const override {
    return spec.rows;
  }

  template <typename U>
  static void readTile(const StoredParts &parts, const FiberGeometry &geometry,
                       FiberTile<U> &tile) {
    const FiberGeometry all = wholeGroups(geometry);
    PanelGeometry panel(parts.spec, all);
    const int64_t m = geometry.m, groupsInBlock = parts.spec.depth / m;
    readPositions(geometry, tile, [&](int64_t row, int64_t g, U *group) {
      PanelBlock block = panel.block(g / groupsInBlock);
      int64_t start = panel.slot(block, row, 0);
      int64_t first = g % groupsInBlock * m;
      for (int64_t s = first; s < first + m; ++s) {
        int64_t at = start + s / 4 * parts.spec.rows * 4 + s % 4;
        *group++ = loadUnaligned<U>(parts.values + at * int64_t(sizeof(U)));
      }
    });
  }

  template <typename U>
  static void writeTile(const StoredParts &parts, const FiberGeometry &geometry,
                        FiberTile<U> &tile) {
    const int64_t n = geometry.n, m = geometry.m;
    const FiberGeometry all = wholeGroups(geometry);
    PanelGeometry panel(parts.spec, all);
    const int64_t step = parts.spec.rows * 4;
    // The thread of the last row writes the rows that pad its group.
    int64_t last = tile.firstRow + tile.numRows;
    if (last == geometry.rows)
      last = panel.paddedRows();
    std::vector<U> elements;
    for (int64_t b = 0; b < panel.numBlocks(); ++b) {
      PanelBlock block = panel.block(b);
      const int64_t first = block.begin / m * n;
      for (int64_t row = tile.firstRow; row < last; ++row) {
        elements.assign(size_t(block.slots), U(0));
        if (row < geometry.rows) {
          const uint8_t *indices = tile.rowIndices(row - tile.firstRow) + first;
          const U *values = tile.rowValues(row - tile.firstRow) + first;
          for (int64_t base = 0; base < block.length; base += m)
            for (int64_t j = 0; j < n; ++j)
              elements[size_t(base + *indices++)] = *values++;
        }
        int64_t at = panel.slot(block, row, 0);
        for (int64_t s = 0; s < block.slots; s += 4, at += step)
          std::memcpy(parts.values + at * int64_t(sizeof(U)),
                      elements.data() + s, 4 * sizeof(U));
      }
    }
  }
};

} // namespace

const LayoutFormat &wholeFormat() {
  static const WholeFormat format;
  return format;
}

} // namespace nm::rt
