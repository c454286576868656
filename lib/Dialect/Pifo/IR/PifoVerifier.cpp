//===- PifoVerifier.cpp - What is checked of a scheduler -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Classification.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "nm/Dialect/Pifo/IR/PifoDialect.h"

using namespace mlir;
using namespace mlir::pifo;

static constexpr int64_t kMaxCapacity = 1 << 24;
static constexpr uint64_t kMaxKeys = 1 << 24;
static constexpr unsigned kMaxLevels = 64, kMaxNodes = 4096;

/// A signless integer of 1 to `most` bits.
static bool isInteger(Type type, unsigned most) {
  auto integer = dyn_cast<IntegerType>(type);
  return integer && integer.isSignless() && integer.getWidth() >= 1 &&
         integer.getWidth() <= most;
}

//===----------------------------------------------------------------------===//
// Declarations
//===----------------------------------------------------------------------===//

LogicalResult FieldOp::verify() {
  if (!isInteger(getType(), 64))
    return emitOpError("[pifo_field_c1] has type ")
           << getType() << ", expected a signless integer of 1 to 64 bits";
  if (std::optional<int64_t> bound = getBelow())
    if (*bound < 1 || (getWidth() < 63 && *bound > (int64_t(1) << getWidth())))
      return emitOpError("[pifo_field_c2] is bounded by ")
             << *bound << ", expected 1 to 2^" << getWidth();
  return success();
}

LogicalResult TableOp::verify() {
  auto type = cast<ShapedType>(getValues().getType());
  if (!isInteger(type.getElementType(), 64) || type.getRank() != 1 ||
      !isa<DenseIntElementsAttr>(getValues()))
    return emitOpError("[pifo_table_c1] has values of type ")
           << type << ", expected dense integers of 1 to 64 bits in one "
           << "dimension";
  if (getVariable() && (!isa<NodeOp>((*this)->getParentOp()) ||
                        !type.getElementType().isInteger(64)))
    return emitOpError("[pifo_table_c4] is variable and ")
           << (isa<NodeOp>((*this)->getParentOp()) ? "has values of type "
                                                   : "serves all nodes, with "
                                                     "values of type ")
           << type.getElementType() << "; expected i64, in a node";
  return success();
}

LogicalResult StateOp::verify() {
  if (!isa<IntegerAttr>(getInit()) || !isInteger(getInit().getType(), 64))
    return emitOpError("[pifo_state_c1] starts with ")
           << getInit() << ", expected a signless integer of 1 to 64 bits";
  if (getWriter() == Writer::Caller &&
      (isKeyed() || !getInit().getType().isInteger(64)))
    return emitOpError("[pifo_state_c3] is written by the caller and has ")
           << (isKeyed() ? "a key" : "another type than i64")
           << "; expected a single i64, or a variable table";
  return success();
}

LogicalResult NodeOp::verify() {
  if (isLate()) {
    if (getRank().isInteger(64))
      return success();
    return emitOpError("[pifo_node_c1] has ranks of type ")
           << getRank() << " with the rule 'late', expected i64";
  }
  unsigned least = getRule() == RankRule::Saturate ? 1 : 6;
  if (!isInteger(getRank(), 63) || getRankWidth() < least)
    return emitOpError("[pifo_node_c1] has ranks of type ")
           << getRank() << " with the rule '" << stringifyRankRule(getRule())
           << "', expected a signless integer of " << least << " to 63 bits";
  return success();
}

/// The number of values of a key: of a field, or of the children.
static FailureOr<uint64_t> keyCount(Operation *op, SchedulerOp scheduler,
                                    FlatSymbolRefAttr key, StringRef number) {
  if (!key) {
    auto node = dyn_cast<NodeOp>(op->getParentOp());
    if (!node || node.isLeaf())
      return op->emitOpError("[")
             << number << "] is keyed by child, but does not stand in a node "
             << "with children; expected a field as key";
    return node.getChildren().size();
  }
  FieldOp field = scheduler.getField(key.getValue());
  if (!field)
    return op->emitOpError("[") << number << "] is keyed by " << key
                                << ", which is no field of the scheduler";
  if (field.getMaxValue() >= kMaxKeys) {
    InFlightDiagnostic diagnostic = op->emitOpError("[");
    diagnostic << number << "] is keyed by " << key
               << ", which has more than 2^24 values; expected a narrower "
               << "field or one with a bound ('below')";
    diagnostic.attachNote(field.getLoc()) << "the field is here";
    return diagnostic;
  }
  return field.getMaxValue() + 1;
}

static LogicalResult verifyBacklog(BacklogOp backlog, SchedulerOp scheduler) {
  auto isFixed = [&](StringRef name, StringRef number) -> LogicalResult {
    FieldOp field = scheduler.getField(name);
    if (!field || !field.getWritable())
      return success();
    InFlightDiagnostic diagnostic = backlog.emitOpError("[");
    diagnostic << number << "] depends on '@" << name
               << "', which is writable; expected a field that is the same "
               << "when the packet leaves";
    diagnostic.attachNote(field.getLoc()) << "the field is here";
    return diagnostic;
  };
  if (FlatSymbolRefAttr key = backlog.getKeyAttr())
    if (failed(keyCount(backlog, scheduler, key, "pifo_backlog_c1")) ||
        failed(isFixed(key.getValue(), "pifo_backlog_c1")))
      return failure();
  if (!backlog.getBytes())
    return success();
  FieldOp length = scheduler.getField("length");
  if (!length || length.getWidth() > 32)
    return backlog.emitOpError("[pifo_backlog_c2] counts bytes of packets ")
           << (length ? "whose length has more than 32 bits"
                      : "without a length")
           << "; expected a field '@length' of at most 32 bits";
  return isFixed("length", "pifo_backlog_c2");
}

static LogicalResult verifyTable(TableOp table, SchedulerOp scheduler) {
  FailureOr<uint64_t> count =
      keyCount(table, scheduler, table.getKeyAttr(),
               table.isByChild() ? "pifo_table_c3" : "pifo_table_c2");
  if (failed(count))
    return failure();
  if (uint64_t(table.getValues().getNumElements()) != *count)
    return table.emitOpError("[pifo_table_c2] has ")
           << table.getValues().getNumElements() << " values, expected "
           << *count << ", one for each value of its key";
  return success();
}

//===----------------------------------------------------------------------===//
// Transactions
//===----------------------------------------------------------------------===//

namespace {

/// Checks one transaction of a node.
class TransactionVerifier {
public:
  TransactionVerifier(NodeOp node, Operation *transaction)
      : node(node), scheduler(node.getScheduler()), transaction(transaction),
        onDequeue(isa<DequeueOp>(transaction)),
        isEviction(isa<EvictOp>(transaction)),
        isSelection(isa<SelectOp>(transaction)),
        isWake(isa<WakeOp>(transaction)),
        isRule(isa<AdmitOp, DeliverOp>(transaction)) {}

  LogicalResult verify() {
    WalkResult result = transaction->walk([&](Operation *op) {
      if (op == transaction)
        return WalkResult::advance();
      return failed(verifyOp(op)) ? WalkResult::interrupt()
                                  : WalkResult::advance();
    });
    return failure(result.wasInterrupted());
  }

private:
  LogicalResult verifyOp(Operation *op);
  LogicalResult verifyYield(YieldOp yield);
  LogicalResult verifySelection(YieldOp yield);
  LogicalResult verifyRank(RankOp op);
  LogicalResult verifyLate(Operation *op);
  LogicalResult verifyStore(StoreOp store, StateOp state);
  LogicalResult verifyState(Operation *op, StringRef name, Type type);

  static bool isPlain(Operation *op) {
    return isa<arith::AddIOp, arith::SubIOp, arith::MulIOp, arith::DivUIOp,
               arith::DivSIOp, arith::RemUIOp, arith::RemSIOp, arith::AndIOp,
               arith::OrIOp, arith::XOrIOp, arith::ShLIOp, arith::ShRUIOp,
               arith::ShRSIOp, arith::CmpIOp, arith::SelectOp, arith::MaxUIOp,
               arith::MaxSIOp, arith::MinUIOp, arith::MinSIOp, arith::ExtUIOp,
               arith::ExtSIOp, arith::TruncIOp, arith::ConstantOp, scf::IfOp,
               scf::YieldOp>(op);
  }

  NodeOp node;
  SchedulerOp scheduler;
  Operation *transaction;
  bool onDequeue, isEviction, isSelection, isWake, isRule;
};

LogicalResult TransactionVerifier::verifyState(Operation *op, StringRef name,
                                               Type type) {
  StateOp state = node.getState(name);
  if (!state)
    return op->emitOpError("[pifo_transaction_c3] names '@")
           << name << "', which is no state of node '" << node.getSymName()
           << "'; state is private to its node";
  if (state.getType() != type) {
    InFlightDiagnostic diagnostic =
        op->emitOpError("[pifo_transaction_c3] has type ");
    diagnostic << type << ", expected that of the state, " << state.getType();
    diagnostic.attachNote(state.getLoc()) << "the state is here";
    return diagnostic;
  }
  return success();
}

LogicalResult TransactionVerifier::verifyStore(StoreOp store, StateOp state) {
  Writer writer = state.getWriter();
  if ((writer == Writer::Any && !isSelection) ||
      (writer != Writer::Caller && !isRule && !isSelection &&
       (writer == Writer::Dequeue) == onDequeue))
    return success();
  InFlightDiagnostic diagnostic =
      store.emitOpError("[pifo_transaction_c4] writes '@");
  diagnostic << store.getState() << "' on "
             << (isRule        ? "admission or delivery"
                 : isSelection ? "selection"
                 : isEviction  ? "eviction"
                 : onDequeue   ? "dequeue"
                               : "enqueue")
             << ", but the state is declared written_by("
             << stringifyWriter(writer) << ")";
  diagnostic.attachNote(state.getLoc()) << "the state is here";
  return diagnostic;
}

LogicalResult TransactionVerifier::verifySelection(YieldOp yield) {
  auto types = yield.getOperandTypes();
  auto is64 = [](Type type) { return type.isInteger(64); };
  if (types.size() == 4 && types[0].isInteger(1) &&
      llvm::all_of(llvm::drop_begin(types), is64))
    return success();
  return yield.emitOpError("[pifo_transaction_c2] yields ")
         << types.size() << " values"
         << "; expected i1, i64, i64, i64: whether the child may send, its "
            "rank, what decides between equal ones, and when to ask again";
}

LogicalResult TransactionVerifier::verifyYield(YieldOp yield) {
  if (isSelection)
    return verifySelection(yield);
  Value value = yield.getValue();
  bool nothing = onDequeue || isEviction || isWake;
  unsigned most = isRule ? 1 : 64;
  if (yield.getValues().size() > 1)
    return yield.emitOpError("[pifo_transaction_c2] yields ")
           << yield.getValues().size() << " values, expected "
           << (nothing ? "nothing" : "one");
  if (nothing == !value && (!value || isInteger(value.getType(), most)))
    return success();
  InFlightDiagnostic diagnostic =
      yield.emitOpError("[pifo_transaction_c2] yields ");
  if (value)
    diagnostic << "one value of type " << value.getType();
  else
    diagnostic << "nothing";
  return diagnostic << ", expected "
                    << (nothing  ? "nothing"
                        : isRule ? "one i1"
                                 : "one integer of at most 64 bits");
}

LogicalResult TransactionVerifier::verifyRank(RankOp op) {
  if (!onDequeue && (!isEviction || node.isLate()))
    return op.emitOpError("[pifo_transaction_c5] stands in ")
           << transaction->getName()
           << (isEviction ? " of a node that decides late, where no element "
                            "has one; expected pifo.dequeue"
                          : ", expected pifo.dequeue or pifo.evict");
  if (!isInteger(op.getType(), 64) ||
      op.getType().getIntOrFloatBitWidth() < node.getRankWidth())
    return op.emitOpError("[pifo_transaction_c3] has type ")
           << op.getType() << ", expected an integer of " << node.getRankWidth()
           << " to 64 bits";
  return success();
}

/// What asks for a child of a node that decides late.
LogicalResult TransactionVerifier::verifyLate(Operation *op) {
  if (isa<OfferOp>(op) && !isSelection)
    return op->emitOpError("[pifo_transaction_c5] stands in ")
           << transaction->getName() << ", expected pifo.select";
  if (!node.isLate() || isRule)
    return op->emitOpError("[pifo_transaction_c5] stands in ")
           << transaction->getName() << " of a node with the rule '"
           << stringifyRankRule(node.getRule())
           << "', expected pifo.select, pifo.wake, pifo.dequeue or pifo.evict "
              "of one with the rule 'late'";
  return success();
}

LogicalResult TransactionVerifier::verifyOp(Operation *op) {
  for (Type type : op->getResultTypes())
    if (!isInteger(type, 64))
      return op->emitOpError("[pifo_transaction_c1] has a result of type ")
             << type << ", expected signless integers of at most 64 bits";
  if (isPlain(op) || isa<NowOp>(op))
    return success();
  if (auto yield = dyn_cast<YieldOp>(op))
    return verifyYield(yield);
  if (auto read = dyn_cast<ReadFieldOp>(op)) {
    FieldOp field = scheduler.getField(read.getField());
    if (!field)
      return op->emitOpError("[pifo_transaction_c3] reads '@")
             << read.getField() << "', which is no field of the scheduler";
    if (read.getType().getIntOrFloatBitWidth() < field.getWidth())
      return op->emitOpError("[pifo_transaction_c3] has type ")
             << read.getType() << ", expected at least the width of the field, "
             << field.getType();
    return success();
  }
  if (auto write = dyn_cast<WriteFieldOp>(op)) {
    FieldOp field = scheduler.getField(write.getField());
    if (!field)
      return op->emitOpError("[pifo_transaction_c3] writes '@")
             << write.getField() << "', which is no field of the scheduler";
    if (!(isRule || (onDequeue && node.isLeaf())) || !field.getWritable())
      return op->emitOpError("[pifo_transaction_c5] writes '@")
             << write.getField()
             << "'; expected a field declared writable, in pifo.admit, "
             << "pifo.deliver or the pifo.dequeue of a leaf";
    if (write.getValue().getType() != field.getType() || field.getBelow())
      return op->emitOpError("[pifo_transaction_c3] writes a value of type ")
             << write.getValue().getType() << " to a field of type "
             << field.getType() << (field.getBelow() ? " with a bound" : "")
             << "; expected the same type and no bound";
    return success();
  }
  if (auto rank = dyn_cast<RankOp>(op))
    return verifyRank(rank);
  if (isa<OfferOp, WaitingOp>(op))
    return verifyLate(op);
  if (isa<ChildOp>(op)) {
    if (node.isLeaf())
      return op->emitOpError("[pifo_transaction_c5] stands in leaf '")
             << node.getSymName() << "', expected a node with children";
    return success();
  }
  if (isa<InsideOp, RoomOp>(op) && !isRule)
    return op->emitOpError("[pifo_transaction_c5] stands in ")
           << transaction->getName() << ", expected pifo.admit or pifo.deliver";
  if (isa<RoomOp>(op))
    return success();
  if (auto inside = dyn_cast<InsideOp>(op)) {
    if (!node.getBacklog(inside.getBacklog()))
      return op->emitOpError("[pifo_transaction_c3] reads '@")
             << inside.getBacklog() << "', which is no backlog of node '"
             << node.getSymName() << "' or a node above it";
    return success();
  }
  if (auto lookup = dyn_cast<LookupOp>(op)) {
    TableOp table = node.getTable(lookup.getTable());
    if (!table || table.getElementType() != lookup.getType())
      return op->emitOpError("[pifo_transaction_c3] looks up '@")
             << lookup.getTable() << "' as " << lookup.getType()
             << ", expected a table of that type in the node or the scheduler";
    return success();
  }
  if (auto load = dyn_cast<LoadOp>(op))
    return verifyState(op, load.getState(), load.getType());
  if (auto store = dyn_cast<StoreOp>(op)) {
    if (failed(verifyState(op, store.getState(), store.getValue().getType())))
      return failure();
    return verifyStore(store, node.getState(store.getState()));
  }
  return op->emitOpError("[pifo_transaction_c1] has no place in a transaction; "
                         "expected integer operations of arith, scf.if and "
                         "those of pifo");
}

//===----------------------------------------------------------------------===//
// Trees
//===----------------------------------------------------------------------===//

/// Checks a tree from its root down.
class TreeVerifier {
public:
  explicit TreeVerifier(SchedulerOp scheduler) : scheduler(scheduler) {}

  LogicalResult verify(NodeOp node, unsigned level);

private:
  LogicalResult verifyTransit(NodeOp node);
  LogicalResult verifyLate(NodeOp node);
  LogicalResult verifyEligible(NodeOp node);
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

LogicalResult TreeVerifier::verifyContents(NodeOp node) {
  if (node.getTransit() && failed(verifyTransit(node)))
    return failure();
  if (failed(verifyCount<PredicateOp>(node, false)) ||
      failed(verifyCount<SelectOp>(node, node.isLate())) ||
      failed(verifyCount<WakeOp>(node, false)) || failed(verifyLate(node)) ||
      failed(verifyCount<EligibleOp>(node, false)) ||
      failed(verifyEligible(node)) ||
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
    if (isa<NodeOp>(op))
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
      if (failed(TransactionVerifier(node, &op).verify()))
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
