//===- SharedFunctions.cpp - Heaps and sorted arrays -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SchedulerEmitter.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Parser/Parser.h"

using namespace mlir;
using namespace mlir::pifo;

/// A heap of four children a node, ordered by (key, sequence), and a sorted
/// array. Both are {entries: ptr, count: i64}, and a heap has the next sequence
/// behind them: i64. An entry is {key: i64, sequence: i64, element: i32}, 24
/// bytes. `pifo_append` gives the place of one entry more, `pifo_remove` the
/// place of the last one, which is no longer counted.
///
/// A pushed entry has the largest sequence of all: it rises past larger keys
/// only. Whoever pushes has made sure of the room.
static constexpr llvm::StringLiteral kEntries = R"mlir(
func.func private @pifo_entry(%entries: !llvm.ptr, %i: i64) -> !llvm.ptr {
  %size = arith.constant 24 : i64
  %offset = arith.muli %i, %size : i64
  %p = llvm.getelementptr %entries[%offset] : (!llvm.ptr, i64) -> !llvm.ptr, i8
  return %p : !llvm.ptr
}

func.func private @pifo_entry_copy(%entries: !llvm.ptr, %to: i64, %from: i64) {
  %p = call @pifo_entry(%entries, %to) : (!llvm.ptr, i64) -> !llvm.ptr
  %q = call @pifo_entry(%entries, %from) : (!llvm.ptr, i64) -> !llvm.ptr
  %size = arith.constant 24 : i64
  "llvm.intr.memcpy"(%p, %q, %size) <{isVolatile = false}> : (!llvm.ptr, !llvm.ptr, i64) -> ()
  return
}

func.func private @pifo_entry_set(%entries: !llvm.ptr, %i: i64, %key: i64, %sequence: i64, %element: i32) {
  %p = call @pifo_entry(%entries, %i) : (!llvm.ptr, i64) -> !llvm.ptr
  llvm.store %key, %p : i64, !llvm.ptr
  %ps = llvm.getelementptr %p[8] : (!llvm.ptr) -> !llvm.ptr, i8
  llvm.store %sequence, %ps : i64, !llvm.ptr
  %pe = llvm.getelementptr %p[16] : (!llvm.ptr) -> !llvm.ptr, i8
  llvm.store %element, %pe : i32, !llvm.ptr
  return
}

func.func private @pifo_entry_get(%entries: !llvm.ptr, %i: i64) -> (i64, i64, i32) {
  %p = call @pifo_entry(%entries, %i) : (!llvm.ptr, i64) -> !llvm.ptr
  %ps = llvm.getelementptr %p[8] : (!llvm.ptr) -> !llvm.ptr, i8
  %pe = llvm.getelementptr %p[16] : (!llvm.ptr) -> !llvm.ptr, i8
  %key = llvm.load %p : !llvm.ptr -> i64
  %sequence = llvm.load %ps : !llvm.ptr -> i64
  %element = llvm.load %pe : !llvm.ptr -> i32
  return %key, %sequence, %element : i64, i64, i32
}

func.func private @pifo_resize(%container: !llvm.ptr, %more: i64) -> (!llvm.ptr, i64) {
  %entries = llvm.load %container : !llvm.ptr -> !llvm.ptr
  %pc = llvm.getelementptr %container[8] : (!llvm.ptr) -> !llvm.ptr, i8
  %before = llvm.load %pc : !llvm.ptr -> i64
  %count = arith.addi %before, %more : i64
  llvm.store %count, %pc : i64, !llvm.ptr
  return %entries, %count : !llvm.ptr, i64
}

func.func private @pifo_append(%container: !llvm.ptr) -> (!llvm.ptr, i64) {
  %one = arith.constant 1 : i64
  %entries, %count = call @pifo_resize(%container, %one) : (!llvm.ptr, i64) -> (!llvm.ptr, i64)
  %last = arith.subi %count, %one : i64
  return %entries, %last : !llvm.ptr, i64
}

func.func private @pifo_remove(%container: !llvm.ptr) -> (!llvm.ptr, i64) {
  %less = arith.constant -1 : i64
  %entries, %count = call @pifo_resize(%container, %less) : (!llvm.ptr, i64) -> (!llvm.ptr, i64)
  return %entries, %count : !llvm.ptr, i64
}

func.func private @pifo_next_sequence(%heap: !llvm.ptr) -> i64 {
  %one = arith.constant 1 : i64
  %p = llvm.getelementptr %heap[16] : (!llvm.ptr) -> !llvm.ptr, i8
  %sequence = llvm.load %p : !llvm.ptr -> i64
  %next = arith.addi %sequence, %one : i64
  llvm.store %next, %p : i64, !llvm.ptr
  return %sequence : i64
}
)mlir";

/// Keys are numbers, or serial numbers of 64 bits: these compare by their
/// distance, which is less than 2^63 among the ranks of a node, so that virtual
/// times may go past 2^63.
static constexpr llvm::StringLiteral kNumbers = R"mlir(
func.func private @pifo_$less(%a: i64, %b: i64) -> i1 {
  %less = arith.cmpi slt, %a, %b : i64
  return %less : i1
}
)mlir";
static constexpr llvm::StringLiteral kSerialNumbers = R"mlir(
func.func private @pifo_$less(%a: i64, %b: i64) -> i1 {
  %zero = arith.constant 0 : i64
  %distance = arith.subi %a, %b : i64
  %less = arith.cmpi slt, %distance, %zero : i64
  return %less : i1
}
)mlir";

/// `$` stands for the kind of keys.
static constexpr llvm::StringLiteral kContainers = R"mlir(
func.func private @pifo_$entry_less(%entries: !llvm.ptr, %i: i64, %key: i64, %sequence: i64) -> i1 {
  %k, %s, %e = call @pifo_entry_get(%entries, %i) : (!llvm.ptr, i64) -> (i64, i64, i32)
  %less = call @pifo_$less(%k, %key) : (i64, i64) -> i1
  %equal = arith.cmpi eq, %k, %key : i64
  %earlier = arith.cmpi ult, %s, %sequence : i64
  %both = arith.andi %equal, %earlier : i1
  %r = arith.ori %less, %both : i1
  return %r : i1
}

func.func private @pifo_$heap_push(%heap: !llvm.ptr, %key: i64, %element: i32) {
  %zero = arith.constant 0 : i64
  %one = arith.constant 1 : i64
  %two = arith.constant 2 : i64
  %entries, %count = call @pifo_append(%heap) : (!llvm.ptr) -> (!llvm.ptr, i64)
  %sequence = call @pifo_next_sequence(%heap) : (!llvm.ptr) -> i64
  cf.br ^rise(%count : i64)
^rise(%i: i64):
  %root = arith.cmpi eq, %i, %zero : i64
  cf.cond_br %root, ^place(%i : i64), ^compare
^compare:
  %j = arith.subi %i, %one : i64
  %parent = arith.shrui %j, %two : i64
  %k, %s, %e = call @pifo_entry_get(%entries, %parent) : (!llvm.ptr, i64) -> (i64, i64, i32)
  %larger = call @pifo_$less(%key, %k) : (i64, i64) -> i1
  cf.cond_br %larger, ^up, ^place(%i : i64)
^up:
  call @pifo_entry_copy(%entries, %i, %parent) : (!llvm.ptr, i64, i64) -> ()
  cf.br ^rise(%parent : i64)
^place(%at: i64):
  call @pifo_entry_set(%entries, %at, %key, %sequence, %element) : (!llvm.ptr, i64, i64, i64, i32) -> ()
  return
}

func.func private @pifo_$heap_pop(%heap: !llvm.ptr) -> (i64, i32) {
  %zero = arith.constant 0 : i64
  %one = arith.constant 1 : i64
  %two = arith.constant 2 : i64
  %four = arith.constant 4 : i64
  %entries, %count = call @pifo_remove(%heap) : (!llvm.ptr) -> (!llvm.ptr, i64)
  %key, %sequence, %element = call @pifo_entry_get(%entries, %zero) : (!llvm.ptr, i64) -> (i64, i64, i32)
  %lastKey, %lastSequence, %lastElement = call @pifo_entry_get(%entries, %count) : (!llvm.ptr, i64) -> (i64, i64, i32)
  cf.br ^sink(%zero : i64)
^sink(%i: i64):
  %i4 = arith.shli %i, %two : i64
  %first = arith.addi %i4, %one : i64
  %end4 = arith.addi %first, %four : i64
  %end = arith.minsi %end4, %count : i64
  %none = arith.cmpi sge, %first, %count : i64
  cf.cond_br %none, ^place(%i : i64), ^children(%first, %i, %lastKey, %lastSequence : i64, i64, i64, i64)
^children(%c: i64, %best: i64, %bestKey: i64, %bestSequence: i64):
  %done = arith.cmpi sge, %c, %end : i64
  cf.cond_br %done, ^choose, ^child
^child:
  %less = call @pifo_$entry_less(%entries, %c, %bestKey, %bestSequence) : (!llvm.ptr, i64, i64, i64) -> i1
  %k, %s, %e = call @pifo_entry_get(%entries, %c) : (!llvm.ptr, i64) -> (i64, i64, i32)
  %b = arith.select %less, %c, %best : i64
  %bk = arith.select %less, %k, %bestKey : i64
  %bs = arith.select %less, %s, %bestSequence : i64
  %c1 = arith.addi %c, %one : i64
  cf.br ^children(%c1, %b, %bk, %bs : i64, i64, i64, i64)
^choose:
  %stay = arith.cmpi eq, %best, %i : i64
  cf.cond_br %stay, ^place(%i : i64), ^down
^down:
  call @pifo_entry_copy(%entries, %i, %best) : (!llvm.ptr, i64, i64) -> ()
  cf.br ^sink(%best : i64)
^place(%at: i64):
  call @pifo_entry_set(%entries, %at, %lastKey, %lastSequence, %lastElement) : (!llvm.ptr, i64, i64, i64, i32) -> ()
  return %key, %element : i64, i32
}

func.func private @pifo_$list_push(%list: !llvm.ptr, %key: i64, %element: i32) {
  %zero = arith.constant 0 : i64
  %one = arith.constant 1 : i64
  %entries, %count = call @pifo_append(%list) : (!llvm.ptr) -> (!llvm.ptr, i64)
  cf.br ^rise(%count : i64)
^rise(%i: i64):
  %root = arith.cmpi eq, %i, %zero : i64
  cf.cond_br %root, ^place(%i : i64), ^compare
^compare:
  %j = arith.subi %i, %one : i64
  %k, %s, %e = call @pifo_entry_get(%entries, %j) : (!llvm.ptr, i64) -> (i64, i64, i32)
  %larger = call @pifo_$less(%key, %k) : (i64, i64) -> i1
  cf.cond_br %larger, ^up, ^place(%i : i64)
^up:
  call @pifo_entry_copy(%entries, %i, %j) : (!llvm.ptr, i64, i64) -> ()
  cf.br ^rise(%j : i64)
^place(%at: i64):
  call @pifo_entry_set(%entries, %at, %key, %zero, %element) : (!llvm.ptr, i64, i64, i64, i32) -> ()
  return
}

func.func private @pifo_$list_pop(%list: !llvm.ptr) -> (i64, i32) {
  %zero = arith.constant 0 : i64
  %one = arith.constant 1 : i64
  %entries, %count = call @pifo_remove(%list) : (!llvm.ptr) -> (!llvm.ptr, i64)
  %key, %sequence, %element = call @pifo_entry_get(%entries, %zero) : (!llvm.ptr, i64) -> (i64, i64, i32)
  cf.br ^shift(%zero : i64)
^shift(%i: i64):
  %done = arith.cmpi eq, %i, %count : i64
  cf.cond_br %done, ^end, ^move
^move:
  %j = arith.addi %i, %one : i64
  call @pifo_entry_copy(%entries, %i, %j) : (!llvm.ptr, i64, i64) -> ()
  cf.br ^shift(%j : i64)
^end:
  return %key, %element : i64, i32
}
)mlir";

/// The last element of a sorted array, and an interval heap (van Leeuwen and
/// Wood, 1993), which gives both: entries 2k and 2k + 1 are the least and the
/// largest below node k of a binary tree, whose children are 2k + 1 and 2k + 2.
static constexpr llvm::StringLiteral kBothEnds = R"mlir(
func.func private @pifo_$list_pop_last(%list: !llvm.ptr) -> (i64, i32) {
  %entries, %count = call @pifo_remove(%list) : (!llvm.ptr) -> (!llvm.ptr, i64)
  %key, %sequence, %element = call @pifo_entry_get(%entries, %count) : (!llvm.ptr, i64) -> (i64, i64, i32)
  return %key, %element : i64, i32
}

func.func private @pifo_$entry_key_after(%entries: !llvm.ptr, %i: i64, %key: i64) -> i1 {
  %k, %s, %e = call @pifo_entry_get(%entries, %i) : (!llvm.ptr, i64) -> (i64, i64, i32)
  %r = call @pifo_$less(%key, %k) : (i64, i64) -> i1
  return %r : i1
}

func.func private @pifo_$entries_less(%entries: !llvm.ptr, %i: i64, %j: i64) -> i1 {
  %k, %s, %e = call @pifo_entry_get(%entries, %j) : (!llvm.ptr, i64) -> (i64, i64, i32)
  %r = call @pifo_$entry_less(%entries, %i, %k, %s) : (!llvm.ptr, i64, i64, i64) -> i1
  return %r : i1
}

func.func private @pifo_$entries_swap(%entries: !llvm.ptr, %i: i64, %j: i64) {
  %k, %s, %e = call @pifo_entry_get(%entries, %i) : (!llvm.ptr, i64) -> (i64, i64, i32)
  call @pifo_entry_copy(%entries, %i, %j) : (!llvm.ptr, i64, i64) -> ()
  call @pifo_entry_set(%entries, %j, %k, %s, %e) : (!llvm.ptr, i64, i64, i64, i32) -> ()
  return
}

func.func private @pifo_$ends_push(%heap: !llvm.ptr, %key: i64, %element: i32) {
  %zero = arith.constant 0 : i64
  %one = arith.constant 1 : i64
  %two = arith.constant 2 : i64
  %true = arith.constant true
  %entries, %count = call @pifo_append(%heap) : (!llvm.ptr) -> (!llvm.ptr, i64)
  %sequence = call @pifo_next_sequence(%heap) : (!llvm.ptr) -> i64
  %bit = arith.andi %count, %one : i64
  %isSecond = arith.cmpi eq, %bit, %one : i64
  cf.cond_br %isSecond, ^second, ^first(%count : i64)
^second:
  %partner = arith.subi %count, %one : i64
  %before = call @pifo_$entry_key_after(%entries, %partner, %key) : (!llvm.ptr, i64, i64) -> i1
  cf.cond_br %before, ^trade, ^high(%count : i64)
^trade:
  call @pifo_entry_copy(%entries, %count, %partner) : (!llvm.ptr, i64, i64) -> ()
  cf.br ^low(%partner : i64)
^first(%f: i64):
  %isRoot = arith.cmpi eq, %f, %zero : i64
  cf.cond_br %isRoot, ^place(%f : i64), ^choose
^choose:
  %fh = arith.shrui %f, %one : i64
  %fh1 = arith.subi %fh, %one : i64
  %fp = arith.shrui %fh1, %one : i64
  %fl = arith.shli %fp, %one : i64
  %less = call @pifo_$entry_key_after(%entries, %fl, %key) : (!llvm.ptr, i64, i64) -> i1
  cf.cond_br %less, ^low(%f : i64), ^high(%f : i64)
^low(%i: i64):
  %lowRoot = arith.cmpi eq, %i, %zero : i64
  cf.cond_br %lowRoot, ^place(%i : i64), ^compareLow
^compareLow:
  %k = arith.shrui %i, %one : i64
  %k1 = arith.subi %k, %one : i64
  %kp = arith.shrui %k1, %one : i64
  %p = arith.shli %kp, %one : i64
  %smaller = call @pifo_$entry_key_after(%entries, %p, %key) : (!llvm.ptr, i64, i64) -> i1
  cf.cond_br %smaller, ^upLow, ^place(%i : i64)
^upLow:
  call @pifo_entry_copy(%entries, %i, %p) : (!llvm.ptr, i64, i64) -> ()
  cf.br ^low(%p : i64)
^high(%j: i64):
  %node = arith.shrui %j, %one : i64
  %highRoot = arith.cmpi eq, %node, %zero : i64
  cf.cond_br %highRoot, ^place(%j : i64), ^compareHigh
^compareHigh:
  %n1 = arith.subi %node, %one : i64
  %np = arith.shrui %n1, %one : i64
  %nl = arith.shli %np, %one : i64
  %q = arith.addi %nl, %one : i64
  %notLarger = call @pifo_$entry_key_after(%entries, %q, %key) : (!llvm.ptr, i64, i64) -> i1
  cf.cond_br %notLarger, ^place(%j : i64), ^upHigh
^upHigh:
  call @pifo_entry_copy(%entries, %j, %q) : (!llvm.ptr, i64, i64) -> ()
  cf.br ^high(%q : i64)
^place(%at: i64):
  call @pifo_entry_set(%entries, %at, %key, %sequence, %element) : (!llvm.ptr, i64, i64, i64, i32) -> ()
  return
}

func.func private @pifo_$ends_pop(%heap: !llvm.ptr) -> (i64, i32) {
  %zero = arith.constant 0 : i64
  %one = arith.constant 1 : i64
  %two = arith.constant 2 : i64
  %entries, %count = call @pifo_remove(%heap) : (!llvm.ptr) -> (!llvm.ptr, i64)
  %key, %sequence, %element = call @pifo_entry_get(%entries, %zero) : (!llvm.ptr, i64) -> (i64, i64, i32)
  %none = arith.cmpi eq, %count, %zero : i64
  cf.cond_br %none, ^end, ^begin
^begin:
  // What was last goes to the place that is free, and down.
  call @pifo_entry_copy(%entries, %zero, %count) : (!llvm.ptr, i64, i64) -> ()
  cf.br ^sink(%zero : i64)
^sink(%i: i64):
  %high = arith.addi %i, %one : i64
  %hasHigh = arith.cmpi slt, %high, %count : i64
  cf.cond_br %hasHigh, ^order, ^children
^order:
  %wrong = call @pifo_$entries_less(%entries, %high, %i) : (!llvm.ptr, i64, i64) -> i1
  cf.cond_br %wrong, ^swap, ^children
^swap:
  call @pifo_$entries_swap(%entries, %i, %high) : (!llvm.ptr, i64, i64) -> ()
  cf.br ^children
^children:
  %i2 = arith.shli %i, %one : i64
  %left = arith.addi %i2, %two : i64
  %right = arith.addi %left, %two : i64
  %isLeaf = arith.cmpi sge, %left, %count : i64
  cf.cond_br %isLeaf, ^end, ^some
^some:
  %hasRight = arith.cmpi slt, %right, %count : i64
  cf.cond_br %hasRight, ^both, ^compare(%left : i64)
^both:
  %rightLess = call @pifo_$entries_less(%entries, %right, %left) : (!llvm.ptr, i64, i64) -> i1
  %best = arith.select %rightLess, %right, %left : i64
  cf.br ^compare(%best : i64)
^compare(%c: i64):
  %down = call @pifo_$entries_less(%entries, %c, %i) : (!llvm.ptr, i64, i64) -> i1
  cf.cond_br %down, ^step, ^end
^step:
  call @pifo_$entries_swap(%entries, %i, %c) : (!llvm.ptr, i64, i64) -> ()
  cf.br ^sink(%c : i64)
^end:
  return %key, %element : i64, i32
}

func.func private @pifo_$ends_pop_last(%heap: !llvm.ptr) -> (i64, i32) {
  %zero = arith.constant 0 : i64
  %one = arith.constant 1 : i64
  %two = arith.constant 2 : i64
  %entries, %count = call @pifo_remove(%heap) : (!llvm.ptr) -> (!llvm.ptr, i64)
  // The largest is at 1, or at 0 if it is alone.
  %top = arith.minsi %count, %one : i64
  %key, %sequence, %element = call @pifo_entry_get(%entries, %top) : (!llvm.ptr, i64) -> (i64, i64, i32)
  %few = arith.cmpi sle, %count, %one : i64
  cf.cond_br %few, ^end, ^begin
^begin:
  call @pifo_entry_copy(%entries, %one, %count) : (!llvm.ptr, i64, i64) -> ()
  cf.br ^sink(%one : i64)
^sink(%i: i64):
  // A node that holds one entry has no children.
  %bit = arith.andi %i, %one : i64
  %single = arith.cmpi eq, %bit, %zero : i64
  cf.cond_br %single, ^end, ^order
^order:
  %low = arith.subi %i, %one : i64
  %wrong = call @pifo_$entries_less(%entries, %i, %low) : (!llvm.ptr, i64, i64) -> i1
  cf.cond_br %wrong, ^swap, ^children
^swap:
  call @pifo_$entries_swap(%entries, %i, %low) : (!llvm.ptr, i64, i64) -> ()
  cf.br ^children
^children:
  %i2 = arith.shli %i, %one : i64
  %left = arith.addi %i2, %one : i64
  %right = arith.addi %left, %two : i64
  %leftLow = arith.subi %left, %one : i64
  %rightLow = arith.subi %right, %one : i64
  %isLeaf = arith.cmpi sge, %leftLow, %count : i64
  cf.cond_br %isLeaf, ^end, ^some
^some:
  %leftWhole = arith.cmpi slt, %left, %count : i64
  %first = arith.select %leftWhole, %left, %leftLow : i64
  %hasRight = arith.cmpi slt, %rightLow, %count : i64
  cf.cond_br %hasRight, ^both, ^compare(%first : i64)
^both:
  %rightWhole = arith.cmpi slt, %right, %count : i64
  %second = arith.select %rightWhole, %right, %rightLow : i64
  %rightMore = call @pifo_$entries_less(%entries, %first, %second) : (!llvm.ptr, i64, i64) -> i1
  %best = arith.select %rightMore, %second, %first : i64
  cf.br ^compare(%best : i64)
^compare(%c: i64):
  %down = call @pifo_$entries_less(%entries, %i, %c) : (!llvm.ptr, i64, i64) -> i1
  cf.cond_br %down, ^step, ^end
^step:
  call @pifo_$entries_swap(%entries, %i, %c) : (!llvm.ptr, i64, i64) -> ()
  cf.br ^sink(%c : i64)
^end:
  return %key, %element : i64, i32
}
)mlir";

/// `text` for the keys of that kind.
static std::string instantiate(StringRef text, StringRef kind) {
  std::string result;
  for (char c : text)
    c == '$' ? result.append(kind) : result.append(1, c);
  return result;
}

LogicalResult pifo::addSharedFunctions(ModuleOp module) {
  std::string text = kEntries.str();
  for (auto [kind, less] :
       {std::pair("", kNumbers), std::pair("serial_", kSerialNumbers)})
    text += instantiate(less, kind) + instantiate(kContainers, kind) +
            instantiate(kBothEnds, kind);
  OwningOpRef<ModuleOp> parsed =
      parseSourceString<ModuleOp>(text, module.getContext());
  if (!parsed)
    return module.emitError("the containers of pifo schedulers do not parse");
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  for (Operation &op : parsed->getBody()->getOperations()) {
    auto name = SymbolTable::getSymbolName(&op);
    if (Operation *present = SymbolTable::lookupSymbolIn(module, name))
      return present->emitError("has the name '@")
             << name.getValue()
             << "', which compiled schedulers need; expected another";
    Operation *copy = builder.clone(op);
    copy->setAttr(
        "llvm.linkage",
        LLVM::LinkageAttr::get(module.getContext(), LLVM::Linkage::Internal));
  }
  return success();
}
