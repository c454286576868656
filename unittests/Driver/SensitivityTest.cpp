//===- SensitivityTest.cpp - The choice of patterns -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Sensitivity.h"
#include "gtest/gtest.h"
#include <random>

using namespace mlir::nm::driver;

TEST(Sensitivity, TakesWhatGainsMostForItsDifference) {
  std::vector<LayerSensitivity> layers = {
      {"a", {{"6:8", 0.01, 1}, {"2:4", 0.3, 2}}},
      {"b", {{"6:8", 0.02, 1}, {"2:4", 0.1, 5}, {"1:4", 0.2, 5}}},
      {"c", {{"2:4", 0.0, -1}}}};
  EXPECT_EQ(choosePatterns(layers, 0), (std::vector<int>{-1, -1, -1}));
  EXPECT_EQ(choosePatterns(layers, 0.015), (std::vector<int>{0, -1, -1}));
  // 1:4 of b gains no more than 2:4; c would lose time.
  EXPECT_EQ(choosePatterns(layers, 0.2), (std::vector<int>{0, 1, -1}));
  EXPECT_EQ(choosePatterns(layers, 1), (std::vector<int>{1, 1, -1}));
  EXPECT_EQ(pruneLine(layers, choosePatterns(layers, 0.2)),
            "--prune 'a=6:8' --prune 'b=2:4'");
  EXPECT_EQ(pruneLine(layers, choosePatterns(layers, 0)), "");
}

TEST(Sensitivity, QuotesForAShell) {
  std::vector<LayerSensitivity> layers = {{"it's", {{"2:4", 0, 1}}}};
  EXPECT_EQ(pruneLine(layers, choosePatterns(layers, 0)),
            "--prune 'it'\\''s=2:4'");
}

TEST(Sensitivity, NeverSpendsMoreThanItsBudgetNorTakesALoss) {
  std::mt19937 random(1);
  std::uniform_real_distribution<double> uniform(0, 1);
  for (int run = 0; run < 500; ++run) {
    std::vector<LayerSensitivity> layers(1 + random() % 6);
    for (LayerSensitivity &layer : layers)
      for (unsigned c = random() % 5; c > 0; --c)
        layer.choices.push_back(
            {"2:4", uniform(random), uniform(random) - 0.2});
    double budget = uniform(random), spent = 0;
    std::vector<int> chosen = choosePatterns(layers, budget);
    ASSERT_EQ(chosen.size(), layers.size());
    for (size_t i = 0; i < layers.size(); ++i)
      if (chosen[i] >= 0) {
        spent += layers[i].choices[chosen[i]].difference *
                 layers[i].choices[chosen[i]].difference;
        EXPECT_GT(layers[i].choices[chosen[i]].gain, 0) << run;
      }
    EXPECT_LE(spent, budget * budget * (1 + 1e-9)) << run;
    // Nothing that gains and fits is left.
    for (size_t i = 0; i < layers.size(); ++i)
      for (const LayerChoice &choice : layers[i].choices)
        if (chosen[i] < 0 && choice.gain > 0)
          EXPECT_GT(spent + choice.difference * choice.difference,
                    budget * budget * (1 - 1e-9))
              << run;
  }
}
