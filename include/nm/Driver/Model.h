//===- Model.h - A model and what its messages need -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_MODEL_H
#define NM_DRIVER_MODEL_H

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "nm/Driver/Compile.h"
#include "nm/Driver/Options.h"
#include "nm/Driver/Signature.h"
#include "nm/Machine/Device.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"
#include <optional>

namespace mlir::nm::driver {

/// The content of a file; "-" is standard input.
llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> readFile(StringRef path);

/// A model before it is parsed, with the accelerator that --target names, if it
/// names one.
struct ModelFile {
  std::unique_ptr<llvm::MemoryBuffer> content;
  std::optional<::nm::model::Device> device;
};

/// Reads options.inputFile. An ONNX model becomes the checkpoint of
/// options.params, unless they give another. Fails for options that cannot mean
/// anything, targets that nothing is, and files that are no model: says what
/// they are.
llvm::Expected<ModelFile> readModel(CompileOptions &options);

/// What parses one module on one thread, and prints its diagnostics.
struct ModuleParser {
  ModuleParser(const DialectRegistry &registry,
               std::unique_ptr<llvm::MemoryBuffer> content);

  MLIRContext context;
  llvm::SourceMgr sources;
  SourceMgrDiagnosticHandler handler;
};

/// A parsed model. Its remarks are collected, and written when writeRemarks()
/// says so: also if the compilation failed, for they say why.
class Model {
public:
  Model(const CompileOptions &options, DialectRegistry &registry,
        std::unique_ptr<llvm::MemoryBuffer> content);

  /// `onnx` is for models of that kind. Fails for modules that are a program of
  /// an accelerator.
  llvm::Error parse(OnnxImportOptions onnx = {});
  llvm::Error writeRemarks() const;

  CompileLog log;

private:
  const CompileOptions &options;
  ModuleParser parser;

public:
  Source source; ///< lives in the context
};

} // namespace mlir::nm::driver

#endif // NM_DRIVER_MODEL_H
