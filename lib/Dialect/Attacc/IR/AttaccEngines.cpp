//===- AttaccEngines.cpp - Verifiers of instructions -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Verify.h"
#include "mlir/IR/Builders.h"
#include "nm/Dialect/Attacc/IR/ProgramReader.h"
#include "nm/Dialect/Common/PlainNumber.h"

using namespace mlir;
using namespace mlir::attacc;

using mlir::nm::parseNumber;
using mlir::nm::printNumber;

#define GET_OP_CLASSES
#include "nm/Dialect/Attacc/IR/AttaccOps.cpp.inc"

LogicalResult attacc::verifyInProgram(Operation *op) {
  if (!op->getParentOfType<ProgramOp>())
    return op->emitOpError("[attacc_program_c1] expected an attacc.program "
                           "around it");
  // attacc_mask_c2, as far as numbers of counters go.
  auto instruction = cast<Instruction>(op);
  const ::nm::isa::InstructionInfo &info = infoOf(instruction);
  for (const ::nm::isa::FieldUse &use : ArrayRef(info.fields, info.numFields)) {
    StringRef name = ::nm::isa::infoOf(use.field).word;
    OperandRange counters = instruction.getCounters(name);
    auto steps = op->getAttrOfType<DenseI64ArrayAttr>((name + "_steps").str());
    size_t count = steps ? steps.size() : 0;
    if (count != counters.size())
      return op->emitOpError("[attacc_mask_c2] has ")
             << count << " steps of the " << name << ", expected "
             << counters.size();
    if (failed(verifyCounters(op, "attacc_mask_c2", counters)))
      return failure();
  }
  return success();
}
