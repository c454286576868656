//===- BitOrderTest.cpp - packed masks read in the wrong order ------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestUtil.h"
#include "nm/Runtime/Weight.h"
#include <cmath>

using namespace nm::rt;
using namespace nm::rt::test;

namespace {
/// How a mask comes about.
enum class Recipe { Magnitude, Learned, Unrelated };

class BitOrderCheck : public TempDir {
protected:
  std::mt19937 rng{3};

  /// Rows of a weight, and the mask that keeps n of every m.
  void make(int64_t rows, int64_t cols, int64_t n, int64_t m, Recipe recipe) {
    std::normal_distribution<float> normal(0, 0.02f);
    weight.assign(size_t(rows * cols), 0);
    kept.assign(weight.size(), false);
    for (float &w : weight)
      w = normal(rng);
    for (size_t group = 0; group < weight.size(); group += size_t(m)) {
      std::vector<std::pair<float, size_t>> scores;
      for (size_t i = group; i < group + size_t(m); ++i) {
        float score = std::abs(weight[i]);
        if (recipe != Recipe::Magnitude)
          score =
              (recipe == Recipe::Learned ? score : 0) + std::abs(normal(rng));
        scores.emplace_back(-score, i);
      }
      std::sort(scores.begin(), scores.end());
      for (int64_t k = 0; k < n; ++k)
        kept[scores[size_t(k)].second] = true;
    }
    shape = {rows, cols};
  }

  /// Reads the weight back with its mask packed in `written` and read in
  /// `read`.
  Result<Weight> load(BitOrder written, BitOrder read, bool flat) {
    int64_t rowBytes = (shape[1] + 7) / 8;
    std::vector<uint8_t> bits(flat ? (weight.size() + 7) / 8
                                   : size_t(shape[0] * rowBytes));
    for (size_t i = 0; i < kept.size(); ++i) {
      size_t row = i / size_t(shape[1]), column = i % size_t(shape[1]);
      size_t bit = flat ? i : row * size_t(rowBytes) * 8 + column;
      int place = int(bit % 8);
      if (kept[i])
        bits[bit / 8] |=
            uint8_t(1 << (written == BitOrder::LsbFirst ? place : 7 - place));
    }
    std::vector<int64_t> packed = {shape[0], rowBytes};
    if (flat)
      packed = {int64_t(bits.size())};
    std::string path = file("m.safetensors");
    expectOk(writeSafetensors(
        path, {{"w", denseView(weight.data(), DType::F32, shape)},
               {"w_mask", denseView(bits.data(), DType::U8, packed)}}));
    auto checkpoint = Checkpoint::open(path);
    expectOk(checkpoint);
    MaskOptions options;
    options.bitOrder = read;
    return readWeight(**checkpoint, "w", options);
  }

  std::vector<float> weight;
  std::vector<bool> kept;
  std::vector<int64_t> shape;
};
} // namespace

TEST_F(BitOrderCheck, WrongOrdersAreRefusedAndRightOnesTaken) {
  struct Case {
    int64_t rows, cols, n, m;
    Recipe recipe;
    bool masked, flat, isTold;
  };
  for (Case c : {
           Case{16, 32, 2, 4, Recipe::Magnitude, true, false, true},
           Case{16, 32, 2, 4, Recipe::Magnitude, false, false, true},
           Case{8, 16, 2, 4, Recipe::Magnitude, false, true, true},
           Case{16, 32, 4, 8, Recipe::Magnitude, false, false, true},
           Case{16, 32, 1, 4, Recipe::Magnitude, true, true, true},
           Case{64, 64, 8, 16, Recipe::Magnitude, false, false, true},
           Case{128, 256, 2, 4, Recipe::Learned, false, false, true},
           Case{512, 1024, 2, 4, Recipe::Learned, false, true, true},
           Case{16, 32, 2, 4, Recipe::Unrelated, true, false, true},
           // Nothing can tell these, so nothing may be refused.
           Case{256, 256, 2, 4, Recipe::Unrelated, false, false, false},
           Case{4, 12, 2, 4, Recipe::Unrelated, false, false, false},
       }) {
    make(c.rows, c.cols, c.n, c.m, c.recipe);
    for (size_t i = 0; c.masked && i < weight.size(); ++i)
      weight[i] *= kept[i];
    for (BitOrder written : {BitOrder::LsbFirst, BitOrder::MsbFirst}) {
      BitOrder wrong = written == BitOrder::LsbFirst ? BitOrder::MsbFirst
                                                     : BitOrder::LsbFirst;
      SCOPED_TRACE(std::to_string(c.n) + ":" + std::to_string(c.m) + " of " +
                   shapeString(shape));
      expectOk(load(written, written, c.flat));
      Result<Weight> other = load(written, wrong, c.flat);
      if (!c.isTold)
        expectOk(other);
      else
        expectError(other,
                    {"'w_mask'", "drops", "choose that bit order",
                     written == BitOrder::LsbFirst ? "--mask-bit-order=lsb"
                                                   : "--mask-bit-order=msb"});
    }
  }
}

TEST_F(BitOrderCheck, MasksThatHaveNothingToDoWithMagnitudes) {
  // 400 masks at random: none is refused.
  for (int round = 0; round < 400; ++round) {
    make(8, 8 * (1 + round % 20), 2, 4, Recipe::Unrelated);
    expectOk(load(BitOrder::LsbFirst, BitOrder::LsbFirst, round % 2));
  }
}
