//===- InspectTest.cpp ----------------------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Runtime/Inspect.h"
#include "TestUtil.h"

using namespace nm::rt;
using namespace nm::rt::test;

class InspectFiles : public TempDir {};

TEST_F(InspectFiles, RowsAndTable) {
  std::mt19937 rng(1);
  WeightDesc desc{{8, 64}, 1, 1, 16, DType::BF16};
  auto sparse = randomWeight(desc, rng);
  std::vector<float> dense(64, 1.f), zero(4);
  std::vector<uint8_t> kept(64);
  for (size_t i = 0; i < 64; ++i)
    kept[i] = i % 4 == 1 || i % 4 == 2;
  expectOk(writeSafetensors(
      file("m.safetensors"),
      {{"a.weight", denseView(sparse.data(), DType::BF16, {8, 64})},
       {"a.bias", denseView(zero.data(), DType::F32, {4})},
       {"b.weight", denseView(dense.data(), DType::F32, {4, 16})},
       {"c.weight_orig", denseView(dense.data(), DType::F32, {4, 16})},
       {"c.weight_mask", denseView(kept.data(), DType::Bool, {4, 16})}}));
  auto checkpoint = Checkpoint::open(file("m.safetensors"));
  expectOk(checkpoint);
  auto rows = inspect(**checkpoint);
  expectOk(rows);
  ASSERT_EQ(rows->size(), 5u);
  EXPECT_EQ((*rows)[0].name, "a.bias");
  EXPECT_EQ((*rows)[1].pattern->n, 1);
  EXPECT_EQ((*rows)[1].pattern->m, 16);
  EXPECT_EQ((*rows)[1].pattern->axis, 1);
  EXPECT_FALSE((*rows)[2].pattern->sparse());
  EXPECT_EQ((*rows)[3].maskSource, "is a mask");
  EXPECT_EQ((*rows)[4].name, "c.weight");
  EXPECT_EQ((*rows)[4].maskSource, "explicit (c.weight_mask)");
  EXPECT_EQ((*rows)[4].pattern->n, 1); // 0110 0110: every pair holds one
  EXPECT_EQ((*rows)[4].pattern->m, 2);
  std::string table = formatTable(*rows);
  EXPECT_NE(table.find("name"), std::string::npos);
  EXPECT_NE(table.find("1:16"), std::string::npos);
  EXPECT_NE(table.find("all zero"), std::string::npos);
  EXPECT_NE(table.find("50.00 %"), std::string::npos);
  EXPECT_NE(table.find("5 tensors"), std::string::npos);
  EXPECT_NE(formatJson(*rows).find("\"is a mask\""), std::string::npos);
}

TEST_F(InspectFiles, BadTensorsGetANote) {
  float w[4] = {1, 2, 3, 4};
  uint8_t kept[3] = {1, 0, 1};
  expectOk(writeSafetensors(file("m.safetensors"),
                            {{"w", denseView(w, DType::F32, {4})},
                             {"w_mask", denseView(kept, DType::Bool, {3})}}));
  auto checkpoint = Checkpoint::open(file("m.safetensors"));
  expectOk(checkpoint);
  auto rows = inspect(**checkpoint);
  expectOk(rows);
  EXPECT_NE((*rows)[0].note.find("mask 'w_mask' is bool [3]"),
            std::string::npos);
  EXPECT_FALSE((*rows)[0].report.has_value());
  MaskOptions ignore;
  ignore.policy = MaskPolicy::Ignore;
  rows = inspect(**checkpoint, ignore);
  EXPECT_TRUE((*rows)[0].note.empty());
}
