//===- TorchCheckpointTest.cpp - files of torch.save ----------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TorchFile.h"

using namespace nm::rt;
using namespace nm::rt::test;

namespace {
class Torch : public TempDir {
protected:
  const std::vector<float> data = {1, 2, 3, 4, 5, 6};

  Result<CheckpointPtr> open(const PickleText &pickle,
                             std::vector<ZipPart> more = {}) {
    std::vector<ZipPart> parts = {{"m/data.pkl", pickle.bytes + "."},
                                  {"m/data/0", bytesOf(data)},
                                  {"m/version", "3\n"}};
    parts.insert(parts.end(), more.begin(), more.end());
    zipBytes(file("m.pt"), parts);
    return Checkpoint::open(file("m.pt"));
  }
  /// One entry 'w' that is described by the pickle that `add` writes.
  template <typename Add> Result<CheckpointPtr> openOne(Add add) {
    PickleText pickle;
    pickle.raw("}").text("w");
    add(pickle);
    pickle.raw("s");
    return open(pickle);
  }
  template <typename Add>
  void expectNote(Add add, std::initializer_list<const char *> parts) {
    auto checkpoint = openOne(add);
    expectOk(checkpoint);
    ASSERT_EQ((*checkpoint)->tensors().size(), 1u);
    expectError((*checkpoint)->read("w"), parts);
  }
};
} // namespace

TEST_F(Torch, ViewsOfOneStorage) {
  PickleText pickle;
  pickle.raw("}(");
  pickle.text("a").tensor("FloatStorage", "0", 6, 0, {2, 3}, {3, 1});
  pickle.text("t").tensor("FloatStorage", "0", 6, 0, {3, 2}, {1, 3});
  pickle.text("s").tensor("FloatStorage", "0", 6, 4, {2}, {1});
  pickle.text("n").tensor("FloatStorage", "0", 6, 5, {}, {});
  pickle.text("e").tensor("FloatStorage", "0", 6, 0, {0, 7}, {7, 1});
  pickle.raw("u");
  auto checkpoint = open(pickle);
  expectOk(checkpoint);
  EXPECT_EQ((*checkpoint)->format(), Checkpoint::Format::Torch);
  auto at = [&](const char *name, std::vector<int64_t> index) {
    auto loaded = (*checkpoint)->read(name);
    expectOk(loaded);
    return loaded->tensor.view.at(index);
  };
  EXPECT_EQ(at("a", {1, 2}), 6.0);
  EXPECT_EQ(at("t", {2, 1}), 6.0);
  EXPECT_EQ(at("t", {2, 0}), 3.0);
  EXPECT_EQ(at("s", {1}), 6.0);
  EXPECT_EQ(at("n", {}), 6.0);
  expectOk((*checkpoint)->read("e"));
  expectOk(toContiguous((*checkpoint)->read("t")->tensor));
}

TEST_F(Torch, ViewsThatLeaveTheirStorageAreNoted) {
  auto view = [](int32_t offset, std::vector<int32_t> shape,
                 std::vector<int32_t> strides) {
    return [=](PickleText &p) {
      p.tensor("FloatStorage", "0", 6, offset, shape, strides);
    };
  };
  expectNote(view(0, {2, 4}, {3, 1}), {"'w'", "storage of 24 bytes"});
  expectNote(view(5, {2}, {1}), {"leave its storage of 24 bytes"});
  expectNote(view(0, {3}, {3}), {"leave its storage"});
  expectNote(view(INT32_MAX, {1}, {1}), {"leave its storage"});
  expectNote(view(-1, {1}, {1}), {"non-negative"});
  expectNote(view(0, {-2}, {1}), {"non-negative"});
  expectNote(view(0, {2}, {-1}), {"non-negative"});
  expectNote(view(0, {2}, {1, 1}), {"as many strides"});
  // A few bytes that stand for terabytes.
  expectNote(view(0, {1 << 20, 1 << 20}, {0, 0}), {"repeats its storage"});
  expectNote(view(0, {INT32_MAX, INT32_MAX, INT32_MAX}, {0, 0, 0}),
             {"does not fit in 63 bits"});
  expectNote(
      [](PickleText &p) { p.tensor("FloatStorage", "7", 6, 0, {1}, {1}); },
      {"no member 'm/data/7'"});
  expectNote(
      [](PickleText &p) { p.tensor("QInt8Storage", "0", 6, 0, {1}, {1}); },
      {"'QInt8Storage'", "not supported"});
  expectNote(
      [](PickleText &p) {
        p.global("torch._utils", "_rebuild_tensor_v2").raw(")R");
      },
      {"too few parts"});
}

TEST_F(Torch, NothingIsCalled) {
  // What a hostile file would run: os.system("touch <file>").
  PickleText pickle;
  pickle.raw("}").text("w").global("posix", "system");
  pickle.text("touch " + file("was-here")).raw("\x85Rs");
  auto checkpoint = open(pickle);
  expectOk(checkpoint);
  EXPECT_TRUE((*checkpoint)->tensors().empty());
  EXPECT_FALSE(std::filesystem::exists(file("was-here")));
}

TEST_F(Torch, ObjectsAndPrograms) {
  PickleText net;
  net.global("mine", "Net").raw(")\x81}b");
  expectError(open(net), {"class 'mine.Net'", "state_dict()"});
  expectError(open(PickleText().raw("}"), {{"m/constants.pkl", ""}}),
              {"TorchScript"});
  expectError(open(PickleText().raw("}"), {{"m/byteorder", "big"}}),
              {"big-endian"});
  expectError(open(PickleText().raw("}"), {{"n/data.pkl", "}."}}),
              {"two members 'data.pkl'"});
}

TEST_F(Torch, HostilePickles) {
  auto expectBad = [&](PickleText pickle,
                       std::initializer_list<const char *> parts) {
    expectError(open(pickle), parts);
  };
  expectBad(PickleText().raw("("), {"STOP without a value"});
  expectBad(PickleText().raw("s"), {"a value is missing"});
  expectBad(PickleText().raw("t"), {"a mark is missing"});
  expectBad(PickleText().raw("h\x05"), {"no value was remembered as 5"});
  expectBad(PickleText().raw("X\xff\xff\xff\x7f"
                             "abc"),
            {"cut"});
  expectBad(PickleText().raw("}K\x01K\x02"
                             "a"),
            {"no list"});
  expectBad(PickleText().raw("\xee"), {"opcode 0xee"});
  // A dict in itself, and a list that names itself twice: 2^n paths.
  expectBad(PickleText().raw("}q\x01").text("a").raw("h\x01s"),
            {"nested too deep, in itself"});
  PickleText laughs;
  laughs.raw("]q").raw(std::string(1, '\0'));
  for (int i = 1; i < 30; ++i)
    laughs.raw("]q")
        .raw(std::string(1, char(i)))
        .raw("(h")
        .raw(std::string(1, char(i - 1)))
        .raw("h")
        .raw(std::string(1, char(i - 1)))
        .raw("e");
  expectBad(laughs, {"too often"});
  expectBad(
      PickleText().raw(std::string(100000, ']') + std::string(99999, 'a')),
      {"nested too deep"});
}
