//===- NMConstantsTest.cpp - Constants in N:M layouts -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/NM/IR/NMConstants.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/MLIRContext.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace mlir::nm;

namespace {

class NMConstantsTest : public ::testing::Test {
protected:
  NMConstantsTest() { context.loadDialect<NMDialect>(); }

  RankedTensorType type(ArrayRef<int64_t> shape) {
    return RankedTensorType::get(shape, Float32Type::get(&context));
  }
  DenseElementsAttr elements(ArrayRef<int64_t> shape, ArrayRef<float> values) {
    return DenseElementsAttr::get(type(shape), values);
  }
  SparsityAttr sparsity(int64_t n, int64_t m, int64_t axis) {
    return SparsityAttr::get(&context, n, m, axis);
  }
  LayoutAttr canonicalLayout() { return CanonicalLayoutAttr::get(&context); }

  MLIRContext context;
};

TEST_F(NMConstantsTest, PruneKeepsTheLowerIndexOfATie) {
  auto pruned = pruneConstant(elements({4}, {1, -1, 1, -1}), sparsity(2, 4, 0));
  EXPECT_EQ(pruned, elements({4}, {1, -1, 0, 0}));
}

TEST_F(NMConstantsTest, PruneFollowsTheAxis) {
  auto source = elements({2, 2}, {1, 2, 3, 4});
  EXPECT_EQ(pruneConstant(source, sparsity(1, 2, 0)),
            elements({2, 2}, {0, 0, 3, 4}));
  EXPECT_EQ(pruneConstant(source, sparsity(1, 2, 1)),
            elements({2, 2}, {0, 2, 0, 4}));
}

TEST_F(NMConstantsTest, PruneExpandsSplats) {
  EXPECT_EQ(pruneConstant(elements({4}, {2}), sparsity(1, 2, 0)),
            elements({4}, {2, 0, 2, 0}));
}

TEST_F(NMConstantsTest, PackPadsUnderFullGroups) {
  RankedTensorType encoded = getEncodedType(type({8}), sparsity(2, 4, 0));
  auto packed = packConstant(elements({8}, {0, 1, 0, 2, 0, 0, 3, 0}), encoded,
                             canonicalLayout());
  ASSERT_TRUE(succeeded(packed));
  ASSERT_EQ(packed->size(), 2u);
  EXPECT_EQ((*packed)[0], elements({4}, {1, 2, 0, 3}));
  // Indices 1, 3, 0, 2, two bits each, the first in the lowest bits.
  EXPECT_EQ((*packed)[1].getSplatValue<APInt>().getZExtValue(), 0b10001101u);
}

TEST_F(NMConstantsTest, PackRefusesOverFullGroups) {
  RankedTensorType encoded = getEncodedType(type({4}), sparsity(2, 4, 0));
  EXPECT_TRUE(failed(
      packConstant(elements({4}, {1, 2, 3, 0}), encoded, canonicalLayout())));
}

TEST_F(NMConstantsTest, ConvertIsExactBothWays) {
  RankedTensorType encoded = getEncodedType(type({2, 8}), sparsity(2, 4, 1));
  auto dense = elements({2, 8}, {0, 1, 0, 2, 0, 0, 3, 0, //
                                 4, 0, 0, 0, 0, 0, 0, 0});
  auto panel = PanelLayoutAttr::get(&context, 3, 8, 8);
  auto packed = packConstant(dense, encoded, panel);
  ASSERT_TRUE(succeeded(packed));
  auto canonical = convertConstant(*packed, encoded, panel, canonicalLayout());
  ASSERT_TRUE(succeeded(canonical));
  auto direct = packConstant(dense, encoded, canonicalLayout());
  ASSERT_TRUE(succeeded(direct));
  EXPECT_EQ(*canonical, *direct);
  auto back = convertConstant(*canonical, encoded, canonicalLayout(),
                              DenseLayoutAttr::get(&context));
  ASSERT_TRUE(succeeded(back));
  EXPECT_EQ((*back)[0], dense);
}

TEST_F(NMConstantsTest, DetectFindsTheTightestPattern) {
  auto found = detectSparsity(
      elements({2, 8}, {0, 1, 0, 0, 0, 0, 3, 0, 4, 0, 0, 0, 0, 5, 0, 0}), 1);
  ASSERT_TRUE(succeeded(found));
  EXPECT_EQ(found->getN() * 4, found->getM());
  EXPECT_EQ(found->getAxis(), 1);
  EXPECT_TRUE(failed(detectSparsity(elements({4}, {1, 2, 3, 4}), 0)));
}

TEST_F(NMConstantsTest, DetectCallsZeroTensorsOneOfM) {
  auto found = detectSparsity(elements({8}, {0}), 0);
  ASSERT_TRUE(succeeded(found));
  EXPECT_EQ(found->getN(), 1);
}

} // namespace
