//===- KernelEntry.cpp - Entries and table of kernels -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A fused function takes memrefs as {allocated, aligned, offset, sizes,
// strides}, one argument each; an entry reads them, and the numbers, from the
// structures of include/nm/Runtime/Recipes/Kernels.h.
//
//===----------------------------------------------------------------------===//

#include "KernelEntry.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/IR/IRBuilder.h"

using namespace llvm;
using namespace mlir::step;

namespace {

class EntryBuilder {
public:
  EntryBuilder(Module &module, const KernelRecipe &recipe, StringRef set)
      : module(module), recipe(recipe), b(module.getContext()),
        ptr(b.getPtrTy()), i32(b.getInt32Ty()), i64(b.getInt64Ty()),
        inner(module.getFunction(recipe.name)),
        entry(Function::Create(
            FunctionType::get(b.getVoidTy(), {ptr, ptr}, false),
            GlobalValue::ExternalLinkage,
            ("nm_recipe_" + set + "_" + recipe.name).str(), module)) {
    entry->setVisibility(GlobalValue::HiddenVisibility);
  }

  Function *build() {
    b.SetInsertPoint(BasicBlock::Create(module.getContext(), "entry", entry));
    form = entry->getArg(0);
    call = entry->getArg(1);
    count = load(i64, call, offsetof(nm_kernel_call, count));
    for (const KernelArgument &argument : recipe.arguments)
      add(argument);
    CallInst *results = b.CreateCall(inner, passed);
    inner->setLinkage(GlobalValue::InternalLinkage);
    store(results);
    return entry;
  }

private:
  Value *at(Value *base, size_t offset) {
    return b.CreatePtrAdd(base, b.getInt64(offset));
  }
  Value *load(Type *type, Value *base, size_t offset) {
    return b.CreateLoad(type, at(base, offset));
  }

  void add(const KernelArgument &argument) {
    switch (argument.kind) {
    case KernelArgument::Memory:
      return addMemory(argument);
    case KernelArgument::Bits: {
      Value *bytes =
          b.CreateUDiv(b.CreateAdd(count, b.getInt64(7)), b.getInt64(8));
      return addVector(load(ptr, call, argument.offset), bytes);
    }
    case KernelArgument::Number:
      passed.push_back(load(b.getFloatTy(), call, argument.offset));
      return;
    case KernelArgument::Flag: {
      Value *flags = load(i32, form, offsetof(nm_kernel_form, flags));
      passed.push_back(b.CreateIsNotNull(b.CreateAnd(flags, argument.flag)));
      return;
    }
    case KernelArgument::Shown:
      passed.push_back(b.CreateIsNotNull(
          load(i32, form, offsetof(nm_kernel_form, effective))));
      return;
    case KernelArgument::Keep:
      passed.push_back(load(i32, form, offsetof(nm_kernel_form, n)));
      return;
    }
  }

  /// Nothing else points to the memory of a tensor (Kernels.h).
  void addPointer(Value *pointer) {
    passed.push_back(pointer);
    inner->addParamAttr(passed.size(), Attribute::NoAlias);
    passed.push_back(pointer);
    passed.push_back(b.getInt64(0));
  }

  void addVector(Value *pointer, Value *size) {
    addPointer(pointer);
    passed.push_back(size);
    passed.push_back(b.getInt64(1));
  }

  void addMemory(const KernelArgument &argument) {
    Value *pointer = load(ptr, call, argument.offset);
    if (!recipe.form.rows)
      return addVector(pointer, count);
    // [blocks, m, stride]
    Value *m = b.getInt64(recipe.form.m);
    Value *stride = load(i64, form, offsetof(nm_kernel_form, stride));
    Value *block = b.CreateMul(m, stride);
    addPointer(pointer);
    for (Value *size : {b.CreateUDiv(count, block), m, stride})
      passed.push_back(size);
    for (Value *step : {block, stride, cast<Value>(b.getInt64(1))})
      passed.push_back(step);
  }

  void store(Value *results) {
    auto *nothing = BasicBlock::Create(module.getContext(), "done", entry);
    auto *something = BasicBlock::Create(module.getContext(), "stats", entry);
    Value *stats = load(ptr, call, offsetof(nm_kernel_call, stats));
    b.CreateCondBr(b.CreateIsNull(stats), nothing, something);
    b.SetInsertPoint(nothing);
    b.CreateRetVoid();
    b.SetInsertPoint(something);
    // What the kernel does not gather is what an empty range has.
    b.CreateStore(Constant::getNullValue(
                      ArrayType::get(b.getInt8Ty(), sizeof(nm_kernel_stats))),
                  stats);
    b.CreateStore(ConstantFP::get(b.getDoubleTy(), 1),
                  at(stats, offsetof(nm_kernel_stats, mantissa)));
    bool one = recipe.results.size() == 1;
    for (unsigned i = 0; i < recipe.results.size(); ++i)
      b.CreateStore(one ? results : b.CreateExtractValue(results, i),
                    at(stats, recipe.results[i]));
    b.CreateRetVoid();
  }

  Module &module;
  const KernelRecipe &recipe;
  IRBuilder<> b;
  Type *ptr, *i32, *i64;
  Function *inner, *entry;
  Value *form, *call, *count;
  SmallVector<Value *> passed;
};

} // namespace

static Constant *makeRow(Module &module, const nm_generated_kernel &form,
                         Constant *kernel) {
  LLVMContext &context = module.getContext();
  Type *i32 = Type::getInt32Ty(context);
  SmallVector<Constant *> fields;
  for (int32_t field : {form.update, form.mask, form.m, form.rows, form.soft,
                        form.half, form.statistics, form.reserved})
    fields.push_back(ConstantInt::getSigned(i32, field));
  fields.push_back(kernel);
  return ConstantStruct::getAnon(context, fields);
}

void mlir::step::addKernelEntries(Module &module,
                                  ArrayRef<KernelRecipe> recipes,
                                  StringRef set) {
  SmallVector<Constant *> rows;
  for (const KernelRecipe &recipe : recipes)
    rows.push_back(makeRow(module, recipe.form,
                           EntryBuilder(module, recipe, set).build()));
  auto *none =
      ConstantPointerNull::get(PointerType::getUnqual(module.getContext()));
  rows.push_back(makeRow(module, {}, none));
  auto *type = ArrayType::get(rows.front()->getType(), rows.size());
  auto *table = new GlobalVariable(
      module, type, /*isConstant=*/true, GlobalValue::ExternalLinkage,
      ConstantArray::get(type, rows), "nm_recipe_table_" + set);
  table->setVisibility(GlobalValue::HiddenVisibility);
}
