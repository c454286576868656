//===- SchedulerLayoutTest.cpp - Memory of compiled schedulers -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the header says lies in a scheduler's memory is laid side by side: no
// two pieces may overlap, each is aligned, all lie within the fixed size.
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/Pifo/Transforms/SchedulerLayout.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"
#include <filesystem>
#include <random>
#include <set>

using namespace mlir;
using namespace mlir::pifo;

namespace {

struct Piece {
  int64_t begin, size;
  std::string name;
  int64_t alignment = std::min<int64_t>(size, 8);
};

/// All that the header documents, each instance on its own.
std::vector<Piece> listPieces(const SchedulerLayout &layout) {
  std::vector<Piece> pieces{{SchedulerLayout::kRaw, 8, "raw"},
                            {SchedulerLayout::kCapacity, 8, "capacity"},
                            {SchedulerLayout::kSize, 8, "size"},
                            {layout.packets.offset, 16, "packets"},
                            {layout.packets.links, 8, "links of packets"},
                            {layout.suspended.offset, 16, "suspended"},
                            {layout.shaping, 24, "shaping"}};
  for (const Pool &pool : layout.references)
    pieces.push_back({pool.offset, 16, "references"});
  if (layout.decidesLate)
    pieces.push_back({layout.late, 40, "late"});
  if (!layout.parameters.empty())
    pieces.push_back(
        {layout.changes, 8 + 8 * layout.parameterValues, "changes"});
  if (layout.hasWheel) {
    constexpr int64_t kLevels = SchedulerLayout::kWheelLevels;
    pieces.push_back({layout.wheel.time, 8, "wheel time"});
    pieces.push_back({layout.wheel.levels, 8, "wheel levels"});
    // A bit, and a pair of i32, for each of 64 digits.
    pieces.push_back({layout.wheel.words, 8 * kLevels, "wheel words"});
    pieces.push_back({layout.wheel.buckets, 64 * 8 * kLevels, "wheel buckets"});
  }
  SchedulerOp scheduler = layout.op;
  for (size_t number = 0; number < layout.nodes.size(); ++number) {
    const NodeLayout &node = layout.nodes[number];
    std::string all = "node " + std::to_string(number) + ", ";
    if (node.isSparse) {
      int64_t words = node.count << (node.bitmapBits - node.wordBits);
      pieces.push_back({node.sparse.usedBlocks, 8, all + "used blocks"});
      pieces.push_back(
          {node.sparse.freeBlocks, 4 * words, all + "free blocks"});
      pieces.push_back({node.sparse.blocks,
                        node.count * (int64_t(8) << node.bitmapBits),
                        all + "blocks"});
    }
    if (node.hasLanes())
      pieces.push_back({node.lanes.pool, 24, all + "pool of chunks"});
    for (int64_t instance = 0; instance < node.count; ++instance) {
      std::string prefix = "node " + std::to_string(number) + ", instance " +
                           std::to_string(instance) + ", ";
      auto hot = [&](int64_t offset, int64_t size, StringRef name) {
        pieces.push_back(
            {offset + instance * node.hotStride, size, prefix + name.str()});
      };
      auto cold = [&](int64_t offset, int64_t size, StringRef name) {
        pieces.push_back(
            {offset + instance * node.coldStride, size, prefix + name.str()});
      };
      hot(node.base, 8, "base");
      if (node.hasBitmap()) {
        hot(node.top, 8, "top");
        hot(node.first, 4, "first");
        hot(node.firstRank, 8, "first rank");
        if (!node.isSparse)
          cold(node.buckets, int64_t(8) << node.bitmapBits, "buckets");
      }
      if (node.hasLanes()) {
        hot(node.lanes.occupied, 8, "lanes with elements");
        hot(node.lanes.next, 8, "the next lane");
        hot(node.lanes.came, 8, "how many came");
        hot(node.lanes.heads, 8 * node.lanes.count, "heads of lanes");
        hot(node.lanes.tails, 8 * node.lanes.count, "tails of lanes");
      }
      if (node.isDeep()) {
        cold(node.words,
             int64_t(node.isSparse ? 16 : 8)
                 << (node.bitmapBits - node.wordBits),
             "words");
        if (node.middleBits)
          hot(node.middle, 64 * 8, "middle");
      }
      if (node.hasHeap())
        hot(node.heap, 24, "heap");
      if (layout.counts && node.children.empty())
        hot(node.late.counters, 8 * SchedulerLayout::kCounters, "counters");
      if (NodeOp(node.op).getEligible()) {
        hot(node.late.waiters, 24, "waiters");
        hot(node.late.ranks, 8, "ranks");
      }
      if (node.container == Container::Ring)
        hot(node.window, 8, "window");
      NodeOp op = node.op;
      if (op.isLate()) {
        hot(node.late.waitingAll, 8, "waiting in all");
        hot(node.late.chosenRank, 8, "rank of the chosen");
        hot(node.late.chosenTie, 8, "tie of the chosen");
        hot(node.late.chosen, 4, "chosen");
        cold(node.late.waiting, 8 * op.getChildren().size(), "waiting");
      }
      for (TableOp table : op.getBody().front().getOps<TableOp>())
        if (table.getVariable())
          cold(node.states.at(table.getSymName()),
               8 * table.getValues().getNumElements(), table.getSymName());
      for (StateOp state : op.getBody().front().getOps<StateOp>()) {
        int64_t bytes = (state.getType().getWidth() + 7) / 8, entries = 1;
        bytes = bytes == 3 ? 4 : bytes > 4 ? 8 : bytes;
        int64_t offset = node.states.at(state.getSymName());
        if (!state.isKeyed()) {
          hot(offset, bytes, state.getSymName());
          continue;
        }
        if (state.getKeyAttr())
          entries = scheduler.getField(*state.getKey()).getMaxValue() + 1;
        else
          entries = op.getChildren().size();
        if (state.getByChild() && node.hasLanes())
          hot(offset, bytes * entries, state.getSymName());
        else
          cold(offset, bytes * entries, state.getSymName());
        pieces.back().alignment = bytes; // of each entry
      }
    }
  }
  return pieces;
}

void checkMemory(const SchedulerLayout &layout) {
  std::vector<Piece> pieces = listPieces(layout);
  llvm::sort(pieces,
             [](const Piece &a, const Piece &b) { return a.begin < b.begin; });
  for (size_t i = 0; i < pieces.size(); ++i) {
    const Piece &piece = pieces[i];
    EXPECT_GE(piece.begin, 0) << piece.name;
    EXPECT_EQ(piece.begin % piece.alignment, 0) << piece.name;
    if (i)
      EXPECT_GE(piece.begin, pieces[i - 1].begin + pieces[i - 1].size)
          << piece.name << " overlaps " << pieces[i - 1].name;
  }
  EXPECT_LE(pieces.back().begin + pieces.back().size, layout.fixedSize);
  EXPECT_EQ(layout.fixedSize % 64, 0);
}

/// Each parameter lies where its node has it, and no two in one place.
void checkParameters(const SchedulerLayout &layout) {
  SchedulerOp scheduler = layout.op;
  SmallVector<Operation *> ops = scheduler.getParameters();
  ASSERT_EQ(ops.size(), layout.parameters.size());
  std::set<int64_t> offsets;
  int64_t count = 0;
  for (auto [op, parameter] : llvm::zip(ops, layout.parameters)) {
    auto table = dyn_cast<TableOp>(op);
    EXPECT_EQ(parameter.count, table ? table.getValues().getNumElements() : 1);
    EXPECT_TRUE(offsets.insert(parameter.offset).second);
    LeafPlace place = layout.places.lookup(op->getParentOp());
    const NodeLayout &node = layout.nodes[place.node];
    int64_t stride = table ? node.coldStride : node.hotStride;
    EXPECT_EQ(parameter.offset - place.instance * stride,
              node.states.at(cast<SymbolOpInterface>(op).getName()));
    count += parameter.count;
  }
  EXPECT_EQ(count, layout.parameterValues);
}

/// Every node of the tree is one instance, and children follow their parents.
void checkTree(const SchedulerLayout &layout) {
  SchedulerOp scheduler = layout.op;
  int64_t nodes = 0, leaves = 0, instances = 0;
  std::set<std::pair<unsigned, int64_t>> places;
  scheduler->walk([&](NodeOp op) {
    ++nodes;
    if (!op.getInside().empty())
      return;
    ++leaves;
    auto found = layout.leaves.find(op);
    ASSERT_NE(found, layout.leaves.end());
    LeafPlace place = found->second;
    ASSERT_LT(place.node, layout.nodes.size());
    NodeLayout node = layout.nodes[place.node];
    EXPECT_LT(place.instance, node.count);
    EXPECT_TRUE(node.children.empty());
    EXPECT_TRUE(places.insert({place.node, place.instance}).second);
    EXPECT_EQ(op.getRank(), node.op.getRank());
    // Up the tree by the numbers: as many steps as the tree has.
    unsigned depth = 0;
    for (Operation *parent = op->getParentOp(); isa<NodeOp>(parent);
         parent = parent->getParentOp())
      ++depth;
    EXPECT_EQ(node.depth, depth);
  });
  for (const NodeLayout &node : layout.nodes) {
    instances += node.count;
    if (node.parent < 0) {
      EXPECT_EQ(node.count, 1);
      continue;
    }
    const NodeLayout &parent = layout.nodes[node.parent];
    EXPECT_EQ(node.count, parent.count * std::max(1u, node.fanOut));
    EXPECT_EQ(node.depth, parent.depth + 1);
  }
  EXPECT_EQ(instances, nodes);
  EXPECT_EQ(static_cast<int64_t>(layout.leaves.size()), leaves);
}

/// Fields lie as a C compiler lays out the structure in the header.
void checkPacket(const PacketLayout &packet) {
  int64_t end = 8;
  for (const PacketLayout::Field &field : packet.fields) {
    unsigned width = FieldOp(field.op).getWidth();
    EXPECT_GE(field.bytes * 8, width);
    EXPECT_TRUE(field.bytes == 1 || field.bytes * 4 < width);
    EXPECT_EQ(field.offset % field.bytes, 0);
    EXPECT_GE(field.offset, end);
    EXPECT_LT(field.offset - end, field.bytes);
    end = field.offset + field.bytes;
  }
  EXPECT_GE(packet.size, end);
  EXPECT_LT(packet.size - end, 8);
  EXPECT_EQ(packet.size % 8, 0);
}

class SchedulerLayoutTest : public ::testing::Test {
protected:
  SchedulerLayoutTest() {
    context.loadDialect<arith::ArithDialect, PifoDialect>();
  }

  void check(OwningOpRef<ModuleOp> module) {
    ASSERT_TRUE(module);
    for (SchedulerOp op : module->getOps<SchedulerOp>())
      for (const char *container :
           {"auto", "heap", "list", "sp-pifo", "packs:queues=3,window=7"}) {
        auto choice = ContainerChoice::parse(container);
        ASSERT_TRUE(bool(choice));
        SchedulerLayout layout(op, *choice, /*counts=*/layouts % 2);
        SCOPED_TRACE(container);
        checkMemory(layout);
        checkTree(layout);
        checkParameters(layout);
        parameters += layout.parameters.size();
        checkPacket(layout.packet);
        ++layouts;
        for (const NodeLayout &node : layout.nodes) {
          shared += node.count > 1;
          NodeOp op = node.op;
          late += op.isLate();
          EXPECT_EQ(op.isLate(), node.container == Container::None);
          if (choice->kind != ContainerChoice::Automatic && !op.isLate())
            EXPECT_EQ(node.container,
                      choice->approximation ? Container::Fifos
                      : choice->kind == ContainerChoice::AllLists
                          ? Container::List
                          : Container::Heap);
        }
      }
  }

  MLIRContext context;
  unsigned layouts = 0, shared = 0, late = 0, parameters = 0;
};

TEST_F(SchedulerLayoutTest, Examples) {
  for (const auto &entry :
       std::filesystem::directory_iterator(NM_SOURCE "/examples/pifo")) {
    if (entry.path().extension() != ".mlir")
      continue;
    SCOPED_TRACE(entry.path().filename().string());
    check(parseSourceFile<ModuleOp>(entry.path().string(), &context));
  }
  EXPECT_GT(layouts, 30u);
}

/// A node that takes the flows from `low` to below `high`, and what is below.
class RandomTree {
public:
  RandomTree(std::mt19937 &random) : random(random) {}

  std::string scheduler() {
    std::string text = "pifo.scheduler @s capacity(1024) {\n";
    text += "pifo.field @flow : i16 below 12\n";
    for (unsigned field = below(5); field; --field)
      text += "pifo.field @f" + std::to_string(field) + " : i" +
              std::to_string(1 + below(64)) + "\n";
    return text + node(0, 12, 0, below(3) == 0) + "}\n";
  }

private:
  unsigned below(unsigned count) { return random() % count; }

  /// `late`: whether all above decide late, so that this may too.
  std::string node(unsigned low, unsigned high, unsigned depth, bool late) {
    constexpr unsigned kWidths[] = {4, 6, 7, 12, 13, 18, 19, 40};
    unsigned fanOut = depth < 3 ? below(4) : 0;
    if (high - low < fanOut || fanOut == 1)
      fanOut = 0;
    unsigned width = kWidths[below(8)];
    // Ranks that wrap have at least the 6 bits of a bitmap's top word.
    bool wraps = below(2) && width >= 6;
    // Twins differ in nothing but their predicates, and share a class.
    bool parentsAreLate = late || depth == 0;
    late &= fanOut != 0 && below(4) != 0;
    std::string text = "pifo.node @n" + std::to_string(names++) + " rank(i" +
                       std::to_string(late ? 64 : width) +
                       (late    ? ", late) {\n"
                        : wraps ? ", wrap) {\n"
                                : ", saturate) {\n");
    if (depth)
      text += predicate(low, high);
    std::string body;
    for (unsigned state = below(4); state; --state) {
      unsigned key = below(fanOut ? 3 : 2);
      body += "pifo.state @s" + std::to_string(state) +
              (key == 1   ? " by @flow"
               : key == 2 ? " by child"
                          : "") +
              " written_by(enqueue) = 0 : i" + std::to_string(1 + below(64)) +
              "\n";
    }
    if (below(3) == 0)
      body += "pifo.state @most written_by(caller) = 9 : i64\n";
    if (below(3) == 0)
      body += "pifo.table variable @t by @flow = dense<1> : tensor<12xi64>\n";
    if (fanOut && below(3) == 0)
      body += "pifo.table variable @c by child = dense<1> : tensor<" +
              std::to_string(fanOut) + "xi64>\n";
    if (!fanOut && parentsAreLate && !wraps && below(2))
      body += "pifo.eligible {\n%n = pifo.now : i64\npifo.yield %n : i64\n}\n";
    if (late)
      body += "pifo.select {\n%m = arith.constant true\n"
              "%r, %t = pifo.offer : i64\n"
              "pifo.yield %m, %r, %t, %r : i1, i64, i64, i64\n}\n";
    else
      body += "pifo.scheduling {\n%r = arith.constant 3 : i64\n"
              "pifo.yield %r : i64\n}\n";
    text += body;
    bool twins = below(2);
    std::mt19937 saved = random;
    for (unsigned child = 0; child < fanOut; ++child) {
      if (twins)
        random = saved;
      unsigned width = (high - low) / fanOut, first = low + child * width;
      text += node(first, child + 1 == fanOut ? high : first + width,
                   twins ? 3 : depth + 1, late);
    }
    return text + "}\n";
  }

  static std::string predicate(unsigned low, unsigned high) {
    return "pifo.predicate {\n%flow = pifo.read_field @flow : i16\n"
           "%low = arith.constant " +
           std::to_string(low) + " : i16\n%high = arith.constant " +
           std::to_string(high) +
           " : i16\n%a = arith.cmpi uge, %flow, %low : i16\n"
           "%b = arith.cmpi ult, %flow, %high : i16\n"
           "%c = arith.andi %a, %b : i1\npifo.yield %c : i1\n}\n";
  }

  std::mt19937 &random;
  unsigned names = 0;
};

TEST_F(SchedulerLayoutTest, RandomTrees) {
  constexpr unsigned kSeed = 3101, kCount = 120;
  std::mt19937 random(kSeed);
  for (unsigned number = 0; number < kCount && !HasFailure(); ++number) {
    std::string text = RandomTree(random).scheduler();
    SCOPED_TRACE("seed " + std::to_string(kSeed) + ", tree " +
                 std::to_string(number) + "\n" + text);
    check(parseSourceString<ModuleOp>(text, &context));
  }
  EXPECT_GT(shared, kCount / 4);
  EXPECT_GT(late, kCount / 4);
  EXPECT_GT(parameters, kCount);
}

TEST_F(SchedulerLayoutTest, ContainersByWidthOfRanks) {
  for (auto [width, container] :
       {std::pair(1, Container::Word), std::pair(6, Container::Word),
        std::pair(7, Container::Bitmap), std::pair(18, Container::Bitmap),
        std::pair(19, Container::Ring), std::pair(63, Container::Ring)}) {
    std::string text = "pifo.scheduler @s capacity(8) {\npifo.field @f : i8\n"
                       "pifo.node @root rank(i" +
                       std::to_string(width) +
                       ", saturate) {\npifo.scheduling {\n%r = pifo.now : i64\n"
                       "pifo.yield %r : i64\n}\n}\n}\n";
    auto module = parseSourceString<ModuleOp>(text, &context);
    ASSERT_TRUE(module);
    SchedulerLayout layout(*module->getOps<SchedulerOp>().begin());
    EXPECT_EQ(layout.nodes[0].container, container) << width << " bits";
  }
}

} // namespace
