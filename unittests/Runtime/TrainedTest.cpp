//===- TrainedTest.cpp - Checkpoints of recipes -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Runtime/Trained.h"
#include "RecipeUtil.h"
#include "nm/Runtime/Params.h"

using namespace nm::rt;
using namespace nm::rt::test;

namespace {
class TrainedFile : public TempDir {
protected:
  /// A weight [8, 16] with a mask and this metadata.
  std::string model(const std::string &text) {
    std::vector<float> w(128, 1);
    std::vector<uint8_t> mask(16, 0x33);
    std::string path = file("m.safetensors");
    EXPECT_TRUE(
        writeSafetensors(path,
                         {{"w", denseView(w.data(), DType::F32, {8, 16})},
                          {"w_mask", denseView(mask.data(), DType::U8, {16})}},
                         {{kCheckpointText, text}})
            .ok());
    return path;
  }

  std::string errorOf(const std::string &text) {
    auto checkpoint = Checkpoint::open(model(text));
    if (!checkpoint)
      return checkpoint.error().message;
    Result<Trained> trained = readTrained(**checkpoint);
    return trained ? "" : trained.error().message;
  }
};
} // namespace

TEST_F(TrainedFile, IsRead) {
  auto checkpoint = Checkpoint::open(model(
      R"({"version": 1, "recipe": {"method": "step"}, "step": 7, "tensors":
          {"w": {"pattern": "2:4", "axis": 1, "mask": "w_mask"}}})"));
  ASSERT_TRUE(checkpoint.ok());
  Result<Trained> trained = readTrained(**checkpoint);
  ASSERT_TRUE(trained.ok()) << trained.error().message;
  EXPECT_EQ(trained->method, "step");
  ASSERT_EQ(trained->tensors.size(), 1u);
  const TrainedPattern &pattern = trained->tensors.at("w");
  EXPECT_EQ(pattern.n, 2);
  EXPECT_EQ(pattern.m, 4);
  EXPECT_EQ(pattern.axis, 1);
  EXPECT_EQ(pattern.mask, "w_mask");
}

TEST_F(TrainedFile, ErrorsNameFileAndTensor) {
  const std::pair<const char *, const char *> cases[] = {
      {"", "m.safetensors: metadata 'nm.checkpoint': invalid json"},
      {"[]", "expected an object of version 1"},
      {R"({"version": 2, "tensors": {}})", "expected an object of version 1"},
      {R"({"version": 1})", "no object 'tensors'"},
      {R"({"version": 1, "tensors": {"v": {}}})",
       "tensor 'v': the file does not hold it"},
      {R"({"version": 1, "tensors": {"w": 3}})", "tensor 'w': expected an"},
      {R"({"version": 1, "tensors": {"w": {"pattern": "2:4", "axis": -1,
           "mask": "w_mask"}}})",
       "tensor 'w': expected an object"},
      {R"({"version": 1, "tensors": {"w": {"pattern": "4:2", "axis": 1,
           "mask": "w_mask"}}})",
       "tensor 'w': pattern '4:2', expected N:M"},
      {R"({"version": 1, "tensors": {"w": {"pattern": "2:5", "axis": 1,
           "mask": "w_mask"}}})",
       "tensor 'w': pattern 2:5 along axis 1 does not fit shape [8, 16]"},
      {R"({"version": 1, "tensors": {"w": {"pattern": "2:4", "axis": 2,
           "mask": "w_mask"}}})",
       "tensor 'w': pattern 2:4 along axis 2 does not fit shape [8, 16]"},
      {R"({"version": 1, "tensors": {"w": {"pattern": "2:4", "axis": 1,
           "mask": "x"}}})",
       "tensor 'w': the file does not hold its mask 'x'"},
  };
  for (const auto &[text, message] : cases)
    EXPECT_NE(errorOf(text).find(message), std::string::npos)
        << text << ": " << errorOf(text);
}

/// What was trained is what is packed, to the bit, whatever the layout.
TEST_F(TrainedFile, PacksWhatWasTrained) {
  for (nm_dtype dtype : {NM_F32, NM_BF16}) {
    Training training(
        R"({"version": 1, "method": "sr-ste", "patterns":
            [{"tensors": "w", "pattern": "2:4"}]})");
    training.tensors = {{"w", {24, 64}, dtype}};
    std::mt19937 random(5);
    training.tensors[0].set(tiedValues(24 * 64, random));
    ASSERT_EQ(training.add(), "");
    for (int t = 0; t < 5; ++t) {
      training.tensors[0].gradient = tiedValues(24 * 64, random);
      ASSERT_EQ(training.step(), "");
    }
    std::vector<uint8_t> bytes = training.mask(0), bits(24 * 64 / 8);
    for (size_t i = 0; i < bytes.size(); ++i)
      bits[i / 8] = uint8_t(bits[i / 8] | bytes[i] << (i % 8));
    // As the training holds it: the trained weights and the mask ...
    std::vector<float> weights = training.weights(0);
    std::vector<uint16_t> half;
    for (float weight : weights)
      half.push_back(floatToBf16(weight));
    Mask mask;
    mask.shape = {24, 64};
    mask.data = bytes.data();
    PackOptions options;
    options.mask = &mask;
    DType type = dtype == NM_F32 ? DType::F32 : DType::BF16;
    const void *dense = dtype == NM_F32
                            ? static_cast<const void *>(weights.data())
                            : static_cast<const void *>(half.data());
    // ... and as the file does.
    std::string path = file("t.safetensors");
    ASSERT_TRUE(
        writeSafetensors(
            path,
            {{"w", denseView(training.tensors[0].data(), type, {24, 64})},
             {"w_mask", denseView(bits.data(), DType::U8, {24 * 64 / 8})}})
            .ok());
    for (const char *layout :
         {"canonical", "panel<rows = 3, cols = 32, depth = 64>",
          "lane<lanes = 16>", "dense"}) {
      SCOPED_TRACE(layout);
      Result<LayoutSpec> spec = parseLayoutSpec(layout);
      ASSERT_TRUE(spec.ok());
      ParamSpec param = {"", "w", {24, 64}, type, PatternSpec{2, 4, 1}, *spec};
      Manifest manifest;
      manifest.params = {param};
      auto loaded = Params::load(manifest, {{"", path}});
      ASSERT_TRUE(loaded.ok()) << loaded.error().message;
      const Param &found = (**loaded)[0];
      std::string values(size_t(found.valuesBytes), 'x');
      std::string metadata(size_t(found.metadataBytes), 'x');
      WeightDesc desc{{24, 64}, 1, 2, 4, type};
      auto stats =
          pack(desc, *spec, dense, values.data(), metadata.data(), options);
      ASSERT_TRUE(stats.ok()) << stats.error().message;
      EXPECT_EQ(
          std::string(static_cast<const char *>(found.values), values.size()),
          values);
      if (!metadata.empty())
        EXPECT_EQ(std::string(static_cast<const char *>(found.metadata),
                              metadata.size()),
                  metadata);
    }
  }
}

/// Dense weights of other tools: the mask is derived, and ties are counted.
TEST_F(TrainedFile, TiesOfDerivedMasksAreCounted) {
  std::vector<float> w = {4,
                          3,
                          2,
                          1,
                          /* tie for the second place */ 3,
                          2,
                          -2,
                          1,
                          /* no place is tied for */ 5,
                          5,
                          1,
                          1,
                          /* all alike */ 1,
                          -1,
                          1,
                          1,
                          /* fits */ 1,
                          0,
                          0,
                          1};
  WeightDesc desc{{1, 20}, 1, 2, 4, DType::F32};
  std::string values(40, 'x'), metadata(3, 'x');
  PackOptions options;
  options.derive = true;
  auto stats = pack(desc, LayoutSpec::canonical(), w.data(), values.data(),
                    metadata.data(), options);
  ASSERT_TRUE(stats.ok()) << stats.error().message;
  EXPECT_EQ(stats->prunedGroups, 4);
  EXPECT_EQ(stats->tiedGroups, 2);
}
