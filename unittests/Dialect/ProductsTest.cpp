//===- ProductsTest.cpp - Products with weights ----------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ProductsTestSupport.h"
#include <cstdio>
#include <cstdlib>

using namespace nm;
using namespace nm::isa;
using model::ProjectionShape;
using model::ProjectionTiling;

namespace {

/// A product with random numbers, against a plain one.
struct Product : ProductTest {
  Product(const Device &device, const ProjectionShape &shape,
          const ProjectionTiling &tiling, const Extras &extras = {})
      : ProductTest(device, shape, tiling, extras) {}

  /// Random places of the kept elements.
  void makeIndices() {
    std::mt19937 generator(3);
    std::vector<uint8_t> packed(shape.out * rowBytes);
    int64_t bits = shape.pattern.indexBits(), n = shape.pattern.n;
    for (int64_t row = 0; row < shape.out; ++row)
      for (int64_t group = 0; group * n < kept; ++group) {
        std::vector<int64_t> all(shape.pattern.m);
        for (size_t i = 0; i != all.size(); ++i)
          all[i] = static_cast<int64_t>(i);
        std::shuffle(all.begin(), all.end(), generator);
        std::sort(all.begin(), all.begin() + n);
        for (int64_t i = 0; i < n; ++i) {
          places.push_back(group * shape.pattern.m + all[i]);
          for (int64_t b = 0; b < bits; ++b) {
            int64_t bit = (group * n + i) * bits + b;
            packed[row * rowBytes + bit / 8] |=
                static_cast<uint8_t>((all[i] >> b & 1) << (bit % 8));
          }
        }
      }
    fill(indices, packed);
  }

  /// The bytes of the cost model, with bias and residual.
  double expectedBytes() const {
    auto cost = model::evaluateProjection(device, shape, *tiling);
    EXPECT_TRUE(cost.ok());
    return cost->dramBytes + (extras.bias ? 2.0 * shape.out : 0) +
           (extras.residual ? 2.0 * shape.tokens * shape.out : 0);
  }

  void checkValues() {
    const std::vector<float> &in = (*this)[x], &w = (*this)[weight];
    int64_t width = shape.in + extras.inputColumn;
    std::vector<double> expected;
    std::vector<float> found;
    for (int64_t t = 0; t < shape.tokens; ++t)
      for (int64_t o = 0; o < shape.out; ++o) {
        double sum = 0;
        for (int64_t k = 0; k < kept; ++k) {
          int64_t place = shape.sparse() ? places[o * kept + k] : k;
          float value =
              extras.transposed ? w[k * shape.out + o] : w[o * kept + k];
          sum += double(in[t * width + extras.inputColumn + place]) * value;
        }
        sum *= extras.scale;
        if (extras.bias)
          sum += (*this)[bias][o];
        if (extras.activation)
          sum = activationOf(*extras.activation, sum);
        if (extras.residual)
          sum += (*this)[residual][t * shape.out + o];
        expected.push_back(sum);
        found.push_back((*this)[y][t * (shape.out + extras.outputColumn) +
                                   extras.outputColumn + o]);
      }
    if (extras.type == Type::BF16)
      for (size_t i = 0; i != found.size(); ++i)
        EXPECT_NEAR(found[i], expected[i],
                    0.005 * std::abs(expected[i]) + 1e-3);
    else
      expectClose(found, expected, 10);
  }

  std::vector<int64_t> places;
};

/// What the passes say; empty if there is a program.
std::string messageOf(ProductTest &test) {
  auto program = test.finish();
  return program.ok() ? "" : program.error().message;
}

/// Emits, proves, runs with values and checks numbers and bytes.
void check(const Device &device, const ProjectionShape &shape,
           const ProjectionTiling &tiling, const Extras &extras = {}) {
  SCOPED_TRACE(testing::Message()
               << device.name << " " << shape.tokens << "x" << shape.in << "x"
               << shape.out << " " << shape.pattern.n << ":" << shape.pattern.m
               << " tile " << tiling.tokens << "x" << tiling.out << "x"
               << tiling.depth << " " << model::toString(tiling.stationarity));
  Product p(device, shape, tiling, extras);
  if (shape.sparse())
    p.makeIndices();
  p.run(true);
  if (testing::Test::HasFatalFailure())
    return;
  p.checkValues();
  EXPECT_EQ(double(p.result.dramBytes()), p.expectedBytes());
}

constexpr Stationarity all[] = {Stationarity::Output, Stationarity::Weight,
                                Stationarity::Input};

} // namespace

TEST(Products, BlocksAndTails) {
  Device device = tinyDevice();
  for (Stationarity s : all)
    for (auto [tokens, in, out] : {std::array<int64_t, 3>{1, 1, 1},
                                   {8, 8, 16},
                                   {7, 19, 21},
                                   {16, 32, 32},
                                   {33, 50, 70},
                                   {40, 64, 35}})
      for (int64_t tile : {4, 8, 24})
        check(device, {tokens, in, out, {}},
              {std::min(tile, tokens), std::min(2 * tile - 3, out), s});
}

TEST(Products, Epilogues) {
  Device device = tinyDevice();
  ProjectionShape shape{19, 40, 37, {}};
  ProjectionTiling tiling{8, 16, Stationarity::Weight};
  for (UnaryKind kind : {UnaryKind::Relu, UnaryKind::Gelu, UnaryKind::GeluTanh,
                         UnaryKind::Silu, UnaryKind::Tanh})
    check(device, shape, tiling, {false, true, false, kind});
  check(device, shape, tiling, {false, false, true, {}});
  check(device, shape, tiling, {true, true, true, UnaryKind::Gelu, 0.25f});
  check(device, shape, tiling, {false, false, false, {}, -2.0f});
  check(device, shape, tiling, {true, false, false, {}, 1, 5, 3});
  check(device, shape, tiling, {false, true, true, {}, 1, 0, 0, Type::BF16});
  check(device, shape, {19, 37, Stationarity::Output, 13},
        {true, true, false, {}});
}

TEST(Products, SparseWeights) {
  Device device = tinyDevice();
  for (SparsePattern pattern : device.array.sparsePatterns)
    for (Stationarity s : all)
      for (int64_t groups : {1, 3, 8, 25}) {
        ProjectionShape shape{13, groups * pattern.m, 37, pattern};
        check(device, shape, {8, 16, s});
        check(device, shape, {13, 37, s, 2 * pattern.m});
      }
  // The scale has no place in the product.
  check(device, {13, 40, 37, {2, 4}}, {8, 16}, {false, false, false, {}, 0.5f});
  check(device, {13, 40, 37, {2, 4}}, {8, 16},
        {false, true, true, UnaryKind::Gelu, 0.125f});
  check(device, {13, 40, 37, {2, 4}}, {8, 16},
        {false, false, false, {}, 1, 8, 2, Type::BF16});
}

TEST(Products, OneChannelAndTightScratchpad) {
  Device device = tinyDevice();
  device.dma.channels = 1;
  check(device, {19, 40, 37, {2, 4}}, {8, 16}, {false, true, true, {}, 1});
  check(device, {19, 40, 37, {}}, {8, 16}, {true, true, true, {}, 1});
  // One block of sums, and chunks of single rows.
  device.scratchpad.bytes = 3200;
  Extras extras{false, true, true, UnaryKind::Relu, 2};
  check(device, {40, 60, 70, {}}, {16, 24, Stationarity::Weight}, extras);
}

/// Every combination of tails, slots and steps of the epilogue.
TEST(Products, RandomShapes) {
  std::mt19937 generator(1);
  auto pick = [&](int64_t low, int64_t high) {
    return low + static_cast<int64_t>(generator() % uint64_t(high - low + 1));
  };
  int ran = 0;
  for (int i = 0; i < 500; ++i) {
    Device device = tinyDevice();
    device.array.rows = pick(1, 20);
    device.array.cols = pick(1, 20);
    device.dma.channels = pick(1, 5);
    device.scratchpad.bytes = int64_t(1) << pick(10, 16);
    device.specialFunction.lanes *= pick(0, 1);
    std::vector<SparsePattern> patterns = device.array.sparsePatterns;
    patterns.resize(2 * patterns.size());
    ProjectionShape shape{pick(1, 60), pick(1, 90), pick(1, 70),
                          patterns[pick(0, int64_t(patterns.size()) - 1)]};
    if (shape.sparse())
      shape.in =
          (shape.in + shape.pattern.m - 1) / shape.pattern.m * shape.pattern.m;
    ProjectionTiling tiling{pick(1, shape.tokens), pick(1, shape.out),
                            all[pick(0, 2)], pick(0, 1) * pick(1, shape.in)};
    if (pick(0, 1))
      tiling.slots = pick(2, 9);
    Extras extras;
    extras.transposed = !shape.sparse() && pick(0, 1);
    extras.bias = pick(0, 1);
    extras.residual = pick(0, 1);
    if (pick(0, 1))
      extras.activation = UnaryKind::Relu;
    extras.scale = pick(0, 1) ? 0.5f : 1;
    extras.inputColumn = pick(0, 1) * pick(0, 9);
    extras.outputColumn = pick(0, 1) * pick(0, 9);
    Product probe(device, shape, tiling, extras);
    if (std::string message = messageOf(probe); !message.empty()) {
      EXPECT_NE(message.find("left of the scratchpad"), std::string::npos)
          << message;
      continue;
    }
    ++ran;
    check(device, shape, tiling, extras);
    if (HasFailure())
      return;
  }
  EXPECT_GT(ran, 250);
}

/// The cost model's best tilings: bytes exactly, cycles within a tenth.
static void checkAgreement(const Device &device, SparsePattern pattern) {
  for (auto [in, out] :
       {std::pair<int64_t, int64_t>{768, 768}, {768, 3072}, {3072, 768}})
    for (int64_t tokens : {1, 8, 128, 512})
      for (Stationarity s : device.array.stationarities) {
        ProjectionShape shape{tokens, in, out, pattern};
        Device only = device;
        only.array.stationarities = {s};
        SCOPED_TRACE(testing::Message()
                     << device.name << " " << tokens << "x" << in << "x" << out
                     << " " << pattern.n << ":" << pattern.m << " "
                     << model::toString(s));
        auto tiling = mlir::tiles::chooseProduct(only, factsOf(shape));
        ASSERT_TRUE(tiling.ok()) << tiling.error().message;
        Product p(only, shape, *tiling);
        p.run(false);
        if (testing::Test::HasFatalFailure())
          return;
        auto cost = model::evaluateProjection(only, shape, *tiling);
        ASSERT_TRUE(cost.ok());
        EXPECT_EQ(static_cast<double>(p.result.dramBytes()), cost->dramBytes);
        if (std::getenv("NM_PRINT_AGREEMENT"))
          std::printf("%-8s %4ldx%4ldx%4ld %ld:%ld %-6s tile %4ldx%4ld x%4ld "
                      "slots %ld | model %8.0f array %8.0f dram %8.0f pad "
                      "%8.0f | sim %8.0f %+6.1f%%\n",
                      device.name.c_str(), long(tokens), long(in), long(out),
                      long(pattern.n), long(pattern.m), model::toString(s),
                      long(tiling->tokens), long(tiling->out),
                      long(model::projectionDepth(only, shape, *tiling)),
                      long(tiling->slots), cost->cycles, cost->computeCycles,
                      cost->dramCycles, cost->onChipCycles, p.result.cycles,
                      100 * (p.result.cycles / cost->cycles - 1));
        EXPECT_NEAR(p.result.cycles / cost->cycles, 1, 0.1);
        int64_t kept = pattern.m ? in / pattern.m * pattern.n : in;
        EXPECT_EQ(p.result.macs, tokens * kept * out);
        const sim::Energy &energy = p.result.energy;
        EXPECT_NEAR((energy.total() - energy.special) / cost->energyPj, 1,
                    0.02);
        // The model's footprint, a second block of sums, and little else.
        double end = 0;
        for (const Buffer &buffer : p.program.buffers)
          end = std::max(end,
                         static_cast<double>(buffer.address +
                                             buffer.slots * slotBytes(buffer)));
        EXPECT_LE(end, cost->footprintBytes +
                           4.0 * tiling->tokens * tiling->out +
                           device.scratchpad.bytes / 16.0 + 1024);
      }
}

TEST(Products, AgreesWithTheModel) {
  for (const char *name : {"edge", "cloud", "tpu-v5e", "a100", "tiny"})
    checkAgreement(deviceOf(name), {});
}

TEST(Products, AgreesWithTheModelForSparseWeights) {
  for (const char *name : {"edge", "cloud", "tiny"})
    for (SparsePattern pattern : {SparsePattern{2, 4}, {1, 4}, {2, 8}, {4, 8}})
      checkAgreement(deviceOf(name), pattern);
  checkAgreement(deviceOf("a100"), {2, 4});
}

TEST(Products, ChosenTilingsRunWithTheirEpilogue) {
  Extras extras{false, true, true, UnaryKind::Gelu};
  for (const char *name : {"edge", "tpu-v5e", "tiny"})
    for (ProjectionShape shape :
         {ProjectionShape{1, 96, 200, {}}, {33, 130, 70, {}}}) {
      Device device = deviceOf(name);
      auto tiling = mlir::tiles::chooseProduct(device, factsOf(shape, extras));
      ASSERT_TRUE(tiling.ok()) << tiling.error().message;
      check(device, shape, *tiling, extras);
    }
  Device device = tinyDevice();
  // No row of outputs fits as a whole.
  device.scratchpad.bytes = 2048;
  ProjectionShape shape{9, 64, 700, {}};
  auto tiling = mlir::tiles::chooseProduct(device, factsOf(shape, extras));
  ASSERT_TRUE(tiling.ok()) << tiling.error().message;
  check(device, shape, *tiling, extras);
}

TEST(Products, ValuesOfWholeSizes) {
  for (const char *name : {"edge", "cloud", "tpu-v5e", "a100"}) {
    Device device = deviceOf(name);
    for (auto [in, out] : {std::pair<int64_t, int64_t>{768, 768}, {3072, 768}})
      for (SparsePattern pattern : {SparsePattern{}, {2, 4}, {1, 4}}) {
        if (pattern.m && !device.array.skips(pattern))
          continue;
        ProjectionShape shape{9, in, out, pattern};
        auto tiling = mlir::tiles::chooseProduct(device, factsOf(shape));
        ASSERT_TRUE(tiling.ok()) << tiling.error().message;
        check(device, shape, *tiling);
      }
  }
}

TEST(Products, Errors) {
  Device device = tinyDevice();
  auto message = [&](const ProjectionShape &shape,
                     std::optional<ProjectionTiling> tiling,
                     const Extras &extras = {}, Type type = Type::F16) {
    Extras given = extras;
    given.type = type;
    ProductTest p(device, shape, tiling, given);
    return messageOf(p);
  };
  const std::string lowered = "cannot be lowered to tiny: ";
  EXPECT_EQ(message({8, 12, 8, {3, 4}}, {{8, 8}}),
            lowered +
                "found weights of pattern 3:4, expected one that tiny decodes");
  EXPECT_EQ(message({8, 12, 8, {3, 4}}, {}),
            lowered +
                "found weights of pattern 3:4, expected one that tiny decodes");
  EXPECT_EQ(message({8, 13, 8, {2, 4}}, {{8, 8}}),
            "'tile.product' op [tile_product_c1] has an N:M weight with 13 "
            "elements along the sum, expected a multiple of 4");
  EXPECT_EQ(message({8, 12, 8, {2, 4}}, {{8, 8}}, {true, false, false, {}}),
            "'tile.product' op [tile_product_c1] has an N:M weight [in, out], "
            "or scales it, expected neither");
  EXPECT_EQ(message({8, 12, 8, {}}, {{9, 8}}),
            lowered + "found a block of 9 x 8, expected at most 8 x 8");
  EXPECT_EQ(message({8, 12, 8, {}}, {{8, 8}}, {}, Type::F32),
            lowered + "found elements of f32, expected the 16 bits of tiny");
  EXPECT_EQ(message({512, 768, 768, {}}, {{128, 128}}),
            lowered +
                "found blocks of 128 x 128 in strips of 8, which need 74240 "
                "bytes with their epilogue, expected at most the 65536 left of "
                "the scratchpad of tiny");
  for (int64_t slots : {int64_t(1), model::kMostProjectionSlots + 1}) {
    std::string expected =
        "found " + std::to_string(slots) + " slots of a ring, expected 2 to 64";
    ProjectionTiling tiling{8, 8, Stationarity::Output, 0, slots};
    EXPECT_EQ(message({8, 12, 8, {}}, tiling), lowered + expected);
    auto cost = model::evaluateProjection(device, {8, 12, 8, {}}, tiling);
    ASSERT_FALSE(cost.ok());
    EXPECT_EQ(cost.error().message, expected);
  }
  device.array.stationarities = {Stationarity::Weight};
  EXPECT_EQ(message({8, 12, 8, {}}, {{8, 8}}),
            lowered + "found output stationarity, expected one that tiny has");
}
