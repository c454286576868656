//===- LayerTest.cpp - Projections and layers ------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Model/Extended.h"
#include <gtest/gtest.h>

using namespace nm::model;

namespace {

TEST(Projection, WeightBytes) {
  Device device = *findDevice("edge");
  EXPECT_EQ(weightBytes(device, {1, 768, 3072, {}}), 768 * 3072 * 2);
  // (N/M) K N_out (bits + log2 M) / 8.
  EXPECT_EQ(weightBytes(device, {1, 768, 3072, {2, 4}}),
            768 / 2 * 3072 * 18 / 8);
  EXPECT_EQ(weightBytes(device, {1, 768, 3072, {1, 8}}),
            768 / 8 * 3072 * 19 / 8);
  // A group that the width does not fill still stores N.
  EXPECT_EQ(weightBytes(device, {1, 6, 4, {2, 4}}), 4 * 4 * 18 / 8);
  // The indices of a row begin on a byte: 20 bits are three.
  EXPECT_EQ(weightBytes(device, {1, 20, 5, {2, 4}}), 5 * (10 * 2 + 3));
}

TEST(Projection, Depth) {
  Device device = *findDevice("edge");
  device.array.cols = 48;
  ProjectionShape dense{8, 768, 768, {}};
  EXPECT_EQ(projectionDepth(device, dense, {8, 8}), 32);
  EXPECT_EQ(projectionDepth(device, dense, {8, 8, Stationarity::Input}), 48);
  EXPECT_EQ(projectionDepth(device, dense, {8, 8, Stationarity::Output, 5}), 5);
  EXPECT_EQ(projectionDepth(device, {8, 20, 8, {}}, {8, 8}), 20);
  // 32 kept elements enter the array at a time.
  EXPECT_EQ(projectionDepth(device, {8, 768, 8, {2, 4}}, {8, 8}), 64);
  EXPECT_EQ(projectionDepth(device, {8, 768, 8, {1, 4}}, {8, 8}), 128);
  // Two groups of 2:4 fill a byte, four of 2:8 three.
  EXPECT_EQ(projectionDepth(device, {8, 768, 8, {2, 4}},
                            {8, 8, Stationarity::Output, 9}),
            16);
  EXPECT_EQ(projectionDepth(device, {8, 768, 8, {2, 8}},
                            {8, 8, Stationarity::Output, 9}),
            32);
  EXPECT_EQ(projectionDepth(device, {8, 24, 8, {2, 8}}, {8, 8}), 24);
}

TEST(Projection, SearchAsksTheFilter) {
  Device device = *findDevice("edge");
  ProjectionShape shape{64, 96, 96, {}};
  auto narrow = searchProjection(
      device, shape, [](const ProjectionTiling &tiling) -> Status {
        if (tiling.out > 16)
          return nm::support::Error{nm::support::Errc::Unsupported, "wide"};
        return {};
      });
  ASSERT_TRUE(narrow);
  EXPECT_LE(narrow->first.out, 16);
  EXPECT_GE(narrow->second.cycles,
            searchProjection(device, shape)->second.cycles);
  auto none =
      searchProjection(device, shape, [](const ProjectionTiling &) -> Status {
        return nm::support::Error{nm::support::Errc::Unsupported, "none"};
      });
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().message, "none");
}

TEST(Projection, SkippingHalvesTheCompute) {
  Device device = *findDevice("edge");
  ProjectionTiling tiling{64, 64, Stationarity::Output};
  Result<Cost> dense = evaluateProjection(device, {512, 768, 768, {}}, tiling);
  Result<Cost> sparse =
      evaluateProjection(device, {512, 768, 768, {2, 4}}, tiling);
  ASSERT_TRUE(dense && sparse);
  EXPECT_EQ(dense->computeCycles, 512 / 32 * (768 / 32) * 768);
  EXPECT_EQ(2 * sparse->computeCycles, dense->computeCycles);
  // A in twelve column blocks, W in eight token blocks, outputs once.
  EXPECT_EQ(dense->dramBytes,
            2.0 * 512 * 768 * 12 + 2.0 * 768 * 768 * 8 + 2.0 * 512 * 768);
  EXPECT_EQ(dense->dramBytes - sparse->dramBytes,
            8.0 * (768 * 768 * 2 - 768 / 2 * 768 * 18 / 8));
  // An array that cannot skip saves bytes only, and a slow decoder is felt.
  device.array.sparsePatterns.clear();
  EXPECT_EQ(evaluateProjection(device, {512, 768, 768, {2, 4}}, tiling)
                ->computeCycles,
            dense->computeCycles);
  device.array.sparsePatterns = {{2, 4}};
  device.array.indexDecodesPerCycle = 1;
  EXPECT_EQ(evaluateProjection(device, {512, 768, 768, {2, 4}}, tiling)
                ->computeCycles,
            512.0 / 32 * 768 / 2 * 768);
}

TEST(Projection, Refusals) {
  Device device = *findDevice("edge");
  EXPECT_FALSE(evaluateProjection(device, {0, 4, 4, {}}, {}));
  EXPECT_FALSE(evaluateProjection(device, {4, 4, 4, {}}, {8, 4}));
  EXPECT_FALSE(evaluateProjection(device, {4, 4, 4, {5, 4}}, {}));
  Result<Cost> large =
      evaluateProjection(device, {1 << 20, 4096, 4096, {}}, {4096, 4096});
  ASSERT_FALSE(large);
  EXPECT_NE(large.error().message.find("live bytes"), std::string::npos);
  EXPECT_FALSE(searchProjection(*findDevice("generic-host"), {4, 4, 4, {}}));
}

TEST(Projection, SearchFindsTheBest) {
  Device device = *findDevice("edge");
  ProjectionShape shape{300, 96, 130, {}};
  auto best = searchProjection(device, shape);
  ASSERT_TRUE(best);
  for (int64_t tokens : {1, 32, 128, 300})
    for (int64_t out : {1, 32, 128, 130})
      for (auto s : device.array.stationarities)
        if (auto cost = evaluateProjection(device, shape, {tokens, out, s}))
          EXPECT_LE(best->second.cycles, cost->cycles);
}

LayerShape bert(int64_t length) {
  LayerShape shape;
  shape.attention.batch = 64;
  shape.attention.heads = 12;
  shape.attention.queries = shape.attention.keys = length;
  shape.attention.headDim = 64;
  shape.modelDim = 768;
  shape.feedForward = 3072;
  return shape;
}

TEST(Layer, SparsityAndFusionNeedEachOther) {
  // The longer the sequence, the less 2:4 weights gain alone.
  Device device = *findDevice("cloud");
  double before = 2;
  for (int64_t length : {512, 4096, 16384, 65536}) {
    LayerShape dense = bert(length), sparse = dense;
    sparse.pattern = {2, 4};
    Result<LayerCost> a = evaluateLayer(device, dense);
    Result<LayerCost> b = evaluateLayer(device, sparse);
    ASSERT_TRUE(a && b);
    double gain = a->cycles() / b->cycles();
    EXPECT_GT(gain, 1);
    EXPECT_LT(gain, before);
    before = gain;
    EXPECT_EQ(a->attention.cycles, b->attention.cycles);
    SearchOptions options;
    options.scope = Scope::Unfused;
    Result<LayerCost> unfused = evaluateLayer(device, dense, options);
    ASSERT_TRUE(unfused);
    EXPECT_GT(unfused->cycles(), a->cycles());
    EXPECT_FALSE(unfused->dataflow.isFused());
  }
}

} // namespace
