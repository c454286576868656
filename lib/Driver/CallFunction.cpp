//===- CallFunction.cpp - Compiled functions as C calls them -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/LibraryEntries.h"
#include "nm/Driver/Support.h"
#include "nm/Transforms/CallState.h"
#include "llvm/IR/IRBuilder.h"

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;
namespace rt = ::nm::rt;

namespace {

class CallBuilder {
public:
  CallBuilder(llvm::Module &module, const Signature &signature,
              StringRef suffix, llvm::Function *entry)
      : module(module), b(module.getContext()), signature(signature.returned()),
        suffix(suffix.str()), entry(entry), ptr(b.getPtrTy()),
        i64(b.getInt64Ty()) {}

  void build(bool loads) {
    SmallVector<llvm::Type *> types = parameterTypes(loads);
    call = llvm::Function::Create(
        llvm::FunctionType::get(b.getInt32Ty(), types, false),
        llvm::GlobalValue::ExternalLinkage, "nm_call_" + suffix, module);
    b.SetInsertPoint(
        llvm::BasicBlock::Create(module.getContext(), "entry", call));
    size_t count = signature.results.size();
    SmallVector<llvm::Value *> operands;
    for (size_t i = 0; i < count; ++i)
      operands.push_back(call->getArg(types.size() - count + i));
    unsigned position = 0;
    for (const Argument &argument : signature.arguments)
      operands.push_back(operandOf(argument, position));
    if (loads)
      addParams(call->getArg(position), operands);
    b.CreateRet(b.CreateCall(entry, operands));
  }

private:
  SmallVector<llvm::Type *> parameterTypes(bool loads) {
    SmallVector<llvm::Type *> types;
    size_t count = signature.results.size();
    for (auto [i, argument] : llvm::enumerate(signature.arguments)) {
      types.push_back(entry->getFunctionType()->getParamType(count + i));
      if (!argument.type.isScalar)
        types.append(
            llvm::count_if(argument.type.shape, ShapedType::isDynamic) +
                argument.grows.has_value(),
            i64);
    }
    types.append(loads + count, ptr);
    return types;
  }

  /// Takes what belongs to an argument, from `position` on.
  llvm::Value *operandOf(const Argument &argument, unsigned &position) {
    const ValueType &type = argument.type;
    llvm::Value *value = call->getArg(position++);
    if (type.isScalar)
      return value;
    SmallVector<llvm::Value *> sizes;
    for (int64_t size : type.shape) {
      llvm::Value *value = b.getInt64(size);
      if (ShapedType::isDynamic(size))
        value = call->getArg(position++);
      sizes.push_back(value);
    }
    SmallVector<llvm::Value *> room(sizes);
    if (argument.grows)
      room[*argument.grows] = call->getArg(position++);
    return describe(value, sizes, room);
  }

  /// A descriptor of data of `sizes` in row-major memory of the sizes `room`.
  /// Sizes whose product overflows are refused by who gets it.
  llvm::Value *describe(llvm::Value *data, ArrayRef<llvm::Value *> sizes,
                        ArrayRef<llvm::Value *> room) {
    size_t rank = sizes.size();
    llvm::IRBuilder<> top(&call->getEntryBlock(),
                          call->getEntryBlock().begin());
    llvm::Value *words =
        top.CreateAlloca(llvm::ArrayType::get(i64, 3 + 2 * rank));
    auto store = [&](size_t at, llvm::Value *word) {
      b.CreateStore(word, b.CreateConstGEP1_64(i64, words, at));
    };
    store(0, b.CreatePtrToInt(data, i64));
    store(1, b.CreatePtrToInt(data, i64));
    store(2, b.getInt64(0));
    llvm::Value *stride = b.getInt64(1);
    for (size_t d = rank; d-- > 0;) {
      store(3 + d, sizes[d]);
      store(3 + rank + d, stride);
      stride = b.CreateMul(stride, room[d]);
    }
    return words;
  }

  /// A function of libnm_runtime, null where the process has none.
  llvm::Function *runtimeFunction(StringRef name, llvm::Type *result,
                                  ArrayRef<llvm::Type *> types) {
    if (llvm::Function *known = module.getFunction(name))
      return known;
    return llvm::Function::Create(llvm::FunctionType::get(result, types, false),
                                  llvm::GlobalValue::ExternalWeakLinkage, name,
                                  module);
  }

  void addParams(llvm::Value *params, SmallVector<llvm::Value *> &operands) {
    llvm::Function *hash =
        runtimeFunction("nm_params_manifest_hash", i64, {ptr});
    llvm::Function *table = runtimeFunction("nm_params_table", ptr, {ptr});
    auto *lacks = llvm::BasicBlock::Create(module.getContext(), "lacks", call);
    auto *has = llvm::BasicBlock::Create(module.getContext(), "has", call);
    b.CreateCondBr(b.CreateOr(b.CreateIsNull(hash), b.CreateIsNull(table)),
                   lacks, has);
    b.SetInsertPoint(lacks);
    refuse("the process has no libnm_runtime, which parameters need; link it");
    b.SetInsertPoint(has);
    operands.push_back(b.CreateCall(hash, {params}));
    operands.push_back(b.CreateCall(table, {params}));
  }

  void refuse(StringRef why) {
    size_t count = signature.results.size();
    for (auto [i, type] : llvm::enumerate(signature.results))
      b.CreateMemSet(call->getArg(call->arg_size() - count + i), b.getInt8(0),
                     type.isScalar ? rt::elementBytes(type.dtype)
                                   : (3 + 2 * type.rank()) * sizeof(uint64_t),
                     llvm::MaybeAlign());
    llvm::Value *state =
        module.getGlobalVariable(kCallStateName, /*AllowInternal=*/true);
    llvm::Value *message = b.CreateConstGEP1_64(
        b.getInt8Ty(), b.CreateThreadLocalAddress(state), 4);
    b.CreateMemCpy(message, llvm::MaybeAlign(), b.CreateGlobalString(why),
                   llvm::MaybeAlign(), why.size() + 1);
    b.CreateRet(b.getInt32(1));
  }

  llvm::Module &module;
  llvm::IRBuilder<> b;
  Signature signature;
  std::string suffix;
  llvm::Function *entry, *call = nullptr;
  llvm::Type *ptr, *i64;
};

} // namespace

llvm::Error driver::addCall(llvm::Module &module, const Signature &function,
                            const rt::Manifest &manifest, StringRef suffix) {
  if (!function.unsupported.empty())
    return llvm::Error::success(); // nothing outside can call it
  llvm::Function *entry = module.getFunction(("nm_ciface_" + suffix).str());
  if (!entry)
    return makeError("compilation lost the C interface of function '{0}'",
                     function.name);
  CallBuilder(module, function, suffix, entry).build(!manifest.params.empty());
  return llvm::Error::success();
}
