//===- Translate.cpp - nm-translate to meshes and SystemVerilog -----------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Tools/mlir-translate/Translation.h"
#include "nm/Target/PifoMesh/PifoMesh.h"
#include "nm/Target/SystemVerilog/SystemVerilog.h"

using namespace mlir;
using namespace mlir::pifo;

namespace mesh = ::nm::mesh;

/// Limits of a translation come from the module, because a library has no
/// command line: `pifo.mesh_limits = {rank_bits = 18, ...}`.
static LogicalResult limitsOf(Operation *module, MeshLimits &limits) {
  auto attribute = module->getAttrOfType<DictionaryAttr>("pifo.mesh_limits");
  if (!attribute)
    return success();
  std::pair<StringRef, unsigned *> known[] = {
      {"blocks", &limits.blocks},      {"pifos", &limits.pifos},
      {"flows", &limits.flows},        {"elements", &limits.elements},
      {"rank_bits", &limits.rankBits}, {"metadata_bits", &limits.metadataBits},
      {"time_bits", &limits.timeBits}, {"now_bits", &limits.nowBits}};
  for (NamedAttribute item : attribute) {
    auto *it = llvm::find_if(
        known, [&](auto &entry) { return entry.first == item.getName(); });
    auto number = dyn_cast<IntegerAttr>(item.getValue());
    if (it == std::end(known) || !number || number.getInt() < 1 ||
        number.getInt() > 1 << 20)
      return module->emitError("'pifo.mesh_limits' has ")
             << item.getName() << " = " << item.getValue()
             << ", expected a known limit of 1 to 2^20";
    *it->second = static_cast<unsigned>(number.getInt());
  }
  if (limits.timeBits < 2 || limits.timeBits > 63 ||
      limits.nowBits < limits.timeBits || limits.nowBits > 64)
    return module->emitError("'pifo.mesh_limits' has time_bits = ")
           << limits.timeBits << " and now_bits = " << limits.nowBits
           << ", expected 2 to 63, and at least that to 64";
  return success();
}

static LogicalResult
translate(Operation *op, llvm::raw_ostream &os,
          llvm::function_ref<std::string(const mesh::Config &)> print) {
  MeshLimits limits;
  SmallVector<SchedulerOp> schedulers;
  op->walk([&](SchedulerOp scheduler) { schedulers.push_back(scheduler); });
  if (schedulers.size() != 1)
    return op->emitError("holds ")
           << schedulers.size() << " schedulers, expected exactly one";
  if (failed(limitsOf(op, limits)))
    return failure();
  FailureOr<mesh::Config> config = compileToMesh(schedulers[0], limits);
  if (failed(config))
    return failure();
  os << print(*config);
  return success();
}

void pifo::registerMeshTranslations(void (*dialects)(DialectRegistry &)) {
  static TranslateFromMLIRRegistration json(
      "pifo-to-mesh-json", "print the PIFO mesh configuration of a scheduler",
      [](Operation *op, llvm::raw_ostream &os) {
        return translate(op, os, mesh::printConfig);
      },
      dialects);
  static TranslateFromMLIRRegistration verilog(
      "pifo-to-systemverilog",
      "print a scheduler's PIFO mesh with its atoms as SystemVerilog",
      [](Operation *op, llvm::raw_ostream &os) {
        return translate(op, os, mesh::systemVerilogOfMesh);
      },
      dialects);
}
