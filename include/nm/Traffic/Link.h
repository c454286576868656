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
  /// Fills in `packets` and `classes` of a block: packets in the scheduler's
  /// own form, one behind the other, and as which of `classes()` each counts,
  /// -1 for one that has a value beyond a field. Without a form of its own
  /// there are no packets. Another thread may call it.
  virtual void prepare(Arrivals &block) const;
  /// Words of a prepared packet; 0 without a form of its own.
  virtual size_t packetWords() const { return 0; }
  /// As `enqueue` of a prepared packet with a class, which is overwritten;
  /// without a form of its own, of values.
  virtual EnqueueStatus enter(uint64_t handle, uint64_t *packet, int64_t now) {
    return enqueue(handle, packet, now);
  }
  /// Whether `pass` may be called.
  virtual bool passes() const { return false; }
  /// Prepared packets with classes, each of which comes when nothing is inside
  /// and leaves before the next one comes: as `enter` and `dequeue` of each at
  /// its time.
  virtual void pass(const uint64_t *packets, const int64_t *times,
                    size_t count) {
    (void)packets, (void)times, (void)count;
  }
  /// The next packet; false if none may leave now.
  virtual bool dequeue(int64_t now, uint64_t &handle) = 0;
  /// Stores into `values` the columns that the latest dequeue changed, and says
  /// whether there is one with another value than before.
  virtual bool changed(uint64_t *values) {
    (void)values;
    return false;
  }
  /// Whether a dequeue may change columns.
  virtual bool changes() const { return true; }
  /// The names of the classes that tell packets apart.
  virtual std::vector<std::string> classes() const { return {}; }
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

/// Why a packet never departs.
enum class Loss {
  Refused = 1, ///< Not taken.
  Unknown,     ///< Not taken: a value beyond a field.
  PushedOut,   ///< By a better one.
  Dropped      ///< By a rule on its way out.
};

struct Departure {
  uint64_t number;
  int64_t arrival, departure;
  /// Bytes on the link, without `Link::overhead`.
  uint64_t length, flow;
  const uint64_t *values;
  const std::vector<uint8_t> *bytes;
};

/// Packets of a flow that left in the tick in which they came.
struct Passed {
  uint64_t flow, packets;
  /// On the link, without `Link::overhead`.
  uint64_t bytes;
  /// When the first and the last of them came.
  int64_t first, last;
  /// How many of a block's packets it was decided of before.
  size_t before;
};

/// What became of packets, in the order in which it was decided, column by
/// column.
struct Departures {
  size_t count = 0;
  /// The departure of a packet that never departs is minus its `Loss`.
  std::vector<uint64_t> number;
  std::vector<int64_t> arrival, departure;
  std::vector<uint64_t> length, flow;
  /// If taken: sums in place of packets (Observer::takesSums).
  std::vector<Passed> passed;
  /// If asked for: the columns of the source with which packets left, `columns`
  /// a row, and the packets' bytes.
  size_t columns = 0;
  std::vector<uint64_t> values;
  std::vector<std::vector<uint8_t>> bytes;

  Departure operator[](size_t i) const {
    return {number[i],
            arrival[i],
            departure[i],
            length[i],
            flow[i],
            values.empty() ? nullptr : &values[i * columns],
            bytes.empty() ? nullptr : &bytes[i]};
  }
  void add(uint64_t itsNumber, int64_t itsArrival, int64_t itsDeparture,
           uint64_t itsLength, uint64_t itsFlow) {
    if (count == number.size())
      reserve(count + 64);
    number[count] = itsNumber;
    arrival[count] = itsArrival;
    departure[count] = itsDeparture;
    length[count] = itsLength;
    flow[count++] = itsFlow;
  }

  /// Room for so many, not only for `count`.
  void reserve(size_t packets);
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
  /// When the class came and went, in ns, of schedulers that change; a class
  /// that is there from the beginning comes only after it has gone.
  std::vector<int64_t> came = {}, went = {};
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

/// Who is told what became of packets.
struct Observer {
  /// Gets all of them, block by block, and may keep a block in exchange for
  /// another. May be empty.
  std::function<void(Departures &)> departed;
  /// Whether blocks are to have values, and bytes if the source has them.
  bool wantsValues = false, wantsBytes = false;
  /// Whether many packets that pass may come as sums by flow; not of one that
  /// wants values or bytes.
  bool takesSums = false;
};

/// Runs all of `source` through `scheduler`. Within a tick: changes, arrivals,
/// then releases, then departures. A packet departs in the first tick in which
/// the link is free; fractions of a tick add up exactly. `tick` is called now
/// and then and stops the run by returning false. Fails if the source does,
/// packets stay for ever, or times leave 62 bits; `totals` then say how far it
/// came. Memory follows the packets in flight, not the traffic.
support::Status simulate(Source &source, Scheduler &scheduler, const Link &link,
                         const Observer &observer, Totals &totals,
                         const std::function<bool(const Totals &)> &tick = {});

/// The same observer, called by a thread of its own, a few blocks later at
/// most. `finish` returns when it has been called for all.
class ObserverThread {
public:
  explicit ObserverThread(Observer observer);
  ~ObserverThread();
  /// To be called by one thread.
  Observer observer();
  void finish();

private:
  struct State;
  std::unique_ptr<State> state;
};

} // namespace nm::traffic

#endif // NM_TRAFFIC_LINK_H
