//===- RowsMonotonicTest.cpp - Operators on rows on better machines --------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Common/MonotonicTestSupport.h"
#include "RowsTestSupport.h"

using namespace nm;
using namespace nm::isa;

namespace {

Maker layerNorm(int64_t rows, int64_t columns) {
  return [=](const Device &device) -> std::optional<Made> {
    RowsTest t(device);
    t.residualNorm(rows, columns);
    auto program = t.finish();
    if (!program)
      return std::nullopt;
    return Made{std::move(*program)};
  };
}

} // namespace

TEST(RowsMonotonic, LayerNorms) {
  expectMonotonic("200 x 96", layerNorm(200, 96), 1.02, 1.05);
  expectMonotonic("33 x 700", layerNorm(33, 700), 1.02, 1.05);
}
