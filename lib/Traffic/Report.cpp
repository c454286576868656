//===- Report.cpp - Tables, JSON and pictures of a run -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Support/JsonWriter.h"
#include "nm/Support/Svg.h"
#include "nm/Support/Text.h"
#include "nm/Traffic/Statistics.h"
#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <type_traits>

using namespace nm::traffic;
using nm::support::JsonWriter;

namespace {

constexpr double kParts[] = {0.5, 0.9, 0.99, 0.999};

__attribute__((format(printf, 2, 3))) void add(std::string &text,
                                               const char *format, ...) {
  char line[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(line, sizeof(line), format, arguments);
  va_end(arguments);
  text += line;
}

using ull = unsigned long long;

double rateOf(uint64_t bytes, const Totals &totals) {
  auto span = static_cast<double>(totals.end - totals.begin);
  return span > 0 ? static_cast<double>(bytes) * 8e9 / span : 0;
}

void row(std::string &text, const std::string &name, uint64_t packets,
         uint64_t lost, uint64_t bytes, const Histogram &delay,
         const Totals &totals) {
  add(text, "%10s %12llu %12llu %14llu %11.3f", name.c_str(), ull(packets),
      ull(lost), ull(bytes), rateOf(bytes, totals) / 1e6);
  for (double part : kParts)
    add(text, " %11.3f", static_cast<double>(delay.percentile(part)) / 1e3);
  add(text, " %11.3f\n", static_cast<double>(delay.max()) / 1e3);
}

void writeDelay(JsonWriter &json, const Histogram &delay) {
  json.lineObject("delay_ns", [&] {
    json.field("min", delay.min());
    json.field("mean", delay.mean());
    const char *names[] = {"p50", "p90", "p99", "p999"};
    for (int i = 0; i < 4; ++i)
      json.field(names[i], delay.percentile(kParts[i]));
    json.field("max", delay.max());
  });
}

} // namespace

std::string nm::traffic::formatRefused(const Totals &totals) {
  std::string text;
  const char *causes[] = {"", "queue full", "unknown value of a field",
                          "rank out of range", "an admission rule"};
  for (int i = 1; i < Scheduler::kEnqueueStatuses; ++i)
    if (totals.refused[i])
      add(text, "refused    %llu packets: %s\n", ull(totals.refused[i]),
          causes[i]);
  if (totals.pushedOut)
    add(text, "dropped    %llu packets: pushed out by better ones\n",
        ull(totals.pushedOut));
  if (totals.dropped)
    add(text, "dropped    %llu packets: a rule for what leaves\n",
        ull(totals.dropped));
  if (totals.marked)
    add(text,
        "marked     %llu packets: they left with another value in a field\n",
        ull(totals.marked));
  return text;
}

/// When classes came and went, a line each.
static void formatSpans(std::string &text, const Totals &totals,
                        const std::vector<std::string> &classes) {
  for (size_t i = 0; i < classes.size(); ++i) {
    std::vector<std::pair<int64_t, std::string>> times;
    for (int64_t time : totals.classes[i].came)
      times.emplace_back(time, "from");
    for (int64_t time : totals.classes[i].went)
      times.emplace_back(time, "until");
    if (times.empty())
      continue;
    std::sort(times.begin(), times.end());
    text += "class      " + ::nm::support::printable(classes[i]) + ":";
    for (size_t at = 0; at < times.size(); ++at)
      add(text, "%s %s %.9g ms", at ? "," : "", times[at].second.c_str(),
          static_cast<double>(times[at].first) / 1e6);
    text += "\n";
  }
}

/// What became of the packets of each class, by cause.
static void formatClasses(std::string &text, const Totals &totals,
                          const std::vector<std::string> &classes) {
  if (classes.size() < 2)
    return;
  add(text, "\n%-20s %12s %12s %10s %10s %10s %10s %10s %10s\n", "class",
      "arrived", "departed", "full", "rank", "rule", "pushed out", "leaving",
      "marked");
  for (size_t i = 0; i < classes.size(); ++i) {
    const ClassTotals &group = totals.classes[i];
    std::string name = ::nm::support::printable(classes[i]);
    name.resize(std::max<size_t>(name.size(), 20), ' ');
    text += name;
    add(text, " %12llu %12llu %10llu %10llu %10llu %10llu %10llu %10llu\n",
        ull(group.arrived), ull(group.departed), ull(group.refused[1]),
        ull(group.refused[3]), ull(group.refused[4]), ull(group.pushedOut),
        ull(group.dropped), ull(group.marked));
  }
  formatSpans(text, totals, classes);
}

/// What was not sent as it came, of all packets or of a class. The class of a
/// packet with an unknown value is not known either.
template <typename T>
static void writeLosses(JsonWriter &json, const T &totals) {
  json.lineObject("refused", [&] {
    json.field("full", totals.refused[1]);
    if constexpr (std::is_same_v<T, Totals>)
      json.field("unknown", totals.refused[2]);
    json.field("rank", totals.refused[3]);
    json.field("rule", totals.refused[4]);
  });
  json.lineObject("dropped", [&] {
    json.field("pushed_out", totals.pushedOut);
    json.field("leaving", totals.dropped);
  });
  json.field("marked", totals.marked);
}

static void writeClass(JsonWriter &json, const ClassTotals &group,
                       const std::string &name) {
  json.field("class", name);
  json.field("arrived", group.arrived);
  json.field("departed", group.departed);
  json.field("bytes", group.bytes);
  writeLosses(json, group);
  if (!group.came.empty() || !group.went.empty())
    for (auto [key, times] :
         {std::pair("came_ns", &group.came), std::pair("went_ns", &group.went)})
      json.array(key, [&, &times = times] {
        for (int64_t time : *times)
          json.value(time);
      });
}

std::string nm::traffic::formatTable(const Totals &totals,
                                     const Statistics &statistics,
                                     const Link &link, double seconds,
                                     size_t rows,
                                     const std::vector<double> &weights,
                                     const std::vector<std::string> &classes) {
  std::string text;
  add(text, "arrived    %llu packets\ndeparted   %llu packets, %llu bytes\n",
      ull(totals.arrived), ull(totals.departed), ull(totals.bytes));
  text += formatRefused(totals);
  add(text, "time       %.6f s simulated, most queued %llu\n",
      static_cast<double>(totals.end - totals.begin) / 1e9,
      ull(totals.mostQueued));
  double rate = rateOf(totals.bytes, totals);
  add(text, "throughput %.3f Mbit/s", rate / 1e6);
  if (link.rate)
    add(text, " of %.3f Mbit/s (%.2f %%)", static_cast<double>(link.rate) / 1e6,
        100 * rate / static_cast<double>(link.rate));
  add(text, "\nfairness   %.6f (Jain's index of the flows' bytes%s)\n",
      statistics.fairness(weights), weights.empty() ? "" : " by weight");
  if (totals.disorder)
    add(text,
        "order      %llu of %llu pops before a smaller rank, %llu inversions\n",
        ull(totals.disorder->late), ull(totals.disorder->pops),
        ull(totals.disorder->inversions));
  if (seconds >= 0 && totals.departed)
    add(text, "speed      %.3f s, %.2f million packets/s\n", seconds,
        static_cast<double>(totals.departed) / 1e6 / std::max(seconds, 1e-9));
  add(text, "\n%10s %12s %12s %14s %11s %11s %11s %11s %11s %11s\n", "flow",
      "packets", "lost", "bytes", "Mbit/s", "p50 us", "p90 us", "p99 us",
      "p99.9 us", "max us");
  std::vector<const FlowStatistics *> flows = statistics.flows();
  for (size_t i = 0; i < std::min(rows, flows.size()); ++i)
    row(text, statistics.nameOf(flows[i]->flow), flows[i]->packets,
        flows[i]->lost, flows[i]->bytes, flows[i]->delay, totals);
  if (flows.size() > rows)
    add(text, "       ... and %zu more\n", flows.size() - rows);
  const FlowStatistics &others = statistics.others();
  if (others.packets || others.lost)
    row(text, "others", others.packets, others.lost, others.bytes, others.delay,
        totals);
  row(text, "all", totals.departed,
      totals.arrived - totals.departed - totals.refused[2], totals.bytes,
      statistics.delay(), totals);
  formatClasses(text, totals, classes);
  return text;
}

static void writeTotals(JsonWriter &json, const Totals &totals) {
  json.field("arrived", totals.arrived);
  json.field("departed", totals.departed);
  writeLosses(json, totals);
  json.field("bytes", totals.bytes);
  json.field("most_queued", totals.mostQueued);
  json.field("begin_ns", totals.begin);
  json.field("end_ns", totals.end);
  if (!totals.disorder)
    return;
  json.field("pops", totals.disorder->pops);
  json.field("pops_out_of_order", totals.disorder->late);
  json.field("inversions", totals.disorder->inversions);
}

static void writeFlow(JsonWriter &json, const FlowStatistics &flow,
                      const Statistics &statistics, const Totals &totals) {
  json.field("flow", flow.flow);
  if (statistics.hasNames())
    json.field("name", statistics.nameOf(flow.flow));
  json.field("packets", flow.packets);
  json.field("lost", flow.lost);
  json.field("bytes", flow.bytes);
  json.field("bits_per_second", rateOf(flow.bytes, totals));
  writeDelay(json, flow.delay);
}

std::string nm::traffic::formatJson(const Totals &totals,
                                    const Statistics &statistics,
                                    const Link &link, double seconds,
                                    const std::vector<double> &weights,
                                    const std::vector<std::string> &classes) {
  return ::nm::support::jsonText(2, [&](JsonWriter &json) {
    json.object([&] {
      json.lineObject("link", [&] {
        json.field("bits_per_second", link.rate);
        json.field("overhead_bytes", link.overhead);
      });
      writeTotals(json, totals);
      json.field("bits_per_second", rateOf(totals.bytes, totals));
      json.field("jain_fairness", statistics.fairness(weights));
      if (seconds >= 0)
        json.field("run_seconds", seconds);
      writeDelay(json, statistics.delay());
      json.array("flows", [&] {
        for (const FlowStatistics *flow : statistics.flows())
          json.lineObject([&] { writeFlow(json, *flow, statistics, totals); });
      });
      json.array("classes", [&] {
        for (size_t i = 0; i < classes.size(); ++i)
          json.lineObject(
              [&] { writeClass(json, totals.classes[i], classes[i]); });
      });
    });
  });
}

std::string nm::traffic::formatSvg(const Totals &totals,
                                   const Statistics &statistics,
                                   const Link &link) {
  using ::nm::support::Axis;
  using ::nm::support::formatted;
  using ::nm::support::paletteColour;
  constexpr double kLeft = 40, kMiddle = 480, kWidth = 390, kTop = 40,
                   kBottom = 320;
  std::vector<const FlowStatistics *> flows = statistics.flows();
  const size_t shown = std::min<size_t>(flows.size(), 64);
  std::vector<double> rates = {0};
  for (size_t i = 0; i < shown; ++i)
    rates.push_back(rateOf(flows[i]->bytes, totals) / 1e6);
  Axis rateAxis, delayAxis;
  rateAxis.fit(rates);
  const double longest = static_cast<double>(statistics.delay().max()) / 1e3;
  delayAxis.fit({0, std::max(longest, 1e-3)});
  auto height = [&](double part) { return kBottom - (kBottom - kTop) * part; };

  ::nm::support::Svg svg(900, 380);
  svg.text(kLeft, 24, "start",
           std::string("Throughput by flow (Mbit/s)") +
               (shown < flows.size() ? ", first 64 flows" : ""),
           15);
  svg.text(kMiddle, 24, "start",
           "Delay (us), part of packets that do not exceed it", 15);
  svg.text(kLeft, 362, "start",
           formatted("link %.3f Mbit/s, carried %.3f Mbit/s, Jain's index %.4f",
                     static_cast<double>(link.rate) / 1e6,
                     rateOf(totals.bytes, totals) / 1e6,
                     statistics.fairness()));
  for (double tick : rateAxis.ticks()) {
    double y = height(rateAxis.at(tick));
    svg.gridLine(kLeft, y, kLeft + kWidth, y);
    svg.text(kLeft - 4, y + 4, "end", Axis::label(tick), 10);
  }
  for (double tick : delayAxis.ticks()) {
    double x = kMiddle + kWidth * delayAxis.at(tick);
    svg.gridLine(x, kTop, x, kBottom);
    svg.text(x, kBottom + 16, "middle", Axis::label(tick), 10);
  }
  svg.frame(kLeft, kTop, kWidth, kBottom - kTop);
  svg.frame(kMiddle, kTop, kWidth, kBottom - kTop);

  const double step = shown ? kWidth / static_cast<double>(shown) : kWidth;
  for (size_t i = 0; i < shown; ++i) {
    double rate = rates[i + 1], x = kLeft + step * static_cast<double>(i);
    double top = height(rateAxis.at(rate));
    std::string flow = statistics.nameOf(flows[i]->flow);
    svg.rectangle(x + step * 0.1, top, step * 0.8, kBottom - top,
                  paletteColour(0),
                  formatted("flow %s: %.3f Mbit/s", flow.c_str(), rate));
    if (shown > 16)
      continue;
    svg.text(x + step / 2, kBottom + 16, "middle", flow);
    svg.text(x + step / 2, top - 3, "middle", formatted("%.1f", rate), 9);
  }
  ::nm::support::Points delays;
  const Histogram all = statistics.delay();
  for (int i = 0; i <= 100; ++i) {
    double delay = static_cast<double>(all.percentile(i / 100.0)) / 1e3;
    delays.push_back(
        {kMiddle + kWidth * delayAxis.at(delay), height(i / 100.0)});
  }
  svg.curve(delays, paletteColour(1), 2);
  return svg.finish();
}
