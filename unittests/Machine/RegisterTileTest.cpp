//===- RegisterTileTest.cpp - Tiles fit, and none that fits is better ------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Machine/RegisterTile.h"
#include "nm/Machine/Device.h"
#include <gtest/gtest.h>

using namespace nm::machine;

TEST(RegisterTile, FitsAndIsTheBest) {
  for (int64_t registers = 3; registers <= 128; ++registers) {
    RegisterTile tile = productTile(registers);
    EXPECT_LE(tile.rows * tile.vectors + tile.vectors + 1, registers);
    // Any other, by multiply-adds for a load, as a comparison of fractions.
    for (int64_t vectors = 1; vectors <= 8; vectors *= 2)
      for (int64_t rows = 1; rows * vectors + vectors + 1 <= registers; ++rows)
        EXPECT_GE(tile.rows * tile.vectors * (rows + vectors),
                  rows * vectors * (tile.rows + tile.vectors))
            << registers << " registers: " << tile.rows << " x " << tile.vectors
            << " against " << rows << " x " << vectors;
  }
}

TEST(RegisterTile, FollowsFromDescriptions) {
  for (const std::string &name : builtinDevices(DeviceKind::Host)) {
    RegisterTile tile = productTile(findDevice(name)->host.vectorRegisters);
    bool isWide = findDevice(name)->host.vectorRegisters == 32;
    EXPECT_EQ(tile.rows, 6) << name;
    EXPECT_EQ(tile.vectors, isWide ? 4 : 2) << name;
  }
}
