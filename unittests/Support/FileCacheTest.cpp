//===- FileCacheTest.cpp - What is found again, and what is not -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Support/FileCache.h"
#include "TestFolder.h"
#include "nm/Support/TextList.h"
#include <fcntl.h>
#include <random>
#include <sys/stat.h>
#include <thread>

using namespace nm::support;

namespace {

class FileCacheTest : public TestFolder {
protected:
  FileCache open(uint64_t mostBytes = 1 << 20) {
    Result<FileCache> cache = FileCache::open(at("cache"), mostBytes);
    EXPECT_TRUE(cache.ok());
    return *cache;
  }
  /// "" if there is nothing.
  static std::string find(const FileCache &cache, std::string_view key) {
    auto content = cache.find(key);
    EXPECT_TRUE(content.ok()) << content.error().message;
    return content && *content ? **content : "";
  }
  static std::string refusal(const FileCache &cache, std::string_view key) {
    auto content = cache.find(key);
    return content.ok() ? "" : content.error().message;
  }
  static void setUsed(const std::string &path, time_t when) {
    timespec times[2] = {{when, 0}, {when, 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  }
};

TEST_F(FileCacheTest, WhatIsKeptIsFound) {
  FileCache cache = open();
  EXPECT_EQ(find(cache, "a"), "");
  std::string binary("\0\xff\n", 3);
  ASSERT_TRUE(cache.keep("a", "text").ok());
  ASSERT_TRUE(cache.keep(binary, binary).ok());
  EXPECT_EQ(find(cache, "a"), "text");
  EXPECT_EQ(find(cache, binary), binary);
  ASSERT_TRUE(cache.keep("a", "other").ok());
  EXPECT_EQ(find(open(), "a"), "other");
  auto empty = cache.find("a ");
  EXPECT_TRUE(empty.ok() && !*empty);
}

TEST_F(FileCacheTest, FoldersAreMadeForThisUserAlone) {
  auto cache = FileCache::open(at("x/y/z"), 1 << 20);
  ASSERT_TRUE(cache.ok());
  ASSERT_TRUE(cache->keep("a", "text").ok());
  struct stat status = {};
  for (const char *name : {"x", "x/y", "x/y/z"}) {
    ASSERT_EQ(::stat(at(name).c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0700u) << name;
  }
  ASSERT_EQ(::stat(cache->pathOf("a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(FileCacheTest, WhatOthersCanWriteIsNotTaken) {
  FileCache cache = open();
  ASSERT_TRUE(cache.keep("a", "text").ok());
  ASSERT_EQ(::chmod(cache.pathOf("a").c_str(), 0620), 0);
  EXPECT_NE(refusal(cache, "a").find("alone can write"), std::string::npos);
  // Kept anew, it is this user's again.
  ASSERT_TRUE(cache.keep("a", "text").ok());
  EXPECT_EQ(find(cache, "a"), "text");
  ASSERT_EQ(::chmod(at("cache").c_str(), 0777), 0);
  EXPECT_FALSE(FileCache::open(at("cache"), 1 << 20).ok());
  put(at("file"), "");
  EXPECT_FALSE(FileCache::open(at("file"), 1 << 20).ok());
  EXPECT_FALSE(FileCache::open(at("file/x"), 1 << 20).ok());
}

TEST_F(FileCacheTest, OtherThanFilesAreRefused) {
  FileCache cache = open();
  put(at("target"), makeCacheEntry("a", "text"));
  ASSERT_EQ(::symlink(at("target").c_str(), cache.pathOf("a").c_str()), 0);
  EXPECT_NE(refusal(cache, "a"), "");
  ASSERT_EQ(::mkfifo(cache.pathOf("b").c_str(), 0600), 0);
  EXPECT_NE(refusal(cache, "b"), "");
  ASSERT_EQ(::mkdir(cache.pathOf("c").c_str(), 0700), 0);
  EXPECT_NE(refusal(cache, "c"), "");
  EXPECT_FALSE(cache.keep("c", "text").ok());
  // What is no file gives way to one; what a link names stays.
  for (const char *key : {"a", "b"}) {
    ASSERT_TRUE(cache.keep(key, "new").ok());
    EXPECT_EQ(find(cache, key), "new");
  }
  EXPECT_EQ(get(at("target")), makeCacheEntry("a", "text"));
}

TEST_F(FileCacheTest, EveryDamageIsSeen) {
  std::string entry = makeCacheEntry("key", "content");
  for (size_t i = 0; i < entry.size(); ++i)
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = entry;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
      EXPECT_FALSE(readCacheEntry(damaged, "key").ok()) << i << ", " << bit;
    }
  for (size_t size = 0; size < entry.size(); ++size)
    EXPECT_FALSE(readCacheEntry(entry.substr(0, size), "key").ok()) << size;
  EXPECT_FALSE(readCacheEntry(entry + "x", "key").ok());
  auto other = readCacheEntry(entry, "kez");
  EXPECT_TRUE(other.ok() && !*other);
  FileCache cache = open();
  put(cache.pathOf("a"), "damaged");
  ASSERT_EQ(::chmod(cache.pathOf("a").c_str(), 0600), 0);
  EXPECT_NE(refusal(cache, "a").find(cache.pathOf("a")), std::string::npos);
  ASSERT_TRUE(cache.keep("a", "text").ok());
  EXPECT_EQ(find(cache, "a"), "text");
}

TEST_F(FileCacheTest, WhatWasNotUsedForLongestGoes) {
  std::string content(1000, 'x');
  uint64_t bytes = makeCacheEntry("0", content).size();
  FileCache cache = open(3 * bytes);
  for (const char *key : {"0", "1", "2"}) {
    ASSERT_TRUE(cache.keep(key, content).ok());
    setUsed(cache.pathOf(key), 1000 + *key);
  }
  EXPECT_EQ(find(cache, "0"), content); // used now
  put(at("cache/notes"), content);      // not ours
  ASSERT_TRUE(cache.keep("3", content).ok());
  EXPECT_EQ(find(cache, "1"), "");
  for (const char *key : {"0", "2", "3"})
    EXPECT_EQ(find(cache, key), content) << key;
  EXPECT_EQ(get(at("cache/notes")), content);
  // Larger than all.
  ASSERT_TRUE(cache.keep("4", std::string(4 * bytes, 'x')).ok());
  EXPECT_EQ(find(cache, "4"), "");
  EXPECT_EQ(find(cache, "3"), content);
  // A smaller bound than there was.
  FileCache small = open(bytes);
  ASSERT_TRUE(small.keep("5", content).ok());
  EXPECT_EQ(find(small, "5"), content);
  EXPECT_EQ(find(small, "3"), "");
}

TEST_F(FileCacheTest, WhatAKilledWriterLeftGoes) {
  FileCache cache = open();
  std::string left = at("cache/.0123456789abcdef.entry.0123456789abcdef.tmp");
  put(left, "x");
  ASSERT_TRUE(cache.keep("a", "text").ok());
  EXPECT_TRUE(std::filesystem::exists(left)); // may be another's at work
  setUsed(left, 1000);
  ASSERT_TRUE(cache.keep("a", "text").ok());
  EXPECT_FALSE(std::filesystem::exists(left));
}

TEST_F(FileCacheTest, ManyAtOnce) {
  std::string content(500, 'x');
  uint64_t bytes = makeCacheEntry("00", content).size();
  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < 8; ++seed)
    threads.emplace_back([&, seed] {
      FileCache cache = open(10 * bytes);
      std::minstd_rand random(seed + 1);
      for (int i = 0; i < 200; ++i) {
        std::string key = std::to_string(10 + random() % 30);
        auto found = cache.find(key);
        ASSERT_TRUE(found.ok()) << found.error().message;
        if (*found) {
          EXPECT_EQ(**found, key + content.substr(2));
        }
        EXPECT_TRUE(cache.keep(key, key + content.substr(2)).ok());
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  FileCache cache = open(10 * bytes);
  ASSERT_TRUE(cache.keep("10", content).ok());
  uint64_t total = 0, files = 0;
  for (const auto &each : std::filesystem::directory_iterator(at("cache")))
    if (each.path().extension() == ".entry")
      total += each.file_size(), ++files;
    else
      EXPECT_EQ(each.path().filename(), "lock");
  EXPECT_LE(total, 10 * bytes);
  EXPECT_EQ(files, 10u);
}

TEST(TextList, ReadsWhatItWrites) {
  std::vector<std::string> texts = {"", "a", std::string("\0b", 2), "ccc"};
  std::string list = joinTexts(texts);
  auto found = splitTexts(list);
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(std::vector<std::string>(found->begin(), found->end()), texts);
  EXPECT_TRUE(splitTexts(joinTexts({}))->empty());
  for (size_t size = 0; size < list.size(); ++size)
    EXPECT_FALSE(splitTexts(std::string_view(list).substr(0, size)).ok());
  EXPECT_FALSE(splitTexts(list + "x").ok());
  std::string many(8, '\xff');
  EXPECT_FALSE(splitTexts(many).ok());
  EXPECT_FALSE(splitTexts(std::string("\1\0\0\0\0\0\0\0", 8) + many).ok());
}

} // namespace
