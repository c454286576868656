//===- Compile.cpp - Trees to blocks and next-hop tables ------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Section 4.3 of "Programmable Packet Scheduling at Line Rate": a tree becomes
// logical PIFOs, one level a block, edges next-hop entries; a shaping PIFO is a
// second enqueue of the same packet and takes a block of its own. Nodes with
// the same transactions share a program: their states become one array with the
// logical PIFO as the upper part of the address.
//
//===----------------------------------------------------------------------===//

#include "Compile.h"
#include "nm/Model/PifoMesh/Atoms.h"

using namespace mlir;
using namespace mlir::pifo;

FailureOr<mesh::Config> MeshCompiler::run() {
  config.name = identifier(context.scheduler.getSymName());
  config.nowBits = context.limits.nowBits;
  declareFields();
  collect(context.scheduler.getRoot(), 0);
  if (failed)
    return failure();
  for (NodeOp leaf : context.leaves)
    config.leaves.push_back({uniqueName(leaf)});
  if (config.leaves.size() > 4096 || depth > 15)
    return context.scheduler.emitError("has ")
           << config.leaves.size() << " leaves on " << depth + 1
           << " levels, expected at most 4096 and 16";
  checkCapacity();
  for (Part &part : parts)
    analyse(part);
  if (failed)
    return failure();
  place();
  if (failed)
    return failure();
  for (unsigned b = 0; b < config.blocks.size(); ++b)
    fill(b);
  if (failed)
    return failure();
  connect();
  checkAtoms();
  classify();
  if (failed)
    return failure();
  std::string message = mesh::validate(config);
  if (!message.empty())
    return context.scheduler.emitError("internal error: the mesh is not "
                                       "well formed: ")
           << message;
  return std::move(config);
}

InFlightDiagnostic MeshCompiler::refuse(Operation *op) {
  failed = true;
  return op->emitError();
}

std::string MeshCompiler::identifier(StringRef name) {
  std::string text;
  for (char c : name)
    text += llvm::isAlnum(c) || c == '_' ? c : '_';
  if (text.empty() || llvm::isDigit(text[0]))
    text.insert(text.begin(), '_');
  return text.substr(0, 26);
}

std::string MeshCompiler::uniqueName(NodeOp node) {
  std::string &name = nodeNames[node];
  if (!name.empty())
    return name;
  name = identifier(node.getSymName());
  if (unsigned count = names[name]++)
    name += "_" + std::to_string(count);
  return name;
}

void MeshCompiler::declareFields() {
  for (FieldOp field : context.scheduler.getFields()) {
    context.fieldIndex[field] = config.fields.size();
    std::string name = identifier(field.getSymName());
    while (llvm::any_of(config.fields, [&](const mesh::Field &other) {
      return other.name == name;
    }))
      name += "_";
    config.fields.push_back({name, field.getWidth()});
  }
  packetField = config.fields.size();
  // What the leaf holds: where the packet lies in the switch's buffer.
  std::string name = "packet";
  while (context.scheduler.getField(name))
    name += "_";
  config.fields.push_back({name, 32});
}

void MeshCompiler::collect(NodeOp node, unsigned at) {
  if (node.getTransit())
    refuse(node)
        << "'" << node.getSymName()
        << "' is a transit node: it is given the rank of the node above "
           "it, which on the way up a mesh computes later; expected nodes "
           "that compute their ranks";
  depth = std::max(depth, at);
  Part part;
  part.node = node;
  part.depth = at;
  partsOf[node] = {parts.size(), -1};
  parts.push_back(part);
  if (node.getShaping()) {
    part.shaping = true;
    partsOf[node].second = parts.size();
    parts.push_back(part);
  }
  if (node.isLeaf())
    context.leaves.push_back(node);
  for (NodeOp child : node.getInside())
    collect(child, at + 1);
}

void MeshCompiler::checkCapacity() {
  if (context.scheduler.getCapacity() > context.limits.elements)
    refuse(context.scheduler)
        << "holds " << context.scheduler.getCapacity()
        << " packets, expected at most " << context.limits.elements
        << ", the elements of a block";
}

void MeshCompiler::checkAtoms() {
  for (const mesh::Block &block : config.blocks)
    for (size_t p = 0; p < block.programs.size(); ++p) {
      mesh::AtomReport report = mesh::classify(block, block.programs[p]);
      if (report.refusal.empty())
        continue;
      for (Part &part : parts) {
        const mesh::LogicalPifo &pifo =
            config.blocks[part.block].pifos[part.pifo];
        if (&config.blocks[part.block] != &block)
          continue;
        Operation *op = nullptr;
        if (pifo.enqueueProgram == static_cast<int>(p))
          op = part.transaction();
        else if (pifo.dequeueProgram == static_cast<int>(p))
          op = part.node.getDequeue();
        if (!op)
          continue;
        refuse(op) << "transaction of '" << part.node.getSymName()
                   << "' fits no atoms: " << report.refusal;
        break;
      }
    }
}

FailureOr<mesh::Config> pifo::compileToMesh(SchedulerOp scheduler,
                                            const MeshLimits &limits,
                                            const MeshRemark &remark) {
  if (scheduler.decidesLate() || scheduler.keepsFlowsInOrder())
    return scheduler.emitError(
        "decides at dequeue (rule 'late', pifo.eligible, pifo.in_order), which "
        "the blocks of "
        "the mesh do "
        "not: their ranks stand when packets come; expected rules that order "
        "packets on their way in");
  if (scheduler.dropsPackets())
    return scheduler.emitError(
        "drops packets (push_out, pifo.admit or pifo.deliver), which the mesh "
        "does not; expected a scheduler that refuses packets when it is full");
  return MeshCompiler(scheduler, limits, remark).run();
}
