//===- TimeloopExercisesTest.cpp - Traffic of published exercises ----------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Words that Timeloop counts for the exercises of its tutorials (ISPASS 2020,
// ISCA 2021; github.com/Accelergy-Project/timeloop-accelergy-exercises,
// reference outputs), against those of the cost model for the same loops. Where
// they differ the test states by what: docs/reproduction/timeloop.md says why.
//
//===----------------------------------------------------------------------===//

#include "nm/Machine/ProductTerms.h"
#include "nm/Model/Extended.h"
#include <gtest/gtest.h>

using namespace nm::model;

namespace {

/// A product of filters by windows, or of rows by columns: `rows` x `depth` by
/// `depth` x `columns`, blocks of `block` rows from main memory one after the
/// other.
struct Exercise {
  const char *name;
  int64_t rows, depth, columns, block;
  bool keepsColumns; ///< the right operand stays on chip for all blocks
  /// Published reads and updates of main memory.
  int64_t left, right, result;
  /// Inputs over the elements of their windows, 1 for products of matrices.
  int64_t inputs = 1, windows = 1;
};

/// Words between main memory and buffer: the first product of an attention
/// without fusion, of which all else is known.
int64_t wordsOf(const Exercise &e) {
  Device device = *findDevice("edge");
  device.elementBits = 8;
  AttentionShape shape;
  shape.queries = e.rows;
  shape.keys = e.columns;
  shape.headDim = e.depth;
  shape.valueDim = 1;
  Dataflow flow;
  flow.granularity = Granularity::Row;
  flow.rows = e.block;
  flow.staged = StagedQ | StagedV | StagedOutput;
  if (e.keepsColumns)
    flow.staged |= StagedK;
  int64_t logits = e.rows * e.columns;
  // The softmax reads and writes the logits, the second product reads them; V
  // and the outputs are one element wide.
  return extendedDramBytes(device, shape, flow) - 3 * logits - e.columns -
         e.rows;
}

TEST(TimeloopExercises, MainMemory) {
  // A convolution of 3 taps reads 18 inputs for 16 positions, its windows have
  // 48 elements.
  constexpr int64_t kInputs = 18, kWindows = 48;
  for (const Exercise &e : std::initializer_list<Exercise>{
           {"01, output stationary", 1, 3, 16, 1, false, 3, 18, 16, kInputs,
            kWindows},
           {"02, untiled", 32, 3, 16, 1, false, 96, 576, 512, kInputs,
            kWindows},
           {"02, tiled", 32, 3, 16, 2, false, 96, 288, 512, kInputs, kWindows},
           {"04, filters side by side", 32, 96, 16, 32, true, 3072, 576, 512,
            kInputs, kWindows},
           {"ISCA 2021, 02.2.1, dense", 8, 8, 8, 8, true, 64, 64, 64},
           {"ISCA 2021, 02.2.2, dense, four tiles of N", 8, 8, 8, 2, true, 64,
            64, 64}}) {
    // Windows are a matrix here: inputs that overlap come again.
    int64_t right = e.right * e.windows / e.inputs;
    EXPECT_EQ(wordsOf(e), e.left + right + e.result) << e.name;
  }
}

/// Between the buffer and 16 MACs.
TEST(TimeloopExercises, Array) {
  // Exercise 04: 16 positions, 32 channels of 3 taps, 32 filters.
  int64_t m = 16, k = 96, n = 32;
  int64_t weights = k * n, sums = m * n;
  auto streamed = [&](int64_t a, int64_t b) {
    int64_t all =
        nm::machine::productTraffic(Stationarity::Weight, a, b, m, k, n);
    // Sums are read and written for each part of the reduction, but not read
    // for the first one.
    int64_t turns = nm::support::ceilDiv(k, a);
    return all - weights - sums * (2 * turns - 1);
  };
  // Filters side by side, the taps one after the other in registers: 15,872
  // reads and 16,384 updates of sums, 3,072 weights, 1,152 inputs.
  EXPECT_EQ(sums * (2 * 32 - 1), 15872 + 16384);
  EXPECT_EQ(weights, 3072);
  EXPECT_EQ(streamed(3, 16) * 18 / 48, 1152);
  // Channels side by side: 512 and 1,024, and 18,432 inputs.
  EXPECT_EQ(sums * (2 * 2 - 1), 512 + 1024);
  EXPECT_EQ(streamed(48, 1) * 18 / 48, 18432);
  // 49,152 products on 16 MACs take the published 3,072 cycles; here the taps
  // are side by side as well. Weights come in row by row: 48 rows take longer
  // than 16 positions.
  EXPECT_EQ(nm::machine::productCycles(Stationarity::Weight, 3, 16, m, k, n),
            3072 / 3);
  EXPECT_EQ(nm::machine::productCycles(Stationarity::Weight, 48, 1, m, k, n),
            3072 / 3 * 48 / 16);
}

/// One MAC without registers: Timeloop counts each operand for each product,
/// here the stationary one is held in the MAC.
TEST(TimeloopExercises, OneMultiplier) {
  int64_t m = 8, k = 8, n = 8;
  constexpr int64_t kRead = 512, kHeld = 64, kSums = 448 + 512;
  EXPECT_EQ(nm::machine::productTraffic(Stationarity::Input, 1, 1, m, k, n),
            kRead + kHeld + kSums);
  EXPECT_EQ(nm::machine::productCycles(Stationarity::Input, 1, 1, m, k, n),
            512);
}

} // namespace
