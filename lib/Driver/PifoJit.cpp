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
#include "llvm/Target/TargetMachine.h"

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;

PifoJit::PifoJit() = default;
PifoJit::~PifoJit() = default;

llvm::Expected<pifo::SchedulerOp> driver::findScheduler(ModuleOp module,
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

llvm::Error driver::checkCapacity(pifo::SchedulerOp scheduler,
                                  int64_t capacity) {
  if (capacity <= scheduler.getLargestCapacity())
    return llvm::Error::success();
  return makeError("the scheduler '{0}' is exact for at most {1} packets; "
                   "expected a capacity of that or less, not {2}",
                   printable(scheduler.getSymName()),
                   scheduler.getLargestCapacity(), capacity);
}

/// The names from below the root to the node; the root's own if that is it.
static std::string pathOf(pifo::NodeOp node) {
  std::string path = node.getSymName().str();
  for (node = node.getParentNode(); node && node.getParentNode();
       node = node.getParentNode())
    if (!node.getTransit())
      path = (node.getSymName() + "." + path).str();
  return path;
}

/// The addresses of the functions.
llvm::Error PifoJit::bind(const std::string &prefix, bool hasDisorder) {
  llvm::Error failure = llvm::Error::success();
  auto find = [&](StringRef suffix, auto &function) {
    if (failure)
      return;
    auto address = engine->lookup(prefix + suffix.str());
    if (!address) {
      failure = llvm::joinErrors(std::move(failure), address.takeError());
      return;
    }
    function = address->toPtr<std::decay_t<decltype(function)>>();
  };
  find("_create", create);
  find("_destroy", destroy);
  find("_enqueue", enqueue);
  find("_dequeue", dequeue);
  find("_peek", peek);
  find("_dropped", dropped);
  find("_class", classify);
  find("_release", release);
  find("_next_release", nextRelease);
  find("_size", size);
  find("_change", change);
  find("_enqueue_batch", enqueueBatch);
  find("_dequeue_batch", dequeueBatch);
  find("_pass", pass);
  if (hasDisorder)
    find("_disorder", disorder);
  return failure;
}

llvm::Expected<std::unique_ptr<PifoJit>> PifoJit::compile(ModuleOp source,
                                                          StringRef name,
                                                          StringRef container,
                                                          bool optimized) {
  auto choice = pifo::ContainerChoice::parse(container);
  if (!choice)
    return choice.takeError();
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
  scheduler->walk<WalkOrder::PreOrder>([&](pifo::NodeOp node) {
    if (node.isLeaf())
      result->classes.push_back(pathOf(node));
  });

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
  if (!optimized)
    (*machine)->setOptLevel(llvm::CodeGenOptLevel::None);
  else if (llvm::Error error = optimize(*code, **machine))
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
  result->engine = std::move(*engine);
  if (llvm::Error error =
          result->bind(prefix, choice->approximation.has_value()))
    return std::move(error);
  return std::move(result);
}
