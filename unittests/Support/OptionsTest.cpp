//===- OptionsTest.cpp - The grammar of all command lines -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Support/Options.h"
#include "nm/Support/Numbers.h"
#include "nm/Version.h"
#include <gtest/gtest.h>

using namespace nm::support;

namespace {

enum class Color { Red, Green };

/// A tool with an option of each kind.
struct Tool {
  CommandLine line{"nm-x", "does x", "LLVM 22"};
  bool flag = false, cache = false;
  std::string out, folder, first, second;
  std::vector<std::string> list, foreign;
  int64_t count = 3;
  double real = -1;
  Color color = Color::Red;

  Tool() {
    line.example("nm-x file");
    line.positional("first", first, "the first file");
    line.positional("second", second, "the second file");
    line.group("Group");
    line.flag("flag", flag, "says yes");
    line.text("output", out, "file", "the output");
    line.shorthand('o', "output");
    line.list("list", list, "item", "many");
    line.optional("cache", cache, folder, "folder", "maybe");
    line.number("count", count, 1, 1 << 20, "n", "how many");
    line.real("real", real, "x", "how much");
    line.choice<Color>(
        "color", color, "which:",
        {{"red", Color::Red, "warm"}, {"green", Color::Green, "cool"}});
    line.foreign("mlir-", foreign);
    line.renamed("out", "output");
    line.moved({"listing", "nm-y", CommandLine::Move::Value, {}, {}});
    line.moved(
        {"sweep", "nm-z", CommandLine::Move::Nothing, {}, {{"csv", "output"}}});
    line.moved({"color", "nm-y", CommandLine::Move::Option, {"blue", "black"}});
  }

  /// "" or the message.
  std::string parse(std::vector<const char *> arguments) {
    arguments.insert(arguments.begin(), "nm-x");
    auto outcome =
        line.parse(static_cast<int>(arguments.size()), arguments.data());
    return outcome ? "" : outcome.error().message;
  }
};

TEST(Options, BothFormsOfAValue) {
  Tool tool;
  EXPECT_EQ(tool.parse({"a", "--count=2K", "--flag", "-o", "x", "--list", "1",
                        "--list=2", "-real", "1e-3", "--color", "green",
                        "--cache", "--", "--b"}),
            "");
  EXPECT_EQ(tool.count, 2048);
  EXPECT_TRUE(tool.flag && tool.cache);
  EXPECT_EQ(tool.out + tool.first + tool.second, "xa--b");
  EXPECT_EQ(tool.list, (std::vector<std::string>{"1", "2"}));
  EXPECT_EQ(tool.real, 1e-3);
  EXPECT_EQ(tool.color, Color::Green);
  EXPECT_EQ(tool.line.given(),
            (std::vector<std::string>{"count", "flag", "output", "list", "real",
                                      "color", "cache"}));
  EXPECT_TRUE(tool.line.given("output"));
  EXPECT_FALSE(tool.line.given("folder"));
}

TEST(Options, DashesAreValuesWhereTheyCanBe) {
  Tool tool;
  EXPECT_EQ(tool.parse({"-o", "-", "--list=--x", "--list", "-3", "-"}), "");
  EXPECT_EQ(tool.out, "-");
  EXPECT_EQ(tool.first, "-");
  EXPECT_EQ(tool.list, (std::vector<std::string>{"--x", "-3"}));
}

TEST(Options, OthersOptionsAreKept) {
  Tool tool;
  EXPECT_EQ(tool.parse({"--mlir-timing", "--mlir-x=3"}), "");
  EXPECT_EQ(tool.foreign,
            (std::vector<std::string>{"--mlir-timing", "--mlir-x=3"}));
}

TEST(Options, MessagesSayWhatToTry) {
  struct Case {
    std::vector<const char *> arguments;
    const char *message;
  };
  const Case cases[] = {
      {{"--cuont=3"},
       "unknown option '--cuont' (did you mean '--count'?); nm-x --help lists "
       "the options"},
      {{"--frobnicate"},
       "unknown option '--frobnicate'; nm-x --help lists the options"},
      {{"--x\x1b[m"},
       "unknown option '--x\\x1b[m'; nm-x --help lists the options"},
      {{"--count", "0"},
       "--count is '0'; expected a whole number from 1 to 1048576, such as 512 "
       "or 64K"},
      {{"--count=1.5"},
       "--count is '1.5'; expected a whole number from 1 to 1048576, such as "
       "512 or 64K"},
      {{"--count"}, "--count has no value; expected --count=<n>"},
      {{"--count", "--flag"},
       "--count has no value; expected --count=<n>; write --count=--flag if "
       "that is the value"},
      {{"--count="}, "--count has an empty value; expected --count=<n>"},
      {{"--count=3", "--count", "4"},
       "--count is given twice, as '3' and '4'; drop one of them"},
      {{"--flag", "--flag"}, "--flag is given twice; drop one of them"},
      {{"--flag=no"},
       "--flag takes no value, but 'no' is given; write --flag alone"},
      {{"--color=geren"},
       "--color is 'geren'; expected red or green; did you mean 'green'?"},
      {{"--color=GREEN"},
       "--color is 'GREEN'; expected red or green; did you mean 'green'?"},
      {{"--color=teal"}, "--color is 'teal'; expected red or green"},
      {{"-o", "a", "--output=b"},
       "--output is given twice, as 'a' and 'b'; drop one of them"},
      {{"--help=html"}, "--help is 'html'; expected man or bash, or nothing"},
      {{"--real=nan"},
       "--real is 'nan'; expected a number that is not negative, such as 1e-3"},
      {{"--real=-1"},
       "--real is '-1'; expected a number that is not negative, such as 1e-3"},
      {{"a", "b", "c"},
       "'c' is one file too many after 'b'; expected at most 2"},
  };
  for (const Case &each : cases)
    EXPECT_EQ(Tool().parse(each.arguments), each.message);
}

TEST(Options, WhatWasSpelledOtherwiseSaysHow) {
  struct Case {
    std::vector<const char *> arguments;
    const char *message;
  };
  const Case cases[] = {
      {{"--out=x"}, "--out is spelled --output now"},
      // Before anything else that is wrong.
      {{"--frobnicate", "a", "b", "c", "-out", "x"},
       "--out is spelled --output now"},
      {{"--listing", "a b", "--out=x"},
       "--listing is for nm-y; write: nm-y 'a b' --output=x"},
      {{"m", "--flag", "--listing=a", "-o", "x"},
       "--listing is for nm-y; write: nm-y a m --flag -o x"},
      {{"--sweep", "--csv", "t", "--more=\x1b"},
       "--sweep is for nm-z; write: nm-z --output t '--more=\\x1b'"},
      {{"m", "--color=blue"},
       "--color=blue is for nm-y; write: nm-y m --color=blue"},
      {{"m", "--color", "black"},
       "--color=black is for nm-y; write: nm-y m --color black"},
  };
  for (const Case &each : cases)
    EXPECT_EQ(Tool().parse(each.arguments), each.message);
  EXPECT_EQ(Tool().parse({"--color=green"}), "");
  EXPECT_EQ(Tool().parse({"--", "--out"}), "");
}

TEST(Options, ACommandStandsFirst) {
  bool loud = false;
  std::string file;
  auto parse = [&](std::vector<const char *> arguments) {
    CommandLine line("nm-x", "does x"), sub("nm-x loop", "does it again");
    line.positional("file", file, "a file");
    sub.flag("loud", loud, "noise");
    line.command(sub);
    arguments.insert(arguments.begin(), "nm-x");
    auto outcome =
        line.parse(static_cast<int>(arguments.size()), arguments.data());
    if (!outcome)
      return outcome.error().message;
    return std::string(line.chosen() == &sub ? "sub" : "x");
  };
  EXPECT_EQ(parse({"loop", "--loud"}), "sub");
  EXPECT_TRUE(loud);
  EXPECT_EQ(parse({"./loop"}), "x");
  EXPECT_EQ(parse({"--", "loop"}), "x");
  EXPECT_EQ(file, "loop");
  EXPECT_EQ(parse({"f", "--loud"}),
            "unknown option '--loud'; nm-x --help lists the options");
  EXPECT_EQ(parse({"loop", "--lout"}),
            "unknown option '--lout' (did you mean '--loud'?); nm-x loop "
            "--help lists the options");
}

TEST(Options, HelpShowsGroupsDefaultsAndWords) {
  EXPECT_EQ(Tool().line.help(), R"(nm-x: does x

  nm-x file

  <first>                     the first file
  <second>                    the second file

Group:
  --flag                      says yes
  -o, --output=<file>         the output
  --list=<item>               many; may be repeated
  --cache[=<folder>]          maybe
  --count=<n>                 how many (default: 3)
  --real=<x>                  how much
  --color=<red|green>         which:
    red                       warm (default)
    green                     cool

General:
  --help[=<man|bash>]         print this, or the same as a page for man or as a
                              script that completes in bash
  --version                   print the version
  --                          what follows are files
)");
  EXPECT_EQ(Tool().line.version(), "nm-x " NM_VERSION " (LLVM 22)\n");
}

TEST(Numbers, AsPeopleWriteThem) {
  int64_t whole = 7;
  EXPECT_TRUE(parseWholeNumber("9223372036854775807", whole));
  EXPECT_EQ(whole, INT64_MAX);
  for (const char *bad : {"", "-", "9223372036854775808", "8589934592G", "1k",
                          "K", "1KK", " 1", "1 ", "0x10", "1e3", "+1"}) {
    whole = 7;
    EXPECT_FALSE(parseWholeNumber(bad, whole)) << bad;
    EXPECT_EQ(whole, 7) << bad;
  }
  EXPECT_TRUE(parseWholeNumber("-64K", whole));
  EXPECT_EQ(whole, -65536);
  double real = 7;
  for (const char *bad :
       {"", "nan", "inf", "1e999", "0x1p3", " 1", "1,5", "e", "1e"})
    EXPECT_FALSE(parseReal(bad, real)) << bad;
  EXPECT_EQ(real, 7);
  EXPECT_TRUE(parseReal("-2.5e-3", real));
  EXPECT_EQ(real, -2.5e-3);
}

} // namespace
