//===- PackedWeightsTest.cpp - Weights of compiled models -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Runtime/PackedWeights.h"
#include "TestUtil.h"
#include "nm/Runtime/ModelDescription.h"
#include "nm/Support/OutputFile.h"

using namespace nm::rt;
using namespace nm::rt::test;

namespace {

/// One weight in every layout, and one dense, in a file.
class PackedWeightsFiles : public TempDir {
protected:
  void SetUp() override {
    TempDir::SetUp();
    std::mt19937 rng(11);
    data = randomWeight({{64, 96}, 1, 2, 4, DType::F32}, rng);
    expectOk(writeSafetensors(
        file("m.safetensors"),
        {{"w", denseView(data.data(), DType::F32, {64, 96})}}));
    PatternSpec pattern{2, 4, 1};
    for (const LayoutSpec &layout :
         {LayoutSpec::canonical(), LayoutSpec::panel(3, 32, 32),
          *parseLayoutSpec("lane<lanes = 8>")})
      manifest.params.push_back(
          {"", "w", {64, 96}, DType::F32, pattern, layout});
    manifest.params.push_back(
        {"", "w", {64, 96}, DType::F32, std::nullopt, LayoutSpec::dense()});
    auto loaded = Params::load(manifest, {{"", file("m.safetensors")}});
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    params = std::move(*loaded);
    save();
  }
  void save() {
    auto out = nm::support::OutputFile::open(file("m.nmw"));
    ASSERT_TRUE(out.ok());
    expectOk(writePackedWeights(**out, manifest, *params));
    expectOk((*out)->commit());
  }
  std::string errorOfOpen() {
    auto opened = Params::open(manifest, file("m.nmw"));
    return opened ? "" : opened.error().message;
  }
  static bool has(const std::string &text, const std::string &words) {
    return text.find(words) != std::string::npos;
  }

  std::vector<unsigned char> data;
  Manifest manifest;
  std::unique_ptr<Params> params;
};

} // namespace

TEST_F(PackedWeightsFiles, HoldWhatWasPacked) {
  auto opened = Params::open(manifest, file("m.nmw"));
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  ASSERT_EQ((*opened)->size(), params->size());
  for (size_t i = 0; i < params->size(); ++i) {
    const Param &found = (**opened)[i], &wanted = (*params)[i];
    ASSERT_EQ(found.valuesBytes, wanted.valuesBytes);
    ASSERT_EQ(found.metadataBytes, wanted.metadataBytes);
    EXPECT_EQ(
        std::memcmp(found.values, wanted.values, size_t(found.valuesBytes)), 0);
    if (found.metadataBytes)
      EXPECT_EQ(std::memcmp(found.metadata, wanted.metadata,
                            size_t(found.metadataBytes)),
                0);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(found.values) % 64, 0u);
    EXPECT_EQ(found.maskSource, wanted.maskSource);
  }
  auto written = readPackedManifest(file("m.nmw"));
  ASSERT_TRUE(written.ok());
  EXPECT_EQ(printManifest(*written), printManifest(manifest));
}

TEST_F(PackedWeightsFiles, GiveAnyOfTheirParameters) {
  Manifest some{{manifest.params[3], manifest.params[1]}};
  auto opened = Params::open(some, file("m.nmw"));
  ASSERT_TRUE(opened.ok());
  EXPECT_EQ(std::memcmp((**opened)[0].values, data.data(), data.size()), 0);
  EXPECT_EQ((**opened)[1].valuesBytes, (*params)[1].valuesBytes);
  for (int change = 0; change < 4; ++change) {
    Manifest other{{manifest.params[1]}};
    ParamSpec &spec = other.params[0];
    if (change == 0)
      spec.key = "v";
    if (change == 1)
      spec.shape = {96, 64};
    if (change == 2)
      spec.layout = LayoutSpec::panel(2, 32, 32);
    if (change == 3)
      spec.dtype = DType::I32;
    auto refused = Params::open(other, file("m.nmw"));
    ASSERT_FALSE(refused.ok()) << change;
    EXPECT_EQ(refused.error().code, Errc::Mismatch);
    EXPECT_TRUE(has(refused.error().message, "holds no parameter"));
  }
}

TEST_F(PackedWeightsFiles, EqualParametersAreOne) {
  Manifest twice = mergeManifests({manifest, {{manifest.params[2]}}, manifest});
  EXPECT_EQ(printManifest(twice), printManifest(manifest));
  auto places = findParams({{manifest.params[2]}}, twice, "it");
  ASSERT_TRUE(places.ok());
  EXPECT_EQ(*places, std::vector<size_t>{2});
}

TEST_F(PackedWeightsFiles, ZeroPointsOfEightBitsHaveAVersionOfTheirOwn) {
  // Files of what did not change are those of before.
  EXPECT_TRUE(has(slurp(file("m.nmw")), "{\\\"layouts\\\":2,"));
  for (size_t i = 0; i < data.size() / 4; ++i) {
    float value = float(i % 2);
    std::memcpy(&data[4 * i], &value, 4);
  }
  expectOk(
      writeSafetensors(file("m.safetensors"),
                       {{"w", denseView(data.data(), DType::F32, {64, 96})}}));
  manifest.params = {{"",
                      "w",
                      {64, 96},
                      DType::F32,
                      PatternSpec{1, 1, 1},
                      LayoutSpec::grouped(16, 32, {DType::F16, true, 8})}};
  auto loaded = Params::load(manifest, {{"", file("m.safetensors")}});
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  params = std::move(*loaded);
  save();
  EXPECT_EQ(errorOfOpen(), "");
  EXPECT_TRUE(has(slurp(file("m.nmw")), "{\\\"layouts\\\":3,"));
}

TEST_F(PackedWeightsFiles, DamageIsOneError) {
  std::string whole = slurp(file("m.nmw"));
  uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 rng(static_cast<unsigned>(seed));
  int refused = 0, rounds = 300;
  for (int round = 0; round < rounds; ++round) {
    std::string bad = whole;
    if (round % 3 == 0)
      bad.resize(rng() % bad.size());
    else
      bad[round % 3 == 1 ? rng() % 1500 : rng() % bad.size()] ^=
          char(1 << rng() % 8);
    write("m.nmw", bad);
    std::string message = errorOfOpen();
    refused += !message.empty();
    if (round % 3 == 0)
      EXPECT_NE(message, "") << "cut to " << bad.size();
    if (!message.empty())
      EXPECT_TRUE(has(message, file("m.nmw"))) << message;
  }
  // Only what pads the parts carries nothing.
  EXPECT_GT(refused, rounds * 9 / 10);
  for (const char *text : {"", "garbage", "NMWGHT01", "NMCACHE2"}) {
    write("m.nmw", text);
    EXPECT_TRUE(has(errorOfOpen(), "not a file of packed weights"));
  }
}

/// Metadata that kernels would follow out of their operands, with checksums
/// that fit.
TEST_F(PackedWeightsFiles, HostileMetadataIsRefused) {
  uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 rng(static_cast<unsigned>(seed));
  for (size_t i : {0, 1}) {
    auto *metadata =
        static_cast<unsigned char *>(const_cast<void *>((*params)[i].metadata));
    for (int round = 0; round < 40; ++round) {
      size_t at = rng() % size_t((*params)[i].metadataBytes);
      unsigned char before = metadata[at];
      // Canonical: 0 0 is not ascending; panel: odd offsets are none.
      metadata[at] = i == 0 ? 0 : before | 1;
      if (i == 1)
        metadata[at | 1] |= 0x80;
      save();
      metadata[at] = before;
      if (i == 1)
        metadata[at | 1] &= 0x7f;
      std::string message = errorOfOpen();
      EXPECT_TRUE(has(message, "metadata of layout")) << i << " " << message;
    }
  }
}

TEST(ModelDescription, PrintsWhatItParses) {
  ModelDescription description;
  description.arch = "x86_64";
  description.features = {"avx2", "fma"};
  description.functions.push_back({"f",
                                   "p_f",
                                   {{"x", DType::F32, false, {kDynamicSize, 8}},
                                    {"n", DType::I64, true, {}}},
                                   {{"y", DType::BF16, false, {0}}}});
  std::string text = printDescription(description);
  auto parsed = parseDescription(text, "it");
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  EXPECT_EQ(printDescription(*parsed), text);
  EXPECT_EQ(parsed->functions[0].inputs[0].shape,
            (std::vector<int64_t>{kDynamicSize, 8}));
  for (size_t cut = 0; cut < text.size(); ++cut)
    EXPECT_FALSE(parseDescription(text.substr(0, cut), "it").ok()) << cut;
  auto newer = parseDescription(R"({"version": 5})", "a.so");
  ASSERT_FALSE(newer.ok());
  EXPECT_NE(newer.error().message.find("a.so: field 'version': found 5"),
            std::string::npos);
}

/// A function whose output `y` is in the memory of input `input`.
static ModelDescription inPlace(int64_t input, ModelValue x) {
  ModelDescription description;
  description.arch = "x86_64";
  ModelValue y = {"y", DType::F32, false, {4, 8}};
  y.input = input;
  description.functions.push_back({"f", "f", {std::move(x)}, {std::move(y)}});
  return description;
}

TEST(ModelDescription, SaysInWhichInputAnOutputIs) {
  ModelValue fits = {"x", DType::F32, false, {kDynamicSize, 8}};
  auto parsed = parseDescription(printDescription(inPlace(0, fits)), "it");
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  EXPECT_EQ(parsed->functions[0].outputs[0].input, 0);
  EXPECT_EQ(parsed->functions[0].inputs[0].input, ModelValue::kReturned);

  auto refusal = [](const ModelDescription &description) {
    auto result = parseDescription(printDescription(description), "a.so");
    return result ? std::string() : result.error().message;
  };
  EXPECT_EQ(refusal(inPlace(1, fits)),
            "a.so: output 'y' of 'f' is in input 1 of 1");
  EXPECT_NE(refusal(inPlace(-2, fits)), "");
  const std::string unfit =
      "a.so: output 'y' of 'f' does not fit input 'x', in whose memory it is";
  EXPECT_EQ(refusal(inPlace(0, {"x", DType::F16, false, {4, 8}})), unfit);
  EXPECT_EQ(refusal(inPlace(0, {"x", DType::F32, false, {4}})), unfit);
  EXPECT_EQ(refusal(inPlace(0, {"x", DType::F32, true, {}})), unfit);
}
