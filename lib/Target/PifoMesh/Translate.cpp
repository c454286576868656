//===- Translate.cpp - nm-translate to meshes and SystemVerilog -----------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Tools/mlir-translate/Translation.h"
#include "nm/Dialect/Pifo/IR/PifoMesh.h"
#include "nm/Target/PifoMesh/PifoMesh.h"
#include "nm/Target/SystemVerilog/SystemVerilog.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace mlir::pifo;

namespace mesh = ::nm::mesh;

using Limit = std::pair<StringRef, unsigned *>;

static std::string names(ArrayRef<Limit> known) {
  std::string text;
  for (const Limit &limit : known)
    text += (text.empty() ? "" : ", ") + limit.first.str();
  return text;
}

/// Limits come from the module, because a library has no command line.
LogicalResult pifo::readMeshLimits(Operation *module, MeshLimits &limits) {
  auto attribute = module->getAttrOfType<DictionaryAttr>("pifo.mesh_limits");
  if (!attribute)
    return success();
  Limit known[] = {
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
      // At the location alone: the module itself says nothing about it.
      return emitError(module->getLoc(), "'pifo.mesh_limits' has ")
             << item.getName() << " = " << item.getValue()
             << "; expected 1 to 2^20 (i64) for one of " << names(known);
    *it->second = static_cast<unsigned>(number.getInt());
  }
  return success();
}

LogicalResult pifo::checkMeshLimits(Operation *op, const MeshLimits &limits) {
  if (limits.timeBits < 2 || limits.timeBits > 63 ||
      limits.nowBits < limits.timeBits || limits.nowBits > 64)
    return emitError(op->getLoc(), "time-bits is ")
           << limits.timeBits << " and now-bits " << limits.nowBits
           << ", expected 2 to 63, and at least that to 64";
  return success();
}

static FailureOr<mesh::Config> configIn(Operation *module) {
  SmallVector<SchedulerOp> schedulers;
  SmallVector<MeshOp> meshes;
  module->walk([&](Operation *op) {
    if (auto scheduler = dyn_cast<SchedulerOp>(op))
      schedulers.push_back(scheduler);
    else if (auto mesh = dyn_cast<MeshOp>(op))
      meshes.push_back(mesh);
  });
  if (schedulers.size() + meshes.size() != 1)
    return emitError(module->getLoc(), "the module holds ")
           << schedulers.size() << " schedulers and " << meshes.size()
           << " meshes, expected exactly one of either";
  if (!meshes.empty())
    return configOf(meshes[0]);
  MeshLimits limits;
  if (failed(readMeshLimits(module, limits)) ||
      failed(checkMeshLimits(module, limits)))
    return failure();
  return compileToMesh(schedulers[0], limits);
}

static LogicalResult
translate(Operation *op, llvm::raw_ostream &os,
          llvm::function_ref<std::string(const mesh::Config &)> print) {
  FailureOr<mesh::Config> config = configIn(op);
  if (failed(config))
    return failure();
  os << print(*config);
  return success();
}

static OwningOpRef<Operation *> importJson(llvm::SourceMgr &sources,
                                           MLIRContext *context) {
  const llvm::MemoryBuffer *text =
      sources.getMemoryBuffer(sources.getMainFileID());
  std::string where = text->getBufferIdentifier().str();
  ::nm::support::Result<mesh::Config> config =
      mesh::parseConfig({text->getBufferStart(), text->getBufferSize()}, where);
  if (!config) {
    llvm::errs() << "error: " << config.error().message << '\n';
    return nullptr;
  }
  context->loadDialect<PifoDialect, arith::ArithDialect>();
  Location loc = FileLineColLoc::get(context, where, 0, 0);
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  OpBuilder builder = OpBuilder::atBlockBegin(module->getBody());
  createMesh(builder, loc, *config);
  return module.release().getOperation();
}

void pifo::registerMeshTranslations(void (*dialects)(DialectRegistry &)) {
  static TranslateFromMLIRRegistration json(
      "pifo-to-mesh-json",
      "print a mesh, or the one a scheduler compiles to, as JSON",
      [](Operation *op, llvm::raw_ostream &os) {
        return translate(op, os, mesh::printConfig);
      },
      dialects);
  static TranslateFromMLIRRegistration verilog(
      "pifo-to-systemverilog",
      "print a mesh, or the one a scheduler compiles to, as SystemVerilog",
      [](Operation *op, llvm::raw_ostream &os) {
        return translate(op, os, mesh::systemVerilogOfMesh);
      },
      dialects);
  static TranslateToMLIRRegistration import(
      "mesh-json-to-pifo", "read the JSON form of a mesh as pifo.mesh",
      importJson, dialects);
}
