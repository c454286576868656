//===- NMDialect.h - The nm dialect -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_NM_IR_NMDIALECT_H
#define NM_DIALECT_NM_IR_NMDIALECT_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/TensorEncoding.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace mlir::nm {

/// What is known of a run (nm.measure_begin and its kin): no memory of the
/// program.
struct MeasurementsResource
    : public SideEffects::Resource::Base<MeasurementsResource> {
  StringRef getName() final { return "Measurements"; }
};

/// On a module: an array with a dictionary for each measured operation, by its
/// number. nm-insert-measures says what it holds.
constexpr llvm::StringLiteral kMeasuresAttrName = "nm.measures";

} // namespace mlir::nm

#include "nm/Dialect/NM/IR/NMDialect.h.inc"
#include "nm/Dialect/NM/IR/NMEnums.h.inc"
#include "nm/Dialect/NM/IR/NMLayoutInterface.h.inc"
#define GET_ATTRDEF_CLASSES
#include "nm/Dialect/NM/IR/NMAttrs.h.inc"
#define GET_OP_CLASSES
#include "nm/Dialect/NM/IR/NMOps.h.inc"

namespace mlir::nm {

/// Of arguments that nm-externalize-params adds: a checkpoint parameter.
constexpr llvm::StringLiteral kParamAttrName = "nm.param";

/// On an `nm.param`: how many consecutive rows (2 or 4) of the parameter keep
/// the same positions, an IntegerAttr. nm-declare-sparsity sets it from the
/// checkpoint; the loader verifies it.
constexpr llvm::StringLiteral kSharedRowsAttrName = "nm.shared_rows";

/// On a function argument: the number of the result that is written to its
/// memory, an IntegerAttr. nm-return-in-place removes the result.
constexpr llvm::StringLiteral kInPlaceAttrName = "nm.in_place";

/// On such an argument, where the result is longer: the dimension that grows,
/// and the number of the result that says how many rows are in use,
/// IntegerAttrs. nm-grow-caches sets them.
constexpr llvm::StringLiteral kGrowsAttrName = "nm.grows";
constexpr llvm::StringLiteral kRowsAttrName = "nm.rows";

/// On a function argument: the key of the checkpoint parameter that it is, a
/// StringAttr, and the scope if the checkpoint has a name. nm-bind-arguments
/// makes an `nm.param` of it.
constexpr llvm::StringLiteral kBoundKeyAttrName = "nm.param";
constexpr llvm::StringLiteral kBoundScopeAttrName = "nm.scope";

/// The N:M pattern of a tensor type, null if the type has none.
SparsityAttr getSparsity(Type type);

/// `type` without its encoding.
RankedTensorType getDenseType(RankedTensorType type);

/// `type` with `sparsity` as its encoding.
RankedTensorType getEncodedType(RankedTensorType type, SparsityAttr sparsity);

} // namespace mlir::nm

#endif // NM_DIALECT_NM_IR_NMDIALECT_H
