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

TEST(Binding, SplitsNameAndPath) {
  auto binding = parseBinding("input", "x=dir/a.npy");
  ASSERT_TRUE(bool(binding));
  EXPECT_EQ(binding->name, "x");
  EXPECT_EQ(binding->path, "dir/a.npy");
}

TEST(Binding, PathsMayHoldEquals) {
  auto plain = parseBinding("input", "dir/a=b.npy");
  ASSERT_TRUE(bool(plain));
  EXPECT_EQ(plain->name, "");
  EXPECT_EQ(plain->path, "dir/a=b.npy");
  auto named = parseBinding("input", "x=a=b.npy");
  ASSERT_TRUE(bool(named));
  EXPECT_EQ(named->name, "x");
  EXPECT_EQ(named->path, "a=b.npy");
}

TEST(Binding, NamesMayBeWrittenAsInTheSource) {
  auto binding = parseBinding("input", "%x=a.npy");
  ASSERT_TRUE(bool(binding));
  EXPECT_EQ(binding->name, "x");
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
