//===- ReportHtml.cpp - A page about a simulation --------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ReportParts.h"
#include "nm/Isa/Instructions.h"
#include "nm/Support/Plot.h"
#include "nm/Support/Svg.h"
#include <algorithm>
#include <cmath>
#include <numeric>

namespace nm::sim {

using support::htmlLegend;
using support::Svg;

namespace {

constexpr double kWidth = 1000; ///< of bars and the timeline, in pixels
constexpr double kName = 190;   ///< left of them
constexpr int kRow = 22;        ///< height of a row

// Okabe and Ito's palette, told apart by colour-blind readers too, and greys
// for time without work.
constexpr const char *kPartColours[] = {"#009e73", "#56b4e9", "#e69f00",
                                        "#0072b2", "#cc79a7", "#d55e00",
                                        "#999999", "#bbbbbb", "#eeeeee"};
static_assert(std::size(kPartColours) == std::size(timeParts));
constexpr const char *kOpcodeColours[] = {
    "#0072b2", "#d55e00", "#009e73", "#006b4e", "#f0e442",
    "#e69f00", "#cc79a7", "#b8860b", "#a65e00", "#999933",
    "#7f5fa8", "#56b4e9", "#8fbc5a", "#aaaaaa", "#777777"};

const char *colourOf(isa::Opcode opcode) {
  return kOpcodeColours[std::min<size_t>(static_cast<size_t>(opcode),
                                         std::size(kOpcodeColours) - 1)];
}

using Legend = std::vector<std::pair<std::string, std::string>>;

/// Room for the names on the left and numbers on the right.
Svg picture(double height) { return Svg(kName + kWidth + 100, height); }

/// A page under construction.
class Page {
public:
  Page(const SimulationResult &result, const Program &program,
       const Device &device, const ModelOperations &model)
      : result(result), program(program), device(device), model(model) {
    for (size_t i = 0; i != result.engines.size(); ++i)
      if (result.engines[i].instructions)
        queues.push_back(static_cast<int>(i));
  }

  std::string write();

private:
  std::string summary();
  std::string timeline();
  std::string activity();
  std::string causes();
  std::string roofline();
  std::string traffic();
  std::string energy();

  const SimulationResult &result;
  const Program &program;
  const Device &device;
  const ModelOperations &model;
  std::vector<int> queues; ///< that did something
};

std::string Page::summary() {
  std::string text = "<div class=\"tiles\">";
  auto tile = [&](const std::string &value, const char *name) {
    text += "<div><b>" + support::escapeXml(value) + "</b>" + name + "</div>";
  };
  tile(secondText(result.seconds(device)), "run time");
  tile(countText(result.cycles), "cycles");
  tile(formatted("%.1f %%", 100 * result.utilisation(device)),
       "array utilisation");
  tile(byteText(static_cast<double>(result.dramBytes())), "DRAM traffic");
  tile(formatted("%.1f %%", 100 * dramShare(result, device)),
       "of the DRAM bandwidth");
  tile(jouleText(result.energy.total()), "energy");
  tile(wattText(averageWatts(result, device)), "average power");
  tile(countText(static_cast<double>(result.steps)), "instructions");
  return text + "</div>\n";
}

/// The whole run at a glance, for runs of more instructions than were kept.
std::string Page::activity() {
  const Activity &activity = result.activity;
  Svg svg = picture(static_cast<double>(queues.size()) * kRow + kRow);
  double scale = kWidth / result.cycles;
  for (size_t row = 0; row != queues.size(); ++row) {
    double y = static_cast<double>(row) * kRow;
    std::string name = isa::queueName(queues[row], program.target);
    svg.text(kName - 6, y + 15, "end", name);
    const auto &spans = activity.engines[static_cast<size_t>(queues[row])];
    // Neighbours of one shade, in steps of a sixteenth, are one.
    for (size_t i = 0; i != spans.size();) {
      auto shade = [&](size_t span) {
        return std::lround(16 * std::min(spans[span] / activity.cycles, 1.0));
      };
      size_t end = i;
      double sum = 0;
      for (; end != spans.size() && shade(end) == shade(i); ++end)
        sum += spans[end];
      double begin = static_cast<double>(i) * activity.cycles;
      double stop =
          std::min(static_cast<double>(end) * activity.cycles, result.cycles);
      if (shade(i) && begin < stop) {
        svg.openOpacity(static_cast<double>(shade(i)) / 16);
        svg.rectangle(kName + begin * scale, y + 3, (stop - begin) * scale,
                      kRow - 6, "#009e73",
                      formatted("%s, cycles %.0f to %.0f: %.1f %%",
                                name.c_str(), begin, stop,
                                100 * sum / (stop - begin)));
        svg.close();
      }
      i = end;
    }
  }
  double y = static_cast<double>(queues.size()) * kRow + 15;
  svg.text(kName, y, "start", "0");
  svg.text(kName + kWidth, y, "end",
           countText(result.cycles) + " cycles, " +
               secondText(result.seconds(device)));
  return svg.finish() + "<p>The share of the time with an instruction under "
                        "way, over the whole run.</p>\n";
}

std::string Page::timeline() {
  if (result.events.empty())
    return "<p>No events were recorded.</p>\n";
  // Of a part of the run if not all events are there.
  double shown = result.cycles;
  if (result.eventsDropped) {
    shown = 0;
    for (const Event &event : result.events)
      shown = std::max(shown, event.end);
  }
  double scale = shown > 0 ? kWidth / shown : 0;
  Svg svg = picture(static_cast<double>(queues.size()) * kRow + kRow);
  std::vector<bool> used(isa::kNumOpcodes, false);
  for (size_t row = 0; row != queues.size(); ++row) {
    double y = static_cast<double>(row) * kRow;
    svg.text(kName - 6, y + 15, "end",
             isa::queueName(queues[row], program.target));
    // Neighbours that a reader could not tell apart become one.
    const Event *first = nullptr;
    double end = 0;
    int64_t count = 0;
    auto flush = [&] {
      if (!first)
        return;
      isa::Opcode opcode = program.code[first->instruction].opcode;
      used[static_cast<size_t>(opcode)] = true;
      std::string title = formatted("%s, cycles %.0f to %.0f",
                                    isa::toString(opcode), first->begin, end);
      title += count > 1 ? formatted(", %lld instructions",
                                     static_cast<long long>(count))
                         : formatted(", instruction %d", first->instruction);
      svg.rectangle(kName + first->begin * scale, y + 3,
                    (end - first->begin) * scale, kRow - 6, colourOf(opcode),
                    title);
      first = nullptr;
    };
    for (const Event &event : result.events) {
      if (event.queue != queues[row])
        continue;
      bool isNear = first && (event.begin - end) * scale < 0.4 &&
                    ((end - first->begin) * scale < 0.4 ||
                     (program.code[event.instruction].opcode ==
                          program.code[first->instruction].opcode &&
                      (event.end - event.begin) * scale < 0.8));
      if (!isNear) {
        flush();
        first = &event;
        count = 0;
      }
      end = event.end;
      ++count;
    }
    flush();
  }
  double y = static_cast<double>(queues.size()) * kRow + 15;
  svg.text(kName, y, "start", "0");
  svg.text(kName + kWidth, y, "end",
           countText(shown) + " cycles, " +
               secondText(shown / static_cast<double>(device.frequencyHz)));
  Legend names;
  for (int i = 0; i != isa::kNumOpcodes; ++i)
    if (used[static_cast<size_t>(i)])
      names.push_back({isa::toString(static_cast<isa::Opcode>(i)),
                       colourOf(static_cast<isa::Opcode>(i))});
  std::string text = svg.finish() + htmlLegend(names);
  if (result.eventsDropped)
    text += formatted("<p>The first %zu instructions, one by one.</p>\n",
                      result.events.size());
  return text;
}

std::string Page::causes() {
  Svg svg = picture(static_cast<double>(queues.size()) * kRow);
  Legend names;
  for (size_t p = 0; p != std::size(timeParts); ++p)
    names.push_back({timeParts[p].name, kPartColours[p]});
  for (size_t row = 0; row != queues.size(); ++row) {
    const EngineTime &time = result.engines[static_cast<size_t>(queues[row])];
    double y = static_cast<double>(row) * kRow, x = kName;
    std::string name = isa::queueName(queues[row], program.target);
    svg.text(kName - 6, y + 15, "end", name);
    for (size_t p = 0; p != std::size(timeParts); ++p) {
      double share =
          result.cycles > 0 ? time.*timeParts[p].part / result.cycles : 0;
      if (share <= 0)
        continue;
      svg.rectangle(x, y + 3, share * kWidth, kRow - 6, kPartColours[p],
                    formatted("%s: %s %.2f %%", name.c_str(), timeParts[p].name,
                              100 * share));
      x += share * kWidth;
    }
  }
  return svg.finish() + htmlLegend(names);
}

std::string Page::roofline() {
  double peak = static_cast<double>(device.array.macsPerCycle());
  double bandwidth = device.dramBytesPerCycle();
  if (result.dramBytes() <= 0 || result.macs <= 0 || result.cycles <= 0)
    return "<p>No products or no DRAM traffic: no point to draw.</p>\n";
  double intensity = static_cast<double>(result.macs) /
                     static_cast<double>(result.dramBytes());
  double speed = static_cast<double>(result.macs) / result.cycles;
  double ridge = peak / bandwidth;
  support::Plot plot;
  plot.title = "Roofline of " + device.name;
  plot.xLabel = "MACs for a byte of DRAM";
  plot.yLabel = "MACs a cycle";
  plot.xScale = plot.yScale = support::Scale::Log2;
  double low = std::min(intensity, ridge) / 8,
         high = std::max(intensity, ridge) * 8;
  plot.series.push_back({"DRAM", {{low, low * bandwidth}, {ridge, peak}}});
  plot.series.push_back({"array", {{ridge, peak}, {high, peak}}});
  plot.series.push_back({"program", {{intensity, speed}}, false});
  return "<div class=\"plot\">" + support::renderSvg(plot) + "</div>\n" +
         formatted("<p>%.3g MACs for a byte, %.4g MACs a cycle: %.1f %% of the "
                   "roof of %.4g.</p>\n",
                   intensity, speed,
                   100 * speed / std::min(peak, intensity * bandwidth),
                   std::min(peak, intensity * bandwidth));
}

std::string Page::traffic() {
  std::vector<size_t> order(program.tensors.size());
  std::iota(order.begin(), order.end(), size_t(0));
  auto bytes = [&](size_t i) {
    return static_cast<double>(result.tensors[i].read) +
           static_cast<double>(result.tensors[i].written);
  };
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return std::pair(-bytes(a), a) < std::pair(-bytes(b), b);
  });
  constexpr size_t most = 30;
  size_t shown = 0;
  while (shown != order.size() && shown != most && bytes(order[shown]) > 0)
    ++shown;
  if (shown == 0)
    return "<p>Nothing passed between DRAM and scratchpad.</p>\n";
  double scale = (kWidth - 60) / bytes(order[0]);
  Svg svg = picture(static_cast<double>(shown) * kRow);
  double rest = 0;
  for (size_t row = 0; row != order.size(); ++row) {
    size_t i = order[row];
    if (row >= shown) {
      rest += bytes(i);
      continue;
    }
    const isa::Tensor &tensor = program.tensors[i];
    double y = static_cast<double>(row) * kRow;
    double read = static_cast<double>(result.tensors[i].read),
           written = static_cast<double>(result.tensors[i].written);
    // Ends tell tensors of a model apart.
    std::string name = tensor.name.size() > 28
                           ? ".." + tensor.name.substr(tensor.name.size() - 26)
                           : tensor.name;
    svg.text(kName - 6, y + 15, "end", name);
    std::string title = tensor.name + ", " + isa::toString(tensor.role) + " " +
                        shapeText(tensor.shape) + " " +
                        isa::toString(tensor.type) + ": ";
    if (read > 0)
      svg.rectangle(kName, y + 3, read * scale, kRow - 6, "#0072b2",
                    title + byteText(read) + " read");
    if (written > 0)
      svg.rectangle(kName + read * scale, y + 3, written * scale, kRow - 6,
                    "#d55e00", title + byteText(written) + " written");
    svg.text(kName + (read + written) * scale + 6, y + 15, "start",
             byteText(read + written));
  }
  std::string text =
      svg.finish() + htmlLegend({{"read", "#0072b2"}, {"written", "#d55e00"}});
  if (rest > 0)
    text += "<p>The other tensors together: " + byteText(rest) + ".</p>\n";
  return text;
}

std::string Page::energy() {
  double total = result.energy.total();
  Svg svg = picture(kRow);
  Legend names;
  constexpr const char *colours[] = {"#009e73", "#cc79a7", "#0072b2",
                                     "#e69f00", "#999933", "#56b4e9"};
  static_assert(std::size(colours) == std::size(energyParts));
  double x = kName;
  for (size_t p = 0; p != std::size(energyParts); ++p) {
    double value = result.energy.*energyParts[p].part;
    double share = total > 0 ? value / total : 0;
    std::string title = formatted("%s: %s, %.1f %%", energyParts[p].name,
                                  jouleText(value).c_str(), 100 * share);
    if (share > 0)
      svg.rectangle(x, 3, share * kWidth, kRow - 6, colours[p], title);
    x += share * kWidth;
    names.push_back({title, colours[p]});
  }
  return svg.finish() + htmlLegend(names);
}

std::string Page::write() {
  std::string text = summary();
  text += "<h2>Timeline</h2>\n";
  if (result.eventsDropped && !result.activity.engines.empty())
    text += activity();
  text += timeline();
  text += "<h2>Where the time of each engine went</h2>\n" + causes();
  text += "<h2>Roofline</h2>\n" + roofline();
  text += "<h2>DRAM bytes by tensor</h2>\n" + traffic();
  text += "<h2>Energy</h2>\n" + energy();
  if (!model.operations.empty())
    text += "<h2>Operations of the model</h2>\n" +
            operationsHtml(result, program, model);
  text += "<h2>Table</h2>\n<pre>" + [&] {
    // Lines stay lines.
    std::string table = formatTable(result, program, device), out;
    for (size_t begin = 0; begin < table.size();) {
      size_t end = table.find('\n', begin);
      out += support::escapeXml(table.substr(begin, end - begin)) + "\n";
      begin = end == std::string::npos ? table.size() : end + 1;
    }
    return out;
  }() + "</pre>\n";
  return support::htmlPage(program.name + " on " + device.name, text);
}

} // namespace

std::string formatHtml(const SimulationResult &result, const Program &program,
                       const Device &device, const ModelOperations &model) {
  return Page(result, program, device, model).write();
}

} // namespace nm::sim
