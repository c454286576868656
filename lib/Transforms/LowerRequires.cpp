//===- LowerRequires.cpp - Failed checks end the call -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/OpenMP/OpenMPDialect.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/IR/Dominance.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "nm/Dialect/NM/IR/NMDialect.h"
#include "nm/Transforms/Arena.h"
#include "nm/Transforms/CallState.h"
#include "nm/Transforms/Passes.h"

namespace mlir::nm {
#define GEN_PASS_DEF_LOWERREQUIRES
#include "nm/Transforms/Passes.h.inc"
} // namespace mlir::nm

using namespace mlir;
using namespace mlir::nm;

std::string mlir::nm::toPrintfFormat(StringRef message) {
  std::string format;
  while (!message.empty()) {
    char c = message.front();
    if (message.size() >= 3 && c == '{' && llvm::isDigit(message[1]) &&
        message[2] == '}') {
      // Position by position: the values come in the message's order.
      format += "%lld";
      message = message.drop_front(3);
      continue;
    }
    if (c == '%')
      format += "%%";
    else if (llvm::isPrint(c) || (c & 0x80))
      format += c;
    else
      format += '?';
    message = message.drop_front();
  }
  return format;
}

namespace {

/// Makes the state, and the functions around it, once for a module.
struct StateBuilder {
  explicit StateBuilder(ModuleOp module)
      : module(module), b(module.getContext()),
        ptr(LLVM::LLVMPointerType::get(module.getContext())) {}

  void build() {
    Location loc = module.getLoc();
    b.setInsertionPointToStart(module.getBody());
    auto text = LLVM::LLVMArrayType::get(b.getI8Type(), kCallMessageBytes);
    auto type = LLVM::LLVMStructType::getLiteral(module.getContext(),
                                                 {b.getI32Type(), text});
    auto global = LLVM::GlobalOp::create(
        b, loc, type, /*isConstant=*/false, LLVM::Linkage::Internal,
        kCallStateName, Attribute(), /*alignment=*/8, /*addrSpace=*/0,
        /*dsoLocal=*/true, /*threadLocal=*/true);
    {
      OpBuilder::InsertionGuard guard(b);
      b.createBlock(&global.getInitializerRegion());
      Value zero = LLVM::ZeroOp::create(b, loc, type);
      LLVM::ReturnOp::create(b, loc, zero);
    }
    // A function, so that outlined parallel loops get the caller's state.
    getState = LLVM::LLVMFuncOp::create(b, loc, "nm_get_state",
                                        LLVM::LLVMFunctionType::get(ptr, {}),
                                        LLVM::Linkage::Internal);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(getState.addEntryBlock(b));
      Value address = LLVM::AddressOfOp::create(b, loc, global);
      LLVM::ReturnOp::create(b, loc, address);
    }
    Type i64 = b.getI64Type(), i32 = b.getI32Type();
    auto print = LLVM::LLVMFuncOp::create(
        b, loc, "snprintf",
        LLVM::LLVMFunctionType::get(i32, {ptr, i64, ptr}, /*isVarArg=*/true));
    fail = LLVM::LLVMFuncOp::create(
        b, loc, "nm_fail",
        LLVM::LLVMFunctionType::get(
            LLVM::LLVMVoidType::get(module.getContext()),
            {ptr, ptr, i64, i64, i64, i64}),
        LLVM::Linkage::Internal);
    fail.setPassthroughAttr(
        b.getArrayAttr({b.getStringAttr("cold"), b.getStringAttr("noinline")}));
    OpBuilder::InsertionGuard guard(b);
    Block *start = fail.addEntryBlock(b);
    Block *write = b.createBlock(&fail.getBody());
    Block *end = b.createBlock(&fail.getBody());
    b.setInsertionPointToStart(start);
    Value state = start->getArgument(0);
    Value zero = LLVM::ConstantOp::create(b, loc, i32, 0);
    Value one = LLVM::ConstantOp::create(b, loc, i32, 1);
    // Threads of a parallel loop may fail at once: one of them writes.
    Value pair = LLVM::AtomicCmpXchgOp::create(b, loc, state, zero, one,
                                               LLVM::AtomicOrdering::acq_rel,
                                               LLVM::AtomicOrdering::monotonic);
    Value first = LLVM::ExtractValueOp::create(b, loc, pair, 1);
    LLVM::CondBrOp::create(b, loc, first, write, end);
    b.setInsertionPointToStart(write);
    Value message = LLVM::GEPOp::create(b, loc, ptr, b.getI8Type(), state,
                                        ArrayRef<LLVM::GEPArg>{4});
    Value bytes = LLVM::ConstantOp::create(b, loc, i64, kCallMessageBytes);
    SmallVector<Value> operands{message, bytes};
    llvm::append_range(operands, start->getArguments().drop_front());
    LLVM::CallOp::create(b, loc, print, operands);
    LLVM::BrOp::create(b, loc, end);
    b.setInsertionPointToStart(end);
    LLVM::ReturnOp::create(b, loc, ValueRange());
  }

  LLVM::GlobalOp getText(StringRef format) {
    LLVM::GlobalOp &global = texts[format];
    if (!global) {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(module.getBody());
      std::string value = format.str();
      value.push_back('\0');
      global = LLVM::GlobalOp::create(
          b, module.getLoc(),
          LLVM::LLVMArrayType::get(b.getI8Type(), value.size()),
          /*isConstant=*/true, LLVM::Linkage::Internal,
          "nm_message_" + std::to_string(texts.size()), b.getStringAttr(value));
    }
    return global;
  }

  ModuleOp module;
  OpBuilder b;
  Type ptr;
  LLVM::LLVMFuncOp getState, fail;
  llvm::StringMap<LLVM::GlobalOp> texts;
};

/// The checks of one function.
class FunctionLowering {
public:
  FunctionLowering(func::FuncOp func, StateBuilder &module,
                   const llvm::SmallPtrSetImpl<Operation *> &fallible)
      : func(func), module(module), fallible(fallible), b(func.getContext()) {}

  LogicalResult run() {
    SmallVector<Operation *> ops;
    func.walk([&](Operation *op) {
      if (isa<RequireOp, cf::AssertOp>(op))
        ops.push_back(op);
      else if (auto call = dyn_cast<func::CallOp>(op))
        if (fallible.contains(SymbolTable::lookupNearestSymbolFrom(
                call, call.getCalleeAttr())))
          ops.push_back(op);
    });
    findBuffers(ops);
    b.setInsertionPointToStart(&func.front());
    state =
        LLVM::CallOp::create(b, func.getLoc(), module.getState, ValueRange())
            .getResult();
    for (Operation *op : ops)
      if (failed(lower(op)))
        return failure();
    for (Operation *loop : parallel)
      leaveIfFailed(loop);
    return success();
  }

private:
  /// The buffer that `value` is, or part of: an allocation or an arena, or
  /// null.
  static Value rootOf(Value value) {
    while (Operation *def = value.getDefiningOp()) {
      if (isa<memref::AllocOp>(def) || isArena(def))
        return value;
      auto view = dyn_cast<ViewLikeOpInterface>(def);
      if (!view)
        break;
      value = view.getViewSource();
    }
    return {};
  }

  /// For each place where the function may be left, the buffers to free there:
  /// allocated before it, freed or returned after it.
  void findBuffers(ArrayRef<Operation *> checks) {
    SmallVector<std::pair<Value, Operation *>> ends;
    func.walk([&](Operation *op) {
      if (auto dealloc = dyn_cast<memref::DeallocOp>(op)) {
        if (Value alloc = rootOf(dealloc.getMemref()))
          ends.emplace_back(alloc, op);
      } else if (isa<func::ReturnOp>(op)) {
        llvm::SmallDenseSet<Value, 4> returned;
        for (Value value : op->getOperands())
          if (isa<MemRefType>(value.getType()))
            if (Value alloc = rootOf(value))
              if (returned.insert(alloc).second)
                ends.emplace_back(alloc, op);
      }
    });
    DominanceInfo dominance(func);
    auto find = [&](Operation *place) {
      for (auto [alloc, end] : ends)
        if (dominance.properlyDominates(alloc.getDefiningOp(), place) &&
            dominance.properlyDominates(place, end))
          buffers[place].insert(alloc);
    };
    for (Operation *check : checks) {
      find(check);
      Operation *outer = check;
      while (outer->getParentOp() != func)
        outer = outer->getParentOp();
      if (outer != check && !buffers.contains(outer))
        find(outer);
    }
  }

  LogicalResult lower(Operation *op) {
    Operation *parent = op->getParentOp();
    if (!isa<func::FuncOp, omp::LoopNestOp>(parent)) {
      op->emitOpError("is a check that may fail inside '")
          << parent->getName()
          << "', which cannot be left early; move it out of the operation";
      return failure();
    }
    if (isa<omp::LoopNestOp>(parent)) {
      Operation *outer = parent;
      while (outer->getParentOp() != func)
        outer = outer->getParentOp();
      parallel.insert(outer);
    }
    if (isa<func::CallOp>(op)) {
      leaveIfFailed(op);
      return success();
    }
    Location loc = op->getLoc();
    auto require = dyn_cast<RequireOp>(op);
    Value holds = op->getOperand(0);
    StringRef message =
        require ? require.getMessage() : cast<cf::AssertOp>(op).getMsg();
    Block *rest = op->getBlock()->splitBlock(op->getNextNode());
    Block *failed = b.createBlock(rest);
    Value text = LLVM::AddressOfOp::create(
        b, loc, module.getText(toPrintfFormat(message)));
    SmallVector<Value> operands{state, text};
    if (require)
      for (Value value : orderedValues(require))
        operands.push_back(
            arith::IndexCastOp::create(b, loc, b.getI64Type(), value));
    while (operands.size() < module.fail.getNumArguments())
      operands.push_back(arith::ConstantIntOp::create(b, loc, 0, 64));
    LLVM::CallOp::create(b, loc, module.fail, operands);
    leave(op);
    b.setInsertionPoint(op);
    cf::CondBranchOp::create(b, loc, holds, rest, ValueRange(), failed,
                             ValueRange());
    op->erase();
    return success();
  }

  /// The values as the message names them, one after another.
  static SmallVector<Value> orderedValues(RequireOp op) {
    SmallVector<Value> values;
    StringRef message = op.getMessage();
    for (size_t at = 0; at + 2 < message.size(); ++at)
      if (message[at] == '{' && llvm::isDigit(message[at + 1]) &&
          message[at + 2] == '}')
        values.push_back(op.getValues()[message[at + 1] - '0']);
    return values;
  }

  /// After `op`, which lies in a function or a parallel loop.
  void leaveIfFailed(Operation *op) {
    Location loc = op->getLoc();
    Block *rest = op->getBlock()->splitBlock(op->getNextNode());
    Block *failed = b.createBlock(rest);
    leave(op);
    b.setInsertionPointAfter(op);
    Value flag = LLVM::LoadOp::create(b, loc, b.getI32Type(), state);
    Value zero = arith::ConstantIntOp::create(b, loc, 0, 32);
    Value fine =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, flag, zero);
    cf::CondBranchOp::create(b, loc, fine, rest, ValueRange(), failed,
                             ValueRange());
  }

  /// Ends the iteration or the call that `op` is in.
  void leave(Operation *op) {
    Operation *parent = op->getParentOp();
    Location loc = op->getLoc();
    for (Value buffer : buffers.lookup(op))
      memref::DeallocOp::create(b, loc, buffer);
    if (isa<omp::LoopNestOp>(parent)) {
      omp::YieldOp::create(b, loc, ValueRange());
      return;
    }
    // Nobody looks at the results of a call that failed.
    SmallVector<Value> results;
    for (Type type : func.getResultTypes())
      results.push_back(ub::PoisonOp::create(b, loc, type));
    func::ReturnOp::create(b, loc, results);
  }

  func::FuncOp func;
  StateBuilder &module;
  const llvm::SmallPtrSetImpl<Operation *> &fallible;
  OpBuilder b;
  Value state;
  llvm::SetVector<Operation *> parallel;
  llvm::DenseMap<Operation *, llvm::SetVector<Value>> buffers;
};

struct LowerRequiresPass
    : public nm::impl::LowerRequiresBase<LowerRequiresPass> {
  void runOnOperation() override {
    // Functions with checks, and those that call them.
    llvm::SmallPtrSet<Operation *, 8> fallible;
    SmallVector<std::pair<func::FuncOp, Operation *>> calls;
    SymbolTable symbols(getOperation());
    for (auto func : getOperation().getOps<func::FuncOp>())
      func.walk([&](Operation *op) {
        if (isa<RequireOp, cf::AssertOp>(op))
          fallible.insert(func);
        else if (auto call = dyn_cast<func::CallOp>(op))
          calls.emplace_back(func, symbols.lookup(call.getCallee()));
      });
    for (bool changed = true; changed;) {
      changed = false;
      for (auto [caller, callee] : calls)
        if (fallible.contains(callee))
          changed |= fallible.insert(caller).second;
    }
    if (fallible.empty())
      return;
    StateBuilder module(getOperation());
    module.build();
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (fallible.contains(func))
        if (failed(FunctionLowering(func, module, fallible).run()))
          return signalPassFailure();
  }
};

} // namespace
