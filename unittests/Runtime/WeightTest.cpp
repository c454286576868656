//===- WeightTest.cpp -----------------------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Runtime/Weight.h"
#include "TestUtil.h"

using namespace nm::rt;
using namespace nm::rt::test;

class WeightKeys : public TempDir {
protected:
  CheckpointPtr model(const std::vector<std::string> &masks,
                      const std::string &weight) {
    static const float data[4] = {1, 2, 3, 4};
    static const uint8_t kept[4] = {1, 0, 0, 1};
    std::vector<NamedView> views = {
        {weight, denseView(data, DType::F32, {4})},
        {"a.bias", denseView(data, DType::F32, {2})}};
    for (const std::string &mask : masks)
      views.push_back({mask, denseView(kept, DType::Bool, {4})});
    EXPECT_TRUE(writeSafetensors(file("m.safetensors"), views).ok());
    return *Checkpoint::open(file("m.safetensors"));
  }
  MaskOptions options;
};

TEST_F(WeightKeys, SuffixOfTheKey) {
  auto weight =
      readWeight(*model({"a.weight_mask"}, "a.weight"), "a.weight", options);
  expectOk(weight);
  EXPECT_EQ(weight->maskName, "a.weight_mask");
  EXPECT_TRUE(weight->mask->test(0));
  EXPECT_FALSE(weight->mask->test(1));
}

TEST_F(WeightKeys, ApexBufferBelongsToTheWeightOnly) {
  auto checkpoint = model({"a.__weight_mma_mask"}, "a.weight");
  auto weight = readWeight(*checkpoint, "a.weight", options);
  expectOk(weight);
  EXPECT_EQ(weight->maskName, "a.__weight_mma_mask");
  auto bias = readWeight(*checkpoint, "a.bias", options);
  expectOk(bias);
  EXPECT_FALSE(bias->mask.has_value());
}

TEST_F(WeightKeys, TorchPrunePair) {
  auto checkpoint = model({"a.weight_mask"}, "a.weight_orig");
  auto weight = readWeight(*checkpoint, "a.weight", options);
  expectOk(weight);
  EXPECT_EQ(weight->valuesName, "a.weight_orig");
  EXPECT_EQ(weight->maskName, "a.weight_mask");
  options.suffixes = {".other"};
  weight = readWeight(*checkpoint, "a.weight", options);
  expectOk(weight);
  EXPECT_EQ(weight->maskName, "a.weight_mask");
}

TEST_F(WeightKeys, OrderOfSuffixesAndPolicy) {
  auto checkpoint = model({"a.weight.m1", "a.weight.m2"}, "a.weight");
  options.suffixes = {".m2", ".m1"};
  EXPECT_EQ(readWeight(*checkpoint, "a.weight", options)->maskName,
            "a.weight.m2");
  options.policy = MaskPolicy::Ignore;
  EXPECT_FALSE(readWeight(*checkpoint, "a.weight", options)->mask.has_value());
}

TEST_F(WeightKeys, Errors) {
  auto checkpoint = model({"a.bias_mask"}, "a.weight");
  expectError(
      readWeight(*checkpoint, "a.weihgt", options),
      {"m.safetensors: no tensor 'a.weihgt'", "did you mean", "'a.weight'"});
  expectError(readWeight(*checkpoint, "a.bias", options),
              {"tensor 'a.bias'", "mask 'a.bias_mask' is bool [4]"});
}
