//===- VerifyTransactions.cpp - The programs of nodes -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Verifier.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::pifo;

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

} // namespace

LogicalResult pifo::verifyTransaction(NodeOp node, Operation *transaction) {
  return TransactionVerifier(node, transaction).verify();
}
