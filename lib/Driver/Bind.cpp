//===- Bind.cpp - Arguments that are checkpoint parameters -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Bind.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "nm/Dialect/NM/IR/NMDialect.h"
#include "nm/Dialect/NM/Transforms/Passes.h"
#include "nm/Driver/Support.h"

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;

/// Marks argument `binding.name` of `function` with its key and scope.
static llvm::Error mark(func::FuncOp func, const Signature &function,
                        size_t index, const Binding &binding) {
  StringRef name = function.arguments[index].name;
  if (auto known = func.getArgAttrOfType<StringAttr>(index, kBoundKeyAttrName))
    return makeError("argument '{0}' of function '{1}' is already bound to key "
                     "'{2}'; expected one --bind for it",
                     name, function.name, known.getValue());
  const ValueType &type = function.arguments[index].type;
  if (type.isScalar || llvm::is_contained(type.shape, ShapedType::kDynamic))
    return makeError("argument '{0}' of function '{1}' is {2}; expected a "
                     "tensor of static shape for --bind",
                     name, function.name, type.str());
  auto [scope, key] = StringRef(binding.path).rsplit('=');
  if (!StringRef(binding.path).contains('='))
    std::swap(scope, key);
  if (key.empty())
    return makeError("--bind {0}={1} has no key; expected ARGUMENT=[SCOPE=]KEY",
                     binding.name, binding.path);
  Builder builder(func.getContext());
  func.setArgAttr(index, kBoundKeyAttrName, builder.getStringAttr(key));
  if (!scope.empty())
    func.setArgAttr(index, kBoundScopeAttrName, builder.getStringAttr(scope));
  return llvm::Error::success();
}

llvm::Error driver::bindArguments(Source &source, ArrayRef<Binding> bindings,
                                  StringRef entry) {
  ModuleOp module = *source.module;
  for (const Binding &binding : bindings) {
    llvm::Error missing = llvm::Error::success();
    bool found = false;
    for (const Signature &function : source.functions) {
      if (!entry.empty() && function.name != entry)
        continue;
      llvm::Expected<size_t> index = function.findArgument(binding.name);
      if (!index) {
        llvm::consumeError(std::move(missing));
        missing = index.takeError();
        continue;
      }
      found = true;
      auto func = module.lookupSymbol<func::FuncOp>(function.name);
      if (llvm::Error error = mark(func, function, *index, binding)) {
        llvm::consumeError(std::move(missing));
        return error;
      }
    }
    if (!found && missing)
      return missing;
    llvm::consumeError(std::move(missing));
  }

  for (Signature &function : source.functions) {
    auto func = module.lookupSymbol<func::FuncOp>(function.name);
    std::vector<Argument> free;
    for (auto [i, argument] : llvm::enumerate(function.arguments))
      if (!func.getArgAttr(i, kBoundKeyAttrName))
        free.push_back(std::move(argument));
    function.arguments = std::move(free);
  }
  PassManager pm(module->getName());
  pm.addPass(createBindArguments());
  if (failed(pm.run(module)))
    return makeError("the module's arguments cannot be bound to checkpoint "
                     "keys");
  return llvm::Error::success();
}
