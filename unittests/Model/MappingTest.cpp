//===- MappingTest.cpp - Mappings given, explained and drawn -===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Model/Mapping.h"
#include "nm/Model/Extended.h"
#include <algorithm>
#include <fstream>
#include <gtest/gtest.h>
#include <numeric>
#include <random>
#include <sstream>

using namespace nm::model;

namespace {

Mapping randomMapping(std::mt19937 &random) {
  auto pick = [&](int64_t least, int64_t most) {
    return std::uniform_int_distribution<int64_t>(least, most)(random);
  };
  Mapping m;
  m.shape.batch = pick(1, 9);
  m.shape.kvHeads = pick(1, 4);
  m.shape.heads = m.shape.kvHeads * pick(1, 3);
  m.shape.queries = pick(1, 300);
  m.shape.keys = m.shape.queries + pick(0, 300);
  m.shape.headDim = pick(1, 128);
  m.shape.valueDim = pick(1, 128);
  m.shape.causal = pick(0, 1);
  m.dataflow.granularity = static_cast<Granularity>(pick(0, 3));
  m.dataflow.rows = pick(1, 300);
  m.dataflow.keyTile = pick(0, 1) ? pick(1, 300) : 0;
  m.dataflow.heads = pick(1, 8);
  m.dataflow.packed = pick(1, 4);
  m.dataflow.staged = static_cast<unsigned>(pick(0, 31));
  m.dataflow.logit = static_cast<Stationarity>(pick(0, 2));
  m.dataflow.attend = static_cast<Stationarity>(pick(0, 2));
  m.dataflow.order = static_cast<LoopOrder>(pick(0, 1));
  return m;
}

TEST(Mapping, FilesReadBack) {
  std::mt19937 random(7);
  for (int i = 0; i != 500; ++i) {
    Mapping m = randomMapping(random);
    std::string text = printMapping(m);
    Result<Mapping> again = parseMapping(text, "file");
    ASSERT_TRUE(again) << again.error().message << "\n" << text;
    EXPECT_EQ(printMapping(*again), text);
    const Dataflow &a = m.dataflow, &b = again->dataflow;
    EXPECT_EQ(std::make_tuple(a.granularity, a.rows, a.keyTile, a.heads,
                              a.packed, a.staged, a.logit, a.attend, a.order),
              std::make_tuple(b.granularity, b.rows, b.keyTile, b.heads,
                              b.packed, b.staged, b.logit, b.attend, b.order));
    const AttentionShape &s = m.shape, &t = again->shape;
    EXPECT_EQ(std::make_tuple(s.batch, s.heads, s.kvHeads, s.queries, s.keys,
                              s.headDim, s.valueDim, s.causal),
              std::make_tuple(t.batch, t.heads, t.kvHeads, t.queries, t.keys,
                              t.headDim, t.valueDim, t.causal));
  }
}

TEST(Mapping, RefusesWhatIsWrong) {
  std::mt19937 random(8);
  std::string good = printMapping(randomMapping(random));
  // Each field once missing, once of another kind; a torn file; a foreign one.
  size_t tried = 0;
  for (size_t at = good.find("\": "); at != std::string::npos;
       at = good.find("\": ", at + 1)) {
    std::string other = good;
    other.insert(at, "x");
    EXPECT_FALSE(parseMapping(other, "file")) << other;
    ++tried;
  }
  EXPECT_EQ(tried, 20u);
  for (size_t size = 0; size + 2 < good.size(); ++size)
    EXPECT_FALSE(parseMapping(good.substr(0, size), "file"));
  for (const char *text : {"[]", "3", "{}", "{\"nm_mapping\": 2}"})
    EXPECT_FALSE(parseMapping(text, "file"));
  EXPECT_FALSE(readMapping("/nowhere/none.json"));
  EXPECT_FALSE(readMapping("/dev/zero"));
}

TEST(Mapping, PublishedSchema) {
  std::ifstream file(NM_DEVICES "/../docs/mapping.schema.json");
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(), mappingSchema())
      << "write nm-explore map --schema to docs/mapping.schema.json";
}

AttentionShape smallShape() {
  AttentionShape shape;
  shape.batch = 2;
  shape.heads = 4;
  shape.queries = shape.keys = 192;
  shape.headDim = 32;
  return shape;
}

/// All mappings of a space that exist.
std::vector<Candidate> all(const Device &device, const AttentionShape &shape,
                           Mode mode) {
  SearchOptions options;
  options.mode = mode;
  options.keep = size_t(1) << 20;
  Result<SearchResult> found = searchDataflows(device, shape, options);
  EXPECT_TRUE(found);
  return found ? found->ranked : std::vector<Candidate>();
}

TEST(Front, EqualsTheDefinition) {
  AttentionShape shape = smallShape();
  for (const char *name : {"edge", "cloud"})
    for (Mode mode : {Mode::Faithful, Mode::Extended}) {
      Device device = *findDevice(name);
      std::vector<std::array<double, 3>> points, expected, found;
      for (const Candidate &c : all(device, shape, mode))
        points.push_back(
            {c.cost.cycles, c.cost.energyPj, c.cost.footprintBytes});
      std::sort(points.begin(), points.end());
      points.erase(std::unique(points.begin(), points.end()), points.end());
      // In order of time whoever beats a point stands before it.
      for (const auto &p : points)
        if (std::none_of(expected.begin(), expected.end(), [&](const auto &q) {
              return q[0] <= p[0] && q[1] <= p[1] && q[2] <= p[2];
            }))
          expected.push_back(p);
      SearchOptions options;
      options.mode = mode;
      options.keep = 1;
      options.wantsFront = true;
      Result<SearchResult> result = searchDataflows(device, shape, options);
      ASSERT_TRUE(result);
      for (const Candidate &c : result->front)
        found.push_back(
            {c.cost.cycles, c.cost.energyPj, c.cost.footprintBytes});
      EXPECT_EQ(found, expected) << name;
      EXPECT_GT(found.size(), 2u);
      if (mode == Mode::Extended) // bounds are worth having
        EXPECT_GT(result->pruned, 0);
    }
}

TEST(Explain, BuffersAndTimesAddUp) {
  AttentionShape shape = smallShape();
  Device device = *findDevice("edge");
  size_t tried = 0;
  std::vector<Candidate> mappings = all(device, shape, Mode::Extended);
  for (size_t i = 0; i < mappings.size(); i += 97, ++tried) {
    const Candidate &c = mappings[i];
    Mapping m{shape, c.dataflow};
    Result<Cost> cost = evaluateMapping(device, m, Mode::Extended);
    ASSERT_TRUE(cost) << cost.error().message;
    EXPECT_EQ(cost->cycles, c.cost.cycles);
    FootprintOverTime over = footprintOverTime(device, m);
    double most = 0;
    for (size_t step = 0; step != over.steps; ++step) {
      double live = 0;
      for (const auto &row : over.rows)
        live += row.bytes.at(step);
      most = std::max(most, live);
    }
    EXPECT_LE(most, c.cost.footprintBytes) << toString(c.dataflow);
    EXPECT_GE(most, c.cost.footprintBytes / 2) << toString(c.dataflow);
    std::string text = explainMapping(device, m, *cost, Mode::Extended, &*cost);
    EXPECT_NE(text.find("1.000 times the time"), std::string::npos);
    // The loops visit all rows and all keys.
    std::vector<std::string> nest = loopNest(device, m);
    EXPECT_EQ(std::count_if(nest.begin(), nest.end(),
                            [](const std::string &line) {
                              return line.find("for ") != std::string::npos;
                            }),
              c.dataflow.keyTile ? 3 : 2);
    EXPECT_NE(drawMapping(device, m).find("</svg>"), std::string::npos);
  }
  EXPECT_GT(tried, 100u);
}

TEST(Explain, SaysWhyNot) {
  Mapping m{smallShape(), Dataflow()};
  m.dataflow.rows = 192;
  m.dataflow.staged = StagedAll;
  m.dataflow.heads = 8;
  Device small = *findDevice("edge");
  small.scratchpad.bytes = 4096;
  Result<Cost> cost = evaluateMapping(small, m, Mode::Extended);
  ASSERT_FALSE(cost);
  EXPECT_NE(cost.error().message.find("4096 of the scratchpad"),
            std::string::npos)
      << cost.error().message;
}

} // namespace
