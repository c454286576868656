//===- Simulate.h - Programs on simulated accelerators -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_SIMULATE_H
#define NM_DRIVER_SIMULATE_H

#include "mlir/IR/BuiltinOps.h"
#include "nm/Driver/Options.h"
#include "nm/Isa/Program.h"

namespace nm::sim {
struct ModelOperations;
}

namespace mlir::nm::driver {

/// The machine that --target names: a description that comes with nm or a file
/// of one. Nothing if the target is a processor to generate code for; an error
/// if it is a file that cannot be read, or no accelerator.
llvm::Expected<std::optional<::nm::model::Device>>
findAccelerator(StringRef target);

/// Whether the content of a file is a program of an accelerator: binary, JSON
/// or assembly. Anything else is a module of MLIR.
bool isProgramFile(StringRef content);

/// Reads a program in any of its spellings; `path` is for messages.
llvm::Expected<::nm::isa::Program> readProgram(StringRef content,
                                               StringRef path);

/// Whether instructions of a program that readProgram reads know their lines:
/// those of assembly do.
bool hasLines(StringRef content);

/// The program of a module that holds one `attacc.program` and no function, as
/// nm-opt writes it; nothing if the module holds no program.
llvm::Expected<std::optional<::nm::isa::Program>> readProgram(ModuleOp module,
                                                              StringRef path);

/// Proves that a program is free of races, deadlocks and reads of what was
/// never written, unless the options leave it out. Errors name the rule in the
/// words of attacc-verify-program; `path` is what they are about, with the line
/// if the program's instructions know theirs (`hasLines`).
llvm::Error proveProgram(const ::nm::isa::Program &program, StringRef path,
                         bool hasLines, const ProofOptions &options);

/// Runs a program on the simulated device as the options say. Arrays are bound
/// to tensors of role In and Out by name or in the order of the table, with
/// their host shapes and types; parameters come from --params. Results, reports
/// and traces go where the options say, the table or a line
/// of text to standard output. `model`, if not null, are the operations that
/// the program was made of.
llvm::Error simulateProgram(const ::nm::isa::Program &program,
                            const ::nm::model::Device &device,
                            const SimulateOptions &options,
                            const ::nm::sim::ModelOperations *model = nullptr);

} // namespace mlir::nm::driver

#endif // NM_DRIVER_SIMULATE_H
