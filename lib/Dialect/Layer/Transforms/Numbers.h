//===- Numbers.h - Arithmetic on numbers of one type -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_LAYER_TRANSFORMS_NUMBERS_H
#define NM_LIB_DIALECT_LAYER_TRANSFORMS_NUMBERS_H

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace mlir::layer {

/// The type that elements of `type` are computed in, scalars or vectors.
inline Type wideType(Type type) {
  Type element = getElementTypeOrSelf(type);
  Type wide = element.getIntOrFloatBitWidth() < 32
                  ? Float32Type::get(type.getContext())
                  : element;
  auto shaped = dyn_cast<ShapedType>(type);
  return shaped ? shaped.clone(wide) : wide;
}

inline Value convert(OpBuilder &b, Location loc, Value value, Type type) {
  unsigned from = getElementTypeOrSelf(value.getType()).getIntOrFloatBitWidth(),
           to = getElementTypeOrSelf(type).getIntOrFloatBitWidth();
  if (from < to)
    return arith::ExtFOp::create(b, loc, type, value);
  if (from > to)
    return arith::TruncFOp::create(b, loc, type, value);
  return value;
}

/// Arithmetic on numbers, or vectors of them, of one type.
struct Numbers {
  OpBuilder &b;
  Location loc;
  Type type;

  Value number(double value) const {
    auto element = b.getFloatAttr(getElementTypeOrSelf(type), value);
    if (auto shaped = dyn_cast<ShapedType>(type))
      return arith::ConstantOp::create(b, loc,
                                       DenseElementsAttr::get(shaped, element));
    return arith::ConstantOp::create(b, loc, element);
  }
  Value add(Value x, Value y) const {
    return arith::AddFOp::create(b, loc, x, y);
  }
  Value subtract(Value x, Value y) const {
    return arith::SubFOp::create(b, loc, x, y);
  }
  Value multiply(Value x, Value y) const {
    return arith::MulFOp::create(b, loc, x, y);
  }
  Value divide(Value x, Value y) const {
    return arith::DivFOp::create(b, loc, x, y);
  }
};

} // namespace mlir::layer

#endif // NM_LIB_DIALECT_LAYER_TRANSFORMS_NUMBERS_H
