//===- CompileFlows.cpp - What each node of a tree takes of a mesh --------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Compile.h"
#include "llvm/ADT/SmallSet.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::pifo;

/// Ranks up to this many bits are flows of their own before fields are tried:
/// then even equal ranks leave in the order in which they came.
static constexpr unsigned kRankFlowBits = 5;

unsigned MeshCompiler::shift(Part &part, unsigned rankBits) {
  return part.shaping || part.node.getRule() == RankRule::Saturate
             ? 0
             : rankBits - part.node.getRankWidth();
}

std::string MeshCompiler::wider(unsigned rankBits) {
  std::string bits = std::to_string(rankBits);
  return " (a mesh with wider ranks: the pass option rank-bits=" + bits +
         ", or pifo.mesh_limits = {rank_bits = " + bits +
         " : i64} on the module)";
}

void MeshCompiler::analyse(Part &part) {
  NodeOp node = part.node;
  if (!part.shaping && node.getRule() == RankRule::Window) {
    refuse(node) << "refuses packets outside a window of ranks, when lower "
                    "levels have taken them already; expected 'wrap' or "
                    "'saturate'";
    return;
  }
  unsigned rankBits =
      part.shaping ? context.limits.timeBits : node.getRankWidth();
  if (!part.shaping && rankBits > context.limits.rankBits) {
    refuse(node) << "has ranks of " << rankBits << " bits, expected at most "
                 << context.limits.rankBits << wider(rankBits);
    return;
  }
  if (part.shaping && sharesState(node))
    return;
  GroupState state = declareState(context, node, part.transactions(), 1);
  mesh::Program enqueue, dequeue;
  bool hasDequeue = !part.shaping && node.getDequeue();
  bool bad = ::failed(importTransaction(context, node, part.transaction(),
                                        state, rankBits, 0, enqueue));
  if (hasDequeue)
    bad |= ::failed(importTransaction(context, node, node.getDequeue(), state,
                                      rankBits, 0, dequeue));
  if (bad) {
    failed = true;
    return;
  }
  for (const mesh::Store &store : enqueue.stores)
    for (const mesh::Store &other : dequeue.stores)
      if (store.state == other.state)
        refuse(node) << "writes state '@" << state.states[store.state].name
                     << "' at enqueue and at dequeue; its memory has one "
                        "write a cycle, expected one writer";
  chooseFlows(part, enqueue, hasDequeue ? &dequeue : nullptr);
  part.signature = signatureOf(part, enqueue, dequeue, state);
}

bool MeshCompiler::sharesState(NodeOp node) {
  llvm::SmallSet<StringRef, 4> seen;
  auto note = [&](Operation *transaction, bool first) {
    bool shared = false;
    transaction->walk([&](Operation *op) {
      StringRef name = isa<LoadOp>(op)    ? cast<LoadOp>(op).getState()
                       : isa<StoreOp>(op) ? cast<StoreOp>(op).getState()
                                          : StringRef();
      if (name.empty())
        return;
      if (first)
        seen.insert(name);
      else if (seen.contains(name) && !shared) {
        shared = true;
        refuse(op) << "state '@" << name
                   << "' is touched by the shaping transaction and by "
                      "another of the node; they run in different blocks";
      }
    });
    return shared;
  };
  note(node.getScheduling(), true);
  if (node.getDequeue())
    note(node.getDequeue(), true);
  return note(node.getShaping(), false);
}

void MeshCompiler::chooseFlows(Part &part, const mesh::Program &enqueue,
                               const mesh::Program *dequeue) {
  NodeOp node = part.node;
  // Flows are told apart by one value of at most so many bits.
  unsigned most = llvm::Log2_32(std::max(2u, context.limits.flows));
  std::vector<bool> fixed(config.fields.size());
  bool serial = part.shaping || node.getRule() == RankRule::Wrap;
  auto grows = [&] { return mesh::ranksGrow(enqueue, dequeue, fixed, serial); };
  auto byField = [&](FieldOp field) {
    part.flow = Part::Flow::Field;
    part.field = field;
    part.flowBits = llvm::Log2_64(field.getMaxValue() | 1) + 1;
  };
  // The user knows more about the traffic than a proof can.
  if (auto name = node->getAttrOfType<FlatSymbolRefAttr>("pifo.ranks_grow_by");
      name && !part.shaping) {
    FieldOp field = context.scheduler.getField(name.getValue());
    if (!field || field.getMaxValue() >> most) {
      refuse(node) << "has ranks that grow by " << name
                   << ", expected a field with at most " << (1u << most)
                   << " values";
      return;
    }
    byField(field);
    if (remark)
      remark(node, "assumed that ranks grow",
             "declared for each " + field.getSymName());
    return;
  }
  if (grows())
    return;
  if (part.shaping) {
    if (remark)
      remark(part.transaction(), "releases keep the order of arrival",
             "release times are not known to grow; one that falls is late");
    return;
  }
  auto byRank = [&](unsigned bits) {
    if (node.getRankWidth() > bits)
      return false;
    part.flow = Part::Flow::Rank;
    part.flowBits = node.getRankWidth();
    return true;
  };
  if (byRank(kRankFlowBits))
    return;
  for (FieldOp field : context.scheduler.getFields()) {
    if (field.getMaxValue() >> most)
      continue;
    unsigned index = context.fieldIndex.lookup(field);
    fixed[index] = true;
    bool found = grows();
    fixed[index] = false;
    if (found) {
      byField(field);
      return;
    }
  }
  if (byRank(most))
    return;
  // Where every packet may be a flow of its own, a block sorts them all. That
  // is so in leaves only: a reference may wait for longer than the packet that
  // brought it, and then its place is another's.
  unsigned placeBits = mesh::indexBits(context.scheduler.getCapacity());
  if (node.isLeaf() && placeBits <= most) {
    part.flow = Part::Flow::Place;
    part.flowBits = placeBits;
    if (remark)
      remark(node, "every packet is a flow",
             "ranks may fall; the field '" + config.fields[packetField].name +
                 "' must be a place below " + Twine(1u << placeBits) +
                 " that no other packet in the mesh has");
    return;
  }
  // What the packet says is what no transaction keeps from falling.
  std::vector<bool> reached(enqueue.values.size());
  if (enqueue.rank >= 0)
    reached[enqueue.rank] = true;
  std::string fields;
  for (int v = reached.size() - 1; v >= 0; --v) {
    const mesh::Value &value = enqueue.values[v];
    if (!reached[v])
      continue;
    for (int operand : {value.a, value.b, value.c})
      if (operand >= 0)
        reached[operand] = true;
    if (value.op == mesh::Op::Field)
      fields += (fields.empty() ? "'@" : ", '@") +
                config.fields[value.index].name + "'";
  }
  InFlightDiagnostic diagnostic = refuse(node.getScheduling());
  diagnostic
      << "ranks of '" << node.getSymName()
      << "' are not known to grow within any flow, but a block keeps a flow "
         "in the order of arrival; expected a rank of at most "
      << most << " bits, or ranks that grow for each value of one field, or "
      << (node.isLeaf()
              ? "a capacity of at most " + std::to_string(1u << most) +
                    " packets, each a flow then, or "
              : std::string())
      << "the attribute 'pifo.ranks_grow_by = @field' on the node";
  if (!fields.empty())
    diagnostic.attachNote(node.getLoc())
        << "the rank depends on " << fields
        << ", which may be less in a later packet of the same flow";
}

std::string MeshCompiler::signatureOf(const Part &part, mesh::Program enqueue,
                                      mesh::Program dequeue,
                                      const GroupState &state) {
  mesh::Config text;
  mesh::Block block;
  for (mesh::Program *program : {&enqueue, &dequeue})
    for (mesh::Value &value : program->values)
      if (value.op == mesh::Op::Lookup &&
          program->values[value.a].op == mesh::Op::Leaf)
        value.table.assign(1, 0);
  block.states = state.states;
  block.programs = {enqueue, dequeue};
  block.shaping = part.shaping;
  text.blocks = {block};
  NodeOp node = part.node;
  return mesh::printConfig(text) + stringifyRankRule(node.getRule()).str() +
         std::to_string(node.getRankWidth()) +
         std::to_string(static_cast<int>(part.flow)) +
         (part.field ? FieldOp(part.field).getSymName().str() : "");
}
