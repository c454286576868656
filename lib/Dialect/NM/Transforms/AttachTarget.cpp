//===- AttachTarget.cpp - The target's description on the module -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/BuiltinOps.h"
#include "nm/Dialect/NM/IR/CPUTarget.h"
#include "nm/Dialect/NM/Transforms/Passes.h"
#include "llvm/ADT/StringExtras.h"

namespace mlir::nm {
#define GEN_PASS_DEF_ATTACHTARGET
#include "nm/Dialect/NM/Transforms/Passes.h.inc"
} // namespace mlir::nm

using namespace mlir;
using namespace mlir::nm;

namespace {

struct AttachTargetPass
    : public mlir::nm::impl::AttachTargetBase<AttachTargetPass> {
  using AttachTargetBase::AttachTargetBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (Attribute present = module->getAttr(kTargetAttrName)) {
      if (isa<CPUAttr>(present))
        return;
      module.emitOpError("has ")
          << kTargetAttrName << " = " << present << ", expected #nm.cpu<...>";
      return signalPassFailure();
    }
    CPUAttr description = getCPUTarget(&getContext(), target);
    if (!description) {
      std::vector<std::string> names =
          ::nm::machine::builtinDevices(::nm::machine::DeviceKind::Host);
      names.insert(names.begin(), "host");
      emitError(module.getLoc(), "unknown target '")
          << target << "', expected " << llvm::join(names, ", ")
          << " or #nm.cpu<...>";
      return signalPassFailure();
    }
    module->setAttr(kTargetAttrName, description);
  }
};

} // namespace
