//===- BufferizableOpInterfaceImpl.cpp - Bufferization of flat.attention -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/Flat/Transforms/BufferizableOpInterfaceImpl.h"
#include "nm/Dialect/Flat/IR/FlatDialect.h"
#include "nm/Transforms/DestinationBufferization.h"

using namespace mlir;
using namespace mlir::flat;

void mlir::flat::registerBufferizableOpInterfaceModels(
    DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, FlatDialect *) {
    AttentionOp::attachInterface<nm::DestinationBufferization<AttentionOp>>(
        *context);
  });
}
