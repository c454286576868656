//===- AxisTableTest.cpp - Axes behind merged and cut dimensions -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The oracle is the order of elements in memory: a reshape does not change it,
// so that the axes of a tensor's dimensions, one after another, stay the same
// list, and each dimension's size is the product of its axes'.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "nm/Dialect/Flat/Transforms/RaiseAttentionAxes.h"
#include "gtest/gtest.h"
#include <numeric>
#include <random>
#include <set>

using namespace mlir;
using namespace mlir::flat::raise;

namespace {

class AxisTableTest : public ::testing::Test {
protected:
  AxisTableTest() : builder(&context) {
    context.loadDialect<arith::ArithDialect, func::FuncDialect,
                        linalg::LinalgDialect, tensor::TensorDialect>();
    module = ModuleOp::create(builder, builder.getUnknownLoc());
    builder.setInsertionPointToStart(module->getBody());
  }

  Value makeTensor(ArrayRef<int64_t> shape) {
    return tensor::EmptyOp::create(builder, builder.getUnknownLoc(), shape,
                                   builder.getF32Type());
  }

  AxisView viewOf(Value value, AxisTable &table) {
    AxisView view{value, {}};
    for (int64_t dim = 0; dim < view.getType().getRank(); ++dim)
      view.dims.push_back(table.create(value, dim));
    return view;
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  OpBuilder builder;
};

/// The list of a tensor's axes, in the order of its elements.
SmallVector<Axis> listOf(ArrayRef<Axes> dims, const AxisTable &table) {
  SmallVector<Axis> list;
  for (const Axes &dim : dims)
    llvm::append_range(list, table.resolve(dim));
  return list;
}

/// Products of the first sizes, without those that a size of 1 repeats.
std::set<int64_t> boundariesOf(ArrayRef<int64_t> sizes) {
  std::set<int64_t> boundaries;
  int64_t product = 1;
  for (int64_t size : sizes)
    if (size != 1)
      boundaries.insert(product *= size);
  return boundaries;
}

/// Whether sizes `from` become `to` by cutting and joining whole axes: the
/// boundaries of both, in order, divide one another.
bool isCuttable(ArrayRef<int64_t> from, ArrayRef<int64_t> to) {
  std::set<int64_t> all = boundariesOf(from), other = boundariesOf(to);
  all.insert(other.begin(), other.end());
  int64_t last = 1;
  for (int64_t boundary : all) {
    if (boundary % last != 0)
      return false;
    last = boundary;
  }
  return true;
}

TEST_F(AxisTableTest, DimensionsOfSizeOneHaveNoAxes) {
  AxisTable table;
  AxisView view = viewOf(makeTensor({4, 1, 6}), table);
  EXPECT_EQ(view.dims[0].size(), 1u);
  EXPECT_TRUE(view.dims[1].empty());
  EXPECT_EQ(table.size(), 2u);
  EXPECT_EQ(table.getStaticSize(listOf(view.dims, table)), 24);
}

TEST_F(AxisTableTest, SplitsWhatDivides) {
  constexpr unsigned kSeed = 4101, kCount = 4000;
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  std::mt19937 random(kSeed);
  unsigned cuts = 0, refusals = 0;
  for (unsigned number = 0; number < kCount; ++number) {
    // Both shapes are cuts of the same number of elements.
    constexpr int64_t kFactors[] = {2, 3, 2, 5, 2};
    auto shape = [&](bool shuffled) {
      SmallVector<int64_t> factors(std::begin(kFactors), std::end(kFactors));
      if (shuffled)
        std::shuffle(factors.begin(), factors.end(), random);
      SmallVector<int64_t> sizes{1};
      for (int64_t factor : factors) {
        if (random() % 2)
          sizes.push_back(1);
        sizes.back() *= factor;
      }
      return sizes;
    };
    SmallVector<int64_t> from = shape(false), to = shape(random() % 2);
    AxisTable table;
    AxisView view = viewOf(makeTensor(from), table);
    SmallVector<Axis> axes = listOf(view.dims, table);
    size_t before = table.size();
    FailureOr<SmallVector<Axes>> found =
        table.split(axes, makeTensor(to), 0, to.size());
    ASSERT_EQ(succeeded(found), isCuttable(from, to)) << "number " << number;
    if (failed(found)) {
      ++refusals;
      continue;
    }
    // The old axes and the new dimensions are the same list.
    EXPECT_EQ(listOf(view.dims, table), listOf(*found, table));
    for (auto [dim, size] : llvm::zip(*found, to))
      EXPECT_EQ(table.getStaticSize(table.resolve(dim)), size);
    for (auto [dim, size] : llvm::zip(view.dims, from))
      EXPECT_EQ(table.getStaticSize(table.resolve(dim)), size);
    cuts += table.size() > before;
  }
  EXPECT_GT(cuts, kCount / 8);
  EXPECT_GT(refusals, kCount / 16);
}

TEST_F(AxisTableTest, SplitsOneDimensionOfSeveral) {
  // Dimensions 1 and 2 of the second tensor are cut from one of the first.
  AxisTable table;
  AxisView view = viewOf(makeTensor({7, 12}), table);
  Value value = makeTensor({7, 3, 4});
  FailureOr<SmallVector<Axes>> parts = table.split(view.dims[1], value, 1, 2);
  ASSERT_TRUE(succeeded(parts));
  ASSERT_EQ(parts->size(), 2u);
  EXPECT_EQ(table.getStaticSize((*parts)[0]), 3);
  EXPECT_EQ(table.getStaticSize((*parts)[1]), 4);
  EXPECT_EQ(table.resolve(view.dims[0]), view.dims[0]);
}

TEST_F(AxisTableTest, DynamicSizes) {
  constexpr int64_t kAny = ShapedType::kDynamic;
  std::string text = R"(
    func.func @f(%a: tensor<?x12xf32>, %b: tensor<?x3x4xf32>,
                 %c: tensor<?x?x12xf32>) { return })";
  OwningOpRef<ModuleOp> parsed = parseSourceString<ModuleOp>(text, &context);
  ASSERT_TRUE(parsed);
  auto func = *parsed->getOps<func::FuncOp>().begin();
  AxisTable table;
  AxisView view = viewOf(func.getArgument(0), table);
  EXPECT_EQ(table.getStaticSize(view.dims[0]), kAny);
  // One dynamic axis becomes one dimension, or is cut into several.
  auto split = [&](unsigned argument, int64_t count) {
    return table.split(view.dims[0], func.getArgument(argument), 0, count);
  };
  FailureOr<SmallVector<Axes>> whole = split(1, 1);
  ASSERT_TRUE(succeeded(whole));
  EXPECT_EQ((*whole)[0], view.dims[0]);
  FailureOr<SmallVector<Axes>> pair = split(2, 2);
  ASSERT_TRUE(succeeded(pair));
  EXPECT_EQ(listOf(*pair, table), listOf(view.dims[0], table));
  EXPECT_EQ((*pair)[0].size(), 1u);
  // Its size, where a value is made for it, multiplies the two.
  OpBuilder inside = OpBuilder::atBlockBegin(&func.getBody().front());
  OpFoldResult size = table.getSize(inside, inside.getUnknownLoc(),
                                    table.resolve(view.dims[0]));
  auto product = cast<Value>(size).getDefiningOp<arith::MulIOp>();
  ASSERT_TRUE(product);
  EXPECT_TRUE(product.getLhs().getDefiningOp<tensor::DimOp>());
  EXPECT_TRUE(product.getRhs().getDefiningOp<tensor::DimOp>());
}

TEST_F(AxisTableTest, StepsOverReshapesKeepTheOrder) {
  std::string text = R"(
    func.func @f(%a: tensor<2x3x4x5xf32>) -> tensor<6x2x2x5xf32> {
      %b = tensor.collapse_shape %a [[0, 1], [2, 3]]
          : tensor<2x3x4x5xf32> into tensor<6x20xf32>
      %c = tensor.cast %b : tensor<6x20xf32> to tensor<?x20xf32>
      %d = tensor.cast %c : tensor<?x20xf32> to tensor<6x20xf32>
      %e = tensor.expand_shape %d [[0], [1, 2, 3]] output_shape [6, 2, 2, 5]
          : tensor<6x20xf32> into tensor<6x2x2x5xf32>
      return %e : tensor<6x2x2x5xf32>
    })";
  OwningOpRef<ModuleOp> parsed = parseSourceString<ModuleOp>(text, &context);
  ASSERT_TRUE(parsed);
  auto func = *parsed->getOps<func::FuncOp>().begin();
  AxisTable table;
  AxisView view =
      viewOf(func.getBody().front().getTerminator()->getOperand(0), table);
  SmallVector<Axes> dims = view.dims;
  unsigned steps = 0;
  while (std::optional<AxisView> up = stepOverReshape(view, table)) {
    view = *up;
    ++steps;
    EXPECT_EQ(listOf(view.dims, table), listOf(dims, table));
  }
  EXPECT_EQ(steps, 4u);
  EXPECT_EQ(view.value, func.getArgument(0));
  for (auto [dim, size] : llvm::zip(view.dims, view.getType().getShape()))
    EXPECT_EQ(table.getStaticSize(table.resolve(dim)), size);
}

/// Arranges a tensor of these sizes, whose dimensions are named by a letter of
/// each role ('1': size 1), as the roles "abcd" in any order.
struct Arranged {
  std::vector<int> roles;
  SmallVector<int64_t> shape;
};

class ArrangeTest : public AxisTableTest {
protected:
  /// `dims` names the axes along each dimension by role: {"a", "bc"}. The
  /// roles' axes are those with that letter, each of the size given.
  std::optional<Arranged> arrangeNamed(ArrayRef<StringRef> dims,
                                       StringRef order, bool isComplete) {
    SmallVector<int64_t> shape;
    for (StringRef dim : dims) {
      shape.push_back(1);
      for (char role : dim)
        shape.back() *= sizeOf(role);
    }
    Value value = makeTensor(shape);
    AxisTable table;
    AxisView view{value, {}};
    SmallVector<Axes> roles(order.size());
    for (StringRef dim : dims) {
      Axes axes;
      for (char role : dim) {
        Axes made = table.create(makeTensor({sizeOf(role)}), 0);
        llvm::append_range(axes, made);
        llvm::append_range(roles[order.find(role)], made);
      }
      view.dims.push_back(axes);
    }
    FailureOr<Arrangement> found =
        arrange(view, roles, isComplete, table, builder,
                builder.getUnknownLoc(), /*exists=*/true);
    if (failed(found))
      return std::nullopt;
    for (const Reshape &reshape : found->reshapes)
      value = reshape.apply(builder, builder.getUnknownLoc(), value);
    Arranged result{
        {found->roles.begin(), found->roles.end()},
        llvm::to_vector(cast<RankedTensorType>(value.getType()).getShape())};
    return result;
  }

  static int64_t sizeOf(char role) { return role - 'a' + 2; }
};

TEST_F(ArrangeTest, CutsAndMergesDimensions) {
  auto check = [&](ArrayRef<StringRef> dims, std::vector<int> roles,
                   ArrayRef<int64_t> shape, int line) {
    std::optional<Arranged> found = arrangeNamed(dims, "abcd", true);
    ASSERT_TRUE(found) << "line " << line;
    EXPECT_EQ(found->roles, roles) << "line " << line;
    EXPECT_EQ(ArrayRef(found->shape), shape) << "line " << line;
  };
  check({"a", "b", "c", "d"}, {0, 1, 2, 3}, {2, 3, 4, 5}, __LINE__);
  check({"a", "c", "b", "d"}, {0, 2, 1, 3}, {2, 4, 3, 5}, __LINE__);
  check({"ac", "bd"}, {0, 2, 1, 3}, {2, 4, 3, 5}, __LINE__);
  check({"abcd"}, {0, 1, 2, 3}, {2, 3, 4, 5}, __LINE__);
  check({"a", "a", "b", "cd"}, {0, 1, 2, 3}, {4, 3, 4, 5}, __LINE__);
  check({"ab", "b", "c", "d"}, {0, 1, 2, 3}, {2, 9, 4, 5}, __LINE__);
  // A role without axes takes a dimension of size 1, or one more in front.
  check({"a", "", "c", "d"}, {0, 1, 2, 3}, {2, 1, 4, 5}, __LINE__);
  check({"b", "cd"}, {0, 1, 2, 3}, {1, 3, 4, 5}, __LINE__);
  check({"d", "c"}, {0, 1, 3, 2}, {1, 1, 5, 4}, __LINE__);
}

TEST_F(ArrangeTest, RefusesWhatLiesApart) {
  EXPECT_FALSE(arrangeNamed({"a", "b", "a", "c", "d"}, "abcd", true));
  EXPECT_FALSE(arrangeNamed({"ab", "ac", "d"}, "abcd", true));
}

} // namespace
