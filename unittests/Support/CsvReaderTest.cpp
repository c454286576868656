//===- CsvReaderTest.cpp - Tables of text, line by line ---------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Support/CsvReader.h"
#include "nm/Support/OutputFile.h"
#include "nm/Support/Signals.h"
#include <gtest/gtest.h>
#include <random>

using namespace nm::support;

namespace {

using Table = std::vector<std::vector<std::string>>;

/// All rows, or one with the error.
Table rowsOf(CsvReader &reader, size_t optional = 0) {
  Table table;
  std::vector<std::string> cells;
  CsvReader::Step step;
  while ((step = reader.row(cells, optional)) == CsvReader::Step::Row)
    table.push_back(cells);
  if (step == CsvReader::Step::Error)
    return {{reader.error().message}};
  return table;
}
Table rowsOf(std::string_view text, size_t optional = 0) {
  CsvReader reader(text, "t");
  return rowsOf(reader, optional);
}

TEST(CsvReader, LinesAndCells) {
  EXPECT_EQ(rowsOf(""), Table());
  EXPECT_EQ(rowsOf("\n# a, b\n \t\n"), Table());
  EXPECT_EQ(rowsOf("a,b"), (Table{{"a", "b"}}));
  EXPECT_EQ(rowsOf("\xef\xbb\xbf"
                   "a,b\r\n 1 ,\t2\r\n"),
            (Table{{"a", "b"}, {"1", "2"}}));
  EXPECT_EQ(rowsOf("a,b\n1,\n,2\n,\n"),
            (Table{{"a", "b"}, {"1", ""}, {"", "2"}, {"", ""}}));
  EXPECT_EQ(rowsOf("a,b\n\"1,5\" , \"say \"\"x\"\"\"\n"),
            (Table{{"a", "b"}, {"1,5", "say \"x\""}}));
  EXPECT_EQ(rowsOf("a,b\n1\n", 1), (Table{{"a", "b"}, {"1"}}));
}

TEST(CsvReader, FaultsNameTheLine) {
  EXPECT_EQ(rowsOf("a,b\n\n1\n"), (Table{{"t:3: found 1 cells, expected 2"}}));
  EXPECT_EQ(rowsOf("a,b\n1,2,3\n", 1),
            (Table{{"t:2: found 3 cells, expected 1 to 2"}}));
  EXPECT_EQ(rowsOf("a,b,a\n"),
            (Table{{"t:1: found two columns 'a', expected a name of its own "
                    "for each"}}));
  EXPECT_EQ(rowsOf("a\n\"1\n"),
            (Table{{"t:2: a quoted cell does not end on its line"}}));
  EXPECT_EQ(rowsOf("a\n\"1\"2\n"),
            (Table{{"t:2: found '2' after a quoted cell; expected a comma"}}));
  EXPECT_EQ(rowsOf("a\n" + std::string(70000, '1')),
            (Table{{"t:2: a line of more than 65536 bytes; expected values "
                    "separated by commas"}}));
}

/// What a writer that quotes everything writes comes back, also where a line
/// lies across two pieces of the file.
TEST(CsvReader, RandomTablesOfFiles) {
  unsigned seed = 41;
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  auto folder = TemporaryFolder::create();
  ASSERT_TRUE(folder.ok());
  for (int round = 0; round != 8; ++round) {
    size_t columns = 1 + random() % 5, rows = 1 + random() % 4000;
    Table table(1);
    for (size_t i = 0; i != columns; ++i)
      table[0].push_back("c" + std::to_string(i));
    for (size_t r = 0; r != rows; ++r) {
      table.emplace_back();
      for (size_t i = 0; i != columns; ++i) {
        std::string cell;
        for (size_t n = random() % 40; n; --n)
          cell += "a\",#x'0"[random() % 7];
        table.back().push_back(cell);
      }
    }
    std::string text;
    for (const auto &line : table) {
      for (size_t i = 0; i != columns; ++i) {
        text += i ? ",\"" : "\"";
        for (char c : line[i])
          text += c == '"' ? "\"\"" : std::string(1, c);
        text += '"';
      }
      text += random() % 2 ? "\n" : "\r\n";
    }
    std::string path = folder->file("t.csv");
    ASSERT_TRUE(writeFile(path, text).ok());
    Result<CsvReader> reader = CsvReader::open(path);
    ASSERT_TRUE(reader.ok()) << reader.error().message;
    EXPECT_EQ(rowsOf(*reader), table);
    EXPECT_EQ(reader->progress(), 1);
    EXPECT_EQ(rowsOf(text), table);
  }
}

TEST(CsvReader, FilesThatAreNotThere) {
  Result<CsvReader> reader = CsvReader::open("/nowhere/t.csv");
  ASSERT_FALSE(reader.ok());
  EXPECT_EQ(reader.error().message,
            "cannot open '/nowhere/t.csv': No such file or directory");
}

TEST(CsvReader, UnsignedNumbers) {
  uint64_t value;
  for (auto [text, expected] : {std::pair("0", uint64_t(0)),
                                {"18446744073709551615", UINT64_MAX},
                                {"0xFf", 255},
                                {"007", 7}}) {
    ASSERT_TRUE(parseUnsigned(text, value)) << text;
    EXPECT_EQ(value, expected) << text;
  }
  for (const char *text : {"", "-1", "+1", "1.0", "18446744073709551616", "0x",
                           "1a", "0xg", "0x10000000000000000", " 1"})
    EXPECT_FALSE(parseUnsigned(text, value)) << text;
}
} // namespace
