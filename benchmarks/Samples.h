//===- Samples.h - Minimum and median of measured times -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_BENCHMARKS_SAMPLES_H
#define NM_BENCHMARKS_SAMPLES_H

#include <algorithm>
#include <vector>

namespace nm::bench {

/// Of at least one sample, as is `minimum`.
inline double median(std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  size_t half = samples.size() / 2;
  return samples.size() % 2 ? samples[half]
                            : (samples[half - 1] + samples[half]) / 2;
}

inline double minimum(const std::vector<double> &samples) {
  return *std::min_element(samples.begin(), samples.end());
}

/// Enters the peer with the smallest minimum into `outcome`. `samples[i]` are
/// the times of `peers[i]`.
template <typename Outcome, typename Peer>
void setFastestPeer(Outcome &outcome, const std::vector<Peer> &peers,
                    const std::vector<std::vector<double>> &samples) {
  for (size_t i = 0; i < peers.size(); ++i) {
    double best = minimum(samples[i]);
    if (!outcome.peer.empty() && best >= outcome.peerMinMs)
      continue;
    outcome.peer = peers[i].name;
    outcome.peerMinMs = best;
    outcome.peerMedianMs = median(samples[i]);
  }
}

} // namespace nm::bench

#endif // NM_BENCHMARKS_SAMPLES_H
