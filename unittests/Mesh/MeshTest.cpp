//===- MeshTest.cpp - The mesh's model against a tree without time --------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Model/PifoMesh/Mesh.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <deque>
#include <fstream>
#include <iterator>
#include <map>
#include <random>

using namespace nm::mesh;

namespace {
std::string readShaped() {
  std::ifstream file(NM_SOURCE
                     "/test/Target/PifoSystemVerilog/Inputs/shaped.json");
  return {std::istreambuf_iterator<char>(file), {}};
}

Config shaped() {
  nm::support::Result<Config> config = parseConfig(readShaped(), "shaped");
  EXPECT_TRUE(config.ok()) << (config.ok() ? "" : config.error().message);
  return config ? *config : Config();
}

/// A tree of PIFOs whose every operation is done at once.
class Tree {
public:
  explicit Tree(const Config &config) : config(config) {
    for (const Block &block : config.blocks) {
      heads.emplace_back();
      rest.emplace_back();
      files.push_back(initialState(block.states));
    }
  }

  void enqueue(unsigned leaf, const std::vector<uint64_t> &fields, uint64_t now,
               unsigned fromDepth = 15) {
    for (unsigned depth = fromDepth + 1; depth-- > 0;) {
      bool suspended = false;
      for (size_t b = 0; b < config.blocks.size(); ++b)
        if (config.blocks[b].depth == depth)
          for (const Route &route : config.blocks[b].routes)
            if (route.leaf == leaf) {
              push(b, route, leaf, fields, now);
              suspended |= route.suspends;
            }
      if (suspended)
        return;
    }
  }

  void release(uint64_t now) {
    for (size_t b = 0; b < config.blocks.size(); ++b)
      while (config.blocks[b].shaping && !heads[b].empty() &&
             static_cast<int32_t>(now - heads[b][0].element.rank) >= 0) {
        Item item = pop(b, heads[b][0].element.pifo);
        for (const NextHop &hop :
             config.blocks[b].pifos[item.element.pifo].next)
          if (item.element.flow - hop.firstFlow < hop.numFlows)
            enqueue(hop.leaf, item.fields, now, config.blocks[b].depth - 1);
      }
  }

  /// The first field of the packet that leaves, or -1.
  int64_t dequeue() {
    size_t block = config.roots[0].block;
    unsigned pifo = config.roots[0].pifo;
    while (true) {
      Item item = pop(block, pifo);
      if (!item.element.valid)
        return -1;
      const LogicalPifo &from = config.blocks[block].pifos[pifo];
      ProgramResult result;
      if (from.dequeueProgram >= 0) {
        execute(config.blocks[block].programs[from.dequeueProgram],
                files[block], {nullptr, 0, item.element.rank, pifo, 0}, result);
        write(block, result);
      }
      for (const NextHop &hop : from.next)
        if (item.element.flow - hop.firstFlow < hop.numFlows) {
          if (hop.kind == NextHop::Kind::Transmit)
            return static_cast<int64_t>(item.fields[0]);
          block = hop.block;
          pifo = hop.pifo;
          break;
        }
    }
  }

private:
  struct Item {
    Element element;
    std::vector<uint64_t> fields;
  };
  const Config &config;
  std::vector<std::vector<Item>> heads;
  std::vector<std::map<unsigned, std::deque<Item>>> rest;
  std::vector<StateFile> files;

  void write(size_t block, const ProgramResult &result) {
    for (const auto &item : result.writes)
      files[block][item.state][item.entry] = item.value;
  }

  void insert(size_t b, Item item) {
    const Block &block = config.blocks[b];
    auto at =
        std::find_if(heads[b].begin(), heads[b].end(), [&](const Item &i) {
          return sortsAfter(i.element, item.element, block.order,
                            block.rankBits);
        });
    heads[b].insert(at, std::move(item));
  }

  void push(size_t b, const Route &route, unsigned leaf,
            const std::vector<uint64_t> &fields, uint64_t now) {
    const Block &block = config.blocks[b];
    ProgramResult result;
    execute(block.programs[block.pifos[route.pifo].enqueueProgram], files[b],
            {&fields, now, 0, route.pifo, leaf}, result);
    write(b, result);
    Item item{{true, route.pifo,
               route.firstFlow + static_cast<unsigned>(result.flow),
               result.rank, 0},
              fields};
    bool active = std::any_of(heads[b].begin(), heads[b].end(), [&](auto &i) {
      return i.element.flow == item.element.flow;
    });
    if (active)
      rest[b][item.element.flow].push_back(std::move(item));
    else
      insert(b, std::move(item));
  }

  Item pop(size_t b, unsigned pifo) {
    auto at = std::find_if(heads[b].begin(), heads[b].end(),
                           [&](auto &i) { return i.element.pifo == pifo; });
    if (at == heads[b].end())
      return {};
    Item item = *at;
    heads[b].erase(at);
    auto &queue = rest[b][item.element.flow];
    if (!queue.empty()) {
      insert(b, queue.front());
      queue.pop_front();
    }
    return item;
  }
};

/// Operations far enough apart that none meets another in a pipeline.
TEST(Mesh, EqualsTheTreeWhenOperationsAreApart) {
  Config config = shaped();
  Mesh mesh(config);
  Tree tree(config);
  std::mt19937 random(5);
  uint64_t now = 0, number = 0;
  unsigned departed = 0, right = 0, held = 0;
  std::vector<bool> isRight;
  for (unsigned round = 0; round < 20000; ++round) {
    Mesh::Inputs inputs;
    // Time passes between the operations, none during them: a release is due
    // or not for both sides alike.
    now += random() % 400;
    bool enqueues = random() % 100 < (round / 1000 % 2 ? 40 : 60);
    int64_t expected = -1;
    tree.release(now);
    inputs.now = now;
    for (unsigned i = 0; i < 64; ++i) // releases settle
      mesh.step(inputs);
    if (enqueues && held < 200) {
      unsigned leaf = random() % 2;
      isRight.push_back(leaf == 1);
      inputs.enqueue = {
          true, leaf, {number++, random() % 256u, 64 + random() % 1400u}};
      tree.enqueue(leaf, inputs.enqueue.fields, now);
      tree.release(now);
      ++held;
    } else if (!enqueues) {
      inputs.dequeue = {true, 0};
      expected = tree.dequeue();
    }
    int64_t found = -1;
    mesh.step(inputs);
    inputs.enqueue.valid = inputs.dequeue.valid = false;
    for (unsigned i = 0; i < 64; ++i) {
      if (mesh.departure().valid) {
        ASSERT_EQ(found, -1);
        found = static_cast<int64_t>(mesh.departure().fields[0]);
      }
      mesh.step(inputs);
    }
    ASSERT_EQ(found, expected) << "round " << round;
    if (found >= 0) {
      ++departed;
      --held;
      right += isRight[found];
    }
  }
  EXPECT_GT(departed, 5000u);
  EXPECT_GT(right, 1000u);
  EXPECT_EQ(mesh.size(), held);
}

TEST(Mesh, AtFullRateNothingIsLost) {
  Config config = shaped();
  Mesh mesh(config);
  std::mt19937 random(7);
  uint64_t in = 0;
  std::vector<bool> seen;
  auto departure = [&] {
    if (!mesh.departure().valid)
      return;
    uint64_t packet = mesh.departure().fields[0];
    ASSERT_LT(packet, in);
    ASSERT_FALSE(seen[packet]);
    seen[packet] = true;
  };
  uint64_t cycle = 0;
  for (; cycle < 50000; ++cycle) {
    Mesh::Inputs inputs;
    inputs.now = cycle * 400;
    inputs.enqueue = {
        true, static_cast<unsigned>(random() % 2), {in, random() % 256u, 100}};
    inputs.dequeue = {true, 0};
    if (mesh.canEnqueue()) {
      ++in;
      seen.push_back(false);
    }
    mesh.step(inputs);
    departure();
  }
  // One root answers every fourth cycle, and the wait of the shaper is short.
  EXPECT_GT(in, 12000u);
  for (unsigned i = 0; i < 20000 && mesh.size(); ++i, ++cycle) {
    Mesh::Inputs inputs;
    inputs.now = cycle * 400;
    inputs.dequeue = {true, 0};
    mesh.step(inputs);
    departure();
  }
  EXPECT_EQ(mesh.size(), 0u);
  EXPECT_EQ(std::count(seen.begin(), seen.end(), false), 0);
}

TEST(Mesh, RefusesWhatIsMalformed) {
  const std::string good = readShaped();
  auto message = [&](const std::string &from,
                     const std::string &to) -> std::string {
    std::string text = good;
    size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    nm::support::Result<Config> config = parseConfig(text, "m.json");
    EXPECT_FALSE(config.ok()) << to;
    return config.ok() ? "" : config.error().message;
  };
  using testing::HasSubstr;
  EXPECT_THAT(message("\"suspends\": true", "\"suspends\": false"),
              HasSubstr("suspended without a shaping block"));
  EXPECT_THAT(message("\"first-flow\": 64, \"flows\": 32",
                      "\"first-flow\": 32, \"flows\": 64"),
              HasSubstr("flow 32 belongs to 'left' already"));
  EXPECT_THAT(message("\"block\": 1, \"pifo\": 1", "\"block\": 1, \"pifo\": 7"),
              HasSubstr("which does not exist"));
  EXPECT_THAT(message("\"block\": 1, \"pifo\": 1", "\"block\": 1, \"pifo\": 0"),
              HasSubstr("'right' is never popped"));
  EXPECT_THAT(message("\"order\": \"serial\"", "\"order\": \"random\""),
              HasSubstr("expected plain, serial or serial-per-pifo"));
  EXPECT_THAT(message("\"elements\": 512", "\"elements\": 1"),
              HasSubstr("elements is 1, expected 2 to"));
  EXPECT_THAT(message("\"bits\": 24", "\"bits\": 25"),
              HasSubstr("the widths of load do not match"));
  EXPECT_THAT(message("\"name\": \"shaped\"", "\"name\": \"a b\""),
              HasSubstr("expected an identifier"));
  EXPECT_THAT(message("\"format\"", "\"now-bits\": 1, \"format\""),
              HasSubstr("duplicate key 'now-bits'"));
}

TEST(Mesh, PrintedConfigurationsReadBack) {
  Config config = shaped();
  std::string text = printConfig(config);
  nm::support::Result<Config> again = parseConfig(text, "again");
  ASSERT_TRUE(again.ok()) << (again.ok() ? "" : again.error().message);
  EXPECT_EQ(printConfig(*again), text);
}
} // namespace
