//===- CompileBlocks.cpp - Nodes to blocks, level by level ----------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Compile.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::pifo;

void MeshCompiler::place() {
  for (unsigned level = 0; level <= depth; ++level) {
    for (bool shaping : {false, true}) {
      llvm::MapVector<unsigned, std::vector<unsigned>> bySource;
      for (unsigned i = 0; i < parts.size(); ++i) {
        if (parts[i].depth != level || parts[i].shaping != shaping)
          continue;
        NodeOp parent = parts[i].node.getParentNode();
        unsigned source = parent ? parts[partsOf[parent].first].block : 0;
        bySource[source].push_back(i);
      }
      for (auto &[source, list] : bySource)
        for (std::vector<unsigned> &same : byOrder(list, shaping))
          pack(same, level, shaping);
    }
  }
  if (config.blocks.size() > context.limits.blocks)
    refuse(context.scheduler)
        << "needs " << config.blocks.size()
        << " blocks: one for each level, one for the shaping of each level, "
           "and more where a level exceeds a block; expected at most "
        << context.limits.blocks;
}

std::vector<std::vector<unsigned>>
MeshCompiler::byOrder(std::vector<unsigned> &list, bool shaping) {
  std::vector<unsigned> wraps, saturates;
  bool fits = true;
  for (unsigned i : list) {
    NodeOp node = parts[i].node;
    bool wrap = node.getRule() == RankRule::Wrap;
    (wrap ? wraps : saturates).push_back(i);
    fits &= wrap || node.getRankWidth() < context.limits.rankBits;
  }
  if (shaping || fits || wraps.empty() || saturates.empty())
    return {list};
  return {saturates, wraps};
}

void MeshCompiler::pack(std::vector<unsigned> &list, unsigned level,
                        bool shaping) {
  // Nodes that share a program are neighbours; the order is stable.
  llvm::MapVector<StringRef, std::vector<unsigned>> groups;
  for (unsigned i : list)
    groups[parts[i].signature].push_back(i);
  unsigned first = config.blocks.size();
  std::vector<uint64_t> flows;
  for (auto &[signature, group] : groups)
    for (unsigned i : group) {
      Part &part = parts[i];
      if (part.flows() > context.limits.flows) {
        refuse(part.node) << "has " << part.flows() << " flows ("
                          << (part.flow == Part::Flow::Field
                                  ? "one for each value of '@" +
                                        part.field.getSymName().str() + "'"
                              : part.flow == Part::Flow::Rank
                                  ? std::string("one for each rank")
                              : part.flow == Part::Flow::Place
                                  ? std::string("one for each packet")
                                  : std::string("one for each child"))
                          << "), expected at most " << context.limits.flows
                          << ", the flows of a block";
        continue;
      }
      unsigned b = first;
      while (b < config.blocks.size() &&
             (flows[b - first] + part.flows() > context.limits.flows ||
              members[b].size() >= context.limits.pifos))
        ++b;
      if (b == config.blocks.size()) {
        mesh::Block block;
        block.name = (shaping ? "shaper" : "level") + std::to_string(level);
        if (b > first)
          block.name += "_" + std::to_string(b - first);
        for (const mesh::Block &other : config.blocks)
          if (other.name == block.name)
            block.name = block.name + "_b" + std::to_string(b);
        block.depth = level;
        block.shaping = shaping;
        config.blocks.push_back(std::move(block));
        members.emplace_back();
        flows.push_back(0);
      }
      part.block = b;
      part.pifo = members[b].size();
      part.firstFlow = flows[b - first];
      flows[b - first] += part.flows();
      members[b].push_back(i);
    }
  for (unsigned b = first; b < config.blocks.size(); ++b)
    config.blocks[b].flows =
        std::max<uint64_t>(2, llvm::PowerOf2Ceil(flows[b - first]));
  if (remark && config.blocks.size() > first + 1)
    remark(context.scheduler, "split a level",
           "level " + Twine(level) +
               " has more flows or logical pifos than "
               "a block; nodes of one program stay together");
}

void MeshCompiler::fill(unsigned b) {
  mesh::Block &block = config.blocks[b];
  block.elements = std::max<uint64_t>(2, context.scheduler.getCapacity());
  block.pifoLimit = context.limits.pifos;
  bool wraps = false, saturates = false;
  unsigned bits = block.shaping ? context.limits.timeBits : 2;
  if (!block.shaping) {
    for (unsigned i : members[b])
      (parts[i].node.getRule() == RankRule::Wrap ? wraps : saturates) = true;
    for (unsigned i : members[b]) {
      NodeOp node = parts[i].node;
      // An unsigned number is a serial number of one bit more.
      bool more = wraps && node.getRule() == RankRule::Saturate;
      bits = std::max(bits, node.getRankWidth() + more);
    }
  }
  block.order = block.shaping ? mesh::Order::Serial
                : wraps       ? mesh::Order::SerialPerPifo
                              : mesh::Order::Plain;
  block.rankBits = bits;
  if (!block.shaping && bits > context.limits.rankBits)
    refuse(context.scheduler)
        << "block '" << block.name << "' mixes wrapping and saturating ranks, "
        << "which takes " << bits << " bits, expected at most "
        << context.limits.rankBits << wider(bits);
  for (unsigned i : members[b]) {
    mesh::LogicalPifo pifo;
    pifo.name = (parts[i].shaping ? "tbf_" : "") + uniqueName(parts[i].node);
    block.pifos.push_back(std::move(pifo));
  }
  llvm::MapVector<StringRef, std::vector<unsigned>> groups;
  for (unsigned i : members[b])
    groups[parts[i].signature].push_back(i);
  for (auto &[signature, group] : groups)
    fillGroup(block, group);
}
