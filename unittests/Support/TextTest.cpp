//===- TextTest.cpp - Names and words in messages -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Support/Text.h"
#include <gtest/gtest.h>

using namespace nm::support;

TEST(Text, NamesArePrintable) {
  EXPECT_EQ(quote("plain name"), "'plain name'");
  EXPECT_EQ(quote("a\x1b[31mb\n"), "'a\\x1b[31mb\\x0a'");
  EXPECT_EQ(quote("it's \\"), "'it\\x27s \\x5c'");
  EXPECT_EQ(quote("gr\xc3\xbc\xc3\x9f"), "'gr\xc3\xbc\xc3\x9f'");
  // No UTF-8: cut, overlong, a surrogate.
  EXPECT_EQ(quote("\xc3"), "'\\xc3'");
  EXPECT_EQ(quote("\xc0\xaf"), "'\\xc0\\xaf'");
  EXPECT_EQ(quote("\xed\xa0\x80"), "'\\xed\\xa0\\x80'");
  // Controls beyond ASCII: C1, the line separator, right-to-left override.
  EXPECT_EQ(quote("\xc2\x9b"), "'\\xc2\\x9b'");
  EXPECT_EQ(quote("\xe2\x80\xa8"), "'\\xe2\\x80\\xa8'");
  EXPECT_EQ(quote("\xe2\x80\xae"), "'\\xe2\\x80\\xae'");
  EXPECT_EQ(quote("\xe2\x81\xa6"), "'\\xe2\\x81\\xa6'");
  EXPECT_EQ(quote(std::string(300, 'x')), "'" + std::string(200, 'x') + "...'");
  EXPECT_EQ(quotePath(std::string(300, 'x')),
            "'" + std::string(300, 'x') + "'");
  EXPECT_EQ(printable("it's\t"), "it's\\x09");
}

TEST(Text, NearestIsWhatWasMeant) {
  std::vector<std::string> names = {"edge", "cloud", "host", "x86-64"};
  EXPECT_EQ(nearest("egde", names), "edge");
  EXPECT_EQ(nearest("EDGE", names), "edge");
  EXPECT_EQ(nearest("clod", names), "cloud");
  EXPECT_EQ(nearest("x86_64", names), "x86-64");
  EXPECT_EQ(nearest("nothing", names), "");
  EXPECT_EQ(nearest("", names), "");
  EXPECT_EQ(nearest(std::string(100000, 'e'), names), "");
  EXPECT_EQ(didYouMean("hosts", names), " (did you mean 'host'?)");
}

TEST(Text, ListsReadAsSentences) {
  EXPECT_EQ(alternatives({}), "");
  EXPECT_EQ(alternatives({"a"}), "a");
  EXPECT_EQ(alternatives({"a", "b"}), "a or b");
  EXPECT_EQ(alternatives({"a", "b", "c"}), "a, b or c");
}
