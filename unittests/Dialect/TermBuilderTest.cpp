//===- TermBuilderTest.cpp - Scalar terms behind tensors -------*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Terms are written out and compared with what an element of each program's
// result is, as one reads it from the program.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "nm/Dialect/Flat/Transforms/RaiseAttentionTerm.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace mlir::flat::raise;

namespace {

class TermBuilderTest : public ::testing::Test {
protected:
  TermBuilderTest() {
    context.loadDialect<arith::ArithDialect, func::FuncDialect,
                        linalg::LinalgDialect, math::MathDialect,
                        tensor::TensorDialect>();
  }

  /// The term of the result number `number` of a function with the arguments
  /// %x, %y: tensor<4x8xf32>, %c: tensor<8xf32>, %s: f32, and %e, %init, which
  /// are empty tensors <4x8xf32> and <4xf32>. Rows run along dimension 1.
  const Term *evaluate(StringRef body) {
    std::string text = R"(
      #ij = affine_map<(i, j) -> (i, j)>
      #i = affine_map<(i, j) -> (i)>
      #j = affine_map<(i, j) -> (j)>
      func.func @f(%x: tensor<4x8xf32>, %y: tensor<4x8xf32>,
                   %c: tensor<8xf32>, %s: f32) -> tensor<4x8xf32> {
        %e = tensor.empty() : tensor<4x8xf32>
        %init = tensor.empty() : tensor<4xf32>
        %minf = arith.constant 0xFF800000 : f32
        %zero = arith.constant 0.0 : f32
        %two = arith.constant 2.0 : f32
    )" + body.str() +
                       R"(
        return %r : tensor<4x8xf32>
      })";
    module = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(module) << body.str();
    if (!module)
      return nullptr;
    func = *module->getOps<func::FuncOp>().begin();
    Value result = func.getBody().front().getTerminator()->getOperand(0);
    table = AxisTable();
    view = {result, {table.create(result, 0), table.create(result, 1)}};
    terms = std::make_unique<TermBuilder>(table, view.dims[1]);
    return terms->evaluate(view);
  }

  std::string written(const Term *term) {
    if (!term)
      return "nothing";
    switch (term->kind) {
    case Term::Constant:
      return number(*term->getNumber());
    case Term::Scalar:
      return nameOf(term->value);
    case Term::Index:
      return place(term->dims[0]);
    case Term::Leaf: {
      std::string text = nameOf(term->value) + "[";
      for (const Axes &dim : term->dims)
        text += place(dim);
      return text + "]";
    }
    case Term::Apply:
      return list(term->op->getName().stripDialect().str(), term);
    case Term::Max:
      return list("max", term);
    case Term::Sum:
      return list("sum", term);
    case Term::All:
      return list("all", term);
    case Term::Any:
      return list("any", term);
    case Term::Product:
      return "product";
    }
    return "unknown";
  }

  void expectTerm(StringRef body, StringRef expected) {
    EXPECT_EQ(written(evaluate(body)), expected) << body.str();
  }

  static std::string number(double value) {
    std::string text = std::to_string(value);
    text.erase(text.find_last_not_of('0') + 1);
    return text.back() == '.' ? text.substr(0, text.size() - 1) : text;
  }
  std::string place(const Axes &axes) {
    Axes resolved = table.resolve(axes);
    return resolved == table.resolve(view.dims[0])   ? "i"
           : resolved == table.resolve(view.dims[1]) ? "j"
           : resolved.empty()                        ? "0"
                                                     : "?";
  }
  std::string nameOf(Value value) {
    auto argument = dyn_cast<BlockArgument>(value);
    return argument ? std::string(1, "xycs"[argument.getArgNumber()]) : "?";
  }
  std::string list(std::string name, const Term *term) {
    name += "(";
    for (auto [index, operand] : llvm::enumerate(term->operands))
      name += (index ? ", " : "") + written(operand);
    return name + ")";
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  func::FuncOp func;
  AxisTable table;
  AxisView view;
  std::unique_ptr<TermBuilder> terms;
};

/// Lines of a generic operation over i and j of `inputs`, each with a map.
std::string generic(StringRef name, StringRef maps, StringRef inputs,
                    StringRef types, StringRef arguments, StringRef body) {
  return (name + " = linalg.generic {indexing_maps = [" + maps +
          ", #ij], iterator_types = [\"parallel\", \"parallel\"]} ins(" +
          inputs + " : " + types + ") outs(%e : tensor<4x8xf32>) {\n^bb0(" +
          arguments + ", %out: f32):\n" + body + "} -> tensor<4x8xf32>\n")
      .str();
}
constexpr StringRef kMatrix = "tensor<4x8xf32>";

/// A reduction of `input` over its rows, from `start` on, and its result for
/// each element.
std::string reduced(StringRef start, StringRef combine) {
  return ("%begin = linalg.fill ins(" + start +
          " : f32) outs(%init : tensor<4xf32>) -> tensor<4xf32>\n"
          "%row = linalg.generic {indexing_maps = [#ij, #i], iterator_types = "
          "[\"parallel\", \"reduction\"]} ins(%x : tensor<4x8xf32>) "
          "outs(%begin : tensor<4xf32>) {\n^bb0(%a: f32, %acc: f32):\n" +
          combine + "linalg.yield %t : f32\n} -> tensor<4xf32>\n" +
          generic("%r", "#i", "%row", "tensor<4xf32>", "%v: f32",
                  "linalg.yield %v : f32\n"))
      .str();
}

TEST_F(TermBuilderTest, NamedAndGenericAreOneTerm) {
  constexpr StringRef kExpected = "exp(addf(x[ij], y[ij]))";
  expectTerm(R"(
    %t = linalg.add ins(%x, %y : tensor<4x8xf32>, tensor<4x8xf32>)
        outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>
    %r = linalg.exp ins(%t : tensor<4x8xf32>)
        outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>)",
             kExpected);
  expectTerm(generic("%r", "#ij, #ij", "%x, %y",
                     "tensor<4x8xf32>, tensor<4x8xf32>", "%a: f32, %b: f32",
                     "%t = arith.addf %a, %b : f32\n"
                     "%u = math.exp %t : f32\nlinalg.yield %u : f32\n"),
             kExpected);
}

TEST_F(TermBuilderTest, ReadsVectorsScalarsConstantsAndPositions) {
  expectTerm(generic("%r", "#ij, #j", "%x, %c",
                     "tensor<4x8xf32>, tensor<8xf32>", "%a: f32, %b: f32",
                     "%p = linalg.index 1 : index\n"
                     "%n = arith.index_cast %p : index to i32\n"
                     "%m = arith.sitofp %n : i32 to f32\n"
                     "%t = arith.mulf %b, %s : f32\n"
                     "%u = arith.addf %t, %m : f32\n"
                     "%v = arith.mulf %u, %two : f32\n"
                     "linalg.yield %v : f32\n"),
             "mulf(addf(mulf(c[j], s), sitofp(index_cast(j))), 2)");
}

TEST_F(TermBuilderTest, ConversionsOfFloatsAreLeftOut) {
  expectTerm(generic("%r", "#ij", "%x", kMatrix, "%a: f32",
                     "%h = arith.truncf %a : f32 to bf16\n"
                     "%g = math.exp %h : bf16\n"
                     "%t = arith.extf %g : bf16 to f32\n"
                     "linalg.yield %t : f32\n"),
             "exp(x[ij])");
}

TEST_F(TermBuilderTest, EqualTermsAreOneNode) {
  // exp(x) computed by two operations.
  std::string twice;
  for (StringRef name : {"%one", "%other"})
    twice += (name + R"( = linalg.exp ins(%x : tensor<4x8xf32>)
                 outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>)" +
              "\n")
                 .str();
  const Term *sum = evaluate(twice + R"(
    %r = linalg.add ins(%one, %other : tensor<4x8xf32>, tensor<4x8xf32>)
        outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>)");
  ASSERT_EQ(written(sum), "addf(exp(x[ij]), exp(x[ij]))");
  EXPECT_EQ(sum->operands[0], sum->operands[1]);
  EXPECT_TRUE(contains(sum, sum->operands[0]));
  EXPECT_FALSE(contains(sum->operands[0], sum));
  unsigned nodes = 0;
  walkTerms(sum, [&](const Term *) { ++nodes; });
  EXPECT_EQ(nodes, 3u); // the sum, the exponential, x
}

TEST_F(TermBuilderTest, ReshapesAndTransposesFollowTheElement) {
  // x read through a merge, a cut and two transposes that undo one another.
  expectTerm(R"(
    %flat = tensor.collapse_shape %x [[0, 1]]
        : tensor<4x8xf32> into tensor<32xf32>
    %back = tensor.expand_shape %flat [[0, 1]] output_shape [4, 8]
        : tensor<32xf32> into tensor<4x8xf32>
    %t0 = tensor.empty() : tensor<8x4xf32>
    %t = linalg.transpose ins(%back : tensor<4x8xf32>)
        outs(%t0 : tensor<8x4xf32>) permutation = [1, 0]
    %r = linalg.transpose ins(%t : tensor<8x4xf32>)
        outs(%e : tensor<4x8xf32>) permutation = [1, 0])",
             "x[ij]");
}

TEST_F(TermBuilderTest, Reductions) {
  expectTerm(reduced("%zero", "%t = arith.addf %acc, %a : f32\n"),
             "sum(x[ij])");
  expectTerm(reduced("%minf", "%t = arith.maximumf %a, %acc : f32\n"),
             "max(x[ij])");
  expectTerm(reduced("%minf", "%q = arith.cmpf ogt, %a, %acc : f32\n"
                              "%t = arith.select %q, %a, %acc : f32\n"),
             "max(x[ij])");
  expectTerm(reduced("%zero", "%g = math.exp %a : f32\n"
                              "%t = arith.addf %g, %acc : f32\n"),
             "sum(exp(x[ij]))");
}

TEST_F(TermBuilderTest, OtherReductionsAreLeaves) {
  // A start that counts, a minimum, a product: nothing is known of them.
  for (auto [start, combine] :
       {std::pair("%two", "%t = arith.addf %acc, %a : f32\n"),
        std::pair("%zero", "%t = arith.maximumf %acc, %a : f32\n"),
        std::pair("%minf", "%q = arith.cmpf olt, %a, %acc : f32\n"
                           "%t = arith.select %q, %a, %acc : f32\n"),
        std::pair("%two", "%t = arith.mulf %acc, %a : f32\n")})
    expectTerm(reduced(start, combine), "?[i]");
}

TEST_F(TermBuilderTest, SumsOverColumnsAreLeaves) {
  expectTerm(R"(
    %z = tensor.empty() : tensor<8xf32>
    %begin = linalg.fill ins(%zero : f32) outs(%z : tensor<8xf32>) -> tensor<8xf32>
    %column = linalg.generic {indexing_maps = [#ij, #j], iterator_types =
        ["reduction", "parallel"]} ins(%x : tensor<4x8xf32>) outs(%begin : tensor<8xf32>) {
    ^bb0(%a: f32, %acc: f32):
      %t = arith.addf %acc, %a : f32
      linalg.yield %t : f32
    } -> tensor<8xf32>
  )" + generic("%r", "#j", "%column", "tensor<8xf32>", "%v: f32",
               "linalg.yield %v : f32\n"),
             "?[j]");
}

TEST_F(TermBuilderTest, SoftmaxOfTheRowOnly) {
  expectTerm(R"(
    %r = linalg.softmax dimension(1) ins(%x : tensor<4x8xf32>)
        outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>)",
             "softmax(x[ij])");
  expectTerm(R"(
    %r = linalg.softmax dimension(0) ins(%x : tensor<4x8xf32>)
        outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>)",
             "?[ij]");
}

TEST_F(TermBuilderTest, ProductsAreTerms) {
  const Term *term = evaluate(R"(
    %k = tensor.empty() : tensor<8x8xf32>
    %begin = linalg.fill ins(%zero : f32) outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>
    %r = linalg.matmul ins(%x, %k : tensor<4x8xf32>, tensor<8x8xf32>)
        outs(%begin : tensor<4x8xf32>) -> tensor<4x8xf32>)");
  ASSERT_EQ(written(term), "product");
  ASSERT_EQ(term->dims.size(), 3u);
  EXPECT_EQ(term->dims[0], table.resolve(view.dims[0]));
  EXPECT_EQ(term->dims[1], table.resolve(view.dims[1]));
  EXPECT_TRUE(term->dims[2].empty()); // the contraction's own loop
}

TEST_F(TermBuilderTest, TermsOutOfBoundsAreNothing) {
  // A chain longer than what one evaluation may visit.
  std::string chain;
  std::string last = "%x";
  for (unsigned i = 0; i < 5000; ++i) {
    std::string next = "%n" + std::to_string(i);
    chain += next + " = tensor.cast " + last +
             (i % 2 ? " : tensor<?x8xf32> to tensor<4x8xf32>\n"
                    : " : tensor<4x8xf32> to tensor<?x8xf32>\n");
    last = next;
  }
  chain += "%r = tensor.cast " + last + " : tensor<4x8xf32> to tensor<4x8xf32>";
  expectTerm(chain, "nothing");
}

} // namespace
