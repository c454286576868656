//===- nm-pifo.cpp - Run a scheduler on traffic -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Main.h"
#include "nm/Driver/PifoRun.h"
#include "nm/Driver/Support.h"
#include "nm/Registration.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/WithColor.h"
#include <cmath>

using namespace mlir::nm::driver;
namespace cl = llvm::cl;

static int nmPifo(int argc, char **argv) {
  // libLLVM's own options of these names give way.
  for (llvm::StringRef name :
       {"generate", "rate", "overhead", "scheduler", "container", "capacity",
        "field", "weights", "max-flows", "departures", "departures-pcap",
        "json", "svg", "rows", "quiet", "no-times"})
    if (cl::Option *option = cl::getRegisteredOptions().lookup(name))
      option->removeArgument();
  PifoRunOptions options;
  cl::OptionCategory traffic("Traffic and link"), what("Scheduler"),
      out("Reports");
  cl::opt<std::string, true> schedulerFile(
      cl::Positional, cl::Required, cl::cat(what),
      cl::location(options.schedulerFile),
      cl::desc("<scheduler.mlir or .policy>"));
  cl::opt<std::string, true> trafficFile(cl::Positional, cl::cat(traffic),
                                         cl::location(options.trafficFile),
                                         cl::desc("[traffic.csv or .pcap]"));
  cl::opt<std::string, true> generate(
      "generate", cl::cat(traffic), cl::location(options.generate),
      cl::value_desc("description"),
      cl::desc("made-up traffic, such as "
               "poisson:rate=9G,length=64..1500,flows=16,packets=1000000"));
  cl::opt<std::string> rate("rate", cl::cat(traffic), cl::init("10G"),
                            cl::value_desc("bit/s"),
                            cl::desc("rate of the link (default 10G; 0 for "
                                     "one packet a tick)"));
  cl::opt<uint64_t, true> overhead(
      "overhead", cl::cat(traffic), cl::location(options.link.overhead),
      cl::value_desc("bytes"),
      cl::desc("what each packet costs beyond its length (Ethernet: 24)"));
  cl::opt<uint64_t, true> maxFlows(
      "max-flows", cl::cat(traffic), cl::location(options.maxFlows),
      cl::init(1 << 20), cl::desc("flows that a capture may have"));
  cl::opt<std::string, true> scheduler(
      "scheduler", cl::cat(what), cl::location(options.scheduler),
      cl::value_desc("name"), cl::desc("which one, if there are several"));
  cl::opt<std::string, true> container(
      "container", cl::cat(what), cl::location(options.container),
      cl::init("auto"), cl::desc("auto, heap or list (see docs/pifo-cpu.md)"));
  cl::opt<int64_t, true> capacity(
      "capacity", cl::cat(what), cl::location(options.capacity),
      cl::value_desc("packets"), cl::desc("instead of the declared one"));
  cl::list<std::string> fields(
      "field", cl::cat(what), cl::value_desc("field=column[%n] or number"),
      cl::desc("where a field comes from, if not from the column of its name"));
  cl::list<double> weights(
      "weights", cl::cat(out), cl::CommaSeparated, cl::value_desc("w0,w1,..."),
      cl::desc("weights of the flows for the index of fairness"));
  cl::opt<std::string, true> csv(
      "departures", cl::cat(out), cl::location(options.departuresCsv),
      cl::value_desc("file.csv"), cl::desc("write every departure"));
  cl::opt<std::string, true> pcap(
      "departures-pcap", cl::cat(out), cl::location(options.departuresPcap),
      cl::value_desc("file.pcap"), cl::desc("write departures as a capture"));
  cl::opt<std::string, true> json(
      "json", cl::cat(out), cl::location(options.json), cl::value_desc("file"),
      cl::desc("write the report as JSON"));
  cl::opt<std::string, true> svg("svg", cl::cat(out), cl::location(options.svg),
                                 cl::value_desc("file"),
                                 cl::desc("write the report as a picture"));
  cl::opt<size_t, true> rows("rows", cl::cat(out), cl::location(options.rows),
                             cl::init(20), cl::desc("flows in the table"));
  cl::opt<bool, true> quiet("quiet", cl::cat(out), cl::location(options.quiet),
                            cl::desc("no table, no progress"));
  cl::opt<bool, true> noTimes(
      "no-times", cl::cat(out), cl::location(options.noTimes),
      cl::desc("leave out how long the run took: the same report each time"));
  cl::HideUnrelatedOptions({&traffic, &what, &out});
  cl::ParseCommandLineOptions(
      argc, argv,
      "runs a packet scheduler on traffic and reports what flows "
      "got\n\n  nm-pifo scheduler.mlir traffic.pcap --rate 10G "
      "--departures out.csv --svg out.svg\n");
  auto parsed = parseRate(rate);
  auto refuse = [](const llvm::Twine &what) {
    llvm::WithColor::error() << what << "\n";
    return 1;
  };
  if (!parsed)
    return refuse(llvm::toString(parsed.takeError()));
  if (options.capacity < 0 || options.capacity > 1 << 24)
    return refuse("--capacity is " + llvm::Twine(options.capacity) +
                  "; expected 1 to 2^24 packets");
  if (llvm::any_of(weights,
                   [](double w) { return !(w > 0) || !std::isfinite(w); }))
    return refuse("--weights; expected finite numbers above 0");
  options.link.rate = *parsed;
  options.fields.assign(fields.begin(), fields.end());
  options.weights.assign(weights.begin(), weights.end());
  mlir::DialectRegistry registry;
  mlir::nm::registerDialects(registry);
  return runPifo(options, registry);
}

int main(int argc, char **argv) {
  return runTool(argc, argv, [&] { return nmPifo(argc, argv); });
}
