//===- Blocks.h - Work of a blocked attention head -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_MODEL_BLOCKS_H
#define NM_MODEL_BLOCKS_H

#include "nm/Model/Attention.h"
#include "nm/Support/Arithmetic.h"
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

/// The steps of one key head with blocks of `rows` rows and tiles of `tile`
/// keys (0: all that the block sees), masked tiles skipped. A tile that the
/// diagonal crosses is computed in full. Calls `body(rows, keys, count)`: a few
/// times, but once for each row block if causal with whole rows. The time is
/// linear in the number of row blocks if causal, else constant.
template <typename Body>
void forEachStep(const AttentionShape &shape, int64_t rows, int64_t tile,
                 Body body) {
  int64_t total = foldedRows(shape), blocks = total / rows, rest = total % rows;
  if (tile == 0) {
    if (!shape.causal) {
      if (blocks)
        body(rows, shape.keys, blocks);
      if (rest)
        body(rest, shape.keys, int64_t(1));
      return;
    }
    for (int64_t begin = 0; begin < total; begin += rows) {
      int64_t end = std::min(total, begin + rows);
      body(end - begin, keysSeen(shape, end), int64_t(1));
    }
    return;
  }
  // Tiles are whole but for the last one of the keys.
  int64_t wholeTiles = shape.keys / tile, lastKeys = shape.keys % tile;
  auto height = [&](int64_t h, int64_t begin, int64_t count) {
    int64_t whole = 0, last = 0;
    auto add = [&](int64_t seen, int64_t times) {
      int64_t tiles = support::ceilDiv(seen, tile);
      whole += times * std::min(tiles, wholeTiles);
      last += tiles > wholeTiles ? times : 0;
    };
    if (!shape.causal)
      add(shape.keys, count);
    else
      for (int64_t i = 0; i != count; ++i)
        add(keysSeen(shape, begin + (i + 1) * h), 1);
    if (whole)
      body(h, tile, whole);
    if (last)
      body(h, lastKeys, last);
  };
  if (blocks)
    height(rows, 0, blocks);
  if (rest)
    height(rest, blocks * rows, 1);
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

#endif // NM_MODEL_BLOCKS_H
