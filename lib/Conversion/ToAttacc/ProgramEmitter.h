//===- ProgramEmitter.h - A function becomes a program -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every tensor of the program is a matrix [rows, cols] in row-major order; the
// values of the function that are the same elements in another shape are the
// same tensor. Elementwise values stay expressions until something needs them,
// transposes, slices and broadcasts views of a tensor.
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_CONVERSION_TOATTACC_PROGRAMEMITTER_H
#define NM_LIB_CONVERSION_TOATTACC_PROGRAMEMITTER_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Remarks.h"
#include "nm/Analysis/Evaluate.h"
#include "nm/Conversion/ToAttacc/ToAttacc.h"
#include "nm/Dialect/Flat/IR/FlatDialect.h"
#include "nm/Dialect/Layer/IR/LayerDialect.h"
#include "nm/Dialect/NM/IR/NMDialect.h"
#include "nm/Dialect/Tile/IR/TileBuilder.h"
#include "nm/Isa/AttentionViews.h"
#include "nm/Isa/Kernels/Strided.h"
#include "nm/Isa/Overflow.h"
#include "nm/Model/Extended.h"
#include "nm/Target/Attacc/Attacc.h"
#include <functional>
#include <map>

namespace mlir::attacc {

namespace isa = ::nm::isa;
namespace model = ::nm::model;

using analysis::Atom;
using analysis::Expression;
using analysis::Expressions;
using analysis::Factor;
using analysis::Term;

/// A choice that was made for `op`.
inline remark::detail::InFlightRemark chosenRemark(Operation *op,
                                                   StringRef name) {
  return remark::passed(op->getLoc(), remark::RemarkOpts::name(name).category(
                                          "convert-to-attacc"));
}

/// The loops of a contraction that is a product of matrices.
struct ContractionLoops {
  /// Of both operands and the result, of each operand alone, of the sum.
  std::vector<int64_t> batch, rows, cols, inner;
  std::vector<int64_t> order; ///< batch, rows, cols
  int64_t batches;            ///< iterations of the batch loops
  model::ProjectionShape shape;
  /// The result lies in that order but for loops of one iteration.
  bool isInOrder;
};

/// A weight in DRAM.
struct Weight {
  /// Dense: [out, in], or [in, out] if `transposed`. N:M: kept values
  /// [out, in / M * N].
  isa::TensorId values;
  bool transposed = false;
  /// N:M only: Part::Indices, [out, bytes].
  isa::TensorId indices;
  isa::SparsePattern pattern; ///< n == m: dense
};

/// What happens to a product before it is written, in this order.
struct Epilogue {
  float scale = 1;
  std::optional<isa::TensorId> bias; ///< [out], rank 1
  std::optional<isa::UnaryKind> activation;
  std::optional<isa::TensorId> residual; ///< [tokens, out]; added
};

/// The rows of the tensors at which a product begins, where several products
/// share them: of the input, of the weight as it is stored, and of the output
/// and the residual.
struct ProductRows {
  int64_t input = 0, weight = 0, output = 0;
};

class ProgramEmitter {
public:
  ProgramEmitter(func::FuncOp func, const ProgramOptions &options);

  /// The program, before `builder`.
  FailureOr<ProgramOp> run(OpBuilder &builder);

private:
  /// What is known of a value.
  struct MatrixExpression {
    Expression value;
    int64_t rows = 1, cols = 1;
  };

  /// A value of elementwise code: a matrix, a vector that is the same in all
  /// rows, or a number.
  struct Cell {
    std::optional<isa::TensorId> tensor;
    double number = 0;
  };

  /// While it lives, what is emitted is emitted for an operation.
  class Reason {
  public:
    Reason(ProgramEmitter &emitter, Operation *op)
        : emitter(emitter), before(emitter.reason) {
      emitter.setReason(op->getLoc());
    }
    ~Reason() { emitter.setReason(before); }
    Reason(const Reason &) = delete;
    Reason &operator=(const Reason &) = delete;

  private:
    ProgramEmitter &emitter;
    Location before;
  };

  // ProgramEmitter.cpp
  void setReason(Location location);
  ProgramLocations finishLocations(const isa::Program &program);
  LogicalResult inlineCalls();
  LogicalResult declareArguments();
  LogicalResult emit(Operation *op);
  LogicalResult emitReturn(func::ReturnOp op);
  /// The value itself, under reshapes and what says its pattern.
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
  FailureOr<MatrixExpression> lookup(Value value, Operation *user);
  FailureOr<isa::Type> hostType(Type type, Operation *op);
  LogicalResult check(const isa::Status &status, Operation *op);

  // Constants.cpp
  FailureOr<isa::TensorId> parameter(nm::ParamOp op, isa::Part part,
                                     std::vector<int64_t> shape, isa::Type type,
                                     isa::SparsePattern pattern = {});
  FailureOr<isa::TensorId> constantTensor(DenseElementsAttr elements,
                                          std::vector<int64_t> shape,
                                          Operation *user);
  /// `bytes` of elements of i8 or floats of the program's type.
  isa::TensorId constantBytes(isa::Type type, std::vector<int64_t> shape,
                              std::vector<uint8_t> bytes);
  isa::TensorId constantVector(double value, int64_t cols);
  /// One line if numbers of the model became infinite in a constant, at the
  /// operation that it is for.
  void warnOfOverflow(isa::TensorId tensor, const isa::Overflow &overflow);
  /// `value` in every element of `dest`, of which `lasting` stay.
  LogicalResult emitFill(double value, isa::TensorId dest, int64_t lasting,
                         Operation *op);
  /// The weight of a product; [in, out] or [out, in].
  FailureOr<Weight> weightOf(nm::MatmulOp op, int64_t in, int64_t out);
  FailureOr<Weight> constantWeight(nm::MatmulOp op, DenseElementsAttr elements,
                                   int64_t in, int64_t out);

  // Views.cpp
  /// The value as elements of a tensor that exists, from now on if not yet.
  FailureOr<isa::Strided> view(Value value, Operation *user);
  /// Whether it is a view that nobody has moved into place yet.
  bool isView(Value value) {
    value = strip(value);
    return views.contains(value) && !values.contains(value);
  }
  /// The operand as loops of the given ranges read it; nothing if the map has
  /// other results than loops and constants.
  static std::optional<isa::Strided> throughMap(const isa::Strided &operand,
                                                AffineMap map,
                                                ArrayRef<int64_t> ranges);
  /// A tensor of that shape with the view's elements in order: the view's own,
  /// or a copy.
  FailureOr<isa::TensorId> inPlace(const isa::Strided &view,
                                   std::vector<int64_t> shape, Operation *user);
  /// The value as a matrix of that shape.
  FailureOr<isa::TensorId> matrix(Value value, int64_t rows, int64_t cols,
                                  Operation *user);
  LogicalResult copy(const isa::Strided &from, const isa::Strided &to,
                     Operation *op);
  /// A transpose, broadcast or copy becomes a view. False for anything else.
  FailureOr<bool> emitView(linalg::GenericOp op);
  LogicalResult emitSlice(tensor::ExtractSliceOp op);
  LogicalResult emitInsert(tensor::InsertSliceOp op);
  LogicalResult emitConcat(tensor::ConcatOp op);
  LogicalResult emitPad(tensor::PadOp op);

  // Elementwise.cpp
  LogicalResult emitGeneric(linalg::GenericOp op);
  /// False if it is no expression that is worked out as a whole.
  FailureOr<bool> emitExpression(linalg::GenericOp op);
  LogicalResult emitSoftmax(linalg::SoftmaxOp op);
  /// The tensor [rows, cols] that `value` is a multiple of, and the factor;
  /// nothing if it is something else.
  FailureOr<std::optional<std::pair<isa::TensorId, double>>>
  scaledTensor(Value value, int64_t rows, int64_t cols, Operation *op);
  /// Rows that a norm takes apart, and their elements.
  static FailureOr<std::pair<int64_t, int64_t>>
  normalizedRows(Operation *op, RankedTensorType type, uint64_t axis);
  LogicalResult emitNorm(layer::NormOp op);
  LogicalResult emitRMSNorm(layer::RMSNormOp op);
  /// The elements of `value` in one row; `otherwise` in each if it is null.
  FailureOr<isa::TensorId> rowOf(Value value, double otherwise, int64_t cols,
                                 Operation *op);
  /// An operand as the body sees it, for loops of the given ranges: as the
  /// expression that it is, or nothing.
  FailureOr<std::optional<Expression>> readInPlace(Value operand, AffineMap map,
                                                   ArrayRef<int64_t> ranges,
                                                   int64_t &cols,
                                                   Operation *op);
  /// The same, moved where it has to be; nothing if the map says no view.
  FailureOr<std::optional<Expression>>
  operandExpression(Value operand, AffineMap map, ArrayRef<int64_t> ranges,
                    int64_t &cols, Operation *op);
  std::optional<Expression> evaluate(Block &body, ValueRange arguments,
                                     ArrayRef<Expression> values);

  // EmitExpression.cpp
  /// One instruction that computes `value` of an expression.
  struct Function {
    isa::UnaryKind kind;
    Expression argument;
  };
  std::optional<Function> matchFunction(const Expression &value);
  /// Whether emitExpression() has instructions for it.
  bool isEmittable(const Expression &value, int64_t cols);
  LogicalResult emitExpression(const Expression &value, int64_t rows,
                               int64_t cols, isa::TensorId dest, Operation *op);
  FailureOr<isa::TensorId> materialize(const Expression &value, int64_t rows,
                                       int64_t cols, Operation *op);
  /// `value` as a product of a tensor or vector, an atom, and a rest that fits.
  struct Split {
    int atom;
    Expression rest;
  };
  std::optional<Split> split(const Expression &value,
                             function_ref<bool(const Expression &)> fits);
  LogicalResult emitSum(const Expression &value, int64_t rows, int64_t cols,
                        isa::TensorId dest, Operation *op);

  // Rows.cpp
  /// What an operator makes of its inputs, whose values come as tiles: the rows
  /// of its output, of the type given.
  using RowsBody =
      std::function<Value(tiles::TileBuilder &, ValueRange, RankedTensorType)>;
  /// An operator on the rows of [rows, cols] tensors and on vectors, as
  /// tile.rows; `name` is what errors call it.
  void emitRows(StringRef name, std::vector<isa::TensorId> inputs,
                isa::TensorId dest, RowsBody body);
  void emitUnary(isa::UnaryKind kind, isa::TensorId source, isa::TensorId dest);
  /// `rhs` is a matrix or a vector.
  void emitElementwise(isa::BinaryKind kind, isa::TensorId lhs,
                       isa::TensorId rhs, isa::TensorId dest);

  // Cells.cpp
  isa::TensorId temporary(int64_t rows, int64_t cols);
  bool isMatrix(const Cell &cell) const {
    return cell.tensor && b[*cell.tensor].shape.size() == 2;
  }
  LogicalResult fillMatrix(const Cell &cell, isa::TensorId dest, Operation *op);
  FailureOr<isa::TensorId> matrixOf(const Cell &cell, int64_t rows,
                                    int64_t cols, Operation *op);
  /// kind(lhs, rhs), in `dest` if there is one.
  FailureOr<Cell> combine(isa::BinaryKind kind, Cell lhs, Cell rhs,
                          int64_t rows, int64_t cols,
                          std::optional<isa::TensorId> dest, Operation *op);
  FailureOr<Cell> apply(isa::UnaryKind kind, const Cell &source, int64_t rows,
                        int64_t cols, std::optional<isa::TensorId> dest,
                        Operation *op);

  // Direct.cpp
  class Body;
  /// An operation over elements, as it is written, scalar by scalar. The only
  /// result goes to `dest` if there is one.
  LogicalResult emitDirect(linalg::GenericOp op,
                           std::optional<isa::TensorId> dest = std::nullopt);
  LogicalResult emitReduction(linalg::GenericOp op, OpOperand &init, Body &body,
                              isa::BinaryKind kind, bool isNegated,
                              Value reduced, int64_t rows, int64_t cols,
                              std::optional<isa::TensorId> dest);
  LogicalResult reduceRows(isa::BinaryKind kind, isa::TensorId source,
                           isa::TensorId dest, Operation *op);
  /// Elements as rows of `cols`: a matrix, or a vector if all rows are alike.
  FailureOr<Cell> cellOf(const isa::Strided &elements, int64_t rows,
                         int64_t cols, Operation *op);
  /// An operand as loops read it, `order` being theirs from the outermost in.
  FailureOr<Cell> readCell(Value operand, AffineMap map,
                           ArrayRef<int64_t> ranges,
                           const std::vector<int64_t> &order, int64_t rows,
                           int64_t cols, Operation *op);
  /// The epilogue of a product that is in place.
  LogicalResult emitEpilogue(nm::MatmulOp op, const isa::Strided &product);

  // Products.cpp
  LogicalResult emitMatmul(nm::MatmulOp op);
  LogicalResult emitContraction(linalg::GenericOp op);
  /// Activations by a weight that lies as one, with what they are added to,
  /// `before`.
  LogicalResult emitByWeight(linalg::GenericOp op,
                             const ContractionLoops &loops,
                             const isa::Strided &left,
                             const isa::Strided &right,
                             const Expression &before);
  /// The result of `op`: sums along the loops `order`, and `before`.
  LogicalResult addSums(linalg::GenericOp op, ArrayRef<int64_t> order,
                        const isa::Strided &sums, const Expression &before);
  /// `value` of the accumulator of input times weight; the result of `op`.
  LogicalResult emitProduct(Operation *op, const model::ProjectionShape &shape,
                            isa::TensorId input, const Weight &weight,
                            const Expression &value);
  /// Any other than activations by a weight: batches, a transposed or N:M left
  /// side.
  LogicalResult emitProducts(nm::MatmulOp op);
  /// dest [tokens, out] = epilogue(input [tokens, in] times weight), as
  /// tile.product.
  void emitPlainProduct(const model::ProjectionShape &shape,
                        isa::TensorId input, const Weight &weight,
                        isa::TensorId dest, const Epilogue &epilogue = {},
                        const ProductRows &rows = {});
  /// dest = lhs by rhs for each batch: [batch.., rows, inner] by [batch..,
  /// cols, inner] to [batch * rows, cols].
  LogicalResult emitBatches(Operation *op, int64_t batches,
                            const model::ProjectionShape &shape,
                            const isa::Strided &lhs, const isa::Strided &rhs,
                            isa::TensorId dest);
  /// The epilogue that computes `value` of the accumulator; nothing if none
  /// does.
  std::optional<Epilogue> matchEpilogue(const Expression &value);
  /// The same of a part of `value`, and what that is to be multiplied by.
  std::optional<std::pair<Epilogue, Expression>>
  matchGatedEpilogue(const Expression &value);

  // Attention.cpp
  LogicalResult emitAttention(flat::AttentionOp op);
  FailureOr<isa::HeadsView> headsView(flat::AttentionOp op,
                                      flat::AttentionOp::Role role);
  /// Elements (b, h, n, d) where they are; nothing if heads are no boxes.
  std::optional<isa::HeadsView> findHeads(const isa::Strided &elements);
  /// What is added to the logits, `bias` by `map`, as the kernel reads it.
  LogicalResult emitBias(flat::AttentionOp op, Value bias, AffineMap map,
                         const model::AttentionShape &shape,
                         isa::AttentionScore &score);
  /// Makes the operation in a dataflow, from the program's tensors.
  using AttentionMaker = function_ref<void(
      OpBuilder &, Location, ArrayRef<Value> tensors, const model::Dataflow &)>;
  FailureOr<model::Dataflow> chooseDataflow(flat::AttentionOp op,
                                            const model::AttentionShape &shape,
                                            const isa::AttentionScore &score,
                                            AttentionMaker make);
  /// The best of the search that has a program.
  FailureOr<model::Dataflow> searchDataflow(flat::AttentionOp op,
                                            const model::AttentionShape &shape,
                                            const isa::AttentionScore &score,
                                            AttentionMaker make);
  /// Whether a program holds the instructions of one, found by writing it.
  isa::Status tryProgram(const model::Dataflow &flow, AttentionMaker make);

  func::FuncOp func;
  const ProgramOptions &options;
  const model::Device &device;
  isa::Builder b;
  Expressions algebra;
  DenseMap<Value, MatrixExpression> values;
  DenseMap<Value, isa::Strided> views;
  /// Results of insertions that another one goes on with.
  DenseMap<Value, isa::TensorId> unfinished;
  /// Copies of views, by tensor, offset, sizes, strides and shape.
  std::map<std::tuple<uint32_t, int64_t, std::vector<int64_t>,
                      std::vector<int64_t>, std::vector<int64_t>>,
           isa::TensorId>
      copies;
  DenseMap<Value, int64_t> results;     ///< stripped value to number of result
  llvm::SmallDenseSet<int64_t> written; ///< results that are in place
  std::map<std::string, isa::TensorId> tensors; ///< parameters, constants
  /// Elements of the model in a shape, by their attribute.
  std::map<std::pair<const void *, std::vector<int64_t>>, isa::TensorId>
      constants;
  int64_t scratchCount = 0;
  /// Operators on rows, by the instruction that they stand before.
  std::vector<ProgramInsertion> insertions;
  Location reason;
  SmallVector<Location> reasons;              ///< by Instruction::source
  DenseMap<uint32_t, Location> tensorReasons; ///< those of the emitter's own
};

} // namespace mlir::attacc

#endif // NM_LIB_CONVERSION_TOATTACC_PROGRAMEMITTER_H
