//===- IntegerSign.h - How a program reads its integers -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIB_DIALECT_NM_TRANSFORMS_INTEGERSIGN_H
#define LIB_DIALECT_NM_TRANSFORMS_INTEGERSIGN_H

#include "nm/Dialect/NM/IR/NMDialect.h"
#include "nm/Support/DType.h"

namespace mlir::nm {

/// Whether the program takes the integers of a tensor as natural numbers: the
/// conversions that read it (arith.extui, arith.uitofp), in whole or in the
/// body of a linalg operation and through views and copies, say so, and none
/// says otherwise. Integers without a sign are signed where nothing reads them.
bool isReadUnsigned(Value tensor);

/// The element type that a checkpoint has to hold `tensor` in: what its
/// `nm.unsigned` says, or else how the program reads it.
::nm::support::DType storedDType(Value tensor);

} // namespace mlir::nm

#endif // LIB_DIALECT_NM_TRANSFORMS_INTEGERSIGN_H
