//===- Fibers.h - tiles of compressed rows between two layouts ------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every conversion goes through a tile: some whole rows (fibers) of the weight
// in compressed form, N in-group indices and N values for every group. A reader
// fills it from one layout, a writer stores it in another; a tile is small
// enough for the caches and belongs to one thread.
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_RUNTIME_FIBERS_H
#define NM_LIB_RUNTIME_FIBERS_H

#include "Memory.h"
#include "nm/Runtime/Layout.h"
#include "nm/Runtime/Pack.h"
#include <string>
#include <vector>

namespace nm::rt {

/// A weight as [outer][length][inner]; row r is fiber (r / inner, r % inner).
struct FiberGeometry {
  int64_t outer = 1, length = 0, inner = 1, rows = 0;
  int64_t n = 1, m = 1, groups = 0;
  /// Stored elements of a row.
  int64_t kept = 0;

  FiberGeometry(const std::vector<int64_t> &shape, int64_t axis, int64_t n,
                int64_t m);

  /// Row-major offset of element k of row r.
  int64_t offset(int64_t r, int64_t k) const {
    return (r / inner * length + k) * inner + r % inner;
  }
};

/// What went wrong first, in row-major order of groups.
struct GroupFault {
  enum class Kind : uint8_t { None, OverFull, Metadata, Unshared, Unscaled };
  Kind kind = Kind::None;
  int64_t row = 0, group = 0;
  /// OverFull: non-zeros found. Metadata: the offending index or offset.
  /// Unshared: positions that the rows of the group need together. Unscaled:
  /// nothing.
  int64_t found = 0;

  void merge(const GroupFault &other, const FiberGeometry &geometry);
};

/// "group [3, 17] (axis 1, elements 68 to 71)".
std::string describeGroup(const std::vector<int64_t> &shape, int64_t axis,
                          int64_t m, int64_t row, int64_t group);

template <typename U> struct FiberTile {
  int64_t firstRow = 0, numRows = 0;
  /// Elements from one row of the tile to the next: more than a row stores, so
  /// that rows do not compete for the same cache sets and that a row may be
  /// overwritten by up to 8 elements.
  int64_t pitch = 0, stagingPitch = 0;
  /// [row in tile][group][n], ascending within a group.
  std::vector<uint8_t> indices;
  std::vector<U> values;
  /// Dense elements of some groups of every row, and their non-zero bits.
  std::vector<U> staging;
  std::vector<unsigned char> bits, maskBytes;
  /// Offsets of one row of a panel block.
  std::vector<uint16_t> offsets;
  /// See makeGroupTable; null for M > 8.
  const uint64_t *groupTable = nullptr;

  uint8_t *rowIndices(int64_t t) { return indices.data() + t * pitch; }
  U *rowValues(int64_t t) { return values.data() + t * pitch; }
  const uint8_t *rowIndices(int64_t t) const {
    return indices.data() + t * pitch;
  }
  const U *rowValues(int64_t t) const { return values.data() + t * pitch; }

  GroupFault fault;
  int64_t prunedGroups = 0, tiedGroups = 0;

  void note(GroupFault::Kind kind, const FiberGeometry &geometry, int64_t row,
            int64_t group, int64_t found) {
    GroupFault here;
    here.kind = kind;
    here.row = row;
    here.group = group;
    here.found = found;
    fault.merge(here, geometry);
  }
};

/// Where a layout's parts lie. A reader does not write through it.
struct StoredParts {
  LayoutSpec spec;
  unsigned char *values = nullptr;
  unsigned char *metadata = nullptr;
  DType dtype = DType::F32;
};

/// Whether `index` may follow `previous` as the j-th of a group of `m`.
inline bool legalIndex(int64_t index, int64_t j, int64_t previous, int64_t m) {
  return index >= 0 && index < m && (j == 0 || index > previous);
}

/// Options of the dense reader.
struct DenseSource {
  const unsigned char *data = nullptr;
  DType dtype = DType::F32;
  const Mask *mask = nullptr;
  bool derive = false;
  PassedPages pages;
};

/// The words in which elements are moved.
#define NM_FOR_EACH_WORD(DO) DO(uint8_t) DO(uint16_t) DO(uint32_t) DO(uint64_t)

/// Reads the groups of a dense weight into a tile whose firstRow and numRows
/// are set; writes a tile with its zeros. Instantiated for all words.
template <typename U>
void readDense(const DenseSource &source, const FiberGeometry &geometry,
               FiberTile<U> &tile);
template <typename U>
void writeDense(const StoredParts &parts, const FiberGeometry &geometry,
                FiberTile<U> &tile);
/// Writes one byte an element: 1 at the positions of the tile, 0 elsewhere.
template <typename U>
void writeMaskBytes(unsigned char *mask, const FiberGeometry &geometry,
                    FiberTile<U> &tile);

/// Positions of group `group` at which the rows [first, last) of the tile hold
/// a non-zero, one bit each.
template <typename U>
uint64_t usedPositions(const FiberTile<U> &tile, const FiberGeometry &geometry,
                       int64_t first, int64_t last, int64_t group) {
  uint64_t used = 0;
  for (int64_t t = first; t < last; ++t)
    for (int64_t j = group * geometry.n; j < (group + 1) * geometry.n; ++j)
      if (tile.rowValues(t)[j] != 0)
        used |= uint64_t(1) << tile.rowIndices(t)[j];
  return used;
}

/// Elements of a row that are staged at once: whole groups, about 512, or
/// 128 when many strided rows share a tile.
int64_t stagedLength(const FiberGeometry &geometry);

/// For M <= 8: by the non-zero bits of a group, the N indices to store, one a
/// byte; kOverFull where there are more than N.
std::vector<uint64_t> makeGroupTable(const FiberGeometry &geometry);
constexpr uint64_t kOverFull = ~uint64_t(0);

} // namespace nm::rt

#endif // NM_LIB_RUNTIME_FIBERS_H
