//===- Diagnostics.h - MLIR's messages on a terminal -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_DIAGNOSTICS_H
#define NM_DRIVER_DIAGNOSTICS_H

#include "mlir/IR/DialectRegistry.h"
#include "llvm/Support/MemoryBuffer.h"
#include <string>

namespace mlir::nm::driver {

/// `message`, line by line, with control characters as \xNN.
std::string printableLines(llvm::StringRef message);

/// From here on, names and texts of a module stand in the context's diagnostics
/// with control characters as \xNN: they may come from anywhere, and a
/// terminal obeys them. Call it after the handler that prints was registered.
void escapeDiagnostics(MLIRContext &context);
/// The same for contexts that others make, once the module's functions are
/// read.
void escapeDiagnostics(DialectRegistry &registry);

/// `buffer` under a name that diagnostics may print.
std::unique_ptr<llvm::MemoryBuffer>
withPrintableName(std::unique_ptr<llvm::MemoryBuffer> buffer);

} // namespace mlir::nm::driver

#endif // NM_DRIVER_DIAGNOSTICS_H
