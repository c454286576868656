//===- CompileMesh.cpp - pifo-compile-mesh --------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/Pifo/IR/PifoMesh.h"
#include "nm/Target/PifoMesh/PifoMesh.h"

namespace mlir::pifo {
#define GEN_PASS_DEF_COMPILEMESH
#include "nm/Target/PifoMesh/Passes.h.inc"
} // namespace mlir::pifo

using namespace mlir;
using namespace mlir::pifo;

namespace {
struct CompileMesh : pifo::impl::CompileMeshBase<CompileMesh> {
  using CompileMeshBase::CompileMeshBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    MeshLimits limits;
    if (failed(readMeshLimits(module, limits)))
      return signalPassFailure();
    std::pair<unsigned, unsigned *> given[] = {
        {blocks, &limits.blocks},     {pifos, &limits.pifos},
        {flows, &limits.flows},       {elements, &limits.elements},
        {rankBits, &limits.rankBits}, {metadataBits, &limits.metadataBits},
        {timeBits, &limits.timeBits}, {nowBits, &limits.nowBits}};
    for (auto [value, limit] : given)
      if (value > 0)
        *limit = value;
    if (failed(checkMeshLimits(module, limits)))
      return signalPassFailure();
    bool bad = false;
    for (SchedulerOp scheduler :
         llvm::make_early_inc_range(module.getOps<SchedulerOp>())) {
      FailureOr<::nm::mesh::Config> config = compileToMesh(scheduler, limits);
      if (failed(config)) {
        bad = true;
        continue;
      }
      OpBuilder builder(scheduler);
      createMesh(builder, scheduler.getLoc(), *config);
      scheduler.erase();
    }
    if (bad)
      signalPassFailure();
  }
};
} // namespace
