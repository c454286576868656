//===- Transport.cpp - Senders that hear what became of packets -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LinkClock.h"
#include "Sender.h"
#include <queue>
#include <string>

using namespace nm::traffic;
namespace support = ::nm::support;

static constexpr int64_t kNever = INT64_MAX;

std::vector<std::string> nm::traffic::transportColumns(const FlowSet &flows) {
  std::vector<std::string> names{"length",    "flow",   "size",
                                 "remaining", "offset", "ecn"};
  names.insert(names.end(), flows.columns.begin(), flows.columns.end());
  return names;
}

namespace {

constexpr size_t kEcn = 5, kOwnColumns = 6;
/// RFC 3168: able to hear marks, and marked.
constexpr uint64_t kCapable = 2, kMarked = 3;

/// In the order in which they come within a tick.
enum class Kind : uint8_t { Acknowledgement, Start, Timeout, Line };

struct Event {
  int64_t time;
  Kind kind;
  /// The number of the departure, or of the flow.
  uint64_t number, flow;
  /// Of an acknowledgement.
  uint64_t packet = 0;
  int64_t sent = 0;
  bool isMarked = false;

  bool operator>(const Event &other) const {
    return std::tie(time, kind, number) >
           std::tie(other.time, other.kind, other.number);
  }
};

struct Sent {
  uint64_t flow, packet;
  int64_t time;
};

class Run {
public:
  Run(const FlowSet &set, Scheduler &scheduler, const Link &link,
      const TransportOptions &options, std::vector<FlowOutcome> &outcomes,
      TransportTotals &totals)
      : set(set), scheduler(scheduler), link(link), options(options),
        outcomes(outcomes), totals(totals),
        columns(kOwnColumns + set.columns.size()) {}

  support::Status all(const std::function<void(size_t)> &tick);

private:
  /// What the simulation has of a flow that has started.
  struct Active {
    Active(const Flow &flow, const TransportOptions &options, size_t packets)
        : sender(flow, options), has(packets) {}
    Sender sender;
    /// When the sender's own line is free, and whether an event waits for it.
    int64_t lineFree = 0;
    bool waitsForLine = false;
    /// The earliest event for a timeout; later ones replace it.
    int64_t alarm = kNever;
    /// Packets of payload that the receiver has.
    uint64_t there = 0;
    std::vector<bool> has;
  };

  void handle(const Event &event);
  void sendAll(uint64_t flow);
  void sendOne(uint64_t flow, uint64_t packet);
  void setAlarm(uint64_t flow);
  void depart(uint64_t handle);
  void forget(uint64_t &count);
  int64_t nextTime();
  bool fail(std::string text) {
    if (message.empty())
      message = std::move(text);
    return false;
  }

  const FlowSet &set;
  Scheduler &scheduler;
  const Link &link;
  const TransportOptions &options;
  std::vector<FlowOutcome> &outcomes;
  TransportTotals &totals;
  const size_t columns;

  std::vector<std::unique_ptr<Active>> active;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events;
  std::vector<Sent> packets;
  std::vector<uint64_t> values, free;
  LinkClock clock;
  int64_t now = 0;
  uint64_t queued = 0, departures = 0, complete = 0;
  bool mayLeave = false;
  std::string message;
};

int64_t Run::nextTime() {
  int64_t next = events.empty() ? kNever : events.top().time, release = kNever;
  if (queued && mayLeave)
    next = std::min(next, std::max(now, clock.free()));
  if (queued && scheduler.nextRelease(release))
    next = std::min(next, std::max(now, release));
  return next;
}

/// Packets that the scheduler gives up; nobody tells their senders.
void Run::forget(uint64_t &count) {
  for (uint64_t handle = 0; scheduler.drops() && scheduler.dropped(handle);) {
    free.push_back(handle);
    --queued;
    ++count;
  }
}

void Run::setAlarm(uint64_t flow) {
  Active &here = *active[flow];
  int64_t deadline = here.sender.deadline();
  if (deadline < 0 || deadline >= here.alarm)
    return;
  here.alarm = deadline;
  events.push({deadline, Kind::Timeout, flow, flow});
}

void Run::sendOne(uint64_t flow, uint64_t packet) {
  Sender &sender = active[flow]->sender;
  const uint64_t length = sender.bytesOf(packet) + options.header;
  uint64_t handle = packets.size();
  if (free.empty()) {
    packets.emplace_back();
    values.resize(values.size() + columns);
  } else {
    handle = free.back();
    free.pop_back();
  }
  packets[handle] = {flow, packet, now};
  uint64_t *row = &values[handle * columns];
  bool hears = options.control == Control::Dctcp || options.ecn;
  const uint64_t own[kOwnColumns] = {length,
                                     flow,
                                     set.flows[flow].bytes,
                                     sender.remaining(),
                                     packet * options.segment,
                                     hears ? kCapable : 0};
  std::copy_n(own, kOwnColumns, row);
  std::copy(set.flows[flow].values.begin(), set.flows[flow].values.end(),
            row + kOwnColumns);
  sender.send(packet, now);
  ++totals.sent;
  switch (scheduler.enqueue(handle, row, now)) {
  case Scheduler::EnqueueStatus::Ok:
    ++queued;
    mayLeave = true;
    forget(totals.dropped);
    totals.mostQueued = std::max(totals.mostQueued, queued);
    return;
  case Scheduler::EnqueueStatus::Unknown:
    fail("the scheduler does not know a value of flow " + std::to_string(flow) +
         "; expected fields that hold its columns");
    [[fallthrough]];
  default:
    ++totals.refused;
    free.push_back(handle);
  }
}

/// All that the window lets go and the line takes.
void Run::sendAll(uint64_t flow) {
  Active &here = *active[flow];
  while (auto packet = here.sender.next()) {
    if (here.lineFree > now) {
      if (!here.waitsForLine)
        events.push({here.lineFree, Kind::Line, flow, flow});
      here.waitsForLine = true;
      break;
    }
    uint64_t bits = 8 * (here.sender.bytesOf(*packet) + options.header);
    if (options.access)
      here.lineFree = now + static_cast<int64_t>(
                                (bits * 1'000'000'000 + options.access - 1) /
                                options.access);
    sendOne(flow, *packet);
  }
  setAlarm(flow);
}

void Run::handle(const Event &event) {
  uint64_t flow = event.flow;
  if (event.kind == Kind::Start) {
    const Flow &starts = set.flows[flow];
    active[flow] = std::make_unique<Active>(
        starts, options,
        (starts.bytes + options.segment - 1) / options.segment);
    return sendAll(flow);
  }
  // What comes too late for a flow that is complete.
  if (!active[flow])
    return;
  Active &here = *active[flow];
  if (event.kind == Kind::Line) {
    here.waitsForLine = false;
  } else if (event.kind == Kind::Timeout) {
    if (event.time != here.alarm)
      return;
    here.alarm = kNever;
    if (here.sender.deadline() >= 0 && here.sender.deadline() <= now)
      here.sender.timeOut(now);
  } else {
    here.sender.acknowledge(event.packet, event.isMarked, event.sent, now);
    if (here.sender.isComplete()) {
      FlowOutcome &outcome = outcomes[flow];
      int64_t completion = outcome.completion;
      outcome = here.sender.outcome;
      outcome.completion = completion;
      totals.again += outcome.again;
      totals.timeouts += outcome.timeouts;
      ++complete;
      active[flow].reset();
      return;
    }
  }
  sendAll(flow);
}

void Run::depart(uint64_t handle) {
  uint64_t *row = &values[handle * columns];
  const Sent &packet = packets[handle];
  const Flow &flow = set.flows[packet.flow];
  clock.send(now, row[0] + link.overhead, link.rate);
  scheduler.changed(row);
  bool isMarked = row[kEcn] == kMarked;
  ++totals.delivered;
  totals.bytes += row[0];
  totals.marked += isMarked;
  int64_t end = clock.free();
  events.push({end + flow.rtt, Kind::Acknowledgement, departures++, packet.flow,
               packet.packet, packet.time, isMarked});
  if (Active *here = active[packet.flow].get();
      here && !here->has[packet.packet]) {
    here->has[packet.packet] = true;
    if (++here->there == here->has.size()) {
      int64_t there = end + flow.rtt / 2;
      outcomes[packet.flow].completion = there - flow.start;
      totals.end = std::max(totals.end, there);
    }
  }
  free.push_back(handle);
  --queued;
}

support::Status Run::all(const std::function<void(size_t)> &tick) {
  outcomes.assign(set.flows.size(), {});
  active.resize(set.flows.size());
  for (size_t flow = 0; flow < set.flows.size(); ++flow)
    events.push({set.flows[flow].start, Kind::Start, flow, flow});
  uint64_t turns = 0;
  while (complete < set.flows.size() && message.empty()) {
    int64_t next = nextTime();
    if (next == kNever)
      fail(std::to_string(queued) + " packets stay in the scheduler for ever: "
                                    "none leaves and none is to be released");
    else if (next >= kLatest)
      fail("the next departure lies beyond 2^62 ns");
    if (!message.empty())
      break;
    now = next;
    while (!events.empty() && events.top().time <= now) {
      Event event = events.top();
      events.pop();
      handle(event);
    }
    if (int64_t release;
        queued && scheduler.nextRelease(release) && release <= now) {
      scheduler.release(now);
      mayLeave = true;
    }
    while (mayLeave && queued && clock.free() <= now) {
      uint64_t handle;
      mayLeave = scheduler.dequeue(now, handle);
      forget(totals.dropped);
      if (mayLeave)
        depart(handle);
    }
    if ((++turns & 0xffff) == 0 && tick)
      tick(complete);
  }
  if (!message.empty())
    return support::Error{support::Errc::Unsupported, message};
  return {};
}

} // namespace

support::Status nm::traffic::sendFlows(
    const FlowSet &flows, Scheduler &scheduler, const Link &link,
    const TransportOptions &options, std::vector<FlowOutcome> &outcomes,
    TransportTotals &totals, const std::function<void(size_t)> &tick) {
  return Run(flows, scheduler, link, options, outcomes, totals).all(tick);
}
