//===- Core.cpp - PIFO hardware as cores with AXI-Stream ports ------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Target/SystemVerilog/Core.h"
#include "Modules.h"
#include "Streams.h"
#include <algorithm>
#include <utility>
#include <vector>

namespace nm::mesh {

using namespace sv;

namespace {
/// More than any device has; a count stops above it.
constexpr int64_t kMostPlaces = int64_t(1) << 24;

int64_t bitsFor(int64_t values) {
  int64_t bits = 1;
  while ((int64_t(1) << bits) < values)
    ++bits;
  return bits;
}

/// Of one queue of a tree: ways + ways^2 + ... + ways^levels.
int64_t treeCapacity(const Core &core) {
  int64_t total = 0, level = 1;
  for (int64_t i = 0; i < core.levels && total <= kMostPlaces; ++i)
    total += level *= core.ways;
  return total;
}

int64_t queueBits(const Core &core) {
  return core.kind == Core::Block ? core.pifoBits : bitsFor(core.queues);
}

int64_t flowBits(const Core &core) {
  return core.kind == Core::Block ? bitsFor(core.flows) : 0;
}

std::string str(int64_t value) { return std::to_string(value); }

using Parameters = std::vector<std::pair<std::string, int64_t>>;

Parameters parameters(const Core &core) {
  Parameters list;
  if (core.kind == Core::Block)
    list = {{"ELEMENTS", core.elements},
            {"FLOWS", core.flows},
            {"PIFO_BITS", core.pifoBits}};
  else
    list = {
        {"WAYS", core.ways}, {"LEVELS", core.levels}, {"QUEUES", core.queues}};
  if (core.kind == Core::Hierarchy)
    list.insert(list.begin(), {"DEPTH", core.depth});
  list.emplace_back("RANK_BITS", core.rankBits);
  list.emplace_back("META_BITS", core.metadataBits);
  return list;
}

/// The number behind `parameter int NAME =` becomes the value.
void setDefault(std::string &text, const std::string &name, int64_t value) {
  std::string head = "parameter int " + name + " = ";
  size_t at = text.find(head);
  if (at == std::string::npos)
    return;
  at += head.size();
  size_t end = text.find_first_not_of("0123456789", at);
  text.replace(at, end - at, str(value));
}

/// From the lowest bit of an element that comes and leaves; of a hierarchy, of
/// a packet that comes.
std::vector<StreamField> fields(const Core &core) {
  if (core.kind == Core::Block)
    return {{"rank", core.rankBits},
            {"logical PIFO", core.pifoBits},
            {"flow", flowBits(core)},
            {"metadata", core.metadataBits}};
  if (core.kind == Core::Hierarchy)
    return {{"ranks, the leaf's lowest", core.depth * core.rankBits},
            {"leaf", queueBits(core)},
            {"metadata", core.metadataBits}};
  return {{"rank", core.rankBits},
          {"queue", queueBits(core)},
          {"metadata", core.metadataBits}};
}

/// The ports between clock and counters.
std::vector<Stream> streams(const Core &core) {
  if (core.kind == Core::Hierarchy)
    return {
        {"config",
         {{"queue", queueBits(core)}, {"the one it is in", queueBits(core)}},
         "the queue around one, for all but the root, 0; before packets come "
         "for it"},
        {"s_axis", fields(core), "a packet comes into a leaf"},
        {"request",
         {},
         "no data: the next packet is asked for; the request waits until one "
         "has come to the root"},
        {"m_axis",
         {{"leaf", queueBits(core)}, {"metadata", core.metadataBits}},
         "a packet leaves",
         true}};
  const bool block = core.kind == Core::Block;
  const char *queue = block ? "logical PIFO" : "queue";
  return {{"s_axis", fields(core), "an element comes"},
          {"request",
           {{queue, queueBits(core)}},
           std::string("the number of a ") + queue +
               ": its next element is asked for; " +
               (block ? "an empty one gives nothing"
                      : "at an empty one the request waits")},
          {"m_axis", fields(core), "an element leaves, as it came", true}};
}

struct Memory {
  const char *what;
  int64_t number, words, bits;
};

std::vector<Memory> blockMemories(const Core &core) {
  int64_t address = bitsFor(core.elements);
  return {{"elements", 1, core.elements, core.rankBits + core.metadataBits},
          {"next pointers", 1, core.elements, address},
          {"free addresses", 1, core.elements, address},
          {"heads of lists", 2, core.flows, address + 1},
          {"marks", 1, core.flows, 1},
          {"tails of lists, two read ports", 1, core.flows, address}};
}

std::vector<Memory> treeMemories(const Core &core) {
  std::vector<Memory> list;
  int64_t words = core.queues, held = treeCapacity(core) / core.ways;
  int64_t element = core.rankBits + core.metadataBits;
  if (core.kind == Core::Hierarchy) {
    list.push_back({"parents", 1, core.queues, queueBits(core)});
    // A packet, or the number of a queue.
    element = core.rankBits + std::max(core.metadataBits, queueBits(core)) + 1;
  }
  for (int64_t i = 0; i < core.levels; ++i) {
    list.push_back(
        {"places of a level", core.ways, words, bitsFor(held + 1) + element});
    words *= core.ways;
    held = (held - 1) / core.ways;
  }
  return list;
}

std::string memoryTable(const Core &core) {
  std::string out =
      "| Memory | Number | Words | Bits a word |\n| --- | ---: | ---: | ---: "
      "|\n";
  for (const Memory &memory :
       core.kind == Core::Block ? blockMemories(core) : treeMemories(core))
    out += std::string("| ") + memory.what + " | " + str(memory.number) +
           " | " + str(memory.words) + " | " + str(memory.bits) + " |\n";
  return out;
}

std::string timing(const Core &core) {
  // In thousandths of a million a second.
  int64_t rate =
      core.kind == Core::Block ? core.clock * 1000 : core.clock * 1000 / 3;
  std::string millions = tenths(rate);
  if (core.kind == Core::Block)
    return "* An element and a request in every cycle; one logical PIFO takes "
           "a request every fourth cycle.\n"
           "* From a request to `m_axis` are 3 cycles.\n"
           "* At " +
           str(core.clock) + " MHz " + millions +
           " million elements a second in and out, a quarter of that from one "
           "logical PIFO.\n";
  if (core.kind == Core::Hierarchy) {
    rate = core.clock * 1000 / (3 * core.depth);
    return "* A packet takes a cycle for each level, a dequeue three; side by "
           "side they take three for each: " +
           str(3 * core.depth) +
           " cycles for a packet in and one out.\n"
           "* From a request to `m_axis` are three for each level that the "
           "packet lies in, and two: " +
           str(3 * core.depth + 2) + " cycles.\n* At " + str(core.clock) +
           " MHz " + tenths(rate) + " million packets a second in and out.\n";
  }
  return "* An element takes one cycle and a request two; if both come they "
         "take turns.\n"
         "* From a request to `m_axis` are 3 cycles.\n"
         "* At " +
         str(core.clock) + " MHz " + millions +
         " million elements a second in and out.\n";
}
} // namespace

const char *Core::module() const {
  return kind == Block  ? "nm_pifo_block_axis"
         : kind == Tree ? "nm_pifo_tree_axis"
                        : "nm_pifo_hierarchy_axis";
}

int64_t Core::capacity() const {
  return kind == Block ? elements : queues * treeCapacity(*this);
}

std::string refusal(const Core &core) {
  if (core.kind == Core::Block)
    return "";
  if (core.kind == Core::Hierarchy && core.queues < core.depth)
    return "--queues is " + str(core.queues) + "; expected at least " +
           str(core.depth) + ", one for each level";
  if (core.ways & (core.ways - 1))
    return "--ways is " + str(core.ways) + "; expected a power of two";
  if (core.capacity() > kMostPlaces)
    return "a tree of " + str(core.levels) + " levels of " + str(core.ways) +
           " ways in " + str(core.queues) +
           " queues has more than 16777216 places; expected fewer levels, "
           "ways or queues";
  return "";
}

std::string systemVerilogOf(const Core &core) {
  std::string top = core.kind == Core::Block  ? rtl::blockAxis
                    : core.kind == Core::Tree ? rtl::treeAxis
                                              : rtl::hierarchyAxis;
  for (const auto &[name, value] : parameters(core))
    setDefault(top, name, value);
  std::string inside =
      core.kind == Core::Block ? systemVerilogOfBlock() : rtl::tree;
  if (core.kind == Core::Hierarchy)
    inside += rtl::hierarchy;
  return inside + rtl::axisOutput + top;
}

std::string testbenchOf(const Core &core) {
  const bool hierarchy = core.kind == Core::Hierarchy;
  std::string text = hierarchy ? rtl::hierarchyTestbench : rtl::axisTestbench;
  std::string list, connections;
  for (const auto &[name, value] : parameters(core)) {
    list += "  localparam int " + name + " = " + str(value) + ";\n";
    connections += (connections.empty() ? "" : ",\n") + std::string("      .") +
                   name + "(" + name + ")";
  }
  bool block = core.kind == Core::Block;
  int64_t most = hierarchy ? treeCapacity(core) : core.capacity();
  int64_t count = block ? core.elements + core.flows + 7 : most + 5;
  list += "  localparam int COUNT_BITS = " + str(bitsFor(count)) + ";";
  int64_t queues = block ? int64_t(1) << core.pifoBits : core.queues;
  // A block's flows may all find the store full but for one. Of a hierarchy
  // every departure is looked for in all that is held.
  int64_t fill = std::min<int64_t>(block ? core.elements : treeCapacity(core),
                                   hierarchy ? 100 : 2000);
  for (const auto &[from, to] :
       {std::pair<std::string, std::string>{"%MODULE%", core.module()},
        {"%PARAMETERS%", list},
        {"%CONNECTIONS%", connections},
        {"%QUEUES%", str(std::min(queues, block ? core.flows : queues))},
        {"%QUEUE_BITS%", str(queueBits(core))},
        {"%FLOWS%", str(block ? core.flows : 0)},
        {"%FLOW_BITS%", str(flowBits(core))},
        {"%FILL%", str(fill)}})
    replaceAll(text, from, to);
  return text;
}

std::string constraintsOf(const Core &core) {
  return clockConstraints(core.module(), core.clock);
}

std::string dataSheetOf(const Core &core) {
  std::string out = "# " + std::string(core.module()) + "\n\n";
  if (core.kind == Core::Hierarchy)
    out += "A hierarchy of up to " + str(core.depth) +
           " levels: " + str(core.queues) + " queues of " +
           str(treeCapacity(core)) +
           " elements that share one tree.\nAs many packets as a queue has "
           "elements; of equal ranks any may leave first.\n";
  else
    out += core.kind == Core::Block
               ? "A PIFO block: logical PIFOs that share the heads of " +
                     str(core.flows) + " flows, sorted, and " +
                     str(core.elements) +
                     " elements behind them. A flow lies in one logical PIFO, "
                     "and its ranks must not fall; equal\nranks leave in the "
                     "order in which they became heads of their flows.\n"
               : "A PIFO as a tree of " + str(core.levels) + " levels with " +
                     str(core.ways) + " ways: " + str(core.queues) +
                     (core.queues == 1 ? " queue of " : " queues of ") +
                     str(treeCapacity(core)) +
                     " elements.\nAny ranks; of equal ranks any may leave "
                     "first.\n";
  out += "\n| Parameter | Value |\n| --- | ---: |\n";
  for (const auto &[name, value] : parameters(core))
    out += "| `" + name + "` | " + str(value) + " |\n";
  const bool hierarchy = core.kind == Core::Hierarchy;
  out += "\n## Ports\n\n| Port | Bits | What |\n| --- | ---: | --- |\n"
         "| `aclk`, `aresetn` | 1 | clock; reset, synchronous and low |\n" +
         portRows(streams(core)) + "| `empty`, `occupancy` | | " +
         (hierarchy ? "packets" : "elements") +
         " that came and have not left |\n\n" + fieldTables(streams(core));
  return out + "\n## Timing\n\n" + timing(core) +
         "\n## Memories\n\nOne write port and one registered read port each; "
         "none needs a reset.\n\n" +
         memoryTable(core);
}

} // namespace nm::mesh
