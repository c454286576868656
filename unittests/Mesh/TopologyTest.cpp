//===- TopologyTest.cpp - Embeddings keep the order of departures ---------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Model/PifoMesh/Topology.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <functional>
#include <random>

using namespace nm::mesh;

namespace {
Topology tree(const std::string &text) {
  nm::support::Result<Topology> topology = parseTopology(text);
  EXPECT_TRUE(topology.ok()) << text;
  return topology ? *topology : Topology();
}

Topology randomTree(std::mt19937 &random, unsigned nodes) {
  Topology topology;
  while (topology.size() < nodes)
    topology.add(random() % topology.size());
  return topology;
}

/// Random traffic with few ranks, so that ties are frequent.
void expectSameDepartures(const Topology &source, const Embedding &embedding,
                          std::mt19937 &random) {
  ASSERT_TRUE(isEmbedding(source, embedding))
      << source.print() << " into " << embedding.target.print();
  std::vector<unsigned> leaves;
  std::vector<std::vector<unsigned>> below = source.children();
  for (unsigned node = 0; node < source.size(); ++node)
    if (below[node].empty())
      leaves.push_back(node);
  PifoTree original(source), image(embedding.target);
  for (uint64_t packet = 0; packet < 600; ++packet) {
    if (random() % 5 < 3) {
      unsigned leaf = leaves[random() % leaves.size()];
      std::vector<uint64_t> ranks;
      for (size_t i = 0; i < original.path(leaf).size(); ++i)
        ranks.push_back(random() % 6);
      original.push(packet, leaf, ranks);
      image.push(packet, embedding.image[leaf],
                 liftRanks(source, embedding, leaf, ranks));
    } else {
      ASSERT_EQ(original.pop(), image.pop());
    }
  }
  while (std::optional<uint64_t> packet = original.pop())
    ASSERT_EQ(packet, image.pop());
  ASSERT_EQ(image.pop(), std::nullopt);
}

TEST(Topology, PrintsWhatItReads) {
  for (const char *text : {".", "(..)", "((..).(...))", "(((.)))"})
    EXPECT_EQ(tree(text).print(), text);
  for (const char *text : {"", "(", "()", "..", "(.))", "x", "(. .)"}) {
    nm::support::Result<Topology> topology = parseTopology(text);
    ASSERT_FALSE(topology.ok()) << text;
    EXPECT_NE(topology.error().message.find("expected"), std::string::npos);
  }
}

TEST(Topology, LeastHeightInBinaryTrees) {
  EXPECT_EQ(embedIntoArity(tree("(........)"), 2).target.height(), 3u);
  EXPECT_EQ(embedIntoArity(tree("(.........)"), 2).target.height(), 4u);
  EXPECT_EQ(embedIntoArity(tree("(.........)"), 3).target.height(), 2u);
  // One deep child: the flat ones share the other side.
  EXPECT_EQ(embedIntoArity(tree("((..)...)"), 2).target.height(), 3u);
  EXPECT_EQ(embedIntoArity(tree("((((..))).....)"), 2).target.height(), 4u);
}

TEST(Topology, DeparturesAreEqualInDaryTrees) {
  std::mt19937 random(3);
  for (unsigned round = 0; round < 120; ++round) {
    Topology source = randomTree(random, 2 + random() % 30);
    unsigned arity = 2 + random() % 4;
    Embedding embedding = embedIntoArity(source, arity);
    for (const auto &children : embedding.target.children())
      ASSERT_LE(children.size(), arity);
    expectSameDepartures(source, embedding, random);
  }
}

TEST(Topology, DeparturesAreEqualInGivenTrees) {
  std::mt19937 random(4);
  std::string error;
  for (auto [from, to] :
       {std::pair<const char *, const char *>{"(...)", "((..)(..))"},
        {"((..)..)", "(((..)(..))(..))"},
        {"(..)", "((..))"},
        {"((...)(..))", "(((..).)((..)(..)))"}}) {
    nm::support::Result<Embedding> embedding = embedInto(tree(from), tree(to));
    ASSERT_TRUE(embedding.ok()) << from << " into " << to;
    EXPECT_EQ(embedding->target.print(), to);
    expectSameDepartures(tree(from), *embedding, random);
  }
}

// Fewer leaves cannot do what more do (Theorem 4.10), nor can less height.
TEST(Topology, WhatDoesNotFitIsRefused) {
  nm::support::Result<Embedding> wide = embedInto(tree("(...)"), tree("(..)"));
  ASSERT_FALSE(wide.ok());
  EXPECT_NE(wide.error().message.find("no embedding of (...) into (..)"),
            std::string::npos);
  EXPECT_FALSE(embedInto(tree("((..).)"), tree("(...)")).ok());
}

TEST(Topology, TheHeightIsLeast) {
  // Compared with the best of all merges, for small fans of given heights.
  std::mt19937 random(9);
  std::function<unsigned(std::vector<unsigned>, unsigned)> best =
      [&](std::vector<unsigned> heights, unsigned arity) -> unsigned {
    if (heights.size() <= arity)
      return 1 + *std::max_element(heights.begin(), heights.end());
    unsigned least = ~0u;
    // Any subset of two or more is merged first.
    for (unsigned mask = 1; mask < (1u << heights.size()); ++mask) {
      std::vector<unsigned> rest;
      unsigned top = 0, count = 0;
      for (unsigned i = 0; i < heights.size(); ++i) {
        if ((mask >> i) & 1) {
          top = std::max(top, heights[i]);
          ++count;
        } else {
          rest.push_back(heights[i]);
        }
      }
      if (count < 2 || count > arity)
        continue;
      rest.push_back(top + 1);
      least = std::min(least, best(rest, arity));
    }
    return least;
  };
  for (unsigned round = 0; round < 40; ++round) {
    Topology source;
    std::vector<unsigned> heights;
    unsigned fan = 2 + random() % 5;
    for (unsigned i = 0; i < fan; ++i) {
      unsigned height = random() % 4, node = source.add(0);
      heights.push_back(height);
      for (unsigned k = 0; k < height; ++k)
        node = source.add(node);
    }
    unsigned arity = 2 + random() % 2;
    EXPECT_EQ(embedIntoArity(source, arity).target.height(),
              best(heights, arity))
        << source.print();
  }
}
} // namespace
