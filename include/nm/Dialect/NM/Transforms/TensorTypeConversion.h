//===- TensorTypeConversion.h - Changing the encoding of tensors -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_NM_TRANSFORMS_TENSORTYPECONVERSION_H
#define NM_DIALECT_NM_TRANSFORMS_TENSORTYPECONVERSION_H

#include "mlir/Transforms/DialectConversion.h"

namespace mlir::nm {

/// Patterns and legality of everything that only passes tensors on when
/// `converter` replaces their encoding: functions, calls, branches, scf, and
/// operations without regions (tensor.empty, arith.select, casts).
void populateTensorTypeConversion(const TypeConverter &converter,
                                  RewritePatternSet &patterns,
                                  ConversionTarget &target);

} // namespace mlir::nm

#endif // NM_DIALECT_NM_TRANSFORMS_TENSORTYPECONVERSION_H
