//===- LayerDialect.cpp - Registration of the layer dialect -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/Layer/IR/LayerDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "nm/Dialect/Common/InlineAnywhere.h"

using namespace mlir;
using namespace mlir::layer;

#include "nm/Dialect/Layer/IR/LayerDialect.cpp.inc"

void LayerDialect::initialize() {
  addInterfaces<nm::InlineAnywhere>();
#include "nm/Dialect/Layer/IR/LayerRegister.cpp.inc"
}
