//===- ProjectionKernelTest.cpp - Products with weights --------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelTestSupport.h"

using namespace nm;
using namespace nm::isa;
using model::ProjectionShape;
using model::ProjectionTiling;

namespace {

struct Extras {
  bool transposed = false, bias = false, residual = false;
  std::optional<UnaryKind> activation;
  float scale = 1;
  int64_t inputColumn = 0, outputColumn = 0;
  Type type = Type::F16;
};

/// A projection with its tensors, emitted.
struct Projection : KernelTest {
  Projection(const Device &device, const ProjectionShape &shape,
             const ProjectionTiling &tiling, const Extras &extras = {})
      : KernelTest(device), shape(shape), tiling(tiling), extras(extras) {
    Type type = extras.type;
    x = input(type, {shape.tokens, shape.in + extras.inputColumn});
    weight.transposed = extras.transposed;
    weight.pattern = shape.pattern;
    kept = shape.sparse() ? shape.in / shape.pattern.m * shape.pattern.n
                          : shape.in;
    weight.values =
        input(type,
              extras.transposed ? std::vector<int64_t>{shape.in, shape.out}
                                : std::vector<int64_t>{shape.out, kept},
              Role::Param);
    if (shape.sparse()) {
      rowBytes = (kept * shape.pattern.indexBits() + 7) / 8;
      weight.indices = input(Type::I8, {shape.out, rowBytes}, Role::Param);
      makeIndices();
    }
    y = output(type, {shape.tokens, shape.out + extras.outputColumn});
    epilogue.scale = extras.scale;
    epilogue.activation = extras.activation;
    if (extras.bias)
      epilogue.bias = input(type, {shape.out}, Role::Param);
    if (extras.residual)
      epilogue.residual = input(type, {shape.tokens, shape.out});
    status = emitProjection(builder, device, shape, tiling, type, x, weight, y,
                            epilogue, extras.inputColumn, extras.outputColumn);
  }

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
    fill(weight.indices, packed);
  }

  /// The bytes of the cost model, with bias and residual.
  double expectedBytes() const {
    auto cost = model::evaluateProjection(device, shape, tiling);
    EXPECT_TRUE(cost.ok());
    return cost->dramBytes + (extras.bias ? 2.0 * shape.out : 0) +
           (extras.residual ? 2.0 * shape.tokens * shape.out : 0);
  }

  void checkValues() {
    const std::vector<float> &in = (*this)[x], &w = (*this)[weight.values];
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
        if (epilogue.bias)
          sum += (*this)[*epilogue.bias][o];
        if (epilogue.activation)
          sum = activationOf(*epilogue.activation, sum);
        if (epilogue.residual)
          sum += (*this)[*epilogue.residual][t * shape.out + o];
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

  ProjectionShape shape;
  ProjectionTiling tiling;
  Extras extras;
  TensorId x, y;
  Weight weight;
  Epilogue epilogue;
  Status status;
  int64_t kept = 0, rowBytes = 0;
  std::vector<int64_t> places;
};

/// Emits, proves, runs with values and checks numbers and bytes.
void check(const Device &device, const ProjectionShape &shape,
           const ProjectionTiling &tiling, const Extras &extras = {}) {
  SCOPED_TRACE(testing::Message()
               << device.name << " " << shape.tokens << "x" << shape.in << "x"
               << shape.out << " " << shape.pattern.n << ":" << shape.pattern.m
               << " tile " << tiling.tokens << "x" << tiling.out << "x"
               << tiling.depth << " " << model::toString(tiling.stationarity));
  Projection p(device, shape, tiling, extras);
  ASSERT_TRUE(p.status.ok()) << p.status.error().message;
  p.run(true);
  if (testing::Test::HasFatalFailure())
    return;
  p.checkValues();
  EXPECT_EQ(double(p.result.dramBytes()), p.expectedBytes());
}

constexpr Stationarity all[] = {Stationarity::Output, Stationarity::Weight,
                                Stationarity::Input};

} // namespace

TEST(ProjectionKernel, BlocksAndTails) {
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

TEST(ProjectionKernel, Epilogues) {
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
