//===- Turns.h - nm and its peers timed by turns -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_BENCHMARKS_TURNS_H
#define NM_BENCHMARKS_TURNS_H

#include "Samples.h"
#include "nm/Driver/Support.h"

namespace nm::bench {

/// Times nm and its peers by turns, once in each iteration of `state`, and
/// enters nm's minimum and median and the fastest peer into `outcome`.
/// `compiled` has timeOnce(), and runPeer(i) calls peer i.
template <typename State, typename Compiled, typename Peer, typename Run,
          typename Outcome>
void timeByTurns(State &state, Compiled &compiled,
                 const std::vector<Peer> &peers, Run runPeer,
                 Outcome &outcome) {
  std::vector<double> own;
  std::vector<std::vector<double>> theirs(peers.size());
  for (auto _ : state) {
    own.push_back(compiled.timeOnce());
    state.SetIterationTime(own.back() / 1e3);
    for (size_t i = 0; i < peers.size(); ++i) {
      mlir::nm::driver::Stopwatch watch;
      runPeer(i);
      theirs[i].push_back(watch.ms());
    }
  }
  outcome.minMs = minimum(own);
  outcome.medianMs = median(own);
  setFastestPeer(outcome, peers, theirs);
}

} // namespace nm::bench

#endif // NM_BENCHMARKS_TURNS_H
