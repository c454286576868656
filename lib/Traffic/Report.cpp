//===- Report.cpp - Tables, JSON and pictures of a run -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Traffic/Statistics.h"
#include <algorithm>
#include <cstdarg>
#include <cstdio>

using namespace nm::traffic;

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

void row(std::string &text, const char *name, uint64_t packets, uint64_t bytes,
         const Histogram &delay, const Totals &totals) {
  add(text, "%10s %12llu %14llu %11.3f", name, ull(packets), ull(bytes),
      rateOf(bytes, totals) / 1e6);
  for (double part : kParts)
    add(text, " %11.3f", static_cast<double>(delay.percentile(part)) / 1e3);
  add(text, " %11.3f\n", static_cast<double>(delay.max()) / 1e3);
}

void jsonDelay(std::string &text, const Histogram &delay) {
  add(text, "{\"min\": %llu, \"mean\": %.3f", ull(delay.min()), delay.mean());
  const char *names[] = {"p50", "p90", "p99", "p999"};
  for (int i = 0; i < 4; ++i)
    add(text, ", \"%s\": %llu", names[i], ull(delay.percentile(kParts[i])));
  add(text, ", \"max\": %llu}", ull(delay.max()));
}

} // namespace

std::string nm::traffic::formatRefused(const Totals &totals) {
  std::string text;
  const char *causes[] = {"", "queue full", "unknown value of a field",
                          "rank out of range"};
  for (int i = 1; i < 4; ++i)
    if (totals.refused[i])
      add(text, "refused    %llu packets: %s\n", ull(totals.refused[i]),
          causes[i]);
  return text;
}

std::string nm::traffic::formatTable(const Totals &totals,
                                     const Statistics &statistics,
                                     const Link &link, double seconds,
                                     size_t rows,
                                     const std::vector<double> &weights) {
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
  if (seconds >= 0 && totals.departed)
    add(text, "speed      %.3f s, %.2f million packets/s\n", seconds,
        static_cast<double>(totals.departed) / 1e6 / std::max(seconds, 1e-9));
  add(text, "\n%10s %12s %14s %11s %11s %11s %11s %11s %11s\n", "flow",
      "packets", "bytes", "Mbit/s", "p50 us", "p90 us", "p99 us", "p99.9 us",
      "max us");
  std::vector<const FlowStatistics *> flows = statistics.flows();
  for (size_t i = 0; i < std::min(rows, flows.size()); ++i)
    row(text, std::to_string(flows[i]->flow).c_str(), flows[i]->packets,
        flows[i]->bytes, flows[i]->delay, totals);
  if (flows.size() > rows)
    add(text, "       ... and %zu more\n", flows.size() - rows);
  if (statistics.others().packets)
    row(text, "others", statistics.others().packets, statistics.others().bytes,
        statistics.others().delay, totals);
  row(text, "all", totals.departed, totals.bytes, statistics.delay(), totals);
  return text;
}

std::string nm::traffic::formatJson(const Totals &totals,
                                    const Statistics &statistics,
                                    const Link &link, double seconds,
                                    const std::vector<double> &weights) {
  std::string text = "{\n";
  add(text,
      "  \"link\": {\"bits_per_second\": %llu, \"overhead_bytes\": %llu},\n",
      ull(link.rate), ull(link.overhead));
  add(text, "  \"arrived\": %llu,\n  \"departed\": %llu,\n",
      ull(totals.arrived), ull(totals.departed));
  add(text,
      "  \"refused\": {\"full\": %llu, \"unknown\": %llu, \"rank\": %llu},\n",
      ull(totals.refused[1]), ull(totals.refused[2]), ull(totals.refused[3]));
  add(text, "  \"bytes\": %llu,\n  \"most_queued\": %llu,\n", ull(totals.bytes),
      ull(totals.mostQueued));
  add(text, "  \"begin_ns\": %lld,\n  \"end_ns\": %lld,\n",
      static_cast<long long>(totals.begin), static_cast<long long>(totals.end));
  add(text, "  \"bits_per_second\": %.3f,\n  \"jain_fairness\": %.9f,\n",
      rateOf(totals.bytes, totals), statistics.fairness(weights));
  if (seconds >= 0)
    add(text, "  \"run_seconds\": %.6f,\n", seconds);
  text += "  \"delay_ns\": ";
  jsonDelay(text, statistics.delay());
  text += ",\n  \"flows\": [";
  const char *separator = "\n";
  for (const FlowStatistics *flow : statistics.flows()) {
    add(text, "%s    {\"flow\": %llu, \"packets\": %llu, \"bytes\": %llu, ",
        separator, ull(flow->flow), ull(flow->packets), ull(flow->bytes));
    add(text, "\"bits_per_second\": %.3f, \"delay_ns\": ",
        rateOf(flow->bytes, totals));
    jsonDelay(text, flow->delay);
    text += "}";
    separator = ",\n";
  }
  return text + "\n  ]\n}\n";
}

std::string nm::traffic::formatSvg(const Totals &totals,
                                   const Statistics &statistics,
                                   const Link &link) {
  std::vector<const FlowStatistics *> flows = statistics.flows();
  size_t shown = std::min<size_t>(flows.size(), 64);
  double top = 1;
  uint64_t longest = std::max<uint64_t>(statistics.delay().max(), 1);
  for (size_t i = 0; i < shown; ++i)
    top = std::max(top, rateOf(flows[i]->bytes, totals));
  std::string text =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"900\" height=\"380\" "
      "viewBox=\"0 0 900 380\" font-family=\"sans-serif\" "
      "font-size=\"12\">\n<rect width=\"900\" height=\"380\" "
      "fill=\"white\"/>\n";
  add(text,
      "<text x=\"40\" y=\"24\" font-size=\"15\">Throughput by flow "
      "(Mbit/s)%s</text>\n",
      shown < flows.size() ? ", first 64 flows" : "");
  add(text, "<text x=\"480\" y=\"24\" font-size=\"15\">Delay (us), part of "
            "packets that do not exceed it</text>\n");
  add(text, "<path d=\"M40 40V320H430M480 40V320H870\" fill=\"none\" "
            "stroke=\"black\"/>\n");
  add(text,
      "<text x=\"40\" y=\"362\">link %.3f Mbit/s, carried %.3f Mbit/s, "
      "Jain's index %.4f</text>\n",
      static_cast<double>(link.rate) / 1e6, rateOf(totals.bytes, totals) / 1e6,
      statistics.fairness());
  double step = shown ? 390.0 / static_cast<double>(shown) : 390;
  for (size_t i = 0; i < shown; ++i) {
    double rate = rateOf(flows[i]->bytes, totals), height = 270 * rate / top;
    double x = 40 + step * static_cast<double>(i);
    add(text,
        "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
        "fill=\"#3b6fb6\"><title>flow %llu: %.3f Mbit/s</title></rect>\n",
        x + step * 0.1, 320 - height, step * 0.8, height, ull(flows[i]->flow),
        rate / 1e6);
    if (shown <= 16)
      add(text,
          "<text x=\"%.1f\" y=\"336\" text-anchor=\"middle\">%llu"
          "</text>\n<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\" "
          "font-size=\"9\">%.1f</text>\n",
          x + step / 2, ull(flows[i]->flow), x + step / 2, 317 - height,
          rate / 1e6);
  }
  text += "<path fill=\"none\" stroke=\"#b6423b\" stroke-width=\"2\" d=\"";
  for (int i = 0; i <= 100; ++i)
    add(text, "%c%.1f %.1f", i ? 'L' : 'M',
        480 +
            390.0 *
                static_cast<double>(statistics.delay().percentile(i / 100.0)) /
                static_cast<double>(longest),
        320 - 2.7 * i);
  text += "\"/>\n";
  add(text,
      "<text x=\"480\" y=\"336\">0</text>\n<text x=\"870\" y=\"336\" "
      "text-anchor=\"end\">%.3f</text>\n",
      static_cast<double>(statistics.delay().max()) / 1e3);
  return text + "</svg>\n";
}
