//===- RunMain.cpp - nm-run -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Options.h"
#include "nm/Driver/Files.h"
#include "nm/Driver/Main.h"
#include "nm/Driver/Run.h"
#include "nm/Driver/Support.h"
#include "nm/Driver/Tools.h"
#include "nm/Registration.h"

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;
using ::nm::support::CommandLine;

static void addRunning(CommandLine &line, RunOptions &options) {
  line.group("Running");
  tools::addEntry(line, options.entry, "function to run");
  tools::addThreads(line, options.threads);
  tools::addCount(line, "repeat", options.repeat,
                  "timed runs after warm-up; shows median, minimum and spread "
                  "(default: 1 cold run)");
  line.optional("cache", options.cache, options.cacheFolder, "folder",
                "keep packed parameters in a file, next to the checkpoint if "
                "no folder is named");
  line.flag("no-code-cache", options.skipsCodeCache,
            "neither look for code that was compiled before nor keep this "
            "(default: in nm/code of the user's cache folder; $NM_CODE_CACHE "
            "names another, or is off)");
}

static void addReporting(CommandLine &line, RunOptions &options) {
  line.group("Reports");
  line.flag("report", options.report,
            "print parameters, decisions, passes, errors and times");
  line.flag("profile", options.profile,
            "time each operation of the model, and say what it computes, moves "
            "and could reach; --html always does");
  line.flag(
      "check", options.check,
      "with --profile or --html: say how far the result of each operation "
      "is from that of the reference code");
  line.text("json", options.json, "file", "write the report as JSON");
  line.text(
      "html", options.htmlFile, "file",
      "write the report as a page: layers, operations, bounds, memory; of "
      "accelerators timeline, roofline, stalls, bytes, energy");
  tools::addRemarks(line, options);
  tools::addStages(line, options);
}

/// What nm-run did before there was a tool for each job.
static void addMoved(CommandLine &line) {
  using Move = CommandLine::Move;
  line.renamed("report-json", "json");
  line.moved({"inspect", "nm-inspect", Move::Value});
  line.moved({"print-device", "nm-inspect", Move::Option});
  line.moved({"tenants", "nm-sim tenants", Move::Value});
  line.moved({"policy", "nm-sim tenants", Move::Option});
  line.moved({"explore",
              "nm-explore",
              Move::Nothing,
              {},
              {{"csv", "output"}, {"svg", "charts"}}});
  line.moved({"emit",
              "nm-compile",
              Move::Option,
              {"mlir", "asm", "obj", "so", "attacc", "attacc-asm"}});
  line.moved({"prefix", "nm-compile", Move::Option});
  line.moved({"cc", "nm-compile", Move::Option});
}

int driver::runMain(int argc, char **argv) {
  tools::registerForeign();
  RunOptions options;
  tools::Texts texts;
  CommandLine line("nm-run",
                   "compiles a model with N:M sparse weights, runs it, "
                   "compares and times it",
                   llvmVersion());
  line.example("nm-run model.mlir --params model.safetensors --input x.npy "
               "--output y.npy");
  line.example("nm-run model.onnx --input x.npy --expect y.npy --repeat 20 "
               "--report");
  line.example("nm-run model.mlir --params model.safetensors --target=edge "
               "--timing-only");
  line.paragraph("Models are modules of MLIR, as text or bytecode, or ONNX "
                 "models. Options of MLIR, such as --mlir-print-ir-after-all "
                 "and --mlir-timing, work as in mlir-opt, with values joined "
                 "by '='.");
  line.positional("model", options.inputFile,
                  "module of MLIR or ONNX model; - is standard input");
  line.group("Data");
  tools::addParams(line, texts);
  tools::addArrays(line, options, texts,
                   "where to write result i, else the next one; with --emit "
                   "the code (default: standard output)");
  line.group("Compiling");
  tools::addCompiling(line, options, texts);
  tools::addCalibration(line, options);
  line.flag("sensitivity", options.sensitivity,
            "print what each weight costs (difference of the results) and "
            "gains (time) at 6:8, 2:4, 4:8, 8:16 and 1:4, on --calibrate");
  line.real("max-difference", options.maxDifference, "number",
            "with --sensitivity: choose patterns that together move the "
            "results by at most this, |pruned - dense| / |dense|");
  line.choice<EmitKind>(
      "emit", options.emit, "show the code instead of running it:",
      {{"llvm", EmitKind::LLVMIR,
        "optimised LLVM IR; nm-compile writes code in other forms"}});
  line.group("Masks");
  tools::addMasks(line, options.mask, texts, true);
  addRunning(line, options);
  line.group("Simulated accelerators");
  tools::addElementType(line, options);
  tools::addProof(line, options);
  tools::addSimulating(line, options.timingOnly, options);
  addReporting(line, options);
  addMoved(line);
  if (std::optional<int> code = tools::parse(line, argc, argv))
    return *code;
  options.given = line.given();
  tools::parseForeign(argv[0], texts);
  return exitCode(tools::runJob(options, texts, runModel));
}
