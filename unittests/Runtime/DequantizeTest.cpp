//===- DequantizeTest.cpp - Floats that are stored as integers -------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Runtime/Dequantize.h"
#include "TestUtil.h"
#include "nm/Runtime/Params.h"

using namespace nm::rt;
using namespace nm::rt::test;

namespace {

/// 2 rows of 2 groups of 4, a scale and a zero point for each group.
Dequantized sample() {
  Dequantized tensor;
  tensor.values = {"q", DType::U8, {2, 8}, {8, 4, 1}, 0};
  tensor.zero = {"z", DType::U8, {2, 2, 1}, {2, 1, 0}, 0};
  tensor.scale = {"s", DType::F32, {2, 2}, {2, 1, 0}, 0};
  tensor.loops = {2, 2, 4};
  tensor.shape = {2, 8};
  return tensor;
}

const uint8_t q[16] = {0, 1, 2, 255, 7, 7, 7, 7, 10, 8, 9, 10, 0, 3, 0, 3};
const uint8_t z[4] = {1, 7, 10, 0};
const float s[4] = {0.1f, 3, -0.5f, 1e-3f};

class DequantizeFiles : public TempDir {
protected:
  CheckpointPtr model(std::vector<NamedView> more = {}) {
    std::vector<NamedView> views = {{"q", denseView(q, DType::U8, {2, 8})},
                                    {"z", denseView(z, DType::U8, {2, 2, 1})},
                                    {"s", denseView(s, DType::F32, {2, 2})}};
    views.insert(views.end(), more.begin(), more.end());
    EXPECT_TRUE(writeSafetensors(file("m.safetensors"), views).ok());
    return *Checkpoint::open(file("m.safetensors"));
  }
};

} // namespace

TEST(Dequantize, KeysRoundTrip) {
  Dequantized tensor = sample();
  tensor.values.key = "a \"b\"\n\xc3\xa4";
  tensor.scale = {};
  tensor.scale.number = 0.1;
  tensor.compute = DType::F16;
  EXPECT_TRUE(isDerivedKey(tensor.key()));
  EXPECT_EQ(shownKey(tensor.key()), tensor.values.key);
  auto again = parseDequantized(tensor.key());
  expectOk(again);
  EXPECT_EQ(again->key(), tensor.key());
  EXPECT_EQ(again->scale.number, 0.1);
  EXPECT_FALSE(isDerivedKey("dequantize"));
  EXPECT_EQ(shownKey("{\"dequantize\":1"), "{\"dequantize\":1");
}

TEST(Dequantize, KeysAreChecked) {
  auto message = [](const std::string &from, const std::string &to) {
    std::string text = sample().key();
    size_t place = text.find(from);
    EXPECT_NE(place, std::string::npos) << from;
    auto parsed = parseDequantized(text.replace(place, from.size(), to));
    return parsed.ok() ? "" : parsed.error().message;
  };
  struct Case {
    const char *from, *to, *expected;
  } cases[] = {
      {"\"zero\"", "\"zeros\"", "found the unknown field 'zeros' of the key"},
      {"[2,2,4]", "[2,2,3]", "found loops of 12 rounds for 16 elements"},
      {"[2,2,4]", "[2,2,-4]", "expected integers of 0 or more"},
      {"[2,2,4]", "[]", "found loops of 1 rounds for 16 elements"},
      {"[8,4,1]", "[8,5,1]",
       "the strides of 'q' reach element 16, expected "
       "less than 16"},
      {"[8,4,1]", "[8,4]",
       "found 2 strides of 'q', expected one for each of "
       "3 loops"},
      {"[8,4,1]", "[9223372036854775807,4,1]", "expected less than 16"},
      {"[2,2,1]", "[2,1,1]", "the strides of 'z' reach element 3"},
      {"\"u8\",\"shape\":[2,8]", "\"i32\",\"shape\":[2,8]",
       "found values of i32, expected a tensor of i8 or u8"},
      {"\"f32\",\"shape\":[2,2]", "\"f64\",\"shape\":[2,2]",
       "scales of f64, expected f32, f16 or bf16"},
      {"\"compute\":\"f32\"", "\"compute\":\"i8\"", "found computation in i8"},
      {"\"compute\":\"f32\",\"dtype\":\"f32\"",
       "\"compute\":\"f32\",\"dtype\":\"f16\"",
       "found a result of f16 computed in f32, expected one that loses "
       "nothing"},
      {"\"compute\":\"f32\"", "\"compute\":\"f33\"",
       "found the element type 'f33'"},
      {"\"key\":\"s\"", "\"key\":\"\"", "found no key of 'scale'"},
      {"\"loops\"", "\"loops\":[1],\"loops\"", "loops"},
      {"}", "", "derived key"},
  };
  for (const Case &c : cases)
    EXPECT_NE(message(c.from, c.to).find(c.expected), std::string::npos)
        << c.to << ": " << message(c.from, c.to);
}

TEST_F(DequantizeFiles, ValuesAreRoundedStepByStep) {
  auto checkpoint = model();
  for (DType compute : {DType::F32, DType::F16, DType::BF16}) {
    Dequantized tensor = sample();
    tensor.compute = compute;
    auto weight = readWeight(*checkpoint, tensor.key(), {});
    expectOk(weight);
    EXPECT_EQ(weight->tensor.view.shape, (std::vector<int64_t>{2, 8}));
    auto round = [&](float value) {
      return compute == DType::F16    ? f16ToFloat(floatToF16(value))
             : compute == DType::BF16 ? bf16ToFloat(floatToBf16(value))
                                      : value;
    };
    for (int i = 0; i < 16; ++i) {
      float centred = round(float(q[i]) - float(z[i / 4]));
      EXPECT_EQ(weight->tensor.view.at({i / 8, i % 8}),
                round(centred * s[i / 4]))
          << i;
    }
  }
}

TEST_F(DequantizeFiles, ErrorsNameTheTensor) {
  auto checkpoint = model();
  auto message = [&](Dequantized tensor) {
    auto weight = readWeight(*checkpoint, tensor.key(), {});
    return weight.ok() ? "" : weight.error().message;
  };
  Dequantized tensor = sample();
  tensor.scale.key = "absent";
  EXPECT_NE(message(tensor).find("no tensor 'absent' among 3 tensors"),
            std::string::npos);
  tensor = sample();
  tensor.values.dtype = DType::I8;
  EXPECT_NE(message(tensor).find("tensor 'q' has element type u8, the model "
                                 "expects i8"),
            std::string::npos);
  tensor = sample();
  tensor.zero.shape = {4};
  EXPECT_NE(
      message(tensor).find("tensor 'z' has shape [2, 2, 1], the model expects "
                           "[4]"),
      std::string::npos);
}

/// Loaded, packed and verified as any other parameter.
TEST_F(DequantizeFiles, ParametersArePacked) {
  model();
  Manifest manifest;
  manifest.params.push_back({"",
                             sample().key(),
                             {2, 8},
                             DType::F32,
                             PatternSpec{3, 4, 1},
                             LayoutSpec::canonical()});
  auto params = Params::load(manifest, {{"", file("m.safetensors")}});
  expectOk(params);
  EXPECT_EQ((**params)[0].valuesBytes, 2 * 6 * 4);
  manifest.params[0].sparsity = PatternSpec{1, 4, 1};
  auto full = Params::load(manifest, {{"", file("m.safetensors")}});
  ASSERT_FALSE(full.ok());
  EXPECT_NE(full.error().message.find("q"), std::string::npos)
      << full.error().message;
}
