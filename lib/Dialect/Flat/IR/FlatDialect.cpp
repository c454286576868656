//===- FlatDialect.cpp - Registration of the flat dialect -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/Flat/IR/FlatDialect.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Transforms/InliningUtils.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::flat;

#include "nm/Dialect/Flat/IR/FlatDialect.cpp.inc"
#include "nm/Dialect/Flat/IR/FlatEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "nm/Dialect/Flat/IR/FlatAttrs.cpp.inc"

namespace {

/// Operations stand for values alone and may be anywhere: what calls a function
/// of them can take its body in.
struct FlatInlinerInterface : public DialectInlinerInterface {
  using DialectInlinerInterface::DialectInlinerInterface;

  bool isLegalToInline(Operation *, Region *, bool, IRMapping &) const final {
    return true;
  }
  bool isLegalToInline(Region *, Region *, bool, IRMapping &) const final {
    return true;
  }
};

} // namespace

void FlatDialect::initialize() {
  addInterfaces<FlatInlinerInterface>();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "nm/Dialect/Flat/IR/FlatAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "nm/Dialect/Flat/IR/FlatOps.cpp.inc"
      >();
}
