//===- RecipeUtil.h - Parameters in memory, under a recipe -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_UNITTESTS_RUNTIME_RECIPEUTIL_H
#define NM_UNITTESTS_RUNTIME_RECIPEUTIL_H

#include "TestUtil.h"
#include "nm/Runtime/DType.h"
#include "nm/Runtime/nm_recipe.h"
#include <memory>

namespace nm::rt::test {

/// One parameter that the caller owns.
struct TestTensor {
  std::string name;
  std::vector<int64_t> shape;
  nm_dtype dtype = NM_F32;
  const char *pattern = nullptr;
  int64_t axis = 1;
  bool dense = false;
  size_t group = 0;
  std::vector<float> f32 = {};
  std::vector<uint16_t> bf16 = {};
  std::vector<float> gradient = {};
  std::vector<uint16_t> halfGradient = {};

  int64_t count() const {
    int64_t product = 1;
    for (int64_t dim : shape)
      product *= dim;
    return product;
  }
  void *data() {
    return dtype == NM_F32 ? static_cast<void *>(f32.data())
                           : static_cast<void *>(bf16.data());
  }
  float value(size_t i) const {
    return dtype == NM_F32 ? f32[i] : bf16ToFloat(bf16[i]);
  }
  void set(const std::vector<float> &values) {
    if (dtype == NM_F32)
      f32 = values;
    bf16.clear();
    if (dtype == NM_BF16)
      for (float value : values)
        bf16.push_back(floatToBf16(value));
  }
  std::string bytes() const {
    return dtype == NM_F32 ? bytesOf(f32) : bytesOf(bf16);
  }
};

inline std::string takeMessage(nm_error *error) {
  std::string message = nm_error_message(error);
  nm_error_free(error);
  return message;
}

/// A recipe object and its tensors. What fails ends the test.
class Training {
public:
  explicit Training(const std::string &json) {
    nm_error *error = nullptr;
    nm_recipe *made = nullptr;
    if (nm_recipe_create(json.c_str(), &made, &error) != NM_OK)
      throw std::runtime_error(takeMessage(error));
    recipe.reset(made);
  }

  nm_recipe *get() const { return recipe.get(); }
  std::vector<TestTensor> tensors;

  /// Adds everything in `tensors`; the message, "" if it went well.
  std::string add() {
    std::vector<nm_recipe_parameter> list;
    for (TestTensor &tensor : tensors) {
      nm_recipe_parameter parameter = {};
      parameter.struct_size = sizeof(parameter);
      parameter.name = tensor.name.c_str();
      parameter.dtype = tensor.dtype;
      parameter.rank = tensor.shape.size();
      parameter.shape = tensor.shape.data();
      parameter.data = tensor.data();
      parameter.group = tensor.group;
      parameter.pattern = tensor.pattern;
      parameter.axis = tensor.axis;
      parameter.dense = tensor.dense;
      list.push_back(parameter);
    }
    nm_error *error = nullptr;
    nm_recipe_add(get(), list.data(), list.size(), &error);
    return takeMessage(error);
  }

  /// Gradients as they stand in the tensors; an empty one is none.
  std::string step(nm_recipe_report *report = nullptr,
                   const std::vector<nm_recipe_rates> &rates = {}) {
    std::vector<nm_recipe_gradient> list;
    for (TestTensor &tensor : tensors) {
      nm_recipe_gradient gradient = {};
      gradient.struct_size = sizeof(gradient);
      gradient.dtype = tensor.halfGradient.empty() ? NM_F32 : NM_BF16;
      gradient.gradient = tensor.gradient.empty() && tensor.halfGradient.empty()
                              ? nullptr
                          : tensor.halfGradient.empty()
                              ? static_cast<void *>(tensor.gradient.data())
                              : static_cast<void *>(tensor.halfGradient.data());
      list.push_back(gradient);
    }
    if (report)
      report->struct_size = sizeof(*report);
    nm_error *error = nullptr;
    nm_recipe_step(get(), list.data(), list.size(), rates.data(), rates.size(),
                   report, &error);
    return takeMessage(error);
  }

  std::vector<uint8_t> mask(size_t index) const {
    std::vector<uint8_t> bytes(size_t(tensors[index].count()));
    EXPECT_EQ(nm_recipe_mask(get(), index, bytes.data(), nullptr), NM_OK);
    return bytes;
  }
  std::vector<float> weights(size_t index) const {
    std::vector<float> out(size_t(tensors[index].count()));
    EXPECT_EQ(nm_recipe_weights(get(), index, out.data(), nullptr), NM_OK);
    return out;
  }
  nm_recipe_info info(size_t index) const {
    nm_recipe_info out = {};
    out.struct_size = sizeof(out);
    EXPECT_EQ(nm_recipe_inspect(get(), index, &out, nullptr), NM_OK);
    return out;
  }
  /// The state tensor of this name, empty if there is none.
  std::vector<float> state(const std::string &name) const {
    for (size_t i = 0; i < nm_recipe_state_count(get()); ++i) {
      nm_named_tensor tensor = {};
      tensor.struct_size = sizeof(tensor);
      EXPECT_EQ(nm_recipe_state_tensor(get(), i, &tensor, nullptr), NM_OK);
      if (tensor.name != name)
        continue;
      int64_t count = 1;
      for (size_t k = 0; k < tensor.rank; ++k)
        count *= tensor.shape[k];
      auto *from = static_cast<const float *>(tensor.data);
      return {from, from + count};
    }
    return {};
  }
  /// Parameters, state and progress, to compare bit by bit.
  std::string everything() const {
    std::string all;
    for (const TestTensor &tensor : tensors)
      all += tensor.bytes();
    for (size_t i = 0; i < nm_recipe_state_count(get()); ++i) {
      nm_named_tensor tensor = {};
      tensor.struct_size = sizeof(tensor);
      EXPECT_EQ(nm_recipe_state_tensor(get(), i, &tensor, nullptr), NM_OK);
      int64_t bytes = int64_t(nm_dtype_bytes(tensor.dtype));
      for (size_t k = 0; k < tensor.rank; ++k)
        bytes *= tensor.shape[k];
      all += tensor.name;
      all.append(static_cast<const char *>(tensor.data), size_t(bytes));
    }
    char *progress = nullptr;
    EXPECT_EQ(nm_recipe_progress(get(), &progress, nullptr), NM_OK);
    all += progress;
    nm_string_free(progress);
    return all;
  }

private:
  struct Free {
    void operator()(nm_recipe *recipe) const { nm_recipe_free(recipe); }
  };
  std::unique_ptr<nm_recipe, Free> recipe;
};

/// Small magnitudes that often tie: multiples of 1/64 from -1/4 to 1/4.
inline std::vector<float> tiedValues(int64_t count, std::mt19937 &random) {
  std::vector<float> values;
  for (int64_t i = 0; i < count; ++i)
    values.push_back(float(int(random() % 33) - 16) / 64);
  return values;
}

} // namespace nm::rt::test

#endif // NM_UNITTESTS_RUNTIME_RECIPEUTIL_H
