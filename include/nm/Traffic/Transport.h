//===- Transport.h - Senders that hear what became of packets -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Open traffic arrives whatever the scheduler does. Here each flow is a sender
// with something to send and a window that acknowledgements, losses and marks
// move, so that a scheduler can be judged by when flows are complete.
//
//===----------------------------------------------------------------------===//

#ifndef NM_TRAFFIC_TRANSPORT_H
#define NM_TRAFFIC_TRANSPORT_H

#include "nm/Traffic/Link.h"
#include <functional>
#include <optional>

namespace nm::traffic {

/// How a window follows what happens: Reno (RFC 5681), CUBIC (RFC 9438), DCTCP
/// (RFC 8257).
enum class Control { Reno, Cubic, Dctcp };

/// Something to send.
struct Flow {
  /// ns.
  int64_t start = 0;
  /// Of payload, at least 1.
  uint64_t bytes = 1;
  /// ns from a packet's end on the link to its acknowledgement at the sender;
  /// the receiver stands half way.
  int64_t rtt = 100'000;
  /// Of `FlowSet::columns`.
  std::vector<uint64_t> values;
};

struct FlowSet {
  std::vector<Flow> flows; ///< in the order of their starts
  /// Columns of all packets of a flow, beside those that senders write.
  std::vector<std::string> columns;
};

struct TransportOptions {
  Control control = Control::Cubic;
  /// Reno and CUBIC react to marks too (RFC 3168); DCTCP always does.
  bool ecn = false;
  /// Bytes of payload in a full packet, and of headers in each.
  uint64_t segment = 1460, header = 40;
  /// Packets (RFC 6928).
  uint64_t initialWindow = 10;
  /// Bit/s of each sender's own line; 0: packets of a window leave together.
  uint64_t access = 10'000'000'000;
  /// ns, the least time until a sender gives up on an acknowledgement.
  int64_t leastTimeout = 10'000'000;
};

/// What became of a flow.
struct FlowOutcome {
  /// When its last byte was there, ns after its start.
  int64_t completion = 0;
  /// Packets sent, those of them that were sent again, and those acknowledged
  /// with a mark; timeouts.
  uint64_t packets = 0, again = 0, marked = 0, timeouts = 0;
};

struct TransportTotals {
  uint64_t sent = 0, delivered = 0, bytes = 0, marked = 0;
  /// Refused at once, and dropped later.
  uint64_t refused = 0, dropped = 0, again = 0, timeouts = 0;
  uint64_t mostQueued = 0;
  /// When the last flow was complete.
  int64_t end = 0;
};

/// The columns of packets: length (bytes on the link), flow (number), size
/// (bytes of the flow), remaining (bytes that are not acknowledged yet), offset
/// (of the packet's first byte in the flow), ecn (2 where senders react to
/// marks, else 0; a scheduler marks by 3), then those of the flows.
std::vector<std::string> transportColumns(const FlowSet &flows);

/// Sends all flows through `scheduler` onto `link`, until each is complete.
/// Selective acknowledgements: a packet is lost when three later ones have come
/// (RFC 6675), or after a timeout (RFC 6298). Within a tick: acknowledgements
/// in the order in which their packets left the link, starts, timeouts, and
/// lines of senders that are free again, each by number of the flow; then
/// releases and departures. Fails where packets stay for ever, a flow cannot
/// send (a value that the scheduler does not know), or times leave 62 bits.
/// `tick` is called now and then with the number of flows that are complete.
support::Status sendFlows(const FlowSet &flows, Scheduler &scheduler,
                          const Link &link, const TransportOptions &options,
                          std::vector<FlowOutcome> &outcomes,
                          TransportTotals &totals,
                          const std::function<void(size_t)> &tick = {});

/// A file of flows: CSV with the columns `time` (ns) and `size` (bytes), and
/// perhaps `rtt` (ns); all others are columns of their packets.
support::Result<FlowSet> readFlows(const std::string &path, int64_t rtt);

/// Flows of random sizes that start after a Poisson process:
///
///   web-search:load=0.6,count=2000,seed=1
///   data-mining:load=0.8,count=500
///   sizes.csv:load=0.5,count=100     points of a distribution, `bytes,part`
///   20k:load=0.5,count=100           all of one size
///
/// web-search is that of Alizadeh et al., "Data Center TCP" (SIGCOMM 2010),
/// data-mining that of Greenberg et al., "VL2" (SIGCOMM 2009), both as the
/// simulations of pFabric (SIGCOMM 2013) have them: packets of 1,460 bytes, and
/// in between sizes that are equally likely. `load` is the part of `link` that
/// the flows and their headers take on average.
support::Result<FlowSet> drawFlows(const std::string &description,
                                   const Link &link,
                                   const TransportOptions &options,
                                   int64_t rtt);

} // namespace nm::traffic

#endif // NM_TRAFFIC_TRANSPORT_H
