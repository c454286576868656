//===- AttentionSpaceTest.cpp - Every dataflow as a program ----------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// All points of the space at small shapes: what checkExtended accepts becomes
// a program with the right values, the model's DRAM bytes and no more memory
// than its footprint.
//
//===----------------------------------------------------------------------===//

#include "AttentionTestSupport.h"

using namespace nm;
using namespace nm::isa;
using model::Granularity;
using model::LoopOrder;
using model::Stationarity;

namespace {

Device packingDevice() {
  Device device = tinyDevice();
  device.array.packsHeads = true;
  device.scratchpad.bytes = 1 << 20;
  return device;
}

struct Space {
  std::vector<int64_t> rows, keyTiles, heads;
};

/// Every `stride`-th point.
void sweep(const AttentionShape &shape, const Device &device,
           const Space &space, int64_t stride, AttentionScore score = {},
           int64_t least = 100) {
  AttentionRunner runner;
  int64_t point = 0, total = shape.group() * shape.queries;
  int64_t units = shape.batch * shape.kvHeadCount();
  score.scale = 0.25f;
  if (shape.causal)
    score.offset = shape.keys - shape.queries;
  auto one = [&](const Dataflow &flow) {
    if (++point % stride || !model::checkExtended(device, shape, flow))
      return;
    Case c;
    c.shape = shape;
    c.flow = flow;
    c.score = score;
    c.isTokenMajor = point / stride % 2;
    runner.expectRight(c, device);
  };
  for (int64_t tile : space.keyTiles)
    for (LoopOrder order : {LoopOrder::RowsOuter, LoopOrder::KeysOuter})
      for (unsigned staged = 0; staged <= model::StagedAll; ++staged)
        for (Stationarity logit : device.array.stationarities)
          for (Stationarity attend : device.array.stationarities)
            for (int64_t packed : {1, 2, 3, 4}) {
              Dataflow flow;
              flow.keyTile = tile;
              flow.order = order;
              flow.staged = staged;
              flow.logit = logit;
              flow.attend = attend;
              flow.packed = packed;
              for (int64_t heads : space.heads) {
                flow.heads = heads;
                flow.granularity = Granularity::Row;
                for (int64_t rows : space.rows) {
                  flow.rows = rows;
                  one(flow);
                }
                flow.granularity = Granularity::Head;
                flow.rows = total;
                one(flow);
              }
              flow.rows = total;
              flow.granularity = Granularity::Sample;
              flow.heads = shape.kvHeadCount();
              one(flow);
              flow.granularity = Granularity::Batch;
              flow.heads = units;
              one(flow);
            }
  EXPECT_GT(runner.programs, least);
}

} // namespace

TEST(AttentionSpace, Plain) {
  sweep({2, 3, 0, 21, 37, 10, 20, false}, tinyDevice(),
        {{4, 8, 18}, {0, 5, 16}, {1, 2, 4}}, 17);
}

TEST(AttentionSpace, Causal) {
  sweep({1, 2, 0, 25, 30, 8, 8, true}, tinyDevice(),
        {{4, 18}, {0, 7, 16}, {1, 2}}, 5);
}

TEST(AttentionSpace, Grouped) {
  sweep({2, 4, 2, 9, 40, 8, 12, true}, tinyDevice(), {{3, 10}, {0, 16}, {1, 3}},
        5);
}

TEST(AttentionSpace, Window) {
  AttentionScore score;
  score.window = 6;
  sweep({1, 2, 0, 20, 20, 8, 8, true}, tinyDevice(), {{8}, {0, 5}, {1}}, 3,
        score);
}

TEST(AttentionSpace, PackedHeads) {
  sweep({3, 5, 0, 12, 33, 4, 4, false}, packingDevice(),
        {{5, 8}, {0, 6}, {2, 4, 15}}, 29);
}

/// Without fusion a softmax has rows for all segments.
TEST(AttentionSpace, PackedCausalHeads) {
  sweep({3, 5, 0, 12, 33, 4, 4, true}, packingDevice(),
        {{5, 8}, {0}, {2, 4, 15}}, 29, {}, 50);
}

TEST(AttentionSpace, LongLoops) {
  // Iterations are left out of the middle of all loops.
  sweep({17, 17, 0, 69, 50, 4, 4, false}, packingDevice(),
        {{3}, {0, 3}, {1, 2}}, 991, {}, 3);
}

TEST(AttentionSpace, LongCausalLoops) {
  sweep({1, 1, 0, 90, 95, 4, 4, true}, packingDevice(), {{4}, {0, 3}, {1}}, 2);
}
