//===- RearrangeTest.cpp - Weights in another order than in their file -----===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Runtime/Rearrange.h"
#include "TestUtil.h"
#include <numeric>

using namespace nm::rt;
using namespace nm::rt::test;

namespace {

/// [M, C, H, W] = [2, 4, 1, 3] as a matrix [M, H * W * C].
Rearranged sample() {
  Rearranged tensor;
  tensor.values = {"k", DType::F32, {2, 4, 1, 3}, {12, 3, 1, 3}, 0};
  tensor.loops = {2, 1, 3, 4};
  tensor.shape = {2, 12};
  return tensor;
}

std::string messageOf(const Rearranged &tensor) {
  auto parsed = parseRearranged(tensor.key());
  return parsed.ok() ? "" : parsed.error().message;
}

class RearrangeFiles : public TempDir {
protected:
  CheckpointPtr model(bool hasMask) {
    std::iota(values, values + 24, 0.0f);
    for (int i = 0; i < 24; ++i)
      mask[i] = i % 5 != 0;
    std::vector<NamedView> views = {
        {"k", denseView(values, DType::F32, {2, 4, 1, 3})}};
    if (hasMask)
      views.push_back({"k_mask", denseView(mask, DType::U8, {2, 4, 1, 3})});
    EXPECT_TRUE(writeSafetensors(file("m.safetensors"), views).ok());
    return *Checkpoint::open(file("m.safetensors"));
  }
  float values[24];
  uint8_t mask[24];
};

} // namespace

TEST(Rearrange, KeysRoundTrip) {
  Rearranged tensor = sample();
  tensor.values.key = "a \"b\"\n";
  EXPECT_TRUE(isDerivedKey(tensor.key()));
  EXPECT_TRUE(isRearrangedKey(tensor.key()));
  EXPECT_EQ(shownKey(tensor.key()), tensor.values.key);
  auto again = parseRearranged(tensor.key());
  expectOk(again);
  EXPECT_EQ(again->key(), tensor.key());
  EXPECT_EQ(shownKey("{\"rearrange\":1"), "{\"rearrange\":1");
}

TEST(Rearrange, EachElementIsReadOnce) {
  EXPECT_EQ(messageOf(sample()), "");
  Rearranged tensor = sample();
  tensor.values.strides = {12, 3, 1, 0};
  EXPECT_NE(messageOf(tensor).find("do not read each element once"),
            std::string::npos)
      << messageOf(tensor);
  tensor = sample();
  tensor.values.strides = {12, 3, 1, 4};
  EXPECT_NE(messageOf(tensor).find("reach element 26, expected less than 24"),
            std::string::npos)
      << messageOf(tensor);
  tensor = sample();
  tensor.shape = {2, 11};
  EXPECT_NE(messageOf(tensor).find("found loops of 24 rounds from 24 to 22"),
            std::string::npos)
      << messageOf(tensor);
  tensor = sample();
  tensor.shape = {INT64_MAX, INT64_MAX};
  EXPECT_NE(messageOf(tensor), "");
  tensor = sample();
  tensor.values.key.clear();
  EXPECT_NE(messageOf(tensor).find("found a number as rearrange"),
            std::string::npos)
      << messageOf(tensor);
}

/// Groups of the stored tensor that stay groups, and those that do not.
TEST(Rearrange, AxesOfGroups) {
  Rearranged tensor = sample();
  EXPECT_EQ(tensor.axisOf(1, 4), 1);
  EXPECT_EQ(tensor.axisOf(1, 2), 1);
  EXPECT_EQ(tensor.axisOf(1, 3), std::nullopt); // 3 does not divide 4
  EXPECT_EQ(tensor.axisOf(3, 3), std::nullopt); // channels lie between
  EXPECT_EQ(tensor.axisOf(0, 2), 0);
  EXPECT_EQ(tensor.axisOf(4, 2), std::nullopt);
  tensor.values.strides = {12, 3, 1, 3}; // nothing merged
  tensor.shape = {2, 1, 3, 4};
  EXPECT_EQ(tensor.axisOf(3, 3), 2);
}

TEST(Rearrange, BytesGoBack) {
  std::string moved;
  for (int m = 0; m < 2; ++m)
    for (int w = 0; w < 3; ++w)
      for (int c = 0; c < 4; ++c)
        moved += static_cast<char>(m * 12 + c * 3 + w);
  std::string restored = restoreBytes(sample(), moved);
  ASSERT_EQ(restored.size(), 24u);
  for (int i = 0; i < 24; ++i)
    EXPECT_EQ(restored[static_cast<size_t>(i)], i);
}

TEST_F(RearrangeFiles, ValuesAndMaskMoveTogether) {
  for (bool hasMask : {false, true}) {
    auto checkpoint = model(hasMask);
    auto weight = readWeight(*checkpoint, sample().key(), {});
    expectOk(weight);
    EXPECT_EQ(weight->tensor.view.shape, (std::vector<int64_t>{2, 12}));
    ASSERT_EQ(weight->mask.has_value(), hasMask);
    for (int m = 0; m < 2; ++m)
      for (int w = 0; w < 3; ++w)
        for (int c = 0; c < 4; ++c) {
          int stored = m * 12 + c * 3 + w, place = w * 4 + c;
          EXPECT_EQ(weight->tensor.view.at({m, place}), float(stored));
          if (hasMask)
            EXPECT_EQ(weight->mask->test(m * 12 + place), stored % 5 != 0);
        }
  }
}

TEST_F(RearrangeFiles, ErrorsNameTheTensor) {
  auto checkpoint = model(false);
  Rearranged tensor = sample();
  tensor.values.shape = {4, 2, 1, 3};
  auto weight = readWeight(*checkpoint, tensor.key(), {});
  ASSERT_FALSE(weight.ok());
  EXPECT_NE(weight.error().message.find(
                "tensor 'k' has shape [2, 4, 1, 3], the model expects "
                "[4, 2, 1, 3]"),
            std::string::npos)
      << weight.error().message;
}
