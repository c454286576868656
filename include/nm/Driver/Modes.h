//===- Modes.h - What nm-run can be asked to do, and with what -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A mode uses some options; one that it does not use is an error, never
// silently without effect. docs/nm-run.md has the table, and a test compares
// it with the tool, option by option and mode by mode.
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_MODES_H
#define NM_DRIVER_MODES_H

#include "nm/Driver/Options.h"

namespace mlir::nm::driver {

enum class Mode : unsigned {
  Inspect,     ///< list a checkpoint
  Run,         ///< compile for this processor and run
  Emit,        ///< compile for a processor and write code
  Simulate,    ///< compile for an accelerator and simulate
  EmitProgram, ///< compile for an accelerator and write the program
  Program,     ///< simulate a program that is compiled
  Tenants      ///< simulate programs that share an accelerator
};

/// The mode that follows from the options and from what was found: whether the
/// input is a program, and whether the target is an accelerator.
Mode modeOf(const RunOptions &options, bool isProgram, bool isAccelerator);

/// Fails for the first of options.given that the mode does not use, or that
/// another option makes void: says why, and what to do.
llvm::Error checkUsed(const RunOptions &options, Mode mode);

} // namespace mlir::nm::driver

#endif // NM_DRIVER_MODES_H
