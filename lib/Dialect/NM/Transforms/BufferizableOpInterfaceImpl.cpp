//===- BufferizableOpInterfaceImpl.cpp - Bufferization of nm.packed_matmul -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/NM/Transforms/BufferizableOpInterfaceImpl.h"
#include "nm/Dialect/NM/IR/NMDialect.h"
#include "nm/Transforms/DestinationBufferization.h"

using namespace mlir;
using namespace mlir::nm;

void mlir::nm::registerBufferizableOpInterfaceModels(
    DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, NMDialect *) {
    PackedMatmulOp::attachInterface<
        nm::DestinationBufferization<PackedMatmulOp>>(*context);
  });
}
