//===- InspectFile.h - The work of nm-inspect -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_INSPECTFILE_H
#define NM_DRIVER_INSPECTFILE_H

#include "nm/Driver/Options.h"

namespace mlir {
class DialectRegistry;
}

namespace mlir::nm::driver {

/// Lists a file by its content: tensors of a checkpoint, functions and
/// parameters of a model, tensors and instructions of a program. The table goes
/// to standard output, options.json has the same. An ONNX model is both model
/// and checkpoint.
llvm::Error inspectFile(const InspectOptions &options,
                        DialectRegistry &registry);

/// Writes the checkpoint options.file as safetensors in the form
/// options.format to options.convert, and says what stayed dense.
llvm::Error convertFile(const InspectOptions &options);

/// The description of a processor or accelerator as JSON: a name that --target
/// takes, or a file.
llvm::Error printDevice(const std::string &name);

} // namespace mlir::nm::driver

#endif // NM_DRIVER_INSPECTFILE_H
