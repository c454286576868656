//===- TableTest.cpp - Tables for people -----------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Support/Table.h"
#include "nm/Support/Progress.h"
#include <algorithm>
#include <cstdlib>
#include <gtest/gtest.h>
#include <unistd.h>

using namespace nm::support;

namespace {

TEST(Table, ColumnsAreAsWideAsTheirWidestCell) {
  Table table{{{"name", "size", "note"}, {"a", "12", ""}, {"long name", "3"}}};
  EXPECT_EQ(table.str(), "name       size  note\n"
                         "a          12\n"
                         "long name  3\n");
  table.rightAligned = {1};
  table.hasRule = true;
  table.indent = 2;
  EXPECT_EQ(table.str(), "  name       size  note\n"
                         "  ---------------------\n"
                         "  a            12\n"
                         "  long name     3\n");
  table.leastWidths = {0, 6};
  EXPECT_EQ(table.str().substr(0, 24), "  name         size  not");
}

TEST(Table, CharactersCountNotBytes) {
  Table table{{{"\xc3\xa4\xc3\xb6\xc3\xbc", "x"}, {"abcd", "y"}}};
  EXPECT_EQ(table.str(), "\xc3\xa4\xc3\xb6\xc3\xbc   x\nabcd  y\n");
}

TEST(Table, MayBeEmpty) {
  EXPECT_EQ(Table().str(), "");
  EXPECT_EQ(Table{{{}}}.str(), "\n");
}

/// Standard error is a pipe here: nothing may be written.
TEST(Progress, ShowsNothingWhereNobodyLooks) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  int before = dup(STDERR_FILENO);
  dup2(ends[1], STDERR_FILENO);
  close(ends[1]);
  {
    Progress progress("work");
    EXPECT_FALSE(progress.isShown());
    progress.show("half", 0.5);
  }
  dup2(before, STDERR_FILENO);
  close(before);
  char byte;
  EXPECT_EQ(read(ends[0], &byte, 1), 0);
  close(ends[0]);
}

/// Who runs a tool may have its progress, a text a line, without the codes of
/// terminals.
TEST(Progress, GoesToTheDescriptorThatIsGiven) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  setenv("NM_PROGRESS_FD", std::to_string(ends[1]).c_str(), 1);
  {
    Progress progress("work");
    EXPECT_TRUE(progress.isShown());
    progress.show("half");
    EXPECT_FALSE(Progress("silent", /*wanted=*/false).isShown());
  }
  // What is no descriptor that can be written to is none.
  for (const std::string &wrong :
       {std::to_string(ends[0]), std::string("x"), std::string("-1"),
        std::string("999999"), std::string("99999999999")}) {
    setenv("NM_PROGRESS_FD", wrong.c_str(), 1);
    EXPECT_FALSE(Progress("lost").isShown() && !isatty(STDERR_FILENO)) << wrong;
  }
  unsetenv("NM_PROGRESS_FD");
  close(ends[1]);
  char text[64];
  ssize_t count = read(ends[0], text, sizeof(text));
  EXPECT_EQ(std::string(text, size_t(std::max<ssize_t>(count, 0))),
            "work ...\nhalf\n");
  close(ends[0]);
}

} // namespace
