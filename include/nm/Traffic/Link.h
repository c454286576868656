//===- Link.h - Packets through a scheduler onto a link -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_TRAFFIC_LINK_H
#define NM_TRAFFIC_LINK_H

#include "nm/Traffic/Source.h"
#include <functional>
#include <optional>

namespace nm::traffic {

/// How far a queue that only comes near the order of ranks was from it: pops,
/// those with a smaller rank left inside, and how many such ranks in all.
struct Disorder {
  uint64_t pops = 0, late = 0, inversions = 0;
};

/// What decides the order of packets. Times never decrease.
class Scheduler {
public:
  virtual ~Scheduler();
  enum class EnqueueStatus { Ok, Full, Unknown, Rank, Dropped };
  static constexpr int kEnqueueStatuses = 5;
  /// `values` are the source's columns. A packet that is not taken changes
  /// nothing.
  virtual EnqueueStatus enqueue(uint64_t handle, const uint64_t *values,
                                int64_t now) = 0;
  /// The next packet; false if none may leave now.
  virtual bool dequeue(int64_t now, uint64_t &handle) = 0;
  /// Stores into `values` the columns that the latest dequeue changed, and says
  /// whether there is one with another value than before.
  virtual bool changed(uint64_t *values) {
    (void)values;
    return false;
  }
  /// The names of the classes that tell packets apart; and the class of the
  /// packet of the latest enqueue, -1 for one that has none.
  virtual std::vector<std::string> classes() const { return {}; }
  virtual int classOfLatest() { return -1; }
  /// Whether it drops packets that it has taken.
  virtual bool drops() const { return false; }
  /// One that was dropped since it was taken; false if there is none. To be
  /// asked after each enqueue and dequeue.
  virtual bool dropped(uint64_t &handle) {
    (void)handle;
    return false;
  }
  /// Of queues that only come near an order; false of all others.
  virtual bool disorder(Disorder &found) {
    (void)found;
    return false;
  }
  /// Takes the change of that number (Link::changes) before its next call.
  virtual void change(size_t number) { (void)number; }
  /// Lets go what is due.
  virtual void release(int64_t now) { (void)now; }
  /// The time of the earliest release; false if nothing is shaped.
  virtual bool nextRelease(int64_t &time) {
    (void)time;
    return false;
  }
};

struct Departure {
  uint64_t number;
  int64_t arrival, departure;
  /// Bytes on the link, without `Link::overhead`.
  uint64_t length, flow;
  const uint64_t *values;
  const std::vector<uint8_t> *bytes;
};

/// A packet that never departs.
struct Loss {
  enum Cause {
    Refused,   ///< Not taken.
    Unknown,   ///< Not taken: a value beyond a field.
    PushedOut, ///< By a better one.
    Dropped    ///< By a rule on its way out.
  } cause;
  uint64_t number, length, flow;
};

struct Link {
  /// Bit/s; 0 for a link that takes one packet a tick.
  uint64_t rate = 10'000'000'000;
  /// Bytes that each packet costs on the wire beyond its length.
  uint64_t overhead = 0;
  /// When the scheduler changes; the times never decrease.
  std::vector<int64_t> changes = {};
};

/// What became of the packets of a class.
struct ClassTotals {
  uint64_t arrived = 0, departed = 0, bytes = 0;
  /// Refused packets by Scheduler::EnqueueStatus.
  uint64_t refused[Scheduler::kEnqueueStatuses] = {};
  uint64_t pushedOut = 0, dropped = 0;
  /// Departed with another value in a field than they came with: ECN marks,
  /// where nothing else is written.
  uint64_t marked = 0;
};

struct Totals {
  uint64_t arrived = 0, departed = 0, bytes = 0;
  /// Refused packets by Scheduler::EnqueueStatus.
  uint64_t refused[Scheduler::kEnqueueStatuses] = {};
  /// Taken and dropped since: by better packets, on their way out.
  uint64_t pushedOut = 0, dropped = 0;
  /// Departed with another value in a field.
  uint64_t marked = 0;
  /// By Scheduler::classes.
  std::vector<ClassTotals> classes;
  /// Where the scheduler only comes near an order.
  std::optional<Disorder> disorder = {};
  /// When the last packet had left the link, in ns; when the first arrived.
  int64_t begin = 0, end = 0;
  uint64_t mostQueued = 0;
};

/// Runs all of `source` through `scheduler`. Within a tick: changes, arrivals,
/// then releases, then departures. A packet departs in the first tick in which
/// the link is free; fractions of a tick add up exactly. `departed` and `lost`,
/// which is told of every packet that does not depart, may be empty; `tick` is
/// called now and then and stops the run by returning false. Fails if the
/// source does, packets stay for ever, or times leave 62 bits; `totals` then
/// say how far it came. Memory follows the packets in flight, not the traffic.
support::Status simulate(Source &source, Scheduler &scheduler, const Link &link,
                         const std::function<void(const Departure &)> &departed,
                         Totals &totals,
                         const std::function<bool(const Totals &)> &tick = {},
                         const std::function<void(const Loss &)> &lost = {});

} // namespace nm::traffic

#endif // NM_TRAFFIC_LINK_H
