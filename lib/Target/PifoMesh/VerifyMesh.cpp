//===- VerifyMesh.cpp - pifo-verify-mesh ----------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/Remarks.h"
#include "nm/Model/PifoMesh/Atoms.h"
#include "nm/Target/PifoMesh/PifoMesh.h"

namespace mlir::pifo {
#define GEN_PASS_DEF_VERIFYMESH
#include "nm/Target/PifoMesh/Passes.h.inc"
} // namespace mlir::pifo

using namespace mlir;
using namespace mlir::pifo;

namespace mesh = ::nm::mesh;

static constexpr llvm::StringLiteral kCategory = "pifo-verify-mesh";

/// "if_else_raw(finish), rw(virtual), 7 stateless"
static std::string atomsOf(const mesh::Block &block,
                           const mesh::Program &program) {
  mesh::AtomReport report = mesh::classify(block, program);
  std::string text;
  for (const mesh::StateAtom &atom : report.stateful) {
    text += std::string(mesh::atomName(atom.atom)) + "(";
    for (unsigned state : atom.states)
      text += (state == atom.states[0] ? "" : ", ") + block.states[state].name;
    text += "), ";
  }
  return text + std::to_string(report.stateless) + " stateless";
}

namespace {
struct VerifyMesh : pifo::impl::VerifyMeshBase<VerifyMesh> {
  using VerifyMeshBase::VerifyMeshBase;

  void runOnOperation() override {
    SchedulerOp scheduler = getOperation();
    markAllAnalysesPreserved();
    MeshLimits limits{blocks,   pifos,        flows,    elements,
                      rankBits, metadataBits, timeBits, nowBits};
    if (failed(checkMeshLimits(scheduler, limits)))
      return signalPassFailure();
    auto say = [](Operation *op, StringRef decision, const Twine &why) {
      remark::passed(op->getLoc(),
                     remark::RemarkOpts::name(decision).category(kCategory))
          << remark::reason("{0}", why.str());
    };
    FailureOr<mesh::Config> config = compileToMesh(scheduler, limits, say);
    if (failed(config))
      return signalPassFailure();
    for (const mesh::Block &block : config->blocks) {
      std::string names;
      for (const mesh::LogicalPifo &pifo : block.pifos)
        names += (names.empty() ? "" : ", ") + pifo.name;
      say(scheduler, "block", "'" + block.name + "' holds {" + names + "}");
      for (const mesh::Program &program : block.programs)
        say(scheduler, "atoms", program.name + ": " + atomsOf(block, program));
    }
  }
};
} // namespace
