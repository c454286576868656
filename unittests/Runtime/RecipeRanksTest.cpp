//===- RecipeRanksTest.cpp - Parameters of several processes -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The C side of it; test/Python/torch-sharded.test runs two processes.
//
//===----------------------------------------------------------------------===//

#include "RecipeUtil.h"
#include <cmath>

using namespace nm::rt::test;

namespace {
/// The other process: its totals, and what went wrong with it.
struct Other {
  nm_recipe_totals totals = {sizeof(nm_recipe_totals), 0, 0, 0, 1, 0, 0};
  int code = 0;
  bool damages = false;
  int calls = 0;

  static int combine(nm_recipe_totals *totals, void *user) {
    auto *self = static_cast<Other *>(user);
    ++self->calls;
    if (self->damages)
      totals->mantissa = NAN;
    else if (nm_recipe_add_totals(totals, &self->totals, nullptr) != NM_OK)
      return 77;
    return self->code;
  }
};

Training trainingOf(const std::string &json) {
  Training training(json);
  TestTensor tensor;
  tensor.name = "w";
  tensor.shape = {4, 8};
  tensor.pattern = "2:4";
  tensor.f32.assign(32, 0.5f);
  tensor.gradient.assign(32, 2.0f);
  training.tensors.push_back(tensor);
  return training;
}

const char *stepRecipe(int option) {
  return option == 1 ? R"({"version": 1, "method": "step",
                           "switch": {"clip": null, "window": 1}})"
                     : R"({"version": 1, "method": "step",
                           "switch": {"clip": null, "window": 1, "option": 2}})";
}
} // namespace

TEST(RecipeRanks, TheStatisticIsThatOfAll) {
  for (int option : {1, 2}) {
    Training training = trainingOf(stepRecipe(option));
    ASSERT_EQ(training.add(), "");
    Other other;
    // 32 elements here with |v - v before| = 0.001 * 4; 32 there, of which 2
    // did not move and 30 have 2^-7.
    other.totals.elements = 32;
    other.totals.sum = 30 * 0x1p-7;
    other.totals.exponent = 30 * -7;
    other.totals.zeros = 2;
    nm_recipe_set_combine(training.get(), Other::combine, &other);
    nm_recipe_report report = {};
    ASSERT_EQ(training.step(&report), "");
    double own = 0.004;
    double expected =
        option == 1
            ? (32 * own + 30 * 0x1p-7) / 64
            : std::exp((32 * std::log(own) - 30 * 7 * std::log(2.0)) / 62);
    EXPECT_NEAR(report.statistic, expected, 1e-6 * expected) << option;
    EXPECT_EQ(other.calls, 1);
    nm_recipe_set_combine(training.get(), nullptr, nullptr);
    ASSERT_EQ(training.step(&report), "");
    EXPECT_EQ(other.calls, 1);
  }
}

TEST(RecipeRanks, ABadGradientElsewhereLeavesTheStepOut) {
  Training training = trainingOf(
      R"({"version": 1, "method": "sr-ste", "skip_nonfinite": true})");
  ASSERT_EQ(training.add(), "");
  std::string before = training.everything();
  Other other;
  other.totals.nonfinite = 3;
  nm_recipe_set_combine(training.get(), Other::combine, &other);
  nm_recipe_report report = {};
  ASSERT_EQ(training.step(&report), "");
  EXPECT_TRUE(report.skipped);
  EXPECT_EQ(report.nonfinite, 3);
  EXPECT_EQ(training.everything(), before);
  other.totals.nonfinite = 0;
  ASSERT_EQ(training.step(&report), "");
  EXPECT_FALSE(report.skipped);
}

TEST(RecipeRanks, FailuresNameTheReason) {
  Training training = trainingOf(
      R"({"version": 1, "method": "sr-ste", "skip_nonfinite": true})");
  ASSERT_EQ(training.add(), "");
  std::string before = training.everything();
  Other other;
  nm_recipe_set_combine(training.get(), Other::combine, &other);
  other.code = 5;
  EXPECT_NE(training.step().find("could not be combined: the program's "
                                 "function returned 5"),
            std::string::npos);
  other.code = 0;
  other.totals.zeros = 1; // of no elements
  EXPECT_NE(training.step().find("returned 77"), std::string::npos);
  other.damages = true;
  EXPECT_NE(training.step().find("the totals of processes are no counts"),
            std::string::npos);
  EXPECT_EQ(training.everything(), before);
}

TEST(RecipeRanks, PatternsAreKnownByName) {
  Training training(R"({"version": 1, "method": "structure-decay",
      "steps": 100, "structure": {"shape": "geometric", "frames": 3},
      "patterns": [{"tensors": "head.*", "pattern": "dense"},
                   {"tensors": "*", "pattern": "2:4", "axis": 0}]})");
  auto patternOf = [&](const char *name, const char *given) {
    nm_recipe_pattern out = {};
    out.struct_size = sizeof(out);
    EXPECT_EQ(
        nm_recipe_pattern_of(training.get(), name, given, -1, &out, nullptr),
        NM_OK);
    return out;
  };
  nm_recipe_pattern found = patternOf("body.weight", nullptr);
  EXPECT_EQ(found.n, 2);
  EXPECT_EQ(found.m, 4);
  EXPECT_EQ(found.axis, 0);
  EXPECT_EQ(found.group, 16);
  EXPECT_EQ(found.index, 1);
  found = patternOf("head.weight", nullptr);
  EXPECT_EQ(found.m, 0);
  EXPECT_EQ(found.index, 0);
  found = patternOf("head.weight", "1:8");
  EXPECT_EQ(found.m, 8);
  EXPECT_EQ(found.axis, -1);
  EXPECT_EQ(found.group, 32);
  EXPECT_EQ(found.index, -1);
  EXPECT_FALSE(nm_recipe_pattern_used(training.get(), 1));
  TestTensor tensor;
  tensor.name = "body.weight";
  tensor.shape = {16, 2};
  tensor.f32.assign(32, 1);
  training.tensors.push_back(tensor);
  ASSERT_EQ(training.add(), "");
  EXPECT_TRUE(nm_recipe_pattern_used(training.get(), 1));
  EXPECT_FALSE(nm_recipe_pattern_used(training.get(), 0));
  EXPECT_FALSE(nm_recipe_pattern_used(training.get(), 2));
}
