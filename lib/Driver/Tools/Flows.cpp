//===- Flows.cpp - nm-pifo flows -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Flows.h"
#include "nm/Driver/Main.h"
#include "nm/Driver/PifoRun.h"
#include "nm/Driver/Support.h"
#include "nm/Registration.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir::nm::driver;
using ::nm::support::Errc;
using ::nm::support::Status;
using ::nm::traffic::Control;

static Status readTime(const std::string &text, int64_t &time) {
  int64_t value = parseTime(text);
  if (value < 1 || value > int64_t(1) << 50)
    return ::nm::support::makeError(Errc::Argument,
                                    "expected a time such as 100us, at most "
                                    "2^50 ns");
  time = value;
  return {};
}

Status tools::FlowsCommand::readBounds(const std::string &text) {
  options.bounds.clear();
  llvm::SmallVector<llvm::StringRef> parts;
  llvm::StringRef(text).split(parts, ',');
  for (llvm::StringRef part : parts) {
    uint64_t factor = part.consume_back("k")   ? 1000
                      : part.consume_back("M") ? 1000000
                      : part.consume_back("G") ? 1000000000
                                               : 1;
    uint64_t value = 0;
    if (part.getAsInteger(10, value) || value < 1 || value > 1000000000 ||
        (!options.bounds.empty() && value * factor <= options.bounds.back()))
      return ::nm::support::makeError(Errc::Argument,
                                      "expected growing sizes in bytes, such "
                                      "as 100k,1M,10M");
    options.bounds.push_back(value * factor);
  }
  return {};
}

void tools::FlowsCommand::addSenders() {
  line.group("Senders");
  line.choice<Control>(
      "control", options.transport.control, "how windows follow the path",
      {{"reno", Control::Reno, "RFC 5681"},
       {"cubic", Control::Cubic, "RFC 9438"},
       {"dctcp", Control::Dctcp, "RFC 8257, by marks in a field 'ecn'"}});
  line.flag("ecn", options.transport.ecn,
            "reno and cubic react to marks as to losses (RFC 3168)");
  line.parsed(
      "rtt", "time",
      "from a packet's end on the link to its acknowledgement "
      "(default: 100us)",
      [this](const std::string &text) { return readTime(text, options.rtt); });
  line.parsed("least-timeout", "time", "(default: 10ms)",
              [this](const std::string &text) {
                return readTime(text, options.transport.leastTimeout);
              });
  line.parsed("access", "bit/s",
              "of each sender's own line (default: as the link; 0: a window "
              "leaves at once)",
              [this](const std::string &text) {
                hasAccess = true;
                return readRate(text, options.transport.access);
              });
  line.number("segment", segment, 64, 1 << 16, "bytes",
              "payload of a full packet");
  line.number("header", header, 0, 1024, "bytes", "of headers in each packet");
  line.number("window", window, 1, 1 << 16, "packets", "the first one");
}

tools::FlowsCommand::FlowsCommand()
    : line("nm-pifo flows",
           "sends flows that hear of losses and marks through policies, and "
           "reports when they are complete",
           llvmVersion()) {
  line.example("nm-pifo flows --policy fifo.policy --policy srpt.policy "
               "--generate web-search:load=0.6,count=2000");
  line.example("nm-pifo flows --policy srpt.policy --policy "
               "srpt.policy@sp-pifo:queues=8 flows.csv --html out.html");
  line.positional("flows", options.flowsFile,
                  "CSV with the columns time, size and perhaps rtt");
  line.group("Flows, policies and link");
  line.list("policy", options.policies, "file[@container]",
            "a policy or a module with a scheduler; each sees the same flows");
  line.text("generate", options.generate, "description",
            "drawn flows: web-search, data-mining, a size or a file of a "
            "distribution, such as web-search:load=0.6,count=1000,seed=1");
  line.parsed("rate", "bit/s",
              "rate of the link (default: 10G; 0 for one packet a tick)",
              [this](const std::string &text) {
                return readRate(text, options.link.rate);
              });
  line.number("overhead", overhead, 0, int64_t(1) << 20, "bytes",
              "what each packet costs on the link beyond its length");
  line.number("capacity", options.capacity, 1, 1 << 24, "packets",
              "instead of the declared one");
  line.list("field", options.fields, "field=column[%n] or number",
            "where a field comes from, if not from the column of its name");
  addSenders();
  line.group("Reports");
  line.parsed("bins", "bytes,...",
              "where sizes are parted "
              "(default: 100k,1M,10M)",
              [this](const std::string &text) { return readBounds(text); });
  line.text("json", options.json, "file", "write the report as JSON");
  line.text("html", options.html, "file", "write the report as a page");
  line.flag("quiet", options.quiet, "no table, no progress");
}

llvm::Error tools::FlowsCommand::run() {
  if (line.given("ecn") && options.transport.control == Control::Dctcp)
    return makeError("--ecn has no effect: dctcp always reacts to marks");
  if (line.given("rtt") && line.given("least-timeout") &&
      options.rtt > options.transport.leastTimeout)
    return makeError("--least-timeout has no effect: it is below --rtt");
  if (line.given("bins") && options.quiet && options.json.empty() &&
      options.html.empty())
    return makeError("--bins has no effect: it is for the reports, but --quiet "
                     "leaves out the table; add --json or --html");
  if (line.given("overhead") && options.link.rate == 0)
    return makeError("--overhead has no effect: it is a cost in time, but "
                     "--rate=0 takes a tick for every packet");
  options.link.overhead = static_cast<uint64_t>(overhead);
  options.transport.segment = static_cast<uint64_t>(segment);
  options.transport.header = static_cast<uint64_t>(header);
  options.transport.initialWindow = static_cast<uint64_t>(window);
  if (!hasAccess)
    options.transport.access = options.link.rate;
  DialectRegistry registry;
  registerDialects(registry);
  return runPifoFlows(options, registry);
}
