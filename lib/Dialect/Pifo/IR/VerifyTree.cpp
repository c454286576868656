//===- VerifyTree.cpp - Schedulers and the places of their nodes -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Classification.h"
#include "Verifier.h"

using namespace mlir;
using namespace mlir::pifo;

static constexpr int64_t kMaxCapacity = 1 << 24;
static constexpr unsigned kMaxLevels = 64, kMaxNodes = 4096;

namespace {

/// Checks a tree from its root down.
class TreeVerifier {
public:
  explicit TreeVerifier(SchedulerOp scheduler) : scheduler(scheduler) {}

  LogicalResult verify(NodeOp node, unsigned level);

private:
  LogicalResult verifyTransit(NodeOp node);
  LogicalResult verifyLate(NodeOp node);
  LogicalResult verifyEligible(NodeOp node);
  LogicalResult verifyInOrder(NodeOp node);
  LogicalResult verifyContents(NodeOp node);
  LogicalResult verifyPlace(NodeOp node);
  /// `most` operations of one kind, at least `least`.
  template <typename OpT> LogicalResult verifyCount(NodeOp node, bool required);

  SchedulerOp scheduler;
  unsigned nodes = 0;
};

template <typename OpT>
LogicalResult TreeVerifier::verifyCount(NodeOp node, bool required) {
  auto ops = node.getBody().front().getOps<OpT>();
  auto count = std::distance(ops.begin(), ops.end());
  if (count <= 1 && (count == 1 || !required))
    return success();
  return node.emitOpError("[pifo_node_c2] has ")
         << count << " " << OpT::getOperationName() << ", expected "
         << (required ? "exactly" : "at most") << " one";
}

LogicalResult TreeVerifier::verifyTransit(NodeOp node) {
  for (Operation &op : node.getBody().front())
    if (!isa<PredicateOp, NodeOp>(op))
      return op.emitOpError("[pifo_node_c6] has no place in a transit node; "
                            "expected a predicate and nodes");
  NodeOp above = node.getParentNode();
  if (!above || node.isLeaf())
    return node.emitOpError("[pifo_node_c6] is a transit node and ")
           << (above ? "a leaf" : "the root")
           << ", expected one between a node and its children";
  if (node.getRank() == above.getRank() && node.getRule() == above.getRule())
    return success();
  InFlightDiagnostic diagnostic = node.emitOpError("[pifo_node_c6] has rank(");
  diagnostic << node.getRank() << ", " << stringifyRankRule(node.getRule())
             << "), expected that of the node it is in, rank("
             << above.getRank() << ", " << stringifyRankRule(above.getRule())
             << ")";
  diagnostic.attachNote(above.getLoc()) << "that node is here";
  return diagnostic;
}

/// pifo_node_c7, of any node.
LogicalResult TreeVerifier::verifyLate(NodeOp node) {
  if (!node.isLate()) {
    Operation *late = node.getSelect();
    if (!late)
      late = node.getWake();
    return !late ? success()
                 : late->emitOpError("[pifo_node_c7] stands in a node with "
                                     "the rule '")
                       << stringifyRankRule(node.getRule())
                       << "'; expected it in one with the rule 'late'";
  }
  if (node.isLeaf())
    return node.emitOpError("[pifo_node_c7] decides late and is a leaf; "
                            "expected nodes in it");
  Operation *early = node.getScheduling();
  if (!early)
    early = node.getShaping();
  if (early)
    return early->emitOpError("[pifo_node_c7] stands in a node that decides "
                              "late; expected pifo.select");
  NodeOp above = node.getParentNode();
  if (above && !above.isLate()) {
    InFlightDiagnostic diagnostic = node.emitOpError(
        "[pifo_node_c7] decides late below a node whose order stands before; "
        "expected it at the root or below nodes with the rule 'late'");
    diagnostic.attachNote(above.getLoc()) << "that node is here";
    return diagnostic;
  }
  for (NodeOp child : node.getInside())
    if (child.getTransit())
      return child.emitOpError("[pifo_node_c7] is a transit node in one that "
                               "decides late; expected its children there");
  return success();
}

LogicalResult TreeVerifier::verifyEligible(NodeOp node) {
  EligibleOp eligible = node.getEligible();
  if (!eligible)
    return success();
  if (!node.isLeaf() || node.getRule() != RankRule::Saturate)
    return eligible.emitOpError("[pifo_node_c8] stands in ")
           << (node.isLeaf() ? "a leaf" : "a node with children")
           << " with the rule '" << stringifyRankRule(node.getRule())
           << "'; expected a leaf with the rule 'saturate'";
  NodeOp above = node.getParentNode();
  if (!above || above.isLate())
    return success();
  InFlightDiagnostic diagnostic = eligible.emitOpError(
      "[pifo_node_c8] stands below a node whose order stands before, which "
      "does not know what may have to wait; expected it at the root or below "
      "nodes with the rule 'late'");
  diagnostic.attachNote(above.getLoc()) << "that node is here";
  return diagnostic;
}

LogicalResult TreeVerifier::verifyInOrder(NodeOp node) {
  InOrderOp inOrder = node.getInOrder();
  if (!inOrder)
    return success();
  if (!node.isLeaf() || node.getRule() != RankRule::Saturate ||
      node.getEligible())
    return inOrder.emitOpError("[pifo_in_order_c1] stands in ")
           << (node.isLeaf() ? "a leaf" : "a node with children")
           << " with the rule '" << stringifyRankRule(node.getRule()) << "'"
           << (node.getEligible() ? " and pifo.eligible" : "")
           << "; expected a leaf with the rule 'saturate'";
  FieldOp field = scheduler.getField(inOrder.getKey());
  if (field && !field.getWritable())
    return success();
  return inOrder.emitOpError("[pifo_in_order_c2] tells flows apart by '@")
         << inOrder.getKey() << "', which is "
         << (field ? "writable" : "no field of the scheduler")
         << "; expected a field that stays as it is";
}

LogicalResult TreeVerifier::verifyContents(NodeOp node) {
  if (node.getTransit() && failed(verifyTransit(node)))
    return failure();
  if (failed(verifyCount<PredicateOp>(node, false)) ||
      failed(verifyCount<SelectOp>(node, node.isLate())) ||
      failed(verifyCount<WakeOp>(node, false)) || failed(verifyLate(node)) ||
      failed(verifyCount<EligibleOp>(node, false)) ||
      failed(verifyEligible(node)) ||
      failed(verifyCount<InOrderOp>(node, false)) ||
      failed(verifyInOrder(node)) ||
      failed(verifyCount<SchedulingOp>(node,
                                       !node.getTransit() && !node.isLate())) ||
      failed(verifyCount<ShapingOp>(node, false)) ||
      failed(verifyCount<DequeueOp>(node, false)) ||
      failed(verifyCount<AdmitOp>(node, false)) ||
      failed(verifyCount<DeliverOp>(node, false)) ||
      failed(verifyCount<EvictOp>(node, false)))
    return failure();
  if (DeliverOp deliver = node.getDeliver(); deliver && !node.isLeaf())
    return deliver.emitOpError("[pifo_node_c2] stands in a node with children; "
                               "expected it in a leaf, which holds packets");
  if (EvictOp evict = node.getEvict(); evict && !scheduler.getPushOut())
    return evict.emitOpError("[pifo_node_c2] never runs: the scheduler pushes "
                             "nothing out; expected 'push_out' behind its "
                             "capacity");
  for (Operation &op : node.getBody().front()) {
    if (isa<NodeOp, InOrderOp>(op))
      continue;
    if (auto state = dyn_cast<StateOp>(op)) {
      if (state.isKeyed() &&
          failed(
              keyCount(state, scheduler, state.getKeyAttr(), "pifo_state_c2")))
        return failure();
    } else if (auto table = dyn_cast<TableOp>(op)) {
      if (failed(verifyTable(table, scheduler)))
        return failure();
    } else if (auto backlog = dyn_cast<BacklogOp>(op)) {
      if (failed(verifyBacklog(backlog, scheduler)))
        return failure();
    } else if (isa<SchedulingOp, ShapingOp, DequeueOp, AdmitOp, DeliverOp,
                   EvictOp, SelectOp, WakeOp, EligibleOp>(op)) {
      if (failed(verifyTransaction(node, &op)))
        return failure();
    } else if (auto predicate = dyn_cast<PredicateOp>(op)) {
      for (ReadFieldOp read :
           predicate.getBody().front().getOps<ReadFieldOp>()) {
        FieldOp field = scheduler.getField(read.getField());
        if (!field || read.getType().getIntOrFloatBitWidth() < field.getWidth())
          return read.emitOpError("[pifo_transaction_c3] reads '@")
                 << read.getField() << "' as " << read.getType()
                 << ", expected a field of the scheduler of at most that width";
      }
      if (failed(verifyPredicate(predicate)))
        return failure();
    } else {
      return op.emitOpError("[pifo_node_c2] has no place in a node; expected "
                            "state, tables, backlogs, transactions and nodes");
    }
  }
  return success();
}

LogicalResult TreeVerifier::verifyPlace(NodeOp node) {
  if (!node.getParentNode()) {
    if (node.getPredicate() || node.getShaping())
      return node.emitOpError("[pifo_node_c3] is the root and has a ")
             << (node.getPredicate() ? "predicate" : "shaping transaction")
             << ", expected none";
    return success();
  }
  if (!node.getPredicate())
    return node.emitOpError("[pifo_node_c3] has no predicate; expected one, "
                            "as in every node but the root");
  if (!node.getShaping())
    return success();
  for (NodeOp above = node.getParentNode(); above;
       above = above.getParentNode())
    if (above.getRule() == RankRule::Window) {
      InFlightDiagnostic diagnostic = node.emitOpError(
          "[pifo_node_c5] has a shaping transaction below a node whose ranks "
          "are refused outside a window; expected 'wrap' or 'saturate' there");
      diagnostic.attachNote(above.getLoc()) << "that node is here";
      return diagnostic;
    }
  return success();
}

LogicalResult TreeVerifier::verify(NodeOp node, unsigned level) {
  if (level > kMaxLevels || ++nodes > kMaxNodes)
    return node.emitOpError("[pifo_scheduler_c3] is one node too many; "
                            "expected at most ")
           << kMaxLevels << " levels and " << kMaxNodes << " nodes";
  if (failed(verifyContents(node)) || failed(verifyPlace(node)))
    return failure();
  for (NodeOp child : node.getInside())
    if (failed(verify(child, level + 1)))
      return failure();
  return node.isLeaf() ? success() : verifyClassification(node);
}

} // namespace

LogicalResult SchedulerOp::verifyRegions() {
  if (int64_t(getCapacity()) < 1 || int64_t(getCapacity()) > kMaxCapacity)
    return emitOpError("[pifo_scheduler_c1] has capacity ")
           << int64_t(getCapacity()) << ", expected 1 to " << kMaxCapacity;
  if (std::optional<int64_t> most = getAtMost())
    if (*most < int64_t(getCapacity()) || *most > kMaxCapacity)
      return emitOpError("[pifo_scheduler_c4] holds at most ")
             << *most << " packets, expected " << int64_t(getCapacity())
             << ", its capacity, to " << kMaxCapacity;
  unsigned roots = 0;
  for (Operation &op : getBody().front()) {
    roots += isa<NodeOp>(op);
    if (!isa<FieldOp, TableOp, NodeOp>(op))
      return op.emitOpError("[pifo_scheduler_c2] has no place in a scheduler; "
                            "expected fields, tables and one node");
  }
  if (roots != 1)
    return emitOpError("[pifo_scheduler_c2] has ")
           << roots << " nodes, expected exactly one, the root";
  for (TableOp table : getBody().front().getOps<TableOp>())
    if (failed(verifyTable(table, *this)))
      return failure();
  return TreeVerifier(*this).verify(getRoot(), 1);
}
