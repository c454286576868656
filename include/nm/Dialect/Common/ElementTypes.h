//===- ElementTypes.h - MLIR's element types and ours -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_COMMON_ELEMENTTYPES_H
#define NM_DIALECT_COMMON_ELEMENTTYPES_H

#include "mlir/IR/Types.h"
#include "nm/Support/DType.h"
#include "llvm/ADT/StringRef.h"

namespace mlir::nm {

/// On an argument or result of a function and on an `nm.param`: its signless
/// integers are unsigned ones, a UnitAttr.
constexpr llvm::StringLiteral kUnsignedAttrName = "nm.unsigned";

/// How a value of `type` lies in memory: an i1 is a byte, an index has 64 bits,
/// signless integers are signed ones unless `isUnsigned`. Unknown if
/// checkpoints have none such.
::nm::support::DType toDType(Type type, bool isUnsigned = false);

/// The other way, with signless integers for signed ones; null for Unknown.
Type toType(MLIRContext *context, ::nm::support::DType dtype);

} // namespace mlir::nm

#endif // NM_DIALECT_COMMON_ELEMENTTYPES_H
