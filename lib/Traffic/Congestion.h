//===- Congestion.h - Windows of senders -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_TRAFFIC_CONGESTION_H
#define NM_LIB_TRAFFIC_CONGESTION_H

#include "nm/Traffic/Transport.h"

namespace nm::traffic {

/// The congestion window of a flow, in packets.
class Window {
public:
  Window(Control control, uint64_t initial)
      : control(control), cwnd(static_cast<double>(initial)) {}

  uint64_t packets() const { return static_cast<uint64_t>(cwnd); }

  /// A packet was acknowledged for the first time, outside of a recovery, while
  /// `flight` packets were on their way. `now` in ns, `rtt` the smoothed one.
  void acknowledged(uint64_t flight, int64_t now, int64_t rtt);
  /// A loss that was seen by later acknowledgements, or a mark that counts as
  /// one.
  void congested(uint64_t flight);
  void timedOut(uint64_t flight, bool isFirst);
  /// DCTCP, a window's end: the part of it that was marked (RFC 8257, section
  /// 3.3).
  void endOfWindow(double marked);
  /// DCTCP: at most once a window.
  void marked();

private:
  void growCubic(int64_t now, int64_t rtt);
  void reduceCubic(uint64_t flight);

  Control control;
  double cwnd, threshold = 1e18;
  /// DCTCP: an estimate of the part of packets that is marked.
  double alpha = 1;
  /// CUBIC, section 4.1.2: the window before the last reduction, that of the
  /// epoch's begin, Reno's, and the time at which the curve is flat.
  double most = 0, epochWindow = 0, renoWindow = 0, before = 0, plateau = 0;
  int64_t epoch = -1;
  /// A timeout came before the epoch.
  bool isFlat = false;
};

} // namespace nm::traffic

#endif // NM_LIB_TRAFFIC_CONGESTION_H
