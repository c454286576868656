//===- PifoRun.cpp - What nm-pifo does -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/PifoRun.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Support/FileUtilities.h"
#include "nm/Dialect/Pifo/Transforms/Approximation.h"
#include "nm/Driver/Diagnostics.h"
#include "nm/Driver/Files.h"
#include "nm/Driver/Main.h"
#include "nm/Driver/PifoScheduler.h"
#include "nm/Driver/Support.h"
#include "nm/Import/PifoPolicy.h"
#include "nm/Support/Progress.h"
#include "nm/Support/Text.h"
#include "nm/Traffic/FlowTable.h"
#include "nm/Traffic/Output.h"
#include "nm/Traffic/Statistics.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/WithColor.h"
#include <sys/stat.h>

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;
using namespace ::nm::traffic;

/// Schedulers are text of a few pages.
static constexpr uint64_t kLargestScheduler = 64 << 20;

llvm::Expected<OwningOpRef<ModuleOp>>
driver::readScheduler(const std::string &path, llvm::SourceMgr &sources,
                      MLIRContext &context, int64_t capacity) {
  struct stat status;
  if (path != "-" && ::stat(path.c_str(), &status) == 0 &&
      (!S_ISREG(status.st_mode) && !S_ISFIFO(status.st_mode)))
    return makeError("cannot open {0}: not a file",
                     ::nm::support::quotePath(path));
  if (path != "-" && ::stat(path.c_str(), &status) == 0 &&
      static_cast<uint64_t>(status.st_size) > kLargestScheduler)
    return makeError("'{0}' has {1} bytes; expected a scheduler of at most {2}",
                     path, status.st_size, kLargestScheduler);
  std::string error;
  auto file = openInputFile(path, &error);
  if (!file)
    return makeError("{0}", error);
  if (StringRef(path).ends_with(".policy")) {
    auto text = ::nm::policy::translate(file->getBuffer().str(), path,
                                        static_cast<uint64_t>(capacity));
    if (!text)
      return makeError("{0}", StringRef(text.error().message).rtrim());
    file = llvm::MemoryBuffer::getMemBufferCopy(*text, path + " (translated)");
  }
  sources.AddNewSourceBuffer(withPrintableName(std::move(file)), llvm::SMLoc());
  auto module = parseSourceFile<ModuleOp>(sources, &context);
  if (!module)
    return makeError("'{0}' is not a valid module", path);
  return std::move(module);
}

llvm::Expected<uint64_t> driver::parseRate(StringRef text) {
  constexpr uint64_t kMost = 1000000000000000;
  auto refuse = [&](const char *expected) {
    return makeError("--rate is '{0}'; expected {1}", printable(text),
                     expected);
  };
  const char *expected = "bit/s such as 10G or 2.5G, at most 1000T, or 0 for "
                         "one packet a tick";
  uint64_t factor = llvm::StringSwitch<uint64_t>(text.take_back(1))
                        .Case("k", 1000)
                        .Case("M", 1000000)
                        .Case("G", 1000000000)
                        .Case("T", 1000000000000)
                        .Default(1);
  StringRef digits = factor == 1 ? text : text.drop_back();
  auto [whole, fraction] = digits.split('.');
  auto isNumber = [](StringRef part) {
    return !part.empty() && part.size() <= 18 &&
           llvm::all_of(part, llvm::isDigit);
  };
  if (!isNumber(whole) || (digits.contains('.') && !isNumber(fraction)))
    return refuse(expected);
  // At most 18 digits on either side of the point: below 2^60 each.
  unsigned __int128 value = std::stoull(whole.str()), scale = 1;
  for (char c : fraction) {
    value = value * 10 + static_cast<unsigned>(c - '0');
    scale *= 10;
  }
  value *= factor;
  if (value % scale != 0)
    return refuse("a whole number of bit/s");
  if (value / scale > kMost)
    return refuse(expected);
  return static_cast<uint64_t>(value / scale);
}

static SourceResult openTraffic(const PifoRunOptions &options) {
  if (!options.generate.empty())
    return openGenerator(options.generate);
  StringRef path = options.trafficFile;
  if (path.ends_with(".pcap") || path.ends_with(".pcapng") ||
      path.ends_with(".cap"))
    return openPcap(options.trafficFile, options.maxFlows);
  return openCsv(options.trafficFile);
}

static llvm::Error checkContainer(StringRef container) {
  auto choice = pifo::ContainerChoice::parse(container);
  if (choice)
    return llvm::Error::success();
  return makeError("--container: {0}", llvm::toString(choice.takeError()));
}

/// A column that --field names and no scheduler reads is taken for a mistake.
static llvm::Error checkColumns(const Source &source,
                                const PifoScheduler &scheduler,
                                const FlowNames &flows) {
  constexpr StringRef options[] = {"rate",  "packets", "duration", "length",
                                   "flows", "order",   "size",     "peak",
                                   "on",    "seed"};
  ArrayRef<std::string> columns = source.columns();
  for (auto [i, name] : llvm::enumerate(columns))
    if (name != "length" && name != "flow" && !scheduler.takes(i) &&
        !llvm::is_contained(flows.columns, name))
      return makeError("--generate: '{0}' is neither an option{1} nor a column "
                       "that a field of the scheduler takes; expected one of "
                       "{2}, or --field <field>={0}",
                       printable(name), didYouMean(name, options),
                       listNames(options));
  return llvm::Error::success();
}

static ::nm::support::Status declareFiles(const PifoRunOptions &options,
                                          ::nm::support::CommandFiles &files) {
  for (auto [what, path] : {std::pair("the scheduler", &options.schedulerFile),
                            std::pair("the traffic", &options.trafficFile),
                            std::pair("--flows", &options.flows),
                            std::pair("--changes", &options.changes)})
    if (!path->empty())
      NM_RETURN_IF_ERROR(files.reads(what, *path));
  for (auto [what, path] :
       {std::pair("--departures", &options.departuresCsv),
        std::pair("--departures-pcap", &options.departuresPcap),
        std::pair("--json", &options.json), std::pair("--svg", &options.svg)})
    if (!path->empty())
      NM_RETURN_IF_ERROR(files.writes(what, *path));
  return {};
}

static llvm::Error checkOptions(const PifoRunOptions &options) {
  if (options.trafficFile.empty() && options.generate.empty())
    return makeError("no traffic; expected a file, or "
                     "--generate=<description>");
  if (!options.trafficFile.empty() && !options.generate.empty())
    return makeError("both the traffic '{0}' and --generate are given; "
                     "expected one of them",
                     printable(options.trafficFile));
  if (options.schedulerFile == "-" && options.trafficFile == "-")
    return makeError("the scheduler and the traffic are both read from "
                     "standard input; give one of them a file");
  return checkContainer(options.container);
}

static llvm::Expected<std::unique_ptr<Source>>
openSource(const PifoRunOptions &options, FlowNames &flows) {
  SourceResult opened = openTraffic(options);
  if (opened && !options.flows.empty())
    opened = nameFlows(std::move(*opened), options.flows, flows);
  if (!opened)
    return toError(opened.error());
  return std::move(*opened);
}

/// Reads on a thread of its own unless that could block for ever, as a pipe
/// may, or packets themselves are written.
static std::unique_ptr<Source> readAhead(const PifoRunOptions &options,
                                         std::unique_ptr<Source> source,
                                         const Scheduler &scheduler) {
  struct stat status;
  bool isFile = ::stat(options.trafficFile.c_str(), &status) == 0 &&
                S_ISREG(status.st_mode);
  if (options.departuresPcap.empty() && (!options.generate.empty() || isFile))
    return ::nm::traffic::readAhead(
        std::move(source), [&](Arrivals &block) { scheduler.prepare(block); });
  return source;
}

using Writers = std::vector<std::unique_ptr<DepartureWriter>>;

static llvm::Expected<Writers> openWriters(const PifoRunOptions &options,
                                           const Source &source,
                                           ::nm::support::CommandFiles &files) {
  Writers writers;
  for (auto [path, open] :
       {std::pair(&options.departuresCsv, &openDepartureCsv),
        std::pair(&options.departuresPcap, &openDeparturePcap)}) {
    if (path->empty())
      continue;
    auto file = files.open(*path);
    if (!file)
      return toError(file.error());
    WriterResult writer = open(**file, source);
    if (!writer)
      return toError(writer.error());
    writers.push_back(std::move(*writer));
  }
  return writers;
}

/// Sends all packets; the seconds that it took.
static llvm::Expected<double>
sendPackets(const PifoRunOptions &options, const Link &link, Source &source,
            Scheduler &scheduler, Writers &writers, Statistics &statistics,
            Totals &totals) {
  Stopwatch watch;
  ::nm::support::Progress progress("", !options.quiet);
  ObserverThread observer({[&](const Departures &block) {
                             statistics.add(block);
                             for (auto &writer : writers)
                               for (size_t i = 0; i < block.count; ++i)
                                 if (block.departure[i] >= 0)
                                   writer->write(block[i]);
                           },
                           /*wantsValues=*/!writers.empty(),
                           /*wantsBytes=*/!options.departuresPcap.empty(),
                           /*takesSums=*/writers.empty()});
  auto result =
      simulate(source, scheduler, link, observer.observer(), totals,
               [&](const Totals &sent) {
                 progress.show(llvm::formatv("{0} million packets, {1:f1} M/s",
                                             sent.arrived / 1000000,
                                             sent.arrived / 1e3 / watch.ms()),
                               source.progress());
                 return true;
               });
  observer.finish();
  if (!result)
    return toError(result.error());
  return watch.ms() / 1e3;
}

static ::nm::support::Status writeReports(const PifoRunOptions &options,
                                          const Statistics &statistics,
                                          const Totals &totals, double seconds,
                                          const PifoScheduler &scheduler,
                                          ::nm::support::CommandFiles &files) {
  if (!options.json.empty())
    NM_RETURN_IF_ERROR(files.write(
        options.json, formatJson(totals, statistics, options.link, seconds,
                                 options.weights, scheduler.classes())));
  if (!options.svg.empty())
    NM_RETURN_IF_ERROR(
        files.write(options.svg, formatSvg(totals, statistics, options.link)));
  return files.commit();
}

static llvm::Error run(const PifoRunOptions &options,
                       const DialectRegistry &registry) {
  MLIRContext context(registry);
  llvm::SourceMgr sources;
  SourceMgrDiagnosticHandler diagnostics(sources, &context);
  escapeDiagnostics(context);
  if (llvm::Error error = checkOptions(options))
    return error;
  ::nm::support::CommandFiles files;
  if (auto status = declareFiles(options, files); !status)
    return toError(status.error());
  Link link = options.link;
  PifoChanges changes;
  auto module = readSchedulers(options, sources, context, changes);
  if (!module)
    return module.takeError();
  link.changes = changes.times;
  FlowNames flows;
  auto source = openSource(options, flows);
  if (!source)
    return source.takeError();
  auto scheduler = PifoScheduler::create(
      **module, options.scheduler, options.container, options.capacity,
      (*source)->columns(), options.fields, !options.unoptimized,
      std::move(changes));
  if (!scheduler)
    return scheduler.takeError();
  if (!options.generate.empty())
    if (llvm::Error error = checkColumns(**source, **scheduler, flows))
      return error;
  auto writers = openWriters(options, **source, files);
  if (!writers)
    return writers.takeError();
  Statistics statistics;
  statistics.nameFlows(flows.names);
  Totals totals;
  // Its thread asks the scheduler, which outlives it.
  std::unique_ptr<Source> packets =
      readAhead(options, std::move(*source), **scheduler);
  auto taken = sendPackets(options, link, *packets, **scheduler, *writers,
                           statistics, totals);
  if (!taken)
    return taken.takeError();
  (*scheduler)->tellChanges(totals);
  for (const Source::Note &note : packets->notes())
    (note.isWarning ? llvm::WithColor::warning() : llvm::WithColor::note())
        << note.text << "\n";
  for (auto &writer : *writers)
    writer->finish();
  double seconds = options.noTimes ? -1 : *taken;
  if (auto status = writeReports(options, statistics, totals, seconds,
                                 **scheduler, files);
      !status)
    return toError(status.error());
  if (options.quiet)
    llvm::errs() << formatRefused(totals);
  else
    (files.writesStandardOutput() ? llvm::errs() : llvm::outs())
        << formatTable(totals, statistics, options.link, seconds, options.rows,
                       options.weights, (*scheduler)->classes());
  return llvm::Error::success();
}

int driver::runPifo(const PifoRunOptions &options,
                    const DialectRegistry &registry) {
  if (llvm::Error error = run(options, registry))
    return reportError(std::move(error));
  return 0;
}
