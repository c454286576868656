//===- Export.cpp - From the attacc dialect to programs -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/Attacc/IR/ProgramReader.h"
#include "nm/Target/Attacc/Attacc.h"

using namespace mlir;
using namespace mlir::attacc;
namespace code = ::nm::isa;

FailureOr<code::Program>
attacc::exportProgram(ProgramOp op, SmallVectorImpl<Operation *> *operations) {
  ProgramReader reader(op, /*hasData=*/true);
  if (failed(reader.read()))
    return failure();
  // Entries were checked as they were read.
  if (code::Status status = code::checkTables(reader.program); !status)
    return op.emitError(status.error().message);
  if (operations)
    operations->append(reader.operations.begin(), reader.operations.end());
  return std::move(reader.program);
}

FailureOr<code::Program> attacc::exportProgram(ProgramOp op,
                                               ProgramLocations &locations) {
  SmallVector<Operation *> operations;
  FailureOr<code::Program> program = exportProgram(op, &operations);
  if (failed(program))
    return failure();
  for (auto tensor : op.getOps<TensorOp>())
    locations.tensors.push_back(tensor.getLoc());
  for (Operation *each : operations)
    locations.code.push_back(each->getLoc());
  return program;
}
