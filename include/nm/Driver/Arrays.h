//===- Arrays.h - npy files in and out -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_ARRAYS_H
#define NM_DRIVER_ARRAYS_H

#include "nm/Driver/Options.h"
#include "nm/Driver/Signature.h"
#include "nm/Runtime/Tensor.h"

namespace mlir::nm::driver {

/// An uninitialised row-major tensor, aligned to 64 bytes.
llvm::Expected<::nm::rt::Tensor> allocateTensor(::nm::rt::DType dtype,
                                                std::vector<int64_t> shape);

/// "int8", "uint64", ...: what NumPy calls an integer type, and C with a "_t".
std::string integerName(::nm::rt::DType dtype);

/// The array of an npy file.
llvm::Expected<::nm::rt::Tensor> readArray(StringRef path);

/// The binding of each argument of `function`: by name or number, the others in
/// order; null where there is none.
llvm::Expected<std::vector<const Binding *>>
assignInputs(const Signature &function, ArrayRef<Binding> bindings);

/// The arguments of `function`, one file each, checked against its types and
/// copied: compiled code expects alignment, and may not write to a mapped file.
/// bf16 is read from uint16 bit patterns; npy has no bf16.
llvm::Expected<std::vector<::nm::rt::Tensor>>
readInputs(const Signature &function, ArrayRef<Binding> bindings);

/// Result number and path of each binding, in order where no number is given.
llvm::Expected<std::vector<std::pair<size_t, std::string>>>
assignResults(StringRef option, const Signature &function,
              ArrayRef<Binding> bindings);

/// Writes an npy file of the command; bf16 as uint16 bit patterns.
llvm::Error writeArray(const CommandOptions &options, const std::string &path,
                       const ::nm::rt::Tensor &tensor);

} // namespace mlir::nm::driver

#endif // NM_DRIVER_ARRAYS_H
