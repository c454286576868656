//===- Tools.h - The command lines of the tools -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_TOOLS_H
#define NM_DRIVER_TOOLS_H

namespace mlir::nm::driver {

/// Each is all of a tool but its main: parses the command line, works, tells
/// what is wrong on standard error. Returns the exit code: 0, or 1 for an error
/// or a failed comparison.
int runMain(int argc, char **argv);
int compileMain(int argc, char **argv);
int inspectMain(int argc, char **argv);
int simMain(int argc, char **argv);
int pifoMain(int argc, char **argv);

} // namespace mlir::nm::driver

#endif // NM_DRIVER_TOOLS_H
