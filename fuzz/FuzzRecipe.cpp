//===- FuzzRecipe.cpp -----------------------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// A recipe that parses must print to one that parses to the same, and train a
// few steps: any recipe, any expression of names.
#include "FuzzUtil.h"
#include "nm/Runtime/Recipe.h"
#include "nm/Runtime/nm_recipe.h"

using namespace nm::rt;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto recipe = fuzz::parsePrintable(
      data, size,
      [](std::string_view text) { return parseRecipe(text, "fuzz"); },
      printRecipe);
  if (!recipe)
    return 0;

  nm_recipe *training = nullptr;
  if (nm_recipe_create(printRecipe(*recipe).c_str(), &training, nullptr) !=
      NM_OK)
    std::abort();
  float weight[2 * 64] = {}, gradient[2 * 64];
  for (int i = 0; i < 128; ++i) {
    weight[i] = float(i % 7) - 3;
    gradient[i] = float(i % 5) - 2;
  }
  int64_t shape[] = {2, 64};
  nm_recipe_parameter parameter = {};
  parameter.struct_size = sizeof(parameter);
  parameter.name = "a.weight";
  parameter.dtype = NM_F32;
  parameter.rank = 2;
  parameter.shape = shape;
  parameter.data = weight;
  if (nm_recipe_add(training, &parameter, 1, nullptr) == NM_OK) {
    nm_recipe_gradient given = {sizeof(given), gradient, NM_F32, nullptr};
    for (int step = 0; step < 4; ++step)
      (void)nm_recipe_step(training, &given, 1, nullptr, 0, nullptr, nullptr);
    char *progress = nullptr;
    if (nm_recipe_progress(training, &progress, nullptr) != NM_OK)
      std::abort();
    nm_string_free(progress);
  }
  nm_recipe_free(training);
  return 0;
}
