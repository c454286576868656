//===- LanePanel.cpp - lane and panel storage, one behind the other -------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../LayoutFormat.h"
#include <cstring>
#include <numeric>

namespace nm::rt {

/// The second parts begin at lines of their own.
static constexpr int64_t kLine = 64;

/// `bytes` rounded up to whole lines; false if that overflows.
static bool roundToLines(int64_t bytes, int64_t &result) {
  return !addOverflow(bytes, kLine - 1, result) &&
         (result -= result % kLine, true);
}

Result<LanePanelParts> lanePanelParts(const LayoutSpec &spec, int64_t rows,
                                      int64_t length, int64_t n, int64_t m,
                                      int64_t elemBytes) {
  LanePanelParts parts;
  parts.lane = LayoutSpec::lane(spec.lanes, spec.interleave);
  parts.panel = LayoutSpec::panel(spec.rows, spec.cols, spec.depth);
  auto shapesOf = [&](const LayoutSpec &part) {
    return storageShapes(part, {rows, length}, 1, n, m, elemBytes);
  };
  Result<StorageShapes> lane = shapesOf(parts.lane);
  if (!lane)
    return lane.error();
  Result<StorageShapes> panel = shapesOf(parts.panel);
  if (!panel)
    return panel.error();
  if (!roundToLines(lane->values.bytes(), parts.panelValues) ||
      !roundToLines(lane->metadata.bytes(), parts.panelMetadata))
    return layoutError(spec, "the storage size overflows");
  parts.panelValues /= elemBytes;
  parts.laneShapes = *lane;
  parts.panelShapes = *panel;
  return parts;
}

namespace {

/// Both storages of a weight.
struct TwoParts {
  LanePanelParts where;
  StoredParts lane, panel;

  /// The weight's sizes were checked.
  TwoParts(const StoredParts &parts, const FiberGeometry &geometry,
           int64_t elemBytes)
      : where(*lanePanelParts(parts.spec, geometry.rows, geometry.length,
                              geometry.n, geometry.m, elemBytes)),
        lane{where.lane, parts.values, parts.metadata, parts.dtype},
        panel{where.panel, parts.values + where.panelValues * elemBytes,
              parts.metadata ? parts.metadata + where.panelMetadata : nullptr,
              parts.dtype} {}
};

class LanePanelFormat final : public LayoutFormatOf<LanePanelFormat> {
public:
  std::string_view name() const override { return "lane_panel"; }
  std::vector<LayoutParameter> parameters() const override {
    std::vector<LayoutParameter> all = laneFormat().parameters();
    for (const LayoutParameter &each : panelFormat().parameters())
      all.push_back(each);
    return all;
  }

  Status check(const LayoutSpec &spec) const override {
    NM_RETURN_IF_ERROR(laneFormat().check(spec));
    return panelFormat().check(spec);
  }

  Result<StorageShapes> shapes(const LayoutSpec &spec,
                               const StoredWeight &weight) const override {
    Result<int64_t> rows = weight.rows();
    if (!rows)
      return rows.error();
    Result<LanePanelParts> parts = lanePanelParts(
        spec, *rows, weight.length, weight.n, weight.m, weight.elemBytes);
    if (!parts)
      return parts.error();
    int64_t values, bytes, metadata;
    if (addOverflow(parts->panelValues, parts->panelShapes.values.count(),
                    values) ||
        mulOverflow(values, weight.elemBytes, bytes) ||
        addOverflow(parts->panelMetadata, parts->panelShapes.metadata.bytes(),
                    metadata))
      return layoutError(spec, "the storage size overflows");
    StorageShapes shapes;
    shapes.values = {{values}, weight.elemBytes};
    if (weight.n < weight.m)
      shapes.metadata = {{metadata}, 1};
    return shapes;
  }

  int64_t rowsTogether(const LayoutSpec &spec,
                       const FiberGeometry &geometry) const override {
    return std::lcm(laneFormat().rowsTogether(spec, geometry),
                    panelFormat().rowsTogether(spec, geometry));
  }

  Status verifyPlaces(const StoredParts &parts, const FiberGeometry &geometry,
                      const std::string &name) const override {
    TwoParts two(parts, geometry, elementBytes(parts.dtype));
    return panelFormat().verifyPlaces(two.panel, geometry, name);
  }

  /// The panels hold the same.
  template <typename U>
  static void readTile(const StoredParts &parts, const FiberGeometry &geometry,
                       FiberTile<U> &tile) {
    TwoParts two(parts, geometry, sizeof(U));
    laneFormat().read(two.lane, geometry, tile);
  }

  template <typename U>
  static void writeTile(const StoredParts &parts, const FiberGeometry &geometry,
                        FiberTile<U> &tile) {
    TwoParts two(parts, geometry, sizeof(U));
    if (tile.firstRow == 0)
      clearGaps(two, sizeof(U));
    laneFormat().write(two.lane, geometry, tile);
    panelFormat().write(two.panel, geometry, tile);
  }

private:
  /// Zeros between the storages: equal weights have equal bytes.
  static void clearGaps(const TwoParts &two, int64_t elemBytes) {
    auto clear = [](unsigned char *first, int64_t from, int64_t to) {
      if (first && from < to)
        std::memset(first + from, 0, size_t(to - from));
    };
    clear(two.lane.values, two.where.laneShapes.values.bytes(),
          two.where.panelValues * elemBytes);
    clear(two.lane.metadata, two.where.laneShapes.metadata.bytes(),
          two.where.panelMetadata);
  }
};

} // namespace

const LayoutFormat &lanePanelFormat() {
  static const LanePanelFormat format;
  return format;
}

} // namespace nm::rt
