//===- DTypeTest.cpp ------------------------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Support/DType.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace nm::support;

TEST(DType, NamesRoundTrip) {
  for (int i = 1; i <= int(DType::U64); ++i) {
    DType dtype = DType(i);
    EXPECT_EQ(parseDType(dtypeName(dtype)), dtype);
    EXPECT_EQ(parseSafetensorsDType(safetensorsName(dtype)), dtype);
    EXPECT_GT(elementBytes(dtype), 0);
  }
  EXPECT_EQ(parseDType("f31"), DType::Unknown);
  EXPECT_EQ(elementBytes(DType(200)), 0);
}

static void expectRoundTrips(float (*widen)(uint16_t),
                             uint16_t (*narrow)(float)) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    float wide = widen(uint16_t(bits));
    if (std::isnan(wide)) {
      EXPECT_TRUE(std::isnan(widen(narrow(wide))));
      continue;
    }
    EXPECT_EQ(narrow(wide), bits);
  }
}

TEST(DType, EveryValueRoundTrips) {
  expectRoundTrips(f16ToFloat, floatToF16);
  expectRoundTrips(bf16ToFloat, floatToBf16);
}

TEST(DType, NarrowingRoundsToNearestEven) {
  EXPECT_EQ(floatToF16(65519.f), 0x7bff);
  EXPECT_EQ(floatToF16(65520.f), 0x7c00);
  EXPECT_EQ(floatToF16(1.f + 1.f / 2048), 0x3c00); // tie, to even
  EXPECT_EQ(floatToF16(1.f + 3.f / 2048), 0x3c02); // tie, to even
  EXPECT_EQ(floatToF16(std::ldexp(1.f, -25)), 0);  // tie, to even
  EXPECT_EQ(floatToF16(std::ldexp(1.5f, -25)), 1);
  EXPECT_EQ(floatToBf16(1.f + 1.f / 256), 0x3f80); // tie, to even
  EXPECT_EQ(floatToBf16(1.f + 3.f / 256), 0x3f82); // tie, to even
}

TEST(DType, Float8) {
  uint8_t one5 = 0x3c, one4 = 0x38, nan4 = 0x7f, inf5 = 0x7c, max4 = 0x7e;
  EXPECT_EQ(elementToDouble(&one5, DType::F8E5M2), 1.0);
  EXPECT_EQ(elementToDouble(&one4, DType::F8E4M3), 1.0);
  EXPECT_TRUE(std::isnan(elementToDouble(&nan4, DType::F8E4M3)));
  EXPECT_TRUE(std::isinf(elementToDouble(&inf5, DType::F8E5M2)));
  EXPECT_EQ(elementToDouble(&max4, DType::F8E4M3), 448.0);
}

TEST(DType, MagnitudeMaskDropsSignsOfFloatsOnly) {
  EXPECT_EQ(magnitudeMask(DType::F32), 0x7fffffffu);
  EXPECT_EQ(magnitudeMask(DType::BF16), 0x7fffu);
  EXPECT_EQ(magnitudeMask(DType::I8), 0xffu);
  EXPECT_EQ(magnitudeMask(DType::I64), ~uint64_t(0));
}
