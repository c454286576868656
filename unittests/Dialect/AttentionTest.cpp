//===- AttentionKernelTest.cpp - Attention on the simulated machine --------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionTestSupport.h"

using namespace nm;
using namespace nm::isa;

namespace {

void expectRight(const Case &c, const Device &device) {
  static AttentionRunner runner;
  runner.expectRight(c, device);
}

} // namespace

TEST(AttentionKernel, RowsAndKeyTilesOfAnySize) {
  for (const char *name : {"edge", "tpu-v5e"})
    for (int64_t queries : {1, 37, 64})
      for (int64_t rows : {1, 8, 16, 64})
        for (int64_t keyTile : {0, 16, 24, 80})
          for (unsigned staged : {31, 31 - 2, 31 - 4, 31 - 6}) {
            Case c;
            c.shape = {2, 3, 0, queries, 80, 20, 12, false};
            c.score.scale = 0.25f;
            c.flow = rowFlow(std::min(rows, queries), keyTile, staged);
            c.isTokenMajor = rows != 8;
            expectRight(c, deviceOf(name));
          }
}

TEST(AttentionKernel, CausalWindowBiasAndOffset) {
  for (const char *name : {"edge", "tpu-v5e"})
    for (int64_t queries : {5, 50, 96})
      for (int64_t keyTile : {0, 16, 40})
        for (int64_t window : {0, 7})
          for (unsigned staged : {31, 31 - 6}) {
            Case c;
            c.shape = {2, 2, 0, queries, 96, 16, 16, true};
            c.score.scale = 0.25f;
            c.score.window = window;
            c.score.offset = 96 - queries;
            c.hasBias = keyTile != 40;
            c.flow = rowFlow(std::min<int64_t>(12, queries), keyTile, staged);
            expectRight(c, deviceOf(name));
          }
}

TEST(AttentionKernel, GroupedHeads) {
  for (int64_t queries : {1, 10})
    for (int64_t rows : {1, 3, 4, 8, 20})
      for (bool causal : {false, true})
        for (bool isTokenMajor : {false, true}) {
          Case c;
          c.shape = {2, 8, 2, queries, 48, 16, 16, causal};
          c.score.scale = 0.25f;
          c.score.offset = 48 - queries;
          c.flow = rowFlow(std::min(rows, 4 * queries), 16);
          c.isTokenMajor = isTokenMajor;
          expectRight(c, deviceOf("edge"));
          c.flow.keyTile = 0;
          expectRight(c, deviceOf("tpu-v5e"));
        }
}

TEST(AttentionKernel, OtherTypes) {
  for (Type type : {Type::F32, Type::BF16}) {
    Case c;
    c.shape = {1, 2, 0, 33, 70, 16, 16, false};
    c.score.scale = 0.25f;
    c.type = type;
    c.flow = rowFlow(16, 32);
    expectRight(c, deviceOf("edge"));
  }
}

TEST(AttentionKernel, BiasByQueryAndKey) {
  for (const char *name : {"edge", "tpu-v5e"})
    for (int64_t queries : {1, 37, 64})
      for (int64_t rows : {1, 8, 24, 64})
        for (int64_t keyTile : {0, 16, 80})
          for (unsigned staged : {31, 31 - 2, 31 - 6, 31 - 16})
            for (bool causal : {false, true}) {
              Case c;
              c.shape = {2, 3, 0, queries, 80, 20, 12, causal};
              c.score.scale = 0.25f;
              c.score.offset = 80 - queries;
              c.rowBias = Case::RowBias(1 + (rows + keyTile + staged) % 4);
              c.hides = keyTile != 16;
              c.hasBias = staged == 31 - 2;
              c.score.dividesByZero = rows == 8;
              c.flow = rowFlow(std::min(rows, queries), keyTile, staged);
              c.isTokenMajor = rows != 8;
              expectRight(c, deviceOf(name));
            }
}

TEST(AttentionKernel, BiasOfGroupedHeads) {
  for (int64_t queries : {1, 10})
    for (int64_t rows : {1, 3, 4, 8, 20})
      for (int bias : {1, 2, 3, 4}) {
        Case c;
        c.shape = {2, 8, 2, queries, 48, 16, 16, false};
        c.score.scale = 0.25f;
        c.rowBias = Case::RowBias(bias);
        c.flow = rowFlow(std::min(rows, 4 * queries), 16);
        expectRight(c, deviceOf("edge"));
        c.flow.keyTile = 0;
        expectRight(c, deviceOf("tpu-v5e"));
      }
}

TEST(AttentionKernel, SoftCap) {
  for (const char *name : {"edge", "tpu-v5e"})
    for (int64_t keyTile : {0, 16, 40})
      for (unsigned staged : {31, 31 - 6})
        for (bool causal : {false, true}) {
          Case c;
          c.shape = {2, 2, 0, 50, 96, 16, 16, causal};
          c.score.scale = 0.5f;
          c.score.offset = 46;
          c.score.softCap = 1.5f;
          c.hasBias = keyTile == 16;
          c.rowBias = keyTile == 40 ? Case::ByHead : Case::NoRowBias;
          c.flow = rowFlow(12, keyTile, staged);
          expectRight(c, deviceOf(name));
        }
}

TEST(AttentionKernel, UnfusedWithBiasAndCap) {
  for (const char *name : {"edge", "tpu-v5e"})
    for (model::Granularity granularity :
         {model::Granularity::Head, model::Granularity::Batch})
      for (int bias : {1, 4}) {
        Case c;
        c.shape = {2, 4, 2, 30, 70, 16, 16, false};
        c.score.scale = 0.5f;
        c.score.softCap = bias == 1 ? 2.0f : 0.0f;
        c.rowBias = Case::RowBias(bias);
        c.flow.granularity = granularity;
        c.flow.heads = granularity == model::Granularity::Head ? 1 : 4;
        c.flow.staged = 0;
        c.flow.rows = 60;
        model::Device device = deviceOf(name);
        c.flow.logit = c.flow.attend = device.array.stationarities.front();
        expectRight(c, device);
        c.score.dividesByZero = true;
        Result<Built> built = build(c, device);
        ASSERT_FALSE(built.ok());
        EXPECT_NE(built.error().message.find("expected a fused one"),
                  std::string::npos)
            << built.error().message;
      }
}
