//===- SimMain.cpp - nm-sim -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Array.h"
#include "Options.h"
#include "nm/Driver/Files.h"
#include "nm/Driver/Main.h"
#include "nm/Driver/Run.h"
#include "nm/Driver/Support.h"
#include "nm/Driver/Tenants.h"
#include "nm/Driver/Tools.h"
#include "nm/Registration.h"

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;
using ::nm::support::CommandLine;

static llvm::Error share(const TenantsOptions &options) {
  if (options.requestsFile.empty())
    return makeError("no requests; expected nm-sim tenants <requests> "
                     "--policy=<scheduler> --target=<accelerator>");
  if (llvm::Error error = declareFiles(options))
    return error;
  DialectRegistry registry;
  registerDialects(registry);
  return simulateTenants(options, registry);
}

static void addTenants(CommandLine &line, TenantsOptions &options) {
  line.example("nm-sim tenants requests.json --policy=tiles-fair.mlir "
               "--target=edge");
  line.positional("requests", options.requestsFile,
                  "requests of tenants, as JSON or CSV (docs/simulator.md)");
  line.text("policy", options.policyFile, "file",
            "PIFO scheduler that orders the tenants' jobs");
  tools::addAccelerator(line, options.target, "accelerator that they share");
  line.choice("preempt", options.preempt, "where a request can be interrupted",
              std::vector<::nm::support::Word<TenantsOptions::Preempt>>{
                  {"barriers", TenantsOptions::Preempt::Barriers,
                   "where nothing is under way and on chip"},
                  {"loops", TenantsOptions::Preempt::Loops,
                   "also after each round of an outermost loop: what is on "
                   "chip goes to DRAM and comes back"}});
  line.real("quantum", options.quantumUs, "us",
            "with --preempt=loops: microseconds between such places, at least");
  tools::addProof(line, options);
  line.group("Reports");
  line.text("json", options.json, "file", "write the report as JSON");
  line.text("trace", options.traceFile, "file",
            "write what each tenant did and when, for ui.perfetto.dev");
  line.renamed("report-json", "json");
}

static void addProgram(CommandLine &line, SimulateOptions &options,
                       tools::Texts &texts) {
  line.example("nm-sim program.nmb --input x.npy --output y.npy --report");
  line.example("nm-sim program.nmb --target=my-device.json --timing-only "
               "--trace=trace.json");
  line.positional("program", options.inputFile,
                  "binary, JSON, assembly, or a module with one "
                  "attacc.program; - is standard input");
  line.group("Data");
  tools::addParams(line, texts);
  tools::addArrays(line, options, texts,
                   "where to write the out tensor i, by name or number, else "
                   "the next one");
  line.group("Masks");
  tools::addMasks(line, options.mask, texts, true);
  line.group("Running");
  tools::addAccelerator(line, options.target,
                        "accelerator that it runs on (default: the one it was "
                        "made for)");
  tools::addThreads(line, options.threads);
  tools::addProof(line, options);
  line.group("Reports");
  tools::addSimulating(line, options.timingOnly, options);
  line.text("html", options.htmlFile, "file",
            "write the report as a page: timeline, roofline, stalls, bytes, "
            "energy");
  line.flag("report", options.report,
            "print utilisation, bytes, energy, engines and tensors");
  line.text("golden", options.goldenFolder, "folder",
            "write what each instruction read and wrote, to check RTL with "
            "(docs/simulator.md)");
  line.text("json", options.json, "file", "write the report as JSON");
  line.renamed("report-json", "json");
}

int driver::simMain(int argc, char **argv) {
  SimulateOptions options;
  TenantsOptions tenants;
  tools::Texts texts;
  CommandLine line("nm-sim", "runs programs of accelerators on a simulator",
                   llvmVersion());
  CommandLine sharing("nm-sim tenants",
                      "runs programs of tenants that share an accelerator",
                      llvmVersion());
  addProgram(line, options, texts);
  addTenants(sharing, tenants);
  line.command(sharing);
  tools::ArrayCommand array;
  line.command(array.line);
  if (std::optional<int> code = tools::parse(line, argc, argv))
    return *code;
  options.given = line.given();
  tenants.given = sharing.given();
  if (line.chosen() == &array.line)
    return exitCode(array.run());
  return exitCode(line.chosen() ? share(tenants)
                                : tools::runJob(options, texts, runProgram));
}
