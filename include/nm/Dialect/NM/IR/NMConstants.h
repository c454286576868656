//===- NMConstants.h - Constants in N:M layouts -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_NM_IR_NMCONSTANTS_H
#define NM_DIALECT_NM_IR_NMCONSTANTS_H

#include "nm/Dialect/NM/IR/NMDialect.h"

namespace mlir::nm {

/// The elements of a constant, also of one that exporters keep in a resource
/// blob; null if `value` is none.
DenseElementsAttr getConstantElements(Value value);

/// `source` with all but the N largest magnitudes of every group zeroed; null
/// if its element type is not f32, bf16, f16 or i8.
DenseElementsAttr pruneConstant(DenseElementsAttr source,
                                SparsityAttr sparsity);

/// The storage of a dense constant in `layout` (values, then metadata). Fails
/// if a group holds more than N non-zeros.
FailureOr<SmallVector<DenseElementsAttr>>
packConstant(DenseElementsAttr source, RankedTensorType encodedType,
             LayoutAttr layout);

/// Whether a dense constant is what an encoded type claims: its pattern holds,
/// and its values are scales times integers if the type says so.
bool fitsConstant(DenseElementsAttr source, RankedTensorType encodedType);

/// How many consecutive rows (4, 2 or 1) of a dense constant keep the same
/// positions.
int64_t countSharedRows(DenseElementsAttr source, RankedTensorType encodedType);

/// Converts constant storage from one layout to another, exactly.
FailureOr<SmallVector<DenseElementsAttr>>
convertConstant(ArrayRef<DenseElementsAttr> storage,
                RankedTensorType encodedType, LayoutAttr from, LayoutAttr to);

/// The tightest N:M of a constant along `axis`: the smallest N/M over the
/// candidate M (2, 4, 8, 16, 32, 64 and, when none of those fits, every M up to
/// 64 that divides the dimension). Fails if the constant is dense along it.
FailureOr<SparsityAttr> detectSparsity(DenseElementsAttr source, int64_t axis);

} // namespace mlir::nm

#endif // NM_DIALECT_NM_IR_NMCONSTANTS_H
