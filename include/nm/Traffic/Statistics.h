//===- Statistics.h - What the flows got -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_TRAFFIC_STATISTICS_H
#define NM_TRAFFIC_STATISTICS_H

#include "nm/Traffic/Link.h"
#include <algorithm>
#include <cmath>
#include <unordered_map>

namespace nm::traffic {

/// Counts of values from 0 to 2^63 in buckets of a relative width of 2^-bits;
/// values below 2^(bits + 1) are exact, and so are minimum, maximum and mean.
class Histogram {
public:
  explicit Histogram(unsigned bits) : bits(bits) {}
  void add(uint64_t value) {
    // Most packets of a link that is not full wait for nothing.
    if (value == 0) {
      ++zeros;
      return;
    }
    addBucket(value, 1);
    sum += value;
    if (value < low)
      low = value;
    if (value > high)
      high = value;
  }
  /// `times` values of 0.
  void addZeros(uint64_t times) { zeros += times; }
  /// `times` values that are added elsewhere too: `addExtremes` of that one
  /// makes minimum, maximum and mean right.
  void addBucket(uint64_t value, uint64_t times) {
    // The leading bits + 1 bits of the value and their position.
    const uint64_t least = (uint64_t(2) << bits) - 1;
    const unsigned shift =
        63 - bits - static_cast<unsigned>(__builtin_clzll(value | least));
    const size_t bucket =
        (static_cast<size_t>(shift) << bits) + (value >> shift);
    if (bucket >= counts.size())
      counts.resize(bucket + 1);
    counts[bucket] += times;
  }
  void addExtremes(const Histogram &other) {
    sum += other.sum;
    low = std::min(low, other.zeros ? 0 : other.low);
    high = std::max(high, other.high);
  }
  uint64_t count() const;
  uint64_t min() const { return zeros || high < low ? 0 : low; }
  uint64_t max() const { return high; }
  double mean() const;
  /// The value that a fraction `part` of all values does not exceed: the upper
  /// end of its bucket, at most 2^-bits too large. 0 without values.
  uint64_t percentile(double part) const;

private:
  /// Values that are 0, and in no bucket unless `addBucket` put them there.
  uint64_t zeros = 0;
  unsigned bits;
  std::vector<uint64_t> counts;
  uint64_t low = UINT64_MAX, high = 0;
  unsigned __int128 sum = 0;
};

/// Jain's index (sum x)^2 / (n sum x^2): 1 if all are equal, 1/n if one has
/// everything; 1 for none.
double jainIndex(const std::vector<double> &values);

struct FlowStatistics {
  uint64_t flow = 0, packets = 0, bytes = 0;
  /// Packets that did not depart.
  uint64_t lost = 0;
  int64_t firstArrival = 0, lastDeparture = 0;
  Histogram delay{5};
};

/// Collects what became of packets. Flows beyond `kMostFlows` count as one,
/// `others`.
class Statistics {
public:
  static constexpr size_t kMostFlows = 1 << 16;
  Statistics() : small(kMostFlows) {}
  /// Packets that no flow of the scheduler is to count for nobody.
  void add(const Departures &block);
  /// What flows are called, by number; others are called by their numbers.
  void nameFlows(std::vector<std::string> given) { names = std::move(given); }
  std::string nameOf(uint64_t flow) const {
    return flow < names.size() ? names[flow] : std::to_string(flow);
  }
  bool hasNames() const { return !names.empty(); }
  /// In the order of their numbers.
  std::vector<const FlowStatistics *> flows() const;
  const FlowStatistics &others() const { return rest; }
  Histogram delay() const;
  /// Fairness of the flows' bytes, each divided by its weight. A flow without
  /// a weight has weight 1.
  double fairness(const std::vector<double> &weights = {}) const;

private:
  FlowStatistics &find(uint64_t flow);
  void addEach(const Departures &block, size_t begin, size_t end);
  /// Places in `list` plus one, 0 where there is none yet; flows from
  /// `kMostFlows` on are in the map.
  std::vector<uint32_t> small;
  std::unordered_map<uint64_t, uint32_t> index;
  std::vector<FlowStatistics> list;
  /// The latest, because flows come in bursts.
  FlowStatistics *latest = nullptr;
  FlowStatistics rest;
  /// Without extremes, which flows have.
  Histogram all{7};
  std::vector<std::string> names;
};

/// The smallest of ascending values, at least one, that `part` of all does not
/// exceed.
template <typename T> T nearestRank(const std::vector<T> &sorted, double part) {
  auto rank =
      static_cast<size_t>(std::ceil(part * static_cast<double>(sorted.size())));
  return sorted[std::max<size_t>(rank, 1) - 1];
}

/// A line for each cause for which packets were refused; empty if none was.
std::string formatRefused(const Totals &totals);

/// The report in three forms. Rates are bytes over the time from the first
/// arrival to the end of the last transmission. `seconds`: what the run took,
/// below 0 to leave it out. The picture shows at most 64 flows, the table at
/// most `rows`. `classes` are the names of `Totals::classes`.
std::string formatTable(const Totals &totals, const Statistics &statistics,
                        const Link &link, double seconds, size_t rows,
                        const std::vector<double> &weights,
                        const std::vector<std::string> &classes = {});
std::string formatJson(const Totals &totals, const Statistics &statistics,
                       const Link &link, double seconds,
                       const std::vector<double> &weights,
                       const std::vector<std::string> &classes = {});
std::string formatSvg(const Totals &totals, const Statistics &statistics,
                      const Link &link);

} // namespace nm::traffic

#endif // NM_TRAFFIC_STATISTICS_H
