//===- RegionVectorizerTest.cpp - Widening of scalar regions ---*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The oracle is MLIR's own folding of scalars: a region on numbers folds to a
// number, and its wide form on vectors of numbers to the same, lane by lane.
//
//===----------------------------------------------------------------------===//

#include "nm/Transforms/RegionVectorizer.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"
#include <random>

using namespace mlir;
using mlir::nm::broadcastTo;
using mlir::nm::cloneWide;
using mlir::nm::isVectorizable;

namespace {

constexpr int64_t kLanes = 4;

class RegionVectorizerTest : public ::testing::Test {
protected:
  RegionVectorizerTest() : builder(&context) {
    context
        .loadDialect<arith::ArithDialect, func::FuncDialect, math::MathDialect,
                     memref::MemRefDialect, vector::VectorDialect>();
    module = ModuleOp::create(builder, loc());
    builder.setInsertionPointToStart(module->getBody());
  }

  Location loc() { return builder.getUnknownLoc(); }

  /// The body of a function of floats %a, %b and integers %m, %n.
  Block &parse(const std::string &body, StringRef result) {
    source = parseSourceString<ModuleOp>(
        "func.func @f(%a: f32, %b: f32, %m: i32, %n: i32, %at: index, "
        "%memory: memref<8xf32>) -> " +
            result.str() + " {\n" + body + "\nreturn %r : " + result.str() +
            "\n}",
        &context);
    EXPECT_TRUE(source) << body;
    return (*source->getOps<func::FuncOp>().begin()).getBody().front();
  }

  /// What `value` folds to, its operands first.
  Attribute fold(Value value) {
    Attribute known;
    if (matchPattern(value, m_Constant(&known)))
      return known;
    Operation *op = value.getDefiningOp();
    if (!op)
      return {};
    SmallVector<Attribute> operands;
    for (Value operand : op->getOperands())
      operands.push_back(fold(operand));
    SmallVector<OpFoldResult> results;
    if (failed(op->fold(operands, results)) || results.size() != 1)
      return {};
    if (auto attribute = dyn_cast<Attribute>(results[0]))
      return attribute;
    return fold(cast<Value>(results[0]));
  }

  MLIRContext context;
  OpBuilder builder;
  OwningOpRef<ModuleOp> module, source;
};

/// Lines of a random region over %a, %b, %m, %n, whose result is %r; returns
/// its type.
struct RandomRegion {
  std::string body;
  StringRef type;

  explicit RandomRegion(std::mt19937 &random) {
    auto below = [&](unsigned count) { return unsigned(random() % count); };
    std::vector<std::string> floats{"%a", "%b"}, integers{"%m", "%n"}, truths;
    auto any = [&](const std::vector<std::string> &of) {
      return of[below(of.size())];
    };
    unsigned count = 3 + below(6);
    for (unsigned i = 0; i < count; ++i) {
      std::string name = i + 1 == count ? "%r" : "%v" + std::to_string(i);
      constexpr const char *kFloat[] = {"addf", "subf", "mulf", "maximumf",
                                        "minimumf"};
      constexpr const char *kInteger[] = {"addi", "subi", "muli",
                                          "andi", "xori", "maxsi"};
      unsigned choice = below(truths.empty() ? 5 : 7);
      body += name + " = arith.";
      if (choice == 0) {
        body += "constant " + std::to_string(below(5)) + ".5 : f32";
        floats.push_back(name);
        type = "f32";
      } else if (choice <= 2) {
        body += std::string(kFloat[below(5)]) + " " + any(floats) + ", " +
                any(floats) + " : f32";
        floats.push_back(name);
        type = "f32";
      } else if (choice == 3) {
        body += std::string(kInteger[below(6)]) + " " + any(integers) + ", " +
                any(integers) + " : i32";
        integers.push_back(name);
        type = "i32";
      } else if (choice == 4) {
        // (Upstream folds comparisons of floats for scalars alone.)
        body += "cmpi slt, " + any(integers) + ", " + any(integers) + " : i32";
        truths.push_back(name);
        type = "i1";
      } else {
        bool ofFloats = below(2);
        const std::vector<std::string> &from = ofFloats ? floats : integers;
        body += "select " + any(truths) + ", " + any(from) + ", " + any(from);
        type = ofFloats ? "f32" : "i32";
        body += " : " + type.str();
        (ofFloats ? floats : integers).push_back(name);
      }
      body += "\n";
    }
  }
};

TEST_F(RegionVectorizerTest, LanesComputeWhatScalarsDo) {
  constexpr unsigned kSeed = 2101, kCount = 400;
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  std::mt19937 random(kSeed);
  for (unsigned number = 0; number < kCount; ++number) {
    RandomRegion region(random);
    Block &block = parse(region.body, region.type);
    ASSERT_TRUE(isVectorizable(block)) << region.body;
    // Numbers for each argument and lane; some arguments are one scalar.
    SmallVector<SmallVector<Attribute>> numbers(4);
    IRMapping wide;
    for (unsigned argument = 0; argument < 4; ++argument) {
      Type type = block.getArgument(argument).getType();
      bool isScalar = random() % 4 == 0;
      for (int64_t lane = 0; lane < kLanes; ++lane) {
        int64_t value = int64_t(random() % 9) - 4;
        Attribute attribute =
            isa<FloatType>(type)
                ? Attribute(builder.getF32FloatAttr(value * 0.5f))
                : Attribute(builder.getI32IntegerAttr(value));
        if (isScalar && lane)
          attribute = numbers[argument][0];
        numbers[argument].push_back(attribute);
      }
      TypedAttr constant =
          isScalar ? cast<TypedAttr>(numbers[argument][0])
                   : TypedAttr(DenseElementsAttr::get(
                         VectorType::get({kLanes}, type), numbers[argument]));
      wide.map(block.getArgument(argument),
               arith::ConstantOp::create(builder, loc(), constant).getResult());
    }
    for (Operation &op : block.without_terminator())
      cloneWide(builder, op, kLanes, wide);
    Value yielded = block.getTerminator()->getOperand(0);
    Value result = broadcastTo(builder, loc(), wide.lookup(yielded), kLanes);
    EXPECT_EQ(result.getType(), VectorType::get({kLanes}, yielded.getType()));
    ASSERT_TRUE(succeeded(verify(*module))) << region.body;
    auto lanes = dyn_cast_or_null<DenseElementsAttr>(fold(result));
    ASSERT_TRUE(lanes) << region.body;
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      // The region as it is, on this lane's numbers.
      IRMapping scalar;
      for (unsigned argument = 0; argument < 4; ++argument)
        scalar.map(block.getArgument(argument),
                   arith::ConstantOp::create(
                       builder, loc(), cast<TypedAttr>(numbers[argument][lane]))
                       .getResult());
      for (Operation &op : block.without_terminator())
        cloneWide(builder, op, 1, scalar);
      EXPECT_EQ(fold(scalar.lookup(yielded)),
                lanes.getValues<Attribute>()[lane])
          << "number " << number << ", lane " << lane << "\n"
          << region.body;
    }
    module->getBody()->clear();
  }
}

TEST_F(RegionVectorizerTest, ConstantsStayScalar) {
  Block &block = parse("%c = arith.constant 2.0 : f32\n"
                       "%r = arith.mulf %a, %c : f32",
                       "f32");
  IRMapping mapping;
  Value argument = arith::ConstantOp::create(
      builder, loc(),
      DenseElementsAttr::get(VectorType::get({kLanes}, builder.getF32Type()),
                             1.5f));
  mapping.map(block.getArgument(0), argument);
  for (Operation &op : block.without_terminator())
    cloneWide(builder, op, kLanes, mapping);
  EXPECT_TRUE(mapping.lookup(block.front().getResult(0)).getType().isF32());
  // The product reads it through one broadcast.
  unsigned broadcasts = 0;
  module->walk([&](vector::BroadcastOp) { ++broadcasts; });
  EXPECT_EQ(broadcasts, 1u);
}

TEST_F(RegionVectorizerTest, AttributesAreKept) {
  Block &block = parse("%r = arith.addf %a, %b fastmath<reassoc> : f32", "f32");
  IRMapping mapping;
  auto zero = DenseElementsAttr::get(
      VectorType::get({kLanes}, builder.getF32Type()), 0.0f);
  for (unsigned argument : {0, 1})
    mapping.map(block.getArgument(argument),
                arith::ConstantOp::create(builder, loc(), zero).getResult());
  cloneWide(builder, block.front(), kLanes, mapping);
  auto wide =
      mapping.lookup(block.front().getResult(0)).getDefiningOp<arith::AddFOp>();
  ASSERT_TRUE(wide);
  EXPECT_EQ(wide.getFastmath(), arith::FastMathFlags::reassoc);
}

TEST_F(RegionVectorizerTest, WhatIsNotElementwise) {
  EXPECT_TRUE(isVectorizable(parse("%r = math.exp %a : f32", "f32")));
  EXPECT_TRUE(isVectorizable(parse("%t = arith.extf %a : f32 to f64\n"
                                   "%r = arith.truncf %t : f64 to bf16",
                                   "bf16")));
  // Memory, positions, and what has a region.
  EXPECT_FALSE(isVectorizable(
      parse("%r = memref.load %memory[%at] : memref<8xf32>", "f32")));
  EXPECT_FALSE(
      isVectorizable(parse("%r = arith.addi %at, %at : index", "index")));
  EXPECT_FALSE(isVectorizable(
      parse("%v = vector.broadcast %a : f32 to vector<4xf32>\n"
            "%r = vector.reduction <add>, %v : vector<4xf32> into f32",
            "f32")));
}

TEST_F(RegionVectorizerTest, BroadcastsScalarsOnly) {
  Value scalar =
      arith::ConstantOp::create(builder, loc(), builder.getF32FloatAttr(1));
  EXPECT_EQ(broadcastTo(builder, loc(), scalar, 1), scalar);
  Value wide = broadcastTo(builder, loc(), scalar, kLanes);
  EXPECT_EQ(wide.getType(), VectorType::get({kLanes}, builder.getF32Type()));
  EXPECT_EQ(broadcastTo(builder, loc(), wide, kLanes), wide);
}

} // namespace
