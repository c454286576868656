//===- OperatorMonotonicTest.cpp - Products and rows, better machines ------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Simulated times of projections and of operators on rows on random machines of
// which one has at least as much of everything: those of one program, and those
// of the programs that are chosen. NM_MONOTONIC_SEED chooses other machines.
//
//===----------------------------------------------------------------------===//

#include "Common/RandomDevices.h"
#include "KernelTestSupport.h"
#include <cstdio>
#include <functional>

using namespace nm;
using namespace nm::isa;
using model::ProjectionShape;

namespace {

/// The program for a machine, with the cycles that the cost model predicts, or
/// 0 if it does not; nothing if there is none.
struct Made {
  Program program;
  double predicted = 0;
};
using Maker = std::function<std::optional<Made>(const Device &)>;

double secondsOf(const Program &program, const Device &device) {
  sim::SimulatorOptions options;
  options.functional = false;
  sim::Memory memory = sim::Memory::none(program);
  auto result = sim::simulate(program, device, memory, options);
  EXPECT_TRUE(result.ok()) << result.error().message;
  return result ? result->cycles / static_cast<double>(device.frequencyHz) : 0;
}

Maker projection(const ProjectionShape &shape) {
  return [=](const Device &device) -> std::optional<Made> {
    auto tiling = chooseProjection(device, shape, Type::F16, {});
    if (!tiling)
      return std::nullopt;
    KernelTest t(device);
    TensorId x = t.input(Type::F16, {shape.tokens, shape.in});
    Weight weight;
    weight.pattern = shape.pattern;
    weight.values = t.input(Type::F16, {shape.out, shape.in}, Role::Param);
    TensorId y = t.output(Type::F16, {shape.tokens, shape.out});
    Status status = emitProjection(t.builder, device, shape, *tiling, Type::F16,
                                   x, weight, y);
    EXPECT_TRUE(status.ok()) << status.error().message;
    auto program = t.builder.finish();
    auto cost = model::evaluateProjection(device, shape, *tiling);
    EXPECT_TRUE(program.ok() && cost.ok());
    if (!program || !cost)
      return std::nullopt;
    return Made{std::move(*program), cost->cycles};
  };
}

Maker layerNorm(int64_t rows, int64_t columns) {
  return [=](const Device &device) -> std::optional<Made> {
    KernelTest t(device);
    TensorId source = t.input(Type::F16, {rows, columns});
    TensorId residual = t.input(Type::F16, {rows, columns});
    TensorId gamma = t.input(Type::F16, {columns}, Role::Param);
    TensorId beta = t.input(Type::F16, {columns}, Role::Param);
    TensorId dest = t.output(Type::F16, {rows, columns});
    if (!emitLayerNorm(t.builder, device, Type::F16, source, residual, gamma,
                       beta, 1e-5f, dest))
      return std::nullopt;
    auto program = t.builder.finish();
    EXPECT_TRUE(program.ok());
    return Made{std::move(*program)};
  };
}

/// The worst ratios that were seen.
struct Worst {
  double same = 1, chosen = 1, over = 1, under = 1;
  int64_t pairs = 0;
};

Worst compare(const Maker &make, unsigned seed) {
  Worst worst;
  for (const std::vector<Device> &family :
       model::randomFamilies(seed, 15, 10)) {
    std::vector<std::optional<Made>> made;
    std::vector<double> seconds;
    for (const Device &device : family) {
      made.push_back(make(device));
      seconds.push_back(made.back() ? secondsOf(made.back()->program, device)
                                    : 0);
      if (!made.back() || !made.back()->predicted)
        continue;
      double cycles = seconds.back() * static_cast<double>(device.frequencyHz);
      worst.over = std::max(worst.over, cycles / made.back()->predicted);
      worst.under = std::min(worst.under, cycles / made.back()->predicted);
    }
    for (size_t i = 0; i != family.size(); ++i)
      for (size_t j = 0; j != family.size(); ++j) {
        if (i == j || !made[i] || !model::isAtLeast(family[j], family[i]))
          continue;
        ++worst.pairs;
        EXPECT_TRUE(made[j].has_value()) << "vanishes from\n"
                                         << printDevice(family[i]) << "to\n"
                                         << printDevice(family[j]);
        worst.same = std::max(
            worst.same, secondsOf(made[i]->program, family[j]) / seconds[i]);
        worst.chosen = std::max(worst.chosen, seconds[j] / seconds[i]);
      }
  }
  return worst;
}

void expectMonotonic(const char *what, const Maker &make, double same,
                     double chosen) {
  unsigned seed = model::seedOf("NM_MONOTONIC_SEED", 1);
  Worst worst = compare(make, seed);
  std::printf("%s, seed %u: %ld pairs, the same program at worst %.4f times as "
              "long, the one chosen %.4f; simulated over predicted %.3f to "
              "%.3f\n",
              what, seed, static_cast<long>(worst.pairs), worst.same,
              worst.chosen, worst.under, worst.over);
  EXPECT_GT(worst.pairs, 150);
  EXPECT_LE(worst.same, same);
  EXPECT_LE(worst.chosen, chosen);
}

} // namespace

TEST(OperatorMonotonic, Projections) {
  expectMonotonic("64 x 192 x 320", projection({64, 192, 320, {}}), 1.02, 1.25);
  expectMonotonic("1 x 300 x 200", projection({1, 300, 200, {}}), 1.02, 1.25);
  expectMonotonic("33 x 130 x 70", projection({33, 130, 70, {}}), 1.02, 1.25);
}

TEST(OperatorMonotonic, LayerNorms) {
  expectMonotonic("200 x 96", layerNorm(200, 96), 1.02, 1.05);
  expectMonotonic("33 x 700", layerNorm(33, 700), 1.02, 1.05);
}
