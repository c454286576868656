//===- CommandFilesTest.cpp - Outputs against inputs and each other -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Support/CommandFiles.h"
#include "TestFolder.h"
#include <sys/stat.h>

using namespace nm::support;

namespace {

class CommandFilesTest : public TestFolder {
protected:
  /// The message of the first call that fails, "" if all succeed.
  std::string check(const std::string &read, const std::string &written) {
    CommandFiles first, second;
    Status status = first.reads("--in", read);
    if (status)
      status = first.writes("--out", written);
    // In the other order as well.
    Status other = second.writes("--out", written);
    if (other)
      other = second.reads("--in", read);
    EXPECT_EQ(status.ok(), other.ok());
    return status ? "" : status.error().message;
  }
  std::string twice(const std::string &one, const std::string &two) {
    CommandFiles files;
    EXPECT_TRUE(files.writes("--one", one).ok());
    Status status = files.writes("--two", two);
    return status ? "" : status.error().message;
  }
};

TEST_F(CommandFilesTest, AnOutputIsNoInput) {
  put(at("a"), "x");
  std::filesystem::create_symlink("a", at("link"));
  std::filesystem::create_hard_link(at("a"), at("hard"));
  EXPECT_EQ(check(at("a"), at("a")), "--out would overwrite '" + at("a") +
                                         "', which --in reads; give it another "
                                         "name");
  std::string self = std::filesystem::path(folder).filename();
  for (const std::string &name : {std::string("link"), std::string("hard"),
                                  std::string("./a"), "../" + self + "/a"})
    EXPECT_NE(check(at("a"), at(name)), "") << name;
  EXPECT_NE(check(at("link"), at("hard")), "");
  EXPECT_EQ(check(at("a"), at("b")), "");
  EXPECT_EQ(check("-", "-"), "");
  EXPECT_EQ(check(at("missing"), at("missing2")), "");
}

TEST_F(CommandFilesTest, PartsOfACheckpointAreInputs) {
  std::filesystem::create_directory(at("ckpt"));
  put(at("ckpt/model-1.safetensors"), "x");
  put(at("ckpt/model.safetensors.index.json"), "x");
  EXPECT_NE(check(at("ckpt"), at("ckpt/model-1.safetensors")), "");
  EXPECT_NE(check(at("ckpt/model.safetensors.index.json"),
                  at("ckpt/model-1.safetensors")),
            "");
  EXPECT_EQ(check(at("ckpt"), at("ckpt/new.npy")), "");
}

TEST_F(CommandFilesTest, OutputsDiffer) {
  std::filesystem::create_directory(at("sub"));
  std::filesystem::create_symlink("sub", at("same"));
  std::filesystem::create_symlink("new", at("dangling"));
  EXPECT_EQ(twice(at("new"), at("new")), "--one and --two both write '" +
                                             at("new") +
                                             "'; give each a name of its own");
  EXPECT_NE(twice(at("sub/x"), at("same/x")), "");
  EXPECT_NE(twice(at("new"), at("dangling")), "");
  EXPECT_NE(twice(at("new"), at("sub/../new")), "");
  EXPECT_EQ(twice(at("new"), at("sub/new")), "");
  put(at("a"), "");
  std::filesystem::create_hard_link(at("a"), at("b"));
  EXPECT_NE(twice(at("a"), at("b")), "");
  EXPECT_NE(twice("-", "/dev/stdout"), "");
  EXPECT_EQ(twice("/dev/null", "/dev/null"), "");
  ASSERT_EQ(::mkfifo(at("pipe").c_str(), 0600), 0);
  EXPECT_NE(twice(at("pipe"), at("pipe")), "");
}

TEST_F(CommandFilesTest, AllOrNothing) {
  put(at("a"), "old");
  {
    CommandFiles files;
    ASSERT_TRUE(files.write(at("a"), "new").ok());
    ASSERT_TRUE(files.write(at("b"), "new").ok());
    ASSERT_TRUE(files.write("/dev/full", "new").ok());
    EXPECT_EQ(files.commit().error().message,
              "cannot write '/dev/full': No space left on device");
  }
  EXPECT_EQ(get(at("a")), "old");
  EXPECT_EQ(entries(), 1u);
  CommandFiles files;
  ASSERT_TRUE(files.write(at("a"), "new").ok());
  ASSERT_TRUE(files.write(at("b"), "new").ok());
  EXPECT_TRUE(files.commit().ok());
  EXPECT_EQ(get(at("a")) + get(at("b")), "newnew");
}

} // namespace
