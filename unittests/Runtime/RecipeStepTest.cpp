//===- RecipeStepTest.cpp - Recipes against plain float64 -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A thousand steps of every recipe, each step against the reference from the
// state that the step before left: weights, moments, masks (ties included),
// effective weights and AutoSwitch.
//
//===----------------------------------------------------------------------===//

#include "RecipeReference.h"
#include "RecipeUtil.h"

using namespace nm::rt;
using namespace nm::rt::test;

namespace {
struct Case {
  const char *name;
  const char *json; // without version and patterns
  ReferenceSettings settings;
};

ReferenceSettings with(void (*change)(ReferenceSettings &)) {
  ReferenceSettings settings;
  change(settings);
  return settings;
}

#define SET(...) with([](ReferenceSettings &s) { __VA_ARGS__; })

const Case kCases[] = {
    {"adam", R"("method": "dense")", SET()},
    {"adam_l2_amsgrad_maximize",
     R"("method": "dense", "optimizer": {"weight_decay": 0.01,
        "amsgrad": true, "maximize": true})",
     SET(s.weightDecay = 0.01; s.amsgrad = true; s.maximize = true)},
    {"adamw",
     R"("method": "dense", "optimizer": {"kind": "adamw", "lr": 0.002,
        "betas": [0.8, 0.99], "eps": 1e-6})",
     SET(s.optimizer = "adamw"; s.lr = 0.002; s.b1 = 0.8; s.b2 = 0.99;
         s.eps = 1e-6; s.weightDecay = 0.01)},
    {"sgd", R"("method": "dense", "optimizer": {"kind": "sgd"})",
     SET(s.optimizer = "sgd")},
    {"momentum_dampened",
     R"("method": "dense", "optimizer": {"kind": "sgd", "lr": 0.01,
        "momentum": 0.9, "dampening": 0.1, "weight_decay": 0.001})",
     SET(s.optimizer = "sgd"; s.lr = 0.01; s.momentum = 0.9; s.dampening = 0.1;
         s.weightDecay = 0.001)},
    {"asp", R"("method": "asp", "steps": 1000, "dense_steps": 300)",
     SET(s.method = "asp"; s.dense = 300)},
    {"asp_at_once_nesterov",
     R"("method": "asp", "optimizer": {"kind": "sgd", "lr": 0.01,
        "momentum": 0.9, "nesterov": true})",
     SET(s.method = "asp"; s.optimizer = "sgd"; s.lr = 0.01; s.momentum = 0.9;
         s.nesterov = true)},
    {"sr_ste", R"("method": "sr-ste")",
     SET(s.method = "sr-ste"; s.lambda = 2e-4)},
    {"sr_ste_momentum",
     R"("method": "sr-ste", "dense_steps": 10, "lambda": 0.01,
        "optimizer": {"kind": "sgd", "lr": 0.01, "momentum": 0.9})",
     SET(s.method = "sr-ste"; s.dense = 10; s.lambda = 0.01;
         s.optimizer = "sgd"; s.lr = 0.01; s.momentum = 0.9)},
    {"sr_ste_masked_gradient",
     R"("method": "sr-ste", "gradient": "masked", "lambda": 0)",
     SET(s.method = "sr-ste"; s.gradient = "masked")},
    {"step_fixed", R"("method": "step", "switch": {"at": 200})",
     SET(s.method = "step"; s.switchAt = 200)},
    {"step_lambda_adamw",
     R"("method": "step", "switch": {"at": 100}, "lambda": 0.001,
        "optimizer": {"kind": "adamw"})",
     SET(s.method = "step"; s.switchAt = 100; s.lambda = 0.001;
         s.optimizer = "adamw"; s.weightDecay = 0.01)},
    {"step_public",
     R"("method": "step", "steps": 1000, "denominator": "public",
        "optimizer": {"betas": [0.9, 0.99]},
        "switch": {"partial_window": true, "threshold": 1e-3})",
     SET(s.method = "step"; s.publicDenominator = true; s.b2 = 0.99;
         s.partial = true; s.window = 100; s.threshold = 1e-3; s.clipLow = 0.1;
         s.clipHigh = 0.5)},
    {"step_auto_arithmetic",
     R"("method": "step", "steps": 1000, "optimizer": {"betas": [0.9, 0.98]},
        "switch": {"option": 1, "threshold": 0.00045, "clip": null})",
     SET(s.method = "step"; s.b2 = 0.98; s.window = 50; s.threshold = 0.00045)},
    {"step_auto_geometric",
     R"("method": "step", "optimizer": {"betas": [0.9, 0.98]},
        "switch": {"option": 2, "threshold": 0.00038, "clip": null})",
     SET(s.method = "step"; s.b2 = 0.98; s.option = 2; s.window = 50;
         s.threshold = 0.00038)},
    {"step_clipped_late",
     R"("method": "step", "steps": 1000, "switch": {"threshold": 0})",
     SET(s.method = "step"; s.threshold = 0; s.clipLow = 0.1;
         s.clipHigh = 0.5)},
    {"step_clipped_early",
     R"("method": "step", "steps": 1000,
        "switch": {"threshold": 1, "window": 5, "clip": [0.3, 0.4]})",
     SET(s.method = "step"; s.threshold = 1; s.window = 5; s.clipLow = 0.3;
         s.clipHigh = 0.4)},
    {"mask_decay_linear",
     R"("method": "mask-decay", "steps": 1000, "dense_steps": 100,
        "fine_tune_steps": 200, "decay": {"rate": 0.002})",
     SET(s.method = "mask-decay"; s.dense = 100; s.fineTune = 200;
         s.decay = "linear"; s.rate = 0.002)},
    {"mask_decay_exponential",
     R"("method": "mask-decay", "steps": 1000, "fine_tune_steps": 300,
        "freeze_mask": true, "decay": {"shape": "exponential"})",
     SET(s.method = "mask-decay"; s.fineTune = 300; s.freeze = true;
         s.decay = "exponential"; s.rate = 0.01)},
    {"progressive_gradient_flow",
     R"("method": "mask-decay", "gradient": "decayed", "lambda": 2e-4,
        "decay": {"shape": "exponential", "rate": 0.01})",
     SET(s.method = "mask-decay"; s.gradient = "decayed"; s.lambda = 2e-4;
         s.decay = "exponential"; s.rate = 0.01)},
    {"structure_decay_stepwise",
     R"("method": "structure-decay", "steps": 1000, "dense_steps": 77,
        "fine_tune_steps": 123)",
     SET(s.method = "structure-decay"; s.dense = 77; s.fineTune = 123;
         s.structure = "stepwise")},
    {"structure_decay_geometric",
     R"("method": "structure-decay", "steps": 1000,
        "structure": {"shape": "geometric"})",
     SET(s.method = "structure-decay"; s.structure = "geometric")},
    {"s_ste", R"("method": "s-ste", "dense_steps": 20)",
     SET(s.method = "s-ste"; s.dense = 20)},
    {"s_ste_scaled", R"("method": "s-ste", "scale": 1.25)",
     SET(s.method = "s-ste"; s.total = 0)},
};

struct Geometry {
  const char *name;
  std::vector<int64_t> shape;
  int64_t axis;
  int n, m;
  nm_dtype dtype;
  bool dense;
};

const Geometry kGeometries[] = {
    {"rows_2_4", {3, 64}, 1, 2, 4, NM_F32, false},
    {"rows_1_8_bf16", {3, 64}, -1, 1, 8, NM_BF16, false},
    {"columns_3_5", {40, 11}, 0, 3, 5, NM_F32, false},
    {"convolution_2_4", {2, 32, 3, 3}, 1, 2, 4, NM_F32, true},
    {"convolution_1_2_bf16", {2, 16, 3, 1}, 1, 1, 2, NM_BF16, true},
};

void PrintTo(const Case &c, std::ostream *os) { *os << c.name; }
void PrintTo(const Geometry &g, std::ostream *os) { *os << g.name; }

/// Within 1e-5 of the larger one, or of what the step moved.
void expectClose(double found, double expected, double before, const char *what,
                 size_t i, int64_t t) {
  double size = std::max({std::fabs(expected), std::fabs(before), 1e-30});
  ASSERT_LE(std::fabs(found - expected), 1e-5 * size)
      << what << " of element " << i << " in step " << t << ": found " << found
      << ", expected " << expected;
}

class RecipeSteps
    : public ::testing::TestWithParam<std::tuple<Case, Geometry>> {
protected:
  void SetUp() override {
    const auto &[c, g] = GetParam();
    settings = c.settings;
    settings.n = g.n;
    settings.m = g.m;
    std::string json = std::string("{\"version\": 1, ") + c.json;
    if (settings.method != "dense")
      json += ", \"patterns\": [{\"tensors\": \"w?ights\", \"pattern\": \"" +
              std::to_string(g.n) + ":" + std::to_string(g.m) +
              "\", \"axis\": " + std::to_string(g.axis) + "}]";
    training = std::make_unique<Training>(json + "}");
    TestTensor tensor = {"weights", g.shape, g.dtype};
    tensor.dense = g.dense;
    training->tensors.push_back(tensor);
    random.seed(7);
    training->tensors[0].set(tiedValues(tensor.count(), random));

    int64_t axis = g.axis < 0 ? g.axis + int64_t(g.shape.size()) : g.axis;
    int64_t outer = 1, stride = 1;
    for (int64_t i = 0; i < int64_t(g.shape.size()); ++i)
      (i < axis ? outer : stride) *= i == axis ? 1 : g.shape[size_t(i)];
    reference = std::make_unique<Reference>(settings, outer,
                                            g.shape[size_t(axis)], stride);
    const TestTensor &own = training->tensors[0];
    for (size_t i = 0; i < size_t(own.count()); ++i)
      reference->w[i] = own.value(i);
    reference->renewMask(1);
    ASSERT_EQ(training->add(), "");
  }

  /// What the reference continues from: the state of the library.
  void takeOver() {
    auto copy = [](const std::vector<float> &from, std::vector<double> &to) {
      if (!from.empty())
        to.assign(from.begin(), from.end());
    };
    copy(training->weights(0), reference->w);
    bool sgd = settings.optimizer == "sgd";
    copy(training->state(sgd ? "weights.momentum_buffer" : "weights.exp_avg"),
         reference->m);
    copy(training->state("weights.exp_avg_sq"), reference->v);
    copy(training->state("weights.max_exp_avg_sq"), reference->vMax);
  }

  void compareState(const Reference &before) {
    int64_t t = reference->t;
    std::vector<float> w = training->weights(0);
    for (size_t i = 0; i < w.size(); ++i)
      expectClose(w[i], reference->w[i], before.w[i], "weight", i, t);
    bool sgd = settings.optimizer == "sgd";
    std::vector<float> m =
        training->state(sgd ? "weights.momentum_buffer" : "weights.exp_avg");
    std::vector<float> v = training->state("weights.exp_avg_sq");
    ASSERT_EQ(m.empty(), sgd && settings.momentum == 0);
    ASSERT_EQ(v.empty(), sgd);
    for (size_t i = 0; i < m.size(); ++i)
      expectClose(m[i], reference->m[i], before.m[i], "first moment", i, t);
    for (size_t i = 0; i < v.size(); ++i)
      expectClose(v[i], reference->v[i], before.v[i], "second moment", i, t);
  }

  /// What the forward pass of the next step sees.
  void compareView() {
    int64_t next = reference->t + 1;
    bool sparse = reference->sparse(next);
    ASSERT_EQ(training->info(0).masked, sparse) << "step " << next;
    std::vector<uint8_t> mask = training->mask(0);
    for (size_t i = 0; i < mask.size(); ++i)
      ASSERT_EQ(bool(mask[i]), !sparse || reference->mask[i])
          << "mask of element " << i << " for step " << next;
    if (settings.method == "s-ste" && sparse && reference->softScale == 0)
      fitScale();
    if (settings.method == "s-ste" && sparse)
      expectClose(training->info(0).scale, reference->softScale,
                  reference->softScale, "scale", 0, next);

    const TestTensor &tensor = training->tensors[0];
    std::vector<float> seen(mask.size());
    if (tensor.dense) {
      std::vector<uint16_t> half(mask.size());
      void *to = tensor.dtype == NM_F32 ? static_cast<void *>(seen.data())
                                        : static_cast<void *>(half.data());
      ASSERT_EQ(nm_recipe_effective(training->get(), 0, to, nullptr), NM_OK);
      for (size_t i = 0; i < half.size(); ++i)
        seen[i] = tensor.dtype == NM_F32 ? seen[i] : bf16ToFloat(half[i]);
      // The parameter itself stays what is trained.
      for (size_t i = 0; i < mask.size(); ++i)
        expectClose(tensor.value(i), rounded(reference->w[i]), reference->w[i],
                    "parameter", i, next);
    } else {
      for (size_t i = 0; i < seen.size(); ++i)
        seen[i] = tensor.value(i);
    }
    for (size_t i = 0; i < seen.size(); ++i) {
      double expected = reference->effective(next, i);
      if (tensor.dtype == NM_BF16) // half a unit of its last place, of 8 bits
        ASSERT_LE(std::fabs(seen[i] - expected),
                  std::fabs(expected) * (1.0 / 256 + 1e-5) + 1e-37);
      else
        expectClose(seen[i], expected, expected, "effective weight", i, next);
    }
  }

  double rounded(double value) const {
    return training->tensors[0].dtype == NM_F32
               ? value
               : bf16ToFloat(floatToBf16(float(value)));
  }

  /// S-STE: the scale that is nearest to the weights, at the first mask.
  void fitScale() {
    if (settings.total == 0) { // of the case with a given scale
      reference->softScale = 1.25;
      return;
    }
    reference->softScale = 1;
    double with = 0, of = 0;
    for (size_t i = 0; i < reference->w.size(); ++i) {
      double soft = reference->effective(reference->t + 1, i);
      with += soft * reference->w[i];
      of += soft * soft;
    }
    reference->softScale = with / of;
  }

  ReferenceSettings settings;
  std::unique_ptr<Training> training;
  std::unique_ptr<Reference> reference;
  std::mt19937 random;
};
} // namespace

TEST_P(RecipeSteps, EqualTheReference) {
  compareView();
  TestTensor &tensor = training->tensors[0];
  std::vector<float> target = tiedValues(tensor.count(), random);
  for (int64_t t = 1; t <= 1000; ++t) {
    // A noisy pull to a target, some of it exactly zero.
    std::vector<double> gradient;
    tensor.gradient.clear();
    tensor.halfGradient.clear();
    for (size_t i = 0; i < target.size(); ++i) {
      float noise = float(int(random() % 17) - 8) / 32;
      float pull = tensor.value(i) - target[i];
      float g = random() % 8 == 0 ? 0 : pull + noise;
      if (tensor.dtype == NM_BF16) {
        tensor.halfGradient.push_back(floatToBf16(g));
        g = bf16ToFloat(tensor.halfGradient.back());
      } else {
        tensor.gradient.push_back(g);
      }
      gradient.push_back(g);
    }
    takeOver();
    Reference before = *reference;
    nm_recipe_report report;
    ASSERT_EQ(training->step(&report), "");
    reference->step(gradient, training->state("weights.exp_avg_sq"));
    ASSERT_EQ(report.step, t);
    ASSERT_EQ(report.nonfinite, 0);
    ASSERT_EQ(report.phase == NM_PHASE_DENSE, !reference->sparse(t));
    if (settings.method == "step" && settings.switchAt == 0 &&
        !before.switchedAt()) {
      ASSERT_EQ(report.observed, 1);
      expectClose(report.statistic, reference->z, 0, "statistic", 0, t);
      expectClose(report.window_mean, reference->mean, 0, "mean", 0, t);
      ASSERT_EQ(bool(report.switched), reference->switchedAt() == t)
          << report.reason << ": " << report.window_mean;
    }
    compareState(before);
    if (HasFatalFailure())
      return;
    // The masks are those of the library's own weights, to the bit.
    takeOver();
    std::vector<bool> kept = before.mask;
    reference->mask = kept;
    reference->renewMask(t + 1);
    compareView();
    if (HasFatalFailure())
      return;
  }
  if (settings.method == "step") {
    EXPECT_GT(reference->switchedAt(), 0);
    EXPECT_EQ(nm_recipe_switched_at(training->get()), reference->switchedAt());
  }
}

INSTANTIATE_TEST_SUITE_P(All, RecipeSteps,
                         ::testing::Combine(::testing::ValuesIn(kCases),
                                            ::testing::ValuesIn(kGeometries)),
                         [](const auto &info) {
                           return std::string(std::get<0>(info.param).name) +
                                  "_" + std::get<1>(info.param).name;
                         });
