//===- Canonical.cpp - kept elements and bit-packed indices ---------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../LayoutFormat.h"
#include "../Support.h"
#include <algorithm>

namespace nm::rt {

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

namespace {

class CanonicalFormat final : public LayoutFormatOf<CanonicalFormat> {
public:
  std::string_view name() const override { return "canonical"; }

  Result<StorageShapes> shapes(const LayoutSpec &,
                               const StoredWeight &weight) const override {
    const int64_t stored = weight.length / weight.m * weight.n;
    std::vector<int64_t> kept = weight.shape, indices = weight.shape;
    kept[size_t(weight.axis)] = stored;
    indices.erase(indices.begin() + weight.axis);
    indices.push_back(ceilDiv(stored * indexBits(weight.m), 8));
    if (Result<int64_t> count = checkedCount(indices); !count)
      return count.error();
    StorageShapes shapes;
    shapes.values = {std::move(kept), weight.elemBytes};
    shapes.metadata = {std::move(indices), 1};
    return shapes;
  }

  template <typename U>
  static void readTile(const StoredParts &parts, const FiberGeometry &geometry,
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

  template <typename U>
  static void writeTile(const StoredParts &parts, const FiberGeometry &geometry,
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
};

} // namespace

const LayoutFormat &canonicalFormat() {
  static const CanonicalFormat format;
  return format;
}

} // namespace nm::rt
