//===- FlowSizes.cpp - Flows from files and distributions -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Random.h"
#include "nm/Support/Numbers.h"
#include "nm/Support/Text.h"
#include "nm/Traffic/Transport.h"
#include <algorithm>
#include <fstream>

using namespace nm::traffic;
namespace support = ::nm::support;
using support::Errc;
using support::makeError;

namespace {

constexpr uint64_t kMostBytes = uint64_t(1) << 34;
constexpr size_t kMostFlows = size_t(1) << 24;

/// The part of flows that are at most that long.
struct Point {
  double bytes, part;
};

/// Packets of 1,460 bytes, as in the simulations of pFabric.
constexpr Point kWebSearch[] = {
    {1, 0},     {6, 0.15},  {13, 0.2},   {19, 0.3},   {33, 0.4},    {53, 0.53},
    {133, 0.6}, {667, 0.7}, {1333, 0.8}, {3333, 0.9}, {6667, 0.97}, {20000, 1}};
constexpr Point kDataMining[] = {{1, 0.5},      {2, 0.6},   {3, 0.7},
                                 {7, 0.8},      {267, 0.9}, {2107, 0.95},
                                 {66667, 0.99}, {666667, 1}};

/// Sizes between two points are equally likely.
struct Distribution {
  std::vector<Point> points;

  double mean() const {
    double sum = points.front().bytes * points.front().part;
    for (size_t i = 1; i < points.size(); ++i)
      sum += (points[i].bytes + points[i - 1].bytes) / 2 *
             (points[i].part - points[i - 1].part);
    return sum;
  }
  uint64_t draw(double part) const {
    size_t i = 0;
    while (i + 1 < points.size() && part > points[i].part)
      ++i;
    double bytes = points[i].bytes;
    if (i > 0 && points[i].part > points[i - 1].part)
      bytes = points[i - 1].bytes + (points[i].bytes - points[i - 1].bytes) *
                                        (part - points[i - 1].part) /
                                        (points[i].part - points[i - 1].part);
    return std::max<uint64_t>(1, static_cast<uint64_t>(std::ceil(bytes)));
  }
};

template <size_t N> Distribution ofPackets(const Point (&points)[N]) {
  Distribution made;
  for (const Point &point : points)
    made.points.push_back({point.bytes * 1460, point.part});
  return made;
}

/// Lines `bytes,part`; neither ever falls, and the last part is 1.
support::Result<Distribution> readDistribution(const std::string &path) {
  std::ifstream file(path);
  if (!file)
    return makeError(Errc::Io, "cannot read ", support::quotePath(path));
  Distribution made;
  std::string line;
  for (size_t number = 1; std::getline(file, line); ++number) {
    if (line.empty() || line[0] == '#')
      continue;
    size_t comma = line.find(',');
    Point point{};
    if (comma == std::string::npos ||
        !support::parseReal(line.substr(0, comma), point.bytes) ||
        !support::parseReal(line.substr(comma + 1), point.part) ||
        !(point.bytes >= 1 && point.bytes <= static_cast<double>(kMostBytes)) ||
        !(point.part >= 0 && point.part <= 1))
      return makeError(Errc::Format, support::printable(path), ":", number,
                       ": found ", support::quote(line),
                       "; expected bytes and the part of flows that are not "
                       "longer, such as 1460,0.15");
    if (!made.points.empty() && (point.bytes < made.points.back().bytes ||
                                 point.part < made.points.back().part))
      return makeError(Errc::Format, support::printable(path), ":", number,
                       ": a point behind a larger one; expected both numbers "
                       "to grow");
    made.points.push_back(point);
  }
  if (made.points.empty() || made.points.back().part != 1)
    return makeError(Errc::Format, support::printable(path),
                     ": the last point is not for all flows; expected a line "
                     "that ends in ,1");
  return made;
}

/// A number with an optional k, M or G.
bool bytesOf(std::string text, double &value) {
  double factor = 1;
  if (!text.empty() && text.back() == 'k')
    factor = 1e3;
  else if (!text.empty() && text.back() == 'M')
    factor = 1e6;
  else if (!text.empty() && text.back() == 'G')
    factor = 1e9;
  if (factor != 1)
    text.pop_back();
  if (!support::parseReal(text, value))
    return false;
  value *= factor;
  return value >= 1 && value <= static_cast<double>(kMostBytes) &&
         value == std::floor(value);
}

support::Result<Distribution> findDistribution(const std::string &name) {
  double bytes = 0;
  if (name == "web-search")
    return ofPackets(kWebSearch);
  if (name == "data-mining")
    return ofPackets(kDataMining);
  if (bytesOf(name, bytes))
    return Distribution{{{bytes, 1}}};
  if (name.find('.') == std::string::npos)
    return makeError(Errc::Argument, support::quote(name),
                     support::didYouMean(name, {"web-search", "data-mining"}),
                     "; expected web-search, data-mining, a size such as 20k, "
                     "or a file with points (*.csv)");
  return readDistribution(name);
}

struct Description {
  double load = 0, count = 0, seed = 1;
};

support::Status set(Description &made, const std::string &item) {
  size_t equal = item.find('=');
  std::string key = item.substr(0, equal);
  double value = 0;
  bool isNumber = equal != std::string::npos &&
                  support::parseReal(item.substr(equal + 1), value);
  auto isWhole = [&](double least, double most) {
    return isNumber && value >= least && value <= most &&
           value == std::floor(value);
  };
  auto refuse = [&](const std::string &expected) -> support::Status {
    return makeError(Errc::Argument, support::quote(item), "; expected ",
                     expected);
  };
  if (key == "load") {
    made.load = value;
    return isNumber && value > 0 && value <= 10
               ? support::Status()
               : refuse("a part of the link such as load=0.6");
  }
  if (key == "count") {
    made.count = value;
    return isWhole(1, kMostFlows) ? support::Status()
                                  : refuse("a number of flows of 1 to 2^24");
  }
  if (key == "seed") {
    made.seed = value;
    return isWhole(0, 0x1p53) ? support::Status() : refuse("a whole number");
  }
  return refuse("load, count or seed" +
                support::didYouMean(key, {"load", "count", "seed"}));
}

} // namespace

support::Result<FlowSet> nm::traffic::drawFlows(const std::string &description,
                                                const Link &link,
                                                const TransportOptions &options,
                                                int64_t rtt) {
  size_t colon = description.find(':');
  auto sizes = findDistribution(description.substr(0, colon));
  if (!sizes)
    return sizes.error();
  Description made;
  for (size_t at = colon; at != std::string::npos;) {
    size_t comma = description.find(',', at + 1);
    NM_RETURN_IF_ERROR(
        set(made, description.substr(at + 1, comma == std::string::npos
                                                 ? comma
                                                 : comma - at - 1)));
    at = comma;
  }
  if (made.load == 0 || made.count == 0)
    return makeError(Errc::Argument, support::quote(description),
                     " lacks load or count; expected a description such as "
                     "web-search:load=0.6,count=1000");
  if (link.rate == 0)
    return makeError(Errc::Argument, "a load of a link without a rate; "
                                     "expected --rate=<bit/s>");
  double packets = sizes->mean() / static_cast<double>(options.segment);
  double wire = sizes->mean() +
                packets * static_cast<double>(options.header + link.overhead);
  double gap = wire * 8e9 / (made.load * static_cast<double>(link.rate));
  Random random(static_cast<uint64_t>(made.seed));
  FlowSet flows;
  double time = 0;
  for (size_t i = 0; i < static_cast<size_t>(made.count); ++i) {
    time += random.exponential(gap);
    Flow flow;
    flow.start = static_cast<int64_t>(time);
    flow.bytes =
        sizes->draw(static_cast<double>(random.next() >> 11) * 0x1p-53);
    flow.rtt = rtt;
    flows.flows.push_back(flow);
  }
  if (time > 4e18)
    return makeError(Errc::Argument, "the last flow starts beyond 4e18 ns; "
                                     "expected fewer flows or more load");
  return flows;
}

support::Result<FlowSet> nm::traffic::readFlows(const std::string &path,
                                                int64_t rtt) {
  auto source = openCsv(path);
  if (!source)
    return source.error();
  FlowSet flows;
  const std::vector<std::string> &names = (*source)->columns();
  size_t size = names.size(), trip = names.size();
  std::vector<size_t> others;
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] == "size")
      size = i;
    else if (names[i] == "rtt")
      trip = i;
    else
      others.push_back(i);
  }
  std::vector<std::string> taken = transportColumns({});
  for (size_t i : others) {
    if (std::find(taken.begin(), taken.end(), names[i]) != taken.end())
      return makeError(Errc::Format, support::printable(path), ": the column ",
                       support::quote(names[i]),
                       " is what senders write; expected another name");
    flows.columns.push_back(names[i]);
  }
  if (size == names.size())
    return makeError(Errc::Format, support::printable(path),
                     ": no column 'size'; expected 'time,size' and perhaps "
                     "'rtt' and others");
  Arrival arrival;
  Source::Status status;
  while ((status = (*source)->next(arrival)) == Source::Status::Packet) {
    Flow flow{arrival.time, arrival.values[size], rtt, {}};
    if (trip != names.size())
      flow.rtt = static_cast<int64_t>(
          std::min<uint64_t>(arrival.values[trip], INT64_MAX));
    if (flow.bytes < 1 || flow.bytes > kMostBytes || flow.rtt < 1 ||
        flow.rtt > int64_t(1) << 50 || flows.flows.size() == kMostFlows)
      return makeError(Errc::Format, support::printable(path), ": flow ",
                       flows.flows.size() + 1, " has ", flow.bytes,
                       " bytes and a round trip of ", flow.rtt,
                       " ns; expected at most 2^24 flows of 1 to 2^34 bytes "
                       "and 1 to 2^50 ns");
    for (size_t i : others)
      flow.values.push_back(arrival.values[i]);
    flows.flows.push_back(std::move(flow));
  }
  if (status == Source::Status::Error)
    return makeError(Errc::Format, (*source)->error());
  if (flows.flows.empty())
    return makeError(Errc::Format, support::printable(path), " has no flows");
  return flows;
}
