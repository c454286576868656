//===- RoundTrip.h - Mappings written for others and read back -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_UNITTESTS_EXPLORE_ROUNDTRIP_H
#define NM_UNITTESTS_EXPLORE_ROUNDTRIP_H

#include "nm/Model/Mapping.h"
#include <gtest/gtest.h>

namespace nm::explore {

struct RoundTrips {
  size_t written = 0, refused = 0;
};

/// The `keep` best mappings of an attention on three devices, printed and
/// parsed: equal ones, or an error that says what was expected.
template <typename Print, typename Parse>
RoundTrips expectRoundTrips(model::Scope scope, size_t keep, Print print,
                            Parse parse) {
  model::AttentionShape shape;
  shape.batch = 4;
  shape.heads = 8;
  shape.queries = shape.keys = 1024;
  shape.headDim = 64;
  shape.valueDim = 128;
  RoundTrips trips;
  for (const char *name : {"edge", "cloud", "fusemax"}) {
    model::Device device = *model::findDevice(name);
    model::SearchOptions options;
    options.keep = keep;
    options.scope = scope;
    auto found = searchDataflows(device, shape, options);
    EXPECT_TRUE(found);
    for (const model::Candidate &c : found->ranked) {
      auto text = print(device, model::Mapping{shape, c.dataflow});
      if (!text) {
        ++trips.refused;
        EXPECT_NE(text.error().message.find("expected"), std::string::npos);
        continue;
      }
      ++trips.written;
      model::Result<model::Mapping> again = parse(*text);
      EXPECT_TRUE(again) << again.error().message;
      if (!again)
        return trips;
      // A sample or the batch at a time is so many heads at a time.
      model::Dataflow expected = c.dataflow;
      if (expected.granularity != model::Granularity::Row)
        expected.granularity = model::Granularity::Head;
      EXPECT_EQ(toString(again->dataflow), toString(expected));
      EXPECT_EQ(evaluateMapping(device, *again, model::Mode::Extended)->cycles,
                c.cost.cycles);
      EXPECT_EQ(again->shape.batch, shape.batch);
      EXPECT_EQ(again->shape.heads, shape.heads);
      EXPECT_EQ(again->shape.keys, shape.keys);
      EXPECT_EQ(again->shape.headDim, shape.headDim);
      EXPECT_EQ(again->shape.valueDim, shape.valueDim);
    }
  }
  return trips;
}

} // namespace nm::explore

#endif // NM_UNITTESTS_EXPLORE_ROUNDTRIP_H
