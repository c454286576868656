//===- ElementTypes.cpp - MLIR's element types and ours -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/Common/ElementTypes.h"
#include "mlir/IR/BuiltinTypes.h"

using namespace mlir;
using ::nm::support::DType;

/// Calls `visit(dtype, type)` for all pairs until it returns true.
template <typename Visit>
static bool anyPair(MLIRContext *context, Visit visit) {
  auto integer = [&](unsigned width) {
    return IntegerType::get(context, width);
  };
  auto natural = [&](unsigned width) {
    return IntegerType::get(context, width, IntegerType::Unsigned);
  };
  return visit(DType::F32, Float32Type::get(context)) ||
         visit(DType::F16, Float16Type::get(context)) ||
         visit(DType::BF16, BFloat16Type::get(context)) ||
         visit(DType::F64, Float64Type::get(context)) ||
         visit(DType::F8E5M2, Float8E5M2Type::get(context)) ||
         visit(DType::F8E4M3, Float8E4M3FNType::get(context)) ||
         visit(DType::Bool, integer(1)) || visit(DType::I8, integer(8)) ||
         visit(DType::I16, integer(16)) || visit(DType::I32, integer(32)) ||
         visit(DType::I64, integer(64)) || visit(DType::U8, natural(8)) ||
         visit(DType::U16, natural(16)) || visit(DType::U32, natural(32)) ||
         visit(DType::U64, natural(64));
}

DType mlir::nm::toDType(Type type, bool isUnsigned) {
  if (type.isIndex())
    return DType::I64;
  if (type.isSignedInteger())
    type = IntegerType::get(type.getContext(), type.getIntOrFloatBitWidth());
  else if (isUnsigned && type.isSignlessInteger() && !type.isInteger(1))
    type = IntegerType::get(type.getContext(), type.getIntOrFloatBitWidth(),
                            IntegerType::Unsigned);
  DType found = DType::Unknown;
  anyPair(type.getContext(), [&](DType dtype, Type candidate) {
    if (candidate == type)
      found = dtype;
    return candidate == type;
  });
  return found;
}

Type mlir::nm::toType(MLIRContext *context, DType dtype) {
  Type found;
  anyPair(context, [&](DType candidate, Type type) {
    if (candidate == dtype)
      found = type;
    return candidate == dtype;
  });
  return found;
}
