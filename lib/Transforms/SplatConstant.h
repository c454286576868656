//===- SplatConstant.h - A number in every element of a type -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_TRANSFORMS_SPLATCONSTANT_H
#define NM_LIB_TRANSFORMS_SPLATCONSTANT_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::nm {

/// `scalar` as a constant of `type`, a scalar's or a vector's.
inline Value splatConstant(ImplicitLocOpBuilder &b, Type type,
                           TypedAttr scalar) {
  if (auto shaped = dyn_cast<ShapedType>(type))
    return arith::ConstantOp::create(b, DenseElementsAttr::get(shaped, scalar));
  return arith::ConstantOp::create(b, scalar);
}

} // namespace mlir::nm

#endif // NM_LIB_TRANSFORMS_SPLATCONSTANT_H
