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

TEST(CPUTarget, VectorsFollowFromFeatures) {
  MLIRContext context;
  context.loadDialect<NMDialect>();
  auto describe = [&](StringRef triple, std::initializer_list<StringRef> list) {
    llvm::StringSet<> features(llvm::from_range, list);
    return describeCPU(
        &context, llvm::Triple(triple),
        [&](StringRef name) { return features.contains(name); },
        ::nm::machine::findDevice("generic-host")->host);
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
  // The first processors with AVX-512 had nothing for bytes.
  EXPECT_EQ(describe("x86_64-linux", {"avx2", "fma", "avx512f"}).getVector(),
            256);
  EXPECT_EQ(describe("x86_64-linux", {"avx2", "fma", "avx512bw"}).getVector(),
            256);
  CPUAttr avx512 = describe(
      "x86_64-linux", {"avx2", "fma", "avx512bw", "avx512dq", "avx512bf16"});
  EXPECT_EQ(avx512.getVector(), 512);
  EXPECT_EQ(avx512.getRegisters(), 32);
  EXPECT_TRUE(avx512.hasFeature("bf16"));
  CPUAttr neon = describe("aarch64-linux", {"neon", "fma"});
  EXPECT_EQ(neon.getVector(), 128);
  EXPECT_EQ(neon.getRegisters(), 32);
  EXPECT_EQ(neon.getFeatures(), "neon");
}

TEST(CPUTarget, DescriptionsAreWellFormed) {
  MLIRContext context;
  context.loadDialect<NMDialect>();
  for (const std::string &name :
       ::nm::machine::builtinDevices(::nm::machine::DeviceKind::Host)) {
    CPUAttr target = getCPUTarget(&context, name);
    ASSERT_TRUE(target) << name;
    std::string text;
    llvm::raw_string_ostream(text) << target;
    EXPECT_EQ(getCPUTarget(&context, text), target) << text;
  }
  EXPECT_TRUE(getCPUTarget(&context, "host"));
  EXPECT_FALSE(getCPUTarget(&context, "pentium"));
}

} // namespace
