//===- Machine.cpp - Which accelerator a program is for --------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Machine.h"
#include "nm/Support/Result.h"

using namespace mlir;
using namespace mlir::tiles;
namespace model = ::nm::model;

LogicalResult tiles::findMachine(std::optional<model::Device> &machine,
                                 attacc::ProgramOp program, StringRef device,
                                 StringRef pass) {
  if (machine)
    return success();
  std::string name =
      device.empty() ? program.getDevice().getName().str() : device.str();
  model::Result<model::Device> found = model::findDevice(name);
  if (!found.ok())
    return program.emitError(pass) << ": " << found.error().message;
  if (found->kind != model::DeviceKind::Accelerator)
    return program.emitError(pass)
           << ": '" << name << "' is no accelerator, expected one";
  machine = std::move(*found);
  return success();
}
