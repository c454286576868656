//===- Panel.cpp - rows interleaved by four, offsets into panels ----------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Panel.h"
#include "../Threads.h"

namespace nm::rt {

int64_t panelSlots(int64_t length, int64_t n, int64_t m) {
  return (length / m * n + 3) / 4 * 4;
}

PanelGeometry::PanelGeometry(const LayoutSpec &spec,
                             const FiberGeometry &geometry)
    : geometry(geometry), rows(spec.rows), depth(spec.depth),
      blocks(ceilDiv(geometry.length, depth)),
      padded(ceilDiv(geometry.rows, rows) * rows) {}

PanelBlock PanelGeometry::block(int64_t b) const {
  PanelBlock block;
  block.begin = b * depth;
  block.length = std::min(depth, geometry.length - block.begin);
  block.slots = panelSlots(block.length, geometry.n, geometry.m);
  block.base = padded * b * panelSlots(depth, geometry.n, geometry.m);
  return block;
}

std::vector<LayoutParameter> panelParameters() {
  return {{"rows", &LayoutSpec::rows},
          {"cols", &LayoutSpec::cols},
          {"depth", &LayoutSpec::depth}};
}

Status checkPanel(const LayoutSpec &spec) {
  if (spec.rows < 1)
    return layoutError(spec, "expected positive parameters");
  return checkOffsets(spec);
}

Status checkOffsets(const LayoutSpec &spec) {
  if (spec.cols < 1 || spec.depth < 1)
    return layoutError(spec, "expected positive parameters");
  int64_t reach;
  if (mulOverflow(spec.depth, spec.cols, reach) || reach > 65536)
    return layoutError(
        spec, "depth * cols exceeds 65536, the reach of a 16-bit offset");
  return {};
}

Result<int64_t> panelElements(const LayoutSpec &spec,
                              const StoredWeight &weight) {
  const int64_t n = weight.n, m = weight.m;
  if (spec.depth % m != 0)
    return layoutError(spec, "depth is not a multiple of M = ", m);
  Result<int64_t> rows = weight.rows();
  if (!rows)
    return rows.error();
  int64_t blocks = weight.length / spec.depth;
  int64_t padded, slots, total, bytes;
  if (mulOverflow(ceilDiv(*rows, spec.rows), spec.rows, padded) ||
      mulOverflow(blocks, panelSlots(spec.depth, n, m), slots) ||
      addOverflow(slots, panelSlots(weight.length % spec.depth, n, m), slots) ||
      mulOverflow(padded, slots, total) ||
      mulOverflow(total, weight.elemBytes > 2 ? weight.elemBytes : 2, bytes))
    return layoutError(spec, "the storage size overflows");
  return total;
}

/// Of many offsets the largest, and the bits that any of them has.
struct OffsetRange {
  unsigned most = 0, bits = 0;
};

/// Vectorises: a load of a model goes through all of them.
static OffsetRange scanOffsets(const unsigned char *from, int64_t count) {
  unsigned most = 0, bits = 0;
  int threads = threadsFor(ceilDiv(count, int64_t(1) << 16), count);
#pragma omp parallel for simd schedule(static) num_threads(threads)            \
    reduction(max : most) reduction(| : bits)
  for (int64_t i = 0; i < count; ++i) {
    uint16_t offset = loadUnaligned<uint16_t>(from + i * 2);
    most = std::max<unsigned>(most, offset);
    bits |= offset;
  }
  return {most, bits};
}

/// Whether every offset is a multiple of `cols`.
static bool areMultiples(const unsigned char *from, int64_t count, int64_t cols,
                         unsigned bits) {
  if ((cols & (cols - 1)) == 0)
    return (bits & unsigned(cols - 1)) == 0;
  bool areAll = true;
  for (int64_t i = 0; i < count; ++i)
    areAll &= loadUnaligned<uint16_t>(from + i * 2) % unsigned(cols) == 0;
  return areAll;
}

Status verifyOffsets(const StoredParts &parts, const PanelGeometry &panel,
                     int64_t rowsPerOffset, const std::string &name) {
  const int64_t cols = parts.spec.cols;
  for (int64_t b = 0; b < panel.numBlocks(); ++b) {
    PanelBlock block = panel.block(b);
    int64_t first = block.base / rowsPerOffset;
    int64_t count = panel.paddedRows() * block.slots / rowsPerOffset;
    const unsigned char *from = parts.metadata + first * 2;
    OffsetRange range = scanOffsets(from, count);
    if (int64_t(range.most) >= std::max<int64_t>(block.length, 1) * cols ||
        !areMultiples(from, count, cols, range.bits))
      return makeError(Errc::Format, "tensor ", quote(name),
                       ": metadata of layout ", parts.spec.str(),
                       " points outside of a block");
  }
  return {};
}

namespace {

class PanelFormat final
    : public PanelFormatOf<PanelFormat, /*isShared=*/false> {
public:
  std::string_view name() const override { return "panel"; }

  template <typename U>
  static void writeTile(const StoredParts &parts, const FiberGeometry &geometry,
                        FiberTile<U> &tile) {
    const int64_t n = geometry.n, m = geometry.m, rows = parts.spec.rows;
    const int64_t cols = parts.spec.cols;
    PanelGeometry panel(parts.spec, geometry);
    // The thread of the last row writes the rows that pad its group.
    int64_t last = tile.firstRow + tile.numRows;
    if (last == geometry.rows)
      last = panel.paddedRows();
    constexpr int64_t elem = sizeof(U), quadBytes = 4 * elem;
    uint16_t *offsets = tile.offsets.data();
    for (int64_t b = 0; b < panel.numBlocks(); ++b) {
      PanelBlock block = panel.block(b);
      int64_t stored = block.length / m * n, first = block.begin / m * n;
      for (int64_t row = tile.firstRow; row < last; ++row) {
        int64_t at = panel.slot(block, row, 0);
        unsigned char *toValues = parts.values + at * elem;
        // Full groups have no offsets.
        unsigned char *toOffsets = n < m ? parts.metadata + at * 2 : nullptr;
        auto quad = [&](const void *fromValues, const void *fromOffsets) {
          std::memcpy(toValues, fromValues, quadBytes);
          toValues += rows * quadBytes;
          if (!toOffsets)
            return;
          std::memcpy(toOffsets, fromOffsets, 8);
          toOffsets += rows * 8;
        };
        int64_t s = 0;
        if (row < geometry.rows) {
          int64_t t = row - tile.firstRow;
          const uint8_t *indices = tile.rowIndices(t) + first;
          const U *values = tile.rowValues(t) + first;
          for (int64_t base = 0; s < stored; base += m)
            for (int64_t end = s + n; s < end; ++s)
              offsets[s] = static_cast<uint16_t>((base + indices[s]) * cols);
          for (s = 0; s + 4 <= stored; s += 4)
            quad(values + s, offsets + s);
          if (s < stored) {
            U lastValues[4] = {};
            uint16_t lastOffsets[4] = {};
            std::copy(values + s, values + stored, lastValues);
            std::copy(offsets + s, offsets + stored, lastOffsets);
            quad(lastValues, lastOffsets);
            s += 4;
          }
        }
        const U zeros[4] = {};
        const uint16_t zeroOffsets[4] = {};
        for (; s < block.slots; s += 4)
          quad(zeros, zeroOffsets);
      }
    }
  }
};

} // namespace

const LayoutFormat &panelFormat() {
  static const PanelFormat format;
  return format;
}

} // namespace nm::rt
