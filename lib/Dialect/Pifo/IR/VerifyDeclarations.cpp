//===- VerifyDeclarations.cpp - Fields, tables, states, backlogs -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Verifier.h"

using namespace mlir;
using namespace mlir::pifo;

static constexpr uint64_t kMaxKeys = 1 << 24;

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

FailureOr<uint64_t> pifo::keyCount(Operation *op, SchedulerOp scheduler,
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

LogicalResult pifo::verifyBacklog(BacklogOp backlog, SchedulerOp scheduler) {
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

LogicalResult pifo::verifyTable(TableOp table, SchedulerOp scheduler) {
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
