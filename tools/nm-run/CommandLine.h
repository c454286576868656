//===- CommandLine.h - The options of nm-run -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_TOOLS_NM_RUN_COMMANDLINE_H
#define NM_TOOLS_NM_RUN_COMMANDLINE_H

#include "nm/Driver/Options.h"

namespace mlir::nm::driver {

/// Parses the command line; nothing if the help or the version was asked for
/// and printed.
llvm::Expected<std::optional<RunOptions>> parseCommandLine(int argc,
                                                           char **argv);

} // namespace mlir::nm::driver

#endif // NM_TOOLS_NM_RUN_COMMANDLINE_H
