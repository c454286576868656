//===- Modes.cpp - What nm-run can be asked to do, and with what -*- C++ -*-===//
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

constexpr unsigned bit(Mode mode) { return 1u << static_cast<unsigned>(mode); }

constexpr unsigned kInspect = bit(Mode::Inspect), kRun = bit(Mode::Run),
                   kEmit = bit(Mode::Emit), kSimulate = bit(Mode::Simulate),
                   kEmitProgram = bit(Mode::EmitProgram),
                   kProgram = bit(Mode::Program), kTenants = bit(Mode::Tenants);
constexpr unsigned kCompiles = kRun | kEmit | kSimulate | kEmitProgram;
constexpr unsigned kRuns = kRun | kSimulate | kProgram;
constexpr unsigned kSimulates = kSimulate | kProgram;

struct Use {
  StringLiteral option;
  unsigned modes;
};

/// Which modes use an option.
constexpr Use kUses[] = {
    {"params", kCompiles | kProgram},
    {"bind", kCompiles},
    {"size", kCompiles},
    {"input", kRuns},
    {"output", kRuns},
    {"expect", kRuns},
    {"atol", kRuns},
    {"rtol", kRuns},
    {"inspect", kInspect},
    {"pattern", kCompiles},
    {"prune", kRun | kEmit},
    {"mask-policy", kCompiles | kProgram},
    {"masks", kCompiles | kProgram | kInspect},
    {"mask-suffix", kCompiles | kProgram | kInspect},
    {"mask-bit-order", kCompiles | kProgram | kInspect},
    {"cache", kRun},
    {"entry", kRun | kSimulate | kEmitProgram},
    {"threads", kRuns},
    {"repeat", kRun},
    {"dense", kCompiles},
    {"reference", kRun | kEmit},
    {"emit", kEmit | kEmitProgram},
    {"o", kEmit | kEmitProgram},
    {"target", kCompiles | kProgram | kTenants},
    {"target-cpu", kRun | kEmit},
    {"prefix", kEmit},
    {"cc", kEmit},
    {"element-type", kSimulate | kEmitProgram},
    {"timing-only", kSimulates},
    {"no-verify", kSimulates | kEmitProgram | kTenants},
    {"max-steps", kSimulates | kEmitProgram | kTenants},
    {"trace", kSimulates | kTenants},
    {"html", kSimulates},
    {"tenants", kTenants},
    {"policy", kTenants},
    {"report", kRuns},
    {"report-json", kRuns | kInspect | kTenants},
    {"remarks-filter", kCompiles},
    {"remarks-output-file", kCompiles},
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
    {"mask-policy", "params",
     "is about the masks of a checkpoint; give one with --params"},
    {"mask-suffix", "params",
     "is about the masks of a checkpoint; give one with --params"},
    {"mask-bit-order", "params",
     "is about the masks of a checkpoint; give one with --params"},
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
    {"pattern", "prune", "--prune says the patterns"},
    {"mask-policy", "prune",
     "--prune keeps the largest weights where there is no mask"},
    {"input", "timing-only", "--timing-only computes no values"},
    {"output", "timing-only", "--timing-only computes no values"},
    {"expect", "timing-only", "--timing-only computes no values"},
    {"threads", "timing-only", "--timing-only computes no values"},
};

} // namespace

static std::string dashed(StringRef option) {
  return (option.size() == 1 ? "-" : "--") + option.str();
}

/// Why a mode has no use for an option that others use, and what to do.
static std::string whyUnused(const RunOptions &options, Mode mode,
                             StringRef option, unsigned modes) {
  if (option == "policy")
    return "orders the jobs of tenants; give their requests with --tenants";
  if (option == "o")
    return "is the output of --emit; results go to --output FILE.npy";
  if (option == "cc")
    return "links a library; it goes with --emit=so";
  switch (mode) {
  case Mode::Inspect:
    return "has no effect beside --inspect, which lists a checkpoint and ends; "
           "drop one of them";
  case Mode::Tenants:
    return "has no effect beside --tenants, which runs the programs that its "
           "file names; drop it";
  case Mode::Program:
    return "is for models that are compiled, but '" + options.inputFile +
           "' is a program of an accelerator; drop it";
  case Mode::Run:
  case Mode::Emit:
    if (!(modes & (kRun | kEmit)))
      return "is for simulated accelerators; name one with --target, such as "
             "--target=edge";
    return "needs a run, but --emit only compiles; drop one of them";
  case Mode::Simulate:
  case Mode::EmitProgram:
    if (!(modes & (kSimulates | kEmitProgram)))
      return "is for processors, but --target=" + options.target +
             " is an accelerator; drop one of them";
    return "needs a run, but --emit only compiles; drop one of them";
  }
  return "has no effect here; drop it";
}

Mode driver::modeOf(const RunOptions &options, bool isProgram,
                    bool isAccelerator) {
  if (!options.inspect.empty())
    return Mode::Inspect;
  if (!options.tenantsFile.empty())
    return Mode::Tenants;
  if (isProgram)
    return Mode::Program;
  bool emits = options.emit != EmitKind::Execute;
  if (isAccelerator)
    return emits ? Mode::EmitProgram : Mode::Simulate;
  return emits ? Mode::Emit : Mode::Run;
}

llvm::Error driver::checkUsed(const RunOptions &options, Mode mode) {
  auto given = [&](StringRef name) {
    return llvm::is_contained(options.given, name);
  };
  if ((mode == Mode::Inspect || mode == Mode::Tenants) &&
      !options.inputFile.empty())
    return makeError("the file '{0}' has no effect beside --{1}; drop one of "
                     "them",
                     options.inputFile,
                     mode == Mode::Inspect ? "inspect" : "tenants");
  for (const Use &use : kUses)
    if (given(use.option) && !(use.modes & bit(mode)))
      return makeError("{0} {1}", dashed(use.option),
                       whyUnused(options, mode, use.option, use.modes));
  if (mode != Mode::Inspect)
    for (const Need &need : kNeeds)
      if (given(need.option) && !given(need.needs))
        return makeError("{0} {1}", dashed(need.option), need.why);
  for (const Void &pair : kVoids)
    if (given(pair.option) && given(pair.by))
      return makeError("{0} has no effect: {1}; drop one of them",
                       dashed(pair.option), pair.why);
  if (given("cc") && options.emit != EmitKind::SharedLibrary)
    return makeError("--cc links a library; it goes with --emit=so");
  return llvm::Error::success();
}
