//===- RowsTest.cpp - Operators on rows ------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RowsTestSupport.h"
#include <algorithm>

using namespace nm;
using namespace nm::isa;

namespace {

constexpr std::array<int64_t, 2> shapes[] = {{1, 1},    {1, 130},  {7, 33},
                                             {16, 64},  {17, 256}, {100, 48},
                                             {513, 20}, {64, 1000}};
constexpr const char *devices[] = {"tiny", "edge", "tpu-v5e"};

/// Runs `body(test, rows, cols)` on every device and shape.
template <typename Body> void forEachShape(Body body) {
  for (const char *name : devices)
    for (auto [rows, columns] : shapes) {
      SCOPED_TRACE(testing::Message() << name << " " << rows << "x" << columns);
      RowsTest test(deviceOf(name));
      body(test, rows, columns);
      if (testing::Test::HasFatalFailure())
        return;
    }
}

template <typename Body>
std::vector<double> eachElement(const std::vector<float> &values, Body body) {
  std::vector<double> result;
  for (size_t i = 0; i != values.size(); ++i)
    result.push_back(body(values[i], i));
  return result;
}

std::vector<double> normalized(std::vector<double> x,
                               const std::vector<float> &gamma,
                               const std::vector<float> &beta, double epsilon) {
  size_t columns = gamma.size();
  for (size_t row = 0; row < x.size(); row += columns) {
    double mean = 0, variance = 0;
    for (size_t j = 0; j != columns; ++j)
      mean += x[row + j] / double(columns);
    for (size_t j = 0; j != columns; ++j)
      variance += (x[row + j] - mean) * (x[row + j] - mean) / double(columns);
    for (size_t j = 0; j != columns; ++j)
      x[row + j] =
          (x[row + j] - mean) / std::sqrt(variance + epsilon) * gamma[j] +
          beta[j];
  }
  return x;
}

} // namespace

TEST(Rows, LayerNorm) {
  for (bool hasResidual : {false, true})
    forEachShape([&](RowsTest &t, int64_t rows, int64_t columns) {
      TensorId source = t.input(Type::F16, {rows, columns});
      std::optional<TensorId> residual;
      if (hasResidual)
        residual = t.input(Type::F16, {rows, columns});
      TensorId gamma = t.input(Type::F16, {columns}, Role::Param);
      TensorId beta = t.input(Type::F16, {columns}, Role::Param);
      TensorId dest = t.output(Type::F16, {rows, columns});
      t.layerNorm(source, residual, gamma, beta, 1e-3f, dest);
      t.run(true);
      if (testing::Test::HasFatalFailure())
        return;
      std::vector<double> x = eachElement(t[source], [&](double v, size_t i) {
        return v + (residual ? double(t[*residual][i]) : 0);
      });
      expectClose(t[dest], normalized(x, t[gamma], t[beta], 1e-3), 3);
      EXPECT_EQ(t.result.dramBytes(),
                2 * (rows * columns * (hasResidual ? 3 : 2) + 2 * columns));
    });
}

TEST(Rows, Elementwise) {
  for (bool isVector : {false, true})
    for (BinaryKind kind :
         {BinaryKind::Add, BinaryKind::Sub, BinaryKind::Mul, BinaryKind::Max})
      forEachShape([&](RowsTest &t, int64_t rows, int64_t columns) {
        TensorId lhs = t.input(Type::F16, {rows, columns});
        TensorId rhs =
            t.input(Type::F16, isVector ? std::vector<int64_t>{columns}
                                        : std::vector<int64_t>{rows, columns});
        TensorId dest = t.output(Type::F16, {rows, columns});
        t.elementwise(kind, lhs, rhs, dest);
        t.run(true);
        if (testing::Test::HasFatalFailure())
          return;
        expectClose(t[dest], eachElement(t[lhs], [&](double a, size_t i) {
                      double b = t[rhs][isVector ? i % size_t(columns) : i];
                      return kind == BinaryKind::Add   ? a + b
                             : kind == BinaryKind::Sub ? a - b
                             : kind == BinaryKind::Mul ? a * b
                                                       : std::max(a, b);
                    }));
        EXPECT_EQ(t.result.dramBytes(),
                  2 * (rows * columns * (isVector ? 2 : 3) +
                       (isVector ? columns : 0)));
      });
}

TEST(Rows, Unary) {
  for (UnaryKind kind :
       {UnaryKind::Copy, UnaryKind::Relu, UnaryKind::Gelu, UnaryKind::GeluTanh,
        UnaryKind::Silu, UnaryKind::Tanh, UnaryKind::Exp})
    forEachShape([&](RowsTest &t, int64_t rows, int64_t columns) {
      // A conversion too.
      TensorId source = t.input(kind == UnaryKind::Copy ? Type::F32 : Type::F16,
                                {rows, columns});
      TensorId dest = t.output(Type::F16, {rows, columns});
      t.unary(kind, source, dest);
      t.run(true, 4);
      if (testing::Test::HasFatalFailure())
        return;
      expectClose(t[dest], eachElement(t[source], [&](double x, size_t) {
                    return activationOf(kind, x);
                  }));
      EXPECT_EQ(t.result.dramBytes(),
                rows * columns * (kind == UnaryKind::Copy ? 6 : 4));
    });
}

TEST(Rows, Softmax) {
  forEachShape([&](RowsTest &t, int64_t rows, int64_t columns) {
    TensorId source = t.input(Type::F16, {rows, columns});
    TensorId dest = t.output(Type::F16, {rows, columns});
    t.softmax(0.5f, source, dest);
    t.run(true, 6);
    if (testing::Test::HasFatalFailure())
      return;
    std::vector<double> x = eachElement(
        t[source], [](double v, size_t) { return std::exp(0.5 * v); });
    for (size_t row = 0; row < x.size(); row += size_t(columns)) {
      double sum = 0;
      for (int64_t j = 0; j < columns; ++j)
        sum += x[row + j];
      for (int64_t j = 0; j < columns; ++j)
        x[row + j] /= sum;
    }
    expectClose(t[dest], x, 0.01);
    EXPECT_EQ(t.result.dramBytes(), rows * columns * 4);
  });
}

TEST(Rows, RowMax) {
  forEachShape([&](RowsTest &t, int64_t rows, int64_t columns) {
    TensorId source = t.input(Type::F16, {rows, columns});
    TensorId dest = t.output(Type::F16, {rows, 1});
    t.rowMax(source, dest);
    t.run(true, 6);
    if (testing::Test::HasFatalFailure())
      return;
    std::vector<float> expected;
    for (auto row = t[source].begin(); row != t[source].end(); row += columns)
      expected.push_back(*std::max_element(row, row + columns));
    EXPECT_EQ(t[dest], expected);
    EXPECT_EQ(t.result.dramBytes(), 2 * (rows * columns + rows));
  });
}

TEST(Rows, Fill) {
  forEachShape([&](RowsTest &t, int64_t rows, int64_t columns) {
    for (Type type : {Type::F16, Type::F32}) {
      TensorId dest = t.output(type, {rows, columns});
      t.RowsTest::fillRows(-1.5f, dest);
    }
    t.run(true);
    if (testing::Test::HasFatalFailure())
      return;
    for (uint32_t i : {0u, 1u})
      EXPECT_EQ(t[TensorId{i}],
                std::vector<float>(size_t(rows * columns), -1.5f));
    EXPECT_EQ(t.result.dramBytes(), 6 * rows * columns);
  });
}

TEST(Rows, DivisionAndFunctionsWithoutActivations) {
  forEachShape([&](RowsTest &t, int64_t rows, int64_t columns) {
    TensorId x = t.input(Type::F32, {rows, columns}),
             y = t.input(Type::F32, {columns});
    TensorId quotient = t.output(Type::F32, {rows, columns});
    t.elementwise(BinaryKind::Div, x, y, quotient);
    std::map<UnaryKind, TensorId> results;
    for (UnaryKind kind : {UnaryKind::Sqrt, UnaryKind::Erf, UnaryKind::Log}) {
      results[kind] = t.output(Type::F32, {rows, columns});
      t.unary(kind, x, results[kind]);
    }
    t.run(true, 4);
    if (testing::Test::HasFatalFailure())
      return;
    for (size_t i = 0; i != t[x].size(); ++i) {
      double value = t[x][i];
      EXPECT_EQ(t[quotient][i], t[x][i] / t[y][i % size_t(columns)]);
      EXPECT_FLOAT_EQ(t[results[UnaryKind::Erf]][i], float(std::erf(value)));
      if (value < 0) {
        EXPECT_TRUE(std::isnan(t[results[UnaryKind::Sqrt]][i]));
        EXPECT_TRUE(std::isnan(t[results[UnaryKind::Log]][i]));
        continue;
      }
      EXPECT_EQ(t[results[UnaryKind::Sqrt]][i], std::sqrt(t[x][i]));
      EXPECT_FLOAT_EQ(t[results[UnaryKind::Log]][i], float(std::log(value)));
    }
  });
}

/// Of what no instruction does: several in one pass over the rows, the array
/// among them.
TEST(Rows, RootMeanSquareNorm) {
  for (bool hasScale : {false, true})
    forEachShape([&](RowsTest &t, int64_t rows, int64_t columns) {
      std::vector<TensorId> inputs{t.input(Type::F16, {rows, columns})};
      if (hasScale)
        inputs.push_back(t.input(Type::F16, {columns}, Role::Param));
      TensorId dest = t.output(Type::F16, {rows, columns});
      t.rows("an RMS norm", inputs, dest,
             [&](auto &tiles, mlir::ValueRange in, mlir::RankedTensorType to) {
               return tiles.rmsNorm(in[0], hasScale ? in[1] : mlir::Value(),
                                    1e-3f, to.getElementType());
             });
      t.run(true);
      if (testing::Test::HasFatalFailure())
        return;
      std::vector<float> x = t[inputs[0]];
      std::vector<double> expected;
      for (size_t row = 0; row < x.size(); row += size_t(columns)) {
        double mean = 0;
        for (size_t j = 0; j != size_t(columns); ++j)
          mean += double(x[row + j]) * x[row + j] / double(columns);
        for (size_t j = 0; j != size_t(columns); ++j)
          expected.push_back(x[row + j] / std::sqrt(mean + 1e-3) *
                             (hasScale ? double(t[inputs[1]][j]) : 1));
      }
      expectClose(t[dest], expected, 3);
      EXPECT_EQ(t.result.dramBytes(),
                2 * (2 * rows * columns + (hasScale ? columns : 0)));
    });
}

TEST(Rows, Product) {
  forEachShape([&](RowsTest &t, int64_t rows, int64_t columns) {
    TensorId source = t.input(Type::F32, {rows, columns});
    TensorId dest = t.output(Type::F32, {rows, 1});
    t.rows("a row product", {source}, dest,
           [&](auto &tiles, mlir::ValueRange in, mlir::RankedTensorType to) {
             return tiles.rowProduct(in[0], to.getElementType());
           });
    t.run(true, 1.5);
    if (testing::Test::HasFatalFailure())
      return;
    for (size_t row = 0; row != size_t(rows); ++row) {
      double product = 1;
      for (size_t j = 0; j != size_t(columns); ++j)
        product *= t[source][row * size_t(columns) + j];
      EXPECT_NEAR(t[dest][row], product, 1e-5 * std::abs(product) + 1e-30);
    }
    EXPECT_EQ(t.result.dramBytes(), 4 * (rows * columns + rows));
  });
}

/// A chain of random operators: the same bits as one by one, and the bytes of
/// its ends alone.
TEST(Rows, ChainsAreFusedBitForBit) {
  forEachShape([&](RowsTest &t, int64_t rows, int64_t columns) {
    std::mt19937 random(static_cast<unsigned>(rows * 7 + columns));
    RowsTest apart(t.device);
    apart.keepsApart = true;
    TensorId results[2];
    RowsTest *tests[] = {&t, &apart};
    for (int which : {0, 1}) {
      RowsTest &test = *tests[which];
      std::mt19937 same = random;
      TensorId x = test.input(Type::F16, {rows, columns}), last = x;
      for (int i = 0; i != 6; ++i) {
        TensorId next = i == 5
                            ? test.output(Type::F16, {rows, columns})
                            : test.builder.scratch("s" + std::to_string(i),
                                                   Type::F16, {rows, columns});
        switch (same() % 4) {
        case 0:
          test.unary(UnaryKind::Tanh, last, next);
          break;
        case 1:
          test.elementwise(BinaryKind::Mul, last, x, next);
          break;
        case 2:
          test.softmax(0.5f, last, next);
          break;
        default:
          test.elementwise(BinaryKind::Add, last, last, next);
        }
        last = next;
      }
      results[which] = last;
      test.run(true);
      if (testing::Test::HasFatalFailure())
        return;
    }
    EXPECT_EQ(t.result.dramBytes(), 4 * rows * columns);
    EXPECT_GT(apart.result.dramBytes(), 4 * rows * columns);
    // Tensors in between are gone, so places differ.
    uint32_t out = 0;
    while (t.program.tensors[out].role != Role::Out)
      ++out;
    EXPECT_EQ(t[TensorId{out}], apart[results[1]]);
  });
}

/// Blocks come in, are worked on and go out at the same time: the whole takes
/// little more than the bytes do.
TEST(Rows, StreamsOverlap) {
  for (const char *name : {"edge", "cloud", "tpu-v5e"}) {
    SCOPED_TRACE(name);
    RowsTest t(deviceOf(name));
    t.residualNorm(4096, 1024);
    t.run(false);
    double bytes = double(t.result.dramBytes());
    EXPECT_LT(t.result.cycles, 1.1 * bytes / t.device.dramBytesPerCycle());
  }
}

TEST(Rows, KernelsFollowOneAnother) {
  RowsTest t(tinyDevice());
  TensorId source = t.input(Type::F16, {40, 24});
  TensorId middle = t.builder.scratch("middle", Type::F16, {40, 24});
  TensorId dest = t.output(Type::F16, {40, 24});
  t.unary(UnaryKind::Relu, source, middle);
  // In place.
  t.elementwise(BinaryKind::Add, middle, middle, middle);
  t.elementwise(BinaryKind::Sub, middle, source, dest);
  t.run(true);
  expectClose(t[dest], eachElement(t[source], [](double x, size_t) {
                return 2 * std::max(x, 0.0) - x;
              }));
}

TEST(Rows, WhatDoesNotFitIsAnError) {
  RowsTest t(tinyDevice());
  TensorId wide = t.input(Type::F16, {4, 10000});
  TensorId dest = t.output(Type::F16, {4, 10000});
  t.unary(UnaryKind::Relu, wide, dest);
  Result<Program> program = t.finish();
  ASSERT_FALSE(program.ok());
  EXPECT_EQ(program.error().message,
            "cannot be lowered to tiny: found rows of 10000 elements in a "
            "unary operator, whose buffers need 80000 bytes, expected at most "
            "the 65344 left of the scratchpad of tiny");
}
