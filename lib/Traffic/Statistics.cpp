//===- Statistics.cpp - What the flows got -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Traffic/Statistics.h"
#include <algorithm>
#include <cmath>
#include <limits>

using namespace nm::traffic;

uint64_t Histogram::count() const {
  uint64_t total = zeros;
  for (uint64_t some : counts)
    total += some;
  return total;
}

double Histogram::mean() const {
  const uint64_t total = count();
  return total ? static_cast<double>(sum) / static_cast<double>(total) : 0;
}

uint64_t Histogram::percentile(double part) const {
  const uint64_t total = count();
  if (total == 0)
    return 0;
  auto wanted = static_cast<uint64_t>(
      std::ceil(part * static_cast<double>(total) - 1e-9));
  wanted = std::min(std::max<uint64_t>(wanted, 1), total);
  uint64_t seen = zeros;
  if (seen >= wanted)
    return 0;
  for (size_t bucket = 0; bucket < counts.size(); ++bucket) {
    seen += counts[bucket];
    if (seen < wanted)
      continue;
    size_t exact = size_t(2) << bits;
    if (bucket < exact)
      return bucket;
    auto shift = static_cast<unsigned>((bucket >> bits) - 1);
    uint64_t head = bucket - (static_cast<size_t>(shift) << bits);
    return std::min(high, ((head + 1) << shift) - 1);
  }
  return high;
}

double nm::traffic::jainIndex(const std::vector<double> &values) {
  // In units of the largest, so that neither sum leaves the range of numbers.
  double largest = 0, sum = 0, squares = 0;
  for (double value : values)
    largest = std::max(largest, value);
  for (double value : values) {
    double part = largest > 0 ? value / largest : 0;
    sum += part;
    squares += part * part;
  }
  return squares == 0
             ? 1
             : sum * sum / (static_cast<double>(values.size()) * squares);
}

FlowStatistics &Statistics::find(uint64_t number) {
  if (latest && latest != &rest && latest->flow == number)
    return *latest;
  uint32_t none = 0;
  uint32_t *place = &none;
  if (number < kMostFlows)
    place = &small[number];
  else if (auto found = index.find(number); found != index.end())
    place = &found->second;
  if (*place != 0) {
    latest = &list[*place - 1];
  } else if (list.size() < kMostFlows) {
    if (number >= kMostFlows)
      place = &index[number];
    *place = static_cast<uint32_t>(list.size() + 1);
    list.emplace_back();
    latest = &list.back();
    latest->flow = number;
  } else {
    latest = &rest;
  }
  return *latest;
}

void Statistics::add(const Departures &block) {
  size_t done = 0;
  for (const Passed &passed : block.passed) {
    addEach(block, done, passed.before);
    done = passed.before;
    FlowStatistics &flow = find(passed.flow);
    if (flow.packets == 0)
      flow.firstArrival = passed.first;
    flow.packets += passed.packets;
    flow.bytes += passed.bytes;
    flow.lastDeparture = passed.last;
    flow.delay.addZeros(passed.packets);
    all.addBucket(0, passed.packets);
  }
  addEach(block, done, block.count);
}

void Statistics::addEach(const Departures &block, size_t begin, size_t end) {
  // Neighbours often waited equally long, and adding to one bucket again and
  // again is a chain through memory.
  uint64_t latestDelay = 0, inARow = 0;
  for (size_t i = begin; i < end; ++i) {
    const int64_t departure = block.departure[i];
    const uint64_t number = block.flow[i];
    if (departure < 0) {
      if (departure != -static_cast<int64_t>(Loss::Unknown))
        ++find(number).lost;
      continue;
    }
    const int64_t arrival = block.arrival[i];
    const auto delay = static_cast<uint64_t>(departure - arrival);
    if (delay != latestDelay) {
      if (inARow)
        all.addBucket(latestDelay, inARow);
      latestDelay = delay;
      inARow = 0;
    }
    ++inARow;
    const uint32_t place = number < kMostFlows ? small[number] : 0;
    FlowStatistics &flow = place ? list[place - 1] : find(number);
    if (flow.packets++ == 0)
      flow.firstArrival = arrival;
    flow.bytes += block.length[i];
    flow.lastDeparture = departure;
    flow.delay.add(delay);
  }
  if (inARow)
    all.addBucket(latestDelay, inARow);
}

Histogram Statistics::delay() const {
  Histogram result = all;
  for (const FlowStatistics &flow : list)
    result.addExtremes(flow.delay);
  result.addExtremes(rest.delay);
  return result;
}

std::vector<const FlowStatistics *> Statistics::flows() const {
  std::vector<const FlowStatistics *> result;
  for (const FlowStatistics &flow : list)
    result.push_back(&flow);
  std::sort(result.begin(), result.end(),
            [](const FlowStatistics *a, const FlowStatistics *b) {
              return a->flow < b->flow;
            });
  return result;
}

double Statistics::fairness(const std::vector<double> &weights) const {
  auto weight = [&](const FlowStatistics &flow) {
    return flow.flow < weights.size() ? weights[flow.flow] : 1;
  };
  // The index does not change with the unit of the weights, and a weight may
  // be so small that bytes divided by it are no number.
  double least = std::numeric_limits<double>::max();
  for (const FlowStatistics &flow : list)
    least = std::min(least, weight(flow));
  std::vector<double> shares;
  for (const FlowStatistics &flow : list)
    shares.push_back(static_cast<double>(flow.bytes) * (least / weight(flow)));
  return jainIndex(shares);
}
