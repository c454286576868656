//===- Files.h - What a command of the driver reads and writes -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_FILES_H
#define NM_DRIVER_FILES_H

#include "nm/Driver/Options.h"

namespace mlir::nm::driver {

/// libx.so -> libx.h: the header that goes with objects and libraries; empty
/// for other code, and where the output is no regular file (a device, a pipe,
/// standard output), which has nothing beside it.
std::string headerPath(const CodeOptions &options);

/// Tells options.files what the options read and write; an output that is an
/// input or another output, or that cannot be written, is an error.
llvm::Error declareFiles(const RunOptions &options);
llvm::Error declareFiles(const CodeOptions &options);
llvm::Error declareFiles(const SimulateOptions &options);
llvm::Error declareFiles(const TenantsOptions &options);
llvm::Error declareFiles(const InspectOptions &options);

/// Where tables and lines for people go: to standard output, or to the error
/// output where a file of the command goes to standard output.
llvm::raw_ostream &textStream(const CommandOptions &options);

/// Writes a file outside of any set (nm/Support/OutputFile.h).
llvm::Error writeFile(StringRef path, StringRef content);

/// Writes a file of the command, "" or "-" is standard output. It appears with
/// commitFiles.
llvm::Error writeFile(const CommandOptions &options, StringRef path,
                      StringRef content, unsigned mode = 0666);

/// All that was written takes its name.
llvm::Error commitFiles(const CommandOptions &options);

} // namespace mlir::nm::driver

#endif // NM_DRIVER_FILES_H
