//===- OptionsTest.cpp - Parsing of option values -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Options.h"
#include "nm/Driver/Support.h"
#include "gtest/gtest.h"

using namespace mlir::nm::driver;

namespace {

template <typename T> std::string messageOf(llvm::Expected<T> value) {
  return value ? "" : llvm::toString(value.takeError());
}

static void expectBinding(llvm::StringRef text, llvm::StringRef name,
                          llvm::StringRef path) {
  SCOPED_TRACE(text.str());
  auto binding = parseBinding("input", text);
  ASSERT_TRUE(bool(binding));
  EXPECT_EQ(binding->name, name);
  EXPECT_EQ(binding->path, path);
}

TEST(Binding, SplitsNameAndPath) {
  expectBinding("x=dir/a.npy", "x", "dir/a.npy");
}

TEST(Binding, PathsMayHoldEquals) {
  expectBinding("dir/a=b.npy", "", "dir/a=b.npy");
  expectBinding("x=a=b.npy", "x", "a=b.npy");
}

TEST(Binding, NamesMayBeWrittenAsInTheSource) {
  expectBinding("%x=a.npy", "x", "a.npy");
}

TEST(Binding, RefusesHalves) {
  EXPECT_NE(messageOf(parseBinding("input", "x=")).find("has no path"),
            std::string::npos);
  EXPECT_NE(messageOf(parseBinding("input", "")).find("has no path"),
            std::string::npos);
  EXPECT_NE(messageOf(parseBinding("input", "=a.npy")).find("has no name"),
            std::string::npos);
}

TEST(WeightPattern, Parses) {
  auto pattern = parsePattern("2:4");
  ASSERT_TRUE(bool(pattern));
  EXPECT_EQ(pattern->n, 2);
  EXPECT_EQ(pattern->m, 4);
}

TEST(WeightPattern, Refuses) {
  for (const char *text :
       {"", "2", "2:", ":4", "2:4:8", "a:b", "2-4", "99999999999999999999:4"})
    EXPECT_NE(messageOf(parsePattern(text)).find("not of the form"),
              std::string::npos)
        << text;
  for (const char *text : {"0:4", "5:4", "2:65", "-1:4"})
    EXPECT_NE(messageOf(parsePattern(text)).find("out of range"),
              std::string::npos)
        << text;
}

TEST(Suggestions, NameTheNearest) {
  EXPECT_EQ(didYouMean("encodr", {"encoder", "decoder"}),
            " (did you mean 'encoder'?)");
  EXPECT_EQ(didYouMean("main", {"encoder"}), "");
  EXPECT_EQ(listNames({"a", "b", "c"}), "'a', 'b' and 'c'");
}

} // namespace
