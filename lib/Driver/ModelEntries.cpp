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
#include "nm/Transforms/Arena.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/MC/MCSubtargetInfo.h"

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;
namespace rt = ::nm::rt;

namespace {

/// Memory that compiled code takes and frees on the thread of a call comes from
/// the workspace that the call was given (lib/Runtime/Workspace.h: allocate,
/// release, what gives a thread one that works for the call, and what the
/// arenas of functions come from), that of parallel loops on other threads from
/// one of their own; from malloc where no call was given any.
class WorkspaceCode {
public:
  explicit WorkspaceCode(llvm::Module &module)
      : module(module), b(module.getContext()), ptr(b.getPtrTy()),
        place(makeGlobal("nm_workspace",
                         llvm::GlobalValue::GeneralDynamicTLSModel)),
        ofThread(makeGlobal("nm_workspace_of_thread",
                            llvm::GlobalValue::NotThreadLocal)) {
    for (auto [name, number] :
         {std::pair("malloc", kAllocate), {"free", kRelease}})
      if (llvm::Function *libc = module.getFunction(name);
          libc && libc->isDeclaration())
        replace(libc, number);
  }

  /// From here on the calling thread uses `workspace`; returns what it used.
  llvm::Value *enter(llvm::IRBuilder<> &at, llvm::Value *workspace) {
    llvm::Value *provider = at.CreateLoad(ptr, field(at, workspace, kOfThread));
    at.CreateAlignedStore(provider, ofThread, kWordAlign)
        ->setAtomic(llvm::AtomicOrdering::Monotonic);
    llvm::Value *slot = at.CreateThreadLocalAddress(place);
    llvm::Value *before = at.CreateLoad(ptr, slot);
    at.CreateStore(workspace, slot);
    return before;
  }
  void leave(llvm::IRBuilder<> &at, llvm::Value *before) {
    at.CreateStore(before, at.CreateThreadLocalAddress(place));
  }

private:
  static constexpr llvm::Align kWordAlign = llvm::Align::Constant<8>();
  /// In the order of the fields of WorkspaceHooks.
  enum Field : unsigned { kAllocate, kRelease, kOfThread, kAllocateArena };

  llvm::GlobalVariable *makeGlobal(const char *name,
                                   llvm::GlobalValue::ThreadLocalMode mode) {
    return new llvm::GlobalVariable(
        module, ptr, /*isConstant=*/false, llvm::GlobalValue::InternalLinkage,
        llvm::ConstantPointerNull::get(b.getPtrTy()), name, nullptr, mode);
  }

  llvm::Value *field(llvm::IRBuilder<> &at, llvm::Value *workspace,
                     Field number) {
    return at.CreateConstGEP1_64(ptr, workspace, number);
  }

  /// What OpenMP runs on several threads; what calls a function of the library
  /// itself keeps malloc, whose memory results are.
  static bool isParallelBody(const llvm::Function &function) {
    return function.getName().contains("..omp_par");
  }

  /// Replaces a function of the C library that takes one word and gives one or
  /// none by field `number` of the workspace.
  void replace(llvm::Function *libc, Field number) {
    llvm::Function *alone = hook(libc, "nm_hooked_", number, /*asks=*/false),
                   *inside = hook(libc, "nm_parallel_", number, /*asks=*/true),
                   *arena = nullptr;
    if (number == kAllocate)
      arena = hook(libc, "nm_arena_", kAllocateArena, /*asks=*/false);
    libc->replaceUsesWithIf(alone, [&](llvm::Use &use) {
      auto *user = llvm::dyn_cast<llvm::Instruction>(use.getUser());
      if (!user)
        return true;
      llvm::Function *function = user->getFunction();
      if (function == alone || function == inside || function == arena)
        return false;
      if (arena && function->hasFnAttribute(kArenaAttrName)) {
        use.set(arena);
        return false;
      }
      if (!isParallelBody(*function))
        return true;
      use.set(inside);
      return false;
    });
  }

  /// Without a call's workspace, `asks` takes that of the thread.
  llvm::Function *hook(llvm::Function *libc, const char *prefix, Field number,
                       bool asks) {
    auto *type = libc->getFunctionType();
    auto *hooked =
        llvm::Function::Create(type, llvm::GlobalValue::InternalLinkage,
                               prefix + libc->getName(), module);
    auto newBlock = [&](const char *label) {
      return llvm::BasicBlock::Create(module.getContext(), label, hooked);
    };
    llvm::BasicBlock *entry = newBlock("entry"), *plain = newBlock("plain"),
                     *ours = newBlock("ours");
    auto finish = [&](llvm::Value *result) {
      if (type->getReturnType()->isVoidTy())
        b.CreateRetVoid();
      else
        b.CreateRet(result);
    };
    b.SetInsertPoint(ours);
    llvm::PHINode *workspace = b.CreatePHI(ptr, 2);
    b.SetInsertPoint(entry);
    llvm::Value *own = b.CreateLoad(ptr, b.CreateThreadLocalAddress(place));
    workspace->addIncoming(own, entry);
    llvm::BasicBlock *other = plain;
    if (asks) {
      other = newBlock("other");
      workspace->addIncoming(askThread(other, plain, ours), b.GetInsertBlock());
    }
    b.SetInsertPoint(entry);
    b.CreateCondBr(b.CreateIsNull(own), other, ours);
    b.SetInsertPoint(plain);
    finish(b.CreateCall(libc, {hooked->getArg(0)}));
    b.SetInsertPoint(ours);
    llvm::Value *function = b.CreateLoad(ptr, field(b, workspace, number));
    finish(b.CreateCall(llvm::FunctionType::get(type->getReturnType(),
                                                {ptr, type->getParamType(0)},
                                                false),
                        function, {workspace, hooked->getArg(0)}));
    return hooked;
  }

  /// From block `from` on: the workspace of the thread in block `ours`, or on
  /// to `plain`.
  llvm::Value *askThread(llvm::BasicBlock *from, llvm::BasicBlock *plain,
                         llvm::BasicBlock *ours) {
    auto *ask =
        llvm::BasicBlock::Create(module.getContext(), "ask", from->getParent());
    b.SetInsertPoint(from);
    llvm::LoadInst *provider = b.CreateAlignedLoad(ptr, ofThread, kWordAlign);
    provider->setAtomic(llvm::AtomicOrdering::Monotonic);
    b.CreateCondBr(b.CreateIsNull(provider), plain, ask);
    b.SetInsertPoint(ask);
    llvm::Value *workspace =
        b.CreateCall(llvm::FunctionType::get(ptr, false), provider);
    b.CreateBr(ours);
    return workspace;
  }

  llvm::Module &module;
  llvm::IRBuilder<> b;
  llvm::Type *ptr;
  llvm::GlobalVariable *place, *ofThread;
};

} // namespace

/// nm_ciface_<suffix> with operands from memory.
static llvm::Error addInvokeOf(llvm::Module &module, StringRef suffix,
                               WorkspaceCode &workspace) {
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
  llvm::Value *before = workspace.enter(b, invoke->getArg(0));
  llvm::Value *status = callWithSlots(b, entry, invoke->getArg(1));
  workspace.leave(b, before);
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
  WorkspaceCode workspace(module);
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
