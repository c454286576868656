//===- MaskTest.cpp -------------------------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestUtil.h"

using namespace nm::rt;
using namespace nm::rt::test;

namespace {
template <typename T>
Result<Mask>
read(const std::vector<T> &data, DType dtype, std::vector<int64_t> maskShape,
     const std::vector<int64_t> &shape, BitOrder order = BitOrder::LsbFirst) {
  Tensor tensor;
  tensor.view = denseView(data.data(), dtype, std::move(maskShape));
  return readMask(tensor, "m", shape, order);
}
} // namespace

TEST(Mask, EveryElementType) {
  std::vector<int64_t> shape = {2, 2};
  std::vector<bool> expected = {true, false, false, true};
  auto check = [&](const Result<Mask> &mask) {
    expectOk(mask);
    for (int64_t i = 0; i < 4; ++i)
      EXPECT_EQ(mask->test(i), expected[size_t(i)]);
  };
  std::vector<uint8_t> bytes = {1, 0, 0, 1};
  check(read(bytes, DType::Bool, shape, shape));
  check(read(bytes, DType::U8, shape, shape));
  check(read(bytes, DType::I8, shape, shape));
  std::vector<float> floats = {1, 0, -0.f + 0.f, 1};
  check(read(floats, DType::F32, shape, shape));
  std::vector<uint16_t> halves = {0x3c00, 0, 0, 0x3c00};
  check(read(halves, DType::F16, shape, shape));
  std::vector<uint16_t> brains = {0x3f80, 0, 0, 0x3f80};
  check(read(brains, DType::BF16, shape, shape));
  std::vector<int64_t> longs = {1, 0, 0, 1};
  check(read(longs, DType::I64, shape, shape));
}

TEST(Mask, ValuesOtherThanZeroAndOne) {
  std::vector<uint8_t> bytes = {1, 0, 2, 1};
  expectError(read(bytes, DType::U8, {4}, {4}),
              {"mask 'm'", "holds 2 at element 2", "expected 0 or 1"});
  std::vector<float> floats = {1, 0.5f, 0, 1};
  expectError(read(floats, DType::F32, {4}, {4}), {"0.5 at element 1"});
  std::vector<uint16_t> other = {0, 0, 0, 0};
  expectError(read(other, DType::U16, {4}, {4}), {"element type u16"});
}

TEST(Mask, WrongShape) {
  std::vector<uint8_t> bytes(16, 1);
  expectError(read(bytes, DType::U8, {4, 4}, {2, 8}),
              {"u8 [4, 4]", "[2, 8]", "[2, 1]", "[2]"});
  expectError(read(bytes, DType::Bool, {2, 1}, {2, 8}), {"bool [2, 1]"});
  expectError(read(bytes, DType::U8, {8, 2}, {2, 8}), {"u8 [8, 2]"});
}

TEST(Mask, PackedRowsAndFlat) {
  // 2 x 10: 1000000011 0110000000
  std::vector<int64_t> shape = {2, 10};
  std::vector<int> expected = {1, 0, 0, 0, 0, 0, 0, 0, 1, 1,
                               0, 1, 1, 0, 0, 0, 0, 0, 0, 0};
  for (BitOrder order : {BitOrder::LsbFirst, BitOrder::MsbFirst}) {
    auto set = [&](std::vector<uint8_t> &bytes, int64_t bit) {
      int shift = int(bit % 8);
      bytes[size_t(bit / 8)] |=
          uint8_t(1 << (order == BitOrder::LsbFirst ? shift : 7 - shift));
    };
    std::vector<uint8_t> rows(4), flat(3);
    for (int64_t i = 0; i < 20; ++i) {
      if (!expected[size_t(i)])
        continue;
      set(rows, i / 10 * 16 + i % 10);
      set(flat, i);
    }
    auto byRow = read(rows, DType::U8, {2, 2}, shape, order);
    auto byFlat = read(flat, DType::U8, {3}, shape, order);
    expectOk(byRow);
    expectOk(byFlat);
    EXPECT_EQ(byRow->form, Mask::Form::RowBits);
    EXPECT_EQ(byFlat->form, Mask::Form::FlatBits);
    for (int64_t first = 0; first < 20; ++first)
      for (int64_t count = 0; first + count <= 20; ++count) {
        std::vector<unsigned char> out(size_t(count) + 1, 7), out2 = out;
        byRow->expand(first, count, out.data());
        byFlat->expand(first, count, out2.data());
        for (int64_t i = 0; i < count; ++i) {
          EXPECT_EQ(out[size_t(i)], expected[size_t(first + i)]);
          EXPECT_EQ(out2[size_t(i)], expected[size_t(first + i)]);
        }
        EXPECT_EQ(out[size_t(count)], 7); // nothing written beyond
      }
  }
}
