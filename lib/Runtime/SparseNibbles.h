//===- SparseNibbles.h - positions of a 2:4 group in four bits --*- C++ -*--===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// CUTLASS stores which two of four elements of a group are kept in a nibble:
// the lower position in its lower two bits, the other in the upper two. A
// word of metadata holds the nibbles of consecutive groups of a row, and words
// are laid out in an order of their own.
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_RUNTIME_SPARSENIBBLES_H
#define NM_LIB_RUNTIME_SPARSENIBBLES_H

#include "Memory.h"
#include "Support.h"
#include "nm/Runtime/Mask.h"
#include <cstring>
#include <optional>

namespace nm::rt {

/// The kept positions of a group, in ascending order.
struct KeptPair {
  int first, second;
};

/// None where a nibble names no two ascending positions.
inline std::optional<KeptPair> keptPair(unsigned nibble) {
  KeptPair pair{int(nibble & 3), int(nibble >> 2 & 3)};
  if (pair.first >= pair.second)
    return std::nullopt;
  return pair;
}

/// Which elements of a matrix are kept, filled group by group.
class KeptElements {
public:
  KeptElements(int64_t rows, int64_t columns)
      : columns(columns), bytes(allocateBuffer(uint64_t(rows * columns))) {
    std::memset(bytes.get(), 0, size_t(rows * columns));
    mask.shape = {rows, columns};
    mask.data = bytes.get();
    mask.owner = bytes;
  }
  void keep(int64_t row, int64_t column) {
    bytes.get()[row * columns + column] = 1;
  }
  const Mask &get() const { return mask; }

private:
  int64_t columns;
  std::shared_ptr<unsigned char> bytes;
  Mask mask;
};

/// Where the word of row `row` and word column `column` lies among those of
/// `rows` rows: rows are reordered by `reorderedRow`, then words swap within
/// blocks of 2 x 2, and pairs of columns lie one after the other.
inline int64_t metadataPlace(int64_t reorderedRow, int64_t column,
                             int64_t rows) {
  bool up = reorderedRow % 2 == 0 && column % 2 == 1;
  bool down = reorderedRow % 2 == 1 && column % 2 == 0;
  int64_t row = reorderedRow + up - down, col = column - up + down;
  return col / 2 * rows * 2 + row * 2 + col % 2;
}

} // namespace nm::rt

#endif // NM_LIB_RUNTIME_SPARSENIBBLES_H
