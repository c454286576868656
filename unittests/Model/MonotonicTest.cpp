//===- MonotonicTest.cpp - A better machine is no slower -------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Of two machines of which one has at least as much of everything, the better
// one takes no longer, and runs whatever the other runs. NM_SEED
// chooses other machines.
//
//===----------------------------------------------------------------------===//

#include "Common/RandomDevices.h"
#include "nm/Model/Extended.h"
#include "nm/Model/Faithful.h"
#include "nm/Model/Search.h"
#include <cstdio>
#include <functional>
#include <gtest/gtest.h>
#include <optional>

using namespace nm::model;

namespace {

/// Seconds or picojoules of the best on a machine; nothing if it runs nowhere.
using Measure = std::function<std::optional<double>(const Device &)>;

/// Compares all pairs of `families` by each measure; returns how many.
int64_t compare(const std::vector<std::vector<Device>> &families,
                const std::vector<std::pair<std::string, Measure>> &measures) {
  int64_t pairs = 0, found = 0;
  for (const std::vector<Device> &family : families)
    for (const auto &[what, measure] : measures) {
      std::vector<std::optional<double>> values;
      for (const Device &device : family)
        values.push_back(measure(device));
      for (size_t i = 0; i != family.size(); ++i)
        for (size_t j = 0; j != family.size(); ++j) {
          if (i == j || !isAtLeast(family[j], family[i]))
            continue;
          ++pairs;
          if (!values[i])
            continue;
          ++found;
          EXPECT_TRUE(values[j].has_value())
              << what << " vanishes from\n"
              << printDevice(family[i]) << " to\n"
              << printDevice(family[j]);
          // Sums of doubles in other units.
          if (values[j]) {
            EXPECT_LE(*values[j], *values[i] * (1 + 1e-9))
                << what << " gets worse from\n"
                << printDevice(family[i]) << " to\n"
                << printDevice(family[j]);
          }
          if (testing::Test::HasFailure())
            return pairs;
        }
    }
  EXPECT_GT(found, pairs / 3) << "most machines run nothing";
  return pairs;
}

std::vector<AttentionShape> shapes() {
  auto make = [](int64_t batch, int64_t heads, int64_t kvHeads, int64_t queries,
                 int64_t keys, int64_t width, bool causal) {
    AttentionShape shape;
    shape.batch = batch;
    shape.heads = heads;
    shape.kvHeads = kvHeads;
    shape.queries = queries;
    shape.keys = keys;
    shape.headDim = width;
    shape.causal = causal;
    return shape;
  };
  return {make(1, 12, 12, 512, 512, 64, false),
          make(2, 3, 3, 200, 330, 40, true), make(4, 8, 2, 1, 1000, 128, false),
          make(1, 2, 2, 4096, 4096, 64, false)};
}

Measure attention(const AttentionShape &shape, const SearchOptions &options) {
  return [=](const Device &device) -> std::optional<double> {
    auto found = searchDataflows(device, shape, options);
    if (!found)
      return std::nullopt;
    const Cost &cost = found->ranked.front().cost;
    double seconds = cost.cycles / static_cast<double>(device.frequencyHz);
    switch (options.objective) {
    case Objective::Cycles:
      return seconds;
    case Objective::Energy:
      return cost.energyPj;
    case Objective::EnergyDelay:
      return seconds * cost.energyPj;
    case Objective::Capacity:
      break;
    }
    return cost.footprintBytes;
  };
}

} // namespace

TEST(Monotonic, Attention) {
  unsigned seed = seedOf("NM_SEED", 1);
  std::printf("seed %u\n", seed);
  std::vector<std::pair<std::string, Measure>> measures;
  for (const AttentionShape &shape : shapes())
    for (Objective objective :
         {Objective::Cycles, Objective::Energy, Objective::EnergyDelay})
      for (Scope scope : {Scope::All, Scope::Unfused}) {
        SearchOptions options;
        options.keep = 1;
        options.objective = objective;
        options.scope = scope;
        measures.push_back(
            {"attention of " + std::to_string(shape.queries) + " x " +
                 std::to_string(shape.keys) + ", objective " +
                 std::to_string(static_cast<int>(objective)) + ", scope " +
                 std::to_string(static_cast<int>(scope)),
             attention(shape, options)});
      }
  int64_t pairs = compare(randomFamilies(seed, 15, 10), measures);
  std::printf("%ld pairs\n", static_cast<long>(pairs));
}

TEST(Monotonic, Projections) {
  unsigned seed = seedOf("NM_SEED", 1);
  std::printf("seed %u\n", seed);
  std::vector<std::pair<std::string, Measure>> measures;
  for (const ProjectionShape &shape : {ProjectionShape{512, 768, 768, {}},
                                       {512, 768, 768, {2, 4}},
                                       {1, 1024, 300, {}},
                                       {33, 130, 70, {}},
                                       {8, 256, 4096, {1, 4}}})
    measures.push_back({"projection of " + std::to_string(shape.tokens) +
                            " x " + std::to_string(shape.in) + " x " +
                            std::to_string(shape.out),
                        [shape](const Device &device) -> std::optional<double> {
                          auto found = searchProjection(device, shape);
                          if (!found)
                            return std::nullopt;
                          return found->second.cycles /
                                 static_cast<double>(device.frequencyHz);
                        }});
  int64_t pairs = compare(randomFamilies(seed, 15, 10), measures);
  std::printf("%ld pairs\n", static_cast<long>(pairs));
}

TEST(Monotonic, Faithful) {
  unsigned seed = seedOf("NM_SEED", 1);
  std::printf("seed %u\n", seed);
  AttentionShape shape = shapes().front();
  shape.causal = false;
  std::vector<std::pair<std::string, Measure>> measures;
  for (Scope scope : {Scope::Naive, Scope::Unfused, Scope::All})
    for (Objective objective :
         {Objective::Cycles, Objective::Energy, Objective::EnergyDelay}) {
      SearchOptions options;
      options.mode = Mode::Faithful;
      options.keep = 1;
      options.scope = scope;
      options.objective = objective;
      measures.push_back({"the paper's model, scope " +
                              std::to_string(static_cast<int>(scope)),
                          attention(shape, options)});
    }
  std::vector<std::vector<Device>> families = randomFamilies(seed, 15, 10);
  for (auto &family : families)
    for (Device &device : family)
      device.array.cols = device.array.rows;
  int64_t pairs = compare(families, measures);
  std::printf("%ld pairs\n", static_cast<long>(pairs));
}
