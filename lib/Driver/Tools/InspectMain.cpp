//===- InspectMain.cpp - nm-inspect -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Options.h"
#include "nm/Driver/Files.h"
#include "nm/Driver/InspectFile.h"
#include "nm/Driver/Main.h"
#include "nm/Driver/Run.h"
#include "nm/Driver/Support.h"
#include "nm/Driver/Tools.h"
#include "nm/Machine/Device.h"
#include "nm/Registration.h"
#include "nm/Runtime/Convert.h"
#include "nm/Support/Text.h"

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;
using ::nm::support::CommandLine;

/// --print-device stands alone.
static llvm::Error printDevice(const CommandLine &line, const std::string &file,
                               const std::string &name) {
  for (const std::string &other : line.given())
    if (other != "print-device")
      return makeError("--print-device prints a description and does nothing "
                       "else; drop --{0}",
                       other);
  if (!file.empty())
    return makeError("--print-device prints a description and does nothing "
                     "else; drop {0}",
                     ::nm::support::quotePath(file));
  return driver::printDevice(name);
}

static llvm::Error inspect(const CommandLine &line, InspectOptions &options,
                           const tools::Texts &texts,
                           const std::string &device) {
  if (!device.empty())
    return printDevice(line, options.file, device);
  if (options.file.empty())
    return makeError("no file; expected a checkpoint, a model or a program; "
                     "see --help");
  options.given = line.given();
  if (llvm::Error error = tools::take(texts, options.mask))
    return error;
  if (llvm::Error error = declareFiles(options))
    return error;
  if (llvm::Error error = checkThreads())
    return error;
  if (options.convert.empty() != options.format.empty())
    return makeError("--convert FILE and --format NAME go together");
  if (!options.convert.empty() && !options.json.empty())
    return makeError("--json has no effect with --convert, which lists "
                     "nothing; drop it");
  if (!options.convert.empty())
    return convertFile(options);
  DialectRegistry registry;
  registerDialects(registry);
  return inspectFile(options, registry);
}

int driver::inspectMain(int argc, char **argv) {
  InspectOptions options;
  tools::Texts texts;
  std::string device;
  CommandLine line("nm-inspect",
                   "lists what is in a checkpoint, a model or a program",
                   llvmVersion());
  line.example("nm-inspect model.safetensors");
  line.example("nm-inspect model.onnx --json model.json");
  line.example("nm-inspect program.nmb");
  line.example("nm-inspect masked.pt --convert sparse.safetensors "
               "--format sparse-24-bitmask");
  line.example("nm-inspect --print-device=host");
  line.paragraph("Of a checkpoint: tensors with dtype, shape, tightest N:M, "
                 "density and mask. Of a model: functions and parameters; of "
                 "an ONNX model its tensors too. Of a program of an "
                 "accelerator: tensors and instructions. The content says "
                 "what it is.");
  line.positional("file", options.file,
                  "safetensors (file, folder or index), npz, npy, torch.save, "
                  "ONNX, MLIR, or a program");
  line.text("json", options.json, "file", "write the same as JSON");
  line.text("convert", options.convert, "file",
            "write the checkpoint as safetensors, its weights in the form that "
            "--format names, its texts kept");
  line.text("format", options.format, "name",
            "dense, dense+mask, sparse-24-bitmask (compressed-tensors) or "
            "semi-structured (PyTorch, CUTLASS's layout)");
  line.suggest("format", ::nm::rt::weightFormNames());
  line.text("print-device", device, "name",
            "print the description of a processor or accelerator (a name that "
            "--target of the other tools takes, host among them, or a file) as "
            "JSON, then exit");
  using ::nm::machine::builtinDevices;
  using ::nm::machine::DeviceKind;
  std::vector<std::string> names = builtinDevices(DeviceKind::Host);
  names.insert(names.begin(), "host");
  for (const std::string &name : builtinDevices(DeviceKind::Accelerator))
    names.push_back(name);
  line.suggest("print-device", names);
  line.group("Masks of checkpoints");
  tools::addMasks(line, options.mask, texts, false);
  line.renamed("report-json", "json");
  if (std::optional<int> code = tools::parse(line, argc, argv))
    return *code;
  return exitCode(inspect(line, options, texts, device));
}
