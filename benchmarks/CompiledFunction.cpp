//===- CompiledFunction.cpp - A function compiled into this process -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CompiledFunction.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "nm/Driver/Codegen.h"
#include "nm/Driver/Compile.h"
#include "nm/Driver/EntryPoint.h"
#include "nm/Driver/Support.h"
#include "nm/Registration.h"
#include "nm/Runtime/nm_runtime.h"
#include "llvm/Support/SourceMgr.h"

using namespace nm::bench;
namespace rt = nm::rt;
using namespace mlir::nm::driver;

llvm::Error CompiledFunction::compile(const std::string &text,
                                      const std::string &name, int threads) {
  mlir::DialectRegistry registry;
  mlir::nm::registerDialects(registry);
  mlir::registerAllToLLVMIRTranslations(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  llvm::SourceMgr sourceMgr;
  sourceMgr.AddNewSourceBuffer(llvm::MemoryBuffer::getMemBufferCopy(text, name),
                               llvm::SMLoc());
  auto source = parseSource(sourceMgr, context);
  if (!source)
    return source.takeError();
  auto entry = source->findEntry(name);
  if (!entry)
    return entry.takeError();
  CompileOptions options;
  CompileLog log;
  auto machine = createTargetMachine("host");
  if (!machine)
    return machine.takeError();
  if (auto error = lowerToLLVMDialect(*source->module, options, log))
    return error;
  llvm::LLVMContext llvmContext;
  auto module =
      translate(*source->module, source->functions, llvmContext, **machine);
  if (!module)
    return module.takeError();
  llvm::SmallVector<char, 0> object;
  if (auto error = llvm::joinErrors(addInvoke(**module, (*entry)->name),
                                    optimize(**module, **machine)))
    return error;
  if (auto error = generateCode(**module, **machine,
                                llvm::CodeGenFileType::ObjectFile, object))
    return error;
  signature = **entry;
  auto manifestText = getManifest(*source->module, name);
  if (!manifestText)
    return manifestText.takeError();
  auto parsed = rt::parseManifest(*manifestText);
  if (!parsed)
    return toError(parsed.error());
  manifest = *parsed;
  nm_set_num_threads(threads);
  auto loaded = Jit::load(llvm::StringRef(object.data(), object.size()));
  if (!loaded)
    return loaded.takeError();
  jit.emplace(std::move(*loaded));
  return llvm::Error::success();
}

llvm::Error CompiledFunction::prepare(llvm::ArrayRef<rt::Tensor> inputs,
                                      const rt::Params *params) {
  auto prepared =
      Call::prepare(signature, jit->entry(), inputs, manifest, params);
  if (!prepared)
    return prepared.takeError();
  call = std::move(*prepared);
  return llvm::Error::success();
}

llvm::Expected<std::vector<float>> CompiledFunction::run() {
  auto tensors = call.run();
  if (!tensors)
    return tensors.takeError();
  const rt::TensorView &view = tensors->front().view;
  const float *data = reinterpret_cast<const float *>(view.data);
  return std::vector<float>(data, data + view.count());
}
