//===- RecipeKernels.cpp - Kernels of recipes, compiled ahead of time -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Target/RecipeKernels/RecipeKernels.h"
#include "KernelEntry.h"
#include "KernelRecipes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/ExecutionEngine/OptUtils.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "nm/Dialect/Step/IR/StepDialect.h"
#include "nm/Dialect/Step/Transforms/Passes.h"
#include "nm/Pipelines/StepPipelines.h"
#include "nm/Support/Text.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;
using namespace mlir::step;

ArrayRef<KernelTarget> mlir::step::getKernelTargets() {
  static constexpr KernelTarget targets[] = {
      {"avx2", "x86_64-unknown-linux-gnu", "+avx2"},
      {"avx512", "x86_64-unknown-linux-gnu",
       "+avx512f,+avx512bw,+avx512dq,+avx512vl"},
      {"neon", "aarch64-unknown-linux-gnu", "+neon"}};
  return targets;
}

static llvm::Error makeError(const llvm::Twine &message) {
  return llvm::createStringError(message);
}

static llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
createMachine(const KernelTarget &target) {
  llvm::InitializeAllTargetInfos();
  llvm::InitializeAllTargets();
  llvm::InitializeAllTargetMCs();
  llvm::InitializeAllAsmPrinters();
  llvm::Triple triple(target.triple);
  std::string message;
  const llvm::Target *found =
      llvm::TargetRegistry::lookupTarget(triple, message);
  if (!found)
    return makeError("no code generator for '" + target.triple +
                     "': " + message);
  return std::unique_ptr<llvm::TargetMachine>(found->createTargetMachine(
      triple, /*CPU=*/"", target.features, llvm::TargetOptions(),
      llvm::Reloc::PIC_, std::nullopt, llvm::CodeGenOptLevel::Aggressive));
}

static llvm::Error run(ModuleOp module,
                       llvm::function_ref<void(PassManager &)> build) {
  PassManager pm(module.getContext());
  build(pm);
  if (failed(pm.run(module)))
    return makeError("the recipes could not be lowered");
  return llvm::Error::success();
}

/// The recipes in one module.
static OwningOpRef<ModuleOp> parseRecipes(ArrayRef<KernelRecipe> recipes,
                                          MLIRContext &context) {
  std::string text;
  for (const KernelRecipe &recipe : recipes)
    text += recipe.text;
  return parseSourceString<ModuleOp>(text, &context);
}

static llvm::Error generate(llvm::Module &module, llvm::TargetMachine &machine,
                            KernelOutput output, llvm::raw_ostream &os) {
  llvm::SmallVector<char> code;
  llvm::raw_svector_ostream stream(code);
  llvm::legacy::PassManager passes;
  if (machine.addPassesToEmitFile(passes, stream, nullptr,
                                  output == KernelOutput::Assembly
                                      ? llvm::CodeGenFileType::AssemblyFile
                                      : llvm::CodeGenFileType::ObjectFile))
    return makeError("the code generator cannot write this kind of file");
  passes.run(module);
  os << stream.str();
  return llvm::Error::success();
}

llvm::Error mlir::step::writeRecipeKernels(const KernelTarget &target,
                                           KernelOutput output, StringRef only,
                                           llvm::raw_ostream &os) {
  std::vector<KernelRecipe> recipes = makeKernelRecipes();
  llvm::erase_if(recipes, [&](const KernelRecipe &recipe) {
    return StringRef(recipe.name).find(only) == StringRef::npos;
  });
  if (recipes.empty())
    return makeError("no kernel has " +
                     ::nm::support::quote({only.data(), only.size()}) +
                     " in its name");
  if (output == KernelOutput::Recipes) {
    for (const KernelRecipe &recipe : recipes)
      os << recipe.text;
    return llvm::Error::success();
  }

  DialectRegistry registry;
  registry.insert<StepDialect, arith::ArithDialect, func::FuncDialect,
                  LLVM::LLVMDialect>();
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  MLIRContext context(registry);
  OwningOpRef<ModuleOp> module = parseRecipes(recipes, context);
  if (!module)
    return makeError("the recipes could not be read");
  if (llvm::Error error = run(*module, [](PassManager &pm) {
        pm.nest<func::FuncOp>().addPass(createFuseRecipe());
      }))
    return error;
  if (output == KernelOutput::Fused) {
    module->print(os);
    os << "\n";
    return llvm::Error::success();
  }
  if (llvm::Error error =
          run(*module, [](PassManager &pm) { buildFusedToLLVMPipeline(pm); }))
    return error;

  auto machine = createMachine(target);
  if (!machine)
    return machine.takeError();
  llvm::LLVMContext llvmContext;
  std::unique_ptr<llvm::Module> code =
      translateModuleToLLVMIR(*module, llvmContext, "nm-recipe-kernels");
  if (!code)
    return makeError("the recipes could not be translated to LLVM IR");
  code->setTargetTriple((*machine)->getTargetTriple());
  code->setDataLayout((*machine)->createDataLayout());
  addKernelEntries(*code, recipes, target.name);
  if (llvm::Error error =
          makeOptimizingTransformer(2, 0, machine->get())(code.get()))
    return error;
  if (output == KernelOutput::LLVM) {
    code->print(os, nullptr);
    return llvm::Error::success();
  }
  return generate(*code, **machine, output, os);
}
