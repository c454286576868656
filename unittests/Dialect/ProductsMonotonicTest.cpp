//===- ProductsMonotonicTest.cpp - Products on better machines -------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Common/MonotonicTestSupport.h"
#include "ProductsTestSupport.h"

using namespace nm;
using namespace nm::isa;
using model::ProjectionShape;

namespace {

Maker projection(const ProjectionShape &shape) {
  return [=](const Device &device) -> std::optional<Made> {
    auto tiling = mlir::tiles::chooseProduct(device, factsOf(shape));
    if (!tiling)
      return std::nullopt;
    auto program = ProductTest(device, shape, *tiling).finish();
    auto cost = model::evaluateProjection(device, shape, *tiling);
    EXPECT_TRUE(program.ok() && cost.ok());
    if (!program || !cost)
      return std::nullopt;
    return Made{std::move(*program), cost->cycles};
  };
}

} // namespace

TEST(ProductsMonotonic, Products) {
  expectMonotonic("64 x 192 x 320", projection({64, 192, 320, {}}), 1.02, 1.25);
  expectMonotonic("1 x 300 x 200", projection({1, 300, 200, {}}), 1.02, 1.25);
  expectMonotonic("33 x 130 x 70", projection({33, 130, 70, {}}), 1.02, 1.25);
}
