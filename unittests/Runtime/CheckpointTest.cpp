#include "TestUtil.h"
#include <sys/stat.h>

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
  EXPECT_EQ((*index)->format(), Checkpoint::Format::ShardedSafetensors);
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
