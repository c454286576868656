//===- CompressedTensorsTest.cpp ------------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestUtil.h"

using namespace nm::rt;
using namespace nm::rt::test;

namespace {
/// Parts of a compressed weight, open to damage before it is written.
struct Parts {
  int64_t rows, cols;
  std::vector<int64_t> shape, offsets;
  std::vector<float> values;
  std::vector<uint8_t> bits;

  /// Compresses a dense matrix.
  Parts(int64_t rows, int64_t cols, const std::vector<float> &dense)
      : rows(rows), cols(cols), shape{rows, cols},
        bits(size_t(rows * ((cols + 7) / 8))) {
    for (int64_t r = 0; r < rows; ++r) {
      offsets.push_back(int64_t(values.size()));
      for (int64_t c = 0; c < cols; ++c) {
        float value = dense[size_t(r * cols + c)];
        if (value == 0)
          continue;
        values.push_back(value);
        bits[size_t(r * ((cols + 7) / 8) + c / 8)] |= uint8_t(1 << (c % 8));
      }
    }
  }

  std::vector<NamedView> views(const std::string &p, bool ragged) const {
    std::vector<int64_t> shapeOfValues = {int64_t(values.size())};
    if (!ragged)
      shapeOfValues = {rows, int64_t(values.size()) / rows};
    std::vector<NamedView> list = {
        {p + ".shape", denseView(shape.data(), DType::I64, {2})},
        {p + ".compressed",
         denseView(values.data(), DType::F32, shapeOfValues)},
        {p + ".bitmask",
         denseView(bits.data(), DType::U8, {rows, (cols + 7) / 8})}};
    if (ragged)
      list.push_back(
          {p + ".row_offsets", denseView(offsets.data(), DType::I64, {rows})});
    return list;
  }
};
} // namespace

class CompressedTensors : public TempDir {
protected:
  Result<CheckpointPtr> open(const std::vector<NamedView> &views) {
    EXPECT_TRUE(writeSafetensors(file("c.safetensors"), views).ok());
    return Checkpoint::open(file("c.safetensors"));
  }
  void expectDense(const Result<CheckpointPtr> &checkpoint,
                   const std::string &name, const std::vector<float> &dense) {
    expectOk(checkpoint);
    auto loaded = (*checkpoint)->read(name);
    expectOk(loaded);
    ASSERT_TRUE(loaded->mask.has_value());
    const TensorView &view = loaded->tensor.view;
    ASSERT_EQ(view.count(), int64_t(dense.size()));
    int64_t cols = view.shape[1];
    for (int64_t i = 0; i < view.count(); ++i) {
      EXPECT_EQ(view.at({i / cols, i % cols}), double(dense[size_t(i)]));
      EXPECT_EQ(loaded->mask->test(i), dense[size_t(i)] != 0);
    }
  }
  const std::vector<float> dense24 = {1, 0, 2, 0, 0, 0, 3, 4, 0, 5, 6, 0,
                                      0, 7, 0, 8, 9, 1, 0, 0, 2, 0, 0, 3};
};

TEST_F(CompressedTensors, BitOrderIsLsbFirst) {
  // 0 0 1 1 0 1 0 1 from left to right is 172.
  Parts parts(1, 8, {0, 0, 1, 2, 0, 3, 0, 4});
  EXPECT_EQ(parts.bits[0], 172);
  expectDense(open(parts.views("m", false)), "m.weight",
              {0, 0, 1, 2, 0, 3, 0, 4});
}

TEST_F(CompressedTensors, Sparse24) {
  // 12 columns: the last byte of a row is half used.
  Parts parts(2, 12, dense24);
  auto checkpoint = open(parts.views("layer.q_proj", false));
  expectDense(checkpoint, "layer.q_proj.weight", dense24);
  ASSERT_EQ((*checkpoint)->tensors().size(), 1u); // parts are hidden
  EXPECT_EQ((*checkpoint)->tensors()[0].storage,
            TensorInfo::Storage::Sparse24Bitmask);
}

TEST_F(CompressedTensors, SparseBitmask) {
  std::vector<float> dense = {0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 0, 0, 6, 0, 0};
  Parts parts(3, 5, dense);
  expectDense(open(parts.views("layer.weight", true)), "layer.weight", dense);
}

TEST_F(CompressedTensors, PlainTensorsStayVisible) {
  Parts parts(2, 12, dense24);
  std::vector<NamedView> views = parts.views("a", false);
  views.push_back({"b.compressed", denseView(dense24.data(), DType::F32, {4})});
  auto checkpoint = open(views);
  expectOk(checkpoint);
  EXPECT_NE((*checkpoint)->find("b.compressed"), nullptr);
  EXPECT_EQ((*checkpoint)->find("a.compressed"), nullptr);
}

TEST_F(CompressedTensors, ShapesThatDisagree) {
  // Such a weight is listed with a note, refused on use, and closes nothing.
  auto expectNote = [&](const std::vector<NamedView> &views,
                        std::initializer_list<const char *> parts) {
    auto checkpoint = open(views);
    expectOk(checkpoint);
    ASSERT_NE((*checkpoint)->find("a.weight"), nullptr);
    EXPECT_FALSE((*checkpoint)->find("a.weight")->note.empty());
    expectError((*checkpoint)->read("a.weight"), parts);
  };
  Parts good(2, 12, dense24);
  Parts bad = good;
  bad.shape = {2, 16};
  expectNote(bad.views("a", false),
             {"'a.weight'", "'compressed' is f32 [2, 6]", "[2, 8]"});
  bad.shape = {2, 24};
  expectNote(bad.views("a", false), {"'bitmask' is u8 [2, 2]", "[2, 3]"});
  bad.shape = {2, 14};
  expectNote(bad.views("a", false), {"groups of 4"});
  bad.shape = {-2, 12};
  expectNote(bad.views("a", false), {"negative"});
  bad.shape = {int64_t(1) << 62, int64_t(1) << 62};
  expectNote(bad.views("a", false), {"overflows"});
  std::vector<NamedView> views = good.views("a", false);
  views.erase(views.begin());
  expectNote(views, {"'a.weight'", "no 'shape'"});
  views = good.views("a", false);
  views[0].view.dtype = DType::F64;
  expectNote(views, {"'shape'", "F64", "expected I64"});
  views = good.views("a", false);
  views[2].view.dtype = DType::I8;
  expectNote(views, {"'bitmask' is i8"});
  views = good.views("a", false);
  views.push_back({"a.weight", views[1].view});
  expectError(open(views), {"duplicate tensor 'a.weight'"});
}

TEST_F(CompressedTensors, MasksThatDisagree) {
  auto read = [&](const Parts &parts, bool ragged) {
    auto checkpoint = open(parts.views("a.weight", ragged));
    EXPECT_TRUE(checkpoint.ok());
    return (*checkpoint)->read("a.weight");
  };
  Parts good(2, 12, dense24);
  Parts bad = good;
  bad.bits[2] = 0x07 | (bad.bits[2] & 0xf0); // row 1, group 0: three positions
  expectError(read(bad, false),
              {"'a.weight'", "group [1, 0]", "holds 3", "exactly 2 of 4"});
  bad = good;
  bad.bits[1] |= 0x10;
  expectError(read(bad, false), {"row 0", "beyond column 12"});
  bad = good;
  bad.bits[0] ^= 1;
  expectError(read(bad, true), {"row 0", "holds 5", "has 6 compressed"});
  for (int64_t offset : {int64_t(-1), int64_t(100), INT64_MIN, INT64_MAX}) {
    bad = good;
    bad.offsets[1] = offset;
    expectError(read(bad, true), {"row_offsets", "do not lie in order"});
  }
  bad = good;
  bad.offsets[0] = 1;
  expectError(read(bad, true), {"row_offsets of row 0"});
}

TEST_F(CompressedTensors, EveryElementSize) {
  for (DType dtype : {DType::I8, DType::BF16, DType::F32, DType::F64}) {
    int64_t elem = elementBytes(dtype);
    std::vector<unsigned char> values(size_t(2 * elem));
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = uint8_t(i + 1);
    std::vector<int64_t> shape = {1, 4};
    uint8_t bits = 0b1010;
    auto checkpoint =
        open({{"w.shape", denseView(shape.data(), DType::I64, {2})},
              {"w.compressed", denseView(values.data(), dtype, {1, 2})},
              {"w.bitmask", denseView(&bits, DType::U8, {1, 1})}});
    expectOk(checkpoint);
    auto loaded = (*checkpoint)->read("w.weight");
    expectOk(loaded);
    const unsigned char *data = loaded->tensor.view.data;
    EXPECT_EQ(std::memcmp(data + elem, values.data(), size_t(elem)), 0);
    EXPECT_EQ(std::memcmp(data + 3 * elem, values.data() + elem, size_t(elem)),
              0);
    EXPECT_EQ(data[0], 0);
  }
}
