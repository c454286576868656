//===- HostTest.cpp - The detector of the host -------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Machine/Device.h"
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

using namespace nm::machine;

namespace {

/// A folder that looks like the root of a Linux system.
class FakeRoot {
public:
  FakeRoot() {
    std::string name = ::testing::TempDir() + "nm-root-XXXXXX";
    EXPECT_TRUE(mkdtemp(name.data()));
    root = name;
  }
  ~FakeRoot() { std::filesystem::remove_all(root); }

  void write(const std::string &path, const std::string &text) {
    std::filesystem::path full = std::filesystem::path(root) / path;
    std::filesystem::create_directories(full.parent_path());
    std::ofstream(full) << text << "\n";
  }
  void flags(const std::string &text) {
    write("proc/cpuinfo", "processor\t: 0\n" + text + "\n\nprocessor\t: 1");
  }
  void online(const std::string &text) {
    write("sys/devices/system/cpu/online", text);
  }
  void cache(int index, const std::string &type, const std::string &size,
             const std::string &line = "64",
             const std::string &sharedBy = "0") {
    std::string folder =
        "sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index) + "/";
    write(folder + "type", type);
    write(folder + "size", size);
    write(folder + "coherency_line_size", line);
    write(folder + "shared_cpu_list", sharedBy);
  }
  HostUnit detect() { return detectHost(root).host; }

  std::string root;
};

TEST(Host, DataCachesAndCores) {
  FakeRoot root;
  root.flags("flags\t\t: fpu avx2 fma f16c");
  root.cache(0, "Data", "48K");
  root.cache(1, "Instruction", "32K");
  root.cache(2, "Unified", "2048K", "128");
  root.cache(3, "Unified", "36M", "64", "0-3,8,10-11");
  root.online("0-3,8,10-11");
  HostUnit host = root.detect();
  ASSERT_EQ(host.caches.size(), 3u);
  EXPECT_EQ(host.caches[0].bytes, 48 << 10);
  EXPECT_EQ(host.caches[1].bytes, 2 << 20);
  EXPECT_EQ(host.caches[1].lineBytes, 128);
  EXPECT_EQ(host.caches[2].bytes, 36 << 20);
  EXPECT_EQ(host.caches[2].sharedBy, 7);
  EXPECT_EQ(host.cores, 7);
}

TEST(Host, FeaturesAndVectors) {
  using Names = std::vector<std::string>;
  struct Case {
    const char *flags;
    Names features;
    int64_t bits, registers;
  };
  const Case cases[] = {
      {"", {}, 128, 16},
      {"flags : fpu sse2", {}, 128, 16},
      {"flags : avx2 ", {"avx2"}, 128, 16},
      {"flags : avx2 fma", {"avx2", "fma"}, 256, 16},
      {"flags : avx2foo fma", {"fma"}, 128, 16},
      {"flags : avx2 fma avx512f avx512cd", {"avx2", "fma"}, 256, 16},
      {"flags : fma f16c avx2 avx512f avx512bw avx512_bf16 avx512_vnni "
       "hypervisor",
       {"avx2", "avx512f", "bf16", "f16c", "fma", "vnni"},
       512,
       32},
      {"Features\t: fp asimd sve bf16 i8mm",
       {"bf16", "i8mm", "neon", "sve"},
       128,
       32}};
  for (const Case &c : cases) {
    FakeRoot root;
    root.flags(c.flags);
    HostUnit host = root.detect();
    EXPECT_EQ(host.features, c.features) << c.flags;
    EXPECT_EQ(host.vectorBits, c.bits) << c.flags;
    EXPECT_EQ(host.vectorRegisters, c.registers) << c.flags;
  }
}

TEST(Host, NonsenseIsNotBelieved) {
  HostUnit generic = findDevice("generic-host")->host;
  FakeRoot root;
  EXPECT_EQ(root.detect().cores, 1);
  EXPECT_EQ(root.detect().caches.size(), generic.caches.size());
  root.online("5-2,x,7-999999999999");
  EXPECT_EQ(root.detect().cores, 1);
  for (const char *size : {"-4K", "99999999999999999999K", "0", "K", ""}) {
    root.cache(0, "Data", size, "48");
    EXPECT_EQ(root.detect().caches[0].bytes, generic.caches[0].bytes) << size;
  }
  // An outer cache is no smaller than the one inside it.
  root.cache(0, "Data", "64K", "48");
  EXPECT_EQ(root.detect().caches[0].bytes, 64 << 10);
  EXPECT_EQ(root.detect().caches[0].lineBytes, 64);
  root.cache(1, "Unified", "32K");
  EXPECT_EQ(root.detect().caches[0].bytes, generic.caches[0].bytes);
}

/// Every description of a processor agrees with the rule by which generated
/// code uses registers, but for those whose width is no part of the instruction
/// set.
TEST(Host, DescriptionsFollowTheRuleOfVectors) {
  for (const std::string &name : builtinDevices(DeviceKind::Host)) {
    HostUnit host = findDevice(name)->host;
    VectorUnit unit = vectorUnitOf(host.triple.substr(0, host.triple.find('-')),
                                   host.features);
    EXPECT_EQ(host.vectorRegisters, unit.registers) << name;
    if (std::find(host.features.begin(), host.features.end(), "sve") ==
        host.features.end()) {
      EXPECT_EQ(host.vectorBits, unit.bits) << name;
    }
  }
}
} // namespace
