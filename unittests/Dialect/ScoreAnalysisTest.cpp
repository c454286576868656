//===- ScoreAnalysisTest.cpp - What score functions do ---------*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/Flat/IR/ScoreAnalysis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace mlir::flat;

namespace {

class ScoreAnalysisTest : public ::testing::Test {
protected:
  ScoreAnalysisTest() {
    context.loadDialect<arith::ArithDialect, FlatDialect, func::FuncDialect,
                        math::MathDialect>();
  }

  /// Analyses a region of the lines `body`, which yields %r. %s is the logit,
  /// %i and %j the positions, %h the head, %e an operand over heads, %length
  /// one over the batch; there are the constants %minf, %zero, %c2, %c4,
  /// %lowest and %cap (3.0).
  ScoreAnalysis analyze(StringRef body, bool takesBatchValues = false) {
    std::string text = R"(
      func.func @f(%q: tensor<1x2x8x4xf32>, %slopes: tensor<2xf32>, %lengths: tensor<1xi64>,
                   %o: tensor<1x2x8x4xf32>) -> tensor<1x2x8x4xf32> {
        %minf = arith.constant 0xFF800000 : f32
        %lowest = arith.constant 0xFF7FFFFF : f32
        %zero = arith.constant 0.0 : f32
        %cap = arith.constant 3.0 : f32
        %c2 = arith.constant 2 : index
        %c4 = arith.constant 4 : index
        %x = flat.attention
            ins(%q, %q, %q : tensor<1x2x8x4xf32>, tensor<1x2x8x4xf32>, tensor<1x2x8x4xf32>)
            outs(%o : tensor<1x2x8x4xf32>)
            score operands(%slopes, %lengths : tensor<2xf32>, tensor<1xi64>)
              maps [affine_map<(b, h, i, j) -> (h)>, affine_map<(b, h, i, j) -> (b)>] {
        ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index, %e: f32, %length: i64):
    )" + body.str() +
                       R"(
          flat.yield %r : f32
        } -> tensor<1x2x8x4xf32>
        return %x : tensor<1x2x8x4xf32>
      })";
    module = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(module) << body.str();
    ScoreAnalysis result;
    if (module)
      module->walk([&](AttentionOp op) {
        result = analyzeScore(op, takesBatchValues);
        logit = op.getScore().front().getArgument(0);
        operand = op.getScore().front().getArgument(5);
      });
    return result;
  }

  void expectWindow(StringRef body, std::optional<int64_t> left,
                    std::optional<int64_t> right) {
    ScoreAnalysis result = analyze(body);
    EXPECT_EQ(result.left, left) << body.str();
    EXPECT_EQ(result.right, right) << body.str();
    EXPECT_TRUE(result.isWindowExact) << body.str();
    EXPECT_TRUE(result.isIdentity()) << body.str();
    EXPECT_EQ(result.value, logit) << body.str();
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  Value logit, operand;
};

TEST_F(ScoreAnalysisTest, HidesByAdding) {
  ScoreAnalysis added = analyze(R"(%c = arith.cmpi sle, %j, %i : index
                                   %m = arith.select %c, %zero, %minf : f32
                                   %t = arith.addf %s, %e : f32
                                   %r = arith.addf %t, %m : f32)");
  EXPECT_EQ(added.right, 0);
  EXPECT_TRUE(added.hidesByAdding);
  ScoreAnalysis chosen = analyze(R"(%c = arith.cmpi sle, %j, %i : index
                                    %t = arith.addf %s, %e : f32
                                    %r = arith.select %c, %t, %minf : f32)");
  EXPECT_EQ(chosen.right, 0);
  EXPECT_FALSE(chosen.hidesByAdding);
}

TEST_F(ScoreAnalysisTest, TruthAsNumber) {
  expectWindow(R"(%c = arith.cmpi sle, %j, %i : index
                  %n = arith.extui %c : i1 to i8
                  %n0 = arith.constant 0 : i8
                  %d = arith.cmpi ne, %n, %n0 : i8
                  %r = arith.select %d, %s, %minf : f32)",
               std::nullopt, 0);
  expectWindow(R"(%c = arith.cmpi sgt, %j, %i : index
                  %n = arith.extsi %c : i1 to i32
                  %n0 = arith.constant 0 : i32
                  %d = arith.cmpi eq, %n, %n0 : i32
                  %r = arith.select %d, %s, %minf : f32)",
               std::nullopt, 0);
}

TEST_F(ScoreAnalysisTest, Causal) {
  expectWindow(R"(%c = arith.cmpi sle, %j, %i : index
                  %r = arith.select %c, %s, %minf : f32)",
               std::nullopt, 0);
  expectWindow(R"(%c = arith.cmpi uge, %i, %j : index
                  %r = arith.select %c, %s, %minf : f32)",
               std::nullopt, 0);
  expectWindow(R"(%c = arith.cmpi slt, %i, %j : index
                  %r = arith.select %c, %minf, %s : f32)",
               std::nullopt, 0);
  // Shifted, with casts, as something added.
  expectWindow(R"(%k = arith.addi %i, %c2 : index
                  %a = arith.index_cast %k : index to i32
                  %b0 = arith.index_cast %j : index to i32
                  %c = arith.cmpi slt, %b0, %a : i32
                  %m = arith.select %c, %zero, %minf : f32
                  %r = arith.addf %m, %s : f32)",
               std::nullopt, 1);
}

TEST_F(ScoreAnalysisTest, Windows) {
  expectWindow(R"(%c = arith.cmpi sle, %j, %i : index
                  %d = arith.subi %i, %j : index
                  %w = arith.cmpi slt, %d, %c4 : index
                  %a = arith.andi %c, %w : i1
                  %r = arith.select %a, %s, %minf : f32)",
               3, 0);
  expectWindow(R"(%d = arith.subi %i, %j : index
                  %w = arith.cmpi ult, %d, %c4 : index
                  %r = arith.select %w, %s, %minf : f32)",
               3, 0);
  // Not (key > query + 2 or key < query - 4), in two selects the other way.
  expectWindow(R"(%hi = arith.addi %i, %c2 : index
                  %lo = arith.subi %i, %c4 : index
                  %a = arith.cmpi sgt, %j, %hi : index
                  %b0 = arith.cmpi slt, %j, %lo : index
                  %o0 = arith.ori %a, %b0 : i1
                  %r = arith.select %o0, %minf, %s : f32)",
               4, 2);
  expectWindow(R"(%a = arith.cmpi eq, %j, %i : index
                  %r = arith.select %a, %s, %minf : f32)",
               0, 0);
}

TEST_F(ScoreAnalysisTest, BoundsThatDoNotSayItAll) {
  // Every second key of a causal window: the bound holds, the select stays.
  ScoreAnalysis result = analyze(R"(%c = arith.cmpi sle, %j, %i : index
      %m = arith.remsi %j, %c2 : index
      %z = arith.cmpi ne, %m, %c2 : index
      %a = arith.andi %c, %z : i1
      %r = arith.select %a, %s, %minf : f32)");
  EXPECT_EQ(result.right, 0);
  EXPECT_FALSE(result.isWindowExact);
  EXPECT_FALSE(result.isIdentity());

  // A very negative number hides nothing.
  result = analyze(R"(%c = arith.cmpi sle, %j, %i : index
      %r = arith.select %c, %s, %lowest : f32)");
  EXPECT_FALSE(result.hasWindow());
  EXPECT_TRUE(result.isGeneric);

  // Neither does a key's own number.
  result = analyze(R"(%c = arith.cmpi slt, %j, %c4 : index
      %r = arith.select %c, %s, %minf : f32)");
  EXPECT_FALSE(result.hasWindow());
  EXPECT_FALSE(result.isWindowExact);

  // Nor an alternative: one of two bounds.
  result = analyze(R"(%c = arith.cmpi sle, %j, %i : index
      %d = arith.cmpi slt, %h, %c2 : index
      %a = arith.ori %c, %d : i1
      %r = arith.select %a, %s, %minf : f32)");
  EXPECT_FALSE(result.hasWindow());
  EXPECT_FALSE(result.isWindowExact);

  // i8 positions wrap.
  result = analyze(R"(%a = arith.index_cast %j : index to i8
      %b0 = arith.index_cast %i : index to i8
      %c = arith.cmpi sle, %a, %b0 : i8
      %r = arith.select %c, %s, %minf : f32)");
  EXPECT_FALSE(result.hasWindow());
  EXPECT_FALSE(result.isWindowExact);
}

TEST_F(ScoreAnalysisTest, Alibi) {
  ScoreAnalysis result = analyze(R"(%d = arith.subi %j, %i : index
      %n = arith.index_cast %d : index to i64
      %f = arith.sitofp %n : i64 to f32
      %m = arith.mulf %f, %e : f32
      %t = arith.addf %m, %s : f32
      %c = arith.cmpi sle, %j, %i : index
      %r = arith.select %c, %t, %minf : f32)");
  EXPECT_EQ(result.alibiSlope, operand);
  EXPECT_EQ(result.right, 0);
  EXPECT_EQ(result.added.size(), 1u);
  EXPECT_FALSE(result.isGeneric);
  EXPECT_NE(result.value, logit);

  // A slope that depends on the key is none.
  result = analyze(R"(%n = arith.index_cast %j : index to i64
      %f = arith.sitofp %n : i64 to f32
      %m = arith.mulf %f, %f : f32
      %r = arith.addf %m, %s : f32)");
  EXPECT_FALSE(result.alibiSlope);
  EXPECT_EQ(result.added.size(), 1u);
}

TEST_F(ScoreAnalysisTest, SoftCap) {
  ScoreAnalysis result = analyze(R"(%d = arith.divf %s, %cap : f32
      %t = math.tanh %d : f32
      %m = arith.mulf %cap, %t : f32
      %r = arith.addf %m, %e : f32)");
  EXPECT_EQ(result.softCap, 3.0);
  EXPECT_EQ(result.added.size(), 1u);
  EXPECT_FALSE(result.isGeneric);

  result = analyze(R"(%k = arith.constant 0.333333343 : f32
      %d = arith.mulf %s, %k : f32
      %t = math.tanh %d : f32
      %r = arith.mulf %t, %cap : f32)");
  EXPECT_EQ(result.softCap, 3.0);

  // Another factor outside than inside.
  result = analyze(R"(%k = arith.constant 4.0 : f32
      %d = arith.divf %s, %cap : f32
      %t = math.tanh %d : f32
      %r = arith.mulf %t, %k : f32)");
  EXPECT_FALSE(result.softCap);
  EXPECT_TRUE(result.isGeneric);
}

/// Numbers of a sequence bound its keys; whoever does not ask for them is told
/// that the window is not all.
TEST_F(ScoreAnalysisTest, BoundsOfSequences) {
  // Key < n, and key <= query + max(n - 4, 0): decoding behind padding.
  const char *body = R"(%l = arith.index_cast %length : i64 to index
      %in = arith.cmpi slt, %j, %l : index
      %d = arith.subi %l, %c4 : index
      %z = arith.constant 0 : index
      %m = arith.maxsi %d, %z : index
      %p = arith.addi %i, %m : index
      %c = arith.cmpi sge, %p, %j : index
      %a = arith.andi %in, %c : i1
      %r = arith.select %a, %s, %minf : f32)";
  ScoreAnalysis result = analyze(body);
  EXPECT_FALSE(result.isWindowExact);
  EXPECT_TRUE(result.endKeys.empty());
  EXPECT_FALSE(result.hasWindow());

  result = analyze(body, /*takesBatchValues=*/true);
  EXPECT_TRUE(result.isIdentity());
  ASSERT_EQ(result.endKeys.size(), 2u);
  EXPECT_FALSE(result.endKeys[0].followsQuery);
  EXPECT_EQ(result.endKeys[0].sign, 1);
  EXPECT_EQ(result.endKeys[0].constant, 0);
  EXPECT_TRUE(result.endKeys[1].followsQuery);
  EXPECT_TRUE(
      isa_and_nonnull<arith::MaxSIOp>(result.endKeys[1].term.getDefiningOp()));
  EXPECT_EQ(result.endKeys[1].constant, 1);

  // 5 - n <= key: a first key that falls with n; and key > 2.
  result = analyze(R"(%l = arith.index_cast %length : i64 to index
      %c5 = arith.constant 5 : index
      %t = arith.addi %j, %l : index
      %x = arith.cmpi sle, %c5, %t : index
      %y = arith.cmpi sgt, %j, %c2 : index
      %a = arith.andi %x, %y : i1
      %r = arith.select %a, %s, %minf : f32)",
                   true);
  EXPECT_TRUE(result.isIdentity());
  ASSERT_EQ(result.firstKeys.size(), 2u);
  EXPECT_EQ(result.firstKeys[0].sign, -1);
  EXPECT_EQ(result.firstKeys[0].constant, 5);
  EXPECT_FALSE(result.firstKeys[1].term);
  EXPECT_EQ(result.firstKeys[1].constant, 3);
}

/// What is no bound of consecutive keys by a number of the sequence.
TEST_F(ScoreAnalysisTest, NoBoundsOfSequences) {
  for (const char *condition : {
           // of the head, not the sequence
           "%l = arith.fptosi %e : f32 to i64\n"
           "%x = arith.index_cast %l : i64 to index\n"
           "%c = arith.cmpi slt, %j, %x : index",
           // twice the key
           "%x = arith.index_cast %length : i64 to index\n"
           "%t = arith.addi %j, %j : index\n"
           "%c = arith.cmpi slt, %t, %x : index",
           // two numbers, of which one has the sign of the other side
           "%x = arith.index_cast %length : i64 to index\n"
           "%t = arith.addi %j, %x : index\n"
           "%c = arith.cmpi slt, %t, %b : index",
           // unsigned: a negative number is beyond all
           "%x = arith.index_cast %length : i64 to index\n"
           "%c = arith.cmpi ult, %j, %x : index",
       }) {
    ScoreAnalysis result = analyze(
        std::string(condition) + "\n%r = arith.select %c, %s, %minf : f32",
        /*takesBatchValues=*/true);
    EXPECT_FALSE(result.isWindowExact) << condition;
    EXPECT_FALSE(result.hasWindow()) << condition;
  }
}

TEST_F(ScoreAnalysisTest, NothingElse) {
  ScoreAnalysis result = analyze("%r = math.absf %s : f32");
  EXPECT_TRUE(result.isGeneric);
  EXPECT_FALSE(result.hasWindow());
  EXPECT_TRUE(result.isWindowExact);
}

} // namespace
