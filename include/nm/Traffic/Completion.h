//===- Completion.h - When flows were complete -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_TRAFFIC_COMPLETION_H
#define NM_TRAFFIC_COMPLETION_H

#include "nm/Traffic/Transport.h"

namespace nm::traffic {

/// The same flows under one policy.
struct CompletionRun {
  std::string name;
  std::vector<FlowOutcome> outcomes;
  TransportTotals totals;
  std::optional<Disorder> disorder = {};
};

/// Of the flows of one size under one policy: completion times in ns, and
/// slowdowns, which are completion times over the best that a flow of that size
/// can have: its packets on the link, or the sender's line if that is slower,
/// without a gap, and half a round trip. Percentiles are of the nearest rank.
struct CompletionBin {
  /// Bytes, `least` excluded.
  uint64_t least = 0, most = UINT64_MAX;
  size_t flows = 0;
  double mean = 0, slowdownMean = 0;
  int64_t p50 = 0, p99 = 0;
  double slowdown50 = 0, slowdown99 = 0;
};

struct CompletionReport {
  FlowSet flows;
  Link link;
  TransportOptions options;
  /// Ends of the bins but the last, in bytes, growing.
  std::vector<uint64_t> bounds;
  std::vector<CompletionRun> runs;

  /// The shortest completion of a flow, ns.
  double best(const Flow &flow) const;
  /// All flows, then each bin.
  std::vector<CompletionBin> bins(const CompletionRun &run) const;
};

/// The same figures as a table and as JSON: completion times in ns, slowdowns
/// as ratios to the shortest completion.
std::string formatCompletionTable(const CompletionReport &report);
std::string formatCompletionJson(const CompletionReport &report);
/// A page with charts: slowdowns by size, and how completion times are
/// distributed.
std::string formatCompletionHtml(const CompletionReport &report);

} // namespace nm::traffic

#endif // NM_TRAFFIC_COMPLETION_H
