//===- ParamsTest.cpp -----------------------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Runtime/Params.h"
#include "TestUtil.h"
#include <cmath>

using namespace nm::rt;
using namespace nm::rt::test;

class ParamsLoad : public TempDir {
protected:
  void SetUp() override {
    TempDir::SetUp();
    std::mt19937 rng(1);
    WeightDesc desc{{6, 16}, 1, 2, 4, DType::F32};
    sparse = randomWeight(desc, rng);
    for (int i = 0; i < 96; ++i)
      dense.push_back(float(i + 1));
  }
  std::string model(const std::vector<NamedView> &views,
                    const std::string &name = "m.safetensors") {
    EXPECT_TRUE(writeSafetensors(file(name), views).ok());
    return file(name);
  }
  NamedView weight(const std::string &name) {
    return {name, denseView(sparse.data(), DType::F32, {6, 16})};
  }
  NamedView full(const std::string &name) {
    return {name, denseView(dense.data(), DType::F32, {6, 16})};
  }
  static ParamSpec spec(const std::string &key, LayoutSpec layout,
                        std::optional<PatternSpec> pattern = PatternSpec{2, 4,
                                                                         1}) {
    return {"", key, {6, 16}, DType::F32, pattern, layout};
  }
  Result<std::unique_ptr<Params>>
  load(const std::vector<ParamSpec> &params, const std::string &path,
       MaskPolicy policy = MaskPolicy::IfPresent) {
    ParamsOptions options;
    options.mask.policy = policy;
    options.mask.bitOrder = order;
    return Params::load({params}, {{"", path}}, options);
  }
  BitOrder order = BitOrder::LsbFirst;
  std::vector<unsigned char> sparse;
  std::vector<float> dense;
};

TEST_F(ParamsLoad, EveryLayoutUnpacksToTheWeight) {
  std::string path = model({weight("w"), full("b")});
  std::vector<ParamSpec> specs = {
      spec("w", LayoutSpec::dense()), spec("w", LayoutSpec::canonical()),
      spec("w", LayoutSpec::panel(4, 8, 8)),
      spec("b", LayoutSpec::panel(4, 8, 8), PatternSpec{1, 1, 0}),
      spec("b", LayoutSpec::dense(), std::nullopt)};
  auto params = load(specs, path);
  expectOk(params);
  ASSERT_EQ((*params)->size(), specs.size());
  for (size_t i = 0; i < specs.size(); ++i) {
    const Param &param = (**params)[i];
    EXPECT_EQ(reinterpret_cast<uintptr_t>(param.values) % 64, 0u);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(param.metadata) % 64, 0u);
    PatternSpec p = specs[i].sparsity.value_or(PatternSpec());
    WeightDesc desc{{6, 16}, p.axis, p.n, p.m, DType::F32};
    std::vector<unsigned char> out(6 * 16 * 4);
    expectOk(unpack(desc, specs[i].layout, param.values, param.metadata,
                    out.data()));
    const void *expected = i < 3 ? static_cast<void *>(sparse.data())
                                 : static_cast<void *>(dense.data());
    EXPECT_EQ(std::memcmp(out.data(), expected, out.size()), 0) << i;
  }
  EXPECT_NE((**params)[1].maskSource.find("none needed"), std::string::npos);
  EXPECT_EQ((**params)[4].maskSource, "dense");
  EXPECT_EQ((*params)->cacheState(), "off");
}

TEST_F(ParamsLoad, UnalignedTensorsAreCopied) {
  // "a" pushes "w" off the 64-byte grid.
  std::string path =
      model({full("w"), {"a", denseView(dense.data(), DType::F32, {3})}});
  ParamSpec w = spec("w", LayoutSpec::dense(), std::nullopt);
  auto params = load({w}, path);
  expectOk(params);
  EXPECT_EQ(reinterpret_cast<uintptr_t>((**params)[0].values) % 64, 0u);
  EXPECT_EQ(std::memcmp((**params)[0].values, dense.data(), 384), 0);
}

TEST_F(ParamsLoad, FortranOrderIsTransposed) {
  std::vector<float> columns;
  for (int c = 0; c < 16; ++c)
    for (int r = 0; r < 6; ++r)
      columns.push_back(dense[size_t(r * 16 + c)]);
  std::string path = write(
      "w.npy", npy("{'descr': '<f4', 'fortran_order': True, 'shape': (6, 16)}",
                   bytesOf(columns)));
  auto params = load({spec("w", LayoutSpec::dense(), std::nullopt)}, path);
  expectOk(params);
  EXPECT_EQ(std::memcmp((**params)[0].values, dense.data(), 384), 0);
}

TEST_F(ParamsLoad, ExplicitMasks) {
  std::vector<uint8_t> kept(96);
  for (size_t i = 0; i < 96; ++i)
    kept[i] = i % 4 < 2;
  NamedView mask = {"w_mask", denseView(kept.data(), DType::Bool, {6, 16})};
  std::string path = model({full("w"), mask});
  for (MaskPolicy policy :
       {MaskPolicy::IfPresent, MaskPolicy::Require, MaskPolicy::Derive}) {
    auto params = load({spec("w", LayoutSpec::canonical())}, path, policy);
    expectOk(params);
    EXPECT_EQ((**params)[0].maskSource, "explicit mask 'w_mask'");
    EXPECT_EQ(static_cast<const float *>((**params)[0].values)[2], 5.f);
  }
  // The mask belongs to the weight even where no pattern is asked for.
  auto params = load({spec("w", LayoutSpec::dense(), std::nullopt)}, path);
  expectOk(params);
  EXPECT_EQ(static_cast<const float *>((**params)[0].values)[2], 0.f);
  params = load({spec("w", LayoutSpec::dense(), std::nullopt)}, path,
                MaskPolicy::Ignore);
  expectOk(params);
  EXPECT_EQ(static_cast<const float *>((**params)[0].values)[2], 3.f);
}

TEST_F(ParamsLoad, PackedMaskOfTheOtherBitOrder) {
  std::vector<uint8_t> bits(12, 0b11010011); // LSB first 1100 1011
  NamedView mask = {"w_mask", denseView(bits.data(), DType::U8, {6, 2})};
  std::string path = model({full("w"), mask});
  expectError(load({spec("w", LayoutSpec::canonical())}, path),
              {"group [0, 1]", "holds 3", "under mask 'w_mask'"});
  std::fill(bits.begin(), bits.end(), 0b10000111); // LSB 1110 0001
  model({full("w"), mask});
  order = BitOrder::LsbFirst;
  expectError(load({spec("w", LayoutSpec::canonical())}, path),
              {"holds 3", "under mask 'w_mask'"});
  std::fill(bits.begin(), bits.end(), 0b00111010); // both orders differ
  model({full("w"), mask});
  expectOk(
      load({spec("w", LayoutSpec::canonical(), PatternSpec{4, 8, 1})}, path));
}

TEST_F(ParamsLoad, HintsAtTheOtherBitOrder) {
  // Pattern 1:3 over 24 bits a row: fits only when read MSB first.
  std::vector<float> w(24, 1.f);
  std::vector<uint8_t> bits = {0b10010010, 0b01001001, 0b00100100};
  std::string path =
      model({{"w", denseView(w.data(), DType::F32, {1, 24})},
             {"w_mask", denseView(bits.data(), DType::U8, {1, 3})}});
  ParamSpec p = {"",
                 "w",
                 {1, 24},
                 DType::F32,
                 PatternSpec{1, 3, 1},
                 LayoutSpec::canonical()};
  expectError(load({p}, path),
              {"under mask 'w_mask'", "MSB first the mask fits"});
  order = BitOrder::MsbFirst;
  expectOk(load({p}, path));
}

TEST_F(ParamsLoad, DerivedMasks) {
  std::string path = model({full("w"), weight("s")});
  expectError(
      load({spec("w", LayoutSpec::canonical())}, path),
      {"m.safetensors", "tensor 'w'", "group [0, 0]", "holds 4", "'derive'"});
  auto params = load(
      {spec("w", LayoutSpec::canonical()), spec("s", LayoutSpec::canonical())},
      path, MaskPolicy::Derive);
  expectOk(params);
  EXPECT_EQ((**params)[0].maskSource,
            "derived by magnitude (2:4 along axis 1, ties to the lower index, "
            "24 groups pruned, 0 of them by ties)");
  EXPECT_NE((**params)[1].maskSource.find("none needed"), std::string::npos);
  EXPECT_EQ(static_cast<const float *>((**params)[0].values)[0], 3.f);
  expectOk(load({spec("w", LayoutSpec::dense())}, path, MaskPolicy::Derive));
  expectError(
      load({spec("s", LayoutSpec::canonical())}, path, MaskPolicy::Require),
      {"no explicit mask", "'_mask'"});
}

TEST_F(ParamsLoad, DenseLayoutVerifiesItsPattern) {
  std::string path = model({full("w")});
  expectError(load({spec("w", LayoutSpec::dense())}, path), {"holds 4"});
}

TEST_F(ParamsLoad, WholeGroupsHaveTheirPattern) {
  std::string path = model({full("w"), weight("s")});
  ParamSpec p = spec("w", LayoutSpec::whole(6, 16, 16));
  expectError(load({p}, path), {"m.safetensors", "tensor 'w'", "group [0, 0]",
                                "holds 4", "at most 2 for 2:4", "'derive'"});
  auto params = load({p}, path, MaskPolicy::Derive);
  expectOk(params);
  EXPECT_EQ((**params)[0].maskSource,
            "derived by magnitude (2:4 along axis 1, ties to the lower index, "
            "24 groups pruned, 0 of them by ties)");
  // What derivation keeps, and zeros at the other places.
  std::vector<float> whole(96), kept(96);
  WeightDesc desc{{6, 16}, 1, 2, 4, DType::F32};
  expectOk(unpack(desc, p.layout, (**params)[0].values, nullptr, whole.data()));
  PackOptions derive;
  derive.derive = true;
  expectOk(pack(desc, LayoutSpec::dense(), dense.data(), kept.data(), nullptr,
                derive));
  EXPECT_EQ(whole, kept);
  expectOk(load({spec("s", LayoutSpec::whole(6, 16, 16))}, path));
}

TEST_F(ParamsLoad, CompressedTensorsBitmask) {
  std::vector<int64_t> shape = {1, 8};
  std::vector<float> values = {1, 2, 3, 4};
  uint8_t bits = 172;
  std::string path =
      model({{"l.shape", denseView(shape.data(), DType::I64, {2})},
             {"l.compressed", denseView(values.data(), DType::F32, {1, 4})},
             {"l.bitmask", denseView(&bits, DType::U8, {1, 1})}});
  ParamSpec p = {"",         "l.weight",           {1, 8},
                 DType::F32, PatternSpec{2, 4, 1}, LayoutSpec::canonical()};
  auto params = load({p}, path, MaskPolicy::Require);
  expectOk(params);
  EXPECT_EQ(std::memcmp((**params)[0].values, values.data(), 16), 0);
  EXPECT_EQ((**params)[0].maskSource, "explicit mask 'bitmask of l.weight'");
}

TEST_F(ParamsLoad, Scopes) {
  std::string a = model({full("w")}, "a.safetensors");
  std::string b = model({weight("w")}, "b.safetensors");
  ParamSpec first = spec("w", LayoutSpec::dense(), std::nullopt),
            second = first;
  first.scope = "one";
  second.scope = "two";
  auto params = Params::load({{second, first}}, {{"one", a}, {"two", b}});
  expectOk(params);
  EXPECT_EQ(std::memcmp((**params)[0].values, sparse.data(), 384), 0);
  EXPECT_EQ(std::memcmp((**params)[1].values, dense.data(), 384), 0);
  expectError(Params::load({{second, first}}, {{"one", a}}),
              {"scope 'two'", "given scopes: 'one'"});
}

TEST_F(ParamsLoad, MismatchesSayWhatToDo) {
  std::string path = model({weight("layer.0.weight")});
  expectError(load({spec("layer.0.wieght", LayoutSpec::canonical())}, path),
              {"no tensor 'layer.0.wieght'", "did you mean 'layer.0.weight'"});
  ParamSpec p = spec("layer.0.weight", LayoutSpec::canonical());
  p.dtype = DType::I32;
  expectError(load({p}, path), {"element type f32", "expects i32", "convert"});
  p = spec("layer.0.weight", LayoutSpec::canonical(), PatternSpec{1, 2, 0});
  p.shape = {16, 6};
  expectError(load({p}, path),
              {"shape [6, 16]", "expects [16, 6]", "transposed"});
  expectError(load({p}, file("none")), {"cannot open"});
}

/// Floats of another type are rounded once, to nearest even, and what is too
/// large is refused.
TEST_F(ParamsLoad, FloatsOfAnotherType) {
  // 1 + 2^-11 is halfway between two f16; 2^-40 more decides it, which an f32
  // in between would lose.
  std::vector<double> values = {1 + std::ldexp(1, -11),
                                1 + std::ldexp(1, -11) + std::ldexp(1, -40),
                                1 + 3 * std::ldexp(1, -11),
                                65504,
                                -std::ldexp(1, -24),
                                std::ldexp(1, -26),
                                INFINITY,
                                -0.0};
  std::string path = model({{"w", denseView(values.data(), DType::F64, {8})}});
  ParamSpec p = {"", "w", {8}, DType::F16, std::nullopt, LayoutSpec::dense()};
  auto params = load({p}, path);
  expectOk(params);
  std::vector<uint16_t> expected = {0x3c00, 0x3c01, 0x3c02, 0x7bff,
                                    0x8001, 0x0000, 0x7c00, 0x8000};
  const auto *found = static_cast<const uint16_t *>((**params)[0].values);
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_EQ(found[i], expected[i]) << i;
  ASSERT_EQ((*params)->notes().size(), 1u);
  EXPECT_NE((*params)->notes()[0].find("1 parameter of f64 converted to f16"),
            std::string::npos);
  values[3] = 65520; // the first that rounds to infinity
  path = model({{"w", denseView(values.data(), DType::F64, {8})}});
  expectError(load({p}, path), {"tensor 'w' has 1 finite values beyond f16",
                                "65520", "compile for f64"});
}

TEST_F(ParamsLoad, EmptyParameters) {
  std::string path = model({{"e", denseView(nullptr, DType::F32, {0, 16})}});
  ParamSpec p = {"",
                 "e",
                 {0, 16},
                 DType::F32,
                 PatternSpec{2, 4, 1},
                 LayoutSpec::panel(3, 4, 8)};
  ParamSpec d = {"",         "e",          {0, 16},
                 DType::F32, std::nullopt, LayoutSpec::dense()};
  auto params = load({p, d}, path);
  expectOk(params);
  EXPECT_EQ((**params)[0].values, nullptr);
  EXPECT_EQ((**params)[1].valuesBytes, 0);
}
