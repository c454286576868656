//===- RecipeReaderTest.cpp - Recipe files -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Runtime/Recipe.h"
#include "nm/Runtime/nm_recipe.h"
#include <gtest/gtest.h>

using namespace nm::rt;

static std::string full(const std::string &json) {
  Result<Recipe> recipe = parseRecipe(json, "r.json");
  return recipe ? printRecipe(*recipe) : "error: " + recipe.error().message;
}

TEST(RecipeReader, SpellsOutEveryDefault) {
  EXPECT_EQ(full(R"({"version": 1, "method": "dense"})"),
            R"({"version":1,"method":"dense","optimizer":{"kind":"adam",)"
            R"("lr":0.001,"betas":[0.9,0.999],"eps":1e-08,"amsgrad":false,)"
            R"("weight_decay":0.0,"maximize":false},"skip_nonfinite":false})");
  EXPECT_EQ(
      full(R"({"version": 1, "method": "step", "steps": 100, "seed": 3,
               "optimizer": {"kind": "adamw"},
               "patterns": [{"tensors": "head.weight", "pattern": "dense"},
                            {"tensors": "*.weight", "pattern": "1:16"}]})"),
      R"({"version":1,"method":"step","optimizer":{"kind":"adamw","lr":0.001,)"
      R"("betas":[0.9,0.999],"eps":1e-08,"amsgrad":false,"weight_decay":0.01,)"
      R"("maximize":false},"steps":100,"patterns":[{"tensors":"head.weight",)"
      R"("pattern":"dense"},{"tensors":"*.weight","pattern":"1:16","axis":1}],)"
      R"("mask_every":1,"lambda":0.0,)"
      R"("gradient":"straight-through","denominator":"paper",)"
      R"("switch":{"option":1,"threshold":1e-08,"window":1000,)"
      R"("partial_window":false,"clip":[0.1,0.5]},"skip_nonfinite":false,)"
      R"("seed":3})");
}

/// What is printed reads to the same.
TEST(RecipeReader, PrintsWhatItReads) {
  for (const char *fields :
       {R"("method": "dense", "optimizer": {"kind": "sgd", "momentum": 0.9,
           "nesterov": true})",
        R"("method": "asp", "dense_steps": 7)",
        R"("method": "sr-ste", "gradient": "masked", "skip_nonfinite": true)",
        R"("method": "step", "switch": {"at": 7}, "denominator": "public")",
        R"("method": "step", "switch": {"option": 2, "clip": null})",
        R"("method": "mask-decay", "decay": {"shape": "exponential"},
           "gradient": "decayed", "steps": 9, "fine_tune_steps": 2,
           "freeze_mask": true)",
        R"("method": "structure-decay", "steps": 9,
           "structure": {"shape": "geometric", "frames": 2})",
        R"("method": "sr-ste", "mask_every": 40, "patterns": [
            {"tensors": "a", "pattern": "2:4 transposable", "axis": 0},
            {"tensors": "b", "pattern": "1:2 blocks 4x1"},
            {"tensors": "c", "pattern": "dense"}])",
        R"("method": "s-ste", "scale": 1.5)"}) {
    std::string once = full(std::string("{\"version\": 1, ") + fields + "}");
    EXPECT_EQ(once.find("error"), std::string::npos) << once;
    EXPECT_EQ(full(once), once);
  }
}

TEST(RecipeReader, Errors) {
  const std::string methods =
      "dense, asp, sr-ste, step, mask-decay, structure-decay or s-ste";
  const std::pair<const char *, std::string> cases[] = {
      {"[]", "the document: found a list of 0, expected an object"},
      {"{", "invalid json at byte 2 near '{'"},
      {R"({"method": "step"})",
       "field 'version': found nothing, expected an integer"},
      {R"({"version": 2, "method": "step"})",
       "field 'version': found 2, expected 1"},
      {R"({"version": 1})",
       "field 'method': found nothing, expected " + methods},
      {R"({"version": 1, "method": "srste"})",
       "field 'method': found the string 'srste', expected " + methods +
           " (did you mean 'sr-ste'?)"},
      {R"({"version": 1, "method": "sr-ste", "lamda": 1})",
       "field 'lamda': found an unknown field, expected version, method, "
       "steps, skip_nonfinite, seed, optimizer, patterns, dense_steps, "
       "fine_tune_steps, freeze_mask, lambda, gradient, mask_every, decay, "
       "structure, scale, denominator or switch (did you mean 'lambda'?)"},
      {R"({"version": 1, "method": "dense", "patterns": []})",
       "field 'patterns': it has no effect on dense"},
      {R"({"version": 1, "method": "asp", "lambda": 1})",
       "field 'lambda': it has no effect on asp"},
      {R"({"version": 1, "method": "asp", "mask_every": 1})",
       "field 'mask_every': it has no effect on asp"},
      {R"({"version": 1, "method": "step", "mask_every": 0})",
       "field 'mask_every': found 0, expected an integer from 1 to "
       "2147483648"},
      {R"({"version": 1, "method": "sr-ste", "lambda": -1})",
       "field 'lambda': found -1, expected a number from 0.0 to 1e+30"},
      {R"({"version": 1, "method": "sr-ste", "switch": {}})",
       "field 'switch': it has no effect on sr-ste"},
      {R"({"version": 1, "method": "step", "dense_steps": 3})",
       "field 'dense_steps': it has no effect on step, where 'switch' ends "
       "the dense phase"},
      {R"({"version": 1, "method": "step"})",
       "the document: AutoSwitch is by default clipped to fractions of the "
       "training, but 'steps' is missing; give it, or \"switch\": {\"clip\": "
       "null}"},
      {R"({"version": 1, "method": "step", "steps": 9, "switch": {"at": 9}})",
       "field 'switch.at': found 9, expected less than the 9 steps of the "
       "recipe"},
      {R"({"version": 1, "method": "step", "switch": {"at": 9, "window": 2}})",
       "field 'switch.window': it has no effect where 'at' says the step"},
      {R"({"version": 1, "method": "step", "steps": 9,
           "switch": {"clip": [0.5, 0.1]}})",
       "field 'switch.clip': found a list of 2, expected null, or two numbers, "
       "the lower one first"},
      {R"({"version": 1, "method": "step", "steps": 9,
           "switch": {"clip": [0.5, 2]}})",
       "field 'switch.clip[1]': found 2, expected a number from 0.0 to 1.0"},
      {R"({"version": 1, "method": "step", "steps": 9,
           "optimizer": {"kind": "sgd"}})",
       "field 'optimizer': step freezes the second moment of adam or adamw, "
       "but the optimizer is sgd"},
      {R"({"version": 1, "method": "dense", "optimizer": {"betas": [0.9, 1]}})",
       "field 'optimizer.betas': found a list of 2, expected two numbers from "
       "0 to 1, that excluded"},
      {R"({"version": 1, "method": "dense", "optimizer": {"betas": [0.9]}})",
       "field 'optimizer.betas': found a list of 1, expected two numbers from "
       "0 to 1, that excluded"},
      {R"({"version": 1, "method": "dense", "optimizer": {"momentum": 0.9}})",
       "field 'optimizer.momentum': it has no effect on adam"},
      {R"({"version": 1, "method": "dense", "optimizer": {"kind": "sgd",
           "nesterov": true}})",
       "field 'optimizer.nesterov': it needs a momentum and no dampening"},
      {R"({"version": 1, "method": "structure-decay"})",
       "field 'steps': missing: frames and the fine-tune phase are counted "
       "from the end of the training"},
      {R"({"version": 1, "method": "mask-decay", "steps": 10,
           "dense_steps": 6, "fine_tune_steps": 4})",
       "the document: the dense and the fine-tune phase take 10 of 10 steps, "
       "expected fewer"},
      {R"({"version": 1, "method": "asp",
           "patterns": [{"tensors": "a", "pattern": "0:4"}]})",
       "field 'patterns[0].pattern': found the string '0:4', expected N:M with "
       "1 <= N <= M <= 64, such as 2:4, N:M transposable, N:M blocks AxB, or "
       "dense"},
      {R"({"version": 1, "method": "s-ste",
           "patterns": [{"tensors": "a", "pattern": "2:4 transposable"}]})",
       "field 'patterns[0].pattern': found the string '2:4 transposable', "
       "expected single elements along one axis: s-ste has no soft threshold "
       "of others"},
      {R"({"version": 1, "method": "asp",
           "patterns": [{"tensors": "a", "pattern": "2:4"},
                        {"tensors": "a", "pattern": "1:4"}]})",
       "field 'patterns[1].tensors': an earlier pattern names them too"},
      {R"({"version": 1, "method": "asp", "patterns": [{"pattern": "2:4"}]})",
       "field 'patterns[0].tensors': found nothing, expected a string"},
      {R"({"version": 1, "method": "s-ste", "scale": true})",
       "field 'scale': found true, expected a number from 0.0 to 1e+30"},
      {R"({"version": 1, "method": "s-ste", "scale": "squares"})",
       "field 'scale': found the string 'squares', expected \"least-squares\" "
       "or a number"},
      {R"({"version": 1, "method": "asp", "steps": 1.5})",
       "field 'steps': found 1.5, expected an integer from 1 to 2147483648"},
      {R"({"version": 1, "method": "asp", "steps": 99999999999999999999})",
       "field 'steps': found 1e+20, expected an integer from 1 to 2147483648"},
  };
  for (const auto &[json, message] : cases)
    EXPECT_EQ(full(json), "error: r.json: " + message);
}

TEST(RecipeReader, Expressions) {
  EXPECT_TRUE(matchesName("*", ""));
  EXPECT_TRUE(matchesName("*.weight", "a.b.weight"));
  EXPECT_FALSE(matchesName("*.weight", "a.b.weights"));
  EXPECT_TRUE(matchesName("layer.?.*", "layer.1.fc.weight"));
  EXPECT_FALSE(matchesName("layer.?.*", "layer.10.fc.weight"));
  EXPECT_TRUE(matchesName("*a*b*c", "xxaxxbabxbc"));
  EXPECT_FALSE(matchesName("", "a"));
  EXPECT_TRUE(matchesName("", ""));
}

TEST(RecipeReader, OverTheCAbi) {
  char *text = nullptr;
  nm_error *error = nullptr;
  ASSERT_EQ(
      nm_recipe_parse("{\"version\":1,\"method\":\"dense\"}", &text, &error),
      NM_OK);
  EXPECT_EQ(std::string(text).find("{\"version\":1,\"method\":\"dense\""), 0u);
  nm_string_free(text);
  EXPECT_EQ(nm_recipe_parse("{}", &text, &error), NM_ERR_FORMAT);
  EXPECT_EQ(text, nullptr);
  EXPECT_STREQ(nm_error_message(error),
               "recipe: field 'version': found nothing, expected an integer");
  nm_error_free(error);
  EXPECT_EQ(nm_recipe_parse(nullptr, &text, nullptr), NM_ERR_ARGUMENT);
  EXPECT_EQ(nm_recipe_create(nullptr, nullptr, nullptr), NM_ERR_ARGUMENT);
  EXPECT_EQ(nm_recipe_count(nullptr), 0u);
  EXPECT_EQ(nm_recipe_json(nullptr), nullptr);
  nm_recipe_free(nullptr);
}
