//===- ToAttacc.cpp - The pass convert-to-attacc -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Conversion/ToAttacc/ToAttacc.h"
#include "nm/Conversion/Passes.h"
#include "nm/Dialect/Tile/IR/TileDialect.h"
#include "nm/Target/Attacc/Attacc.h"
#include <optional>

namespace mlir::nm {
#define GEN_PASS_DEF_CONVERTTOATTACC
#include "nm/Conversion/Passes.h.inc"
} // namespace mlir::nm

using namespace mlir;
namespace isa = ::nm::isa;
namespace model = ::nm::model;

namespace {

struct ConvertToAttaccPass
    : public mlir::nm::impl::ConvertToAttaccBase<ConvertToAttaccPass> {
  using ConvertToAttaccBase::ConvertToAttaccBase;

  void runOnOperation() override {
    if (failed(convert()))
      signalPassFailure();
  }

private:
  FailureOr<attacc::ProgramOptions> readOptions() {
    model::Result<model::Device> found = model::findDevice(device);
    if (!found.ok())
      return emitError(getOperation().getLoc(), "convert-to-attacc: ")
             << found.error().message;
    if (found->kind != model::DeviceKind::Accelerator)
      return emitError(getOperation().getLoc(), "convert-to-attacc: '")
             << device << "' describes the processor " << found->name
             << ", expected an accelerator";
    isa::Type type;
    if (!isa::typeOf(::nm::support::parseDType(elementType), type) ||
        type == isa::Type::I8)
      return emitError(getOperation().getLoc(),
                       "convert-to-attacc: element-type is '")
             << elementType << "', expected f16, bf16 or f32";
    if (maxInstructions < 1)
      return emitError(getOperation().getLoc(),
                       "convert-to-attacc: max-instructions is ")
             << maxInstructions.getValue() << ", expected 1 or more";
    return attacc::ProgramOptions{std::move(*found), type, maxInstructions};
  }

  LogicalResult convert() {
    FailureOr<attacc::ProgramOptions> options = readOptions();
    if (failed(options))
      return failure();
    SmallVector<func::FuncOp> functions;
    for (auto func : getOperation().getOps<func::FuncOp>()) {
      if (func.isPrivate())
        continue;
      if (func.isExternal())
        return func.emitOpError("has no body, expected one to make a program "
                                "of");
      functions.push_back(func);
    }
    for (func::FuncOp func : functions) {
      OpBuilder builder(func);
      if (failed(attacc::buildTileProgram(builder, func, *options)))
        return failure();
      func.erase();
    }
    return success();
  }
};

} // namespace
