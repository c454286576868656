//===- RegisterTile.cpp - Tiles of products in vector registers ------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Machine/RegisterTile.h"

namespace nm::machine {

RegisterTile productTile(int64_t registers) {
  RegisterTile best;
  double bestReuse = 0;
  for (int64_t vectors = 1; vectors <= 8; vectors *= 2) {
    int64_t rows = (registers - 1) / vectors - 1;
    double reuse = static_cast<double>(rows * vectors) /
                   static_cast<double>(rows + vectors);
    if (rows < 1 || reuse <= bestReuse)
      continue;
    best = {rows, vectors};
    bestReuse = reuse;
  }
  return best;
}

} // namespace nm::machine
