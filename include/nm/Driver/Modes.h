//===- Modes.h - What a tool can be asked to do, and with what -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What an option means depends on what is done: a mode uses some options; one
// that it does not use is an error, never silently without effect. The pages of
// the tools have the tables, and a test compares them with the tools, option by
// option and mode by mode. Options that a tool does not have need no rule.
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_MODES_H
#define NM_DRIVER_MODES_H

#include "nm/Driver/Options.h"

namespace mlir::nm::driver {

/// Of nm-run.
enum class RunMode : unsigned {
  Run,      ///< compile for this processor and run
  Emit,     ///< compile for a processor and show its code
  Simulate, ///< compile for an accelerator and simulate
};

/// Of nm-compile.
enum class CodeMode : unsigned {
  Processor,  ///< code of a processor
  Accelerator ///< a program of an accelerator
};

/// Fails for the first of options.given that the mode does not use, or that
/// another option makes void: says why, and what to do.
llvm::Error checkUsed(const RunOptions &options, RunMode mode);
llvm::Error checkUsed(const CodeOptions &options, CodeMode mode);
llvm::Error checkUsed(const SimulateOptions &options);

} // namespace mlir::nm::driver

#endif // NM_DRIVER_MODES_H
