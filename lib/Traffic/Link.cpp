//===- Link.cpp - Packets through a scheduler onto a link -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Traffic/Link.h"
#include "LinkClock.h"
#include <algorithm>
#include <numeric>

using namespace nm::traffic;
namespace support = ::nm::support;

Scheduler::~Scheduler() = default;

namespace {

constexpr int64_t kNever = INT64_MAX;
/// Packets of a block of departures, and about as many of one of arrivals.
constexpr size_t kBlock = 2048;

int column(const Source &source, const char *name) {
  for (size_t i = 0; i < source.columns().size(); ++i)
    if (source.columns()[i] == name)
      return static_cast<int>(i);
  return -1;
}

/// A column of a block's rows, or the same value for all of them.
struct Column {
  const uint64_t *first;
  size_t stride;
  uint64_t operator[](size_t i) const { return first[i * stride]; }
};

class Run {
public:
  Run(Source &itsSource, Scheduler &itsScheduler, const Link &itsLink,
      const Observer &itsObserver, Totals &itsTotals,
      const std::function<bool(const Totals &)> &itsTick)
      : source(itsSource), scheduler(itsScheduler), link(itsLink),
        observer(itsObserver), totals(itsTotals), tick(itsTick),
        columns(itsSource.columns().size()),
        lengthColumn(column(itsSource, "length")),
        flowColumn(column(itsSource, "flow")),
        words(itsScheduler.packetWords()), drops(itsScheduler.drops()),
        passes(itsScheduler.passes()), changes(itsScheduler.changes()),
        classes(itsScheduler.classes().size()),
        keepsBytes(itsObserver.wantsBytes && itsSource.bytes()),
        keepsValues(itsObserver.wantsValues || changes) {
    departures.columns = observer.wantsValues ? columns : 0;
    // Packets without a class are counted behind all others.
    totals.classes.assign(classes + 1, {});
  }
  support::Status all() {
    support::Status status = run();
    flush();
    return status;
  }

private:
  /// A packet between arrival and departure, by handle.
  struct Flight {
    uint64_t number;
    int64_t arrival;
    uint64_t length, flow;
    /// Of `Totals::classes`, the last of which is nobody's.
    size_t group;
  };

  static support::Status fail(const std::string &message) {
    return support::Error{support::Errc::Unsupported, message};
  }
  bool fetch();
  int64_t nextChange() const {
    return changed < link.changes.size() ? link.changes[changed] : kNever;
  }
  int64_t nextEvent();
  Column columnOf(int number) const {
    return number < 0 ? Column{&kNothing, 0}
                      : Column{arrivals.values.data() + number, columns};
  }
  uint64_t lengthAt(size_t i) const {
    return lengthColumn < 0 ? 1 : arrivals.values[i * columns + lengthColumn];
  }
  size_t groupAt(size_t i) const {
    return arrivals.classes.empty() || arrivals.classes[i] < 0
               ? classes
               : static_cast<size_t>(arrivals.classes[i]);
  }
  uint64_t takeHandle();
  ClassTotals &groupOf(uint64_t handle) {
    return totals.classes[flights[handle].group];
  }
  support::Status arrive();
  Scheduler::EnqueueStatus enter(uint64_t handle);
  void passAlone();
  void sendDue();
  void depart(uint64_t handle);
  void lose(Loss cause, uint64_t handle);
  void fetchDropped(Loss cause, uint64_t &count,
                    uint64_t ClassTotals::*ofClass);
  void flush();
  support::Status run();
  support::Status finish();

  Source &source;
  Scheduler &scheduler;
  const Link &link;
  const Observer &observer;
  Totals &totals;
  const std::function<bool(const Totals &)> &tick;
  const size_t columns;
  const int lengthColumn, flowColumn;
  const size_t words;
  const bool drops, passes, changes;
  const size_t classes;
  const bool keepsBytes, keepsValues;
  static constexpr uint64_t kNothing = 0, kOne = 1;

  Arrivals arrivals;
  size_t at = 0;
  /// Whether the packet `at` is there, the source has failed, or nobody wants
  /// to go on.
  bool more = false, failed = false, stopped = false;
  LinkClock clock;
  int64_t now = 0;
  uint64_t queued = 0;
  /// Whether a dequeue may find something that the last one did not.
  bool mayLeave = false;
  size_t changed = 0;
  uint64_t ticks = 0;
  std::vector<Flight> flights;
  std::vector<uint64_t> free, values;
  std::vector<std::vector<uint8_t>> bytes;
  Departures departures;
};

/// Goes on to the next packet.
bool Run::fetch() {
  if (++at < arrivals.count)
    return true;
  // Every million packets or so.
  if (tick && totals.arrived >> 20 != ticks) {
    ticks = totals.arrived >> 20;
    stopped = !tick(totals);
  }
  at = 0;
  do {
    if (arrivals.then != Source::Status::Packet) {
      failed = arrivals.then == Source::Status::Error;
      arrivals.count = 0;
      return false;
    }
    source.fill(arrivals, keepsBytes ? 1 : kBlock);
  } while (arrivals.count == 0);
  if (!arrivals.isPrepared)
    scheduler.prepare(arrivals);
  return true;
}

uint64_t Run::takeHandle() {
  if (free.empty()) {
    free.push_back(flights.size());
    flights.emplace_back();
    if (keepsValues)
      values.resize(values.size() + columns);
    if (keepsBytes)
      bytes.emplace_back();
  }
  uint64_t handle = free.back();
  free.pop_back();
  return handle;
}

int64_t Run::nextEvent() {
  int64_t next = more ? arrivals.times[at] : kNever, release = kNever;
  if (queued) {
    if (mayLeave)
      next = std::min(next, std::max(now, clock.free()));
    if (scheduler.nextRelease(release))
      next = std::min(next, std::max(now, release));
  }
  // A change alone may let packets leave, but need not.
  return next == kNever ? next : std::min(next, std::max(now, nextChange()));
}

void Run::flush() {
  if (departures.count && observer.departed)
    observer.departed(departures);
  departures.count = 0;
  departures.values.clear();
  departures.bytes.clear();
  departures.columns = observer.wantsValues ? columns : 0;
}

void Run::lose(Loss cause, uint64_t handle) {
  const Flight &packet = flights[handle];
  departures.add(packet.number, packet.arrival, -static_cast<int64_t>(cause),
                 packet.length, packet.flow);
  if (observer.wantsValues)
    departures.values.insert(departures.values.end(), &values[handle * columns],
                             &values[handle * columns] + columns);
  if (keepsBytes)
    departures.bytes.emplace_back();
  free.push_back(handle);
  if (departures.count >= kBlock)
    flush();
}

void Run::fetchDropped(Loss cause, uint64_t &count,
                       uint64_t ClassTotals::*ofClass) {
  for (uint64_t handle = 0; drops && scheduler.dropped(handle);) {
    ++(groupOf(handle).*ofClass);
    lose(cause, handle);
    --queued;
    ++count;
  }
}

Scheduler::EnqueueStatus Run::enter(uint64_t handle) {
  if (words == 0)
    return scheduler.enter(handle, &arrivals.values[at * columns], now);
  if (arrivals.classes[at] < 0)
    return Scheduler::EnqueueStatus::Unknown;
  return scheduler.enter(handle, &arrivals.packets[at * words], now);
}

support::Status Run::arrive() {
  const uint64_t length = lengthAt(at);
  if (length == 0 || length > (uint64_t(1) << 32))
    return fail("packet " + std::to_string(totals.arrived + 1) +
                " has a length of " + std::to_string(length) +
                "; expected 1 to 2^32 bytes");
  uint64_t handle = takeHandle();
  flights[handle] = {totals.arrived, now, length, columnOf(flowColumn)[at],
                     groupAt(at)};
  if (keepsValues)
    std::copy_n(&arrivals.values[at * columns], columns,
                &values[handle * columns]);
  Scheduler::EnqueueStatus status = enter(handle);
  ClassTotals &group = groupOf(handle);
  ++group.arrived;
  ++group.refused[static_cast<int>(status)];
  ++totals.arrived;
  ++totals.refused[static_cast<int>(status)];
  if (status == Scheduler::EnqueueStatus::Ok) {
    ++queued;
    mayLeave = true;
    if (keepsBytes)
      bytes[handle] = *source.bytes();
    fetchDropped(Loss::PushedOut, totals.pushedOut, &ClassTotals::pushedOut);
    totals.mostQueued = std::max(totals.mostQueued, queued);
  } else {
    lose(status == Scheduler::EnqueueStatus::Unknown ? Loss::Unknown
                                                     : Loss::Refused,
         handle);
  }
  more = fetch();
  return stopped ? fail("stopped") : support::Status();
}

/// Packets that find the link free and nobody inside, and leave in the tick in
/// which they come. The last of a block may not be the last of its tick.
void Run::passAlone() {
  const Column length =
                   lengthColumn < 0 ? Column{&kOne, 0} : columnOf(lengthColumn),
               flow = columnOf(flowColumn);
  const int64_t limit = std::min(nextChange(), kLatest);
  const size_t first = at, before = departures.count;
  departures.reserve(before + arrivals.count);
  const int64_t *times = arrivals.times.data();
  const int32_t *itsClass = arrivals.classes.data();
  uint64_t *itsLength = departures.length.data() + before;
  LinkClock local = clock;
  uint64_t sum = 0;
  size_t count = 0;
  for (; first + count + 1 < arrivals.count; ++count) {
    const size_t i = first + count;
    const int64_t time = times[i];
    const uint64_t bytes = length[i];
    if (local.free() > time || times[i + 1] == time || time >= limit ||
        itsClass[i] < 0 || bytes - 1 >= uint64_t(1) << 32)
      break;
    local.send(time, bytes + link.overhead, link.rate);
    sum += bytes;
    itsLength[count] = bytes;
  }
  if (count == 0)
    return;
  // What does not wait for the clock, column by column.
  std::iota(departures.number.data() + before,
            departures.number.data() + before + count, totals.arrived);
  std::copy_n(times + first, count, departures.arrival.data() + before);
  std::copy_n(times + first, count, departures.departure.data() + before);
  uint64_t *itsFlow = departures.flow.data() + before;
  for (size_t i = 0; i < count; ++i)
    itsFlow[i] = flow[first + i];
  auto countIn = [](ClassTotals &group, uint64_t packets, uint64_t bytes) {
    group.arrived += packets;
    group.departed += packets;
    group.bytes += bytes;
  };
  if (classes <= 1)
    countIn(totals.classes.front(), count, sum);
  for (size_t i = 0; classes > 1 && i < count; ++i)
    countIn(totals.classes[itsClass[first + i]], 1, itsLength[i]);
  at += count;
  clock = local;
  departures.count += count;
  totals.bytes += sum;
  if (observer.wantsValues)
    departures.values.insert(
        departures.values.end(), &arrivals.values[first * columns],
        &arrivals.values[first * columns] + count * columns);
  scheduler.pass(&arrivals.packets[first * words], &arrivals.times[first],
                 count);
  now = arrivals.times[at - 1];
  totals.arrived += count;
  totals.departed += count;
  totals.mostQueued = std::max<uint64_t>(totals.mostQueued, 1);
  totals.end = clock.free();
  if (departures.count >= kBlock)
    flush();
}

void Run::depart(uint64_t handle) {
  const Flight &packet = flights[handle];
  clock.send(now, packet.length + link.overhead, link.rate);
  ClassTotals &group = totals.classes[packet.group];
  ++group.departed;
  group.bytes += packet.length;
  if (changes && scheduler.changed(&values[handle * columns])) {
    ++group.marked;
    ++totals.marked;
  }
  departures.add(packet.number, packet.arrival, now, packet.length,
                 packet.flow);
  if (observer.wantsValues)
    departures.values.insert(departures.values.end(), &values[handle * columns],
                             &values[handle * columns] + columns);
  if (keepsBytes)
    departures.bytes.push_back(std::move(bytes[handle]));
  free.push_back(handle);
  --queued;
  ++totals.departed;
  totals.bytes += packet.length;
  totals.end = clock.free();
  if (departures.count >= kBlock)
    flush();
}

void Run::sendDue() {
  while (mayLeave && queued && clock.free() <= now) {
    uint64_t handle;
    mayLeave = scheduler.dequeue(now, handle);
    if (drops)
      fetchDropped(Loss::Dropped, totals.dropped, &ClassTotals::dropped);
    if (mayLeave)
      depart(handle);
  }
}

support::Status Run::finish() {
  if (Disorder disorder; scheduler.disorder(disorder))
    totals.disorder = disorder;
  // The count of taken packets is not one of refusals.
  totals.refused[0] = 0;
  for (ClassTotals &group : totals.classes)
    group.refused[0] = 0;
  totals.classes.resize(classes);
  if (failed)
    return fail(source.error());
  if (queued)
    return fail(std::to_string(queued) +
                " packets stay in the scheduler for ever: none leaves and none "
                "is to be released");
  return {};
}

support::Status Run::run() {
  if (lengthColumn < 0 && link.rate != 0)
    return fail("the traffic has no column 'length'; expected one with bytes, "
                "or a link that takes one packet a tick (rate 0)");
  more = fetch();
  totals.begin = totals.end = more ? arrivals.times[at] : 0;
  while (!failed) {
    if (passes && queued == 0)
      passAlone();
    const int64_t next = nextEvent();
    if (next == kNever)
      break;
    if (next >= kLatest)
      return fail("the next departure lies beyond 2^62 ns");
    now = next;
    while (nextChange() <= now) {
      scheduler.change(changed++);
      mayLeave = true;
    }
    while (more && arrivals.times[at] == now)
      NM_RETURN_IF_ERROR(arrive());
    // What came in now may be due now.
    int64_t release = kNever;
    if (queued && scheduler.nextRelease(release) && release <= now) {
      scheduler.release(now);
      mayLeave = true;
    }
    sendDue();
  }
  return finish();
}

} // namespace

void Scheduler::prepare(Arrivals &block) const {
  block.packets.clear();
  block.classes.clear();
  block.isPrepared = true;
}

void Departures::reserve(size_t packets) {
  if (packets <= number.size())
    return;
  const size_t size = std::max(packets, 2 * number.size());
  for (auto *column : {&number, &length, &flow})
    column->resize(size);
  for (auto *column : {&arrival, &departure})
    column->resize(size);
}

support::Status
nm::traffic::simulate(Source &source, Scheduler &scheduler, const Link &link,
                      const Observer &observer, Totals &totals,
                      const std::function<bool(const Totals &)> &tick) {
  return Run(source, scheduler, link, observer, totals, tick).all();
}
