//===- SignatureTest.cpp - What compiled functions take and return -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Signature.h"
#include "mlir/IR/MLIRContext.h"
#include "nm/Driver/CHeader.h"
#include "nm/Registration.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace mlir::nm::driver;

namespace {

class SignatureTest : public ::testing::Test {
protected:
  SignatureTest() : context(makeRegistry()) {
    context.getDiagEngine().registerHandler([](Diagnostic &) {});
  }

  static DialectRegistry makeRegistry() {
    DialectRegistry registry;
    mlir::nm::registerDialects(registry);
    return registry;
  }

  llvm::Expected<Source> parse(StringRef text) {
    llvm::SourceMgr manager;
    manager.AddNewSourceBuffer(llvm::MemoryBuffer::getMemBuffer(text, "m.mlir"),
                               llvm::SMLoc());
    return parseSource(manager, context);
  }

  MLIRContext context;
};

TEST_F(SignatureTest, NamesComeFromAttributeThenText) {
  auto source =
      parse("func.func @f(%x: tensor<2x?xf32>, %0: i64, "
            "%y: f16 {nm.name = \"bias\"}) -> i64 { return %0 : i64 }\n"
            "func.func private @g(%z: i1) { return }");
  ASSERT_TRUE(bool(source));
  ASSERT_EQ(source->functions.size(), 1u);
  const Signature &f = source->functions[0];
  EXPECT_EQ(f.name, "f");
  EXPECT_EQ(f.unsupported, "");
  ASSERT_EQ(f.arguments.size(), 3u);
  EXPECT_EQ(f.arguments[0].name, "x");
  EXPECT_EQ(f.arguments[0].type.str(), "tensor<2x?xf32>");
  EXPECT_EQ(f.arguments[1].name, "arg1");
  EXPECT_EQ(f.arguments[2].name, "bias");
  EXPECT_TRUE(f.arguments[2].type.isScalar);
}

TEST_F(SignatureTest, ArgumentsAreFoundByNameAndNumber) {
  auto source = parse("func.func @f(%x: i64, %arg0: i64) { return }");
  ASSERT_TRUE(bool(source));
  const Signature &f = source->functions[0];
  for (auto [name, index] : {std::pair<StringRef, size_t>("x", 0),
                             {"arg0", 1}, // a name goes before a number
                             {"0", 0},
                             {"1", 1},
                             {"arg1", 1}}) {
    auto found = f.findArgument(name);
    ASSERT_TRUE(bool(found)) << name.str();
    EXPECT_EQ(*found, index) << name.str();
  }
  auto missing = f.findArgument("y");
  ASSERT_FALSE(bool(missing));
  EXPECT_EQ(llvm::toString(missing.takeError()),
            "function 'f' has no argument 'y' (did you mean 'x'?); its "
            "arguments are 'x' and 'arg0'");
}

TEST_F(SignatureTest, UnsupportedTypesSayWhy) {
  for (auto [type, reason] :
       {std::pair<StringRef, StringRef>("tensor<*xf32>", "a ranked tensor"),
        {"tensor<4xi3>", "expected elements of"},
        {"vector<4xf32>", "a ranked tensor"},
        {"tensor<4x4xf32, #nm.sparsity<2:4, axis = 1>>", "nm.compress"},
        {"memref<4xf32, strided<[2]>>", "without layout"}}) {
    auto source = parse(("func.func @f(%x: " + type + ") { return }").str());
    ASSERT_TRUE(bool(source)) << type.str();
    EXPECT_NE(source->functions[0].unsupported.find(reason.str()),
              std::string::npos)
        << source->functions[0].unsupported;
  }
}

TEST_F(SignatureTest, EntryIsTheOnlyFunctionOrNamed) {
  auto source = parse("func.func @one() { return }\n"
                      "func.func @two() { return }");
  ASSERT_TRUE(bool(source));
  EXPECT_EQ(llvm::toString(source->findEntry("").takeError()),
            "the module has 2 public functions; choose one of 'one' and 'two' "
            "with --entry");
  EXPECT_EQ(llvm::toString(source->findEntry("twoo").takeError()),
            "no public function 'twoo' (did you mean 'two'?); the module has "
            "'one' and 'two'");
  auto two = source->findEntry("two");
  ASSERT_TRUE(bool(two));
  EXPECT_EQ((*two)->name, "two");
}

TEST(CIdentifier, IsOne) {
  EXPECT_EQ(cIdentifier("encoder"), "encoder");
  EXPECT_EQ(cIdentifier("torch.main-1"), "torch_main_1");
  EXPECT_EQ(cIdentifier("1x"), "_1x");
  EXPECT_EQ(cIdentifier("int"), "_int");
  EXPECT_EQ(cIdentifier(""), "_");
}

} // namespace
