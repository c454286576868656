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
#include "nm/Driver/Support.h"
#include "nm/Pipelines/Pipelines.h"
#include "nm/Support/Text.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/WithColor.h"
#include <cstdlib>

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;

namespace {

/// Adds up the time of each pass, in order of first run.
class PassTimer : public PassInstrumentation {
public:
  explicit PassTimer(std::vector<PassRecord> &records) : records(records) {}

  void runBeforePass(Pass *pass, Operation *) override {
    running[pass] = Stopwatch();
  }
  void runAfterPass(Pass *pass, Operation *) override {
    StringRef name = pass->getArgument();
    if (name.empty()) // adaptors of nested pipelines
      return;
    double ms = running[pass].ms();
    for (PassRecord &record : records)
      if (record.name == name) {
        record.ms += ms;
        return;
      }
    records.push_back({name.str(), ms});
  }

private:
  std::vector<PassRecord> &records;
  llvm::DenseMap<Pass *, Stopwatch> running;
};

} // namespace

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

/// A user of N:M weights whose model runs dense wants to know, and why.
static void noteDense(ModuleOp module, const CompileOptions &options) {
  if (options.dense || declaresSparsity(module))
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

/// The input pipeline, the parameters' patterns, then what `build` adds.
static llvm::Error runPasses(ModuleOp module, const CompileOptions &options,
                             CompileLog &log,
                             llvm::function_ref<void(OpPassManager &)> build) {
  auto run = [&](llvm::function_ref<void(OpPassManager &)> add,
                 const char *failure) -> llvm::Error {
    PassManager pm(module->getName());
    pm.addInstrumentation(std::make_unique<PassTimer>(log.passes));
    if (options.configurePassManager &&
        failed(options.configurePassManager(pm)))
      return makeError("cannot apply the --mlir-* options");
    add(pm);
    if (failed(pm.run(module)))
      return makeError(failure);
    return llvm::Error::success();
  };
  const char *invalid = "the module did not compile; "
                        "--mlir-print-ir-after-failure shows it where it "
                        "failed";
  bool declares = !options.params.empty() && !options.dense;
  if (declares)
    if (llvm::Error error = checkCheckpoints(options))
      return error;
  // Which axis a product sums over shows in linalg alone.
  if (llvm::Error error =
          run(options.reference ? buildInputPipeline : buildWeightsPipeline,
              invalid))
    return error;
  if (declares)
    if (llvm::Error error =
            run([&](OpPassManager &pm) { pm.addPass(createDeclare(options)); },
                "the checkpoint does not fit the model, or the options do not "
                "fit the checkpoint"))
      return error;
  noteDense(module, options);
  return run(build, invalid);
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
  // What the tests run all of compiled code with; no option, since it says
  // nothing about the model.
  constexpr const char *variable = "NM_VERIFY_AT_RUNTIME";
  StringRef verify = std::getenv(variable) ? std::getenv(variable) : "0";
  if (verify != "0" && verify != "1")
    return makeError("{0} is {1}, expected 0 or 1", variable,
                     ::nm::support::quote(verify.str()));
  return runPasses(module, options, log, [&](OpPassManager &pm) {
    CPUPipelineOptions pipeline;
    pipeline.verifyAtRuntime = verify == "1";
    pipeline.dense = options.dense;
    pipeline.reference = options.reference;
    pipeline.target = options.target;
    pipeline.isInput = false;
    buildNMToCPUPipeline(pm, pipeline);
  });
}

llvm::Expected<::nm::isa::Program>
driver::compileProgram(ModuleOp module, const Signature &function,
                       const ::nm::model::Device &device,
                       const CompileOptions &options, CompileLog &log) {
  auto func = module.lookupSymbol<func::FuncOp>(function.name);
  if (!func)
    return makeError("the module has no function '{0}'", function.name);
  nameArguments(module, function);
  if (llvm::Error error = runPasses(module, options, log, [&](auto &pm) {
        buildNMToLogicalPipeline(pm, options.dense, /*isInput=*/false);
      }))
    return std::move(error);
  func = module.lookupSymbol<func::FuncOp>(function.name);
  attacc::ProgramOptions program{device, options.elementType};
  FailureOr<::nm::isa::Program> result = attacc::buildProgram(func, program);
  if (failed(result))
    return makeError("function '{0}' has no program on {1}", function.name,
                     device.name);
  return std::move(*result);
}

llvm::Expected<std::string> driver::getManifest(ModuleOp module,
                                                StringRef function) {
  auto text = module->getAttrOfType<StringAttr>("nm.manifest");
  if (!text)
    return makeError("the module has no attribute 'nm.manifest'; "
                     "nm-externalize-params makes it");
  llvm::Expected<llvm::json::Value> json = llvm::json::parse(text.getValue());
  if (!json)
    return makeError("'nm.manifest' is not JSON: {0}",
                     llvm::toString(json.takeError()));
  const llvm::json::Object *functions = json->getAsObject();
  const llvm::json::Value *manifest =
      functions ? functions->get(function) : nullptr;
  if (!manifest)
    return makeError("'nm.manifest' has no entry for function '{0}'", function);
  return llvm::formatv("{0}", *manifest).str();
}
