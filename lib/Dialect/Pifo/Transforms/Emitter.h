//===- Emitter.h - Short names for the operations of compiled schedulers -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_PIFO_TRANSFORMS_EMITTER_H
#define NM_LIB_DIALECT_PIFO_TRANSFORMS_EMITTER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Builders.h"

namespace mlir::pifo {

using P = arith::CmpIPredicate;

/// Builds integer arithmetic, memory accesses at byte offsets, and conditions.
class Emitter {
public:
  Emitter(OpBuilder &b, Location loc) : b(b), loc(loc) {
    auto root = LLVM::TBAARootAttr::get(b.getContext(),
                                        b.getStringAttr("compiled scheduler"));
    auto tag = [&](StringRef name) {
      auto type = LLVM::TBAATypeDescriptorAttr::get(
          b.getContext(), name, LLVM::TBAAMemberAttr::get(root, 0));
      return b.getArrayAttr(LLVM::TBAATagAttr::get(type, type, 0));
    };
    numbers = tag("number");
    pointers = tag("pointer");
  }

  IntegerType type(unsigned bits) { return b.getIntegerType(bits); }
  Type ptrType() { return LLVM::LLVMPointerType::get(b.getContext()); }
  Value c(int64_t value, unsigned bits = 64) {
    return arith::ConstantOp::create(
        b, loc, b.getIntegerAttr(type(bits), APInt(bits, value, true, true)));
  }
  template <typename OpT> Value op(Value lhs, Value rhs) {
    return OpT::create(b, loc, lhs, rhs);
  }
  Value add(Value x, Value y) { return op<arith::AddIOp>(x, y); }
  Value sub(Value x, Value y) { return op<arith::SubIOp>(x, y); }
  Value mul(Value x, Value y) { return op<arith::MulIOp>(x, y); }
  Value band(Value x, Value y) { return op<arith::AndIOp>(x, y); }
  Value bor(Value x, Value y) { return op<arith::OrIOp>(x, y); }
  Value bxor(Value x, Value y) { return op<arith::XOrIOp>(x, y); }
  Value shl(Value x, Value y) { return op<arith::ShLIOp>(x, y); }
  Value shr(Value x, Value y) { return op<arith::ShRUIOp>(x, y); }
  Value shr(Value x, int64_t bits) {
    return bits ? shr(x, c(bits, width(x))) : x;
  }
  Value shl(Value x, int64_t bits) {
    return bits ? shl(x, c(bits, width(x))) : x;
  }
  Value mask(Value x, unsigned bits) {
    return band(x, c(llvm::maskTrailingOnes<uint64_t>(bits), width(x)));
  }
  Value cmp(P predicate, Value x, Value y) {
    return arith::CmpIOp::create(b, loc, predicate, x, y);
  }
  Value cmp(P predicate, Value x, int64_t y) {
    return cmp(predicate, x, c(y, width(x)));
  }
  Value select(Value condition, Value x, Value y) {
    return arith::SelectOp::create(b, loc, condition, x, y);
  }
  unsigned width(Value x) { return x.getType().getIntOrFloatBitWidth(); }
  /// To that many bits, extended with the sign or with zeros.
  Value cast(Value x, unsigned bits, bool isSigned = false) {
    if (width(x) == bits)
      return x;
    if (width(x) > bits)
      return arith::TruncIOp::create(b, loc, type(bits), x);
    if (isSigned)
      return arith::ExtSIOp::create(b, loc, type(bits), x);
    return arith::ExtUIOp::create(b, loc, type(bits), x);
  }
  /// Number of the lowest bit that is set; there is one.
  Value lowestBit(Value x) {
    return LLVM::CountTrailingZerosOp::create(b, loc, x.getType(), x, true);
  }

  Value at(Value pointer, int64_t offset) {
    return offset ? at(pointer, c(offset)) : pointer;
  }
  Value at(Value pointer, Value offset) {
    return LLVM::GEPOp::create(b, loc, ptrType(), type(8), pointer,
                               ValueRange{offset});
  }
  Value load(unsigned bits, Value pointer) {
    auto load = LLVM::LoadOp::create(b, loc, type(bits), pointer);
    load.setTbaaAttr(numbers);
    return load;
  }
  Value loadPtr(Value pointer) {
    auto load = LLVM::LoadOp::create(b, loc, ptrType(), pointer);
    load.setTbaaAttr(pointers);
    return load;
  }
  void store(Value value, Value pointer) {
    auto store = LLVM::StoreOp::create(b, loc, value, pointer);
    store.setTbaaAttr(isa<LLVM::LLVMPointerType>(value.getType()) ? pointers
                                                                  : numbers);
  }
  /// Asks for the cache line of what will be read and written soon.
  void prefetch(Value pointer) {
    LLVM::Prefetch::create(b, loc, pointer, /*rw=*/1, /*hint=*/3, /*cache=*/1);
  }
  void copy(Value to, Value from, int64_t bytes) {
    LLVM::MemcpyOp::create(b, loc, to, from, c(bytes), false);
  }

  /// The condition, of which the compiler is told that it rarely holds.
  Value rarely(Value condition) {
    return LLVM::ExpectOp::create(b, loc, condition, c(0, 1));
  }

  using Body = llvm::function_ref<void()>;
  using Values = llvm::function_ref<SmallVector<Value>()>;
  void ifThen(Value condition, Body then) {
    auto op = scf::IfOp::create(b, loc, condition, false);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(op.thenBlock());
    then();
  }
  SmallVector<Value> ifElse(Value condition, TypeRange types, Values then,
                            Values otherwise) {
    auto op = scf::IfOp::create(b, loc, types, condition, true);
    OpBuilder::InsertionGuard guard(b);
    auto fill = [&](Block *block, Values values) {
      if (!block->empty())
        block->back().erase();
      b.setInsertionPointToEnd(block);
      SmallVector<Value> results = values();
      scf::YieldOp::create(b, loc, results);
    };
    fill(op.thenBlock(), then);
    fill(op.elseBlock(), otherwise);
    return SmallVector<Value>(op.getResults());
  }
  SmallVector<Value> call(StringRef name, TypeRange types, ValueRange args) {
    auto op = func::CallOp::create(b, loc, name, types, args);
    return SmallVector<Value>(op.getResults());
  }

  OpBuilder &b;
  Location loc;

private:
  /// No store of a number changes a pointer, so that a pointer is loaded once.
  ArrayAttr numbers, pointers;
};

} // namespace mlir::pifo

#endif // NM_LIB_DIALECT_PIFO_TRANSFORMS_EMITTER_H
