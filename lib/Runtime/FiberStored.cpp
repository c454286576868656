//===- FiberStored.cpp - tiles from and to the sparse layouts -------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fibers.h"
#include "Support.h"
#include <algorithm>

namespace nm::rt {

FiberGeometry::FiberGeometry(const std::vector<int64_t> &shape, int64_t axis,
                             int64_t n, int64_t m)
    : length(shape[size_t(axis)]), n(n), m(m), groups(length / m),
      kept(groups * n) {
  for (int64_t i = 0; i < int64_t(shape.size()); ++i)
    if (i != axis)
      (i < axis ? outer : inner) *= shape[size_t(i)];
  rows = outer * inner;
}

int64_t stagedLength(const FiberGeometry &geometry) {
  int64_t wanted = geometry.inner == 1 ? 512 : 128;
  return std::max<int64_t>(1, wanted / geometry.m) * geometry.m;
}

void GroupFault::merge(const GroupFault &other, const FiberGeometry &g) {
  // Row-major order of groups: (outer, group, inner).
  auto key = [&](const GroupFault &fault) {
    return std::make_tuple(fault.row / g.inner, fault.group,
                           fault.row % g.inner);
  };
  if (other.kind != Kind::None &&
      (kind == Kind::None || key(other) < key(*this)))
    *this = other;
}

std::string describeGroup(const std::vector<int64_t> &shape, int64_t axis,
                          int64_t m, int64_t row, int64_t group) {
  std::vector<int64_t> index(shape.size());
  for (int64_t i = int64_t(shape.size()); i-- > 0;) {
    if (i == axis)
      continue;
    index[size_t(i)] = row % shape[size_t(i)];
    row /= shape[size_t(i)];
  }
  index[size_t(axis)] = group;
  std::ostringstream os;
  os << "group " << shapeString(index) << " (axis " << axis << ", elements "
     << group * m << " to " << group * m + m - 1 << ")";
  return os.str();
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

/// Checks an index against its predecessor in the group and the group's size.
static bool legalIndex(int64_t index, int64_t j, int64_t previous, int64_t m) {
  return index >= 0 && index < m && (j == 0 || index > previous);
}

template <typename U>
void readCanonical(const StoredParts &parts, const FiberGeometry &geometry,
                   FiberTile<U> &tile) {
  constexpr int64_t elem = sizeof(U);
  const int64_t n = geometry.n, m = geometry.m, kept = geometry.kept;
  const int64_t bits = indexBits(m), rowBytes = ceilDiv(kept * bits, 8);
  for (int64_t t = 0; t < tile.numRows; ++t) {
    int64_t row = tile.firstRow + t;
    uint8_t *indices = tile.rowIndices(t);
    const unsigned char *from = parts.metadata + row * rowBytes;
    uint64_t window = 0;
    int64_t held = 0;
    for (int64_t g = 0; g < geometry.groups; ++g) {
      for (int64_t j = 0, previous = 0; j < n; ++j, ++indices) {
        if (held < bits) {
          window |= uint64_t(*from++) << held;
          held += 8;
        }
        int64_t index = int64_t(window & ((uint64_t(1) << bits) - 1));
        window >>= bits;
        held -= bits;
        if (!legalIndex(index, j, previous, m)) {
          tile.note(GroupFault::Kind::Metadata, geometry, row, g, index);
          index = 0;
        }
        *indices = static_cast<uint8_t>(previous = index);
      }
    }
    // Values of a row have stride `inner`.
    const unsigned char *values =
        parts.values + ((row / geometry.inner * kept) * geometry.inner +
                        row % geometry.inner) *
                           elem;
    U *to = tile.rowValues(t);
    for (int64_t j = 0; j < kept; ++j)
      to[j] = loadUnaligned<U>(values + j * geometry.inner * elem);
  }
}

/// Packs indices LSB first. `Bits` divides 8.
template <int Bits>
static void packIndices(const uint8_t *indices, int64_t count,
                        unsigned char *to) {
  constexpr int64_t perByte = 8 / Bits;
  int64_t i = 0;
  for (; i + perByte <= count; i += perByte) {
    unsigned byte = 0;
    for (int64_t j = 0; j < perByte; ++j)
      byte |= unsigned(indices[i + j]) << (j * Bits);
    *to++ = static_cast<unsigned char>(byte);
  }
  if (i == count)
    return;
  unsigned byte = 0;
  for (int shift = 0; i < count; ++i, shift += Bits)
    byte |= unsigned(indices[i]) << shift;
  *to = static_cast<unsigned char>(byte);
}

static void packIndices(const uint8_t *indices, int64_t count, int64_t bits,
                        unsigned char *to) {
  switch (bits) {
  case 0:
    return;
  case 1:
    return packIndices<1>(indices, count, to);
  case 2:
    return packIndices<2>(indices, count, to);
  case 4:
    return packIndices<4>(indices, count, to);
  }
  uint64_t window = 0;
  int64_t held = 0;
  for (int64_t i = 0; i < count; ++i) {
    window |= uint64_t(indices[i]) << held;
    for (held += bits; held >= 8; held -= 8, window >>= 8)
      *to++ = static_cast<unsigned char>(window);
  }
  if (held != 0)
    *to = static_cast<unsigned char>(window);
}

template <typename U>
void writeCanonical(const StoredParts &parts, const FiberGeometry &geometry,
                    FiberTile<U> &tile) {
  constexpr int64_t elem = sizeof(U);
  const int64_t kept = geometry.kept, inner = geometry.inner;
  const int64_t bits = indexBits(geometry.m);
  const int64_t rowBytes = ceilDiv(kept * bits, 8);
  for (int64_t t = 0; t < tile.numRows; ++t)
    packIndices(tile.rowIndices(t), kept, bits,
                parts.metadata + (tile.firstRow + t) * rowBytes);
  auto target = [&](int64_t row) {
    return parts.values + (row / inner * kept * inner + row % inner) * elem;
  };
  if (inner == 1) {
    for (int64_t t = 0; t < tile.numRows; ++t)
      if (kept != 0)
        std::memcpy(target(tile.firstRow + t), tile.rowValues(t),
                    size_t(kept * elem));
    return;
  }
  for (int64_t t0 = 0; t0 < tile.numRows;) {
    int64_t row = tile.firstRow + t0;
    int64_t count = std::min(tile.numRows - t0, inner - row % inner);
    for (int64_t j = 0; j < kept; ++j)
      for (int64_t i = 0; i < count; ++i)
        storeUnaligned(target(row) + (j * inner + i) * elem,
                       tile.rowValues(t0 + i)[j]);
    t0 += count;
  }
}

template <typename U>
void readPanel(const StoredParts &parts, const FiberGeometry &geometry,
               FiberTile<U> &tile) {
  const int64_t n = geometry.n, m = geometry.m;
  const unsigned cols = static_cast<unsigned>(parts.spec.cols);
  const bool isShared = parts.spec.kind == LayoutKind::Shared;
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

template <typename U>
void writePanel(const StoredParts &parts, const FiberGeometry &geometry,
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

#define NM_INSTANTIATE(U)                                                      \
  template void readCanonical<U>(const StoredParts &, const FiberGeometry &,   \
                                 FiberTile<U> &);                              \
  template void writeCanonical<U>(const StoredParts &, const FiberGeometry &,  \
                                  FiberTile<U> &);                             \
  template void readPanel<U>(const StoredParts &, const FiberGeometry &,       \
                             FiberTile<U> &);                                  \
  template void writePanel<U>(const StoredParts &, const FiberGeometry &,      \
                              FiberTile<U> &);
NM_FOR_EACH_WORD(NM_INSTANTIATE)
#undef NM_INSTANTIATE

} // namespace nm::rt
