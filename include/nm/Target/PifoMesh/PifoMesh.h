//===- PifoMesh.h - Schedulers to mesh configurations -----------*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_TARGET_PIFOMESH_PIFOMESH_H
#define NM_TARGET_PIFOMESH_PIFOMESH_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "nm/Dialect/Pifo/IR/PifoDialect.h"
#include "nm/Model/PifoMesh/Config.h"
#include <functional>

namespace mlir::pifo {

/// What a mesh offers; the paper's by default ("Programmable Packet Scheduling
/// at Line Rate", section 5).
struct MeshLimits {
  unsigned blocks = 5;
  unsigned pifos = 256;
  unsigned flows = 1024;
  unsigned elements = 65536;
  unsigned rankBits = 16;
  unsigned metadataBits = 32;
  /// Ranks of shaping blocks are times; they compare as serial numbers.
  unsigned timeBits = 32;
  unsigned nowBits = 64;
};

/// Told of decisions and of what was assumed: the operation, what was decided,
/// and why.
using MeshRemark =
    std::function<void(Operation *, StringRef decision, const Twine &why)>;

/// Compiles a scheduler: nodes to logical PIFOs, levels to blocks, edges to
/// next-hop tables, transactions to atom programs. Reports every reason why it
/// does not fit as an error at the operation concerned.
FailureOr<::nm::mesh::Config> compileToMesh(SchedulerOp scheduler,
                                            const MeshLimits &limits,
                                            const MeshRemark &remark = {});

/// Reads the attribute `pifo.mesh_limits` of a module, a dictionary such as
/// `{rank_bits = 18 : i64}`; limits that it does not name stay as they are.
LogicalResult readMeshLimits(Operation *module, MeshLimits &limits);

/// What no compiler can make sense of is an error at `op`.
LogicalResult checkMeshLimits(Operation *op, const MeshLimits &limits);

/// --pifo-to-mesh-json and --pifo-to-systemverilog of nm-translate, which take
/// a mesh, or a scheduler and compile it with the limits of the module, and
/// --mesh-json-to-pifo.
void registerMeshTranslations(void (*dialects)(DialectRegistry &));

#define GEN_PASS_DECL
#include "nm/Target/PifoMesh/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "nm/Target/PifoMesh/Passes.h.inc"

} // namespace mlir::pifo

#endif // NM_TARGET_PIFOMESH_PIFOMESH_H
