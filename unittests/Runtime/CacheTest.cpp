#include "TestUtil.h"
#include "nm/Runtime/Params.h"
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
