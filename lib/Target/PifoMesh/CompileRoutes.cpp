//===- CompileRoutes.cpp - Routes and next-hop tables ---------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Compile.h"

using namespace mlir;
using namespace mlir::pifo;

void MeshCompiler::connect() {
  config.roots.push_back({parts[0].block, parts[0].pifo});
  for (Part &part : parts) {
    mesh::Block &block = config.blocks[part.block];
    mesh::LogicalPifo &pifo = block.pifos[part.pifo];
    std::vector<uint64_t> child = context.childOfLeaf(part.node);
    SmallVector<NodeOp> children = part.node.getChildren();
    for (unsigned edge = 0; edge < part.edges(); ++edge) {
      mesh::NextHop hop;
      hop.firstFlow = part.firstFlow + (edge << part.flowBits);
      hop.numFlows = 1u << part.flowBits;
      if (part.shaping) {
        hop.kind = mesh::NextHop::Kind::Resume;
        hop.leaf = leafBelow(part.node);
      } else if (!part.node.isLeaf()) {
        Part &target = parts[partsOf[children[edge]].first];
        hop.kind = mesh::NextHop::Kind::Dequeue;
        hop.block = target.block;
        hop.pifo = target.pifo;
      }
      pifo.next.push_back(hop);
    }
    for (auto [leaf, op] : llvm::enumerate(context.leaves)) {
      if (!part.node->isAncestor(op))
        continue;
      mesh::Route route;
      route.leaf = leaf;
      route.pifo = part.pifo;
      unsigned edge = part.edges() > 1 ? child[leaf] : 0;
      route.firstFlow = part.firstFlow + (edge << part.flowBits);
      route.flowBits = part.flowBits;
      route.suspends = !part.shaping && part.node.getShaping();
      block.routes.push_back(route);
    }
  }
  for (mesh::Block &block : config.blocks) {
    llvm::sort(block.routes,
               [](const auto &a, const auto &b) { return a.leaf < b.leaf; });
    for (mesh::LogicalPifo &pifo : block.pifos)
      if (pifo.next[0].kind == mesh::NextHop::Kind::Transmit &&
          block.carry.empty())
        block.carry.push_back(packetField);
    if (block.shaping)
      carryToAncestors(block);
    else
      carryToDequeue(block);
  }
}

void MeshCompiler::carryToDequeue(mesh::Block &block) {
  std::vector<bool> read(config.fields.size());
  for (const mesh::LogicalPifo &pifo : block.pifos)
    if (pifo.dequeueProgram >= 0)
      for (const mesh::Value &value :
           block.programs[pifo.dequeueProgram].values)
        if (value.op == mesh::Op::Field)
          read[value.index] = true;
  for (unsigned field = 0; field < read.size(); ++field)
    if (read[field] && !llvm::is_contained(block.carry, field))
      block.carry.push_back(field);
  if (config.metadataBits(block) > context.limits.metadataBits)
    refuse(context.scheduler)
        << "block '" << block.name << "' carries " << config.metadataBits(block)
        << " bits: the packet's place and the fields that its dequeue "
           "transactions read; expected at most "
        << context.limits.metadataBits;
}

unsigned MeshCompiler::leafBelow(NodeOp node) {
  for (auto [leaf, op] : llvm::enumerate(context.leaves))
    if (node->isAncestor(op))
      return leaf;
  return 0;
}

void MeshCompiler::carryToAncestors(mesh::Block &shaper) {
  std::vector<bool> read(config.fields.size());
  for (Part &part : parts) {
    if (!part.shaping || &config.blocks[part.block] != &shaper)
      continue;
    for (NodeOp above = part.node.getParentNode(); above;
         above = above.getParentNode()) {
      auto [scheduling, shaping] = partsOf[above];
      for (int index : {static_cast<int>(scheduling), shaping}) {
        if (index < 0)
          continue;
        const mesh::Block &block = config.blocks[parts[index].block];
        const mesh::Program &program =
            block.programs[block.pifos[parts[index].pifo].enqueueProgram];
        for (const mesh::Value &value : program.values)
          if (value.op == mesh::Op::Field)
            read[value.index] = true;
      }
    }
  }
  for (unsigned field = 0; field < read.size(); ++field)
    if (read[field])
      shaper.carry.push_back(field);
  if (config.metadataBits(shaper) > context.limits.metadataBits)
    refuse(context.scheduler)
        << "block '" << shaper.name << "' carries "
        << config.metadataBits(shaper)
        << " bits of packet fields for the transactions above it, expected "
           "at most "
        << context.limits.metadataBits;
}
