//===- Body.h - A region of scalars on whole matrices -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_CONVERSION_TOATTACC_BODY_H
#define NM_LIB_CONVERSION_TOATTACC_BODY_H

#include "ProgramEmitter.h"

namespace mlir::attacc {

/// The body of an operation over a matrix of elements. Each scalar operation is
/// one instruction on all of them, but for activations, which are found however
/// they are spelled; what nobody asks for is not computed.
class ProgramEmitter::Body {
public:
  Body(ProgramEmitter &emitter, Operation *op, Block &block, int64_t rows,
       int64_t cols)
      : e(emitter), op(op), block(block), rows(rows), cols(cols) {}

  void bind(Value argument, Cell cell);
  /// A value of the block, in `dest` if that is given and the value is not an
  /// argument or a number.
  FailureOr<Cell> get(Value value, std::optional<isa::TensorId> dest);
  /// The same, in `dest` in any case.
  LogicalResult write(Value value, isa::TensorId dest);

private:
  FailureOr<Cell> compute(Operation &inner, std::optional<isa::TensorId> dest);
  FailureOr<Cell> binary(isa::BinaryKind kind, Operation &inner,
                         std::optional<isa::TensorId> dest);
  FailureOr<Cell> unary(isa::UnaryKind kind, Operation &inner,
                        std::optional<isa::TensorId> dest);
  FailureOr<Cell> power(Value base, int64_t exponent,
                        std::optional<isa::TensorId> dest);
  FailureOr<Cell> swish(layer::SwishOp inner,
                        std::optional<isa::TensorId> dest);
  FailureOr<Cell> least(Value l, Value r, std::optional<isa::TensorId> dest);
  /// As the expression that it is of the arguments.
  FailureOr<Cell> whole(Operation &inner, std::optional<isa::TensorId> dest);
  LogicalResult refuse(Operation &inner);
  /// What the operations before `last` compute of the arguments.
  void findExpressions();

  ProgramEmitter &e;
  Operation *op;
  Block &block;
  int64_t rows, cols;
  DenseMap<Value, Cell> cells;
  std::optional<DenseMap<Value, Expression>> expressions;
};

} // namespace mlir::attacc

#endif // NM_LIB_CONVERSION_TOATTACC_BODY_H
