//===- TimeloopTest.cpp - Mappings as Timeloop writes them -===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Explore/Timeloop.h"
#include "RoundTrip.h"
#include <gtest/gtest.h>

using namespace nm;
using namespace nm::explore;
using namespace nm::model;

namespace {

/// The loops of FLAT at head granularity on an array of 256 by 256, keys
/// stationary, the logits alone on chip: factors, orders and levels are those
/// of the artifact of FuseMax, with registers that say nothing here.
std::string flatMapping(char width, const char *streamed, const char *held,
                        const char *result) {
  std::string w(1, width);
  bool isLogit = width == 'E';
  std::string kept = isLogit ? result : streamed;
  return "mapping:\n"
         "- {target: DRAM, type: temporal, factors: [B=64, " +
         w + "=1, H=16, M=1, P=1], permutation: [" + w +
         ", M, P, H, B]}\n"
         "- target: DRAM\n  type: dataspace\n  keep: [" +
         (isLogit ? std::string(streamed) + ", " + held
                  : std::string(held) + ", " + result) +
         "]\n  bypass: [" + kept +
         "]\n"
         "- {target: L3, type: temporal, factors: [B=1, " +
         w + "=1, H=1, M=16, P=4096], permutation: [P, " + w +
         ", M, H, B]}\n"
         "- target: L3\n  type: dataspace\n  keep: [" +
         kept +
         "]\n  bypass: []\n"
         "- {target: PE_col, type: spatial, factors: [B=1, " +
         w +
         "=256, H=1, M=1, P=1], split: 5}\n"
         "- {target: PE, type: spatial, factors: 'B=1 " +
         w +
         "=1 H=1 M=256 P=1', split: 0}\n"
         "- {target: reg0, type: temporal, factors: [B=1, " +
         w + "=1, H=1, M=1, P=1]}\n";
}

TEST(Timeloop, ReadsMappingsOfOthers) {
  auto read = parseTimeloop(flatMapping('E', "Q", "K", "QK"),
                            flatMapping('F', "A", "V", "AV"), "qk", "av");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->shape.batch, 64);
  EXPECT_EQ(read->shape.heads, 16);
  EXPECT_EQ(read->shape.queries, 4096);
  EXPECT_EQ(read->shape.keys, 4096);
  EXPECT_EQ(read->shape.headDim, 256);
  EXPECT_EQ(toString(read->dataflow),
            "head, staged = [logits], logit = weight, attend = weight");
}

TEST(Timeloop, WhatIsWrittenReadsBack) {
  RoundTrips trips = expectRoundTrips(
      Scope::All, 400, printTimeloop, [](const TimeloopMapping &text) {
        return parseTimeloop(text.logit, text.attend, "l", "a");
      });
  EXPECT_EQ(trips.written, 1200u);
  EXPECT_EQ(trips.refused, 0u);
}

TEST(Timeloop, RefusesWhatItCannotSay) {
  Device device = *findDevice("cloud");
  Mapping mapping;
  mapping.shape.queries = mapping.shape.keys = 100;
  mapping.shape.headDim = 64;
  mapping.dataflow.rows = 30;
  EXPECT_FALSE(printTimeloop(device, mapping));
  mapping.dataflow.rows = 50;
  EXPECT_TRUE(printTimeloop(device, mapping));
  mapping.shape.causal = true;
  EXPECT_FALSE(printTimeloop(device, mapping));
}

TEST(Timeloop, ErrorsNameTheFile) {
  std::string qk = flatMapping('E', "Q", "K", "QK"),
              av = flatMapping('F', "A", "V", "AV");
  auto messageOf = [&](const std::string &a, const std::string &b) {
    auto read = parseTimeloop(a, b, "qk.yaml", "av.yaml");
    EXPECT_FALSE(read);
    return read ? std::string() : read.error().message;
  };
  EXPECT_EQ(messageOf("[", av).find("qk.yaml: "), 0u);
  for (const char *text : {"", "3", "mapping: 3", "mapping: [3]", "mapping: []",
                           "mapping: [{type: loop}]", "- a", "? [a]\n: b"})
    EXPECT_EQ(messageOf(text, av).find("qk.yaml: "), 0u) << text;
  auto changed = [&](std::string text, const std::string &from,
                     const std::string &to) {
    EXPECT_NE(text.find(from), std::string::npos) << from;
    return text.replace(text.find(from), from.size(), to);
  };
  EXPECT_NE(messageOf(changed(qk, "M=16", "M=0"), av).find("'M=0'"),
            std::string::npos);
  EXPECT_NE(messageOf(changed(qk, "M=16", "X=16"), av).find("'X=16'"),
            std::string::npos);
  EXPECT_NE(
      messageOf(qk, changed(av, "P=4096", "P=2048")).find("av.yaml: found 1 "),
      std::string::npos);
  messageOf(changed(qk, "M=16", "M=9223372036854775807"), av);
  messageOf(changed(qk, "keep: [QK]", "keep: []"), av);
  // Torn anywhere: an error or another mapping, never a crash.
  for (size_t size = 0; size < qk.size(); size += 3)
    (void)parseTimeloop(qk.substr(0, size), av, "qk.yaml", "av.yaml");
}

} // namespace
