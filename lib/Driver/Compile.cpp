//===- Compile.cpp - From source to the LLVM dialect -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Compile.h"
#include "mlir/Pass/PassManager.h"
#include "nm/Conversion/ToAttacc/ToAttacc.h"
#include "nm/Dialect/NM/IR/NMDialect.h"
#include "nm/Dialect/NM/Transforms/Passes.h"
#include "nm/Dialect/Tile/IR/TileDialect.h"
#include "nm/Driver/Profile.h"
#include "nm/Driver/ProgramParams.h"
#include "nm/Driver/Prune.h"
#include "nm/Driver/Stages.h"
#include "nm/Driver/Support.h"
#include "nm/Pipelines/Pipelines.h"
#include "nm/Support/JsonWriter.h"
#include "nm/Support/Text.h"
#include "nm/Target/Attacc/Attacc.h"
#include "llvm/Support/WithColor.h"
#include <cstdlib>
#include <set>

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;

/// `nm-declare-sparsity`, which reads the checkpoints' headers, masks and
/// weights.
static std::unique_ptr<Pass> createDeclare(const CompileOptions &options) {
  static constexpr StringLiteral policies[] = {"if-present", "require",
                                               "derive", "ignore"};
  DeclareSparsityOptions declare;
  for (const Binding &binding : options.params)
    declare.params.push_back(binding.name.empty()
                                 ? binding.path
                                 : binding.name + "=" + binding.path);
  llvm::append_range(declare.patterns, options.patterns);
  declare.quantize = options.quantize;
  declare.maskPolicy = policies[static_cast<unsigned>(options.mask.policy)];
  llvm::append_range(declare.maskSuffixes, options.mask.suffixes);
  declare.bitOrder =
      options.mask.bitOrder == rt::BitOrder::LsbFirst ? "lsb" : "msb";
  if (options.mask.source)
    declare.masks = options.mask.source->path();
  return createDeclareSparsity(std::move(declare));
}

/// Opens the checkpoints before any pass does, for a message of its own.
static llvm::Error checkCheckpoints(const CompileOptions &options) {
  std::vector<std::shared_ptr<const rt::Checkpoint>> opened;
  std::vector<const rt::Checkpoint *> all;
  for (const Binding &binding : options.params) {
    auto checkpoint = rt::Checkpoint::open(binding.path);
    if (!checkpoint)
      return toError(checkpoint.error());
    opened.push_back(*checkpoint);
    all.push_back(checkpoint->get());
  }
  rt::Status suffixes = rt::checkMaskNames(all, options.mask);
  return suffixes ? llvm::Error::success() : toError(suffixes.error());
}

/// Whether anything in the module is known to be N:M.
static bool declaresSparsity(ModuleOp module) {
  auto isSparse = [](Type type) { return getSparsity(type) != nullptr; };
  return module
      ->walk([&](Operation *op) {
        bool found = isa<PruneOp>(op) || op->hasAttr("nm.sparsity") ||
                     llvm::any_of(op->getResultTypes(), isSparse);
        if (auto func = dyn_cast<FunctionOpInterface>(op))
          for (unsigned i = 0; i != func.getNumArguments(); ++i)
            found |= isSparse(func.getArgument(i).getType()) ||
                     func.getArgAttr(i, "nm.sparsity") != nullptr;
        return found ? WalkResult::interrupt() : WalkResult::advance();
      })
      .wasInterrupted();
}

/// Says why a model with N:M weights runs dense.
static void noteDense(ModuleOp module, const CompileOptions &options) {
  if (options.isQuiet || options.dense || declaresSparsity(module))
    return;
  int64_t matrices = 0;
  module->walk([&](ParamOp op) {
    auto type = cast<RankedTensorType>(op.getType());
    matrices += type.getRank() >= 2;
  });
  if (matrices == 0)
    return;
  if (options.params.empty())
    llvm::WithColor::note() << "every weight is taken as dense: no checkpoint "
                               "is given whose pattern could be found; see "
                               "--params\n";
  else
    llvm::WithColor::note()
        << "every weight runs dense: no N:M holds in "
        << (options.params.size() == 1 ? "'" + options.params.front().path + "'"
                                       : std::string("the checkpoints"))
        << " along a product's sum, and none is asked for; --pattern 2:4 says "
           "what to expect, with --mask-policy=derive it prunes\n";
}

/// The scopes of the module's parameters.
static void collectScopes(ModuleOp module, std::set<std::string> &scopes) {
  module->walk([&](ParamOp param) {
    scopes.insert(param.getScope().value_or("").str());
  });
}

/// Rejects options about parameters that the model does not have. `scopes` are
/// those of the model as it was read, in which unused parameters count too;
/// bound arguments and constants are among those of the module.
static llvm::Error checkParams(ModuleOp module, std::set<std::string> scopes,
                               const CompileOptions &options) {
  collectScopes(module, scopes);
  bool isPacked = module->hasAttr("nm.manifest");
  module->walk([&](PackedParamOp) { isPacked = true; });
  if (isPacked)
    return llvm::Error::success();
  // An ONNX model is a checkpoint, whether or not it has weights.
  auto isOwn = [&](const Binding &binding) {
    return binding.name.empty() && binding.path == options.inputFile;
  };
  for (StringRef option : {"params", "dense"})
    if (scopes.empty() && llvm::is_contained(options.given, option) &&
        (option == "dense" || !llvm::any_of(options.params, isOwn)))
      return makeError("--{0} has no effect: '{1}' has no parameters; drop it, "
                       "or say with --bind which arguments are weights",
                       option, printable(options.inputFile));
  for (const Binding &binding : options.params)
    if (!scopes.empty() && scopes.count(binding.name) == 0)
      return makeError(
          "--params {0}{1} has no effect: no parameter is of {2}; the model "
          "has {3}",
          binding.name.empty() ? "" : printable(binding.name) + "=",
          printable(binding.path),
          binding.name.empty() ? "the unnamed scope" : "that scope",
          *scopes.begin() == "" && scopes.size() == 1
              ? "the unnamed scope alone"
              : "scopes " + listNames(SmallVector<StringRef>(scopes.begin(),
                                                             scopes.end())));
  return llvm::Error::success();
}

static constexpr const char *kInvalid = "the module did not compile";

/// Runs the stages up to the one that declares the patterns of the parameters.
static llvm::Error runFront(StageRunner &stages, ModuleOp module,
                            const CompileOptions &options) {
  if (llvm::Error error = stages.begin())
    return error;
  bool declares = !options.params.empty() && !options.dense;
  if (declares)
    if (llvm::Error error = checkCheckpoints(options))
      return error;
  std::set<std::string> scopes;
  collectScopes(module, scopes);
  // Only linalg shows which axis a product contracts.
  if (llvm::Error error = stages.run(Stage::Linalg,
                                     options.reference ? buildInputPipeline
                                                       : buildWeightsPipeline,
                                     kInvalid))
    return error;
  // Bound arguments are known by then, unless the compilation ended before.
  if (!stages.ended())
    if (llvm::Error error = checkParams(module, std::move(scopes), options))
      return error;
  auto declare = [&](OpPassManager &pm) {
    if (declares)
      pm.addPass(createDeclare(options));
  };
  if (llvm::Error error =
          stages.run(Stage::Patterns, declare,
                     "the checkpoint does not fit the model, or the options do "
                     "not fit the checkpoint",
                     /*reproduces=*/false))
    return error;
  if (!stages.ended())
    noteDense(module, options);
  return llvm::Error::success();
}

void driver::nameArguments(ModuleOp module, ArrayRef<Signature> functions) {
  for (const Signature &function : functions)
    if (auto func = module.lookupSymbol<func::FuncOp>(function.name))
      for (auto [i, argument] : llvm::enumerate(function.arguments))
        func.setArgAttr(i, "nm.name",
                        StringAttr::get(module.getContext(), argument.name));
}

llvm::Error driver::lowerToLLVMDialect(ModuleOp module,
                                       const CompileOptions &options,
                                       CompileLog &log) {
  // Tests set it to check all compiled code while it runs; it is no option,
  // since it does not concern the model.
  constexpr const char *variable = "NM_VERIFY_AT_RUNTIME";
  StringRef verify = std::getenv(variable) ? std::getenv(variable) : "0";
  if (verify != "0" && verify != "1")
    return makeError("{0} is {1}, expected 0 or 1", variable,
                     ::nm::support::quote(verify.str()));
  StageRunner stages(module, options, log);
  if (llvm::Error error = runFront(stages, module, options))
    return error;
  CPUPipelineOptions pipeline;
  pipeline.verifyAtRuntime = verify == "1";
  pipeline.dense = options.dense;
  pipeline.reference = options.reference;
  pipeline.target = options.target;
  pipeline.measure = options.measure;
  pipeline.isInput = false;
  if (options.findCode && !stages.ended()) {
    auto isFound = options.findCode(pipeline);
    if (!isFound)
      return isFound.takeError();
    if (*isFound)
      return llvm::Error::success();
  }
  for (const StagePasses &stage : cpuStages(pipeline))
    if (llvm::Error error = stages.run(stage.stage, stage.build, kInvalid))
      return error;
  return llvm::Error::success();
}

llvm::Error driver::lowerToLogical(ModuleOp module,
                                   const CompileOptions &options,
                                   CompileLog &log) {
  StageRunner stages(module, options, log);
  if (llvm::Error error = runFront(stages, module, options))
    return error;
  return stages.run(
      Stage::Named,
      [&](OpPassManager &pm) {
        buildNMToLogicalPipeline(pm, options.dense, /*isInput=*/false);
      },
      kInvalid);
}

llvm::Expected<OwningOpRef<ModuleOp>>
driver::lowerToProgram(ModuleOp module, const Signature &function,
                       const ::nm::model::Device &device,
                       const CompileOptions &options, CompileLog &log) {
  if (!module.lookupSymbol<func::FuncOp>(function.name))
    return makeError("the module has no function '{0}'", function.name);
  nameArguments(module, function);
  if (llvm::Error error = lowerToLogical(module, options, log))
    return std::move(error);
  OwningOpRef<ModuleOp> result;
  if (options.compileTo && isOfProcessors(*options.compileTo))
    return result;
  auto func = module.lookupSymbol<func::FuncOp>(function.name);
  std::string refused = llvm::formatv("function '{0}' has no program on {1}",
                                      function.name, device.name);
  module->getContext()
      ->loadDialect<attacc::AttaccDialect, tiles::TileDialect>();
  result = ModuleOp::create(func.getLoc());
  OpBuilder builder = OpBuilder::atBlockBegin(result->getBody());
  if (failed(attacc::buildTileProgram(builder, func,
                                      {device, options.elementType})))
    return makeError("{0}", refused);
  StageRunner stages(*result, options, log);
  if (llvm::Error error = stages.finish(Stage::Values))
    return std::move(error);
  // A model that the accelerator cannot run is no failure of the compiler.
  for (const StagePasses &stage : acceleratorStages(device))
    if (llvm::Error error = stages.run(stage.stage, stage.build, refused,
                                       /*reproduces=*/false))
      return std::move(error);
  return result;
}

llvm::Expected<::nm::isa::Program>
driver::compileProgram(ModuleOp module, const Signature &function,
                       const ::nm::model::Device &device,
                       const CompileOptions &options, CompileLog &log,
                       ::nm::sim::ModelOperations *model) {
  auto lowered = lowerToProgram(module, function, device, options, log);
  if (!lowered)
    return lowered.takeError();
  attacc::ProgramLocations locations;
  FailureOr<::nm::isa::Program> result = attacc::exportProgram(
      *(*lowered)->getOps<attacc::ProgramOp>().begin(), locations);
  if (failed(result))
    return makeError("function '{0}' has no program on {1}", function.name,
                     device.name);
  if (model)
    *model = findOperations(*result, locations.code);
  if (llvm::Error error = dumpCode(options, *result))
    return std::move(error);
  if (!options.prune.empty()) {
    std::vector<int> places;
    auto manifest = manifestOf(*result, places);
    if (!manifest)
      return manifest.takeError();
    if (llvm::Error error =
            describePruning(manifest->params, options, log, llvm::errs()))
      return std::move(error);
  }
  return std::move(*result);
}

llvm::Expected<std::string> driver::getManifest(ModuleOp module,
                                                StringRef function) {
  auto text = module->getAttrOfType<StringAttr>("nm.manifest");
  if (!text)
    return makeError("the module has no attribute 'nm.manifest'; "
                     "nm-externalize-params makes it");
  auto manifest =
      ::nm::support::jsonField(text.getValue(), "'nm.manifest'", function);
  if (!manifest)
    return toError(manifest.error());
  if (manifest->empty())
    return makeError("'nm.manifest' has no entry for function '{0}'", function);
  return *manifest;
}

llvm::Expected<rt::Manifest> driver::readManifest(ModuleOp module,
                                                  StringRef function) {
  auto text = getManifest(module, function);
  if (!text)
    return text.takeError();
  auto manifest = rt::parseManifest(*text);
  if (!manifest)
    return toError(manifest.error());
  return std::move(*manifest);
}
