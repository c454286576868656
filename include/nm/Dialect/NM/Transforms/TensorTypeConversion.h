//===- TensorTypeConversion.h - Changing the encoding of tensors -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_NM_TRANSFORMS_TENSORTYPECONVERSION_H
#define NM_DIALECT_NM_TRANSFORMS_TENSORTYPECONVERSION_H

#include "mlir/Transforms/DialectConversion.h"
#include <functional>

namespace mlir::nm {

/// What takes the place of a constant: a value of `type`, to which its type
/// is converted, made of its elements as a tensor without encoding.
using WrapConstant = Value (*)(OpBuilder &builder, Location loc, Type type,
                               Value dense);

/// A conversion that replaces the encodings of tensors. It has the patterns and
/// the legality of everything that only passes tensors on: functions, calls,
/// branches, scf, constants, and operations without regions (tensor.empty,
/// arith.select, casts).
class TensorTypeConversion {
public:
  /// `convert` gives the type that takes the place of a tensor's; nothing if
  /// it stays.
  TensorTypeConversion(
      MLIRContext *context,
      std::function<std::optional<Type>(RankedTensorType)> convert,
      WrapConstant wrap);
  TensorTypeConversion(const TensorTypeConversion &) = delete;

  template <typename... Patterns> void add() {
    patterns.add<Patterns...>(converter, patterns.getContext());
  }
  /// The conversion of an operation that is one function, which needs no type
  /// but those of the operands that it is given.
  template <typename Op>
  void add(LogicalResult (*convert)(Op, typename Op::Adaptor,
                                    ConversionPatternRewriter &)) {
    struct Pattern : OpConversionPattern<Op> {
      Pattern(const TypeConverter &converter, MLIRContext *context,
              decltype(convert) convert)
          : OpConversionPattern<Op>(converter, context), convert(convert) {}
      LogicalResult
      matchAndRewrite(Op op, typename Op::Adaptor adaptor,
                      ConversionPatternRewriter &rewriter) const override {
        return convert(op, adaptor, rewriter);
      }

    private:
      decltype(convert) convert;
    };
    patterns.add<Pattern>(converter, patterns.getContext(), convert);
  }
  /// Fails where an operation stays that the target does not know as legal.
  LogicalResult apply(Operation *root) {
    return applyFullConversion(root, target, std::move(patterns));
  }

  TypeConverter converter;
  RewritePatternSet patterns;
  ConversionTarget target;
};

} // namespace mlir::nm

#endif // NM_DIALECT_NM_TRANSFORMS_TENSORTYPECONVERSION_H
