//===- ProgramWriter.h - Operations for instructions -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_ATTACC_IR_PROGRAMWRITER_H
#define NM_DIALECT_ATTACC_IR_PROGRAMWRITER_H

#include "mlir/IR/Builders.h"
#include "nm/Dialect/Attacc/IR/AttaccDialect.h"
#include "nm/Isa/Program.h"

namespace mlir::attacc {

/// Writes instructions of a program as operations where a builder stands: the
/// other way of ProgramReader.
class InstructionWriter {
public:
  explicit InstructionWriter(OpBuilder &builder) : builder(builder) {}

  /// Entries of the program's tables, by number.
  SmallVector<Value> tensors, buffers, semaphores;

  void addBuffer(const ::nm::isa::Buffer &buffer, Location loc);
  void addSemaphore(int64_t count, Location loc);
  /// The next instruction; of a loop the builder goes into its body, and leaves
  /// it with the loop's end.
  void write(const ::nm::isa::Instruction &from, Location loc);

  Type convertType(::nm::isa::Type type);
  DenseI64ArrayAttr array(ArrayRef<int64_t> list); ///< null if it is empty

private:
  Value tileOf(const ::nm::isa::Tile &tile, Location loc);
  SmallVector<Value> semaphoresOf(ArrayRef<uint32_t> list) const;

  OpBuilder &builder;
  SmallVector<Value> counters; ///< of the loops around the next instruction
};

} // namespace mlir::attacc

#endif // NM_DIALECT_ATTACC_IR_PROGRAMWRITER_H
