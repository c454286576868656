//===- BufferSizes.h - Sizes that are known where a function begins -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_TRANSFORMS_BUFFERSIZES_H
#define NM_LIB_TRANSFORMS_BUFFERSIZES_H

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include <optional>

namespace mlir::nm {

/// Indices as expressions of what is known before one operation of a function:
/// sizes of arguments above all.
class BufferSizes {
public:
  /// Each a choice of sizes for the arguments: all alike, or those of one
  /// dimension, the batch or the length, other than the rest.
  static constexpr int kSamples = 12;

  explicit BufferSizes(Operation *place) : place(place), known(kSamples + 1) {}

  /// What `value` folds to.
  std::optional<int64_t> constantOf(Value value) {
    return evaluate(value, kNoSample);
  }
  /// What `value` is in a sample; never negative.
  int64_t sampleOf(Value value, int sample);

  /// Whether computeAtPlace can make it.
  bool isComputable(Value value);
  /// The same index before the place, by copies of what it is computed from.
  Value computeAtPlace(Value value);

private:
  static constexpr int kNoSample = -1;
  /// A size, or where there is none a dimension of a buffer that is no view.
  struct Factor {
    OpFoldResult size;
    Value buffer;
    int64_t dimension = 0;
  };
  static int64_t numberOf(int64_t dimension, int sample);
  /// What a dimension of a buffer is the product of, through views.
  static bool findFactors(Value buffer, int64_t dimension,
                          SmallVectorImpl<Factor> &factors);
  /// The same of a memref.dim; nothing of other operations.
  static std::optional<SmallVector<Factor, 2>> factorsOf(Operation *op);
  bool isBefore(Value value) const;
  std::optional<int64_t> evaluateFactors(ArrayRef<Factor> factors, int sample);
  Value makeFactors(ArrayRef<Factor> factors);
  std::optional<int64_t> evaluate(Value value, int sample);
  std::optional<int64_t> fold(Operation *op, int sample);

  Operation *place;
  /// By sample, the first without one.
  std::vector<llvm::DenseMap<Value, std::optional<int64_t>>> known;
  llvm::DenseMap<Value, bool> computable;
  IRMapping copies;
  llvm::DenseMap<std::pair<Value, int64_t>, Value> dimensions;
};

} // namespace mlir::nm

#endif // NM_LIB_TRANSFORMS_BUFFERSIZES_H
