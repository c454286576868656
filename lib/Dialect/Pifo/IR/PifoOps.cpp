//===- PifoOps.cpp - Accessors and syntax -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "nm/Dialect/Pifo/IR/PifoDialect.h"

using namespace mlir;
using namespace mlir::pifo;

//===----------------------------------------------------------------------===//
// Syntax of keys: `child` or a field.
//===----------------------------------------------------------------------===//

static ParseResult parseKey(OpAsmParser &parser, FlatSymbolRefAttr &key) {
  if (succeeded(parser.parseOptionalKeyword("child")))
    return success();
  return parser.parseAttribute(key);
}

static void printKey(OpAsmPrinter &printer, Operation *,
                     FlatSymbolRefAttr key) {
  if (key)
    printer << key;
  else
    printer << "child";
}

static ParseResult parseStateKey(OpAsmParser &parser, FlatSymbolRefAttr &key,
                                 UnitAttr &byChild) {
  if (failed(parseKey(parser, key)))
    return failure();
  if (!key)
    byChild = parser.getBuilder().getUnitAttr();
  return success();
}

static void printStateKey(OpAsmPrinter &printer, Operation *op,
                          FlatSymbolRefAttr key, UnitAttr) {
  printKey(printer, op, key);
}

// The format generated for an enumeration begins with a space.
template <typename EnumAttr>
static ParseResult parseWord(OpAsmParser &parser, EnumAttr &word) {
  auto value = FieldParser<decltype(word.getValue())>::parse(parser);
  if (failed(value))
    return failure();
  word = EnumAttr::get(parser.getContext(), *value);
  return success();
}

static ParseResult parseRule(OpAsmParser &parser, RankRuleAttr &rule) {
  return parseWord(parser, rule);
}

static void printRule(OpAsmPrinter &printer, Operation *, RankRuleAttr rule) {
  printer << stringifyRankRule(rule.getValue());
}

static ParseResult parseWriter(OpAsmParser &parser, WriterAttr &writer) {
  return parseWord(parser, writer);
}

static void printWriter(OpAsmPrinter &printer, Operation *, WriterAttr writer) {
  printer << stringifyWriter(writer.getValue());
}

static ParseResult parseMeshOrder(OpAsmParser &parser, MeshOrderAttr &order) {
  return parseWord(parser, order);
}

static void printMeshOrder(OpAsmPrinter &printer, Operation *,
                           MeshOrderAttr order) {
  printer << stringifyMeshOrder(order.getValue());
}

/// `transmit`, `dequeue @block::@pifo` or `resume @leaf`.
static ParseResult parseHop(OpAsmParser &parser, SymbolRefAttr &target,
                            FlatSymbolRefAttr &leaf) {
  if (succeeded(parser.parseOptionalKeyword("transmit")))
    return success();
  if (succeeded(parser.parseOptionalKeyword("dequeue")))
    return parser.parseAttribute(target);
  if (succeeded(parser.parseOptionalKeyword("resume")))
    return parser.parseAttribute(leaf);
  return parser.emitError(parser.getCurrentLocation(),
                          "expected 'transmit', 'dequeue' or 'resume'");
}

static void printHop(OpAsmPrinter &printer, Operation *, SymbolRefAttr target,
                     FlatSymbolRefAttr leaf) {
  // Both in one hop is refused by the mesh's verifier; what is printed before
  // that shows the first.
  if (target)
    printer << "dequeue " << target;
  else if (leaf)
    printer << "resume " << leaf;
  else
    printer << "transmit";
}

#define GET_OP_CLASSES
#include "nm/Dialect/Pifo/IR/PifoOps.cpp.inc"

//===----------------------------------------------------------------------===//
// Accessors
//===----------------------------------------------------------------------===//

/// The first operation of that kind in a body, or null.
template <typename OpT> static OpT firstOf(Region &body) {
  auto ops = body.front().getOps<OpT>();
  return ops.empty() ? OpT() : *ops.begin();
}

/// The operation of that kind and name in a body, or null. Bodies are short,
/// and a symbol table would have to be kept.
template <typename OpT> static OpT findNamed(Region &body, StringRef name) {
  for (OpT op : body.front().getOps<OpT>())
    if (op.getSymName() == name)
      return op;
  return {};
}

NodeOp SchedulerOp::getRoot() { return firstOf<NodeOp>(getBody()); }

FieldOp SchedulerOp::getField(StringRef name) {
  return findNamed<FieldOp>(getBody(), name);
}

SmallVector<FieldOp, 4> SchedulerOp::getFields() {
  return llvm::to_vector<4>(getBody().front().getOps<FieldOp>());
}

bool SchedulerOp::decidesLate() {
  return getRoot().isLate() || getRoot().getEligible();
}

bool SchedulerOp::keepsFlowsInOrder() {
  return getBody()
      .walk([](InOrderOp) { return WalkResult::interrupt(); })
      .wasInterrupted();
}

SmallVector<Operation *> SchedulerOp::getParameters() {
  SmallVector<Operation *> parameters;
  getBody().walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (auto table = dyn_cast<TableOp>(op); table && table.getVariable())
      parameters.push_back(op);
    if (auto state = dyn_cast<StateOp>(op);
        state && state.getWriter() == Writer::Caller)
      parameters.push_back(op);
  });
  return parameters;
}

bool SchedulerOp::dropsPackets() {
  auto isRule = [](Operation *op) {
    return isa<AdmitOp, DeliverOp>(op) ? WalkResult::interrupt()
                                       : WalkResult::advance();
  };
  return getPushOut() || getBody().walk(isRule).wasInterrupted();
}

uint64_t FieldOp::getMaxValue() {
  if (std::optional<uint64_t> bound = getBelow())
    return *bound - 1;
  return llvm::maskTrailingOnes<uint64_t>(getWidth());
}

IntegerType TableOp::getElementType() {
  return cast<IntegerType>(getValues().getElementType());
}

NodeOp NodeOp::getParentNode() {
  return dyn_cast<NodeOp>((*this)->getParentOp());
}

SmallVector<NodeOp, 4> NodeOp::getInside() {
  return llvm::to_vector<4>(getBody().front().getOps<NodeOp>());
}

SmallVector<NodeOp, 4> NodeOp::getChildren() {
  SmallVector<NodeOp, 4> children;
  for (NodeOp node : getBody().front().getOps<NodeOp>()) {
    if (node.getTransit())
      llvm::append_range(children, node.getChildren());
    else
      children.push_back(node);
  }
  return children;
}

bool NodeOp::isLeaf() { return !firstOf<NodeOp>(getBody()); }
PredicateOp NodeOp::getPredicate() { return firstOf<PredicateOp>(getBody()); }
SchedulingOp NodeOp::getScheduling() {
  return firstOf<SchedulingOp>(getBody());
}
ShapingOp NodeOp::getShaping() { return firstOf<ShapingOp>(getBody()); }
DequeueOp NodeOp::getDequeue() { return firstOf<DequeueOp>(getBody()); }

AdmitOp NodeOp::getAdmit() { return firstOf<AdmitOp>(getBody()); }
DeliverOp NodeOp::getDeliver() { return firstOf<DeliverOp>(getBody()); }
EvictOp NodeOp::getEvict() { return firstOf<EvictOp>(getBody()); }
SelectOp NodeOp::getSelect() { return firstOf<SelectOp>(getBody()); }
EligibleOp NodeOp::getEligible() { return firstOf<EligibleOp>(getBody()); }
InOrderOp NodeOp::getInOrder() { return firstOf<InOrderOp>(getBody()); }
WakeOp NodeOp::getWake() { return firstOf<WakeOp>(getBody()); }

BacklogOp NodeOp::getBacklog(StringRef name) {
  for (NodeOp node = *this; node; node = node.getParentNode())
    if (BacklogOp found = findNamed<BacklogOp>(node.getBody(), name))
      return found;
  return {};
}

StateOp NodeOp::getState(StringRef name) {
  return findNamed<StateOp>(getBody(), name);
}

TableOp NodeOp::getTable(StringRef name) {
  if (TableOp own = findNamed<TableOp>(getBody(), name))
    return own;
  return findNamed<TableOp>(getScheduler().getBody(), name);
}

SchedulerOp NodeOp::getScheduler() {
  return (*this)->getParentOfType<SchedulerOp>();
}

void YieldOp::build(OpBuilder &, OperationState &) {}
