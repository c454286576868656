//===- SplitFunctions.cpp - Long functions in parts -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "mlir/Transforms/RegionUtils.h"
#include "nm/Transforms/Arena.h"
#include "nm/Transforms/Passes.h"

namespace mlir::nm {
#define GEN_PASS_DEF_SPLITFUNCTIONS
#include "nm/Transforms/Passes.h.inc"
} // namespace mlir::nm

using namespace mlir;

/// Of an invariant load: the table of parameters.
static bool isInvariantLoad(Operation *op) {
  auto load = dyn_cast<LLVM::LoadOp>(op);
  return load && load.getInvariant();
}

/// Goes to whatever needs it, rather than across the border of a part.
static bool goesAlong(Operation *op) {
  if (op->getNumRegions() != 0)
    return false;
  return op->hasTrait<OpTrait::ConstantLike>() || isInvariantLoad(op) ||
         isa<memref::GetGlobalOp, memref::CastOp, UnrealizedConversionCastOp,
             LLVM::GEPOp, LLVM::InsertValueOp, LLVM::UndefOp, LLVM::PoisonOp>(
             op) ||
         (isa<ViewLikeOpInterface>(op) && isMemoryEffectFree(op));
}

/// Belongs to the function: where a check ends the call, it frees what it
/// allocated itself.
static bool stays(Operation *op) {
  return isa<memref::AllocOp, memref::AllocaOp, memref::DeallocOp>(op) ||
         nm::isArena(op);
}

namespace {

/// Statements that become a function.
class Part {
public:
  size_t size() const { return statements.size(); }

  void add(Operation *op) {
    statements.push_back(op);
    members.insert(op);
  }

  /// Whether `op` needs what the part computes.
  bool feeds(Operation *op) const {
    return llvm::any_of(op->getOperands(), [&](Value operand) {
      Operation *def = operand.getDefiningOp();
      return def && (members.contains(def) || (goesAlong(def) && feeds(def)));
    });
  }

  /// Makes a function of it behind `place`, called where its last statement
  /// stood.
  func::FuncOp outline(const std::string &name, Operation *place,
                       SymbolTable &symbols) {
    for (Operation *op : statements)
      forEachUsed(op, [&](Value value) { capture(value); });
    SmallVector<Value> results;
    for (Operation *op : statements)
      llvm::copy_if(op->getResults(), std::back_inserter(results),
                    [&](Value value) { return isUsedOutside(value); });
    OpBuilder b(statements.back()->getContext());
    Location loc = statements.front()->getLoc();
    auto type = b.getFunctionType(TypeRange(captures.getArrayRef()),
                                  TypeRange(ValueRange(results)));
    auto part = func::FuncOp::create(loc, name, type);
    part.setPrivate();
    // Inlined again, nothing would be won.
    part->setAttr("passthrough", b.getArrayAttr(b.getStringAttr("noinline")));
    symbols.insert(part, std::next(Block::iterator(place)));
    fill(part.addEntryBlock(), results, loc);
    b.setInsertionPointAfter(statements.back());
    auto call = func::CallOp::create(b, loc, part, captures.getArrayRef());
    replaceBy(call, results);
    return part;
  }

private:
  static void forEachUsed(Operation *op, function_ref<void(Value)> visit) {
    llvm::for_each(op->getOperands(), visit);
    visitUsedValuesDefinedAbove(op->getRegions(),
                                [&](OpOperand *use) { visit(use->get()); });
  }

  /// By itself or through what goes along.
  bool isUsedOutside(Value value) const {
    return llvm::any_of(value.getUsers(), [&](Operation *user) {
      Operation *statement =
          value.getParentBlock()->findAncestorOpInBlock(*user);
      if (statement == user && goesAlong(user))
        return llvm::any_of(user->getResults(), [&](Value result) {
          return isUsedOutside(result);
        });
      return !members.contains(statement);
    });
  }

  void capture(Value value) {
    Operation *def = value.getDefiningOp();
    if (def && members.contains(def))
      return;
    if (!def || !goesAlong(def))
      captures.insert(value);
    else if (seen.insert(def).second)
      llvm::for_each(def->getOperands(), [&](Value v) { capture(v); });
  }

  void fill(Block *body, ArrayRef<Value> results, Location loc) {
    IRMapping mapping;
    mapping.map(captures.getArrayRef(), body->getArguments());
    OpBuilder b = OpBuilder::atBlockEnd(body);
    std::function<void(Value)> bring = [&](Value value) {
      if (mapping.contains(value))
        return;
      Operation *def = value.getDefiningOp();
      llvm::for_each(def->getOperands(), bring);
      b.clone(*def, mapping);
    };
    for (Operation *op : statements) {
      forEachUsed(op, bring);
      b.clone(*op, mapping);
    }
    SmallVector<Value> returned;
    for (Value value : results)
      returned.push_back(mapping.lookup(value));
    func::ReturnOp::create(b, loc, returned);
  }

  /// What frees memory, and what takes results along, goes behind the call.
  void replaceBy(func::CallOp call, ArrayRef<Value> results) {
    SmallVector<Operation *> behind;
    for (Operation *op = statements.front(); op != call; op = op->getNextNode())
      if (!members.contains(op) && (isa<memref::DeallocOp>(op) || feeds(op)))
        behind.push_back(op);
    for (auto [value, result] : llvm::zip(results, call.getResults()))
      Value(value).replaceAllUsesWith(result);
    Operation *place = call;
    for (Operation *op : behind) {
      op->moveAfter(place);
      place = op;
    }
    for (Operation *op : statements)
      op->dropAllReferences();
    // What only the part takes along has its copy there.
    for (Operation *op : llvm::reverse(behind))
      if (goesAlong(op) && op->use_empty())
        op->erase();
    for (Operation *op : statements)
      op->erase();
  }

  SmallVector<Operation *> statements;
  llvm::SmallPtrSet<Operation *, 32> members, seen;
  SetVector<Value> captures;
};

struct SplitFunctionsPass
    : public nm::impl::SplitFunctionsBase<SplitFunctionsPass> {
  using SplitFunctionsBase::SplitFunctionsBase;

  void runOnOperation() override {
    if (maxStatements < 2) {
      getOperation()->emitError("nm-split-functions: max-statements is ")
          << maxStatements.getValue() << ", expected at least 2";
      return signalPassFailure();
    }
    SymbolTable symbols(getOperation());
    for (auto func : llvm::to_vector(getOperation().getOps<func::FuncOp>()))
      if (!func.isExternal() && func.getBody().hasOneBlock())
        splitAll(func.getBody().front(), func, symbols);
  }

private:
  /// A branch is one statement, of which there are parts before.
  void splitAll(Block &block, func::FuncOp func, SymbolTable &symbols) {
    for (Operation &op : block)
      if (isa<scf::IfOp>(op))
        for (Region &region : op.getRegions())
          for (Block &branch : region)
            splitAll(branch, func, symbols);
    // Calls of parts are statements, and of very many there are parts.
    while (split(block, func, symbols))
      ;
  }

  bool split(Block &block, func::FuncOp func, SymbolTable &symbols) {
    SmallVector<Operation *> statements;
    for (Operation &op : block.without_terminator())
      if (!goesAlong(&op))
        statements.push_back(&op);
    size_t before = statements.size();
    if (before <= static_cast<size_t>(maxStatements))
      return false;
    Operation *place = func;
    size_t after = 0;
    Part part;
    auto finish = [&] {
      if (part.size() > 1) {
        place = part.outline(func.getName().str() + "_part", place, symbols);
        ++numParts;
      }
      after += part.size() != 0;
      part = Part();
    };
    for (Operation *op : statements) {
      if (stays(op)) {
        ++after;
        if (part.feeds(op) && !isa<memref::DeallocOp>(op))
          finish();
        continue;
      }
      part.add(op);
      if (part.size() == static_cast<size_t>(maxStatements))
        finish();
    }
    finish();
    dropUnused(block);
    return after < before;
  }

  /// What went along everywhere.
  static void dropUnused(Block &block) {
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
      if (goesAlong(&op) && op.use_empty())
        op.erase();
  }
};

} // namespace
