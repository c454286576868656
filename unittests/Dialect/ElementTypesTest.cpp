//===- ElementTypesTest.cpp - MLIR's element types and ours -----------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/Common/ElementTypes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"

using namespace mlir;
using mlir::nm::toDType;
using mlir::nm::toType;
using ::nm::support::DType;

namespace {

/// Every element type has one of MLIR, of as many bytes, that leads back to it;
/// those that MLIR spells as we do have the same name.
TEST(ElementTypes, ThereAndBack) {
  MLIRContext context;
  for (int i = 1; i <= static_cast<int>(DType::U64); ++i) {
    auto dtype = static_cast<DType>(i);
    Type type = toType(&context, dtype);
    ASSERT_TRUE(type) << i;
    EXPECT_EQ(toDType(type), dtype) << i;
    EXPECT_EQ((type.getIntOrFloatBitWidth() + 7) / 8,
              ::nm::support::elementBytes(dtype));
    std::string text;
    llvm::raw_string_ostream(text) << type;
    if (dtype == DType::F32 || dtype == DType::F16 || dtype == DType::BF16 ||
        dtype == DType::F64 || dtype == DType::I8 || dtype == DType::I64) {
      EXPECT_EQ(text, ::nm::support::dtypeName(dtype));
    }
  }
  EXPECT_FALSE(toType(&context, DType::Unknown));
}

TEST(ElementTypes, OtherTypes) {
  MLIRContext context;
  EXPECT_EQ(toDType(IndexType::get(&context)), DType::I64);
  EXPECT_EQ(toDType(IntegerType::get(&context, 16, IntegerType::Signed)),
            DType::I16);
  EXPECT_EQ(toDType(IntegerType::get(&context, 8), true), DType::U8);
  EXPECT_EQ(toDType(IntegerType::get(&context, 1), true), DType::Bool);
  EXPECT_EQ(toDType(Float32Type::get(&context), true), DType::F32);
  for (unsigned width : {2, 4, 7, 24, 128})
    EXPECT_EQ(toDType(IntegerType::get(&context, width)), DType::Unknown);
  EXPECT_EQ(toDType(Float80Type::get(&context)), DType::Unknown);
  EXPECT_EQ(toDType(NoneType::get(&context)), DType::Unknown);
}
} // namespace
