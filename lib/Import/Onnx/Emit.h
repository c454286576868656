//===- Emit.h - Tensors, sizes and loops for the ONNX importer -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the families of operators share. Nothing here knows ONNX nodes: values,
// sizes that fold, and the few forms that everything is written in: element by
// element, generated from indices, reduced, reshaped.
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_IMPORT_ONNX_EMIT_H
#define NM_LIB_IMPORT_ONNX_EMIT_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/Builders.h"
#include "nm/Runtime/Onnx.h"
#include <optional>

namespace mlir::nm::onnx {

using namespace ::nm::onnx;

/// Sizes: constants, or index values where only the call knows them. Two sizes
/// with one symbol are one value, and equal arithmetic gives equal values.
using Dims = SmallVector<OpFoldResult, 4>;

/// A tensor on its way through the graph.
struct Val {
  /// Null until somebody asks for it (Emit::tensor) where the content is known.
  Value tensor;
  int32_t type = Undefined;
  Dims shape;
  /// Elements of a small tensor, row-major: constants (index for integers and
  /// truth values, f64 for floats) or index values. Shape arithmetic is done on
  /// these.
  std::optional<SmallVector<OpFoldResult, 8>> content;
  /// Which argument of the function it is, if it is one: its values may be
  /// known to whoever runs the model now.
  std::optional<size_t> argument;

  int64_t rank() const { return static_cast<int64_t>(shape.size()); }
  /// The constant elements, if all are known.
  std::optional<SmallVector<int64_t>> ints() const;
  std::optional<SmallVector<double>> floats() const;
};

/// The number without its fraction; beyond 2^62 it is cut off, NaN is 0. (ONNX
/// leaves open what becomes of those; C++ leaves everything open.)
int64_t wholeNumber(double value);

bool isFloatType(int32_t type);
bool isUnsignedType(int32_t type);
/// What elements of a type are computed in: those of f64 in it, all others in
/// f32.
int32_t computedType(int32_t type);

/// Computes a scalar from scalars.
using ScalarFn = llvm::function_ref<Value(OpBuilder &, Location, ValueRange)>;

class Emit {
public:
  Emit(OpBuilder &b, Location loc) : b(b), loc(loc) {}
  OpBuilder &b;
  Location loc;

  // Scalars. -----------------------------------------------------------------

  /// The builtin type of an ONNX element type; null for those without one.
  Type elementType(int32_t type) const;
  Value index(OpFoldResult size);
  Value indexConstant(int64_t value);
  /// A number of any scalar type.
  Value number(Type type, double value);
  Value integer(Type type, int64_t value);
  /// ONNX Cast of one element.
  Value cast(Value scalar, int32_t from, int32_t to);

  // Sizes. -------------------------------------------------------------------

  enum class Arith : uint8_t { Add, Sub, Mul, Div, CeilDiv, Mod, Min, Max };
  /// Folds constants; else an index operation, one for equal operands.
  OpFoldResult compute(Arith kind, OpFoldResult a, OpFoldResult b);
  OpFoldResult add(OpFoldResult a, OpFoldResult b) {
    return compute(Arith::Add, a, b);
  }
  OpFoldResult sub(OpFoldResult a, OpFoldResult b) {
    return compute(Arith::Sub, a, b);
  }
  OpFoldResult mul(OpFoldResult a, OpFoldResult b) {
    return compute(Arith::Mul, a, b);
  }
  OpFoldResult size(int64_t value) { return b.getIndexAttr(value); }
  OpFoldResult product(ArrayRef<OpFoldResult> sizes);
  static bool same(OpFoldResult a, OpFoldResult b);
  static std::optional<int64_t> constant(OpFoldResult size) {
    return getConstantIntValue(size);
  }
  /// What a comparison of two sizes gives in every call, where that is known:
  /// no dimension is negative, nor is a sum or product of dimensions.
  static std::optional<bool> decide(arith::CmpIPredicate predicate,
                                    OpFoldResult a, OpFoldResult b);
  /// Compiled code gives up unless two sizes agree; nothing if they do. False
  /// if they are constants that differ.
  bool require(OpFoldResult found, OpFoldResult expected, const Twine &what);

  // Tensors. -----------------------------------------------------------------

  RankedTensorType tensorType(ArrayRef<OpFoldResult> shape, Type element);
  Value empty(ArrayRef<OpFoldResult> shape, Type element);
  Value filled(ArrayRef<OpFoldResult> shape, Value scalar);
  /// The tensor, made from the content if need be.
  Value tensor(Val &value);
  Val make(Value tensor, int32_t type, ArrayRef<OpFoldResult> shape);
  Val scalarConstant(int32_t type, double value);
  Val known(int32_t type, ArrayRef<OpFoldResult> shape,
            ArrayRef<OpFoldResult> content);
  /// Its only element as a scalar: a constant where it is known.
  Value scalar(Val &value);

  /// Sizes of a result that the operands are broadcast to, as NumPy does;
  /// nothing if they do not fit.
  std::optional<Dims> broadcast(ArrayRef<const Val *> operands);
  std::optional<Dims> broadcast(ArrayRef<Dims> shapes);
  /// From a result's indices to those of an operand that is broadcast to it.
  AffineMap broadcastMap(ArrayRef<OpFoldResult> operand,
                         ArrayRef<OpFoldResult> result);

  /// One result element from one element of each operand, which are broadcast
  /// to `shape`. Operands of one known element become constants of the body.
  Val elementwise(ArrayRef<Val *> operands, int32_t type,
                  ArrayRef<OpFoldResult> shape, ScalarFn body);
  /// `state` changed where it lies, so that a loop carries one buffer: `body`
  /// takes an element of each operand, then the state's.
  Val update(Val &state, ArrayRef<Val *> operands, ScalarFn body);
  /// One result element from its indices.
  Val generate(int32_t type, ArrayRef<OpFoldResult> shape, ScalarFn body);
  Value generateTensor(Type element, ArrayRef<OpFoldResult> shape,
                       ScalarFn body);

  /// Sums, products, extrema. `map` gives the accumulator's form of an element;
  /// reduced dimensions are 1 (`keep`) or gone. The result has the
  /// accumulator's type.
  Value reduce(
      Value input, ArrayRef<OpFoldResult> shape, ArrayRef<int64_t> axes,
      Value initial,
      llvm::function_ref<Value(OpBuilder &, Location, Value element, Value sum)>
          combine,
      bool keep);
  static Dims reducedShape(OpBuilder &b, ArrayRef<OpFoldResult> shape,
                           ArrayRef<int64_t> axes, bool keep);

  /// The same elements in another shape.
  Value reshape(Value input, ArrayRef<OpFoldResult> from,
                ArrayRef<OpFoldResult> to);
  Val reshape(Val &input, ArrayRef<OpFoldResult> to);
  Val transpose(Val &input, ArrayRef<int64_t> permutation);
  Val expand(Val &input, ArrayRef<OpFoldResult> shape);
  Val castTo(Val &input, int32_t type);
  Val slice(Val &input, ArrayRef<OpFoldResult> offsets,
            ArrayRef<OpFoldResult> sizes, ArrayRef<OpFoldResult> strides = {});
  /// All of `input` but a range along one axis.
  Val sliceAxis(Val &input, int64_t axis, OpFoldResult offset,
                OpFoldResult size);
  Val concat(ArrayRef<Val *> inputs, int64_t axis);
  Val gatherAlong(Val &data, Val &indices, int64_t axis);

  /// A contraction: sum over k of the product of operands, as the maps say.
  /// Integers are widened to `accumulator`.
  Value contract(ArrayRef<Value> operands, ArrayRef<AffineMap> maps,
                 ArrayRef<utils::IteratorType> iterators,
                 ArrayRef<OpFoldResult> shape, Type accumulator);
  /// numpy.matmul of floats; the shapes must fit. Null if they do not.
  std::optional<Val> matmul(Val &lhs, Val &rhs, bool transposeRhs = false);

  /// Loops over all indices below `shape`, carrying values.
  ValueRange
  loops(ArrayRef<OpFoldResult> shape, ValueRange initial,
        llvm::function_ref<SmallVector<Value>(OpBuilder &, Location, ValueRange,
                                              ValueRange)>
            body);
  SmallVector<Value> indices(ArrayRef<OpFoldResult> sizes);

  /// With softmax in f32 whatever the storage.
  Val softmax(Val &input, int64_t axis, bool logarithm = false);
  Val unary(Val &input, ScalarFn body);
  Val binary(Val &a, Val &b, ScalarFn body);

  /// Index operations by operands, shared by all nodes of a function.
  struct Memo {
    llvm::DenseMap<std::pair<std::pair<void *, void *>, unsigned>, Value>
        arithmetic;
    llvm::DenseMap<int64_t, Value> constants;
    Block *entry = nullptr;
  };
  Memo *memo = nullptr;
};

} // namespace mlir::nm::onnx

#endif // NM_LIB_IMPORT_ONNX_EMIT_H
