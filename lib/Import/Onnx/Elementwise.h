//===- Elementwise.h - What elementwise operators share -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_IMPORT_ONNX_ELEMENTWISE_H
#define NM_LIB_IMPORT_ONNX_ELEMENTWISE_H

#include "Node.h"
#include "Scalars.h"

namespace mlir::nm::onnx {

/// One operand of floating point.
LogicalResult unary(NodeEmit &n,
                    llvm::function_ref<Value(Scalar &, Value)> body);

using Unary = Value (*)(Scalar &, Value);
template <Unary body> LogicalResult unary(NodeEmit &n) {
  return unary(n, body);
}

/// An operation of math or arith as it is.
template <typename Op> Value direct(Scalar &s, Value x) {
  return Op::create(s.b, s.loc, x).getResult();
}

/// All operands have the type of the first.
LogicalResult sameTypes(NodeEmit &n);

} // namespace mlir::nm::onnx

#endif // NM_LIB_IMPORT_ONNX_ELEMENTWISE_H
