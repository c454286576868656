//===- Sender.h - One flow of packets with acknowledgements -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_TRAFFIC_SENDER_H
#define NM_LIB_TRAFFIC_SENDER_H

#include "Congestion.h"
#include <set>

namespace nm::traffic {

/// What a sender knows of its packets, which it numbers from 0. It says which
/// one to send; time, lines and links are the caller's.
class Sender {
public:
  Sender(const Flow &flow, const TransportOptions &options);

  /// The next packet that the window lets go, those that were lost first; none
  /// if there is none.
  std::optional<uint64_t> next() const;
  /// The packet leaves.
  void send(uint64_t packet, int64_t now);
  /// An acknowledgement of what was sent at `sent`.
  void acknowledge(uint64_t packet, bool isMarked, int64_t sent, int64_t now);
  /// Nothing was heard for too long.
  void timeOut(int64_t now);

  /// When to give up; nothing to wait for below 0.
  int64_t deadline() const { return patience; }
  bool isComplete() const { return acknowledged == count; }
  /// Bytes of a packet's payload, and those that are not acknowledged.
  uint64_t bytesOf(uint64_t packet) const;
  uint64_t remaining() const { return left; }
  FlowOutcome outcome;

private:
  enum class State : uint8_t { Unsent, Flying, Lost, Arrived };
  void measure(int64_t sample);
  void findLosses();
  void hearMark(uint64_t packet, bool isMarked);
  int64_t timeout() const;

  const TransportOptions &options;
  uint64_t bytes, count, left;
  std::vector<State> states;
  /// Of packets that fly: sent more than once.
  std::vector<bool> isAgain;
  std::set<uint64_t> lost;
  Window window;
  /// Never sent; not acknowledged without a gap; acknowledged; flying.
  uint64_t fresh = 0, first = 0, acknowledged = 0, flight = 0;
  /// The three largest numbers that are acknowledged, plus one, and how far
  /// losses were looked for.
  uint64_t latest[3] = {}, looked = 0;
  /// A recovery lasts until all before this one are acknowledged.
  uint64_t recovery = 0;
  bool isRecovering = false;
  /// Where the window ends whose marks are counted, in bytes, and the one in
  /// which no further mark counts.
  uint64_t windowEnd = 0, reactionEnd = 0, heard = 0, heardMarks = 0;
  /// RFC 6298, in ns.
  int64_t smoothed = -1, variation = 0, patience = -1;
  unsigned backoff = 0;
};

} // namespace nm::traffic

#endif // NM_LIB_TRAFFIC_SENDER_H
