//===- FiberDense.cpp - tiles from and to row-major weights ---------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fibers.h"
#include "NonZeroBits.h"
#include <algorithm>

namespace nm::rt {

/// Orders elements by magnitude, NaN above everything. `magnitude` is the
/// type's magnitudeMask.
template <typename U> static U magnitudeKey(U bits, U magnitude, DType dtype) {
  U key = bits & magnitude;
  switch (dtype) {
  case DType::F32:
    return std::min<U>(key, static_cast<U>(0x7f800001));
  case DType::BF16:
    return std::min<U>(key, static_cast<U>(0x7f81));
  case DType::F16:
    return std::min<U>(key, static_cast<U>(0x7c01));
  case DType::F8E5M2:
    return std::min<U>(key, static_cast<U>(0x7d));
  case DType::F64:
    return std::min<U>(key, static_cast<U>(0x7ff0000000000001));
  case DType::I8:
  case DType::I16:
  case DType::I32:
  case DType::I64:
    // The magnitude of the least value does not fit the signed type.
    return bits >> (sizeof(U) * 8 - 1) ? static_cast<U>(U(0) - bits) : bits;
  default:
    return key;
  }
}

/// The bits of the `n` largest keys of a group of M, by ranks: without
/// branches, which no predictor would know.
template <int64_t M, typename U>
static uint64_t largestByRank(const U *keys, int64_t n) {
  uint64_t chosen = 0;
  for (int64_t i = 0; i < M; ++i) {
    int64_t rank = 0;
    for (int64_t j = 0; j < M; ++j)
      rank += j < i ? keys[j] >= keys[i] : keys[j] > keys[i];
    chosen |= uint64_t(rank < n) << i;
  }
  return chosen;
}

/// The bits of the `n` largest among the candidates of a group, of which there
/// are more. What is no candidate is zero.
template <typename U>
static uint64_t largest(const unsigned char *group, int64_t m,
                        uint64_t candidates, int64_t n, U magnitude,
                        DType dtype) {
  U keys[64];
  auto key = [&](int64_t i) {
    return magnitudeKey(loadUnaligned<U>(group + i * int64_t(sizeof(U))),
                        magnitude, dtype);
  };
  if (m == 4) {
    for (int64_t i = 0; i < 4; ++i)
      keys[i] = candidates >> i & 1 ? key(i) : U(0);
    return largestByRank<4>(keys, n);
  }
  for (uint64_t rest = candidates; rest; rest &= rest - 1) {
    int i = __builtin_ctzll(rest);
    keys[i] = key(i);
  }
  uint64_t chosen = 0;
  for (int64_t round = 0; round < n; ++round) {
    int best = -1;
    for (uint64_t rest = candidates & ~chosen; rest; rest &= rest - 1) {
      int i = __builtin_ctzll(rest);
      if (best < 0 || keys[i] > keys[best])
        best = i;
    }
    chosen |= uint64_t(1) << best;
  }
  return chosen;
}

/// Whether one of the dropped elements is as large as one of the chosen.
template <typename U>
static bool ties(const unsigned char *group, uint64_t chosen, uint64_t dropped,
                 U magnitude, DType dtype) {
  auto key = [&](uint64_t bits) {
    return magnitudeKey(
        loadUnaligned<U>(group + __builtin_ctzll(bits) * int64_t(sizeof(U))),
        magnitude, dtype);
  };
  U least = key(chosen), most = key(dropped);
  for (uint64_t rest = chosen & (chosen - 1); rest; rest &= rest - 1)
    least = std::min(least, key(rest));
  for (uint64_t rest = dropped & (dropped - 1); rest; rest &= rest - 1)
    most = std::max(most, key(rest));
  return least == most;
}

std::vector<uint64_t> makeGroupTable(const FiberGeometry &geometry) {
  if (geometry.m > 8)
    return {};
  std::vector<uint64_t> table(size_t(1) << geometry.m);
  for (uint64_t bits = 0; bits < table.size(); ++bits) {
    uint64_t padded = bits, entry = 0;
    while (__builtin_popcountll(padded) < geometry.n)
      padded |= padded + 1;
    int64_t shift = 0;
    for (uint64_t rest = padded; rest && shift < 64; rest &= rest - 1) {
      entry |= uint64_t(__builtin_ctzll(rest)) << shift;
      shift += 8;
    }
    bool overFull = __builtin_popcountll(padded) > geometry.n;
    table[bits] = overFull ? kOverFull : entry;
  }
  return table;
}

namespace {
/// Compresses consecutive groups of one row.
template <typename U> class GroupCompressor {
public:
  GroupCompressor(const DenseSource &source, const FiberGeometry &geometry,
                  FiberTile<U> &tile)
      : source(source), geometry(geometry), tile(tile),
        magnitude(static_cast<U>(magnitudeMask(source.dtype))) {}

  /// Groups [group, group + count) of tile row `t`, whose dense elements lie
  /// at `data`.
  void run(const unsigned char *data, int64_t t, int64_t group, int64_t count) {
    findNonZeros(data, count * geometry.m);
    if (!tile.groupTable)
      return groups(data, t, group, count);
    switch (geometry.n) {
    case 1:
      return smallGroups<1>(data, t, group, count);
    case 2:
      return smallGroups<2>(data, t, group, count);
    case 4:
      return smallGroups<4>(data, t, group, count);
    default:
      return smallGroups<0>(data, t, group, count);
    }
  }

private:
  const DenseSource &source;
  const FiberGeometry &geometry;
  FiberTile<U> &tile;
  U magnitude;

  void findNonZeros(const unsigned char *data, int64_t length) {
    unsigned char *out = tile.bits.data();
    for (int64_t i = 0; i < length; i += 64)
      storeUnaligned(out + i / 8,
                     nonZeroBits<U>(data + i * int64_t(sizeof(U)),
                                    std::min<int64_t>(64, length - i),
                                    magnitude));
  }

  /// M <= 8: a table turns the bits of a group into its indices.
  template <int64_t StaticN>
  void smallGroups(const unsigned char *data, int64_t t, int64_t group,
                   int64_t count) {
    const int64_t n = StaticN ? StaticN : geometry.n, m = geometry.m;
    const int64_t groupBytes = m * int64_t(sizeof(U));
    const uint64_t *table = tile.groupTable;
    uint8_t *indices = tile.rowIndices(t) + group * n;
    U *values = tile.rowValues(t) + group * n;
    for (int64_t g = 0; g < count; ++g) {
      uint64_t bits = extractBits(tile.bits.data(), g * m, m);
      uint64_t entry = table[bits];
      if (entry == kOverFull)
        entry = table[repair(bits, data, t, group + g)];
      storeUnaligned(indices, entry); // the next group overwrites the excess
      for (int64_t j = 0; j < n; ++j)
        values[j] = loadUnaligned<U>(data + (entry >> (8 * j) & 7) *
                                                int64_t(sizeof(U)));
      indices += n;
      values += n;
      data += groupBytes;
    }
  }

  void groups(const unsigned char *data, int64_t t, int64_t group,
              int64_t count) {
    const int64_t n = geometry.n, m = geometry.m;
    uint8_t *indices = tile.rowIndices(t) + group * n;
    U *values = tile.rowValues(t) + group * n;
    for (int64_t g = 0; g < count; ++g, indices += n, values += n) {
      const unsigned char *from = data + g * m * int64_t(sizeof(U));
      uint64_t bits = extractBits(tile.bits.data(), g * m, m);
      if (!store(bits, n, from, indices, values))
        store(repair(bits, from, t, group + g), n, from, indices, values);
    }
  }

  /// Stores the group when it holds exactly n.
  static bool store(uint64_t bits, int64_t n, const unsigned char *from,
                    uint8_t *indices, U *values) {
    for (int64_t j = 0; j < n; ++j) {
      if (bits == 0)
        return false;
      int i = __builtin_ctzll(bits);
      bits &= bits - 1;
      indices[j] = static_cast<uint8_t>(i);
      values[j] = loadUnaligned<U>(from + i * int64_t(sizeof(U)));
    }
    return bits == 0;
  }

  /// Fills up an under-full group with the zeros of lowest index; reduces or
  /// reports an over-full one.
  uint64_t repair(uint64_t bits, const unsigned char *from, int64_t t,
                  int64_t group) {
    int64_t held = __builtin_popcountll(bits), n = geometry.n;
    for (; held < n; ++held)
      bits |= bits + 1;
    if (held == n)
      return bits;
    uint64_t chosen =
        largest<U>(from, geometry.m, bits, n, magnitude, source.dtype);
    if (source.derive) {
      ++tile.prunedGroups;
      tile.tiedGroups +=
          ties<U>(from, chosen, bits & ~chosen, magnitude, source.dtype);
    } else {
      tile.note(GroupFault::Kind::OverFull, geometry, tile.firstRow + t, group,
                held);
    }
    return chosen;
  }
};
} // namespace

/// Calls `body(t, count, offset)` for runs of tile rows that are neighbours in
/// memory, where `offset` is that of element k of the first row.
template <typename U, typename Body>
static void forEachRun(const FiberTile<U> &tile, const FiberGeometry &geometry,
                       int64_t k, Body body) {
  for (int64_t t = 0; t < tile.numRows;) {
    int64_t row = tile.firstRow + t;
    int64_t count =
        std::min(tile.numRows - t, geometry.inner - row % geometry.inner);
    body(t, count, geometry.offset(row, k));
    t += count;
  }
}

/// Copies elements [k0, k0 + length) of every row of the tile to staging, as
/// [row][stagingPitch], with the mask applied.
template <typename U>
static void stage(const DenseSource &source, const FiberGeometry &geometry,
                  int64_t k0, int64_t length, FiberTile<U> &tile) {
  constexpr int64_t elem = sizeof(U);
  const int64_t pitch = tile.stagingPitch;
  U *staging = tile.staging.data();
  unsigned char *kept = tile.maskBytes.data();
  if (geometry.inner == 1) {
    for (int64_t t = 0; t < tile.numRows; ++t) {
      int64_t offset = geometry.offset(tile.firstRow + t, k0);
      U *to = staging + t * pitch;
      std::memcpy(to, source.data + offset * elem, size_t(length * elem));
      if (!source.mask)
        continue;
      source.mask->expand(offset, length, kept);
      for (int64_t k = 0; k < length; ++k)
        to[k] = kept[k] ? to[k] : U(0);
    }
    return;
  }
  // Neighbouring rows lie side by side, elements of a row a page apart: without
  // prefetching every step waits for memory.
  constexpr int64_t ahead = 8;
  auto run = [&](int64_t t, int64_t count, int64_t offset) {
    const unsigned char *from = source.data + offset * elem;
    const int64_t step = geometry.inner * elem;
    U *to = staging + t * pitch;
    for (int64_t k = 0; k < length; ++k, from += step, ++to) {
      if (k + ahead < length)
        for (int64_t line = 0; line < count * elem; line += 64)
          __builtin_prefetch(from + ahead * step + line);
      for (int64_t i = 0; i < count; ++i)
        to[i * pitch] = loadUnaligned<U>(from + i * elem);
      if (!source.mask)
        continue;
      source.mask->expand(offset + k * geometry.inner, count, kept);
      for (int64_t i = 0; i < count; ++i)
        to[i * pitch] = kept[i] ? to[i * pitch] : U(0);
    }
  };
  forEachRun(tile, geometry, k0, run);
}

template <typename U>
void readDense(const DenseSource &source, const FiberGeometry &geometry,
               FiberTile<U> &tile) {
  constexpr int64_t elem = sizeof(U);
  GroupCompressor<U> compressor(source, geometry, tile);
  int64_t step = stagedLength(geometry);
  bool direct = geometry.inner == 1 && !source.mask;
  for (int64_t k0 = 0; k0 < geometry.length; k0 += step) {
    int64_t length = std::min(step, geometry.length - k0);
    if (!direct)
      stage(source, geometry, k0, length, tile);
    for (int64_t t = 0; t < tile.numRows; ++t) {
      const unsigned char *data =
          direct ? source.data + geometry.offset(tile.firstRow + t, k0) * elem
                 : reinterpret_cast<const unsigned char *>(
                       tile.staging.data() + t * tile.stagingPitch);
      compressor.run(data, t, k0 / geometry.m, length / geometry.m);
    }
  }
  if (geometry.inner == 1) // rows lie one after the other
    source.pages.pass(
        uint64_t(tile.firstRow * geometry.length * elem),
        uint64_t((tile.firstRow + tile.numRows) * geometry.length * elem));
}

/// Expands a tile to row-major elements of type T; `value(t, j)` is the element
/// that stored position j of tile row t becomes.
template <typename T, typename U, typename Value>
static void expandTile(unsigned char *out, const FiberGeometry &geometry,
                       FiberTile<U> &tile, Value value) {
  constexpr int64_t elem = sizeof(T);
  int64_t step = stagedLength(geometry), n = geometry.n, m = geometry.m;
  const int64_t pitch = tile.stagingPitch;
  T *staging = reinterpret_cast<T *>(tile.staging.data());
  for (int64_t k0 = 0; k0 < geometry.length; k0 += step) {
    int64_t length = std::min(step, geometry.length - k0);
    for (int64_t t = 0; t < tile.numRows; ++t) {
      std::fill_n(staging + t * pitch, length, T(0));
      int64_t j = k0 / m * n;
      for (int64_t base = 0; base < length; base += m)
        for (int64_t end = j + n; j < end; ++j)
          staging[t * pitch + base + tile.rowIndices(t)[j]] = value(t, j);
    }
    if (geometry.inner == 1) {
      for (int64_t t = 0; t < tile.numRows; ++t)
        std::memcpy(out + geometry.offset(tile.firstRow + t, k0) * elem,
                    staging + t * pitch, size_t(length * elem));
      continue;
    }
    auto run = [&](int64_t t, int64_t count, int64_t offset) {
      for (int64_t k = 0; k < length; ++k, offset += geometry.inner)
        for (int64_t i = 0; i < count; ++i)
          storeUnaligned(out + (offset + i) * elem,
                         staging[(t + i) * pitch + k]);
    };
    forEachRun(tile, geometry, k0, run);
  }
}

template <typename U>
void writeDense(const StoredParts &parts, const FiberGeometry &geometry,
                FiberTile<U> &tile) {
  expandTile<U>(parts.values, geometry, tile,
                [&](int64_t t, int64_t j) { return tile.rowValues(t)[j]; });
}

template <typename U>
void writeMaskBytes(unsigned char *mask, const FiberGeometry &geometry,
                    FiberTile<U> &tile) {
  expandTile<uint8_t>(mask, geometry, tile,
                      [](int64_t, int64_t) { return uint8_t(1); });
}

#define NM_INSTANTIATE(U)                                                      \
  template void readDense<U>(const DenseSource &, const FiberGeometry &,       \
                             FiberTile<U> &);                                  \
  template void writeDense<U>(const StoredParts &, const FiberGeometry &,      \
                              FiberTile<U> &);                                 \
  template void writeMaskBytes<U>(unsigned char *, const FiberGeometry &,      \
                                  FiberTile<U> &);
NM_FOR_EACH_WORD(NM_INSTANTIATE)
#undef NM_INSTANTIATE

} // namespace nm::rt
