//===- SourceTest.cpp - Traffic in and out -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestUtil.h"
#include "nm/Traffic/Output.h"
#include "gtest/gtest.h"
#include <fstream>
#include <iterator>
#include <unistd.h>

using namespace nm::traffic;

namespace {

/// All packets as rows, or the error in `error`.
test::Rows drain(Source &source, std::string &error) {
  test::Rows rows;
  Arrival arrival;
  for (;;) {
    Source::Status status = source.next(arrival);
    if (status == Source::Status::Error)
      error = source.error();
    if (status != Source::Status::Packet)
      return rows;
    rows.push_back({static_cast<uint64_t>(arrival.time)});
    rows.back().insert(rows.back().end(), arrival.values,
                       arrival.values + source.columns().size());
  }
}

test::Rows csv(const std::string &text, std::string &error) {
  auto source =
      test::opened(openCsvMemory(text.data(), text.size(), "t.csv"), error);
  return source ? drain(*source, error) : test::Rows();
}

std::string csvError(const std::string &text) {
  std::string error;
  csv(text, error);
  return error;
}

TEST(Csv, ReadsNumbers) {
  std::string error;
  EXPECT_EQ(csv("length,time,flow\r\n1500,0,3\r\n\n# note\n0x40,7,2", error),
            (test::Rows{{0, 1500, 3}, {7, 64, 2}}));
  EXPECT_EQ(error, "");
  EXPECT_EQ(csv("time,a\n1,18446744073709551615\n", error),
            (test::Rows{{1, UINT64_MAX}}));
}

TEST(Csv, SaysWhatIsWrongAndWhere) {
  EXPECT_EQ(
      csvError(""),
      "t.csv:1: no header; expected a line with the names of the columns");
  EXPECT_EQ(csvError("length\n1\n"),
            "t.csv:1: no column 'time'; expected one with arrival times in "
            "nanoseconds");
  EXPECT_EQ(csvError("time,a,a\n"), "t.csv:1: two columns are called 'a'");
  EXPECT_EQ(csvError("time,time\n"), "t.csv:1: two columns are called 'time'");
  EXPECT_EQ(csvError("time,\x01y\n"),
            "t.csv:1: column 2 is called '\\x01y'; expected a name of letters, "
            "digits and '_' (at most 64)");
  EXPECT_EQ(csvError("a,time\n1,2\n1,-2\n"),
            "t.csv:3: column 2 ('time') is '-2'; expected an unsigned number "
            "of at most 64 bits");
  EXPECT_EQ(csvError("time,b\n1,18446744073709551616\n"),
            "t.csv:2: column 2 ('b') is '18446744073709551616'; expected an "
            "unsigned number of at most 64 bits");
  EXPECT_EQ(csvError("time,b\n1\n"), "t.csv:2: 1 values; expected 2");
  EXPECT_EQ(csvError("time,b\n1,2,3\n"),
            "t.csv:2: more than 2 values; expected 2");
  EXPECT_EQ(csvError("time\n5\n4\n"),
            "t.csv:3: time 4 after 5; expected times that do not decrease "
            "(sort the file)");
  EXPECT_EQ(csvError("time\n9223372036854775807\n"),
            "t.csv:2: time 9223372036854775807; expected at most 2^62 ns");
  EXPECT_EQ(csvError(std::string(70000, 'a')),
            "t.csv:1: a line of more than 65536 bytes; expected values "
            "separated by commas");
  std::string error;
  EXPECT_FALSE(test::opened(openCsv("/nonexistent/x.csv"), error));
  EXPECT_EQ(error,
            "cannot open '/nonexistent/x.csv': No such file or directory");
}

TEST(Csv, ReadsWhatSpreadsheetsWrite) {
  std::string error;
  const test::Rows expected{{0, 1500, 3}, {7, 64, 2}};
  for (const char *text :
       {// A byte order mark, quotes, CR LF, no last line end.
        "\xef\xbb\xbf\"length\",\"time\",\"flow\"\r\n\"1500\",\"0\",\"3\"\r\n"
        "64,7,2",
        // Blanks and tabs around cells and quotes, a line of blanks.
        " length , time,\tflow \n 1500 ,0 , 3\n   \n \"64\" , \" 7 \",2\t\n",
        "\xef\xbb\xbflength,time,flow\n1500,0,3\n  # note\n64,7,2\n"}) {
    EXPECT_EQ(csv(text, error), expected) << text;
    EXPECT_EQ(error, "") << text;
  }
  EXPECT_EQ(csvError("time,a\n1,\"2\n"),
            "t.csv:2: a quoted cell does not end on its line");
  EXPECT_EQ(csvError("time,a\n\"1\"2,3\n"),
            "t.csv:2: found '2,3' after a quoted cell; expected a comma");
  EXPECT_EQ(
      csvError("time,a\n1,\"\"\"2\"\"\"\n"),
      "t.csv:2: column 2 ('a') is '\"2\"'; expected an unsigned number of "
      "at most 64 bits");
  EXPECT_EQ(csvError("time,a\n1,\n"),
            "t.csv:2: column 2 ('a') is ''; expected an unsigned number of at "
            "most 64 bits");
  EXPECT_EQ(csvError("time,a\n1\xef\xbb\xbf,2\n"),
            "t.csv:2: column 1 ('time') is '1\\xef\\xbb\\xbf'; expected an "
            "unsigned number of at most 64 bits");
}

TEST(Csv, NamesTheLineOfALengthThatIsNone) {
  EXPECT_EQ(csvError("time,length\n0,1\n\n1,0\n"),
            "t.csv:4: a length of 0; expected 1 to 2^32 bytes");
  EXPECT_EQ(csvError("length,time\n4294967297,0\n"),
            "t.csv:2: a length of 4294967297; expected 1 to 2^32 bytes");
  EXPECT_EQ(csvError("length,time\n4294967296,0\n"), "");
}

TEST(Csv, StreamsFilesLargerThanItsBuffer) {
  std::string path = testing::TempDir() + "nm-traffic-large.csv";
  {
    std::ofstream file(path);
    file << "time,length\n";
    for (int i = 0; i < 100000; ++i)
      file << i * 10 << "," << i % 1500 + 1 << "\n";
  }
  std::string error;
  auto source = test::opened(openCsv(path), error);
  ASSERT_TRUE(source) << error;
  test::Rows rows = drain(*source, error);
  ASSERT_EQ(rows.size(), 100000u);
  for (size_t i = 0; i < rows.size(); ++i)
    ASSERT_EQ(rows[i], (std::vector<uint64_t>{i * 10, i % 1500 + 1}));
  EXPECT_EQ(source->progress(), 1.0);
  ::unlink(path.c_str());
}

TEST(Generator, KeepsItsRate) {
  for (const char *kind :
       {"cbr:rate=8G", "poisson:rate=8G", "burst:rate=8G,size=7",
        "onoff:rate=8G,peak=20G,on=50k"}) {
    std::string error;
    auto source = test::opened(
        openGenerator(std::string(kind) +
                      ",length=64..1500,packets=200000,flows=4,class=2..3"),
        error);
    ASSERT_TRUE(source) << error;
    EXPECT_EQ(source->columns(),
              (std::vector<std::string>{"length", "flow", "class"}));
    test::Rows rows = drain(*source, error);
    ASSERT_EQ(rows.size(), 200000u);
    double bits = 0, flows[4] = {};
    uint64_t last = 0;
    for (const auto &row : rows) {
      bits += static_cast<double>(row[1]) * 8;
      ASSERT_GE(row[0], last);
      last = row[0];
      ASSERT_TRUE(row[1] >= 64 && row[1] <= 1500 && row[2] < 4);
      ASSERT_TRUE(row[3] == 2 || row[3] == 3);
      ++flows[row[2]];
    }
    EXPECT_NEAR(bits / static_cast<double>(last), 8, 0.25) << kind;
    for (double count : flows)
      EXPECT_NEAR(count, 50000, 1500) << kind;
  }
}

TEST(Generator, RefusesWithTheItem) {
  auto refused = [](const char *text) {
    std::string error;
    EXPECT_FALSE(test::opened(openGenerator(text), error));
    return error;
  };
  EXPECT_EQ(refused("cbr:packets=1"),
            "traffic 'cbr:packets=1': no rate; expected rate=<bit/s>");
  EXPECT_EQ(refused("cbr:rate=1G"),
            "traffic 'cbr:rate=1G': no end; expected packets=<count> or "
            "duration=<ns>");
  EXPECT_EQ(refused("steady:rate=1G"),
            "traffic 'steady:rate=1G': 'steady'; expected cbr, poisson, burst "
            "or onoff");
  EXPECT_EQ(refused("cbr:rate=1G,length=9..3,packets=1"),
            "traffic 'cbr:rate=1G,length=9..3,packets=1': 'length=9..3'; "
            "expected bytes or a range of them, such as 64..1500");
  EXPECT_EQ(refused("cbr:rate=1G,packtes=1"),
            "traffic 'cbr:rate=1G,packtes=1': no end; expected packets=<count> "
            "or duration=<ns> (taken for columns: 'packtes')");
  EXPECT_EQ(refused("cbr:rate=1G,packets=1,size=4"),
            "traffic 'cbr:rate=1G,packets=1,size=4': 'size' has no effect on "
            "cbr; expected it with burst");
  EXPECT_EQ(refused("cbr:rate=1G,rate=2G,packets=1"),
            "traffic 'cbr:rate=1G,rate=2G,packets=1': 'rate' comes twice");
  EXPECT_EQ(refused("cbr:rate=1G,packets=1,a\nb=4"),
            "traffic 'cbr:rate=1G,packets=1,a\\x0ab=4': 'a\\x0ab=4'; expected "
            "a name of letters, digits and '_'");
  EXPECT_EQ(refused("cbr:rate=nan,packets=1"),
            "traffic 'cbr:rate=nan,packets=1': 'rate=nan'; expected 1 to 1e15 "
            "bit/s, such as 8G");
}

/// A capture made from a CSV file, read again.
TEST(Pcap, RoundTrip) {
  std::string path = testing::TempDir() + "nm-traffic.pcap", error;
  ::unlink(path.c_str());
  std::string text = "time,length,flow,tos\n";
  for (int i = 0; i < 1000; ++i)
    text += std::to_string(1000 + i * 123) + "," + std::to_string(64 + i) +
            "," + std::to_string(i * 7 % 5) + ",184\n";
  auto source =
      test::opened(openCsvMemory(text.data(), text.size(), "t"), error);
  ASSERT_TRUE(source) << error;
  auto output = nm::support::OutputFile::open(path);
  ASSERT_TRUE(output.ok());
  auto writer = test::opened(openDeparturePcap(**output, *source), error);
  ASSERT_TRUE(writer) << error;
  Arrival arrival;
  uint64_t number = 0;
  while (source->next(arrival) == Source::Status::Packet)
    writer->write({number++, arrival.time, arrival.time, arrival.values[0],
                   arrival.values[1], arrival.values, nullptr});
  EXPECT_NE(::access(path.c_str(), F_OK), 0) << "not before finish";
  writer->finish();
  ASSERT_TRUE((*output)->commit().ok());

  auto capture = test::opened(openPcap(path, 5), error);
  ASSERT_TRUE(capture) << error;
  test::Rows rows = drain(*capture, error);
  EXPECT_EQ(error, "");
  ASSERT_EQ(rows.size(), 1000u);
  // Numbers follow the order of appearance: 0, 2, 4, 1, 3.
  const uint64_t flow[] = {0, 3, 1, 4, 2};
  for (size_t i = 0; i < rows.size(); ++i)
    ASSERT_EQ(rows[i], (std::vector<uint64_t>{i * 123, 64 + i, flow[i * 7 % 5],
                                              184, 17, i * 7 % 5, 9, 0, 46, 0,
                                              10u << 24, 10u << 24 | 1, 0, 0}));

  capture = test::opened(openPcap(path, 4), error);
  ASSERT_TRUE(capture);
  EXPECT_EQ(drain(*capture, error).size(), 4u);
  EXPECT_NE(error.find("packet 5 (offset 256): more than 4 flows"),
            std::string::npos)
      << error;

  // Every prefix of the file is read, with a warning where it ends in a packet,
  // or is refused where it ends in the file's header.
  std::ifstream file(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), {}};
  for (size_t size = 0; size < 200; ++size) {
    error.clear();
    auto cut = test::opened(openPcapMemory(bytes.data(), size, 9), error);
    EXPECT_EQ(cut != nullptr, size >= 24) << size << error;
    if (!cut)
      continue;
    EXPECT_EQ(drain(*cut, error).size(), (size - 24) / 58);
    EXPECT_EQ(error, "") << size;
    std::vector<Source::Note> notes = cut->notes();
    ASSERT_EQ(notes.size(), (size - 24) % 58 ? 1u : 0u) << size;
    if (notes.empty())
      continue;
    EXPECT_TRUE(notes[0].isWarning);
    std::string expected =
        "<memory>: packet " + std::to_string((size - 24) / 58 + 1) +
        " (offset " + std::to_string(24 + (size - 24) / 58 * 58) +
        ") is cut off by the end of the capture and left out: truncated";
    EXPECT_EQ(notes[0].text.substr(0, expected.size()), expected);
  }
  ::unlink(path.c_str());
}

TEST(Pcap, RefusesOtherFiles) {
  std::string error, text = "this is not a capture, whatever it is";
  EXPECT_FALSE(
      test::opened(openPcapMemory(text.data(), text.size(), 9), error));
  EXPECT_NE(error.find("expected a pcap or pcapng file"), std::string::npos);
  EXPECT_FALSE(test::opened(openPcapMemory(nullptr, 0, 9), error));
}

TEST(ReadAhead, GivesWhatTheSourceGives) {
  // Less than a block, whole blocks, several and a part of one.
  for (const char *packets : {"1", "2048", "4096", "20001"}) {
    std::string text =
        std::string("poisson:rate=9G,length=64..1500,flows=9,class=0..3,"
                    "packets=") +
        packets;
    std::string error;
    auto plain = test::opened(openGenerator(text), error);
    auto ahead = readAhead(test::opened(openGenerator(text), error));
    EXPECT_EQ(ahead->columns(), plain->columns());
    EXPECT_EQ(drain(*ahead, error), drain(*plain, error));
    EXPECT_EQ(error, "");
    // The end stays the end.
    Arrival arrival;
    EXPECT_EQ(ahead->next(arrival), Source::Status::End);
  }
}

TEST(ReadAhead, EvenTrafficIsTheSameInBlocks) {
  // Whole and broken gaps, ends by number and by time, columns that vary.
  for (const char *text :
       {"cbr:rate=10G,flows=16,packets=5000,seed=3",
        "cbr:rate=9.9G,flows=16,packets=5000,class=3",
        "cbr:rate=10G,packets=2049,class=0..1",
        "cbr:rate=10G,flows=3,order=turn,duration=4e6",
        "cbr:rate=10G,duration=1200000.5", "cbr:rate=10G,duration=1",
        "cbr:rate=7G,length=64..65,packets=2500",
        "cbr:rate=7G,flows=2,duration=3e6", "cbr:rate=1000T,packets=3000",
        "cbr:rate=1,length=16777216,packets=3000"}) {
    std::string error;
    auto plain = test::opened(openGenerator(text), error);
    auto ahead = readAhead(test::opened(openGenerator(text), error));
    EXPECT_EQ(drain(*ahead, error), drain(*plain, error)) << text;
    EXPECT_EQ(error, "");
  }
}

TEST(ReadAhead, PassesErrorsOnInTheirPlace) {
  std::string text = "time,length\n";
  for (int i = 0; i < 3000; ++i)
    text += std::to_string(i) + ",100\n";
  text += "x,100\n";
  std::string error;
  auto source = readAhead(
      test::opened(openCsvMemory(text.data(), text.size(), "t.csv"), error));
  EXPECT_EQ(drain(*source, error).size(), 3000u);
  EXPECT_NE(error.find("t.csv:3002: "), std::string::npos) << error;
}

TEST(ReadAhead, StopsBeforeTheEnd) {
  std::string error;
  auto source = readAhead(
      test::opened(openGenerator("cbr:rate=1G,packets=1000000000000"), error));
  Arrival arrival;
  EXPECT_EQ(source->next(arrival), Source::Status::Packet);
}

} // namespace
