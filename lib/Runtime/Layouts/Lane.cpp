//===- Lane.cpp - kept elements beside their permute ----------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Support.h"
#include "Positions.h"
#include <algorithm>

namespace nm::rt {

bool laneSupports(int64_t lanes, int64_t n, int64_t m) {
  return m >= 1 && m <= 32 && (m & (m - 1)) == 0 && n >= 1 && n <= m &&
         lanes >= std::max<int64_t>(m, 4) && lanes <= 64 &&
         (lanes & (lanes - 1)) == 0;
}

LaneShape laneShape(int64_t n, int64_t m) {
  LaneShape shape;
  shape.segment = std::max<int64_t>(m, 4);
  shape.kept = shape.segment / m * n;
  shape.rows = shape.segment / shape.kept;
  if (!shape.hasIndices())
    shape.kept = shape.segment;
  shape.bits = shape.segment == 4 ? 2 : shape.segment <= 16 ? 4 : 8;
  return shape;
}

namespace {

/// Where the lane layout keeps one element.
struct LaneSlot {
  int64_t value = 0, word = 0, shift = 0;
  /// First index of the element's group within its segment.
  int64_t indexBase = 0;
};

/// Positions in the lane layout.
struct LaneGeometry {
  LaneGeometry(const LayoutSpec &spec, const FiberGeometry &geometry);
  /// Slot of kept element j of a group of a row; of element j where there are
  /// no indices.
  LaneSlot slot(int64_t row, int64_t group, int64_t j) const;

  LaneShape shape;
  int64_t lanes, interleave, n, m;
  /// Registers of a row group, the same padded to whole interleaved runs,
  /// index words of a lane, row groups.
  int64_t steps, storedSteps, superblocks, groups;
};

LaneGeometry::LaneGeometry(const LayoutSpec &spec,
                           const FiberGeometry &geometry)
    : shape(laneShape(geometry.n, geometry.m)), lanes(spec.lanes),
      interleave(spec.interleave), n(geometry.n), m(geometry.m),
      steps(ceilDiv(geometry.length, lanes)),
      storedSteps(ceilDiv(steps, interleave) * interleave),
      superblocks(ceilDiv(steps, shape.stepsPerWord())),
      groups(ceilDiv(geometry.rows, shape.rows)) {}

LaneSlot LaneGeometry::slot(int64_t row, int64_t group, int64_t j) const {
  int64_t groupsPerSegment = shape.segment / m;
  int64_t segment = group / groupsPerSegment;
  int64_t perRegister = lanes / shape.segment;
  int64_t step = segment / perRegister;
  int64_t lane = segment % perRegister * shape.segment +
                 row % shape.rows * shape.kept +
                 group % groupsPerSegment * (shape.hasIndices() ? n : m) + j;
  int64_t rowGroup = row / shape.rows;
  LaneSlot result;
  int64_t firstOfRun = step / interleave * interleave;
  result.value = (rowGroup * storedSteps + firstOfRun) * lanes +
                 lane * interleave + step % interleave;
  result.word =
      (rowGroup * superblocks + step / shape.stepsPerWord()) * lanes + lane;
  result.shift = step % shape.stepsPerWord() * shape.bits;
  result.indexBase = group % groupsPerSegment * m;
  // Registers of 16 lanes have one permute of all of them, which takes indices
  // of 4 bits as they are.
  if (shape.bits == 4)
    result.indexBase += segment % perRegister * shape.segment % 16;
  return result;
}

class LaneFormat final : public LayoutFormatOf<LaneFormat> {
public:
  std::string_view name() const override { return "lane"; }
  std::vector<LayoutParameter> parameters() const override {
    return {{"lanes", &LayoutSpec::lanes},
            {"interleave", &LayoutSpec::interleave, 1}};
  }

  Status check(const LayoutSpec &spec) const override {
    if (!laneSupports(spec.lanes, 1, 1))
      return layoutError(spec, "expected a power of two of lanes from 4 to 64");
    if (spec.interleave != 1 && spec.interleave != 2 && spec.interleave != 4)
      return layoutError(spec, "expected an interleave of 1, 2 or 4");
    return {};
  }

  Result<StorageShapes> shapes(const LayoutSpec &spec,
                               const StoredWeight &weight) const override {
    const int64_t n = weight.n, m = weight.m;
    if (!laneSupports(spec.lanes, n, m))
      return layoutError(spec, "pattern ", n, ":", m,
                         ", expected M of 1, 2, 4, 8, 16 or 32 and a power of "
                         "two of lanes, at least M and 4");
    Result<int64_t> rows = weight.rows();
    if (!rows)
      return rows.error();
    LaneShape shape = laneShape(n, m);
    int64_t groups = ceilDiv(*rows, shape.rows);
    int64_t steps = ceilDiv(weight.length, spec.lanes);
    int64_t words = ceilDiv(steps, shape.stepsPerWord());
    int64_t values, metadata, bytes;
    if (mulOverflow(groups, ceilDiv(steps, spec.interleave) * spec.interleave,
                    values) ||
        mulOverflow(values, spec.lanes, values) ||
        mulOverflow(values, weight.elemBytes, bytes) ||
        mulOverflow(groups, words, metadata) ||
        mulOverflow(metadata, spec.lanes, metadata) ||
        mulOverflow(metadata, 4, bytes))
      return layoutError(spec, "the storage size overflows");
    StorageShapes shapes;
    shapes.values = {{values}, weight.elemBytes};
    if (shape.hasIndices())
      shapes.metadata = {{metadata}, 4};
    return shapes;
  }

  int64_t rowsTogether(const LayoutSpec &,
                       const FiberGeometry &geometry) const override {
    return laneShape(geometry.n, geometry.m).rows;
  }

  template <typename U>
  static void readTile(const StoredParts &parts, const FiberGeometry &geometry,
                       FiberTile<U> &tile) {
    LaneGeometry lane(parts.spec, geometry);
    if (!lane.shape.hasIndices())
      return readPositions(
          geometry, tile, [&](int64_t row, int64_t g, U *group) {
            for (int64_t i = 0; i < geometry.m; ++i)
              group[i] =
                  loadUnaligned<U>(parts.values + lane.slot(row, g, i).value *
                                                      int64_t(sizeof(U)));
          });
    const int64_t mask = (int64_t(1) << lane.shape.bits) - 1;
    for (int64_t t = 0; t < tile.numRows; ++t) {
      int64_t row = tile.firstRow + t;
      uint8_t *indices = tile.rowIndices(t);
      U *values = tile.rowValues(t);
      for (int64_t g = 0; g < geometry.groups; ++g) {
        for (int64_t j = 0, previous = -1; j < geometry.n; ++j) {
          LaneSlot slot = lane.slot(row, g, j);
          int64_t stored =
              loadUnaligned<uint32_t>(parts.metadata + slot.word * 4) >>
                  slot.shift &
              mask;
          int64_t index = stored - slot.indexBase;
          if (index < 0 || index >= geometry.m || index <= previous) {
            tile.note(GroupFault::Kind::Metadata, geometry, row, g, stored);
            index = 0;
          }
          *indices++ = static_cast<uint8_t>(previous = index);
          *values++ =
              loadUnaligned<U>(parts.values + slot.value * int64_t(sizeof(U)));
        }
      }
    }
  }

  template <typename U>
  static void writeTile(const StoredParts &parts, const FiberGeometry &geometry,
                        FiberTile<U> &tile) {
    LaneGeometry lane(parts.spec, geometry);
    // A tile holds whole row groups; slots that no element uses are zero.
    int64_t first = tile.firstRow / lane.shape.rows;
    int64_t last = ceilDiv(tile.firstRow + tile.numRows, lane.shape.rows);
    int64_t valueBytes = lane.storedSteps * lane.lanes * int64_t(sizeof(U));
    int64_t wordBytes = lane.superblocks * lane.lanes * 4;
    std::memset(parts.values + first * valueBytes, 0,
                size_t((last - first) * valueBytes));
    bool hasWords = lane.shape.hasIndices();
    if (hasWords)
      std::memset(parts.metadata + first * wordBytes, 0,
                  size_t((last - first) * wordBytes));
    for (int64_t t = 0; t < tile.numRows; ++t) {
      int64_t row = tile.firstRow + t;
      const uint8_t *indices = tile.rowIndices(t);
      const U *values = tile.rowValues(t);
      for (int64_t g = 0; g < geometry.groups; ++g) {
        for (int64_t j = 0; j < geometry.n; ++j) {
          LaneSlot slot = lane.slot(row, g, hasWords ? j : *indices);
          uint32_t index = uint32_t(*indices++ + slot.indexBase);
          if (hasWords) {
            unsigned char *word = parts.metadata + slot.word * 4;
            storeUnaligned(word,
                           loadUnaligned<uint32_t>(word) | index << slot.shift);
          }
          storeUnaligned(parts.values + slot.value * int64_t(sizeof(U)),
                         *values++);
        }
      }
    }
  }
};

} // namespace

const LayoutFormat &laneFormat() {
  static const LaneFormat format;
  return format;
}

} // namespace nm::rt
