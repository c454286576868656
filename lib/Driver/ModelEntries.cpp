//===- ModelEntries.cpp - What libnm_runtime calls in compiled libraries -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/BuiltinTypes.h"
#include "nm/Driver/EntryPoint.h"
#include "nm/Driver/LibraryEntries.h"
#include "nm/Driver/Support.h"
#include "nm/Runtime/ModelDescription.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/MC/MCSubtargetInfo.h"

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;
namespace rt = ::nm::rt;

/// Memory that compiled code takes and frees on the thread of a call comes from
/// the workspace that the call was given (lib/Runtime/Workspace.h: allocate,
/// then release); from malloc where there is none, which is also so on other
/// threads. Returns the workspace's place.
static llvm::GlobalVariable *addWorkspace(llvm::Module &module) {
  llvm::LLVMContext &context = module.getContext();
  llvm::IRBuilder<> b(context);
  llvm::Type *ptr = b.getPtrTy();
  auto *place = new llvm::GlobalVariable(
      module, ptr, /*isConstant=*/false, llvm::GlobalValue::InternalLinkage,
      llvm::ConstantPointerNull::get(b.getPtrTy()), "nm_workspace", nullptr,
      llvm::GlobalValue::GeneralDynamicTLSModel);
  // Both take and give one word.
  auto hook = [&](StringRef name, unsigned field) {
    llvm::Function *libc = module.getFunction(name);
    if (!libc || !libc->isDeclaration())
      return;
    auto *type = libc->getFunctionType();
    auto *hooked = llvm::Function::Create(
        type, llvm::GlobalValue::InternalLinkage, "nm_hooked_" + name, module);
    libc->replaceAllUsesWith(hooked);
    auto newBlock = [&](const char *label) {
      return llvm::BasicBlock::Create(context, label, hooked);
    };
    llvm::BasicBlock *entry = newBlock("entry"), *plain = newBlock("plain"),
                     *ours = newBlock("ours");
    auto finish = [&](llvm::Value *result) {
      if (type->getReturnType()->isVoidTy())
        b.CreateRetVoid();
      else
        b.CreateRet(result);
    };
    b.SetInsertPoint(entry);
    llvm::Value *workspace =
        b.CreateLoad(ptr, b.CreateThreadLocalAddress(place));
    b.CreateCondBr(b.CreateIsNull(workspace), plain, ours);
    b.SetInsertPoint(plain);
    finish(b.CreateCall(libc, {hooked->getArg(0)}));
    b.SetInsertPoint(ours);
    llvm::Value *function =
        b.CreateLoad(ptr, b.CreateConstGEP1_64(ptr, workspace, field));
    finish(b.CreateCall(llvm::FunctionType::get(type->getReturnType(),
                                                {ptr, type->getParamType(0)},
                                                false),
                        function, {workspace, hooked->getArg(0)}));
  };
  hook("malloc", 0);
  hook("free", 1);
  return place;
}

/// nm_ciface_<suffix> with operands from memory.
static llvm::Error addInvokeOf(llvm::Module &module, StringRef suffix,
                               llvm::GlobalVariable *workspace) {
  llvm::Function *entry = module.getFunction(("nm_ciface_" + suffix).str());
  llvm::Function *error = module.getFunction(("nm_error_" + suffix).str());
  if (!entry || !error)
    return makeError("compilation lost the C interface of function '{0}'",
                     suffix);
  llvm::IRBuilder<> b(module.getContext());
  llvm::Type *ptr = b.getPtrTy();
  auto *invoke = llvm::Function::Create(
      llvm::FunctionType::get(ptr, {ptr, ptr}, false),
      llvm::GlobalValue::ExternalLinkage, "nm_invoke_" + suffix, module);
  b.SetInsertPoint(
      llvm::BasicBlock::Create(module.getContext(), "entry", invoke));
  llvm::Value *place = b.CreateThreadLocalAddress(workspace);
  llvm::Value *before = b.CreateLoad(ptr, place);
  b.CreateStore(invoke->getArg(0), place);
  llvm::Value *status = callWithSlots(b, entry, invoke->getArg(1));
  b.CreateStore(before, place);
  llvm::Value *message = b.CreateCall(error);
  b.CreateRet(b.CreateSelect(b.CreateIsNull(status),
                             llvm::ConstantPointerNull::get(b.getPtrTy()),
                             message));
  return llvm::Error::success();
}

static rt::ModelValue describe(std::string name, const ValueType &type) {
  rt::ModelValue value;
  value.name = std::move(name);
  value.dtype = type.dtype;
  value.isScalar = type.isScalar;
  for (int64_t size : type.shape)
    value.shape.push_back(ShapedType::isDynamic(size) ? rt::kDynamicSize
                                                      : size);
  return value;
}

static rt::ModelFunction describe(const Signature &signature,
                                  StringRef prefix) {
  rt::ModelFunction function;
  function.name = signature.name;
  function.symbol = prefix.str() + signature.name;
  for (const Argument &argument : signature.arguments)
    function.inputs.push_back(describe(argument.name, argument.type));
  for (auto [i, type] : llvm::enumerate(signature.results)) {
    function.outputs.push_back(describe(signature.resultNames[i], type));
    if (std::optional<size_t> input = signature.argumentOf(i))
      function.outputs.back().input = static_cast<int64_t>(*input);
    if (signature.isGrown(i))
      function.outputs.back().grows =
          *signature.arguments[*signature.argumentOf(i)].grows;
  }
  return function;
}

llvm::Error driver::addModelEntries(llvm::Module &module,
                                    ArrayRef<Signature> functions,
                                    StringRef prefix,
                                    const llvm::TargetMachine &machine) {
  rt::ModelDescription description;
  description.arch = machine.getTargetTriple().getArchName().str();
  for (const auto &feature :
       machine.getMCSubtargetInfo()->getEnabledProcessorFeatures())
    description.features.emplace_back(feature.Key);
  llvm::GlobalVariable *workspace = addWorkspace(module);
  for (const Signature &signature : functions) {
    if (!signature.unsupported.empty())
      continue;
    if (llvm::Error error =
            addInvokeOf(module, (prefix + signature.name).str(), workspace))
      return error;
    description.functions.push_back(describe(signature, prefix));
  }
  auto *text = llvm::ConstantDataArray::getString(
      module.getContext(), rt::printDescription(description));
  new llvm::GlobalVariable(module, text->getType(), /*isConstant=*/true,
                           llvm::GlobalValue::ExternalLinkage, text,
                           rt::kDescriptionSymbol);
  return llvm::Error::success();
}
