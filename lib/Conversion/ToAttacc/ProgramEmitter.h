//===- ProgramEmitter.h - A function becomes a program -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every tensor of the program is a matrix [rows, cols] in row-major order; the
// values of the function that are the same elements in another shape are the
// same tensor. Elementwise values stay expressions until something needs them.
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_CONVERSION_TOATTACC_PROGRAMEMITTER_H
#define NM_LIB_CONVERSION_TOATTACC_PROGRAMEMITTER_H

#include "Expression.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/Remarks.h"
#include "nm/Conversion/ToAttacc/ToAttacc.h"
#include "nm/Dialect/Flat/IR/FlatDialect.h"
#include "nm/Dialect/NM/IR/NMDialect.h"
#include "nm/Isa/Kernels/Kernels.h"
#include <map>

namespace mlir::attacc {

namespace isa = ::nm::isa;
namespace model = ::nm::model;

/// A choice that was made for `op`.
inline remark::detail::InFlightRemark chosenRemark(Operation *op,
                                                   StringRef name) {
  return remark::passed(op->getLoc(), remark::RemarkOpts::name(name).category(
                                          "convert-to-attacc"));
}

class ProgramEmitter {
public:
  ProgramEmitter(func::FuncOp func, const ProgramOptions &options);

  FailureOr<isa::Program> run();

private:
  /// What is known of a value.
  struct Known {
    Expression value;
    int64_t rows = 1, cols = 1;
  };

  // ProgramEmitter.cpp
  LogicalResult inlineCalls();
  LogicalResult declareArguments();
  LogicalResult emit(Operation *op);
  LogicalResult emitReturn(func::ReturnOp op);
  /// The value itself, under reshapes.
  static Value strip(Value value);
  /// Columns of the matrix that holds a value: heads and their width where
  /// attention wants positions as rows.
  int64_t columnsOf(Value value);
  isa::TensorId declare(isa::Tensor tensor);
  /// Where a value goes: the function's result if it is one.
  FailureOr<isa::TensorId> destination(Value value, int64_t rows, int64_t cols);
  void define(Value value, isa::TensorId tensor);
  /// The tensor of a value, worked out now if it was not yet.
  FailureOr<isa::TensorId> materialize(Value value, Operation *user);
  FailureOr<Known> lookup(Value value, Operation *user);
  FailureOr<isa::TensorId> parameter(nm::ParamOp op, isa::Part part,
                                     std::vector<int64_t> shape, isa::Type type,
                                     isa::SparsePattern pattern = {});
  FailureOr<isa::TensorId> constantTensor(DenseElementsAttr elements,
                                          std::vector<int64_t> shape,
                                          Operation *user);
  isa::TensorId constantVector(double value, int64_t cols);
  FailureOr<isa::Type> hostType(Type type, Operation *op);
  LogicalResult check(const isa::Status &status, Operation *op);

  // Elementwise.cpp
  LogicalResult emitGeneric(linalg::GenericOp op);
  LogicalResult emitSoftmax(linalg::SoftmaxOp op);
  /// An operand as the body sees it, for loops of the given ranges.
  FailureOr<Expression> operandExpression(Value operand, AffineMap map,
                                          ArrayRef<int64_t> ranges,
                                          int64_t &cols, Operation *op);
  FailureOr<Expression> evaluate(Block &body, ValueRange arguments,
                                 ArrayRef<Expression> values, Operation *op);
  std::optional<Expression> evaluateOp(Operation &op,
                                       function_ref<Expression(Value)> get);

  // Work.cpp
  LogicalResult work(const Expression &value, int64_t rows, int64_t cols,
                     isa::TensorId dest, Operation *op);
  FailureOr<isa::TensorId> workOut(const Expression &value, int64_t rows,
                                   int64_t cols, Operation *op);
  /// `value` as a product of a tensor or vector, an atom, and a rest that fits.
  struct Split {
    int atom;
    Expression rest;
  };
  std::optional<Split> split(const Expression &value,
                             function_ref<bool(const Expression &)> fits);
  LogicalResult workSum(const Expression &value, int64_t rows, int64_t cols,
                        isa::TensorId dest, Operation *op);

  // Products.cpp
  LogicalResult emitMatmul(nm::MatmulOp op);
  LogicalResult emitContraction(linalg::GenericOp op);
  /// `value` of the accumulator of input times weight; the result of `op`.
  LogicalResult emitProduct(Operation *op, const model::ProjectionShape &shape,
                            isa::TensorId input, const isa::Weight &weight,
                            const Expression &value);
  FailureOr<isa::Weight> weightOf(nm::MatmulOp op, int64_t in, int64_t out);
  /// The epilogue that computes `value` of the accumulator; nothing if none
  /// does.
  std::optional<isa::Epilogue> matchEpilogue(const Expression &value);
  /// The same of a part of `value`, and what that is to be multiplied by.
  std::optional<std::pair<isa::Epilogue, Expression>>
  matchGatedEpilogue(const Expression &value);

  // Attention.cpp
  LogicalResult emitAttention(flat::AttentionOp op);
  FailureOr<isa::HeadsView> headsView(flat::AttentionOp op,
                                      flat::AttentionOp::Role role,
                                      isa::TensorId tensor);
  FailureOr<model::Dataflow> chooseDataflow(flat::AttentionOp op,
                                            const model::AttentionShape &shape,
                                            const isa::AttentionScore &score);

  func::FuncOp func;
  const ProgramOptions &options;
  const model::Device &device;
  isa::Builder b;
  Expressions x;
  DenseMap<Value, Known> values;
  DenseMap<Value, int64_t> results;     ///< stripped value to number of result
  llvm::SmallDenseSet<int64_t> written; ///< results that are in place
  std::map<std::string, isa::TensorId> tensors; ///< parameters, constants
  int64_t scratchCount = 0;
};

} // namespace mlir::attacc

#endif // NM_LIB_CONVERSION_TOATTACC_PROGRAMEMITTER_H
