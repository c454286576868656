//===- FuzzMlirText.cpp - The parsers and verifiers of our dialects -------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Text is refused with a diagnostic, or is a module that prints as text which
// parses to the same. Of upstream's dialects only those are known that operands
// and results need, so that little of a run is upstream's to refuse.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/OperationSupport.h"
#include "mlir/Parser/Parser.h"
#include "nm/Dialect/Attacc/IR/AttaccDialect.h"
#include "nm/Dialect/Flat/IR/FlatDialect.h"
#include "nm/Dialect/Kernel/IR/KernelDialect.h"
#include "nm/Dialect/Layer/IR/LayerDialect.h"
#include "nm/Dialect/NM/IR/NMDialect.h"
#include "nm/Dialect/Pifo/IR/PifoDialect.h"
#include "nm/Dialect/Step/IR/StepDialect.h"
#include "nm/Dialect/Tile/IR/TileDialect.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdlib>
#include <memory>
#include <string>

using namespace mlir;

namespace {

/// Loading dialects takes longer than parsing, and a context keeps every
/// attribute that it has seen.
constexpr int kInputsOfAContext = 500;

MLIRContext &freshContext() {
  static std::unique_ptr<MLIRContext> context;
  static int inputs = 0;
  if (!context || ++inputs == kInputsOfAContext) {
    inputs = 0;
    DialectRegistry registry;
    registry
        .insert<nm::NMDialect, attacc::AttaccDialect, flat::FlatDialect,
                kernel::KernelDialect, layer::LayerDialect, pifo::PifoDialect,
                step::StepDialect, tiles::TileDialect, arith::ArithDialect,
                func::FuncDialect, tensor::TensorDialect>();
    context = std::make_unique<MLIRContext>(registry,
                                            MLIRContext::Threading::DISABLED);
    context->loadAllAvailableDialects();
  }
  return *context;
}

std::string print(ModuleOp module, bool isGeneric) {
  std::string text;
  llvm::raw_string_ostream os(text);
  module->print(os, OpPrintingFlags().printGenericOpForm(isGeneric));
  return text;
}

void refuse(const char *why, llvm::StringRef text) {
  llvm::errs() << why << ":\n" << text << "\n";
  std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  // The lexer reads on until a zero behind the text.
  std::string copy(reinterpret_cast<const char *>(data), size);
  llvm::StringRef text(copy);
  // A context gives each resource that it reads another name.
  if (text.contains("dense_resource"))
    return 0;
  MLIRContext &context = freshContext();
  bool isSaid = false;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    isSaid |= diagnostic.getSeverity() == DiagnosticSeverity::Error &&
              !diagnostic.str().empty();
    return success();
  });
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
  if (!module) {
    if (!isSaid)
      refuse("refused without a diagnostic", text);
    return 0;
  }
  std::string printed = print(*module, /*isGeneric=*/false);
  OwningOpRef<ModuleOp> again = parseSourceString<ModuleOp>(printed, &context);
  if (!again)
    refuse("prints as what does not parse", printed);
  if (print(*again, /*isGeneric=*/true) != print(*module, /*isGeneric=*/true))
    refuse("prints as another module", printed);
  return 0;
}
