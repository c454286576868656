//===- Positions.h - storage that keeps all elements of a group -----------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_RUNTIME_LAYOUTS_POSITIONS_H
#define NM_LIB_RUNTIME_LAYOUTS_POSITIONS_H

#include "../LayoutFormat.h"

namespace nm::rt {

/// Reads a tile of a storage without metadata: `take(row, group, elements)`
/// writes the M elements of a group, of which at most N are not zero. As from a
/// dense weight, the lowest zeros fill under-full groups.
template <typename U, typename Take>
void readPositions(const FiberGeometry &geometry, FiberTile<U> &tile,
                   Take take) {
  const int64_t n = geometry.n, m = geometry.m;
  for (int64_t t = 0; t < tile.numRows; ++t) {
    int64_t row = tile.firstRow + t;
    uint8_t *indices = tile.rowIndices(t);
    U *values = tile.rowValues(t);
    for (int64_t g = 0; g < geometry.groups; ++g) {
      U group[64];
      take(row, g, group);
      int64_t zeros = n;
      for (int64_t i = 0; i < m; ++i)
        zeros -= group[i] != 0;
      if (zeros < 0) {
        tile.note(GroupFault::Kind::OverFull, geometry, row, g, n - zeros);
        zeros = 0;
      }
      int64_t kept = 0;
      for (int64_t i = 0; i < m && kept < n; ++i) {
        if (group[i] == 0 && zeros-- <= 0)
          continue;
        *indices++ = static_cast<uint8_t>(i);
        *values++ = group[i];
        ++kept;
      }
    }
  }
}

} // namespace nm::rt

#endif // NM_LIB_RUNTIME_LAYOUTS_POSITIONS_H
