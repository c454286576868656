//===- PifoJit.cpp - Schedulers as machine code in this process -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/PifoJit.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "nm/Dialect/Pifo/Transforms/SchedulerLayout.h"
#include "nm/Driver/Codegen.h"
#include "nm/Driver/Support.h"
#include "nm/Pipelines/PifoPipelines.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;

PifoJit::PifoJit() = default;
PifoJit::~PifoJit() = default;

static llvm::Expected<pifo::SchedulerOp> findScheduler(ModuleOp module,
                                                       StringRef name) {
  auto all = llvm::to_vector(module.getOps<pifo::SchedulerOp>());
  if (name.empty() && all.size() == 1)
    return all.front();
  SmallVector<StringRef> names;
  for (pifo::SchedulerOp scheduler : all) {
    if (scheduler.getSymName() == name)
      return scheduler;
    names.push_back(scheduler.getSymName());
  }
  if (all.empty())
    return makeError("the module has no pifo.scheduler; expected a scheduler "
                     "or a policy (nm-run runs models)");
  if (name.empty())
    return makeError("the module has {0} schedulers; choose one by "
                     "--scheduler: {1}",
                     all.size(), listNames(names));
  return makeError("no scheduler '{0}'{1}; expected {2}{3}", printable(name),
                   didYouMean(name, names), all.size() > 1 ? "one of " : "",
                   listNames(names));
}

llvm::Expected<std::unique_ptr<PifoJit>>
PifoJit::compile(ModuleOp source, StringRef name, StringRef container) {
  OwningOpRef<ModuleOp> module = source.clone();
  auto scheduler = findScheduler(*module, name);
  if (!scheduler)
    return scheduler.takeError();
  std::unique_ptr<PifoJit> result(new PifoJit());
  pifo::PacketLayout packet(*scheduler);
  result->packetSize = packet.size;
  for (const pifo::PacketLayout::Field &field : packet.fields) {
    pifo::FieldOp op = field.op;
    result->fields.push_back(
        {op.getSymName().str(), field.bytes, field.offset, op.getMaxValue()});
  }
  std::string prefix = scheduler->getSymName().str();

  PassManager pm(module->getContext());
  PifoPipelineOptions options;
  options.container = container.str();
  buildPifoToCPUPipeline(pm, options);
  if (failed(pm.run(*module)))
    return makeError("the scheduler '{0}' could not be lowered",
                     printable(prefix));
  auto machine = createTargetMachine("host");
  if (!machine)
    return machine.takeError();
  DialectRegistry registry;
  registerAllToLLVMIRTranslations(registry);
  module->getContext()->appendDialectRegistry(registry);
  llvm::LLVMContext context;
  auto code = translateModuleToLLVMIR(*module, context, "pifo");
  if (!code)
    return makeError("the scheduler '{0}' could not be translated to LLVM IR",
                     printable(prefix));
  code->setTargetTriple((*machine)->getTargetTriple());
  code->setDataLayout((*machine)->createDataLayout());
  SmallVector<char, 0> object;
  if (llvm::Error error = optimize(*code, **machine))
    return std::move(error);
  if (llvm::Error error = generateCode(
          *code, **machine, llvm::CodeGenFileType::ObjectFile, object))
    return std::move(error);

  auto engine = llvm::orc::LLJITBuilder()
                    .setPlatformSetUp(llvm::orc::setUpInactivePlatform)
                    .create();
  if (!engine)
    return engine.takeError();
  if (llvm::Error error =
          (*engine)->addObjectFile(llvm::MemoryBuffer::getMemBufferCopy(
              StringRef(object.data(), object.size()), "pifo")))
    return std::move(error);
  llvm::Error failure = llvm::Error::success();
  auto bind = [&](StringRef suffix, auto &function) {
    if (failure)
      return;
    auto address = (*engine)->lookup(prefix + suffix.str());
    if (!address) {
      failure = llvm::joinErrors(std::move(failure), address.takeError());
      return;
    }
    function = address->toPtr<std::decay_t<decltype(function)>>();
  };
  bind("_create", result->create);
  bind("_destroy", result->destroy);
  bind("_enqueue", result->enqueue);
  bind("_dequeue", result->dequeue);
  bind("_peek", result->peek);
  bind("_dropped", result->dropped);
  bind("_release", result->release);
  bind("_next_release", result->nextRelease);
  bind("_size", result->size);
  bind("_enqueue_batch", result->enqueueBatch);
  bind("_dequeue_batch", result->dequeueBatch);
  if (failure)
    return std::move(failure);
  result->engine = std::move(*engine);
  return std::move(result);
}
