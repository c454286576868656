//===- Modes.cpp - What a tool can be asked to do, and with what -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Modes.h"
#include "nm/Driver/Support.h"

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;

namespace {

template <typename Mode> constexpr unsigned bit(Mode mode) {
  return 1u << static_cast<unsigned>(mode);
}

/// Which modes use an option; those that all use are not listed.
struct Use {
  StringLiteral option;
  unsigned modes;
};

constexpr unsigned kRun = bit(RunMode::Run), kEmit = bit(RunMode::Emit),
                   kSimulate = bit(RunMode::Simulate);

constexpr Use kRunUses[] = {
    {"input", kRun | kSimulate},
    {"expect", kRun | kSimulate},
    {"atol", kRun | kSimulate},
    {"rtol", kRun | kSimulate},
    {"cache", kRun},
    {"entry", kRun | kSimulate},
    {"threads", kRun | kSimulate},
    {"repeat", kRun},
    {"no-code-cache", kRun},
    {"reference", kRun | kEmit},
    {"in-place", kRun | kEmit},
    {"kv-cache", kRun | kEmit},
    {"calibrate", kRun},
    {"sensitivity", kRun},
    {"max-difference", kRun},
    {"prune-by", kRun},
    {"round", kRun},
    {"save-masks", kRun},
    {"emit", kEmit},
    {"compile-to", kEmit},
    {"target-cpu", kRun | kEmit},
    {"quantize", kRun | kEmit},
    {"element-type", kSimulate},
    {"timing-only", kSimulate},
    {"no-verify", kSimulate},
    {"max-steps", kSimulate},
    {"trace", kSimulate},
    {"html", kRun | kSimulate},
    {"profile", kRun},
    {"check", kRun},
    {"report", kRun | kSimulate},
    {"json", kRun | kSimulate},
};

constexpr unsigned kProcessor = bit(CodeMode::Processor),
                   kAccelerator = bit(CodeMode::Accelerator);

constexpr Use kCodeUses[] = {
    {"reference", kProcessor},
    {"in-place", kProcessor},
    {"kv-cache", kProcessor},
    {"target-cpu", kProcessor},
    {"quantize", kProcessor},
    {"prefix", kProcessor},
    {"cc", kProcessor},
    {"weights", kProcessor},
    {"element-type", kAccelerator},
    {"no-verify", kAccelerator},
    {"max-steps", kAccelerator},
    {"calibrate", kProcessor},
    {"prune-by", kProcessor},
    {"round", kProcessor},
    {"save-masks", kProcessor},
};

/// An option that says nothing without another one.
struct Need {
  StringLiteral option, needs, why;
};

constexpr Need kNeeds[] = {
    {"atol", "expect", "is a tolerance of --expect; give a reference with it"},
    {"rtol", "expect", "is a tolerance of --expect; give a reference with it"},
    {"pattern", "params",
     "says what to expect in a checkpoint; give one with --params"},
    {"prune", "params",
     "says what to do with the weights of a checkpoint; give one with "
     "--params"},
    {"quantize", "params",
     "says what to do with the weights of a checkpoint; give one with "
     "--params"},
    {"calibrate", "prune",
     "is what pruning and rounding are measured on; say with --prune what to "
     "prune, or with --quantize and --round what to round"},
    {"round", "quantize",
     "is about how weights are rounded; say with --quantize to what"},
    {"round", "calibrate",
     "is about what weights see; give inputs with --calibrate"},
    {"prune-by", "calibrate",
     "is about what weights see; give inputs with --calibrate"},
    {"prune-by", "prune",
     "is about what pruning keeps; say with --prune what to prune"},
    {"save-masks", "prune",
     "writes the masks of pruning; say with --prune what to prune"},
    {"sensitivity", "calibrate",
     "is measured on inputs; give them with --calibrate"},
    {"max-difference", "sensitivity",
     "bounds what is chosen from measurements; ask for them with "
     "--sensitivity"},
    {"save-masks", "calibrate",
     "writes what calibration made; give inputs with --calibrate"},
    {"mask-policy", "params",
     "is about the masks of a checkpoint; give one with --params"},
    {"mask-suffix", "params",
     "is about the masks of a checkpoint; give one with --params"},
    {"mask-bit-order", "params",
     "is about the masks of a checkpoint; give one with --params"},
    {"masks", "params",
     "holds masks of a checkpoint's weights; give one with --params"},
    {"cache", "params",
     "keeps the packed weights of a checkpoint; give one with --params"},
};

/// Two of which the second makes the first void.
struct Void {
  StringLiteral option, by, why;
};

constexpr Void kVoids[] = {
    {"pattern", "dense", "--dense takes every weight as dense"},
    {"prune", "dense", "--dense takes every weight as dense"},
    {"quantize", "dense", "--dense takes every weight as it is"},
    {"quantize", "sensitivity", "--sensitivity only prunes"},
    {"pattern", "prune", "--prune says the patterns"},
    {"prune", "sensitivity", "--sensitivity tries patterns of its own"},
    {"pattern", "sensitivity", "--sensitivity tries patterns of its own"},
    {"save-masks", "sensitivity", "--sensitivity only measures"},
    {"mask-policy", "sensitivity", "--sensitivity prunes"},
    {"dense", "sensitivity", "--sensitivity compares with the dense model"},
    {"input", "sensitivity", "--sensitivity runs on --calibrate"},
    {"output", "sensitivity", "--sensitivity only measures"},
    {"expect", "sensitivity", "--sensitivity only measures"},
    {"report", "sensitivity", "--sensitivity prints a table of its own"},
    {"html", "sensitivity", "--sensitivity prints a table of its own"},
    {"profile", "sensitivity", "--sensitivity prints a table of its own"},
    {"check", "sensitivity", "--sensitivity prints a table of its own"},
    {"check", "reference", "--reference runs the code that it compares with"},
    {"cache", "sensitivity", "--sensitivity keeps nothing"},
    {"cache", "round",
     "--round depends on inputs, of which the cache knows nothing"},
    {"calibrate", "masks", "--masks says what is kept"},
    {"mask-policy", "prune",
     "--prune keeps the largest weights where there is no mask"},
    {"emit", "compile-to", "--compile-to ends before there is code"},
    {"calibrate", "compile-to", "--compile-to ends before weights are packed"},
    {"prefix", "compile-to", "--compile-to ends before there are symbols"},
    {"cc", "compile-to", "--compile-to ends before there is code to link"},
    {"weights", "compile-to", "--compile-to ends before there is code"},
    {"element-type", "compile-to", "--compile-to ends before the program"},
    {"no-verify", "compile-to", "--compile-to ends before the program"},
    {"max-steps", "compile-to", "--compile-to ends before the program"},
    {"input", "timing-only", "--timing-only computes no values"},
    {"output", "timing-only", "--timing-only computes no values"},
    {"expect", "timing-only", "--timing-only computes no values"},
    {"threads", "timing-only", "--timing-only computes no values"},
};

} // namespace

/// Where no mask is looked at, nothing about masks counts.
static llvm::Error checkMasks(const CommandOptions &options,
                              const CheckpointOptions &checkpoint) {
  if (checkpoint.mask.policy != rt::MaskPolicy::Ignore)
    return llvm::Error::success();
  for (StringRef option : {"masks", "mask-suffix", "mask-bit-order"})
    if (llvm::is_contained(options.given, option))
      return makeError("--{0} has no effect: --mask-policy=ignore looks at no "
                       "mask; drop one of them",
                       option);
  return llvm::Error::success();
}

/// What the rules of one option alone say against the next.
static llvm::Error checkPairs(const CommandOptions &options) {
  auto given = [&](StringRef name) {
    return llvm::is_contained(options.given, name);
  };
  // --sensitivity prunes, and calibration serves rounding as well.
  auto isMet = [&](const Need &need) {
    return given(need.needs) ||
           (need.needs == "prune" && given("sensitivity")) ||
           (need.option == "calibrate" && given("round"));
  };
  for (const Need &need : kNeeds)
    if (given(need.option) && !isMet(need))
      return makeError("--{0} {1}", need.option, need.why);
  for (const Void &pair : kVoids)
    if (given(pair.option) && given(pair.by))
      return makeError("--{0} has no effect: {1}; drop one of them",
                       pair.option, pair.why);
  return llvm::Error::success();
}

/// The first given option that `mode` does not use; null if there is none.
static const Use *findUnused(const CommandOptions &options, ArrayRef<Use> uses,
                             unsigned mode) {
  for (const Use &use : uses)
    if (llvm::is_contained(options.given, use.option) && !(use.modes & mode))
      return &use;
  return nullptr;
}

static llvm::Error forAccelerators(StringRef option) {
  return makeError("--{0} is for accelerators; name one with --target, such as "
                   "--target=edge",
                   option);
}

static llvm::Error forProcessors(StringRef option, StringRef target) {
  return makeError("--{0} is for processors, but --target={1} is an "
                   "accelerator; drop one of them",
                   option, target);
}

/// What a compilation that ends early never comes to.
static llvm::Error checkReached(const CompileOptions &options) {
  constexpr StringLiteral late[] = {"pattern",       "prune",       "dense",
                                    "mask-policy",   "mask-suffix", "masks",
                                    "mask-bit-order"};
  if (!options.compileTo || *options.compileTo >= Stage::Patterns)
    return llvm::Error::success();
  for (StringRef option : late)
    if (llvm::is_contained(options.given, option))
      return makeError("--{0} has no effect: --compile-to={1} ends before the "
                       "patterns are known; drop one of them",
                       option, nameOf(*options.compileTo));
  return llvm::Error::success();
}

llvm::Error driver::checkUsed(const RunOptions &options, RunMode mode) {
  if (const Use *use = findUnused(options, kRunUses, bit(mode))) {
    if (mode == RunMode::Simulate)
      return forProcessors(use->option, options.target);
    if (!(use->modes & (kRun | kEmit)))
      return forAccelerators(use->option);
    return makeError("--{0} needs a run, but --{1} only compiles; drop one of "
                     "them",
                     use->option, options.compileTo ? "compile-to" : "emit");
  }
  if (llvm::Error error = checkReached(options))
    return error;
  if (llvm::Error error = checkPairs(options))
    return error;
  if (options.profile && !options.report && options.json.empty() &&
      options.htmlFile.empty())
    return makeError("--profile has no effect: it is told in --report, --json "
                     "and --html; add one of them");
  if (options.check && options.inputFile == "-")
    return makeError("--check compiles the model several times, but standard "
                     "input is read once; name the model's file");
  if (options.check && !options.profile && options.htmlFile.empty())
    return makeError("--check has no effect: errors are told with --profile "
                     "and --html; add one of them");
  return checkMasks(options, options);
}

llvm::Error driver::checkUsed(const CodeOptions &options, CodeMode mode) {
  if (const Use *use = findUnused(options, kCodeUses, bit(mode)))
    return mode == CodeMode::Accelerator
               ? forProcessors(use->option, options.target)
               : forAccelerators(use->option);
  auto given = [&](StringRef name) {
    return llvm::is_contained(options.given, name);
  };
  if (mode == CodeMode::Processor && given("entry") && !given("calibrate"))
    return forAccelerators("entry");
  if (given("cc") && options.emit != EmitKind::SharedLibrary &&
      !options.compileTo)
    return makeError("--cc links a library; it goes with --emit=so");
  if (given("weights") && options.emit != EmitKind::SharedLibrary &&
      options.emit != EmitKind::Object && !options.compileTo)
    return makeError("--weights goes with code that can be loaded or linked; "
                     "expected --emit=so or --emit=obj");
  if (llvm::Error error = checkReached(options))
    return error;
  if (llvm::Error error = checkPairs(options))
    return error;
  if (given("calibrate") && options.weightsFile.empty() && !given("save-masks"))
    return makeError("--calibrate goes with packed weights, which it changes; "
                     "name a file for them with --weights, or a folder with "
                     "-o <name>.nm");
  return checkMasks(options, options);
}

llvm::Error driver::checkUsed(const SimulateOptions &options) {
  if (llvm::Error error = checkPairs(options))
    return error;
  return checkMasks(options, options);
}
