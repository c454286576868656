//===- CPUTargetTest.cpp - Descriptions of processors ----------*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/NM/IR/CPUTarget.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/TargetParser/Triple.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace mlir::nm;

namespace {

/// A folder that looks like Linux's /sys/devices/system/cpu.
class FakeSysfs {
public:
  FakeSysfs() {
    EXPECT_FALSE(llvm::sys::fs::createUniqueDirectory("nm-sysfs", root));
  }
  ~FakeSysfs() { llvm::sys::fs::remove_directories(root); }

  void write(StringRef path, StringRef text) {
    SmallString<128> full(root);
    llvm::sys::path::append(full, path);
    EXPECT_FALSE(
        llvm::sys::fs::create_directories(llvm::sys::path::parent_path(full)));
    std::error_code error;
    llvm::raw_fd_ostream(full, error) << text << "\n";
    EXPECT_FALSE(error);
  }
  void cache(int index, StringRef level, StringRef type, StringRef size) {
    std::string folder = "cpu0/cache/index" + std::to_string(index) + "/";
    write(folder + "level", level);
    write(folder + "type", type);
    write(folder + "size", size);
    write(folder + "coherency_line_size", "64");
  }

  SmallString<128> root;
};

TEST(CPUTarget, ReadsDataCaches) {
  FakeSysfs sysfs;
  sysfs.cache(0, "1", "Data", "48K");
  sysfs.cache(1, "1", "Instruction", "32K");
  sysfs.cache(2, "2", "Unified", "2048K");
  sysfs.cache(3, "3", "Unified", "36M");
  sysfs.write("online", "0-3,8,10-11");
  CacheSizes sizes = readCacheSizes(sysfs.root);
  EXPECT_EQ(sizes.l1, 48 << 10);
  EXPECT_EQ(sizes.l2, 2 << 20);
  EXPECT_EQ(sizes.l3, 36 << 20);
  EXPECT_EQ(sizes.line, 64);
  EXPECT_EQ(sizes.cores, 7);
}

TEST(CPUTarget, SurvivesNonsense) {
  FakeSysfs sysfs;
  EXPECT_EQ(readCacheSizes(sysfs.root).cores, 1);
  sysfs.cache(0, "1", "Data", "-4K");
  sysfs.cache(1, "2", "Unified", "99999999999999999999K");
  sysfs.write("online", "5-2,x,7-999999999999");
  CacheSizes sizes = readCacheSizes(sysfs.root);
  EXPECT_EQ(sizes.l1, 0);
  EXPECT_EQ(sizes.l2, 0);
  EXPECT_EQ(sizes.cores, 1);
}

TEST(CPUTarget, VectorsFollowFromFeatures) {
  MLIRContext context;
  context.loadDialect<NMDialect>();
  auto describe = [&](StringRef triple, std::initializer_list<StringRef> list) {
    llvm::StringSet<> features(llvm::from_range, list);
    return describeCPU(&context, llvm::Triple(triple),
                       [&](StringRef name) { return features.contains(name); },
                       {});
  };
  CPUAttr old = describe("x86_64-linux", {});
  EXPECT_EQ(old.getVector(), 128);
  EXPECT_FALSE(old.permutesGroupsOf(4));
  EXPECT_EQ(old.getL1(), 32 << 10);
  // Without fused multiply-adds, wide vectors are of no use.
  EXPECT_EQ(describe("x86_64-linux", {"avx2"}).getVector(), 128);
  CPUAttr avx2 = describe("x86_64-linux", {"avx2", "fma"});
  EXPECT_EQ(avx2.getVector(), 256);
  EXPECT_EQ(avx2.getRegisters(), 16);
  EXPECT_EQ(avx2.getFeatures(), "avx2,fma");
  EXPECT_TRUE(avx2.permutesGroupsOf(32));
  EXPECT_FALSE(avx2.permutesGroupsOf(64));
  EXPECT_FALSE(avx2.permutesGroupsOf(7));
  EXPECT_EQ(avx2.getLaneWidth(4), 8);
  EXPECT_EQ(avx2.getLaneWidth(16), 16);
  CPUAttr avx512 =
      describe("x86_64-linux", {"avx2", "fma", "avx512f", "avx512bf16"});
  EXPECT_EQ(avx512.getVector(), 512);
  EXPECT_EQ(avx512.getRegisters(), 32);
  EXPECT_TRUE(avx512.hasFeature("bf16"));
  CPUAttr neon = describe("aarch64-linux", {"neon", "fma"});
  EXPECT_EQ(neon.getVector(), 128);
  EXPECT_EQ(neon.getRegisters(), 32);
  EXPECT_EQ(neon.getFeatures(), "neon");
}

TEST(CPUTarget, PresetsAreWellFormed) {
  MLIRContext context;
  context.loadDialect<NMDialect>();
  for (const CPUPreset &preset : getCPUPresets()) {
    CPUAttr target = getCPUTarget(&context, preset.name);
    ASSERT_TRUE(target) << preset.name.str();
    std::string text;
    llvm::raw_string_ostream(text) << target;
    EXPECT_EQ(getCPUTarget(&context, text), target) << text;
  }
  EXPECT_TRUE(getCPUTarget(&context, "host"));
  EXPECT_FALSE(getCPUTarget(&context, "pentium"));
}

} // namespace
