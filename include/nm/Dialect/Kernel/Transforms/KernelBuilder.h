//===- KernelBuilder.h - Index arithmetic and vectors of kernels -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_KERNEL_TRANSFORMS_KERNELBUILDER_H
#define NM_DIALECT_KERNEL_TRANSFORMS_KERNELBUILDER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::kernel {

/// ImplicitLocOpBuilder with the index arithmetic that kernels are made of.
class KernelBuilder : public ImplicitLocOpBuilder {
public:
  using ImplicitLocOpBuilder::ImplicitLocOpBuilder;

  Value index(int64_t value);
  Value add(Value a, Value b);
  Value add(Value a, int64_t b);
  Value sub(Value a, Value b);
  Value mul(Value a, Value b);
  Value mul(Value a, int64_t b);
  Value min(Value a, Value b);
  Value ceilDiv(Value a, int64_t b);
  /// `value` rounded down or up to a multiple of `unit`; value >= 0.
  Value roundDown(Value value, int64_t unit);
  Value roundUp(Value value, int64_t unit);

  /// A choice without results.
  void either(Value condition, function_ref<void()> then,
              function_ref<void()> otherwise);
  /// Loop without results; `body` receives the induction variable.
  void loop(Value lower, Value upper, int64_t step,
            function_ref<void(Value)> body);
  /// Loops from 0 to the bounds, of several threads if `parallel`.
  void forEach(ArrayRef<Value> bounds, bool parallel,
               function_ref<void(ValueRange)> body);
  void ifThen(Value condition, function_ref<void()> body);

  /// a + b and a b + sum of vectors, floating-point (fused) or integer.
  Value addNumbers(Value a, Value b);
  Value multiplyAdd(Value a, Value b, Value sum);

  /// Zero of an element or vector type.
  Value zero(Type type);
  /// Converts a scalar or vector between f32, bf16, f16, i8 and i32.
  Value convert(Value value, Type element);
  /// `lanes` elements of the memref from `indices` on along its last dimension.
  Value loadVector(Value memref, ValueRange indices, int64_t lanes);
  void storeVector(Value vector, Value memref, ValueRange indices);
  /// The f32 whose bytes are four neighbours in an i8 memref, aligned to
  /// nothing.
  Value loadFloatOfBytes(Value memref, ValueRange indices);
  /// Asks for the line of an element that is read later, into L2.
  void prefetch(Value memref, ValueRange indices);
  Value shuffle(Value a, Value b, ArrayRef<int64_t> mask);
  /// `scalar` in all lanes.
  Value splat(Value scalar, int64_t lanes);
  /// An instruction of the target by LLVM's name for it.
  Value callIntrinsic(StringRef name, Type result, ValueRange operands);
  /// Transposes `rows.size()` vectors of as many lanes, in registers.
  SmallVector<Value> transpose(ArrayRef<Value> rows);

  /// Elements of a 1-D buffer from `offset` on, in units of its own stride, as
  /// a memref of these sizes and strides.
  Value view(Value buffer, OpFoldResult offset, ArrayRef<OpFoldResult> sizes,
             ArrayRef<OpFoldResult> strides);
  /// Elements from `offsets` on as a memref of the sizes `kept`: of `sizes`
  /// those that are not one.
  Value slice(Value memref, ArrayRef<OpFoldResult> offsets,
              ArrayRef<OpFoldResult> sizes, ArrayRef<OpFoldResult> kept);
  /// What of `size` elements the piece from `from`, a multiple of `piece`, on
  /// may have: all of a piece where they are known to be whole ones.
  OpFoldResult restFrom(Value from, Value size, int64_t piece);
  /// A matrix with its dimensions exchanged, as a view.
  Value turned(Value matrix);

  /// A register tile (rows x vectors x lanes) of its vectors, row by row, and
  /// the vectors of one.
  Value joinTile(ArrayRef<Value> vectors, int64_t rows);
  SmallVector<Value> splitTile(Value tile);
};

} // namespace mlir::kernel

#endif // NM_DIALECT_KERNEL_TRANSFORMS_KERNELBUILDER_H
