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

/// Runs of at least so many packets are added up by flow, of flows below
/// `kSummedFlows`: with more flows, sums would be as many as packets.
constexpr size_t kSummedRun = 16;
constexpr uint64_t kSummedFlows = 4096;

/// How many of `count` times come at least `gap` ticks after the one in front
/// of them, up to the first that does not. times[-1] is there.
size_t countSpaced(const int64_t *times, size_t count, int64_t gap) {
  constexpr size_t kTogether = 64;
  const int64_t *before = times - 1;
  size_t found = 0;
  for (; found + kTogether <= count; found += kTogether) {
    int64_t signs = 0;
    for (size_t i = found; i < found + kTogether; ++i)
      signs |= times[i] - before[i] - gap;
    if (signs < 0)
      break;
  }
  while (found < count && times[found] - before[found] >= gap)
    ++found;
  return found;
}

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
        keepsValues(itsObserver.wantsValues || changes), row(columns) {
    departures.columns = observer.wantsValues ? columns : 0;
    nothing.setAll(0);
    one.setAll(1);
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
  const BlockColumn<uint64_t> &lengths() const {
    return lengthColumn < 0 ? one : arrivals.columns[lengthColumn];
  }
  const BlockColumn<uint64_t> &flows() const {
    return flowColumn < 0 ? nothing : arrivals.columns[flowColumn];
  }
  size_t groupAt(size_t i) const {
    return arrivals.classes[i] < 0 ? classes
                                   : static_cast<size_t>(arrivals.classes[i]);
  }
  uint64_t takeHandle();
  ClassTotals &groupOf(uint64_t handle) {
    return totals.classes[flights[handle].group];
  }
  support::Status arrive();
  Scheduler::EnqueueStatus enter(uint64_t handle);
  void passAlone();
  size_t sendAlone(uint64_t &sum);
  bool addUp(size_t first, size_t count);
  void addEach(size_t first, size_t count);
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
  BlockColumn<uint64_t> nothing, one;

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
  std::vector<uint64_t> free, values, row;
  std::vector<std::vector<uint8_t>> bytes;
  Departures departures;
  /// Of each flow, what passed in a run; the flows that have some.
  struct Share {
    uint64_t bytes;
    uint32_t packets, first, last;
  };
  std::vector<Share> shares;
  std::vector<uint32_t> sharers;
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
  if (departures.count + departures.passed.size() && observer.departed)
    observer.departed(departures);
  departures.count = 0;
  departures.passed.clear();
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
  if (words == 0) {
    arrivals.copyRow(at, row.data());
    return scheduler.enter(handle, row.data(), now);
  }
  if (arrivals.classes[at] < 0)
    return Scheduler::EnqueueStatus::Unknown;
  return scheduler.enter(handle, &arrivals.packets[at * words], now);
}

support::Status Run::arrive() {
  const uint64_t length = lengths()[at];
  if (length == 0 || length > (uint64_t(1) << 32))
    return fail("packet " + std::to_string(totals.arrived + 1) +
                " has a length of " + std::to_string(length) +
                "; expected 1 to 2^32 bytes");
  uint64_t handle = takeHandle();
  flights[handle] = {totals.arrived, now, length, flows()[at], groupAt(at)};
  if (keepsValues)
    arrivals.copyRow(at, &values[handle * columns]);
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

/// How many packets find the link free and nobody inside, and leave in the tick
/// in which they come; the link sends them. The last of a block may not be the
/// last of its tick.
size_t Run::sendAlone(uint64_t &sum) {
  const int64_t limit = std::min(nextChange(), kLatest);
  const int64_t *times = arrivals.times.data() + at;
  const BlockColumn<uint64_t> &length = lengths();
  const bool isUniform = length.isSame && arrivals.classes.isSame;
  LinkClock local = clock;
  size_t count = 0;
  for (const size_t most = arrivals.count - at - 1; count < most;) {
    const int64_t time = times[count];
    const uint64_t bytes = length[at + count];
    if (local.free() > time || times[count + 1] == time || time >= limit ||
        arrivals.classes[at + count] < 0 || bytes - 1 >= uint64_t(1) << 32)
      break;
    local.send(time, bytes + link.overhead, link.rate);
    sum += bytes;
    ++count;
    if (!isUniform)
      continue;
    size_t more = countSpaced(times + count, most - count,
                              local.spacing(bytes + link.overhead, link.rate));
    while (more && (times[count + more - 1] >= limit ||
                    times[count + more] == times[count + more - 1]))
      --more;
    if (more == 0)
      continue;
    count += more;
    sum += more * bytes;
    local.send(times[count - 1], bytes + link.overhead, link.rate);
  }
  clock = local;
  return count;
}

/// Adds packets that passed to the departures, as sums by flow, in the order in
/// which flows began; false if there would be too many.
bool Run::addUp(size_t first, size_t count) {
  const BlockColumn<uint64_t> &length = lengths(), &flow = flows();
  const int64_t *times = arrivals.times.data() + first;
  if (flow.isSame && length.isSame) {
    departures.passed.push_back({flow[0], count, count * length[0], times[0],
                                 times[count - 1], departures.count});
    return true;
  }
  if (count < kSummedRun)
    return false;
  uint64_t bits = 0;
  for (size_t i = first; i < first + count; ++i)
    bits |= flow[i];
  if (bits >= kSummedFlows)
    return false;
  shares.resize(kSummedFlows);
  auto share = [&](auto addBytes) {
    for (uint32_t i = 0; i < count; ++i) {
      const uint64_t number = flow[first + i];
      Share &its = shares[number];
      if (its.packets++ == 0) {
        its.first = i;
        sharers.push_back(static_cast<uint32_t>(number));
      }
      its.last = i;
      addBytes(its, i);
    }
  };
  if (length.isSame)
    share([](Share &, uint32_t) {});
  else
    share([&](Share &its, uint32_t i) { its.bytes += length[first + i]; });
  for (uint32_t number : sharers) {
    Share &its = shares[number];
    if (length.isSame)
      its.bytes = its.packets * length[0];
    departures.passed.push_back({number, its.packets, its.bytes,
                                 times[its.first], times[its.last],
                                 departures.count});
    its = {};
  }
  sharers.clear();
  return true;
}

/// Adds packets that passed to the departures, column by column.
void Run::addEach(size_t first, size_t count) {
  const BlockColumn<uint64_t> &length = lengths(), &flow = flows();
  const int64_t *times = arrivals.times.data() + first;
  const size_t before = departures.count;
  departures.reserve(before + count);
  std::iota(departures.number.data() + before,
            departures.number.data() + before + count, totals.arrived);
  std::copy_n(times, count, departures.arrival.data() + before);
  std::copy_n(times, count, departures.departure.data() + before);
  for (size_t i = 0; i < count; ++i) {
    departures.length[before + i] = length[first + i];
    departures.flow[before + i] = flow[first + i];
  }
  departures.count += count;
  if (!observer.wantsValues)
    return;
  const size_t held = departures.values.size();
  departures.values.resize(held + count * columns);
  for (size_t i = 0; i < count; ++i)
    arrivals.copyRow(first + i, &departures.values[held + i * columns]);
}

void Run::passAlone() {
  if (at + 1 >= arrivals.count)
    return;
  const size_t first = at;
  uint64_t sum = 0;
  const size_t count = sendAlone(sum);
  if (count == 0)
    return;
  auto countIn = [](ClassTotals &group, uint64_t packets, uint64_t bytes) {
    group.arrived += packets;
    group.departed += packets;
    group.bytes += bytes;
  };
  if (arrivals.classes.isSame)
    countIn(totals.classes[arrivals.classes[0]], count, sum);
  else
    for (size_t i = first; i < first + count; ++i)
      countIn(totals.classes[arrivals.classes[i]], 1, lengths()[i]);
  if (!observer.takesSums || !addUp(first, count))
    addEach(first, count);
  scheduler.pass(&arrivals.packets[first * words], &arrivals.times[first],
                 count);
  at += count;
  totals.bytes += sum;
  now = arrivals.times[at - 1];
  totals.arrived += count;
  totals.departed += count;
  totals.mostQueued = std::max<uint64_t>(totals.mostQueued, 1);
  totals.end = clock.free();
  if (departures.count + departures.passed.size() >= kBlock)
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
  block.classes.setAll(-1);
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
