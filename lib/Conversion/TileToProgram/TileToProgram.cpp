//===- TileToProgram.cpp - Operators on tiles as a program -----------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Conversion/TileToProgram/TileToProgram.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "nm/Dialect/Tile/Transforms/Passes.h"

using namespace mlir;
using ::nm::support::Errc;
using ::nm::support::Error;
using ::nm::support::Result;

Result<::nm::isa::Program>
mlir::nm::lowerTiles(const ::nm::isa::Program &tables,
                     const ::nm::model::Device &device,
                     ArrayRef<attacc::ProgramInsertion> insertions) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  context.loadDialect<tiles::TileDialect, attacc::AttaccDialect>();
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    if (message.empty())
      message = diagnostic.str();
  });
  OpBuilder b(&context);
  Location loc = b.getUnknownLoc();
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  b.setInsertionPointToStart(module->getBody());
  attacc::ProgramLocations locations;
  locations.tensors.assign(tables.tensors.size(), loc);
  locations.code.assign(tables.code.size(), loc);
  attacc::ProgramOp op =
      attacc::importProgram(b, tables, loc, locations, insertions);
  // What the passes make is checked as a program, entry by entry.
  PassManager pm(&context);
  pm.enableVerifier(false);
  tiles::buildTilePipeline(pm, device);
  if (!op || failed(verify(*module)) || failed(pm.run(*module)))
    return Error{Errc::Argument, message};
  FailureOr<::nm::isa::Program> program = attacc::exportProgram(op);
  if (failed(program))
    return Error{Errc::Argument, message};
  return std::move(*program);
}
