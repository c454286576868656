//===- Codegen.h - From the LLVM dialect to machine code -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_CODEGEN_H
#define NM_DRIVER_CODEGEN_H

#include "mlir/IR/BuiltinOps.h"
#include "nm/Dialect/NM/IR/CPUTarget.h"
#include "nm/Driver/Options.h"
#include "nm/Driver/Signature.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/IR/Module.h"
#include "llvm/Target/TargetMachine.h"
#include <memory>

namespace mlir::nm::driver {

/// Fails if nothing has this name: processors and accelerators are listed, and
/// the nearest one is offered.
llvm::Error checkTargetName(StringRef target);

/// A target machine for position-independent code at the highest optimisation
/// level. `target` is "host", for this machine with all its features, or the
/// name of a processor that nm describes (findProcessor); `cpu`, unless it is
/// empty, one of LLVM's names for processors of the target's architecture.
llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
createTargetMachine(StringRef target, StringRef cpu = "");

/// Fails if code for `machine` needs an instruction set this machine lacks.
llvm::Error checkRunsHere(const llvm::TargetMachine &machine);

/// The description that kernels for `machine` are made by: its features, and
/// what else the description of `target` says.
CPUAttr describeMachine(MLIRContext *context,
                        const llvm::TargetMachine &machine, StringRef target);

/// Sets the module attribute `nm.target` to describeMachine(). Fails if there
/// is one already that asks for more than `machine` has.
llvm::Error attachTarget(ModuleOp module, const llvm::TargetMachine &machine,
                         StringRef target);

/// Translates a module in the LLVM dialect. Only the entry points of
/// `functions` (EntryPoint.h) and the manifest of each, the string constant
/// `nm_manifest_<prefix><function>`, stay visible from outside.
llvm::Expected<std::unique_ptr<llvm::Module>>
translate(ModuleOp module, ArrayRef<Signature> functions,
          llvm::LLVMContext &context, llvm::TargetMachine &machine,
          StringRef prefix = "");

/// -O3.
llvm::Error optimize(llvm::Module &module, llvm::TargetMachine &machine);

/// Assembly or object code.
llvm::Error generateCode(llvm::Module &module, llvm::TargetMachine &machine,
                         llvm::CodeGenFileType type,
                         SmallVectorImpl<char> &code);

} // namespace mlir::nm::driver

#endif // NM_DRIVER_CODEGEN_H
