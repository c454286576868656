//===- TableParams.cpp - Parameters of an entry come in one table -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/SymbolTable.h"
#include "nm/Dialect/NM/IR/NMDialect.h"
#include "nm/Dialect/NM/Transforms/Passes.h"

namespace mlir::nm {
#define GEN_PASS_DEF_TABLEPARAMS
#include "nm/Dialect/NM/Transforms/Passes.h.inc"
} // namespace mlir::nm

using namespace mlir;
using namespace mlir::nm;

/// Parameters are the last arguments.
static unsigned countParams(func::FuncOp func) {
  unsigned count = 0;
  for (unsigned i = 0; i < func.getNumArguments(); ++i)
    count += func.getArgAttr(i, kParamAttrName) != nullptr;
  return count;
}

namespace {

struct TableParamsPass
    : public mlir::nm::impl::TableParamsBase<TableParamsPass> {
  using TableParamsBase::TableParamsBase;

  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    for (auto func : llvm::to_vector(getOperation().getOps<func::FuncOp>())) {
      unsigned count = countParams(func);
      for (unsigned i = 0; i < func.getNumArguments(); ++i)
        func.removeArgAttr(i, kParamAttrName);
      if (func.isPublic() && !func.isExternal() && count != 0)
        passTable(func, count, symbols);
    }
  }

private:
  void passTable(func::FuncOp func, unsigned count, SymbolTable &symbols) {
    auto uses = func.getSymbolUses(getOperation());
    if (uses && !uses->empty())
      splitBody(func, symbols);
    Block &entry = func.getBody().front();
    unsigned first = func.getNumArguments() - count;
    SmallVector<BlockArgument> params(entry.getArguments().drop_front(first));
    for (auto [i, param] : llvm::enumerate(params))
      if (!isa<MemRefType>(param.getType()) ||
          !cast<MemRefType>(param.getType()).hasStaticShape()) {
        func.emitOpError("has parameter ")
            << i << " of type " << param.getType()
            << ", expected a memref of static shape";
        return signalPassFailure();
      }
    Type pointer = LLVM::LLVMPointerType::get(&getContext());
    Value table = entry.insertArgument(first, pointer, func.getLoc());
    for (auto [i, param] : llvm::enumerate(params))
      loadAtUses(param, i, table);
    entry.eraseArguments(first + 1, count);
    // The attributes of the arguments that stay are theirs.
    SmallVector<DictionaryAttr> attributes;
    for (unsigned i = 0; i < first; ++i)
      attributes.push_back(func.getArgAttrDict(i));
    func.setType(FunctionType::get(&getContext(), entry.getArgumentTypes(),
                                   func.getResultTypes()));
    attributes.push_back({});
    func.setAllArgAttrs(attributes);
  }

  /// What calls the function within the module goes on passing each parameter:
  /// the body moves to a private function that the public one calls, too.
  void splitBody(func::FuncOp func, SymbolTable &symbols) {
    OpBuilder b(func);
    auto body =
        func::FuncOp::create(func.getLoc(), (func.getName() + "_body").str(),
                             func.getFunctionType());
    body.setPrivate();
    symbols.insert(body, std::next(Block::iterator(func)));
    if (failed(SymbolTable::replaceAllSymbolUses(func, body.getNameAttr(),
                                                 getOperation())))
      llvm_unreachable("calls of functions are known");
    body.getBody().takeBody(func.getBody());
    b.setInsertionPointToStart(func.addEntryBlock());
    auto call =
        func::CallOp::create(b, func.getLoc(), body, func.getArguments());
    func::ReturnOp::create(b, func.getLoc(), call.getResults());
  }

  /// Each statement of the function that reads a parameter loads it: what is
  /// live from the entry on would be kept in registers, and the longer a
  /// function, the more.
  void loadAtUses(BlockArgument param, unsigned index, Value table) {
    llvm::DenseMap<Operation *, Value> loaded;
    Block *entry = param.getOwner();
    for (OpOperand &use : llvm::make_early_inc_range(param.getUses())) {
      Operation *place = entry->findAncestorOpInBlock(*use.getOwner());
      if (!place)
        place = &entry->front();
      Value &value = loaded[place];
      if (!value)
        value = load(param, index, table, place);
      use.set(value);
    }
  }

  Value load(BlockArgument param, unsigned index, Value table,
             Operation *before) {
    OpBuilder b(before);
    Location loc = param.getLoc();
    Type pointer = table.getType();
    Value place = LLVM::GEPOp::create(
        b, loc, pointer, pointer, table,
        ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(index)});
    auto data = LLVM::LoadOp::create(b, loc, pointer, place);
    data.setInvariant(true);
    auto type = cast<MemRefType>(param.getType());
    LLVMTypeConverter converter(&getContext());
    Value descriptor =
        MemRefDescriptor::fromStaticShape(b, loc, converter, type, data);
    return UnrealizedConversionCastOp::create(b, loc, type, descriptor)
        .getResult(0);
  }
};

} // namespace
