//===- Run.h - Models that are compiled and run -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_RUN_H
#define NM_DRIVER_RUN_H

#include "nm/Driver/Options.h"

namespace mlir {
class DialectRegistry;
}

namespace mlir::nm::driver {

/// Fails if OMP_NUM_THREADS or --threads (0: not given) ask for what cannot be.
llvm::Error checkThreads(int threads = 0);

/// Compiles the model, runs it here or on a simulated accelerator, compares and
/// reports; or shows its code (options.emit). Results and tables go to standard
/// output. Fails also if a comparison does.
llvm::Error runModel(RunOptions options, DialectRegistry &registry);

/// What `nm-sim` does: runs a program of an accelerator, on the one it was made
/// for unless options.target names another.
llvm::Error runProgram(const SimulateOptions &options,
                       DialectRegistry &registry);

} // namespace mlir::nm::driver

#endif // NM_DRIVER_RUN_H
