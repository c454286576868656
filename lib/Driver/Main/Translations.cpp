//===- Translations.cpp - What nm-translate translates -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Translations.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Tools/mlir-translate/Translation.h"
#include "nm/Dialect/Pifo/Transforms/SchedulerLayout.h"
#include "nm/Driver/Main.h"
#include "nm/Import/Onnx.h"
#include "nm/Import/PifoPolicy.h"
#include "nm/Registration.h"
#include "nm/Support/JsonWriter.h"
#include "nm/Target/Attacc/Attacc.h"
#include "nm/Target/PifoBpf/PifoBpf.h"
#include "nm/Target/PifoMesh/PifoMesh.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;

static LogicalResult toLLVMIR(Operation *op, raw_ostream &os) {
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module = translateModuleToLLVMIR(op, context);
  if (!module)
    return failure();
  module->print(os, nullptr);
  return success();
}

static LogicalResult printManifest(Operation *op, raw_ostream &os) {
  auto manifest = op->getAttrOfType<StringAttr>("nm.manifest");
  if (!manifest)
    return op->emitError("no attribute 'nm.manifest'; run nm-opt "
                         "--nm-externalize-params first, or --nm-to-cpu");
  auto json =
      ::nm::support::indentJson(manifest.getValue(), "'nm.manifest'", 2);
  if (!json)
    return op->emitError(json.error().message);
  os << *json;
  return success();
}

/// Errors stand at the policy's lines, not at those of its translation.
static OwningOpRef<Operation *> importPolicy(llvm::SourceMgr &sources,
                                             MLIRContext *context) {
  const llvm::MemoryBuffer *text =
      sources.getMemoryBuffer(sources.getMainFileID());
  auto code = ::nm::policy::translate(text->getBuffer().str(),
                                      text->getBufferIdentifier().str());
  if (!code) {
    llvm::errs() << code.error().message;
    return nullptr;
  }
  return parseSourceString<ModuleOp>(*code, context).release().getOperation();
}

/// Problems name nodes, not lines.
static OwningOpRef<Operation *> importModel(llvm::SourceMgr &sources,
                                            MLIRContext *context) {
  const llvm::MemoryBuffer *bytes =
      sources.getMemoryBuffer(sources.getMainFileID());
  auto module = mlir::nm::importOnnx(bytes->getBuffer(),
                                     bytes->getBufferIdentifier(), context);
  if (module)
    return module->release().getOperation();
  mlir::nm::driver::reportError(module.takeError());
  return nullptr;
}

void mlir::nm::driver::registerTranslations() {
  // Upstream's registration of this name knows no nm attributes.
  TranslateFromMLIRRegistration llvmIR("mlir-to-llvmir",
                                       "translate the LLVM dialect to LLVM IR",
                                       toLLVMIR, registerDialects);
  TranslateFromMLIRRegistration manifest(
      "nm-params-manifest",
      "print the checkpoint parameters of each public function as JSON",
      printManifest, registerDialects);
  TranslateToMLIRRegistration policy(
      "import-pifo-policy", "translate a scheduling policy to a pifo.scheduler",
      importPolicy, registerDialects);
  TranslateToMLIRRegistration onnx("import-onnx",
                                   "import an ONNX model; docs/onnx.md lists "
                                   "the operators",
                                   importModel, registerDialects);
  TranslateRegistration onnxTable(
      "onnx-operators",
      "print the table of ONNX operators; the input is not looked at",
      [](const std::shared_ptr<llvm::SourceMgr> &, raw_ostream &os,
         MLIRContext *) {
        os << mlir::nm::onnxOperatorTable();
        return success();
      });
  attacc::registerProgramTranslations(registerDialects);
  pifo::registerCHeaderTranslation(registerDialects);
  pifo::registerBpfTranslation(registerDialects);
  pifo::registerMeshTranslations(registerDialects);
}
