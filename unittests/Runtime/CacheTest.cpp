//===- CacheTest.cpp ------------------------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestUtil.h"
#include "nm/Runtime/Params.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace nm::rt;
using namespace nm::rt::test;

class CacheFiles : public TempDir {
protected:
  void SetUp() override {
    TempDir::SetUp();
    std::mt19937 rng(2);
    WeightDesc desc{{64, 64}, 1, 2, 4, DType::F32};
    data = randomWeight(desc, rng);
    save();
    specs = {{"",
              "w",
              {64, 64},
              DType::F32,
              PatternSpec{2, 4, 1},
              LayoutSpec::panel(3, 32, 32)},
             {"", "w", {64, 64}, DType::F32, std::nullopt, LayoutSpec::dense()},
             {"",
              "w",
              {64, 64},
              DType::F32,
              PatternSpec{2, 4, 1},
              LayoutSpec::canonical()}};
    options.cache = true;
  }
  void save() {
    expectOk(writeSafetensors(
        file("m.safetensors"),
        {{"w", denseView(data.data(), DType::F32, {64, 64})}}));
  }
  std::unique_ptr<Params> load() {
    auto params = Params::load({specs}, {{"", file("m.safetensors")}}, options);
    EXPECT_TRUE(params.ok());
    if (params) {
      check(**params);
      return std::move(*params);
    }
    return nullptr;
  }
  /// Every parameter still is the weight.
  void check(const Params &params) {
    for (size_t i : {0, 2}) {
      WeightDesc desc{{64, 64}, 1, 2, 4, DType::F32};
      std::vector<unsigned char> out(data.size());
      expectOk(unpack(desc, specs[i].layout, params[i].values,
                      params[i].metadata, out.data()));
      EXPECT_EQ(out, data);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(params[i].values) % 64, 0u);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(params[i].metadata) % 64, 0u);
    }
    EXPECT_EQ(std::memcmp(params[1].values, data.data(), data.size()), 0);
  }
  std::vector<std::string> caches() {
    std::vector<std::string> found;
    for (auto &entry : std::filesystem::directory_iterator(dir))
      if (entry.path().extension() == ".nmcache")
        found.push_back(entry.path().string());
    return found;
  }
  std::vector<unsigned char> data;
  std::vector<ParamSpec> specs;
  ParamsOptions options;
};

TEST_F(CacheFiles, WrittenThenHit) {
  EXPECT_EQ(load()->cacheState(), "written (there was none)");
  ASSERT_EQ(caches().size(), 1u);
  auto params = load();
  EXPECT_EQ(params->cacheState(), "hit");
  EXPECT_NE((*params)[0].maskSource.find("none needed"), std::string::npos);
  EXPECT_EQ(caches().size(), 1u);
}

TEST_F(CacheFiles, OffWritesNothing) {
  options.cache = false;
  EXPECT_EQ(load()->cacheState(), "off");
  EXPECT_TRUE(caches().empty());
}

TEST_F(CacheFiles, ChangedCheckpointIsStale) {
  load();
  for (size_t i = 0; i < data.size(); i += 4)
    if (data[i])
      data[i] = 77;
  usleep(20000);
  save();
  EXPECT_NE(load()->cacheState().find("stale"), std::string::npos);
  EXPECT_EQ(load()->cacheState(), "hit");
  EXPECT_EQ(caches().size(), 1u);
}

TEST_F(CacheFiles, ChangedContentIsStaleWhateverTheTimeSays) {
  // rsync -t, git and container images give a new file the time of the old one.
  load();
  struct stat before;
  ASSERT_EQ(stat(file("m.safetensors").c_str(), &before), 0);
  size_t changed = data.size() / 2;
  while (data[changed] == 0)
    ++changed;
  data[changed] ^= 1;
  save();
  timespec times[2] = {before.st_atim, before.st_mtim};
  ASSERT_EQ(utimensat(AT_FDCWD, file("m.safetensors").c_str(), times, 0), 0);
  struct stat after;
  ASSERT_EQ(stat(file("m.safetensors").c_str(), &after), 0);
  ASSERT_EQ(after.st_size, before.st_size);
  ASSERT_EQ(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
  EXPECT_NE(load()->cacheState().find("stale"), std::string::npos);
  EXPECT_EQ(load()->cacheState(), "hit");
}

TEST_F(CacheFiles, CheckpointsOfOneNameShareNoFile) {
  // Two models, each model.safetensors in a folder of its own, one cache
  // folder.
  options.cacheFolder = dir;
  for (const char *folder : {"a", "b"}) {
    std::filesystem::create_directory(file(folder));
    for (unsigned char &byte : data)
      if (byte)
        byte ^= 2;
    std::string path = file(folder) + "/m.safetensors";
    expectOk(writeSafetensors(
        path, {{"w", denseView(data.data(), DType::F32, {64, 64})}}));
    auto params = Params::load({specs}, {{"", path}}, options);
    expectOk(params);
    EXPECT_EQ((*params)->cacheState(), "written (there was none)");
    check(**params);
    // By another spelling of the path it is the same.
    auto again = Params::load(
        {specs}, {{"", file(folder) + "/../" + folder + "/m.safetensors"}},
        options);
    expectOk(again);
    EXPECT_EQ((*again)->cacheState(), "hit");
  }
  EXPECT_EQ(caches().size(), 2u);
}

TEST_F(CacheFiles, ModeIsNotWiderThanTheCheckpoints) {
  mode_t umaskBefore = umask(0);
  for (mode_t mode : {0600, 0640, 0444, 0664, 0400}) {
    for (const std::string &path : caches())
      std::filesystem::remove(path);
    ASSERT_EQ(chmod(file("m.safetensors").c_str(), mode), 0);
    load();
    ASSERT_EQ(caches().size(), 1u);
    struct stat info;
    ASSERT_EQ(stat(caches()[0].c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, mode);
  }
  umask(umaskBefore);
}

TEST_F(CacheFiles, OtherManifestsAndOptionsHaveTheirOwnFile) {
  load();
  specs[0].layout = LayoutSpec::panel(2, 32, 64);
  EXPECT_EQ(load()->cacheState(), "written (there was none)");
  options.mask.policy = MaskPolicy::Derive;
  EXPECT_EQ(load()->cacheState(), "written (there was none)");
  EXPECT_EQ(caches().size(), 3u);
}

TEST_F(CacheFiles, DamageIsNoticedAndMended) {
  load();
  std::string path = caches()[0], whole = slurp(path);
  std::mt19937 rng(4);
  for (int round = 0; round < 60; ++round) {
    std::string bad = whole;
    if (round % 3 == 0)
      bad.resize(rng() % bad.size());
    else
      bad[round % 3 == 1 ? rng() % 600 : rng() % bad.size()] ^= 0x10;
    std::ofstream(path, std::ios::binary) << bad;
    std::string state = load()->cacheState();
    // Padding between the parts carries nothing.
    EXPECT_TRUE(state.find("written") == 0 || state == "hit") << state;
    if (round % 3 == 0)
      EXPECT_NE(state, "hit");
    EXPECT_EQ(load()->cacheState(), "hit");
  }
  for (const char *text : {"", "garbage", "NMCACHE1"}) {
    std::ofstream(path, std::ios::binary) << text;
    EXPECT_EQ(load()->cacheState().find("written"), 0u);
  }
}

TEST_F(CacheFiles, EveryByteOfAPartIsCovered) {
  load();
  std::string path = caches()[0], whole = slurp(path);
  // The last part is the canonical metadata, 512 bytes at the very end.
  for (size_t i = whole.size() - 512; i < whole.size(); i += 37) {
    std::string bad = whole;
    bad[i] ^= 1;
    std::ofstream(path, std::ios::binary) << bad;
    EXPECT_NE(load()->cacheState().find("damaged"), std::string::npos);
  }
}

TEST_F(CacheFiles, FolderThatCannotBeWritten) {
  options.cacheFolder = file("none");
  EXPECT_EQ(load()->cacheState().find("not written: "), 0u);
}

TEST_F(CacheFiles, OtherFolder) {
  options.cacheFolder = file("cache");
  std::filesystem::create_directory(options.cacheFolder);
  load();
  EXPECT_TRUE(caches().empty());
  EXPECT_EQ(load()->cacheState(), "hit");
}
