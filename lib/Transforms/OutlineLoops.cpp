//===- OutlineLoops.cpp - Loop nests of long functions, one function each -===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ElementWork.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Transforms/RegionUtils.h"
#include "nm/Transforms/Passes.h"
#include "llvm/ADT/Hashing.h"

namespace mlir::nm {
#define GEN_PASS_DEF_OUTLINELOOPS
#include "nm/Transforms/Passes.h.inc"
} // namespace mlir::nm

using namespace mlir;

static int64_t totalWork(Operation *root) {
  int64_t work = 0;
  root->walk([&](Operation *op) { work += nm::workOfInner(op); });
  return work;
}

/// Alike for functions that differ by name and locations only.
static llvm::hash_code hashBody(func::FuncOp func) {
  llvm::hash_code hash = hash_value(func.getFunctionType());
  func.getBody().walk([&](Operation *op) {
    hash =
        llvm::hash_combine(hash, OperationEquivalence::computeHash(
                                     op, OperationEquivalence::ignoreHashValue,
                                     OperationEquivalence::ignoreHashValue,
                                     OperationEquivalence::IgnoreLocations));
  });
  return hash;
}

namespace {

struct OutlineLoopsPass : public nm::impl::OutlineLoopsBase<OutlineLoopsPass> {
  using OutlineLoopsBase::OutlineLoopsBase;

  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    SmallVector<func::FuncOp> funcs(getOperation().getOps<func::FuncOp>());
    for (func::FuncOp func : funcs) {
      if (func.isExternal() || totalWork(func) <= maxWork)
        continue;
      SmallVector<Operation *> nests;
      collect(func.getBody(), nests);
      place = func;
      for (Operation *nest : nests)
        outline(nest, func, symbols);
    }
  }

private:
  /// Nests of the function and of its branches.
  static void collect(Region &region, SmallVectorImpl<Operation *> &nests) {
    for (Block &block : region)
      for (Operation &op : block)
        if (isa<scf::ForOp, scf::ParallelOp>(op) && op.getNumResults() == 0)
          nests.push_back(&op);
        else if (isa<scf::IfOp>(op))
          for (Region &branch : op.getRegions())
            collect(branch, nests);
  }

  void outline(Operation *nest, func::FuncOp func, SymbolTable &symbols) {
    // Constants go along: as arguments they would be unknown sizes.
    SetVector<Value> captures;
    SetVector<Operation *> constants;
    auto capture = [&](Value value) {
      Operation *def = value.getDefiningOp();
      if (def && matchPattern(def, m_Constant()))
        constants.insert(def);
      else
        captures.insert(value);
    };
    llvm::for_each(nest->getOperands(), capture);
    visitUsedValuesDefinedAbove(nest->getRegions(),
                                [&](OpOperand *use) { capture(use->get()); });

    OpBuilder b(nest);
    Location loc = nest->getLoc();
    auto type = b.getFunctionType(TypeRange(captures.getArrayRef()), {});
    auto outlined =
        func::FuncOp::create(loc, func.getName().str() + "_loops", type);
    outlined.setPrivate();
    // Once inlined again, nothing would be won.
    outlined->setAttr("passthrough",
                      b.getArrayAttr(b.getStringAttr("noinline")));
    Block *body = outlined.addEntryBlock();
    OpBuilder inner = OpBuilder::atBlockBegin(body);
    IRMapping mapping;
    mapping.map(captures.getArrayRef(), body->getArguments());
    for (Operation *constant : constants)
      inner.clone(*constant, mapping);
    inner.clone(*nest, mapping);
    func::ReturnOp::create(inner, loc);

    func::FuncOp callee = findEqual(outlined);
    if (callee) {
      outlined.erase();
      ++numShared;
    } else {
      callee = outlined;
      symbols.insert(outlined, std::next(Block::iterator(place)));
      place = outlined;
      known[hashBody(outlined)].push_back(outlined);
      ++numOutlined;
    }
    func::CallOp::create(b, loc, callee, captures.getArrayRef());
    nest->erase();
  }

  /// Equal layers share their loops.
  func::FuncOp findEqual(func::FuncOp func) {
    for (func::FuncOp other : known.lookup(hashBody(func)))
      if (func.getFunctionType() == other.getFunctionType() &&
          OperationEquivalence::isRegionEquivalentTo(
              &func.getBody(), &other.getBody(),
              OperationEquivalence::IgnoreLocations))
        return other;
    return {};
  }

  llvm::DenseMap<size_t, SmallVector<func::FuncOp>> known;
  /// New functions follow this one.
  Operation *place = nullptr;
};

} // namespace
