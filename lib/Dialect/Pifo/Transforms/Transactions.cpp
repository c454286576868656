//===- Transactions.cpp - Transactions as straight-line code -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SchedulerEmitter.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::pifo;

Value SchedulerEmitter::readField(StringRef field, Value packet) {
  const PacketLayout::Field &found = layout.packet.find(field);
  Value value = e.load(8 * found.bytes, e.at(packet, found.offset));
  // Enqueue has checked that the value fits.
  return e.cast(value, found.op.getWidth());
}

/// The number of the entry, i64.
Value SchedulerEmitter::keyOf(FlatSymbolRefAttr key,
                              const TransactionContext &at) {
  Value index = key ? readField(key.getValue(), at.packet) : at.child;
  return e.cast(index, 64);
}

Value SchedulerEmitter::statePointer(const NodeLayout &node, StateOp state,
                                     const TransactionContext &at) {
  int64_t offset = node.states.lookup(state.getSymName());
  if (!state.isKeyed())
    return hot(node, at, offset);
  Value first =
      node.isHot(state) ? hot(node, at, offset) : cold(node, at, offset);
  unsigned bytes = storageBytes(state.getType().getWidth());
  return e.at(first, e.mul(keyOf(state.getKeyAttr(), at), e.c(bytes)));
}

std::string SchedulerEmitter::tableName(TableOp table) {
  auto node = dyn_cast<NodeOp>(table->getParentOp());
  if (!node)
    return name + ".table." + table.getSymName().str();
  for (const auto &[id, known] : llvm::enumerate(layout.nodes))
    if (known.op == node)
      return name + "." + std::to_string(id) + ".table." +
             table.getSymName().str();
  return {};
}

void SchedulerEmitter::emitTable(StringRef name, ArrayRef<APInt> values) {
  Type element = e.type(values.front().getBitWidth());
  auto type = RankedTensorType::get({int64_t(values.size())}, element);
  LLVM::GlobalOp::create(b, e.loc,
                         LLVM::LLVMArrayType::get(element, values.size()),
                         /*isConstant=*/true, LLVM::Linkage::Internal, name,
                         DenseElementsAttr::get(type, values));
}

void SchedulerEmitter::emitTableBefore(StringRef name, ArrayRef<APInt> values) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(
      b.getInsertionBlock()->getParent()->getParentOfType<func::FuncOp>());
  emitTable(name, values);
}

void SchedulerEmitter::emitTables() {
  auto emit = [&](TableOp table) {
    auto values = cast<DenseIntElementsAttr>(table.getValues());
    unsigned bits = 8 * storageBytes(table.getElementType().getWidth());
    SmallVector<APInt> stored;
    for (const APInt &value : values.getValues<APInt>())
      stored.push_back(value.zext(bits));
    emitTable(tableName(table), stored);
  };
  for (TableOp table : layout.op.getBody().front().getOps<TableOp>())
    emit(table);
  for (const NodeLayout &node : layout.nodes) {
    NodeOp op = node.op;
    for (TableOp table : op.getBody().front().getOps<TableOp>())
      emit(table);
  }
}

/// x / 0 has all bits set (signed: the largest value), x % 0 is x, and the
/// smallest value divided by -1 is itself. Hardware would trap.
Value SchedulerEmitter::emitDivision(Operation *op, Value x, Value y) {
  unsigned width = e.width(x);
  Value zero = e.cmp(P::eq, y, 0), divisor;
  bool isSigned = isa<arith::DivSIOp, arith::RemSIOp>(op);
  Value minusOne = isSigned ? e.cmp(P::eq, y, -1) : Value();
  divisor = e.select(zero, e.c(1, width), y);
  if (isSigned)
    divisor = e.select(minusOne, e.c(1, width), divisor);
  if (isa<arith::RemUIOp, arith::RemSIOp>(op)) {
    Value result = isSigned ? e.op<arith::RemSIOp>(x, divisor)
                            : e.op<arith::RemUIOp>(x, divisor);
    return e.select(zero, x, result);
  }
  if (!isSigned)
    return e.select(zero, e.c(-1, width), e.op<arith::DivUIOp>(x, divisor));
  Value result = e.op<arith::DivSIOp>(x, divisor);
  result = e.select(minusOne, e.sub(e.c(0, width), x), result);
  Value largest = arith::ConstantOp::create(
      b, e.loc, b.getIntegerAttr(x.getType(), APInt::getSignedMaxValue(width)));
  return e.select(zero, largest, result);
}

/// Shifts by the width or more leave zeros, or the sign.
Value SchedulerEmitter::emitShift(Operation *op, Value x, Value y) {
  unsigned width = e.width(x);
  Value over = arith::CmpIOp::create(
      b, e.loc, P::ugt, y,
      arith::ConstantOp::create(
          b, e.loc, b.getIntegerAttr(y.getType(), APInt(width, width - 1))));
  // A shift by width - 1 twice is what is left of the sign.
  Value most = arith::ConstantOp::create(
      b, e.loc, b.getIntegerAttr(y.getType(), APInt(width, width - 1)));
  Value amount = e.select(over, most, y);
  if (isa<arith::ShRSIOp>(op))
    return e.op<arith::ShRSIOp>(x, amount);
  Value shifted = isa<arith::ShLIOp>(op) ? e.shl(x, amount) : e.shr(x, amount);
  return e.select(over, e.c(0, width), shifted);
}

void SchedulerEmitter::inlineBlock(Block &block, IRMapping &map,
                                   const NodeLayout &node,
                                   const TransactionContext &at,
                                   SmallVectorImpl<Value> &yielded) {
  auto get = [&](Value value) { return map.lookup(value); };
  auto typed = [&](Value value, Type type) {
    return e.cast(value, type.getIntOrFloatBitWidth());
  };
  for (Operation &op : block) {
    llvm::TypeSwitch<Operation *>(&op)
        .Case([&](ReadFieldOp read) {
          map.map(read.getResult(),
                  typed(readField(read.getField(), at.packet), read.getType()));
        })
        .Case([&](WriteFieldOp write) {
          const PacketLayout::Field &field =
              layout.packet.find(write.getField());
          e.store(e.cast(get(write.getValue()), 8 * field.bytes),
                  e.at(at.out, field.offset));
        })
        .Case([&](NowOp now) { map.map(now.getResult(), at.now); })
        .Case([&](RankOp rank) {
          map.map(rank.getResult(), typed(at.rank, rank.getType()));
        })
        .Case([&](ChildOp child) { map.map(child.getResult(), at.child); })
        .Case([&](OfferOp offer) {
          map.map(offer.getRank(), at.rank);
          map.map(offer.getTie(), at.tie);
        })
        .Case([&](WaitingOp waiting) {
          map.map(waiting.getResult(), e.load(64, waitingAt(node, at)));
        })
        .Case([&](InsideOp read) {
          map.map(read.getResult(), inside(node, read.getBacklog(), at));
        })
        .Case([&](RoomOp room) {
          Value most = e.load(64, e.at(at.memory, SchedulerLayout::kCapacity));
          Value size = e.load(64, e.at(at.memory, SchedulerLayout::kSize));
          map.map(room.getResult(), e.sub(most, size));
        })
        .Case([&](LookupOp lookup) {
          NodeOp owner = node.op;
          TableOp table = owner.getTable(lookup.getTable());
          unsigned bytes = storageBytes(table.getElementType().getWidth());
          Value first =
              table.getVariable()
                  ? cold(node, at, node.states.lookup(table.getSymName()))
                  : LLVM::AddressOfOp::create(b, e.loc, e.ptrType(),
                                              tableName(table));
          Value value = e.load(
              8 * bytes,
              e.at(first, e.mul(keyOf(table.getKeyAttr(), at), e.c(bytes))));
          map.map(lookup.getResult(), typed(value, lookup.getType()));
        })
        .Case([&](LoadOp load) {
          NodeOp owner = node.op;
          StateOp state = owner.getState(load.getState());
          unsigned bits = 8 * storageBytes(state.getType().getWidth());
          map.map(load.getResult(),
                  typed(e.load(bits, statePointer(node, state, at)),
                        load.getType()));
        })
        .Case([&](StoreOp store) {
          NodeOp owner = node.op;
          StateOp state = owner.getState(store.getState());
          unsigned bits = 8 * storageBytes(state.getType().getWidth());
          e.store(e.cast(get(store.getValue()), bits),
                  statePointer(node, state, at));
        })
        .Case<arith::DivUIOp, arith::DivSIOp, arith::RemUIOp, arith::RemSIOp>(
            [&](auto division) {
              map.map(division.getResult(),
                      emitDivision(division, get(division.getLhs()),
                                   get(division.getRhs())));
            })
        .Case<arith::ShLIOp, arith::ShRUIOp, arith::ShRSIOp>([&](auto shift) {
          map.map(shift.getResult(),
                  emitShift(shift, get(shift.getLhs()), get(shift.getRhs())));
        })
        .Case([&](scf::IfOp branch) {
          auto side = [&](Region &region) {
            return [&, body = &region] {
              SmallVector<Value> results;
              if (!body->empty())
                inlineBlock(body->front(), map, node, at, results);
              return results;
            };
          };
          auto results = e.ifElse(
              get(branch.getCondition()), branch.getResultTypes(),
              side(branch.getThenRegion()), side(branch.getElseRegion()));
          map.map(branch.getResults(), results);
        })
        .Case<YieldOp, scf::YieldOp>([&](Operation *yield) {
          for (Value value : yield->getOperands())
            yielded.push_back(get(value));
        })
        .Default([&](Operation *plain) {
          Operation *copy = b.clone(*plain, map);
          // Overflow wraps, whatever flags say: a wrong rank must not become
          // undefined behaviour.
          if (copy->hasAttr("overflowFlags"))
            copy->setAttr(
                "overflowFlags",
                arith::IntegerOverflowFlagsAttr::get(
                    b.getContext(), arith::IntegerOverflowFlags::none));
        });
  }
}

SmallVector<Value>
SchedulerEmitter::inlineValues(Region &region, const NodeLayout &node,
                               const TransactionContext &at) {
  IRMapping map;
  SmallVector<Value> yielded;
  inlineBlock(region.front(), map, node, at, yielded);
  return yielded;
}

Value SchedulerEmitter::inlineTransaction(Region &region,
                                          const NodeLayout &node,
                                          const TransactionContext &at) {
  SmallVector<Value> yielded = inlineValues(region, node, at);
  return yielded.empty() ? Value() : yielded.front();
}
