//===- ProfileTest.cpp - A run, operation by operation -----------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Profile.h"
#include <gtest/gtest.h>
#include <thread>

using namespace mlir::nm::driver;
using ::nm::machine::Bounds;

namespace {

TEST(Profile, LayersAreWhatComesBeforeTheFirstNumber) {
  EXPECT_EQ(layerOf("/bert/encoder/layer.3/attention/self/query/MatMul"),
            "bert.encoder.layer.3");
  EXPECT_EQ(layerOf("bert.encoder.layer.3.attention.self.query.weight"),
            "bert.encoder.layer.3");
  EXPECT_EQ(layerOf("h.11.mlp.0.weight"), "h.11");
  EXPECT_EQ(layerOf("/model/layers.0/MatMul_1"), "model.layers.0");
  for (const char *name : {"", "/", "matmul_28", "ln_f.weight", "3", "0/x",
                           "head", "/norm/Add", "..", "layer3/x"})
    EXPECT_EQ(layerOf(name), "") << name;
}

TEST(Recorder, KeepsTheLeastTimeAndTheWorkOfOneRun) {
  Recorder recorder(2);
  for (int pause : {5, 1}) {
    recorder.beginRun();
    Recorder::begin(1);
    std::this_thread::sleep_for(std::chrono::milliseconds(pause));
    Recorder::end(1, 10, 20, 30);
    Recorder::begin(1);
    Recorder::end(1, 1, 2, 3);
    Recorder::changeMemory(64);
    Recorder::changeMemory(-16);
    recorder.endRun();
  }
  const Measured &measured = recorder.operations()[1];
  EXPECT_EQ(measured.calls, 2);
  EXPECT_EQ(measured.flops, 11);
  EXPECT_EQ(measured.read, 22);
  EXPECT_EQ(measured.written, 33);
  EXPECT_GE(measured.ms, 1);
  EXPECT_LE(measured.ms, recorder.runMs());
  EXPECT_EQ(recorder.operations()[0].calls, 0);
  EXPECT_EQ(recorder.runs(), 2);
  ASSERT_EQ(recorder.memory().size(), 2u);
  EXPECT_EQ(recorder.memory()[0].bytes, 64);
  EXPECT_EQ(recorder.memory()[1].bytes, 48);
  EXPECT_EQ(recorder.peakBytes(), 64);
}

TEST(Recorder, NobodyIsToldOutsideOfARun) {
  Recorder recorder(1);
  Recorder::begin(0);
  Recorder::end(0, 1, 1, 1);
  Recorder::changeMemory(1);
  recorder.beginRun();
  recorder.endRun();
  EXPECT_EQ(recorder.operations()[0].calls, 0);
  EXPECT_TRUE(recorder.memory().empty());
}

TEST(Profile, SaysWhyAPatternGainsNothing) {
  Profile sparse, dense;
  auto add = [](Profile &profile, const char *name, double ms, double bound) {
    OperationProfile row;
    row.name = name;
    row.pattern = "2:4";
    row.ms = ms;
    row.boundMs = bound;
    row.read = 1000;
    row.weightBytes = 100;
    profile.operations.push_back(row);
  };
  add(sparse, "gains", 1, 0.5);
  add(sparse, "bound", 1, 0.5);
  add(sparse, "overhead", 1, 0.1);
  add(dense, "gains", 2, 1);
  add(dense, "bound", 1, 0.52);
  add(dense, "overhead", 1.04, 0.2);
  dense.runMs = 4;
  compareWithDense(sparse, dense);
  EXPECT_EQ(sparse.denseRunMs, 4);
  EXPECT_TRUE(sparse.operations[0].notes.empty());
  EXPECT_EQ(sparse.operations[0].denseMs, 2);
  ASSERT_EQ(sparse.operations[1].notes.size(), 1u);
  EXPECT_NE(
      sparse.operations[1].notes[0].find("of 1000 bytes 900 are activations"),
      std::string::npos);
  ASSERT_EQ(sparse.operations[2].notes.size(), 1u);
  EXPECT_NE(sparse.operations[2].notes[0].find("10 % of its bound"),
            std::string::npos);
}

TEST(Bounds, BytesComeFromTheInnermostLevelThatHoldsThem) {
  auto host = ::nm::machine::findDevice("generic-host");
  ASSERT_TRUE(host);
  Bounds bounds = ::nm::machine::describeBounds(*host, 2);
  // 2 cores, 2 multiply-adds of 8 lanes a cycle at 3 GHz.
  EXPECT_DOUBLE_EQ(bounds.flopsPerSecond, 2 * 2 * 2 * 8 * 3e9);
  ASSERT_EQ(bounds.levels.size(), 4u);
  EXPECT_EQ(bounds.levelOf(65536).name, "L1"); // one for each core
  EXPECT_EQ(bounds.levelOf(65537).name, "L2");
  EXPECT_EQ(bounds.levelOf(33554432).name, "L3"); // shared
  EXPECT_EQ(bounds.levelOf(1e15).name, "memory");
  EXPECT_DOUBLE_EQ(bounds.levels[0].bytesPerSecond, 64 * 3e9 * 2);
  EXPECT_DOUBLE_EQ(bounds.levels[3].bytesPerSecond, 12e9);
  // No more threads than cores.
  EXPECT_EQ(::nm::machine::describeBounds(*host, 64).threads, 2);
}

} // namespace
