//===- Blocks.h - Work of a blocked attention head -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_MODEL_BLOCKS_H
#define NM_LIB_MODEL_BLOCKS_H

#include "../Runtime/Support.h"
#include "nm/Model/Attention.h"
#include <algorithm>

namespace nm::model {

/// The rows that share keys: the query heads of a group are folded into one
/// matrix, position by position, so that a decode step with grouped heads has
/// several rows. Row r belongs to position r / group.
inline int64_t foldedRows(const AttentionShape &shape) {
  return shape.group() * shape.queries;
}

/// Keys that rows [0, end) of the folded matrix see.
inline int64_t keysSeen(const AttentionShape &shape, int64_t end) {
  if (!shape.causal)
    return shape.keys;
  int64_t last = (end - 1) / shape.group();
  return std::min(shape.keys, last + 1 + shape.keys - shape.queries);
}

/// One kind of step of the nest: `count` products of `rows` by `keys`.
struct Step {
  int64_t rows = 0;
  int64_t keys = 0;
  int64_t count = 0;
};

/// The steps of one key head with blocks of `rows` rows and tiles of `tile`
/// keys (0: all that the block sees), masked tiles skipped. A tile that the
/// diagonal crosses is computed in full. Calls `body(rows, keys, count)`.
/// Linear in the number of row blocks if causal, else constant.
template <typename Body>
void forEachStep(const AttentionShape &shape, int64_t rows, int64_t tile,
                 Body body) {
  int64_t total = foldedRows(shape);
  auto block = [&](int64_t height, int64_t seen, int64_t count) {
    if (tile == 0)
      return body(height, seen, count);
    int64_t tiles = rt::ceilDiv(seen, tile);
    int64_t whole = std::min(tiles, shape.keys / tile);
    if (whole)
      body(height, tile, whole * count);
    if (tiles > whole)
      body(height, shape.keys - whole * tile, count);
  };
  if (!shape.causal) {
    if (total / rows)
      block(rows, shape.keys, total / rows);
    if (total % rows)
      block(total % rows, shape.keys, 1);
    return;
  }
  for (int64_t begin = 0; begin < total; begin += rows) {
    int64_t end = std::min(total, begin + rows);
    block(end - begin, keysSeen(shape, end), 1);
  }
}

/// Multiply-accumulates that the result needs, of one key head: exact for
/// causal masks.
inline double neededLogits(const AttentionShape &shape) {
  double group = static_cast<double>(shape.group());
  double q = static_cast<double>(shape.queries);
  double k = static_cast<double>(shape.keys);
  return group * (shape.causal ? q * (k - q) + q * (q + 1) / 2 : q * k);
}

} // namespace nm::model

#endif // NM_LIB_MODEL_BLOCKS_H
