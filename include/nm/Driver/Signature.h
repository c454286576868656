//===- Signature.h - What a compiled function takes and returns -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_SIGNATURE_H
#define NM_DRIVER_SIGNATURE_H

#include "mlir/IR/BuiltinOps.h"
#include "nm/Import/Onnx.h"
#include "nm/Runtime/DType.h"
#include "llvm/Support/Error.h"
#include <optional>
#include <string>
#include <vector>

namespace llvm {
class SourceMgr;
}

namespace mlir::nm::driver {

/// A tensor or a scalar that crosses the boundary of a compiled function.
struct ValueType {
  ::nm::rt::DType dtype = ::nm::rt::DType::Unknown;
  /// Scalars are passed by value, tensors by descriptor.
  bool isScalar = false;
  /// A memref in the source; the descriptor is the same.
  bool isBuffer = false;
  /// ShapedType::kDynamic where the size is known at the call only.
  std::vector<int64_t> shape;

  int64_t rank() const { return static_cast<int64_t>(shape.size()); }
  /// "tensor<2x?xf32>", "memref<2xf32>", "f32".
  std::string str() const;
};

/// "[2, ?]".
std::string shapeText(ArrayRef<int64_t> shape);

struct Argument {
  /// The `nm.name` attribute, else the SSA name of the source text, else
  /// "arg<index>".
  std::string name;
  ValueType type;
  /// Of a cache that grows where it lies: the dimension that does.
  std::optional<int64_t> grows;
};

/// A public function before it is lowered.
struct Signature {
  std::string name;
  std::vector<Argument> arguments;
  std::vector<ValueType> results;
  /// The `nm.name` attributes of the results, else "result<index>".
  std::vector<std::string> resultNames;
  /// For a result the argument whose memory it is written to; may be shorter.
  std::vector<std::optional<size_t>> inPlace;
  /// Why the function cannot be called from outside; empty when it can.
  std::string unsupported;

  /// The argument in whose memory a result is, nothing if it is returned.
  std::optional<size_t> argumentOf(size_t result) const {
    return result < inPlace.size() ? inPlace[result] : std::nullopt;
  }
  /// The result that is written to the memory of an argument.
  std::optional<size_t> resultIn(size_t argument) const;
  /// Whether a result is in an argument that grows: compiled code returns the
  /// number of its rows.
  bool isGrown(size_t result) const;
  /// What compiled code takes and returns: without the results that are in
  /// arguments, and the numbers of rows of those that grow. Arguments keep
  /// their places, inPlace becomes empty.
  Signature returned() const;

  /// The index of an argument by name or decimal number; an error that lists
  /// the names otherwise.
  llvm::Expected<size_t> findArgument(StringRef name) const;
};

/// A parsed module with the signatures of its public functions.
struct Source {
  OwningOpRef<ModuleOp> module;
  std::vector<Signature> functions;
  /// Functions without a body.
  std::vector<std::string> declared;
  /// Whether there is a pifo.scheduler.
  bool schedules = false;

  /// The longest chain of operations on tensors in a function, at least 1.
  int64_t depthOf(const Signature &function) const;

  /// The function `name`, or the only one if it is empty.
  llvm::Expected<const Signature *> findEntry(StringRef name) const;
  /// The same for a call in this process: fails if that cannot be, or if a
  /// function without a body is called that this process has not.
  llvm::Expected<const Signature *> findRunnable(StringRef name) const;

private:
  llvm::Error checkCallees() const;
};

/// Parses text or bytecode, or imports an ONNX model. Problems of the text
/// itself are diagnostics of `context`.
llvm::Expected<Source> parseSource(llvm::SourceMgr &sourceMgr,
                                   MLIRContext &context,
                                   const OnnxImportOptions &onnx = {});

/// The signatures of the public functions of a module.
std::vector<Signature> collectSignatures(ModuleOp module);

} // namespace mlir::nm::driver

#endif // NM_DRIVER_SIGNATURE_H
