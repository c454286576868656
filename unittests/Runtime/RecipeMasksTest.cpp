//===- RecipeMasksTest.cpp - Blocks and transposable masks -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Against masks that are computed here from their description, element by
// element, and training under them against float64.
//
//===----------------------------------------------------------------------===//

#include "RecipeUtil.h"
#include <algorithm>
#include <cmath>

using namespace nm::rt::test;

namespace {
struct Case {
  std::string pattern;
  std::vector<int64_t> shape;
  int64_t axis;
  int n, m;
  bool transposable;
  std::vector<int64_t> block;
};

const std::vector<Case> &cases() {
  static const std::vector<Case> list = {
      {"2:4 transposable", {8, 12}, 1, 2, 4, true, {1, 1}},
      {"1:4 transposable", {4, 8}, 0, 1, 4, true, {1, 1}},
      {"3:8 transposable", {3, 16, 8}, 2, 3, 8, true, {1, 1, 1}},
      {"2:4 transposable", {8, 8, 3, 3}, 1, 2, 4, true, {1, 1, 1, 1}},
      {"2:4 blocks 4x1", {8, 16}, 1, 2, 4, false, {4, 1}},
      {"1:2 blocks 2x3", {6, 18}, 1, 1, 2, false, {2, 3}},
      {"2:4 blocks 1x2x3", {8, 6, 9}, 0, 2, 4, false, {1, 2, 3}},
      {"5:8 blocks 2x1", {4, 24}, -1, 5, 8, false, {2, 1}}};
  return list;
}

std::vector<int64_t> placeOf(int64_t at, const std::vector<int64_t> &shape) {
  std::vector<int64_t> place(shape.size());
  for (size_t dim = shape.size(); dim-- > 0; at /= shape[dim])
    place[dim] = at % shape[dim];
  return place;
}

/// Whether an element's magnitude comes before another's; NaN is largest.
double magnitude(double x) { return std::isnan(x) ? HUGE_VAL : std::fabs(x); }

/// Every element by itself: its block's place in the order of its group.
template <typename T>
std::vector<uint8_t> blockMask(const Case &c, const std::vector<T> &w) {
  size_t axis = c.axis < 0 ? c.shape.size() - 1 : size_t(c.axis);
  size_t count = w.size();
  auto blockOf = [&](int64_t at) {
    std::vector<int64_t> place = placeOf(at, c.shape);
    for (size_t dim = 0; dim < place.size(); ++dim)
      place[dim] /= c.block[dim];
    return place;
  };
  std::vector<std::vector<int64_t>> blocks;
  for (size_t i = 0; i < count; ++i)
    blocks.push_back(blockOf(int64_t(i)));
  std::map<std::vector<int64_t>, float> sums;
  for (size_t i = 0; i < count; ++i)
    sums[blocks[i]] += float(std::fabs(w[i]));
  std::vector<uint8_t> mask(count);
  for (size_t i = 0; i < count; ++i) {
    std::vector<int64_t> mine = blocks[i], other = mine;
    int before = 0;
    for (int member = 0; member < c.m; ++member) {
      other[axis] = mine[axis] / c.m * c.m + member;
      double a = magnitude(sums[other]), b = magnitude(sums[mine]);
      before += a > b || (a == b && other[axis] < mine[axis]);
    }
    mask[i] = before < c.n;
  }
  return mask;
}

/// The largest element that its row and its column still take, until there is
/// none.
template <typename T>
std::vector<uint8_t> squareMask(const Case &c, const std::vector<T> &w) {
  size_t count = w.size();
  size_t a = size_t(c.axis), b = a > 0 ? a - 1 : 1;
  if (a > b)
    std::swap(a, b);
  std::vector<uint8_t> mask(count, 0);
  std::vector<bool> seen(count, false);
  std::map<std::vector<int64_t>, int> inRow, inColumn;
  for (size_t turn = 0; turn < count; ++turn) {
    size_t best = count;
    for (size_t i = 0; i < count; ++i)
      if (!seen[i] && (best == count || magnitude(w[i]) > magnitude(w[best])))
        best = i;
    seen[best] = true;
    // A row of a block: all but the place along the other dimension.
    std::vector<int64_t> row = placeOf(int64_t(best), c.shape), column = row;
    row[b] /= c.m;
    column[a] /= c.m;
    if (inRow[row] >= c.n || inColumn[column] >= c.n)
      continue;
    ++inRow[row];
    ++inColumn[column];
    mask[best] = 1;
  }
  return mask;
}

template <typename T>
std::vector<uint8_t> maskOf(const Case &c, const std::vector<T> &w) {
  return c.transposable ? squareMask(c, w) : blockMask(c, w);
}

class RecipeMasks : public TempDir {};

TestTensor tensorOf(const Case &c) {
  TestTensor tensor;
  tensor.name = "w";
  tensor.shape = c.shape;
  tensor.pattern = c.pattern.c_str();
  tensor.axis = c.axis;
  return tensor;
}
} // namespace

TEST_F(RecipeMasks, AreThoseOfTheDescription) {
  std::mt19937 random(31);
  for (const Case &c : cases())
    for (int round = 0; round < 12; ++round) {
      SCOPED_TRACE(c.pattern + " along " + std::to_string(c.axis) + ", round " +
                   std::to_string(round));
      Training training(R"({"version": 1, "method": "sr-ste"})");
      TestTensor tensor = tensorOf(c);
      tensor.f32 = tiedValues(tensor.count(), random);
      if (round % 3 == 1)
        for (float &value : tensor.f32)
          value = float(random() % 65536) / 4096 - 8;
      if (round % 4 == 2 && c.transposable)
        tensor.f32[size_t(random()) % tensor.f32.size()] = NAN;
      std::vector<uint8_t> expected = maskOf(c, tensor.f32);
      training.tensors.push_back(tensor);
      ASSERT_EQ(training.add(), "");
      EXPECT_EQ(training.mask(0), expected);
      for (size_t i = 0; i < expected.size(); ++i)
        if (!expected[i])
          ASSERT_EQ(training.tensors[0].f32[i], 0) << i;
      nm_recipe_info info = training.info(0);
      EXPECT_EQ(info.transposable, int(c.transposable));
      EXPECT_EQ(info.block,
                c.block[c.axis < 0 ? c.block.size() - 1 : size_t(c.axis)]);
    }
}

/// Adam with SR-STE, in float64, the mask chosen anew every `every` steps.
TEST_F(RecipeMasks, TrainingEqualsFloat64) {
  for (const Case &c : cases())
    for (int every : {1, 7}) {
      SCOPED_TRACE(c.pattern + ", a mask every " + std::to_string(every));
      Training training(
          R"({"version": 1, "method": "sr-ste", "lambda": 0.001,
              "optimizer": {"kind": "adam", "lr": 0.01},
              "mask_every": )" +
          std::to_string(every) + "}");
      std::mt19937 random(5);
      std::normal_distribution<float> normal;
      TestTensor tensor = tensorOf(c);
      size_t count = size_t(tensor.count());
      for (size_t i = 0; i < count; ++i)
        tensor.f32.push_back(normal(random));
      std::vector<double> w(tensor.f32.begin(), tensor.f32.end());
      std::vector<double> target(count), first(count), second(count);
      for (double &value : target)
        value = normal(random);
      training.tensors.push_back(tensor);
      ASSERT_EQ(training.add(), "");
      std::vector<uint8_t> mask = maskOf(c, w);
      for (int step = 1; step <= 120; ++step) {
        std::vector<float> &g = training.tensors[0].gradient;
        g.clear();
        int64_t changes = 0;
        for (size_t i = 0; i < count; ++i) {
          double seen = mask[i] ? w[i] : 0;
          double gradient = 0.3 * (seen - target[i]);
          g.push_back(
              float(0.3 * (double(training.tensors[0].f32[i]) - target[i])));
          gradient += mask[i] ? 0 : 0.001 * w[i];
          first[i] = 0.9 * first[i] + 0.1 * gradient;
          second[i] = 0.999 * second[i] + 0.001 * gradient * gradient;
          w[i] -= 0.01 * (first[i] / (1 - std::pow(0.9, step))) /
                  (std::sqrt(second[i] / (1 - std::pow(0.999, step))) + 1e-8);
        }
        nm_recipe_report report = {};
        ASSERT_EQ(training.step(&report), "");
        // Chosen by the weights as they are in f32: where two magnitudes are
        // nearly equal, float64 may order them in another way.
        std::vector<float> found = training.weights(0);
        if (step % every == 0) {
          std::vector<uint8_t> next = maskOf(c, found);
          for (size_t i = 0; i < count; ++i)
            changes += next[i] != mask[i];
          mask = next;
        }
        ASSERT_EQ(training.mask(0), mask) << "step " << step;
        ASSERT_EQ(report.mask_changes, changes) << "step " << step;
        double error = 0, size = 0;
        for (size_t i = 0; i < count; ++i) {
          error += (found[i] - w[i]) * (found[i] - w[i]);
          size += w[i] * w[i];
        }
        ASSERT_LE(std::sqrt(error / size), 1e-5) << "step " << step;
      }
    }
}

/// Bits do not depend on threads; groups share bytes of the mask.
TEST_F(RecipeMasks, ThreadsChangeNothing) {
  for (const Case &c : cases()) {
    std::string results[2];
    for (int threads : {1, 3}) {
      nm_set_num_threads(threads);
      Training training(
          R"({"version": 1, "method": "step", "switch": {"at": 1}})");
      Case large = c;
      large.shape[0] *= 50;
      large.shape[1] *= 40;
      TestTensor tensor = tensorOf(large);
      std::mt19937 random(8);
      tensor.f32 = tiedValues(tensor.count(), random);
      tensor.gradient = tiedValues(tensor.count(), random);
      training.tensors.push_back(tensor);
      ASSERT_EQ(training.add(), "");
      for (int step = 0; step < 4; ++step)
        ASSERT_EQ(training.step(), "");
      results[threads > 1] = training.everything();
    }
    nm_set_num_threads(0);
    EXPECT_EQ(results[0], results[1]) << c.pattern;
  }
}

TEST_F(RecipeMasks, StateGoesOnBitForBit) {
  for (const Case &c : cases()) {
    auto make = [&] {
      Training training(R"({"version": 1, "method": "mask-decay",
                            "decay": {"rate": 0.1}, "mask_every": 3})");
      TestTensor tensor = tensorOf(c);
      std::mt19937 random(8);
      tensor.f32 = tiedValues(tensor.count(), random);
      tensor.gradient = tiedValues(tensor.count(), random);
      training.tensors.push_back(tensor);
      return training;
    };
    Training one = make();
    ASSERT_EQ(one.add(), "");
    for (int step = 0; step < 4; ++step)
      ASSERT_EQ(one.step(), "");
    std::string path = file("state");
    ASSERT_EQ(nm_recipe_state_save(one.get(), path.c_str(), nullptr), NM_OK);
    Training other = make();
    other.tensors[0].f32 = one.tensors[0].f32;
    ASSERT_EQ(other.add(), "");
    nm_error *error = nullptr;
    nm_recipe_state_load(other.get(), path.c_str(), &error);
    ASSERT_EQ(takeMessage(error), "");
    for (int step = 0; step < 4; ++step) {
      ASSERT_EQ(one.step(), "");
      ASSERT_EQ(other.step(), "");
    }
    EXPECT_EQ(one.everything(), other.everything()) << c.pattern;
  }
}

TEST_F(RecipeMasks, WhatDoesNotFitIsRefused) {
  struct Bad {
    const char *pattern;
    std::vector<int64_t> shape;
    int64_t axis;
    const char *message;
    const char *method = "sr-ste";
  };
  const Bad list[] = {
      {"2:4 transposable",
       {6, 8},
       1,
       "dimension 0 is 6, expected a multiple of 4"},
      {"2:4 transposable", {8}, 0, "one dimension, expected two"},
      {"2:4 transposed",
       {8, 8},
       1,
       "expected N:M, N:M transposable or N:M blocks"},
      {"2:4 blocks 4", {8, 8}, 1, "its blocks have 1 dimensions, expected 2"},
      {"2:4 blocks 4x1",
       {6, 8},
       1,
       "dimension 0 is 6, expected a multiple of 4"},
      {"2:4 blocks 1x3",
       {6, 16},
       1,
       "dimension 1 is 16, expected a multiple of 12"},
      {"2:4 blocks 1x", {8, 8}, 1, "expected sizes from 1 to 64"},
      {"2:4 blocks 0x1", {8, 8}, 1, "expected sizes from 1 to 64"},
      {"2:4 blocks 65x1", {65, 8}, 1, "expected sizes from 1 to 64"},
      {"8:32 blocks 1x4",
       {8, 128},
       1,
       "128 elements long, expected at most 64"},
      {"2:4 transposable",
       {8, 8},
       1,
       "s-ste has soft thresholds of single",
       "s-ste"}};
  for (const Bad &bad : list) {
    Training training(R"({"version": 1, "method": ")" +
                      std::string(bad.method) + "\"}");
    TestTensor tensor;
    tensor.name = "w";
    tensor.shape = bad.shape;
    tensor.pattern = bad.pattern;
    tensor.axis = bad.axis;
    tensor.f32.assign(size_t(tensor.count()), 1);
    training.tensors.push_back(tensor);
    std::string message = training.add();
    EXPECT_NE(message.find("'w'"), std::string::npos) << message;
    EXPECT_NE(message.find(bad.message), std::string::npos) << message;
  }
}

/// A parameter that comes when masks are chosen for good gets one of its own.
TEST_F(RecipeMasks, LateParametersAreMasked) {
  for (const char *recipe :
       {R"({"version": 1, "method": "asp"})",
        R"({"version": 1, "method": "sr-ste", "mask_every": 100})"}) {
    Training training(recipe);
    TestTensor tensor;
    tensor.name = "early";
    tensor.shape = {1, 4};
    tensor.pattern = "2:4";
    tensor.f32 = {1, 2, 3, 4};
    tensor.gradient = {0, 0, 0, 0};
    training.tensors.push_back(tensor);
    ASSERT_EQ(training.add(), "");
    ASSERT_EQ(training.step(), "");
    ASSERT_EQ(training.step(), "");
    tensor.name = "late";
    nm_recipe_parameter late = {};
    late.struct_size = sizeof(late);
    late.name = "late";
    late.dtype = NM_F32;
    late.rank = 2;
    late.shape = tensor.shape.data();
    late.data = tensor.f32.data();
    late.pattern = "2:4";
    late.axis = 1;
    ASSERT_EQ(nm_recipe_add(training.get(), &late, 1, nullptr), NM_OK);
    EXPECT_EQ(tensor.f32, (std::vector<float>{0, 0, 3, 4})) << recipe;
  }
}
