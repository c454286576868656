//===- NpyTest.cpp --------------------------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestUtil.h"

using namespace nm::rt;
using namespace nm::rt::test;

namespace {
std::string dict(const std::string &descr, const std::string &shape,
                 const std::string &fortran = "False") {
  return "{'descr': '" + descr + "', 'fortran_order': " + fortran +
         ", 'shape': " + shape + ", }          \n";
}
Result<CheckpointPtr> open(const std::string &bytes) {
  return openBytes(bytes, Checkpoint::Format::Npy);
}
} // namespace

TEST(Npy, Versions) {
  for (int version : {1, 2, 3}) {
    std::string bytes =
        npy(dict("<f4", "(2, 3)"), bytesOf<float>({1, 2, 3, 4, 5, 6}), version);
    auto checkpoint = open(bytes);
    expectOk(checkpoint);
    ASSERT_EQ((*checkpoint)->tensors().size(), 1u);
    auto read = (*checkpoint)->read("mem");
    expectOk(read);
    EXPECT_EQ(read->tensor.view.at({1, 0}), 4.0);
  }
  expectError(open(npy(dict("<f4", "(1,)"), "abcd", 4)), {"version 4.0"});
}

TEST(Npy, FortranOrderIsTransposed) {
  std::string bytes =
      npy(dict("<i4", "(2, 3)", "True"), bytesOf<int32_t>({1, 4, 2, 5, 3, 6}));
  auto checkpoint = open(bytes);
  expectOk(checkpoint);
  auto read = (*checkpoint)->read("mem");
  expectOk(read);
  EXPECT_EQ(read->tensor.view.at({0, 2}), 3.0);
  EXPECT_EQ(read->tensor.view.at({1, 0}), 4.0);
  auto row = toContiguous(read->tensor);
  expectOk(row);
  for (int i = 0; i < 6; ++i)
    EXPECT_EQ(row->view.at({i / 3, i % 3}), i + 1.0);
}

TEST(Npy, Types) {
  struct {
    const char *descr;
    DType dtype;
    int bytes;
  } cases[] = {
      {"|b1", DType::Bool, 1}, {"|u1", DType::U8, 1},  {"|i1", DType::I8, 1},
      {"<i2", DType::I16, 2},  {"<u2", DType::U16, 2}, {"<f2", DType::F16, 2},
      {"<i4", DType::I32, 4},  {"<u4", DType::U32, 4}, {"=f4", DType::F32, 4},
      {"<f8", DType::F64, 8},  {"<i8", DType::I64, 8}, {"<u8", DType::U64, 8}};
  for (auto &c : cases) {
    std::string bytes =
        npy(dict(c.descr, "()"), std::string(size_t(c.bytes), 0));
    auto checkpoint = open(bytes);
    expectOk(checkpoint);
    EXPECT_EQ((*checkpoint)->tensors()[0].dtype, c.dtype) << c.descr;
  }
  for (const char *descr : {">f4", "<c8", "|O", "<U4", "<f16", "|V2", "f4"}) {
    std::string bytes = npy(dict(descr, "(1,)"), "abcd");
    auto checkpoint = open(bytes);
    expectOk(checkpoint);
    expectError((*checkpoint)->read("mem"), {"not supported", descr});
  }
}

TEST(Npy, OtherSpellingsOfTheDict) {
  expectOk(open(npy(
      "{\"shape\":(1L,),\"descr\":\"<f4\",\"fortran_order\":False}", "abcd")));
  std::string structured =
      npy("{'descr': [('a', '<f4'), ('b', '<i4', (2,))], 'fortran_order': "
          "False, 'shape': (1,)}",
          "abcdefghijkl");
  auto checkpoint = open(structured);
  expectOk(checkpoint);
  expectError((*checkpoint)->read("mem"), {"not supported"});
}

TEST(Npy, Hostile) {
  expectError(open(""), {"found 0 bytes", "not an npy file"});
  expectError(open("0123456789abc"), {"npy magic"});
  expectError(open(std::string("\x93NUMPY\x02\x00\x01\x00\x00", 11)),
              {"truncated in the header length"});
  std::string longHeader =
      std::string("\x93NUMPY\x02\x00", 8) + littleEndian(0xffffffff, 4) + "{";
  expectError(open(longHeader), {"header length 4294967295", "limit"});
  std::string cut = std::string("\x93NUMPY\x01\x00", 8) + littleEndian(50, 2);
  expectError(open(cut + "{}"), {"header length 50", "only 2 bytes"});
  expectError(open(npy("{}", "")), {"is missing"});
  expectError(open(npy("", "")), {"expected '{'"});
  expectError(open(npy("{'descr'", "")), {"expected ':'"});
  expectError(open(npy("{'descr': '<f4", "")), {"does not end"});
  expectError(open(npy("{'other': 1}", "")), {"unknown key 'other'"});
  expectError(open(npy("{'descr': '<f4', 'descr': '<f4'}", "")),
              {"duplicate key 'descr'"});
  expectError(open(npy(dict("<f4", "(1,)", "Maybe"), "abcd")),
              {"expected True or False"});
  expectError(open(npy(dict("<f4", "(1,)") + "x", "abcd")),
              {"expected the end"});
  expectError(open(npy(dict("<f4", "(-1,)"), "abcd")), {"non-negative"});
  expectError(open(npy(dict("<f4", "(1)"), "abcd")), {"expected ','"});
  expectError(open(npy(dict("<f4", "(99999999999999999999,)"), "")),
              {"63 bits"});
  expectError(open(npy(dict("<f4", "(4294967296, 4294967296)"), "")),
              {"overflows"});
  expectError(open(npy(dict("<f4", "(0, 4294967296, 4294967296)"), "")),
              {"overflows"});
  expectError(open(npy(dict("<f4", "(2,)"), "abcd")),
              {"found 4 bytes", "expected 8"});
  expectError(open(npy(dict("<f4", "(1,)"), "abcdef")),
              {"found 6 bytes", "expected 4"});
  std::string rank = "(";
  for (int i = 0; i < 33; ++i)
    rank += "1,";
  expectError(open(npy(dict("<f4", rank + ")"), "abcd")), {"more than 32"});
}

TEST(Npy, EveryTruncationIsRefused) {
  std::string whole = npy(dict("<f4", "(2,)"), "abcdefgh");
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(open(whole.substr(0, size)).ok()) << size;
}
