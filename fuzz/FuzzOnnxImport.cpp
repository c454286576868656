//===- FuzzOnnxImport.cpp - ONNX models into MLIR -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "nm/Import/Onnx.h"
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  llvm::StringRef bytes(reinterpret_cast<const char *>(data), size);
  auto module = mlir::nm::importOnnx(bytes, "/nonexistent/fuzz.onnx", &context);
  if (!module) {
    // An error without a message is a defect.
    if (llvm::toString(module.takeError()).empty())
      std::abort();
    return 0;
  }
  // What is imported is well formed.
  context.getDiagEngine().registerHandler([](mlir::Diagnostic &) {});
  if (mlir::failed(mlir::verify(**module)))
    std::abort();
  return 0;
}
