//===- Array.cpp - nm-sim array -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Array.h"
#include "Options.h"
#include "nm/Driver/Main.h"
#include "nm/Driver/Support.h"
#include "nm/Support/CommandFiles.h"
#include "nm/Support/OutputFile.h"

using namespace mlir::nm::driver;
using ::nm::array::Operand;
using ::nm::machine::Stationarity;

tools::ArrayCommand::ArrayCommand()
    : line("nm-sim array",
           "prints the array of an accelerator as SystemVerilog",
           llvmVersion()) {
  line.example("nm-sim array --target=edge -o array.sv");
  line.example("nm-sim array --target=edge --emit=datasheet");
  line.paragraph("The array does products of dense and N:M weights as the "
                 "simulator does, equal in every element and every cycle "
                 "(docs/attacc-hardware.md).");
  addAccelerator(line, target, "accelerator whose array it is");
  line.choice<Part>("emit", part, "what to print",
                    {{"verilog", Part::Verilog, "the modules, in one file"},
                     {"constraints", Part::Constraints, "the clock, as SDC"},
                     {"datasheet", Part::DataSheet,
                      "parameters, ports, timing and registers, as Markdown"}});
  line.choice<Operand>("type", operand, "type of the operands",
                       {{"f16", Operand::F16, ""},
                        {"bf16", Operand::BF16, ""},
                        {"f32", Operand::F32, ""}});
  line.choice<std::optional<Stationarity>>(
      "stationary", stationary,
      "what stays in place; by default the first that the device has",
      {{"output", Stationarity::Output, "sums"},
       {"weight", Stationarity::Weight, "weights"}});
  line.number("segments", segments, 1, 65536, "n",
              "products side by side, each with its own lhs; a power of two");
  line.text("output", output, "file",
            "where the result goes; - is standard output");
  line.shorthand('o', "output");
}

llvm::Error tools::ArrayCommand::run() {
  if (target.empty())
    return makeError("no accelerator; expected --target=<accelerator>");
  if (part == Part::Constraints)
    for (const char *name : {"type", "segments", "stationary"})
      if (line.given(name))
        return makeError("--{0} has no effect on constraints; expected it with "
                         "--emit=verilog or --emit=datasheet",
                         name);
  ::nm::support::CommandFiles files;
  ::nm::support::Status status;
  if (!llvm::is_contained(::nm::machine::builtinDevices(), target))
    status = files.reads("--target", target);
  if (status)
    status = files.writes("--output", output);
  if (!status)
    return toError(status);
  auto device = ::nm::machine::findDevice(target);
  if (!device)
    return toError(device.error());
  auto core = ::nm::array::coreOf(*device, operand, segments, stationary);
  if (!core)
    return toError(core.error());
  return toError(::nm::support::writeFile(
      output, part == Part::Verilog       ? systemVerilogOf(*core)
              : part == Part::Constraints ? constraintsOf(*core)
                                          : dataSheetOf(*core)));
}
