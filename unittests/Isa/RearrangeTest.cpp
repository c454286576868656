//===- RearrangeTest.cpp - Elements moved from view to view ----------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Common/KernelTestSupport.h"
#include "nm/Isa/Kernels/Strided.h"
#include <algorithm>
#include <numeric>

using namespace nm;
using namespace nm::isa;

namespace {

/// The places of a view's elements in its tensor, by the definition.
std::vector<int64_t> placesOf(const Strided &view) {
  std::vector<int64_t> places;
  std::vector<int64_t> index(view.sizes.size(), 0);
  for (int64_t i = 0; i != view.count(); ++i) {
    int64_t place = view.offset, rest = i;
    for (size_t k = view.sizes.size(); k-- != 0;) {
      place += rest % view.sizes[k] * view.strides[k];
      rest /= view.sizes[k];
    }
    places.push_back(place);
  }
  return places;
}

class Generator {
public:
  explicit Generator(unsigned seed) : random(seed) {}

  int64_t pick(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random() % uint64_t(high - low + 1));
  }
  bool chance(int percent) { return pick(1, 100) <= percent; }

  std::vector<int64_t> sizes() {
    std::vector<int64_t> result(static_cast<size_t>(pick(1, 5)));
    do {
      for (int64_t &size : result)
        size = chance(30) ? 1 : pick(2, chance(20) ? 40 : 7);
    } while (numElements(result) > 3000);
    return result;
  }

  /// A box of a larger array, its dimensions in another order: no element
  /// repeats. With `repeats`, some dimensions stand still.
  Strided view(const std::vector<int64_t> &sizes, bool repeats) {
    std::vector<size_t> order(sizes.size());
    std::iota(order.begin(), order.end(), 0);
    if (chance(60))
      std::shuffle(order.begin(), order.end(), random);
    Strided result;
    result.sizes = sizes;
    result.strides.assign(sizes.size(), 0);
    total = 1;
    for (size_t k = order.size(); k-- != 0;) {
      size_t dim = order[k];
      if (repeats && chance(25))
        continue;
      int64_t step = chance(80) ? 1 : pick(2, 3);
      int64_t before = chance(70) ? 0 : pick(1, 3);
      int64_t after = chance(70) ? 0 : pick(1, 3);
      result.offset += before * total;
      result.strides[dim] = step * total;
      total *= before + (sizes[dim] - 1) * step + 1 + after;
    }
    return result;
  }

  /// A vector or a matrix of the last view's elements, in rows of any width.
  std::vector<int64_t> shape() {
    if (chance(10))
      return {total};
    std::vector<int64_t> widths;
    for (int64_t width = 1; width <= std::min<int64_t>(total, 4096); ++width)
      if (total % width == 0)
        widths.push_back(width);
    int64_t width =
        widths[static_cast<size_t>(pick(0, int64_t(widths.size()) - 1))];
    return {total / width, width};
  }

  std::mt19937 random;
  int64_t total = 1;
};

} // namespace

TEST(Rearrange, MovesRandomViews) {
  unsigned first = 1, count = 400;
  if (const char *text = std::getenv("NM_STRESS_SEED"))
    first = static_cast<unsigned>(std::atoi(text));
  if (const char *text = std::getenv("NM_STRESS_PROGRAMS"))
    count = static_cast<unsigned>(std::atoi(text));
  unsigned refused = 0;
  for (unsigned seed = first; seed != first + count; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Generator g(seed);
    Device device = deviceOf(g.chance(70) ? "tiny" : "edge");
    KernelTest t(device);
    std::vector<int64_t> sizes = g.sizes();
    Strided from = g.view(sizes, true);
    Type type = g.chance(50) ? Type::F16 : Type::F32;
    from.tensor = t.input(type, g.shape());
    Strided to = g.view(sizes, false);
    to.tensor = t.output(type, g.shape());
    // Results are written as a whole: what the view leaves out is filled.
    std::vector<int64_t> shape = t.builder[to.tensor].shape;
    bool isWhole = numElements(shape) == to.count();
    if (!isWhole) {
      if (shape.size() == 1)
        continue;
      Strided ground = Strided::inOrder(t.input(type, shape), shape);
      std::vector<uint8_t> half(
          static_cast<size_t>(numElements(shape) * typeBytes(type)));
      // 0.5 is 3800 in f16 and 3f000000 in f32.
      for (size_t i = 1; i < half.size(); i += size_t(typeBytes(type)))
        type == Type::F16 ? half[i] = 0x38 : half[i + 2] = 0x3f;
      t.fill(ground.tensor, half);
      Status filled = emitRearrange(t.builder, t.device, ground,
                                    Strided::inOrder(to.tensor, shape));
      ASSERT_TRUE(filled.ok()) << filled.error().message;
    }
    Status status = emitRearrange(t.builder, t.device, from, to);
    if (!status.ok()) {
      ++refused;
      ASSERT_NE(status.error().message.find("transfers that no loop joins"),
                std::string::npos)
          << status.error().message;
      continue;
    }
    t.run(true);
    if (HasFailure())
      return;
    std::vector<float> expected(static_cast<size_t>(numElements(shape)), 0.5f);
    std::vector<int64_t> reads = placesOf(from), writes = placesOf(to);
    for (size_t i = 0; i != reads.size(); ++i)
      expected[static_cast<size_t>(writes[i])] =
          t[from.tensor][static_cast<size_t>(reads[i])];
    ASSERT_EQ(t[to.tensor], expected);
  }
  // The bound is for what no loop joins, not for the usual.
  EXPECT_LE(refused * 20, count);
}

/// Boxes of 4 KiB take 256 cycles either way, and an eighth of both latencies.
TEST(Rearrange, SlotsHideTheLatency) {
  Device device = tinyDevice();
  device.dram.latencyCycles = 1000;
  KernelTest t(device);
  TensorId from = t.input(Type::F16, {512, 512}),
           to = t.output(Type::F16, {512, 512});
  Strided source{from, 0, {8, 64, 512}, {512, 8 * 512, 1}};
  Strided dest{to, 0, {8, 64, 512}, {64 * 512, 512, 1}};
  Status status = emitRearrange(t.builder, t.device, source, dest);
  ASSERT_TRUE(status.ok()) << status.error().message;
  t.run(false);
  if (testing::Test::HasFatalFailure())
    return;
  EXPECT_EQ(t.result.dramBytes(), 2 * 2 * 512 * 512);
  EXPECT_LT(t.result.cycles, 1.1 * static_cast<double>(t.result.dramBytes()) /
                                 device.dramBytesPerCycle());
}

TEST(Rearrange, RefusesOtherTypesAndSizes) {
  KernelTest t(tinyDevice());
  TensorId x = t.input(Type::F16, {4, 6}), y = t.output(Type::F32, {4, 6}),
           z = t.output(Type::F16, {6, 4});
  auto message = [&](const Strided &from, const Strided &to) {
    return emitRearrange(t.builder, t.device, from, to).error().message;
  };
  EXPECT_EQ(message(Strided::inOrder(x, {24}), Strided::inOrder(y, {24})),
            "found 't0' of f16 to be moved to 't1' of f32, expected one type "
            "of floats");
  EXPECT_EQ(message(Strided::inOrder(x, {4, 6}), Strided::inOrder(z, {6, 4})),
            "found views of other sizes of 't0' and 't2', expected equal ones "
            "of vectors or matrices");
  // Columns of 5696 elements, read as rows of 91.
  TensorId columns = t.input(Type::F16, {5696, 97}),
           odd = t.output(Type::F16, {8000, 91});
  Strided turned = Strided::inOrder(columns, {5696, 97}).permuted({1, 0});
  Strided to{odd, 0, {97, 5696}, {5696, 1}};
  EXPECT_NE(message(turned, to)
                .find("which takes more than 4096 transfers that no loop "
                      "joins, expected fewer"),
            std::string::npos);
}
