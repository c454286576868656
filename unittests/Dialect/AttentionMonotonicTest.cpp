//===- AttentionMonotonicTest.cpp - Programs on better machines ------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The simulator, on a machine and on one with more bandwidth or a larger
// scratchpad. One program is slower on the better machine only by what its
// instructions take from one another (docs/simulator.md, "Better machines"):
// 1.034 times as long at worst, in 6,522 pairs of eight seeds. The programs
// that the search chooses for the two differ by what its closed form leaves out
// besides, though what it predicts is never worse (Monotonic.Attention): 1.49
// times at worst. NM_SEED chooses other machines,
// NM_MONOTONIC_FAMILIES how many.
//
//===----------------------------------------------------------------------===//

#include "AttentionTestSupport.h"
#include "Common/RandomDevices.h"
#include <cstdio>
#include <optional>

using namespace nm;
using namespace nm::isa;

namespace {

/// What the search prefers on a machine.
struct Chosen {
  Program program;
  std::string flow;
  double seconds = 0; ///< simulated
};

std::optional<double> secondsOf(const Program &program, const Device &device) {
  sim::SimulatorOptions options;
  options.functional = false;
  sim::Memory memory = sim::Memory::none(program);
  auto result = sim::simulate(program, device, memory, options);
  EXPECT_TRUE(result.ok()) << result.error().message;
  if (!result)
    return std::nullopt;
  return result->cycles / static_cast<double>(device.frequencyHz);
}

std::optional<Chosen> choose(const AttentionShape &shape,
                             const Device &device) {
  model::SearchOptions options;
  options.keep = 1;
  auto found = model::searchDataflows(device, shape, options);
  if (!found)
    return std::nullopt;
  Case c;
  c.shape = shape;
  c.flow = found->ranked.front().dataflow;
  if (shape.causal)
    c.score.offset = shape.keys - shape.queries;
  Result<Built> built = build(c, device);
  EXPECT_TRUE(built.ok()) << built.error().message;
  if (!built)
    return std::nullopt;
  std::optional<double> seconds = secondsOf(built->program, device);
  if (!seconds)
    return std::nullopt;
  return Chosen{std::move(built->program), model::toString(c.flow), *seconds};
}

/// Checks how much longer something takes on the better machine.
class Bound {
public:
  Bound(const char *what, double most) : what(what), most(most) {}
  void check(double ratio, const Chosen &chosen, const Device &from,
             const Device &to) {
    worst = std::max(worst, ratio);
    EXPECT_LE(ratio, most) << what << ", " << chosen.flow << ", from\n"
                           << printDevice(from) << "to\n"
                           << printDevice(to);
  }
  const char *what;
  double most, worst = 1;
};

} // namespace

TEST(AttentionMonotonic, Programs) {
  unsigned seed = model::seedOf("NM_SEED", 1);
  unsigned families = model::seedOf("NM_MONOTONIC_FAMILIES", 5);
  std::printf("seed %u\n", seed);
  AttentionShape square, decode;
  square.heads = 4;
  square.queries = square.keys = 256;
  square.headDim = 64;
  decode.batch = 2;
  decode.heads = 8;
  decode.kvHeads = 2;
  decode.keys = 700;
  decode.headDim = 32;
  int64_t pairs = 0;
  Bound same("the same program", 1.05), best("the program chosen", 1.25);
  for (const std::vector<Device> &family :
       model::randomFamilies(seed, families, 10))
    for (const AttentionShape &shape : {square, decode}) {
      std::vector<std::optional<Chosen>> chosen;
      for (const Device &device : family)
        chosen.push_back(choose(shape, device));
      for (size_t i = 0; i != family.size(); ++i)
        for (size_t j = 0; j != family.size(); ++j) {
          if (i == j || !chosen[i] || !model::isAtLeast(family[j], family[i]))
            continue;
          ++pairs;
          ASSERT_TRUE(chosen[j].has_value());
          std::optional<double> seconds =
              secondsOf(chosen[i]->program, family[j]);
          ASSERT_TRUE(seconds.has_value());
          same.check(*seconds / chosen[i]->seconds, *chosen[i], family[i],
                     family[j]);
          best.check(chosen[j]->seconds / chosen[i]->seconds, *chosen[j],
                     family[i], family[j]);
        }
    }
  EXPECT_GT(pairs, 0);
  for (const Bound &bound : {same, best})
    std::printf("%ld pairs, %s at worst %.4f times as long\n",
                static_cast<long>(pairs), bound.what, bound.worst);
}
