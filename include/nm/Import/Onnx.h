//===- Onnx.h - ONNX models to MLIR -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_IMPORT_ONNX_H
#define NM_IMPORT_ONNX_H

#include "mlir/IR/BuiltinOps.h"
#include "nm/Runtime/Onnx.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"

namespace mlir::nm {

struct OnnxImportOptions {
  /// The values of a graph input if the model is imported for one call only;
  /// null otherwise. Asked for inputs that say what is computed rather than
  /// with what: axes, numbers of repetitions, the condition of an If. Without
  /// an answer such an operator is an error. Takes the names of all arguments
  /// and the place of the one that is asked for.
  std::function<const ::nm::rt::Tensor *(ArrayRef<std::string> arguments,
                                         size_t index)>
      argument;
  /// Sizes of symbolic dimensions, by the symbol: code for these alone. A name
  /// that no graph input has is an error. kOpenSize: the size stays open.
  llvm::StringMap<int64_t> sizes;
  /// Whether a graph output is written to the memory of a graph input: a cache
  /// of fixed size, for operators that may have one. Null: none is.
  std::function<bool(llvm::StringRef result, llvm::StringRef argument)>
      isInPlace;
  /// Whether the sizes of all other dimensions are those of the arrays that
  /// `argument` gives: code for that call's sizes alone.
  bool takesCallSizes = false;

  static constexpr int64_t kOpenSize = -1;
};

/// Initializers and constants of more than kInlineElements elements become
/// `nm.param`s, by their names, of the unnamed checkpoint: the model's file.
///
/// One public function, named after the graph, whose arguments and results are
/// the graph's inputs and outputs in order, with their names as `nm.name`.
/// Unsigned elements are signless integers in the module; `nm.unsigned` says so
/// on arguments, results and parameters. The error lists everything that cannot
/// be imported, not the first: node, operator and its version, exporter, why,
/// what to try.
llvm::Expected<OwningOpRef<ModuleOp>>
importOnnx(const ::nm::onnx::Model &model, MLIRContext *context,
           const OnnxImportOptions &options = {});

/// Reads and imports a file that is in memory; `path` is for messages and for
/// external data.
llvm::Expected<OwningOpRef<ModuleOp>>
importOnnx(llvm::StringRef bytes, llvm::StringRef path, MLIRContext *context,
           const OnnxImportOptions &options = {});

/// Whether a file is an ONNX model: by its content, or by its name where the
/// content is no text.
bool isOnnxModel(llvm::StringRef bytes, llvm::StringRef path);

/// The table of operators as a page in Markdown: family, operator, first
/// version, what is left out.
std::string onnxOperatorTable();

} // namespace mlir::nm

#endif // NM_IMPORT_ONNX_H
