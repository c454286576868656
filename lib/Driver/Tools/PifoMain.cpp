//===- PifoMain.cpp - nm-pifo -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Flows.h"
#include "Mesh.h"
#include "Options.h"
#include "nm/Driver/Main.h"
#include "nm/Driver/PifoRun.h"
#include "nm/Driver/Support.h"
#include "nm/Driver/Tools.h"
#include "nm/Registration.h"
#include "nm/Support/Numbers.h"

using namespace mlir::nm::driver;
namespace support = ::nm::support;
using support::CommandLine;
using support::Errc;
using support::Status;

namespace {

/// What options fill that the job holds in another form.
struct Numbers {
  int64_t overhead = 0, rows = 20, maxFlows = 1 << 20;
};

} // namespace

Status mlir::nm::driver::tools::readRate(const std::string &text,
                                         uint64_t &rate) {
  auto parsed = parseRate(text);
  if (parsed) {
    rate = *parsed;
    return {};
  }
  // The option is named by the grammar.
  std::string why = llvm::toString(parsed.takeError());
  size_t begin = why.find("; ");
  return support::makeError(
      Errc::Argument, begin == std::string::npos ? why : why.substr(begin + 2));
}

static Status readWeights(const std::string &text,
                          std::vector<double> &weights) {
  llvm::SmallVector<llvm::StringRef> parts;
  llvm::StringRef(text).split(parts, ',');
  for (llvm::StringRef part : parts) {
    double weight = 0;
    if (!support::parseReal(part.str(), weight) || !(weight > 0))
      return support::makeError(Errc::Argument,
                                "expected finite numbers above 0, such as "
                                "1,2,0.5");
    weights.push_back(weight);
  }
  return {};
}

/// Where something is made of the scheduler, nothing runs.
static llvm::Error checkEmit(const CommandLine &line,
                             const PifoRunOptions &options) {
  if (options.emit.empty())
    return line.given("output")
               ? makeError("--output has no effect without --emit; runs have "
                           "--json, --svg and --departures")
               : llvm::Error::success();
  if (!options.trafficFile.empty())
    return makeError("--emit takes no traffic, but '{0}' is given",
                     printable(options.trafficFile));
  for (const std::string &name : line.given())
    if (name != "emit" && name != "output" && name != "scheduler" &&
        name != "capacity" && !(name == "changes" && options.emit == "mlir"))
      return makeError("--{0} has no effect with --emit, which runs nothing",
                       name);
  return llvm::Error::success();
}

/// What another option, or its absence, makes void.
static llvm::Error checkUsed(const CommandLine &line,
                             const PifoRunOptions &options) {
  llvm::StringRef traffic = options.trafficFile;
  bool isCapture = traffic.ends_with(".pcap") || traffic.ends_with(".pcapng") ||
                   traffic.ends_with(".cap");
  bool isReported = !options.quiet || !options.json.empty();
  struct {
    const char *option;
    bool used;
    const char *why;
  } const uses[] = {
      {"max-flows", isCapture,
       "bounds the flows of a capture; other traffic has columns for them"},
      {"overhead", options.link.rate != 0,
       "is a cost in time, but --rate=0 takes a tick for every packet"},
      {"rows", !options.quiet, "is about the table, which --quiet leaves out"},
      {"weights", isReported,
       "is for the reports, but --quiet leaves out the table; add --json"},
      {"no-times", isReported,
       "is for the reports, but --quiet leaves out the table; add --json"},
  };
  for (const auto &use : uses)
    if (line.given(use.option) && !use.used)
      return makeError("--{0} has no effect: it {1}", use.option, use.why);
  return llvm::Error::success();
}

static void addOptions(CommandLine &line, PifoRunOptions &options,
                       Numbers &numbers) {
  line.example("nm-pifo scheduler.mlir traffic.pcap --rate 10G --departures "
               "out.csv");
  line.example("nm-pifo rules.policy "
               "--generate=poisson:rate=9G,packets=1000000 --svg out.svg");
  line.positional("scheduler", options.schedulerFile,
                  "a module with a pifo.scheduler, or a policy (*.policy)");
  line.positional("traffic", options.trafficFile,
                  "CSV, or a capture (*.pcap, *.pcapng, *.cap)");
  line.group("Traffic and link");
  line.text("generate", options.generate, "description",
            "made-up traffic, such as "
            "poisson:rate=9G,length=64..1500,flows=16,packets=1000000");
  line.parsed("rate", "bit/s",
              "rate of the link (default: 10G; 0 for one packet a tick)",
              [&](const std::string &text) {
                return tools::readRate(text, options.link.rate);
              });
  line.number("overhead", numbers.overhead, 0, int64_t(1) << 40, "bytes",
              "what each packet costs beyond its length (Ethernet: 24)");
  line.text("flows", options.flows, "file",
            "flows with names: by addresses, protocol, ports, DSCP, VLAN or "
            "any other column");
  line.number("max-flows", numbers.maxFlows, 1, int64_t(1) << 40, "n",
              "flows that a capture may have");
  line.group("Scheduler");
  line.text("scheduler", options.scheduler, "name",
            "which one, if there are several");
  line.text("container", options.container, "what",
            "auto, heap, list (see docs/pifo-cpu.md), or queues that come near "
            "an order: sp-pifo, aifo, packs, rifo");
  line.parsed("capacity", "packets", "instead of the declared one",
              [&](const std::string &text) -> Status {
                if (support::parseWholeNumber(text, options.capacity) &&
                    options.capacity >= 1 && options.capacity <= 1 << 24)
                  return {};
                return support::makeError(Errc::Argument,
                                          "expected 1 to 2^24 packets");
              });
  line.flag("unoptimized", options.unoptimized,
            "begin sooner, with slower code: for short traffic");
  line.text("changes", options.changes, "file",
            "when which policy takes the place of the scheduler's, packets "
            "inside included");
  line.list("field", options.fields,
            "field=column[%n], hash[(columns)]%n or number",
            "where a field comes from, if not from the column of its name");
  line.group("Other forms");
  line.choice<std::string>(
      "emit", options.emit, "what is made of the scheduler in place of a run:",
      {{"bpf", "bpf",
        "C for clang's target bpf: a queueing discipline of Linux 6.16 and "
        "later"},
       {"mlir", "mlir",
        "a module; with --changes, one for all policies, behind the parameters "
        "of each"}});
  line.text("output", options.output, "file",
            "where it goes (default: -, standard output)");
  line.shorthand('o', "output");
  line.group("Reports");
  line.parsed("weights", "w0,w1,...",
              "weights of the flows for the index of fairness",
              [&](const std::string &text) {
                return readWeights(text, options.weights);
              });
  line.text("departures", options.departuresCsv, "file",
            "write every departure as CSV");
  line.text("departures-pcap", options.departuresPcap, "file",
            "write departures as a capture");
  line.text("json", options.json, "file", "write the report as JSON");
  line.text("svg", options.svg, "file", "write the report as a picture");
  line.number("rows", numbers.rows, 0, int64_t(1) << 30, "n",
              "flows in the table");
  line.flag("quiet", options.quiet, "no table, no progress");
  line.flag("no-times", options.noTimes,
            "leave out how long the run took: the same report each time");
}

int mlir::nm::driver::pifoMain(int argc, char **argv) {
  PifoRunOptions options;
  Numbers numbers;
  CommandLine line("nm-pifo",
                   "runs a packet scheduler on traffic and reports what flows "
                   "got",
                   llvmVersion());
  addOptions(line, options, numbers);
  tools::MeshCommand mesh;
  line.command(mesh.line);
  tools::FlowsCommand flows;
  line.command(flows.line);
  if (std::optional<int> code = tools::parse(line, argc, argv))
    return *code;
  if (line.chosen())
    return exitCode(line.chosen() == &mesh.line ? mesh.run() : flows.run());
  options.link.overhead = static_cast<uint64_t>(numbers.overhead);
  options.maxFlows = static_cast<uint64_t>(numbers.maxFlows);
  options.rows = static_cast<size_t>(numbers.rows);
  if (options.schedulerFile.empty())
    return reportError(makeError("no scheduler; expected nm-pifo "
                                 "<scheduler.mlir or .policy> <traffic>"));
  if (llvm::Error error = checkEmit(line, options))
    return reportError(std::move(error));
  if (llvm::Error error = checkUsed(line, options))
    return reportError(std::move(error));
  mlir::DialectRegistry registry;
  mlir::nm::registerDialects(registry);
  if (!options.emit.empty())
    return exitCode(emitPifo(options, registry));
  return runPifo(options, registry);
}
