//===- ProgramReader.h - Operations as entries of programs -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The rules of programs stand in nm/Isa; the dialect's verifiers and the export
// to programs read operations through this and ask there. How an instruction's
// attributes are called says nm/Isa/Instructions.def.
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_ATTACC_IR_PROGRAMREADER_H
#define NM_DIALECT_ATTACC_IR_PROGRAMREADER_H

#include "nm/Dialect/Attacc/IR/AttaccDialect.h"
#include "nm/Isa/Checker.h"
#include "nm/Isa/Names.h"

namespace mlir::attacc {

// Enumerations cross between nm/Isa and the dialect by name: both are those of
// one description.
#define NM_ATTACC_SAME_ENUM(theirs, ours)                                      \
  inline ours toDialect(::nm::isa::theirs value) {                             \
    using ::nm::isa::toString;                                                 \
    return *symbolize##ours(toString(value));                                  \
  }                                                                            \
  inline ::nm::isa::theirs toIsa(ours value) {                                 \
    ::nm::isa::theirs found{};                                                 \
    [[maybe_unused]] bool isKnown =                                            \
        ::nm::isa::parseName(stringify##ours(value), found);                   \
    assert(isKnown && "of one description");                                   \
    return found;                                                              \
  }
NM_ATTACC_SAME_ENUM(Space, Space)
NM_ATTACC_SAME_ENUM(Role, Role)
NM_ATTACC_SAME_ENUM(Part, Part)
NM_ATTACC_SAME_ENUM(Engine, Engine)
NM_ATTACC_SAME_ENUM(Stationarity, Stationary)
NM_ATTACC_SAME_ENUM(UnaryKind, Unary)
NM_ATTACC_SAME_ENUM(BinaryKind, Binary)
#undef NM_ATTACC_SAME_ENUM

::nm::isa::Target toTarget(DeviceAttr device);

/// The entry of the description that an instruction's operation comes from.
const ::nm::isa::InstructionInfo &infoOf(Instruction op);

/// Gives an instruction the fields that the attributes of `op` say by their
/// names. `op` is one that no loop moves.
void readFields(Operation *op, ::nm::isa::Instruction &to);

/// A message of nm/Isa's rules without the entry that it names: whoever has the
/// operation at hand needs no number.
std::string withoutSubject(std::string message, StringRef subject);

/// Reads an attacc.program whose operations have been verified one by one.
class ProgramReader {
public:
  /// With the data of constants, or with all else.
  ProgramReader(ProgramOp op, bool hasData)
      : op(op), hasData(hasData), checker(program) {}

  /// Errors, of nm/Isa's rules too, stand at the operation.
  LogicalResult read();

  ::nm::isa::Program program;
  /// The operation of each entry of the code; that of an EndLoop is its loop.
  SmallVector<Operation *> operations;

private:
  LogicalResult readBlock(Block &block);
  LogicalResult readOp(Operation *op);
  LogicalResult readTensor(TensorOp tensor);
  LogicalResult readData(TensorOp tensor, std::vector<uint8_t> &data);
  LogicalResult readLoop(LoopOp loop);
  LogicalResult readInstruction(Instruction instruction);
  FailureOr<::nm::isa::Tile> tileOf(Value value, Operation *user);
  LogicalResult check(Operation *op, const ::nm::isa::Status &status);
  LogicalResult append(Operation *op, ::nm::isa::Instruction instruction);

  ProgramOp op;
  bool hasData;
  ::nm::isa::Checker checker;
  DenseMap<Value, uint32_t> objects; ///< index in its table
  DenseMap<Value, uint8_t> depths;   ///< of the counters of open loops
  SmallVector<Operation *> tensors;  ///< by index
};

} // namespace mlir::attacc

#endif // NM_DIALECT_ATTACC_IR_PROGRAMREADER_H
