//===- RegisterTile.h - Tiles of products in vector registers -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_MACHINE_REGISTERTILE_H
#define NM_MACHINE_REGISTERTILE_H

#include <cstdint>

namespace nm::machine {

/// Sums of a matrix product that stay in registers.
struct RegisterTile {
  int64_t rows = 1, vectors = 1;
};

/// The tile whose loads feed the most multiply-adds: rows times vectors of them
/// for rows broadcasts and `vectors` loads. The sums, the vectors of a row of
/// the right side and one broadcast fit the registers. Vectors are a power of
/// two, which leaves no remainder of the usual numbers of columns: 6 x 2 for 16
/// registers, 6 x 4 for 32.
RegisterTile productTile(int64_t registers);

} // namespace nm::machine

#endif // NM_MACHINE_REGISTERTILE_H
