//===- TorchLegacyTest.cpp - files of torch.save from before 1.6 ----------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TorchFile.h"

using namespace nm::rt;
using namespace nm::rt::test;

namespace {
class TorchLegacy : public TempDir {
protected:
  const std::vector<float> data = {1, 2, 3, 4, 5, 6};

  std::vector<LegacyStorage> storages() const {
    return {{"7", std::string("\x05\x06\x07", 3), 3}, {"9", bytesOf(data), 6}};
  }
  PickleText objects() const {
    PickleText pickle;
    pickle.raw("}(");
    pickle.text("w").tensor("FloatStorage", "9", 6, 0, {2, 3}, {3, 1});
    pickle.text("t").tensor("FloatStorage", "9", 6, 0, {3, 2}, {1, 3});
    pickle.text("b").tensor("ByteStorage", "7", 3, 1, {2}, {1});
    return pickle.raw("u.");
  }
  Result<CheckpointPtr> open(const std::string &bytes) {
    return Checkpoint::open(write("m.bin", bytes));
  }
  void expectBad(const std::string &bytes,
                 std::initializer_list<const char *> parts) {
    expectError(open(bytes), parts);
  }
};
} // namespace

TEST_F(TorchLegacy, TensorsOfStorages) {
  auto checkpoint = open(legacyTorchBytes(objects().bytes, storages()));
  expectOk(checkpoint);
  EXPECT_EQ((*checkpoint)->format(), Checkpoint::Format::Torch);
  ASSERT_EQ((*checkpoint)->tensors().size(), 3u);
  auto at = [&](const char *name, std::vector<int64_t> index) {
    auto loaded = (*checkpoint)->read(name);
    expectOk(loaded);
    return loaded->tensor.view.at(index);
  };
  EXPECT_EQ(at("w", {1, 0}), 4.0);
  EXPECT_EQ(at("t", {0, 1}), 4.0);
  EXPECT_EQ(at("b", {1}), 7.0);
}

TEST_F(TorchLegacy, ViewsOfStorages) {
  // A persistent id's last part: (key of the view, offset, elements).
  PickleText pickle;
  pickle.raw("}").text("v").global("torch._utils", "_rebuild_tensor").raw("((");
  pickle.text("storage").global("torch", "FloatStorage").text("9").text("cpu");
  pickle.integer(6).raw("(").text("12").integer(2).integer(4).raw("ttQ");
  pickle.integer(1).integers({2}).integers({1}).raw("tRs.");
  auto checkpoint =
      open(legacyTorchBytes(pickle.bytes, {{"9", bytesOf(data), 6}}));
  expectOk(checkpoint);
  auto loaded = (*checkpoint)->read("v");
  expectOk(loaded);
  EXPECT_EQ(loaded->tensor.view.at({0}), 4.0);
  EXPECT_EQ(loaded->tensor.view.at({1}), 5.0);
}

TEST_F(TorchLegacy, StoragesThatNoTensorReads) {
  // Of a type that is not read, and below an object that is not looked into.
  PickleText pickle;
  pickle.raw("}(").text("q").global("mine", "Thing").raw("(");
  pickle.tensor("ComplexFloatStorage", "3", 2, 0, {2}, {1}).raw("tR");
  pickle.text("w").tensor("FloatStorage", "9", 6, 0, {6}, {1}).raw("u.");
  auto checkpoint = open(legacyTorchBytes(
      pickle.bytes, {{"3", std::string(16, 'x'), 2}, {"9", bytesOf(data), 6}}));
  expectOk(checkpoint);
  ASSERT_EQ((*checkpoint)->tensors().size(), 1u);
  EXPECT_EQ((*checkpoint)->read("w")->tensor.view.at({5}), 6.0);
}

TEST_F(TorchLegacy, EveryCutIsAnError) {
  std::string whole = legacyTorchBytes(objects().bytes, storages());
  for (size_t size = 15; size < whole.size(); ++size) {
    auto checkpoint = Checkpoint::openMemory(
        whole.data(), size, Checkpoint::Format::Torch, "m.bin");
    EXPECT_FALSE(checkpoint.ok()) << size;
  }
  expectBad(whole + "x", {"m.bin: 1 bytes behind the last storage"});
  expectBad(whole.substr(0, whole.size() - 1),
            {"storage '9' of 6 elements of 4 bytes", "leaves the file"});
}

TEST_F(TorchLegacy, WhatStoragesSayIsChecked) {
  auto with = [&](auto change) {
    std::vector<LegacyStorage> changed = storages();
    change(changed);
    return legacyTorchBytes(objects().bytes, changed);
  };
  using List = std::vector<LegacyStorage>;
  expectBad(with([](List &s) { s[1].elements = 7; }),
            {"storage '9' has 7 elements, but its tensors say 6"});
  expectBad(with([](List &s) { s[1].elements = -1; }), {"-1 elements"});
  expectBad(with([](List &s) { s[1].key = "7"; }), {"'7'"});
  expectBad(with([](List &s) { s[1].key = "8"; }),
            {"'8', which is that of no tensor"});
  expectBad(legacyTorchBytes(objects().bytes, storages(), false),
            {"big-endian"});
  auto fewer = open(with([](List &s) { s.pop_back(); }));
  expectOk(fewer);
  expectError((*fewer)->read("w"), {"list of storages lacks '9'"});
  PickleText two;
  two.raw("}(").text("a").tensor("FloatStorage", "9", 6, 0, {6}, {1});
  two.text("b").tensor("HalfStorage", "9", 6, 0, {6}, {1}).raw("u.");
  expectBad(legacyTorchBytes(two.bytes, {{"9", bytesOf(data), 6}}),
            {"'9' is of type 'FloatStorage' and of 'HalfStorage'"});
  PickleText odd;
  odd.raw("}").text("a").tensor("OddStorage", "9", 6, 0, {6}, {1}).raw("s.");
  expectBad(legacyTorchBytes(odd.bytes, {{"9", bytesOf(data), 6}}),
            {"'OddStorage'", "not known"});
  PickleText huge;
  huge.raw("}")
      .text("a")
      .tensor("FloatStorage", "9", -1, 0, {6}, {1})
      .raw("s.");
  expectBad(legacyTorchBytes(huge.bytes, {{"9", "", INT64_MAX}}),
            {"leaves the file"});
}

TEST_F(TorchLegacy, NothingIsCalled) {
  PickleText pickle;
  pickle.raw("}").text("w").global("posix", "system");
  pickle.text("touch " + file("was-here")).raw("\x85Rs.");
  auto checkpoint = open(legacyTorchBytes(pickle.bytes, {}));
  expectOk(checkpoint);
  EXPECT_TRUE((*checkpoint)->tensors().empty());
  EXPECT_FALSE(std::filesystem::exists(file("was-here")));
  PickleText net;
  net.raw("(").text("module").global("mine", "Net").text("net.py");
  net.text("class Net: ...").raw("tQ)\x81}b.");
  expectBad(legacyTorchBytes(net.bytes, {}),
            {"class 'mine.Net'", "state_dict()"});
}
