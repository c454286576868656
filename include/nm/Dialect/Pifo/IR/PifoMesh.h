//===- PifoMesh.h - pifo.mesh and mesh configurations -----------*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_PIFO_IR_PIFOMESH_H
#define NM_DIALECT_PIFO_IR_PIFOMESH_H

#include "mlir/IR/Builders.h"
#include "nm/Dialect/Pifo/IR/PifoDialect.h"
#include "nm/Model/PifoMesh/Config.h"

namespace mlir::pifo {

/// The configuration that `mesh` stands for, checked by `::nm::mesh::validate`.
/// Reports what is wrong at the operation concerned; a mesh that has passed its
/// verifier gives no error.
FailureOr<::nm::mesh::Config> configOf(MeshOp mesh);

/// The operation that stands for a valid configuration: configOf gives the same
/// configuration back.
MeshOp createMesh(OpBuilder &builder, Location loc,
                  const ::nm::mesh::Config &config);

} // namespace mlir::pifo

#endif // NM_DIALECT_PIFO_IR_PIFOMESH_H
