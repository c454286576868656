//===- FaithfulTest.cpp - The published mappings ---------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Model/Faithful.h"
#include "nm/Model/Published.h"
#include <gtest/gtest.h>

using namespace nm::model;

namespace {

TEST(Faithful, EqualsThePublishedMappings) {
  auto mappings =
      readPublishedMappings(NM_TEST_DATA "/flat_validation_subset.csv");
  ASSERT_TRUE(mappings) << mappings.error().message;
  ASSERT_EQ(mappings->size(), 48u);
  for (const PublishedMapping &mapping : *mappings) {
    SCOPED_TRACE(mapping.platform + " " + mapping.model + " " + mapping.length);
    auto figures = evaluatePublished(mapping);
    ASSERT_TRUE(figures) << figures.error().message;
    // The bar is 1e-3; the closed form with its edge term is exact.
    for (size_t i = 0; i != figures->size(); ++i)
      EXPECT_LT(figureError((*figures)[i], mapping.published[i]), 1e-7)
          << kPublishedFigureNames[i];
  }
}

/// BERT at 4K on `device`.
Cost bert4K(const char *device, Dataflow flow, bool softmax = false,
            int64_t lanes = 0) {
  Device d = *findDevice(device);
  d.specialFunction.lanes = lanes;
  AttentionShape shape;
  shape.batch = 64;
  shape.heads = 12;
  shape.queries = shape.keys = 4096;
  shape.headDim = 64;
  EXPECT_TRUE(checkFaithful(d, shape, flow));
  return evaluateFaithful(d, shape, flow, softmax);
}

Dataflow flow(Granularity granularity, int64_t rows, unsigned staged,
              int64_t heads = 1) {
  Dataflow f;
  f.granularity = granularity;
  f.rows = rows;
  f.staged = staged;
  f.heads = heads;
  return f;
}

constexpr double kGiB = 1024.0 * 1024 * 1024;

TEST(Faithful, KnownPointsOfBert) {
  // Unfused, then heads, then rows of 256 on the cloud platform.
  Cost flex = bert4K("cloud", flow(Granularity::Head, 4096,
                                   StagedQ | StagedK | StagedV | StagedOutput));
  EXPECT_NEAR(flex.cycles, 1.16e8, 1e6);
  EXPECT_NEAR(flex.dramBytes / kGiB, 49.5, 0.05);
  Cost rows = bert4K("cloud", flow(Granularity::Row, 256, StagedAll));
  EXPECT_NEAR(rows.cycles, 6.30e7, 1e5);
  EXPECT_NEAR(rows.dramBytes / kGiB, 1.50, 0.01);
  EXPECT_NEAR(rows.utilisation(), 0.4, 1e-3);
  EXPECT_STREQ(rows.bound(), "array");
  // With 256 lanes the special-function unit is the bottleneck.
  Cost finite =
      bert4K("cloud", flow(Granularity::Row, 256, StagedAll), true, 256);
  EXPECT_NEAR(finite.cycles / 940e6, 0.2142, 2e-4);
  EXPECT_STREQ(finite.bound(), "softmax");
}

TEST(Faithful, FootprintsOfThePaper) {
  // M 8BDN + BHN^2, B 8DN + HN^2, H 8Nd + N^2, R 4Rd + 4Nd + RN.
  AttentionShape s;
  s.batch = 4;
  s.heads = 3;
  s.queries = s.keys = 128;
  s.headDim = 16;
  double N = 128, D = 48, d = 16;
  EXPECT_EQ(stagedFootprint(s, flow(Granularity::Batch, 128, StagedAll, 12)),
            8 * 4 * D * N + 4 * 3 * N * N);
  EXPECT_EQ(stagedFootprint(s, flow(Granularity::Sample, 128, StagedAll, 3)),
            8 * D * N + 3 * N * N);
  EXPECT_EQ(stagedFootprint(s, flow(Granularity::Head, 128, StagedAll)),
            8 * N * d + N * N);
  EXPECT_EQ(stagedFootprint(s, flow(Granularity::Row, 8, StagedAll)),
            4 * 8 * d + 4 * N * d + 8 * N);
  for (Dataflow f : {flow(Granularity::Batch, 128, StagedAll, 12),
                     flow(Granularity::Row, 8, StagedAll)})
    EXPECT_EQ(evaluateFaithful(*findDevice("edge"), s, f).footprintBytes,
              2 * stagedFootprint(s, f));
}

TEST(Faithful, SpillChargesEveryTensor) {
  Device edge = *findDevice("edge");
  AttentionShape s;
  s.heads = 4;
  s.queries = s.keys = 1024;
  s.headDim = 64;
  for (unsigned staged = 0; staged <= StagedAll; ++staged)
    for (auto st : {Stationarity::Output, Stationarity::Weight}) {
      Dataflow f = flow(Granularity::Row, 512, staged);
      f.logit = f.attend = st;
      Cost big = evaluateFaithful(edge, s, f);
      Device roomy = edge;
      roomy.scratchpad.bytes = 1 << 30;
      Cost fits = evaluateFaithful(roomy, s, f);
      EXPECT_EQ(fits.spill, 0);
      EXPECT_EQ(big.spill > 0, big.footprintBytes > 524288) << toString(f);
      EXPECT_EQ(big.dramBytes > fits.dramBytes, big.spill > 0) << toString(f);
      EXPECT_EQ(big.computeCycles, fits.computeCycles);
      // At least every tensor moves once.
      EXPECT_GE(fits.dramBytes, 2.0 * 4 * 4 * 1024 * 64) << toString(f);
    }
}

TEST(Faithful, RefusesWhatThePaperDoesNotModel) {
  Device edge = *findDevice("edge");
  AttentionShape s;
  s.heads = 4;
  s.queries = s.keys = 64;
  s.headDim = 32;
  auto refused = [&](const AttentionShape &shape, const Dataflow &f) {
    Status status = checkFaithful(edge, shape, f);
    return !status && !status.error().message.empty();
  };
  Dataflow ok = flow(Granularity::Row, 16, StagedAll);
  EXPECT_FALSE(refused(s, ok));
  Dataflow f = ok;
  f.keyTile = 16;
  EXPECT_TRUE(refused(s, f));
  f = ok;
  f.attend = Stationarity::Input;
  EXPECT_TRUE(refused(s, f));
  f = ok;
  f.rows = 65;
  EXPECT_TRUE(refused(s, f));
  f = ok;
  f.granularity = Granularity::Head;
  EXPECT_TRUE(refused(s, f)) << "a head has all rows";
  AttentionShape causal = s;
  causal.causal = true;
  EXPECT_TRUE(refused(causal, ok));
  AttentionShape gqa = s;
  gqa.kvHeads = 2;
  EXPECT_TRUE(refused(gqa, ok));
  gqa.kvHeads = 3;
  EXPECT_FALSE(gqa.check()) << "3 does not divide 4";
  AttentionShape huge = s;
  huge.batch = 1 << 20;
  huge.queries = huge.keys = 1 << 24;
  EXPECT_FALSE(huge.check());
  EXPECT_FALSE(checkFaithful(*findDevice("generic-host"), s, ok));
}

} // namespace
