//===- PifoFlows.cpp - What nm-pifo flows does -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/PifoFlows.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Support/FileUtilities.h"
#include "nm/Dialect/Pifo/IR/PifoDialect.h"
#include "nm/Driver/Diagnostics.h"
#include "nm/Driver/Files.h"
#include "nm/Driver/Main.h"
#include "nm/Driver/PifoRun.h"
#include "nm/Driver/PifoScheduler.h"
#include "nm/Driver/Support.h"
#include "nm/Support/CommandFiles.h"
#include "nm/Support/Progress.h"
#include "nm/Support/Text.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;
using namespace ::nm::traffic;

/// The file and the container of `file@container`.
static std::pair<std::string, std::string> splitPolicy(StringRef text) {
  auto [file, container] = text.rsplit('@');
  return {file.str(), container.empty() ? "auto" : container.str()};
}

static llvm::Error declareAll(const PifoFlowsOptions &options,
                              ::nm::support::CommandFiles &files) {
  ::nm::support::Status status;
  for (const std::string &policy : options.policies)
    if (status)
      status = files.reads("--policy", splitPolicy(policy).first);
  if (status && !options.flowsFile.empty())
    status = files.reads("the flows", options.flowsFile);
  if (status && !options.json.empty())
    status = files.writes("--json", options.json);
  if (status && !options.html.empty())
    status = files.writes("--html", options.html);
  return toError(status);
}

static llvm::Error checkOptions(const PifoFlowsOptions &options) {
  if (options.policies.empty())
    return makeError("no policy; expected --policy <file>, several times to "
                     "compare policies");
  llvm::StringSet<> seen;
  for (const std::string &policy : options.policies)
    if (!seen.insert(policy).second)
      return makeError("--policy {0} is given twice; its runs would be equal",
                       printable(policy));
  if (options.flowsFile.empty() == options.generate.empty())
    return makeError("{0}; expected a file of flows or --generate "
                     "<description>",
                     options.generate.empty()
                         ? "no flows"
                         : "both a file of flows and --generate are given");
  return llvm::Error::success();
}

static llvm::Expected<FlowSet> getFlows(const PifoFlowsOptions &options) {
  auto flows = options.generate.empty()
                   ? readFlows(options.flowsFile, options.rtt)
                   : drawFlows(options.generate, options.link,
                               options.transport, options.rtt);
  if (!flows)
    return makeError("{0}{1}", options.generate.empty() ? "" : "--generate: ",
                     flows.error().message);
  return std::move(*flows);
}

namespace {

struct Compiled {
  std::string name;
  std::unique_ptr<PifoScheduler> scheduler;
};

} // namespace

/// Those of --field that the schedulers of the module have.
static std::vector<std::string> fieldsFor(ModuleOp module,
                                          ArrayRef<std::string> fields,
                                          llvm::StringSet<> &used) {
  llvm::StringSet<> names;
  module.walk([&](pifo::FieldOp field) { names.insert(field.getSymName()); });
  std::vector<std::string> found;
  for (StringRef text : fields)
    if (StringRef name = text.split('=').first;
        names.contains(name) || !text.contains('=')) {
      found.push_back(text.str());
      used.insert(text);
    }
  return found;
}

static llvm::Expected<std::vector<Compiled>>
compileAll(const PifoFlowsOptions &options, const FlowSet &flows,
           MLIRContext &context) {
  std::vector<Compiled> all;
  llvm::StringSet<> used;
  for (const std::string &policy : options.policies) {
    auto [file, container] = splitPolicy(policy);
    llvm::SourceMgr sources;
    SourceMgrDiagnosticHandler diagnostics(sources, &context);
    auto module = readScheduler(file, sources, context, options.capacity);
    if (!module)
      return module.takeError();
    auto scheduler = PifoScheduler::create(
        **module, "", container, options.capacity, transportColumns(flows),
        fieldsFor(**module, options.fields, used));
    if (!scheduler)
      return makeError("--policy {0}: {1}", printable(policy),
                       llvm::toString(scheduler.takeError()));
    all.push_back({policy, std::move(*scheduler)});
  }
  for (const std::string &field : options.fields)
    if (!used.contains(field))
      return makeError("--field {0}: no policy has that field",
                       printable(field));
  return std::move(all);
}

static llvm::Expected<CompletionRun> runPolicy(const PifoFlowsOptions &options,
                                               const FlowSet &flows,
                                               Compiled &compiled) {
  CompletionRun run{compiled.name, {}, {}, {}};
  ::nm::support::Progress progress("", !options.quiet);
  auto status =
      sendFlows(flows, *compiled.scheduler, options.link, options.transport,
                run.outcomes, run.totals, [&](size_t complete) {
                  progress.show(llvm::formatv("{0}: {1} flows complete",
                                              compiled.name, complete),
                                static_cast<double>(complete) /
                                    static_cast<double>(flows.flows.size()));
                });
  if (!status)
    return makeError("--policy {0}: {1}", printable(compiled.name),
                     status.error().message);
  if (Disorder disorder; compiled.scheduler->disorder(disorder))
    run.disorder = disorder;
  return run;
}

llvm::Error driver::runPifoFlows(const PifoFlowsOptions &options,
                                 const DialectRegistry &registry) {
  MLIRContext context(registry);
  escapeDiagnostics(context);
  if (llvm::Error error = checkOptions(options))
    return error;
  ::nm::support::CommandFiles files;
  if (llvm::Error error = declareAll(options, files))
    return error;
  auto flows = getFlows(options);
  if (!flows)
    return flows.takeError();
  auto compiled = compileAll(options, *flows, context);
  if (!compiled)
    return compiled.takeError();
  CompletionReport report{
      std::move(*flows), options.link, options.transport, options.bounds, {}};
  for (Compiled &each : *compiled) {
    auto run = runPolicy(options, report.flows, each);
    if (!run)
      return run.takeError();
    report.runs.push_back(std::move(*run));
  }
  ::nm::support::Status status;
  if (!options.json.empty())
    status = files.write(options.json, formatCompletionJson(report));
  if (status && !options.html.empty())
    status = files.write(options.html, formatCompletionHtml(report));
  if (status)
    status = files.commit();
  if (!status)
    return toError(status);
  if (!options.quiet)
    (files.writesStandardOutput() ? llvm::errs() : llvm::outs())
        << formatCompletionTable(report);
  return llvm::Error::success();
}
