//===- WriterTest.cpp -----------------------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Runtime/Writer.h"
#include "TestUtil.h"

using namespace nm::rt;
using namespace nm::rt::test;

class Writer : public TempDir {};

TEST_F(Writer, SafetensorsRoundTrip) {
  std::vector<float> w = {1, 2, 3, 4, 5, 6};
  std::vector<uint8_t> m = {1, 0, 1};
  std::string path = file("o.safetensors");
  expectOk(writeSafetensors(path,
                            {{"m", denseView(m.data(), DType::Bool, {3})},
                             {"b", denseView(w.data(), DType::F32, {2, 3})},
                             {"a", denseView(w.data(), DType::F32, {})},
                             {"e", denseView(nullptr, DType::F16, {0, 2})}},
                            {{"format", "pt"}}));
  std::string bytes = slurp(path);
  EXPECT_EQ((8 + *reinterpret_cast<const uint64_t *>(bytes.data())) % 64, 0u);
  auto checkpoint = Checkpoint::open(path);
  expectOk(checkpoint);
  EXPECT_EQ((*checkpoint)->tensors().size(), 4u);
  EXPECT_EQ((*checkpoint)->read("b")->tensor.view.at({1, 2}), 6.0);
  EXPECT_EQ((*checkpoint)->read("m")->tensor.view.at({2}), 1.0);
}

TEST_F(Writer, TransposedViewsAreWrittenInRowOrder) {
  std::vector<float> w = {1, 2, 3, 4, 5, 6};
  TensorView view = denseView(w.data(), DType::F32, {2, 3});
  std::swap(view.shape[0], view.shape[1]);
  std::swap(view.strides[0], view.strides[1]);
  expectOk(writeNpy(file("t.npy"), view));
  auto checkpoint = Checkpoint::open(file("t.npy"));
  expectOk(checkpoint);
  EXPECT_EQ((*checkpoint)->read("t")->tensor.view.at({2, 1}), 6.0);
  EXPECT_EQ((*checkpoint)->read("t")->tensor.view.at({0, 1}), 4.0);
}

TEST_F(Writer, NpyHeaderIsExact) {
  float one = 1;
  expectOk(writeNpy(file("s.npy"), denseView(&one, DType::F32, {1})));
  std::string bytes = slurp(file("s.npy"));
  EXPECT_EQ(bytes.size(), 128u + 4);
  EXPECT_EQ(bytes.substr(10, 57),
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }");
  EXPECT_EQ(bytes[127], '\n');
}

TEST_F(Writer, EveryNpyType) {
  std::vector<uint64_t> data(8);
  for (int i = 1; i <= int(DType::U64); ++i) {
    DType dtype = DType(i);
    Status status =
        writeNpy(file("x.npy"), denseView(data.data(), dtype, {2, 4}));
    if (dtype == DType::BF16 || dtype == DType::F8E4M3 ||
        dtype == DType::F8E5M2) {
      expectError(status, {"x.npy", "no element type", "widen"});
      continue;
    }
    expectOk(status);
    auto checkpoint = Checkpoint::open(file("x.npy"));
    expectOk(checkpoint);
    EXPECT_EQ((*checkpoint)->tensors()[0].dtype, dtype);
  }
}

TEST_F(Writer, Errors) {
  float one = 1;
  TensorView view = denseView(&one, DType::F32, {1});
  expectError(writeNpy(file("none/x.npy"), view),
              {"cannot write", "no such folder"});
  expectError(
      writeSafetensors(file("x.safetensors"), {{"a", view}, {"a", view}}),
      {"'a'", "given twice"});
  expectError(writeSafetensors(file("x.safetensors"), {{"\xff", view}}),
              {"not a legal name"});
  expectError(writeSafetensors(file("x.safetensors"), {{"__metadata__", view}}),
              {"not a legal name"});
  view.dtype = DType::Unknown;
  expectError(writeNpy(file("x.npy"), view), {"unknown"});
  // Nothing is left behind.
  EXPECT_TRUE(std::filesystem::is_empty(dir));
}

TEST_F(Writer, WidenToF32) {
  std::vector<uint16_t> halves = {0x3c00, 0xc000, 0x7bff};
  auto wide = widenToF32(denseView(halves.data(), DType::F16, {3}));
  expectOk(wide);
  EXPECT_EQ(wide->view.dtype, DType::F32);
  EXPECT_EQ(wide->view.at({1}), -2.0);
  EXPECT_EQ(wide->view.at({2}), 65504.0);
}
