//===- Run.h - The work of nm-run -*- C++ -*-===//
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

/// Does what the options say. Results and tables go to standard output,
/// problems to standard error. Returns the exit code: 0, or 1 for an error or a
/// failed comparison.
int run(const RunOptions &options, DialectRegistry &registry);

} // namespace mlir::nm::driver

#endif // NM_DRIVER_RUN_H
