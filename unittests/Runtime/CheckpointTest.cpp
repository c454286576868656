//===- CheckpointTest.cpp -------------------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestUtil.h"
#include <sys/stat.h>
#include <unistd.h>

using namespace nm::rt;
using namespace nm::rt::test;

class CheckpointFiles : public TempDir {
protected:
  std::string model(const std::string &name,
                    const std::vector<std::string> &tensors) {
    static float data[4] = {1, 2, 3, 4};
    std::vector<NamedView> views;
    for (const std::string &tensor : tensors)
      views.push_back({tensor, denseView(data, DType::F32, {4})});
    EXPECT_TRUE(writeSafetensors(file(name), views).ok());
    return file(name);
  }
};

TEST_F(CheckpointFiles, MissingAndOddFiles) {
  expectError(Checkpoint::open(file("none.safetensors")),
              {"none.safetensors: cannot open", "No such file"});
  write("empty", "");
  expectError(Checkpoint::open(file("empty")), {"found 0 bytes"});
  ASSERT_EQ(mkfifo(file("pipe").c_str(), 0600), 0);
  expectError(Checkpoint::open(file("pipe")), {"not a regular file"});
  expectError(Checkpoint::open(dir), {"holds 0 *.safetensors"});
}

TEST_F(CheckpointFiles, FoldersStandForTheirFile) {
  model("only.safetensors", {"a"});
  expectOk(Checkpoint::open(dir));
  model("second.safetensors", {"b"});
  expectError(Checkpoint::open(dir), {"holds 2 *.safetensors"});
  model("model.safetensors", {"c"});
  auto checkpoint = Checkpoint::open(dir);
  expectOk(checkpoint);
  EXPECT_NE((*checkpoint)->find("c"), nullptr);
}

TEST_F(CheckpointFiles, FormatByContent) {
  std::string st = slurp(model("m.safetensors", {"a"}));
  EXPECT_EQ((*Checkpoint::open(write("s", st)))->format(),
            Checkpoint::Format::Safetensors);
  std::string array = npy("{'descr': '<f4', 'fortran_order': False, "
                          "'shape': (1,), }",
                          bytesOf<float>({7}));
  EXPECT_EQ((*Checkpoint::open(write("n", array)))->format(),
            Checkpoint::Format::Npy);
  auto index = Checkpoint::open(
      write("i", "{\"weight_map\":{\"a\":\"m.safetensors\"}}"));
  expectOk(index);
  EXPECT_EQ((*index)->format(), Checkpoint::Format::Sharded);
}

TEST_F(CheckpointFiles, NearestNames) {
  auto checkpoint = Checkpoint::open(
      model("m.safetensors",
            {"bert.encoder.layer.0.attention.self.query.weight",
             "bert.encoder.layer.0.attention.self.query.bias",
             "bert.encoder.layer.0.attention.self.key.weight", "zzz"}));
  expectOk(checkpoint);
  auto names =
      (*checkpoint)
          ->nearestNames("encoder.layer.0.attention.self.query.weight");
  ASSERT_FALSE(names.empty());
  EXPECT_EQ(names[0], "bert.encoder.layer.0.attention.self.query.weight");
  EXPECT_TRUE(
      (*checkpoint)->nearestNames("completely.unrelated.thing").empty());
}

TEST_F(CheckpointFiles, DataOutlivesTheCheckpoint) {
  Tensor tensor;
  {
    auto checkpoint = Checkpoint::open(model("m.safetensors", {"a"}));
    expectOk(checkpoint);
    tensor = (*checkpoint)->read("a")->tensor;
  }
  EXPECT_EQ(tensor.view.at({3}), 4.0);
}

TEST_F(CheckpointFiles, ManyGibibytes) {
  // A sparse file: nothing but the header and the last tensor is ever touched.
  const uint64_t big = uint64_t(6) << 30;
  std::string header =
      "{\"big\":{\"dtype\":\"U8\",\"shape\":[6,1073741824],\"data_offsets\":"
      "[0," +
      std::to_string(big) +
      "]},\"end\":{\"dtype\":\"F32\",\"shape\":"
      "[2],\"data_offsets\":[" +
      std::to_string(big) + "," + std::to_string(big + 8) + "]}}";
  std::string path = write("big.safetensors", safetensors(header));
  ASSERT_EQ(truncate(path.c_str(), off_t(8 + header.size() + big + 8)), 0);
  auto checkpoint = Checkpoint::open(path);
  expectOk(checkpoint);
  EXPECT_EQ((*checkpoint)->find("big")->shape[1], 1 << 30);
  EXPECT_EQ((*checkpoint)->read("end")->tensor.view.at({1}), 0.0);
  EXPECT_EQ((*checkpoint)->read("big")->tensor.view.at({5, 1 << 29}), 0.0);
}
