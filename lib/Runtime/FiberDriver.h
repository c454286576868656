//===- FiberDriver.h - run readers and writers over all tiles -------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_RUNTIME_FIBERDRIVER_H
#define NM_LIB_RUNTIME_FIBERDRIVER_H

#include "Fibers.h"
#include "Threads.h"
#include <algorithm>
#include <omp.h>

namespace nm::rt {

struct DriverResult {
  GroupFault fault;
  int64_t prunedGroups = 0, tiedGroups = 0;
};

/// Calls `body(tile)` for tiles that cover all rows, in parallel. `rowMultiple`
/// is a number of rows that one thread must own together (panel row groups).
template <typename U, typename Body>
DriverResult forEachTile(const FiberGeometry &geometry, int64_t rowMultiple,
                         Body body) {
  if (geometry.rows == 0 || geometry.length == 0)
    return {};
  // Strided rows are read four cache lines at a time.
  int64_t wanted = geometry.inner == 1 ? 8 : 256 / int64_t(sizeof(U));
  wanted = std::min(wanted, geometry.rows);
  int64_t tileRows =
      std::min((wanted + rowMultiple - 1) / rowMultiple * rowMultiple,
               std::max<int64_t>(geometry.rows, 1));
  int64_t tiles = geometry.rows / tileRows + (geometry.rows % tileRows != 0);
  int threads =
      threadsFor(tiles, geometry.rows * geometry.length * int64_t(sizeof(U)));
  // Allocation may throw, which nothing may do inside a parallel region.
  std::vector<FiberTile<U>> scratch{size_t(threads)};
  int64_t staged = std::min(stagedLength(geometry), geometry.length);
  const std::vector<uint64_t> groupTable = makeGroupTable(geometry);
  for (FiberTile<U> &tile : scratch) {
    tile.groupTable = groupTable.empty() ? nullptr : groupTable.data();
    tile.pitch = geometry.kept + 24;
    tile.stagingPitch = staged + 24;
    tile.indices.resize(size_t(tileRows * tile.pitch));
    tile.values.resize(size_t(tileRows * tile.pitch));
    tile.staging.resize(size_t(tileRows * tile.stagingPitch));
    tile.maskBytes.resize(size_t(std::max(staged, tileRows)));
    tile.offsets.resize(size_t(geometry.kept + 8));
    tile.bits.resize(size_t(staged / 8 + 24));
  }
#pragma omp parallel for schedule(static) num_threads(threads)
  for (int64_t i = 0; i < tiles; ++i) {
    FiberTile<U> &tile = scratch[size_t(omp_get_thread_num())];
    tile.firstRow = i * tileRows;
    tile.numRows = std::min(tileRows, geometry.rows - tile.firstRow);
    body(tile);
  }
  DriverResult result;
  for (const FiberTile<U> &tile : scratch) {
    result.fault.merge(tile.fault, geometry);
    result.prunedGroups += tile.prunedGroups;
    result.tiedGroups += tile.tiedGroups;
  }
  return result;
}

/// Calls `body` with a zero of the unsigned type of this size.
template <typename Body> auto dispatchElement(int64_t elemBytes, Body body) {
  switch (elemBytes) {
  case 1:
    return body(uint8_t(0));
  case 2:
    return body(uint16_t(0));
  case 4:
    return body(uint32_t(0));
  default:
    return body(uint64_t(0));
  }
}

} // namespace nm::rt

#endif // NM_LIB_RUNTIME_FIBERDRIVER_H
