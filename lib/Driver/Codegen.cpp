//===- Codegen.cpp - From the LLVM dialect to machine code -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Codegen.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "nm/Driver/Compile.h"
#include "nm/Driver/EntryPoint.h"
#include "nm/Driver/Support.h"
#include "nm/Machine/Device.h"
#include "nm/Support/Text.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/PassInstrumentation.h"
#include "llvm/IR/Verifier.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/SmallVectorMemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/SubtargetFeature.h"

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;

llvm::Error driver::checkTargetName(StringRef target) {
  namespace machine = ::nm::machine;
  if (findProcessor(target))
    return llvm::Error::success();
  std::vector<std::string> processors =
      machine::builtinDevices(machine::DeviceKind::Host);
  processors.insert(processors.begin(), "host");
  std::vector<std::string> accelerators =
      machine::builtinDevices(machine::DeviceKind::Accelerator);
  std::vector<std::string> all = processors;
  llvm::append_range(all, accelerators);
  return makeError("unknown --target {0}{1}; expected a processor ({2}), an "
                   "accelerator ({3}), or the file of a description (*.json)",
                   ::nm::support::quote(target.str()),
                   ::nm::support::didYouMean(target.str(), all),
                   llvm::join(processors, ", "),
                   llvm::join(accelerators, ", "));
}

llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
driver::createTargetMachine(StringRef targetName, StringRef cpu) {
  if (llvm::Error error = checkTargetName(targetName))
    return std::move(error);
  std::optional<::nm::machine::HostUnit> preset;
  if (targetName != "host")
    preset = findProcessor(targetName);
  llvm::Triple triple(preset && !preset->triple.empty()
                          ? preset->triple
                          : llvm::sys::getProcessTriple());
  if (preset) {
    llvm::InitializeAllTargetInfos();
    llvm::InitializeAllTargets();
    llvm::InitializeAllTargetMCs();
    llvm::InitializeAllAsmPrinters();
    llvm::InitializeAllAsmParsers();
  } else {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    llvm::InitializeNativeTargetAsmParser();
  }
  std::string message;
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, message);
  if (!target)
    return makeError("no code generator for '{0}': {1}", triple.str(), message);

  llvm::SubtargetFeatures features;
  if (preset)
    for (const std::string &feature : preset->llvmFeatures)
      features.AddFeature(feature);
  if (preset && cpu.empty()) {
    cpu = preset->llvmCpu;
  } else if (!preset && (cpu.empty() || cpu == "native")) {
    cpu = llvm::sys::getHostCPUName();
    for (const auto &feature : llvm::sys::getHostCPUFeatures())
      features.AddFeature(feature.first(), feature.second);
  }
  auto create = [&](StringRef name) {
    return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
        triple, name, features.getString(), llvm::TargetOptions(),
        llvm::Reloc::PIC_, std::nullopt, llvm::CodeGenOptLevel::Aggressive));
  };
  // An unknown name would be a warning and a generic target: ask first.
  auto generic = create("");
  const llvm::MCSubtargetInfo *info = generic->getMCSubtargetInfo();
  if (!info->isCPUStringValid(cpu)) {
    SmallVector<StringRef> names;
    for (const auto &entry : info->getAllProcessorDescriptions())
      names.push_back(entry.Key);
    if (cpu == "native")
      return makeError("--target-cpu=native is this machine; with --target={0} "
                       "name a processor, or drop one of them",
                       targetName);
    return makeError("unknown --target-cpu '{0}'{1}; "
                     "'clang --print-supported-cpus' lists them, 'native' is "
                     "this machine",
                     cpu, didYouMean(cpu, names));
  }
  return create(cpu);
}

llvm::Error driver::checkRunsHere(const llvm::TargetMachine &machine) {
  const auto host = llvm::sys::getHostCPUFeatures();
  if (machine.getTargetTriple().getArch() !=
      llvm::Triple(llvm::sys::getProcessTriple()).getArch())
    return makeError("code for {0} cannot run here; drop --target, or use "
                     "--emit",
                     machine.getTargetTriple().getArchName());
  std::string missing;
  for (const auto &feature :
       machine.getMCSubtargetInfo()->getEnabledProcessorFeatures()) {
    auto known = host.find(feature.Key);
    if (known != host.end() && !known->second)
      missing += (missing.empty() ? "" : ", ") + std::string(feature.Key);
  }
  if (missing.empty())
    return llvm::Error::success();
  return makeError("code for '{0}' cannot run here: this machine has no {1}; "
                   "drop --target and --target-cpu, or use --emit",
                   machine.getTargetCPU(), missing);
}

CPUAttr driver::describeMachine(MLIRContext *context,
                                const llvm::TargetMachine &machine,
                                StringRef target) {
  llvm::StringSet<> enabled;
  for (const auto &feature :
       machine.getMCSubtargetInfo()->getEnabledProcessorFeatures())
    enabled.insert(feature.Key);
  return describeCPU(
      context, machine.getTargetTriple(),
      [&](StringRef name) { return enabled.contains(name); },
      findProcessor(target).value_or(*findProcessor("host")));
}

llvm::Error driver::attachTarget(ModuleOp module,
                                 const llvm::TargetMachine &machine,
                                 StringRef target) {
  module.getContext()->getOrLoadDialect<NMDialect>();
  CPUAttr found = describeMachine(module.getContext(), machine, target);
  Attribute present = module->getAttr(kTargetAttrName);
  if (!present) {
    module->setAttr(kTargetAttrName, found);
    return llvm::Error::success();
  }
  auto given = dyn_cast<CPUAttr>(present);
  if (!given)
    return makeError("the module's '{0}' is {1}, expected #nm.cpu<...>",
                     kTargetAttrName, present);
  if (given.getArch() != found.getArch())
    return makeError("the module's '{0}' is for '{1}', but code is generated "
                     "for '{2}'; give the --target that it describes",
                     kTargetAttrName, given.getArch(), found.getArch());
  SmallVector<StringRef> features;
  given.getFeatures().split(features, ',', -1, /*KeepEmpty=*/false);
  for (StringRef feature : features)
    if (!found.hasFeature(feature))
      return makeError("the module's '{0}' has the feature '{1}', which the "
                       "processor that code is generated for lacks; give the "
                       "--target that it describes",
                       kTargetAttrName, feature);
  return llvm::Error::success();
}

llvm::Expected<std::unique_ptr<llvm::Module>>
driver::translate(ModuleOp module, ArrayRef<Signature> functions,
                  llvm::LLVMContext &context, llvm::TargetMachine &machine,
                  StringRef prefix) {
  // Names served messages; LLVM IR has no place for them.
  module.walk([](FunctionOpInterface func) {
    for (unsigned i = 0; i < func.getNumArguments(); ++i)
      func.removeArgAttr(i, "nm.name");
  });
  std::unique_ptr<llvm::Module> result =
      translateModuleToLLVMIR(module, context, "nm");
  if (!result)
    return makeError("the module could not be translated to LLVM IR");
  result->setTargetTriple(machine.getTargetTriple());
  result->setDataLayout(machine.createDataLayout());
  llvm::StringSet<> visible;
  for (const Signature &function : functions) {
    llvm::Expected<std::string> text = getManifest(module, function.name);
    if (!text)
      return text.takeError();
    auto manifest = rt::parseManifest(*text);
    if (!manifest)
      return toError(manifest.error());
    std::string suffix = prefix.str() + function.name;
    auto *constant = llvm::ConstantDataArray::getString(context, *text);
    new llvm::GlobalVariable(*result, constant->getType(), /*isConstant=*/true,
                             llvm::GlobalValue::ExternalLinkage, constant,
                             "nm_manifest_" + suffix);
    if (llvm::Error error = addEntryPoint(*result, function, *manifest, suffix))
      return std::move(error);
    for (StringRef name : {"nm_ciface_", "nm_error_", "nm_manifest_"})
      visible.insert((name + suffix).str());
  }
  // Fixed vectors wider than 128 bits go to SVE registers only if their width
  // is known.
  auto cpu = module->getAttrOfType<CPUAttr>(kTargetAttrName);
  if (cpu && cpu.hasFeature("sve"))
    for (llvm::Function &defined : *result)
      if (!defined.isDeclaration())
        defined.addFnAttr(llvm::Attribute::getWithVScaleRangeArgs(
            context, cpu.getVector() / 128, cpu.getVector() / 128));
  // Everything else is private: names of two models do not clash, and unused
  // expanded interfaces go away.
  for (llvm::GlobalObject &object : result->global_objects()) {
    StringRef name = object.getName();
    if (object.isDeclaration() || object.hasLocalLinkage())
      continue;
    if (!visible.contains(name))
      object.setLinkage(llvm::GlobalValue::InternalLinkage);
  }
  return result;
}

llvm::Error driver::optimize(llvm::Module &module,
                             llvm::TargetMachine &machine) {
  // This analysis computes which functions a pointer may call, in time
  // quadratic in the calls of a long entry; our code calls no pointers.
  llvm::PassInstrumentationCallbacks callbacks;
  callbacks.registerShouldRunOptionalPassCallback(
      [](StringRef pass, llvm::Any) {
        return pass != "CalledValuePropagationPass";
      });
  llvm::PipelineTuningOptions tuning;
  tuning.LoopUnrolling = tuning.LoopInterleaving = true;
  tuning.LoopVectorization = tuning.SLPVectorization = true;
  llvm::PassBuilder builder(&machine, tuning, std::nullopt, &callbacks);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3)
      .run(module, modules);
  return llvm::Error::success();
}

llvm::Error driver::generateCode(llvm::Module &module,
                                 llvm::TargetMachine &machine,
                                 llvm::CodeGenFileType type,
                                 SmallVectorImpl<char> &code) {
  llvm::legacy::PassManager passes;
  llvm::raw_svector_ostream stream(code);
  if (machine.addPassesToEmitFile(passes, stream, nullptr, type))
    return makeError("the code generator of '{0}' cannot write this kind of "
                     "file",
                     machine.getTargetTriple().str());
  passes.run(module);
  return llvm::Error::success();
}
