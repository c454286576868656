//===- Attacc.h - The attacc dialect and programs -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The two forms of a program, the dialect's and that of nm/Isa/Program.h, and
// the translations of nm-translate between the dialect and the encodings.
// Export and import are inverses: an imported program exports to an equal one,
// fields that its instructions do not use aside.
//
//===----------------------------------------------------------------------===//

#ifndef NM_TARGET_ATTACC_ATTACC_H
#define NM_TARGET_ATTACC_ATTACC_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Pass/Pass.h"
#include "nm/Dialect/Attacc/IR/AttaccDialect.h"
#include "nm/Isa/Program.h"
#include <functional>

namespace mlir::attacc {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "nm/Target/Attacc/Passes.h.inc"

/// The program of `op`, which has been verified; errors stand at the
/// operation. What it returns passes isa::checkProgram. An instruction's
/// `source` is the line of its location, or its number if that has none.
/// `operations`, if not null, receives the operation of each entry of the code;
/// that of an EndLoop is its loop.
FailureOr<::nm::isa::Program>
exportProgram(ProgramOp op, SmallVectorImpl<Operation *> *operations = nullptr);

/// Where the parts of a program come from: one location for each tensor and
/// each instruction. Buffers and semaphores are those of their first
/// instruction.
struct ProgramLocations {
  SmallVector<Location> tensors, code;
};

/// The same, and where its parts come from.
FailureOr<::nm::isa::Program> exportProgram(ProgramOp op,
                                            ProgramLocations &locations);

/// An attacc.program at the insertion point of `builder`, for a program that
/// isa::checkProgram accepts (an error at the builder's unknown location, and
/// null, for any other). Locations are lines `source` of `file`, if not empty.
ProgramOp importProgram(OpBuilder &builder, const ::nm::isa::Program &program,
                        StringRef file = "");
/// What stands in a program besides its instructions, such as an operator that
/// passes lower later: made before the instruction of that number, outside of
/// loops, from the program's tensors.
struct ProgramInsertion {
  size_t before = 0;
  std::function<void(OpBuilder &, ArrayRef<Value> tensors)> make;
};
/// The same with locations of another source, `program` being that of the
/// operation itself, and insertions in ascending order.
ProgramOp importProgram(OpBuilder &builder, const ::nm::isa::Program &program,
                        Location location, const ProgramLocations &locations,
                        ArrayRef<ProgramInsertion> insertions = {});
/// The same in a module of its own.
OwningOpRef<ModuleOp> importProgram(MLIRContext *context,
                                    const ::nm::isa::Program &program,
                                    StringRef file = "");

/// nm-translate: between attacc, binary, asm and json, each to each.
void registerProgramTranslations(
    std::function<void(DialectRegistry &)> registerDialects);

} // namespace mlir::attacc

#endif // NM_TARGET_ATTACC_ATTACC_H
