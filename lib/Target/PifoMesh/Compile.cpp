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

#include "Import.h"
#include "nm/Model/PifoMesh/Atoms.h"
#include "llvm/ADT/SmallSet.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::pifo;

/// The nodes of a flow are told apart by one value of at most this many bits.
static constexpr unsigned kFlowBits = 10;
/// Ranks up to this many bits are flows of their own before fields are tried:
/// then even equal ranks leave in the order in which they came.
static constexpr unsigned kRankFlowBits = 5;

namespace {
/// One logical PIFO in the making: a node, or a node's shaping.
struct Part {
  NodeOp node;
  bool shaping = false;
  unsigned depth = 0;
  // How its elements are told apart into flows.
  enum class Flow { One, Rank, Field } flow = Flow::One;
  FieldOp field;
  unsigned flowBits = 0;
  /// What decides whether programs can be shared.
  std::string signature;
  // Where it was put.
  unsigned block = 0, pifo = 0, firstFlow = 0;

  Operation *transaction() {
    NodeOp op = node;
    return shaping ? op.getShaping().getOperation()
                   : op.getScheduling().getOperation();
  }
  SmallVector<Operation *, 2> transactions() {
    SmallVector<Operation *, 2> list = {transaction()};
    if (!shaping && node.getDequeue())
      list.push_back(node.getDequeue());
    return list;
  }
  /// Ranges of flows: one for each child, or one.
  unsigned edges() {
    return shaping || node.isLeaf() ? 1 : node.getChildren().size();
  }
  uint64_t flows() { return uint64_t(edges()) << flowBits; }
};

class Compiler {
public:
  Compiler(SchedulerOp scheduler, const MeshLimits &limits,
           const MeshRemark &remark)
      : remark(remark) {
    context.scheduler = scheduler;
    context.limits = limits;
    context.config = &config;
  }

  FailureOr<mesh::Config> run() {
    config.name = identifier(context.scheduler.getSymName());
    config.nowBits = context.limits.nowBits;
    declareFields();
    collect(context.scheduler.getRoot(), 0);
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
    if (failed)
      return failure();
    std::string message = mesh::validate(config);
    if (!message.empty())
      return context.scheduler.emitError("internal error: the mesh is not "
                                         "well formed: ")
             << message;
    return std::move(config);
  }

private:
  MeshContext context;
  const MeshRemark &remark;
  mesh::Config config;
  std::vector<Part> parts;
  DenseMap<Operation *, std::pair<unsigned, int>> partsOf; ///< node, shaping
  llvm::StringMap<unsigned> names;
  DenseMap<Operation *, std::string> nodeNames;
  std::vector<std::vector<unsigned>> members; ///< parts by block
  unsigned depth = 0, packetField = 0;
  bool failed = false;

  InFlightDiagnostic refuse(Operation *op) {
    failed = true;
    return op->emitError();
  }

  static std::string identifier(StringRef name) {
    std::string text;
    for (char c : name)
      text += llvm::isAlnum(c) || c == '_' ? c : '_';
    if (text.empty() || llvm::isDigit(text[0]))
      text.insert(text.begin(), '_');
    return text.substr(0, 26);
  }
  /// Names of nodes are unique among siblings only.
  std::string uniqueName(NodeOp node) {
    std::string &name = nodeNames[node];
    if (!name.empty())
      return name;
    name = identifier(node.getSymName());
    if (unsigned count = names[name]++)
      name += "_" + std::to_string(count);
    return name;
  }

  void declareFields() {
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

  void collect(NodeOp node, unsigned at) {
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
    for (NodeOp child : node.getChildren())
      collect(child, at + 1);
  }

  void checkCapacity() {
    if (context.scheduler.getCapacity() > context.limits.elements)
      refuse(context.scheduler)
          << "holds " << context.scheduler.getCapacity()
          << " packets, expected at most " << context.limits.elements
          << ", the elements of a block";
  }

  unsigned shift(Part &part, unsigned rankBits) {
    return part.shaping || part.node.getRule() == RankRule::Saturate
               ? 0
               : rankBits - part.node.getRankWidth();
  }

  /// Imports a part on its own, to see whether it can be, what its flows are
  /// and with which others it may share a program.
  void analyse(Part &part) {
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
                   << context.limits.rankBits;
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

  /// The two transactions of a shaped node run in different blocks.
  bool sharesState(NodeOp node) {
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

  void chooseFlows(Part &part, const mesh::Program &enqueue,
                   const mesh::Program *dequeue) {
    NodeOp node = part.node;
    std::vector<bool> fixed(config.fields.size());
    auto grows = [&] { return ranksGrow(enqueue, dequeue, fixed); };
    auto byField = [&](FieldOp field) {
      part.flow = Part::Flow::Field;
      part.field = field;
      part.flowBits = llvm::Log2_64(field.getMaxValue() | 1) + 1;
    };
    // The user knows more about the traffic than a proof can.
    if (auto name =
            node->getAttrOfType<FlatSymbolRefAttr>("pifo.ranks_grow_by");
        name && !part.shaping) {
      FieldOp field = context.scheduler.getField(name.getValue());
      if (!field || field.getMaxValue() >> kFlowBits) {
        refuse(node) << "has ranks that grow by " << name
                     << ", expected a field with at most 1024 values";
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
    auto byRank = [&](unsigned most) {
      if (node.getRankWidth() > most)
        return false;
      part.flow = Part::Flow::Rank;
      part.flowBits = node.getRankWidth();
      return true;
    };
    if (byRank(kRankFlowBits))
      return;
    for (FieldOp field : context.scheduler.getFields()) {
      if (field.getMaxValue() >> kFlowBits)
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
    if (byRank(kFlowBits))
      return;
    refuse(node.getScheduling())
        << "ranks of '" << node.getSymName()
        << "' are not known to grow within any flow, but a block keeps a flow "
           "in the order of arrival; expected a rank of at most "
        << kFlowBits
        << " bits, or ranks that grow for each value of one field, or the "
           "attribute 'pifo.ranks_grow_by = @field' on the node";
  }

  /// Programs, states and initial values as text; tables by leaf are left out,
  /// because those of different nodes merge.
  std::string signatureOf(const Part &part, mesh::Program enqueue,
                          mesh::Program dequeue, const GroupState &state) {
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

  /// Levels to blocks. A block is popped by one block only, so the nodes of a
  /// level are taken apart by their parents' blocks; within those, nodes of one
  /// program stay together where a level needs several blocks.
  void place() {
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

  /// Wrapping and saturating ranks share a block if there is a bit to spare for
  /// the latter: an unsigned number is a serial number of one bit more.
  std::vector<std::vector<unsigned>> byOrder(std::vector<unsigned> &list,
                                             bool shaping) {
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

  void pack(std::vector<unsigned> &list, unsigned level, bool shaping) {
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

  /// States, programs and logical PIFOs of a block.
  void fill(unsigned b) {
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
          << "block '" << block.name
          << "' mixes wrapping and saturating ranks, "
          << "which takes " << bits << " bits, expected at most "
          << context.limits.rankBits;
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

  void addFlow(Part &part, mesh::Program &program) {
    if (part.flow == Part::Flow::One)
      return;
    auto append = [&](mesh::Value value) {
      program.values.push_back(std::move(value));
      return static_cast<int>(program.values.size()) - 1;
    };
    mesh::Value value;
    if (part.flow == Part::Flow::Rank) {
      int rank = program.rank;
      unsigned bits = program.values[rank].bits, down = shift(part, bits);
      if (down > 0) {
        value.op = mesh::Op::Const;
        value.bits = bits;
        value.immediate = down;
        int amount = append(value);
        value = {};
        value.op = mesh::Op::LShr;
        value.bits = bits;
        value.a = rank;
        value.b = amount;
        rank = append(value);
        value = {};
      }
      value.op = mesh::Op::Trunc;
      value.bits = part.flowBits;
      value.a = rank;
      program.flow = bits == part.flowBits ? rank : append(value);
      return;
    }
    value.op = mesh::Op::Field;
    value.index = context.fieldIndex.lookup(part.field);
    value.bits = part.field.getWidth();
    int field = append(value);
    value = {};
    value.op = mesh::Op::Trunc;
    value.bits = part.flowBits;
    value.a = field;
    program.flow =
        part.field.getWidth() == part.flowBits ? field : append(value);
  }

  /// The nodes of a group share their programs.
  void fillGroup(mesh::Block &block, const std::vector<unsigned> &group) {
    unsigned rankBits = block.rankBits;
    std::vector<std::array<mesh::Program, 2>> programs;
    GroupState state;
    for (unsigned i : group) {
      Part &part = parts[i];
      state =
          declareState(context, part.node, part.transactions(), group.size());
      if (group.size() > 1) {
        state.slotOfPifo.assign(block.pifos.size(), 0);
        for (auto [slot, member] : llvm::enumerate(group))
          state.slotOfPifo[parts[member].pifo] = slot;
      }
      state.pifoBits = mesh::indexBits(block.pifos.size());
      std::array<mesh::Program, 2> pair;
      unsigned down = shift(part, rankBits);
      (void)importTransaction(context, part.node, part.transaction(), state,
                              rankBits, down, pair[0]);
      addFlow(part, pair[0]);
      if (!part.shaping && part.node.getDequeue())
        (void)importTransaction(context, part.node, part.node.getDequeue(),
                                state, rankBits, down, pair[1]);
      programs.push_back(std::move(pair));
    }
    mergeLeafTables(group, programs);
    std::string name = uniqueName(parts[group[0]].node);
    if (parts[group[0]].shaping)
      name = "tbf_" + name;
    std::vector<bool> used(state.states.size());
    for (mesh::Program &program : programs[0])
      for (const mesh::Value &value : program.values)
        if (value.op == mesh::Op::Load)
          used[value.index] = true;
    std::vector<unsigned> renumbered(state.states.size());
    for (size_t s = 0; s < state.states.size(); ++s) {
      if (!used[s])
        continue;
      renumbered[s] = block.states.size();
      block.states.push_back(state.states[s]);
      block.states.back().name = name + "_" + identifier(state.states[s].name);
      for (unsigned other = 0; other + 1 < block.states.size(); ++other)
        if (block.states[other].name == block.states.back().name)
          block.states.back().name += std::to_string(s);
    }
    int indices[2] = {-1, -1};
    for (int k = 0; k < 2; ++k) {
      mesh::Program &program = programs[0][k];
      if (k == 1 && program.values.empty() && program.stores.empty())
        continue;
      for (mesh::Value &value : program.values)
        if (value.op == mesh::Op::Load)
          value.index = renumbered[value.index];
      for (mesh::Store &store : program.stores)
        store.state = renumbered[store.state];
      program.name = name + (k == 0 ? "_enqueue" : "_dequeue");
      indices[k] = block.programs.size();
      block.programs.push_back(std::move(program));
    }
    for (unsigned i : group) {
      mesh::LogicalPifo &pifo = block.pifos[parts[i].pifo];
      pifo.enqueueProgram = indices[0];
      pifo.dequeueProgram = indices[1];
    }
    if (remark && group.size() > 1)
      remark(parts[group[0]].node, "shared a program",
             Twine(group.size()) + " nodes of block '" + block.name +
                 "' have the same transactions");
  }

  /// Entry l of a table by leaf comes from the node above leaf l.
  void mergeLeafTables(const std::vector<unsigned> &group,
                       std::vector<std::array<mesh::Program, 2>> &programs) {
    for (size_t k = 1; k < group.size(); ++k)
      for (int which = 0; which < 2; ++which)
        for (size_t v = 0; v < programs[0][which].values.size(); ++v) {
          mesh::Value &value = programs[0][which].values[v];
          if (value.op != mesh::Op::Lookup ||
              programs[0][which].values[value.a].op != mesh::Op::Leaf)
            continue;
          for (auto [leaf, op] : llvm::enumerate(context.leaves))
            if (parts[group[k]].node->isAncestor(op))
              value.table[leaf] = programs[k][which].values[v].table[leaf];
        }
  }

  /// Routes, next hops, roots and carried fields.
  void connect() {
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
    }
  }

  unsigned leafBelow(NodeOp node) {
    for (auto [leaf, op] : llvm::enumerate(context.leaves))
      if (node->isAncestor(op))
        return leaf;
    return 0;
  }

  /// A released walk goes on with the fields its ancestors read.
  void carryToAncestors(mesh::Block &shaper) {
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

  void checkAtoms() {
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
};
} // namespace

FailureOr<mesh::Config> pifo::compileToMesh(SchedulerOp scheduler,
                                            const MeshLimits &limits,
                                            const MeshRemark &remark) {
  return Compiler(scheduler, limits, remark).run();
}
