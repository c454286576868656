//===- TileFlowTest.cpp - Mappings as TileFlow writes them -===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Explore/TileFlow.h"
#include "RoundTrip.h"
#include <cstdio>
#include <gtest/gtest.h>
#include <random>

using namespace nm;
using namespace nm::explore;
using namespace nm::model;

namespace {

/// A node and what is below it, each line two blanks deeper than the list that
/// it is in.
std::string node(const std::string &attributes,
                 const std::vector<std::string> &below = {}) {
  std::string text = attributes;
  if (!below.empty())
    text += "\nsubtree:";
  for (const std::string &child : below) {
    text += "\n- ";
    for (char c : child)
      text += c == '\n' ? std::string("\n  ") : std::string(1, c);
  }
  return text;
}

std::string tile(const std::string &type, const std::string &factors,
                 const std::string &order, const std::string &target,
                 const std::string &below) {
  return node("node-type: Tile\ntype: " + type + "\nfactors: " + factors +
                  "\npermutation: " + order + "\ntarget: " + target,
              {below});
}

std::string document(const std::string &root) {
  return node("mapping:", {}) + [&] {
    std::string text = "\n  ";
    for (char c : root)
      text += c == '\n' ? std::string("\n  ") : std::string(1, c);
    return text + "\n";
  }();
}

/// A product below its own tiles on chip, array and registers.
std::string product(const std::string &name, const std::string &chip,
                    const std::string &chipOrder, const std::string &array,
                    const std::string &arrayOrder) {
  return tile("Temporal", chip, chipOrder, "L1",
              tile("Spatial", array, arrayOrder, "L1",
                   tile("Temporal", "M=1 L=1", "LM", "L0",
                        node("node-type: Op\nname: " + name))));
}

std::string scope(const std::string &logit, const std::string &attend) {
  return node("node-type: Scope\ntype: Sequential", {logit, attend});
}

/// FlashAttention as TileFlow's cases have it: blocks of rows and keys above
/// the scope, heads and rows over four cores below it.
std::string flashAttention() {
  auto cores = [](const std::string &below) {
    return tile("Spatial", "B=1 H=2 M=2", "MHB", "L2", below);
  };
  return document(tile("Temporal", "B=2 H=6 M=4 L=8", "LMHB", "L2",
                       scope(cores(product("ProduceC", "M=2 L=2 A=64", "ALM",
                                           "M=32 L=32", "LM")),
                             cores(product("ProduceO", "M=2 L=2 N=64", "NLM",
                                           "M=32 L=32", "LM")))));
}

/// FLAT as TileFlow's cases have it: whole rows, and pieces of the widths pass
/// by while the logits stay.
std::string flat() {
  auto pieces = [](const char *factor, const char *order,
                   const std::string &below) {
    return node("node-type: Tile\ntype: Temporal\nfactors: " +
                    std::string(factor) + "\npermutation: " + order +
                    "\ntarget: L2\nbypass: [C]\nprofile: False",
                {below});
  };
  return document(tile("Temporal", "B=1 H=12 M=16", "MHB", "L2",
                       scope(pieces("A=4", "A",
                                    product("ProduceC", "M=1 L=16 A=16", "ALM",
                                            "M=32 L=32", "LM")),
                             pieces("L=8", "L",
                                    product("ProduceO", "M=1 L=2 N=64", "NLM",
                                            "M=32 L=32", "LM")))));
}

/// No fusion: the scope is the root, and each product has tiles of its own.
std::string unfused() {
  auto blocks = [](const std::string &below) {
    return tile("Temporal", "B=1 H=12 M=4 L=4", "LMHB", "L2", below);
  };
  return document(scope(
      blocks(product("ProduceC", "M=4 L=4 A=64", "ALM", "M=32 L=32", "LM")),
      blocks(product("ProduceO", "M=4 L=4 N=64", "NLM", "M=32 L=32", "LM"))));
}

std::string flowOf(const std::string &text) {
  auto read = parseTileFlow(text, "map.yaml");
  EXPECT_TRUE(read) << read.error().message << "\n" << text;
  return read ? toString(read->dataflow) : std::string();
}

TEST(TileFlow, ReadsMappingsOfOthers) {
  auto read = parseTileFlow(flashAttention(), "map.yaml");
  ASSERT_TRUE(read) << read.error().message << "\n" << flashAttention();
  EXPECT_EQ(read->shape.batch, 2);
  EXPECT_EQ(read->shape.heads, 12);
  EXPECT_EQ(read->shape.queries, 512);
  EXPECT_EQ(read->shape.keys, 512);
  EXPECT_EQ(read->shape.headDim, 64);
  EXPECT_EQ(read->shape.valueDim, 64);
  // A block of 2 x 2 x 32 rows stays while tiles of 64 keys pass by. L is by
  // what the second product sums: it is on the array, and N goes by.
  EXPECT_EQ(toString(read->dataflow),
            "row, rows = 128, key_tile = 64, staged = [q, logits, o], attend "
            "= input, heads = 2");
  EXPECT_EQ(flowOf(flat()),
            "row, rows = 32, staged = [logits, o], attend = input");
  EXPECT_EQ(flowOf(unfused()), "row, rows = 128, staged = [q, o], attend = "
                               "input");
}

/// `from` of `text` as `to`.
std::string changed(std::string text, const std::string &from,
                    const std::string &to) {
  EXPECT_NE(text.find(from), std::string::npos) << from;
  return text.replace(text.find(from), from.size(), to);
}

TEST(TileFlow, LoopsSayWhatStays) {
  // Keys outside: tiles of them stay while rows pass by.
  EXPECT_EQ(flowOf(changed(flashAttention(), "LMHB", "MLHB")),
            "row, rows = 128, key_tile = 64, staged = [logits], attend = "
            "input, heads = 2, keys outer");
  // Tiles of keys that are all on the chip.
  std::string text = flashAttention();
  text = changed(text, "B=2 H=6 M=4 L=8", "B=2 H=6 M=4");
  text = changed(text, "permutation: LMHB", "permutation: MHB");
  std::string inner = document(tile(
      "Temporal", "B=2 H=12 M=4", "MHB", "L2",
      tile("Temporal", "L=8", "L", "L1",
           scope(product("ProduceC", "M=4 L=2 A=64", "ALM", "M=32 L=32", "LM"),
                 product("ProduceO", "M=4 L=2 N=64", "NLM", "M=32 L=32",
                         "LM")))));
  EXPECT_EQ(flowOf(inner),
            "row, rows = 128, key_tile = 64, staged = [q, k, v, logits, o], "
            "attend = input");
  EXPECT_EQ(flowOf(text), "row, rows = 128, staged = [q, k, v, logits, o], "
                          "attend = input, heads = 2");
}

TEST(TileFlow, MacrosAndOtherSpellings) {
  std::string text = changed(flashAttention(), "factors: B=2 H=6 M=4 L=8",
                             "factors: B = 2 H=HO M= 4  L =8");
  EXPECT_EQ(flowOf(text + "macro: {HO: 6, MO: 4}\nverbose: 1\n"),
            flowOf(flashAttention()));
  for (auto [from, to] :
       {std::pair("ProduceC", "GEMM1"), std::pair("ProduceO", "GEMM2"),
        std::pair("A=64", "K=64"), std::pair("ALM", "KLM")})
    text = changed(changed(text, "H=HO", "H=6"), from, to),
    text = changed(text, "H=6", "H=HO");
  EXPECT_EQ(flowOf(text + "macro: {HO: 6}\n"), flowOf(flashAttention()));
}

TEST(TileFlow, WhatIsWrittenReadsBack) {
  auto parse = [](const std::string &text) {
    return parseTileFlow(text, "map.yaml");
  };
  RoundTrips all = expectRoundTrips(Scope::All, 300, printTileFlow, parse);
  EXPECT_GT(all.written, 600u);
  RoundTrips unfused =
      expectRoundTrips(Scope::Unfused, 300, printTileFlow, parse);
  EXPECT_GT(unfused.written, 300u);
  std::printf("written %zu and %zu, refused %zu and %zu\n", all.written,
              unfused.written, all.refused, unfused.refused);
}

TEST(TileFlow, RefusesWhatItCannotSay) {
  Device device = *findDevice("edge");
  Mapping mapping;
  mapping.shape.queries = mapping.shape.keys = 1024;
  mapping.shape.headDim = 64;
  mapping.dataflow.rows = 256;
  mapping.dataflow.keyTile = 128;
  mapping.dataflow.staged = StagedQ | StagedK | StagedLogits | StagedOutput;
  auto text = printTileFlow(device, mapping);
  ASSERT_FALSE(text);
  EXPECT_NE(text.error().message.find("K or V alone"), std::string::npos);
  mapping.dataflow.staged |= StagedV;
  EXPECT_TRUE(printTileFlow(device, mapping));
  mapping.shape.causal = true;
  EXPECT_FALSE(printTileFlow(device, mapping));
}

TEST(TileFlow, ErrorsNameFileAndLine) {
  std::string good = flashAttention();
  auto messageOf = [&](const std::string &text) {
    auto read = parseTileFlow(text, "map.yaml");
    EXPECT_FALSE(read) << text;
    return read ? std::string() : read.error().message;
  };
  for (const char *text :
       {"", "3", "[", "mapping: 3", "mapping: {node-type: Loop}",
        "mapping: {node-type: Tile}", "mapping: {node-type: Scope}",
        "mapping: {node-type: Op, name: ProduceX}",
        "mapping: {node-type: Op, name: ProduceC}", "- a", "? [a]\n: b"})
    EXPECT_EQ(messageOf(text).find("map.yaml:"), 0u) << text;
  struct Change {
    const char *from, *to, *message;
  };
  for (const Change &c : std::initializer_list<Change>{
           {"M=4", "M=?", "map.yaml:4: found factor 'M=?'"},
           {"M=4", "M=0", "found factor 'M=0'"},
           {"M=4", "X=4", "found factor 'X=4'"},
           {"M=4", "M=4 M=2", "found two factors of 'M'"},
           {"M=4", "M=9223372036854775807", "beyond"},
           {"H=6", "H=6 A=2", "above the scope"},
           {"LMHB", "LMXB", "found 'X' in the permutation"},
           {"target: L2", "targets: L2", "map.yaml:6: found 'targets'"},
           {"type: Sequential", "type: Pipeline",
            "products take turns on one array"},
           {"name: ProduceO", "name: ProduceC", "found a second 'ProduceC'"},
           {"M=32 L=32", "M=32 H=32", "of H on the array"},
           {"M=2 L=2 N=64", "M=4 L=2 N=64",
            "map.yaml: ProduceO: found 4 times"},
       })
    EXPECT_NE(messageOf(changed(good, c.from, c.to)).find(c.message),
              std::string::npos)
        << messageOf(changed(good, c.from, c.to));
  // A scope has to stand above both.
  messageOf(changed(changed(good, "node-type: Scope", "node-type: Tile"),
                    "type: Sequential",
                    "type: Temporal\n    factors: M=1\n    target: L1"));
}

/// Torn, cut and mixed: an error or another mapping, never a crash.
TEST(TileFlow, HostileFiles) {
  const std::string seeds[] = {flashAttention(), flat(), unfused()};
  for (const std::string &seed : seeds)
    for (size_t size = 0; size < seed.size(); size += 3)
      (void)parseTileFlow(seed.substr(0, size), "map.yaml");
  std::mt19937 random(7);
  size_t readable = 0;
  const std::string letters = "BHMLAKN=? 0123456789:-\n{}[],#&*'\"";
  for (int i = 0; i != 1000; ++i) {
    std::string text = seeds[random() % 3];
    for (unsigned n = 1 + random() % 3; n; --n) {
      size_t at = random() % text.size();
      switch (random() % 6) {
      case 0:
        text[at] = letters[random() % letters.size()];
        break;
      case 1: // another factor
      case 2:
      case 3:
        at = text.find('=', at);
        if (at < text.size() - 1)
          text[at + 1] = static_cast<char>('0' + random() % 10);
        break;
      case 4:
        text.erase(at, 1 + random() % 40);
        break;
      default:
        text.insert(at, text.substr(random() % text.size(), random() % 60));
        break;
      }
      if (text.empty())
        text = " ";
    }
    auto read = parseTileFlow(text, "map.yaml");
    if (!read) {
      EXPECT_EQ(read.error().message.find("map.yaml"), 0u)
          << read.error().message;
      continue;
    }
    ++readable;
    EXPECT_TRUE(read->shape.check());
  }
  EXPECT_GT(readable, 20u);
  // Deep, wide and long.
  std::string deep = "mapping: ";
  for (int i = 0; i != 80; ++i)
    deep += "{node-type: Scope, subtree: [";
  (void)parseTileFlow(deep, "map.yaml");
  std::string wide = "mapping:\n  node-type: Scope\n  subtree:\n";
  for (int i = 0; i != 2000; ++i)
    wide += "  - {node-type: Op, name: ProduceD}\n";
  auto read = parseTileFlow(wide, "map.yaml");
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().message.find("more than 1024 nodes"),
            std::string::npos);
  (void)parseTileFlow("mapping: {node-type: Tile, target: L1, factors: 'M" +
                          std::string(1 << 19, ' ') + "='}",
                      "map.yaml");
}

} // namespace
