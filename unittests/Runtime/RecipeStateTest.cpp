//===- RecipeStateTest.cpp - Threads, state, bad input -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RecipeUtil.h"
#include "nm/Runtime/Checkpoint.h"
#include <cmath>
#include <functional>

using namespace nm::rt;
using namespace nm::rt::test;

namespace {
std::string recipe(const std::string &fields) {
  return "{\"version\": 1, " + fields + "}";
}

const char kPatterns[] =
    R"("patterns": [{"tensors": "*.weight", "pattern": "2:4"}])";

/// Recipes with every kind of transition within eight steps.
std::vector<std::string> transitions() {
  std::string patterns = kPatterns;
  return {
      recipe(R"("method": "dense", "optimizer": {"amsgrad": true})"),
      recipe(R"("method": "asp", "dense_steps": 3, )" + patterns),
      recipe(R"("method": "sr-ste", )" + patterns),
      recipe(R"("method": "sr-ste", "optimizer": {"kind": "sgd",
                "momentum": 0.9}, )" +
             patterns),
      recipe(R"("method": "step", "switch": {"at": 3}, )" + patterns),
      recipe(R"("method": "step", "steps": 8, "switch": {"threshold": 1,
                "window": 3}, )" +
             patterns),
      recipe(R"("method": "step", "steps": 8, "switch": {"option": 2,
                "threshold": 0}, )" +
             patterns),
      recipe(R"("method": "mask-decay", "steps": 8, "fine_tune_steps": 3,
                "freeze_mask": true, "decay": {"rate": 0.2}, )" +
             patterns),
      recipe(R"("method": "structure-decay", "steps": 8, "dense_steps": 1, )" +
             patterns),
      recipe(R"("method": "structure-decay", "steps": 8,
                "structure": {"shape": "geometric"}, )" +
             patterns),
      recipe(R"("method": "s-ste", "dense_steps": 2, )" + patterns),
  };
}

std::vector<TestTensor> someTensors(int64_t rows) {
  std::vector<TestTensor> list = {
      {"a.weight", {rows, 64}, NM_F32},     {"a.bias", {rows}, NM_F32},
      {"b.weight", {7, 32, 3, 3}, NM_BF16}, {"c.weight", {5, 32}, NM_F32},
      {"empty.weight", {0, 64}, NM_F32},
  };
  list[3].dense = true;
  return list;
}

std::unique_ptr<Training> begin(const std::string &json, int64_t rows) {
  auto training = std::make_unique<Training>(json);
  training->tensors = someTensors(rows);
  std::mt19937 random(3);
  for (TestTensor &tensor : training->tensors)
    tensor.set(tiedValues(tensor.count(), random));
  EXPECT_EQ(training->add(), "");
  return training;
}

/// Gradients of step t, which depend on nothing else.
void setGradients(Training &training, int64_t t) {
  std::mt19937 random(unsigned(100 + t));
  for (TestTensor &tensor : training.tensors) {
    tensor.gradient = tiedValues(tensor.count(), random);
    tensor.halfGradient.clear();
    if (tensor.dtype == NM_BF16)
      for (float g : tensor.gradient)
        tensor.halfGradient.push_back(floatToBf16(g));
  }
}

void advance(Training &training, int64_t from, int64_t to) {
  for (int64_t t = from; t <= to; ++t) {
    setGradients(training, t);
    ASSERT_EQ(training.step(), "") << "step " << t;
  }
}

class RecipeState : public TempDir {};
} // namespace

TEST(RecipeThreads, GiveIdenticalBits) {
  for (const std::string &json : transitions()) {
    SCOPED_TRACE(json);
    std::string expected;
    for (int threads : {1, 2, 5}) {
      nm_set_num_threads(threads);
      auto training = begin(json, 2001);
      advance(*training, 1, 5);
      std::string found = training->everything();
      if (threads == 1)
        expected = found;
      EXPECT_TRUE(found == expected) << threads << " threads";
    }
    // And so do the sets of kernels.
    for (size_t i = 0; nm_recipe_kernels(i); ++i) {
      ASSERT_EQ(nm_recipe_choose_kernels(nm_recipe_kernels(i), nullptr), NM_OK);
      auto training = begin(json, 2001);
      advance(*training, 1, 5);
      EXPECT_TRUE(training->everything() == expected) << nm_recipe_kernels(i);
    }
    nm_recipe_choose_kernels("", nullptr);
    nm_set_num_threads(0);
  }
}

TEST_F(RecipeState, ContinuesWhereItWasSaved) {
  for (const std::string &json : transitions()) {
    SCOPED_TRACE(json);
    auto whole = begin(json, 9);
    advance(*whole, 1, 8);
    for (int64_t stop = 0; stop < 8; ++stop) {
      auto first = begin(json, 9);
      advance(*first, 1, stop);
      std::string path = file("state.safetensors");
      nm_error *error = nullptr;
      ASSERT_EQ(nm_recipe_state_save(first->get(), path.c_str(), &error), NM_OK)
          << takeMessage(error);
      // Another process: the model's own file gives the parameters back.
      auto second = std::make_unique<Training>(json);
      second->tensors = first->tensors;
      ASSERT_EQ(second->add(), "");
      ASSERT_EQ(nm_recipe_state_load(second->get(), path.c_str(), &error),
                NM_OK)
          << takeMessage(error) << " after step " << stop;
      EXPECT_TRUE(second->everything() == first->everything())
          << "after step " << stop;
      advance(*second, stop + 1, 8);
      EXPECT_TRUE(second->everything() == whole->everything())
          << "from step " << stop;
    }
  }
}

TEST_F(RecipeState, OfAnotherRecipeOrShapeIsRefused) {
  std::string path = file("state.safetensors");
  std::string step = transitions()[4];
  auto saved = begin(step, 9);
  advance(*saved, 1, 5);
  ASSERT_EQ(nm_recipe_state_save(saved->get(), path.c_str(), nullptr), NM_OK);

  auto expectRefused = [&](const std::string &json,
                           const std::function<void(Training &)> &change,
                           const std::string &message) {
    Training other(json);
    other.tensors = someTensors(9);
    std::mt19937 random(3);
    change(other);
    for (TestTensor &tensor : other.tensors)
      tensor.set(tiedValues(tensor.count(), random));
    ASSERT_EQ(other.add(), "");
    std::string before = other.everything();
    nm_error *error = nullptr;
    ASSERT_NE(nm_recipe_state_load(other.get(), path.c_str(), &error), NM_OK);
    std::string found = takeMessage(error);
    EXPECT_NE(found.find(message), std::string::npos) << found;
    EXPECT_TRUE(other.everything() == before);
  };
  auto none = [](Training &) {};
  expectRefused(transitions()[2], none,
                "its recipe has method \"step\", expected \"sr-ste\"");
  expectRefused(recipe(R"("method": "step", "switch": {"at": 4}, )" +
                       std::string(kPatterns)),
                none, "its recipe has switch {\"at\":3}, expected {\"at\":4}");
  expectRefused(
      step, [](Training &t) { t.tensors[0].shape = {10, 64}; },
      "parameter 'a.weight' (f32 [10, 64]): the state has shape "
      "[9, 64], expected [10, 64]");
  expectRefused(
      step, [](Training &t) { t.tensors[1].name = "a.base"; },
      "it has a state of 'a.bias', which is none of the 5 "
      "parameters");
  expectRefused(
      step, [](Training &t) { t.tensors.push_back({"new", {4}, NM_F32}); },
      "it has no state of parameter 'new' (f32 [4])");
  expectRefused(
      step, [](Training &t) { t.tensors[0].pattern = "1:4"; },
      "the state has pattern '2:4 along axis 1', expected '1:4 "
      "along axis 1'");
  expectRefused(
      step, [](Training &t) { t.tensors[0].dtype = NM_BF16; },
      "the state has dtype 'f32', expected 'bf16'");

  // Rates are not part of the state.
  auto faster = begin(recipe(R"("method": "step", "switch": {"at": 3},
                                "optimizer": {"lr": 0.5}, )" +
                             std::string(kPatterns)),
                      9);
  nm_error *error = nullptr;
  EXPECT_EQ(nm_recipe_state_load(faster->get(), path.c_str(), &error), NM_OK)
      << takeMessage(error);

  write("other.safetensors", safetensors("{}"));
  ASSERT_NE(nm_recipe_state_load(faster->get(),
                                 file("other.safetensors").c_str(), &error),
            NM_OK);
  EXPECT_NE(takeMessage(error).find("it is not the state of a recipe"),
            std::string::npos);
}

/// A broken state changes nothing, whatever is broken.
TEST_F(RecipeState, BrokenOnesChangeNothing) {
  auto saved = begin(transitions()[4], 9);
  advance(*saved, 1, 5);
  std::vector<nm_named_tensor> all;
  for (size_t i = 0; i < nm_recipe_state_count(saved->get()); ++i) {
    nm_named_tensor tensor = {};
    tensor.struct_size = sizeof(tensor);
    ASSERT_EQ(nm_recipe_state_tensor(saved->get(), i, &tensor, nullptr), NM_OK);
    all.push_back(tensor);
  }
  char *text = nullptr;
  ASSERT_EQ(nm_recipe_progress(saved->get(), &text, nullptr), NM_OK);
  std::string progress = text;
  nm_string_free(text);

  auto fresh = begin(transitions()[4], 9);
  std::string before = fresh->everything();
  auto assign = [&](const std::vector<nm_named_tensor> &tensors,
                    const std::string &with) {
    nm_error *error = nullptr;
    nm_recipe_state_assign(fresh->get(), tensors.data(), tensors.size(),
                           with.c_str(), nullptr, &error);
    return takeMessage(error);
  };
  for (size_t drop = 0; drop < all.size(); ++drop) {
    std::vector<nm_named_tensor> some = all;
    some.erase(some.begin() + long(drop));
    EXPECT_NE(assign(some, progress).find("no tensor '"), std::string::npos)
        << all[drop].name;
    EXPECT_TRUE(fresh->everything() == before);
    std::vector<nm_named_tensor> wrong = all;
    wrong[drop].dtype = NM_I8;
    EXPECT_NE(assign(wrong, progress).find("expected"), std::string::npos);
    EXPECT_TRUE(fresh->everything() == before);
  }
  std::vector<nm_named_tensor> more = all;
  more.push_back(all[0]);
  more.back().name = "d.weight.exp_avg";
  EXPECT_NE(assign(more, progress).find("is of no parameter"),
            std::string::npos);
  // Every byte of the progress that is dropped or changed: an error or, where
  // it is still a progress of these parameters, a state.
  for (size_t at = 0; at < progress.size(); ++at) {
    std::string cut = progress.substr(0, at);
    EXPECT_NE(assign(all, cut), "") << cut;
    EXPECT_TRUE(fresh->everything() == before) << cut;
  }
  EXPECT_EQ(assign(all, progress), "");
  EXPECT_FALSE(fresh->everything() == before);
}

//===----------------------------------------------------------------------===//
// Bad input
//===----------------------------------------------------------------------===//

TEST(RecipeInput, GradientsThatAreNotFiniteAreCountedOrLeftOut) {
  for (bool skip : {false, true}) {
    auto training =
        begin(recipe(std::string(R"("method": "sr-ste", "skip_nonfinite": )") +
                     (skip ? "true, " : "false, ") + kPatterns),
              9);
    advance(*training, 1, 2);
    setGradients(*training, 3);
    training->tensors[0].gradient[5] = NAN;
    training->tensors[0].gradient[77] = -INFINITY;
    training->tensors[2].halfGradient[3] = 0x7f80;
    std::string before = training->everything();
    nm_recipe_report report;
    ASSERT_EQ(training->step(&report), "");
    EXPECT_EQ(report.nonfinite, 3);
    EXPECT_EQ(bool(report.skipped), skip);
    EXPECT_EQ(training->everything() == before, skip);
    EXPECT_EQ(nm_recipe_steps_done(training->get()), skip ? 2 : 3);
    EXPECT_EQ(std::isnan(training->weights(0)[5]), !skip);
    EXPECT_FALSE(std::isnan(training->weights(0)[6]));
  }
}

TEST(RecipeInput, ParametersAreChecked) {
  std::string json = recipe(std::string(R"("method": "sr-ste", )") + kPatterns);
  auto fails = [&](const std::function<void(Training &)> &change,
                   const std::string &message) {
    Training training(json);
    training.tensors = someTensors(9);
    std::mt19937 random(3);
    for (TestTensor &tensor : training.tensors)
      tensor.set(tiedValues(tensor.count(), random));
    change(training);
    std::string found = training.add();
    EXPECT_NE(found.find(message), std::string::npos) << found;
    EXPECT_EQ(nm_recipe_count(training.get()), 0u);
  };
  fails([](Training &t) { t.tensors[0].shape = {96, 6}; },
        "parameter 'a.weight' (f32 [96, 6]): pattern 2:4 along axis 1: "
        "dimension 1 is 6, expected a multiple of 4; leave it \"dense\" or "
        "choose another pattern");
  fails([](Training &t) { t.tensors[1].name = "b.bias.weight"; },
        "pattern 2:4 along axis 1: it has 1 dimensions");
  fails([](Training &t) { t.tensors[1].pattern = "4:2"; },
        "pattern '4:2', expected N:M with 1 <= N <= M <= 64");
  fails(
      [](Training &t) {
        t.tensors[1].name = "a.weight";
        t.tensors[1].pattern = "dense";
      },
      "there is a parameter of this name already");
  fails([](Training &t) { t.tensors[1].name = ""; }, "expected a name");
  fails([](Training &t) { t.tensors[1].dtype = NM_F16; },
        "expected element type f32 or bf16");
  fails([](Training &t) { t.tensors[1].shape = {-1}; }, "dimension");
  fails([](Training &t) { t.tensors[0].shape = {INT64_MAX, 4}; }, "63 bits");
  fails([](Training &t) { t.tensors[1].f32 = std::vector<float>(); },
        "its data is null");
}

TEST(RecipeInput, SharedMemoryIsAnError) {
  Training training(recipe(R"("method": "dense")"));
  std::vector<float> memory(64, 1);
  int64_t shape = 40;
  nm_recipe_parameter list[2] = {};
  for (int i = 0; i < 2; ++i) {
    list[i].struct_size = sizeof(list[i]);
    list[i].name = i ? "second" : "first";
    list[i].dtype = NM_F32;
    list[i].rank = 1;
    list[i].shape = &shape;
    list[i].data = memory.data() + 24 * i;
  }
  nm_error *error = nullptr;
  EXPECT_EQ(nm_recipe_add(training.get(), list, 2, &error), NM_ERR_ARGUMENT);
  EXPECT_EQ(takeMessage(error),
            "parameter 'second' (f32 [40]) shares memory with parameter "
            "'first' (f32 [40]); expected each parameter once, and gradients "
            "of their own");
  EXPECT_EQ(nm_recipe_count(training.get()), 0u);
  ASSERT_EQ(nm_recipe_add(training.get(), list, 1, &error), NM_OK);
  nm_recipe_gradient gradient = {sizeof(gradient), memory.data() + 39, NM_F32,
                                 nullptr};
  EXPECT_EQ(
      nm_recipe_step(training.get(), &gradient, 1, nullptr, 0, nullptr, &error),
      NM_ERR_ARGUMENT);
  EXPECT_EQ(takeMessage(error),
            "the gradient of parameter 'first' (f32 [40]) shares memory with "
            "parameter 'first' (f32 [40]); expected each parameter once, and "
            "gradients of their own");
}

TEST(RecipeInput, StepsAreChecked) {
  std::string json = recipe(R"("method": "sr-ste", "patterns": [
             {"tensors": "a.wieght", "pattern": "2:4"}])");
  Training unused(json);
  unused.tensors = someTensors(9);
  std::mt19937 random(3);
  for (TestTensor &tensor : unused.tensors)
    tensor.set(tiedValues(tensor.count(), random));
  ASSERT_EQ(unused.add(), "");
  setGradients(unused, 1);
  EXPECT_EQ(unused.step(),
            "pattern 0 of the recipe (tensors 'a.wieght') names none of the 5 "
            "parameters (did you mean 'a.weight'?)");

  auto training = begin(transitions()[2], 9);
  setGradients(*training, 1);
  std::string before = training->everything();
  nm_recipe_rates rates = {};
  rates.struct_size = sizeof(rates);
  ASSERT_EQ(nm_recipe_default_rates(training->get(), &rates, nullptr), NM_OK);
  EXPECT_EQ(rates.lr, 1e-3);
  auto with = [&](double nm_recipe_rates::*field, double value) {
    nm_recipe_rates changed = rates;
    changed.*field = value;
    return training->step(nullptr, {changed});
  };
  EXPECT_EQ(with(&nm_recipe_rates::lr, NAN),
            "rates of group 0: lr is nan, expected a finite number that is not "
            "negative");
  EXPECT_NE(with(&nm_recipe_rates::beta2, 1), "");
  EXPECT_NE(with(&nm_recipe_rates::eps, -1), "");
  EXPECT_NE(with(&nm_recipe_rates::weight_decay, INFINITY), "");
  nm_error *error = nullptr;
  EXPECT_EQ(
      nm_recipe_step(training->get(), nullptr, 0, nullptr, 0, nullptr, &error),
      NM_ERR_ARGUMENT);
  EXPECT_EQ(takeMessage(error), "a step was given 0 gradients, expected one "
                                "for each of the 5 parameters");
  training->tensors[0].gradient.clear(); // no gradient is no error
  EXPECT_TRUE(training->everything() == before);
  EXPECT_EQ(training->step(nullptr, {rates}), "");
  EXPECT_EQ(training->info(0).steps, 0);
  EXPECT_EQ(training->info(1).steps, 1);
}

TEST(RecipeInput, NewWeightsBecomeTheTrainedOnes) {
  for (const std::string &json : transitions()) {
    auto training = begin(json, 9);
    advance(*training, 1, 4);
    std::mt19937 random(9);
    std::vector<float> fresh = tiedValues(9 * 64, random);
    training->tensors[0].set(fresh);
    ASSERT_EQ(nm_recipe_reset(training->get(), 0, training->tensors[0].data(),
                              nullptr),
              NM_OK);
    std::vector<uint8_t> mask = training->mask(0);
    std::vector<float> weights = training->weights(0);
    bool asp = json.find("\"asp\"") != std::string::npos;
    for (size_t i = 0; i < fresh.size(); ++i)
      ASSERT_EQ(weights[i], asp && !mask[i] ? 0 : fresh[i]) << json;
    advance(*training, 5, 6);
  }
}

/// Beside weights, gradients and moments (4 bytes each) a recipe keeps one bit
/// an element of masked tensors whose memory stays the trained weights.
TEST_F(RecipeState, ExtraMemoryOfDenseParametersIsTheMask) {
  for (const char *method :
       {"asp", "sr-ste", "mask-decay", "s-ste", "structure-decay"}) {
    Training training(R"({"version": 1, "steps": 10, "method": ")" +
                      std::string(method) + "\"}");
    TestTensor tensor;
    tensor.name = "w";
    tensor.shape = {64, 128};
    tensor.pattern = "2:4";
    tensor.dense = true;
    std::mt19937 random(7);
    tensor.f32 = tiedValues(tensor.count(), random);
    tensor.gradient = tiedValues(tensor.count(), random);
    training.tensors.push_back(tensor);
    ASSERT_EQ(training.add(), "");
    for (int step = 0; step < 3; ++step)
      ASSERT_EQ(training.step(), "");
    ASSERT_TRUE(training.info(0).masked) << method;
    int64_t extra = 0, moments = 0;
    for (size_t i = 0; i < nm_recipe_state_count(training.get()); ++i) {
      nm_named_tensor state = {};
      state.struct_size = sizeof(state);
      ASSERT_EQ(nm_recipe_state_tensor(training.get(), i, &state, nullptr),
                NM_OK);
      int64_t bytes = int64_t(nm_dtype_bytes(state.dtype));
      for (size_t k = 0; k < state.rank; ++k)
        bytes *= state.shape[k];
      bool isMoment =
          std::string(state.name).find("exp_avg") != std::string::npos;
      (isMoment ? moments : extra) += bytes;
    }
    int64_t whole = moments + 2 * 4 * tensor.count();
    EXPECT_EQ(whole, 16 * tensor.count()) << method;
    EXPECT_EQ(extra, tensor.count() / 8) << method;
    EXPECT_LT(double(extra), 0.01 * double(whole)) << method;
  }
}
