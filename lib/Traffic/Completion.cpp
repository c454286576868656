//===- Completion.cpp - When flows were complete -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Traffic/Completion.h"
#include "nm/Support/HtmlTable.h"
#include "nm/Support/JsonWriter.h"
#include "nm/Support/Plot.h"
#include "nm/Support/Table.h"
#include "nm/Support/Text.h"
#include "nm/Traffic/Statistics.h"
#include <algorithm>
#include <cmath>

using namespace nm::traffic;
using nm::support::formatted;
using nm::support::HtmlTable;
using nm::support::JsonWriter;
using nm::support::Table;

double CompletionReport::best(const Flow &flow) const {
  const uint64_t packets = (flow.bytes + options.segment - 1) / options.segment;
  const double half = static_cast<double>(flow.rtt / 2);
  const double payload = static_cast<double>(flow.bytes) +
                         static_cast<double>(packets * options.header);
  const double wire = payload + static_cast<double>(packets * link.overhead);
  double time = link.rate ? wire * 8e9 / static_cast<double>(link.rate)
                          : static_cast<double>(packets);
  if (options.access)
    time = std::max(time, payload * 8e9 / static_cast<double>(options.access));
  return time + half;
}

std::vector<CompletionBin>
CompletionReport::bins(const CompletionRun &run) const {
  std::vector<CompletionBin> made(bounds.size() + 2);
  for (size_t i = 0; i < bounds.size(); ++i)
    made[i + 1].most = made[i + 2].least = bounds[i];
  for (CompletionBin &bin : made) {
    std::vector<int64_t> times;
    std::vector<double> slowdowns;
    for (size_t i = 0; i < flows.flows.size(); ++i) {
      const Flow &flow = flows.flows[i];
      if (flow.bytes <= bin.least || flow.bytes > bin.most)
        continue;
      int64_t time = run.outcomes[i].completion;
      times.push_back(time);
      slowdowns.push_back(static_cast<double>(time) / best(flow));
      bin.mean += static_cast<double>(time);
      bin.slowdownMean += slowdowns.back();
    }
    bin.flows = times.size();
    if (times.empty())
      continue;
    std::sort(times.begin(), times.end());
    std::sort(slowdowns.begin(), slowdowns.end());
    bin.mean /= static_cast<double>(times.size());
    bin.slowdownMean /= static_cast<double>(times.size());
    bin.p50 = nearestRank(times, 0.5);
    bin.p99 = nearestRank(times, 0.99);
    bin.slowdown50 = nearestRank(slowdowns, 0.5);
    bin.slowdown99 = nearestRank(slowdowns, 0.99);
  }
  return made;
}

static std::vector<std::vector<CompletionBin>>
binsOfRuns(const CompletionReport &report) {
  std::vector<std::vector<CompletionBin>> all;
  for (const CompletionRun &run : report.runs)
    all.push_back(report.bins(run));
  return all;
}

/// 100000 as 100k, where nothing is lost.
static std::string bytesText(uint64_t bytes) {
  for (auto [factor, suffix] :
       {std::pair(1'000'000'000ull, "G"), std::pair(1'000'000ull, "M"),
        std::pair(1000ull, "k")})
    if (bytes >= factor && bytes % factor == 0)
      return std::to_string(bytes / factor) + suffix;
  return std::to_string(bytes);
}

static std::string nameOf(const CompletionBin &bin) {
  if (bin.least == 0 && bin.most == UINT64_MAX)
    return "all";
  if (bin.most == UINT64_MAX)
    return "over " + bytesText(bin.least);
  return bin.least ? bytesText(bin.least) + " to " + bytesText(bin.most)
                   : "up to " + bytesText(bin.most);
}

static std::string microseconds(double ns) {
  return formatted("%.3f", ns / 1e3);
}

std::string nm::traffic::formatCompletionTable(const CompletionReport &report) {
  Table table{{{"bytes", "policy", "flows", "mean us", "p50 us", "p99 us",
                "slowdown", "p50", "p99"}},
              {2, 3, 4, 5, 6, 7, 8},
              true};
  const std::vector<std::vector<CompletionBin>> all = binsOfRuns(report);
  for (size_t bin = 0; bin < report.bounds.size() + 2; ++bin)
    for (size_t run = 0; run < report.runs.size(); ++run) {
      const CompletionBin &here = all[run][bin];
      if (here.flows == 0)
        continue;
      table.rows.push_back({run ? "" : nameOf(here),
                            ::nm::support::printable(report.runs[run].name),
                            std::to_string(here.flows), microseconds(here.mean),
                            microseconds(static_cast<double>(here.p50)),
                            microseconds(static_cast<double>(here.p99)),
                            formatted("%.2f", here.slowdownMean),
                            formatted("%.2f", here.slowdown50),
                            formatted("%.2f", here.slowdown99)});
    }
  Table totals{
      {{"policy", "seconds", "packets", "refused", "dropped", "again",
        "timeouts", "marked", "most queued", "inversions", "out of order"}},
      {1, 2, 3, 4, 5, 6, 7, 8, 9, 10},
      true};
  for (const CompletionRun &run : report.runs) {
    const TransportTotals &sums = run.totals;
    auto text = [](uint64_t number) { return std::to_string(number); };
    const auto &disorder = run.disorder;
    totals.rows.push_back(
        {::nm::support::printable(run.name),
         formatted("%.6f", static_cast<double>(sums.end) / 1e9),
         text(sums.sent), text(sums.refused), text(sums.dropped),
         text(sums.again), text(sums.timeouts), text(sums.marked),
         text(sums.mostQueued), disorder ? text(disorder->inversions) : "0",
         disorder ? text(disorder->late) : "0"});
  }
  return table.str() + "\n" + totals.str();
}

static const char *controlName(Control control) {
  return control == Control::Reno    ? "reno"
         : control == Control::Cubic ? "cubic"
                                     : "dctcp";
}

static void writeBin(JsonWriter &json, const CompletionBin &bin) {
  json.field("bytes", nameOf(bin));
  json.field("flows", bin.flows);
  if (bin.flows == 0)
    return;
  json.field("mean_ns", bin.mean);
  json.field("p50_ns", bin.p50);
  json.field("p99_ns", bin.p99);
  json.field("slowdown_mean", bin.slowdownMean);
  json.field("slowdown_p50", bin.slowdown50);
  json.field("slowdown_p99", bin.slowdown99);
}

static void writeTotals(JsonWriter &json, const CompletionRun &run) {
  const TransportTotals &sums = run.totals;
  json.field("end_ns", sums.end);
  json.field("sent", sums.sent);
  json.field("delivered", sums.delivered);
  json.field("bytes", sums.bytes);
  json.field("refused", sums.refused);
  json.field("dropped", sums.dropped);
  json.field("sent_again", sums.again);
  json.field("timeouts", sums.timeouts);
  json.field("marked", sums.marked);
  json.field("most_queued", sums.mostQueued);
  if (!run.disorder)
    return;
  json.field("pops", run.disorder->pops);
  json.field("pops_out_of_order", run.disorder->late);
  json.field("inversions", run.disorder->inversions);
}

std::string nm::traffic::formatCompletionJson(const CompletionReport &report) {
  return ::nm::support::jsonText(2, [&](JsonWriter &json) {
    json.object([&] {
      json.field("control", controlName(report.options.control));
      json.lineObject("link", [&] {
        json.field("bits_per_second", report.link.rate);
        json.field("overhead_bytes", report.link.overhead);
      });
      json.array("policies", [&] {
        for (const CompletionRun &run : report.runs)
          json.object([&] {
            json.field("policy", run.name);
            writeTotals(json, run);
            json.array("sizes", [&] {
              for (const CompletionBin &bin : report.bins(run))
                json.lineObject([&] { writeBin(json, bin); });
            });
            json.array("flows", [&] {
              for (size_t i = 0; i < run.outcomes.size(); ++i)
                json.lineObject([&] {
                  json.field("flow", i);
                  json.field("bytes", report.flows.flows[i].bytes);
                  json.field("start_ns", report.flows.flows[i].start);
                  json.field("completion_ns", run.outcomes[i].completion);
                  json.field("packets", run.outcomes[i].packets);
                  json.field("sent_again", run.outcomes[i].again);
                  json.field("timeouts", run.outcomes[i].timeouts);
                  json.field("marked", run.outcomes[i].marked);
                });
            });
          });
      });
    });
  });
}

/// Groups of flows that are neighbours by size, at most 24: their middle size
/// and the slowdown that a part of them does not exceed.
static ::nm::support::Plot slowdownPlot(const CompletionReport &report,
                                        double part, const char *title) {
  ::nm::support::Plot plot;
  plot.title = title;
  plot.xLabel = "bytes of the flow";
  plot.yLabel = "slowdown";
  plot.xScale = ::nm::support::Scale::Log10;
  plot.yScale = ::nm::support::Scale::Log10;
  std::vector<size_t> order(report.flows.flows.size());
  for (size_t i = 0; i < order.size(); ++i)
    order[i] = i;
  auto bytes = [&](size_t i) { return report.flows.flows[i].bytes; };
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return std::pair(bytes(a), a) < std::pair(bytes(b), b);
  });
  const size_t groups = std::min<size_t>(24, order.size());
  for (const CompletionRun &run : report.runs) {
    ::nm::support::PlotSeries series{run.name, {}};
    for (size_t group = 0; group < groups; ++group) {
      size_t begin = group * order.size() / groups;
      size_t end = (group + 1) * order.size() / groups;
      std::vector<double> slowdowns;
      for (size_t i = begin; i < end; ++i)
        slowdowns.push_back(
            static_cast<double>(run.outcomes[order[i]].completion) /
            report.best(report.flows.flows[order[i]]));
      std::sort(slowdowns.begin(), slowdowns.end());
      series.points.emplace_back(
          static_cast<double>(bytes(order[(begin + end) / 2])),
          nearestRank(slowdowns, part));
    }
    plot.series.push_back(std::move(series));
  }
  return plot;
}

static ::nm::support::Plot timesPlot(const CompletionReport &report) {
  ::nm::support::Plot plot;
  plot.title = "Flows that are complete after a time";
  plot.xLabel = "completion time, us";
  plot.yLabel = "part of flows";
  plot.xScale = ::nm::support::Scale::Log10;
  for (const CompletionRun &run : report.runs) {
    ::nm::support::PlotSeries series{run.name, {}};
    series.hasDots = false;
    std::vector<int64_t> times;
    for (const FlowOutcome &outcome : run.outcomes)
      times.push_back(outcome.completion);
    std::sort(times.begin(), times.end());
    for (int step = 1; step <= 200; ++step)
      series.points.emplace_back(
          static_cast<double>(nearestRank(times, step / 200.0)) / 1e3,
          step / 200.0);
    plot.series.push_back(std::move(series));
  }
  return plot;
}

static std::string htmlTable(const CompletionReport &report) {
  HtmlTable table;
  table.columns = {{"policy"}};
  for (const char *name : {"flows", "mean us", "p50 us", "p99 us", "slowdown",
                           "slowdown p50", "slowdown p99"})
    table.columns.push_back({name, "", true});
  const std::vector<std::vector<CompletionBin>> all = binsOfRuns(report);
  for (size_t bin = 0; bin < report.bounds.size() + 2; ++bin) {
    HtmlTable::Group group;
    for (size_t run = 0; run < report.runs.size(); ++run) {
      const CompletionBin &here = all[run][bin];
      if (group.head.empty()) {
        group.head.push_back({nameOf(here)});
        group.head.resize(table.columns.size());
      }
      HtmlTable::Row row{{report.runs[run].name}};
      const double numbers[] = {static_cast<double>(here.flows),
                                here.mean / 1e3,
                                static_cast<double>(here.p50) / 1e3,
                                static_cast<double>(here.p99) / 1e3,
                                here.slowdownMean,
                                here.slowdown50,
                                here.slowdown99};
      for (size_t i = 0; i < std::size(numbers); ++i)
        row.push_back({formatted(i ? "%.3f" : "%.0f", numbers[i]), numbers[i]});
      group.rows.push_back(std::move(row));
    }
    table.groups.push_back(std::move(group));
  }
  return table.html();
}

std::string nm::traffic::formatCompletionHtml(const CompletionReport &report) {
  std::string body =
      formatted("<p>%zu flows, %s, a link of %.3f Mbit/s.</p>\n",
                report.flows.flows.size(), controlName(report.options.control),
                static_cast<double>(report.link.rate) / 1e6);
  for (const ::nm::support::Plot &plot :
       {slowdownPlot(report, 0.99, "Slowdown by size, 99th percentile"),
        slowdownPlot(report, 0.5, "Slowdown by size, median"),
        timesPlot(report)})
    body += ::nm::support::renderSvg(plot) + "\n";
  return ::nm::support::htmlPage("Flow completion times",
                                 body + htmlTable(report));
}
