//===- StructuredEncoding.h - #nm.sparsity as structured levels -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_CONVERSION_UTILS_STRUCTUREDENCODING_H
#define NM_CONVERSION_UTILS_STRUCTUREDENCODING_H

#include "mlir/Dialect/SparseTensor/IR/SparseTensor.h"
#include "nm/Dialect/NM/IR/NMDialect.h"

namespace mlir::nm {

/// The tensor type with structured levels that `type` with its #nm.sparsity
/// encoding stands for; null, with `reason` set, if there is none.
RankedTensorType toStructuredType(RankedTensorType type, std::string &reason);

/// True if a level of the type's encoding is structured[N, M].
bool hasStructuredLevel(Type type);

/// The tensor type with #nm.sparsity that `type` with a structured level stands
/// for; null, with `reason` set, if there is none.
RankedTensorType toEncodedType(RankedTensorType type, std::string &reason);

/// Calls `check` for the tensor types that `op` names: of operands, results,
/// block arguments and, for functions, the signature. Stops at a failure.
LogicalResult
checkTensorTypes(Operation *op,
                 function_ref<LogicalResult(RankedTensorType)> check);

} // namespace mlir::nm

#endif // NM_CONVERSION_UTILS_STRUCTUREDENCODING_H
