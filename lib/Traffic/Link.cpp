//===- Link.cpp - Packets through a scheduler onto a link -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Traffic/Link.h"
#include "LinkClock.h"
#include <algorithm>

using namespace nm::traffic;
namespace support = ::nm::support;

Scheduler::~Scheduler() = default;

namespace {

constexpr int64_t kNever = INT64_MAX;

/// Packets between arrival and departure, by handle.
struct PacketBuffer {
  struct Packet {
    uint64_t number;
    int64_t arrival;
    /// Of `Totals::classes`, the last of which is nobody's.
    size_t group;
  };
  explicit PacketBuffer(size_t columns) : columns(columns) {}

  uint64_t take() {
    if (free.empty()) {
      free.push_back(packets.size());
      packets.emplace_back();
      values.resize(values.size() + columns);
    }
    uint64_t handle = free.back();
    free.pop_back();
    return handle;
  }
  uint64_t *valuesOf(uint64_t handle) { return &values[handle * columns]; }

  size_t columns;
  std::vector<Packet> packets;
  std::vector<uint64_t> free, values;
  std::vector<std::vector<uint8_t>> bytes;
};

int column(const Source &source, const char *name) {
  for (size_t i = 0; i < source.columns().size(); ++i)
    if (source.columns()[i] == name)
      return static_cast<int>(i);
  return -1;
}

} // namespace

support::Status
nm::traffic::simulate(Source &source, Scheduler &scheduler, const Link &link,
                      const std::function<void(const Departure &)> &departed,
                      Totals &totals,
                      const std::function<bool(const Totals &)> &tick,
                      const std::function<void(const Loss &)> &lost) {
  auto fail = [](const std::string &message) -> support::Status {
    return support::Error{support::Errc::Unsupported, message};
  };
  const size_t columns = source.columns().size();
  const int lengthColumn = column(source, "length");
  const int flowColumn = column(source, "flow");
  if (lengthColumn < 0 && link.rate != 0)
    return fail("the traffic has no column 'length'; expected one with bytes, "
                "or a link that takes one packet a tick (rate 0)");
  PacketBuffer buffer(columns);
  const bool keepBytes = departed && source.bytes();
  Arrival arrival;
  LinkClock clock;
  uint64_t queued = 0;
  // Whether a dequeue may find something that the last one did not.
  bool mayLeave = false;
  bool failed = false;
  auto fetch = [&] {
    Source::Status status = source.next(arrival);
    failed |= status == Source::Status::Error;
    return status == Source::Status::Packet;
  };
  const bool drops = scheduler.drops();
  auto lose = [&](Loss::Cause cause, uint64_t handle) {
    const uint64_t *values = buffer.valuesOf(handle);
    if (lost)
      lost({cause, buffer.packets[handle].number,
            lengthColumn < 0 ? 1 : values[lengthColumn],
            flowColumn < 0 ? 0 : values[flowColumn]});
    buffer.free.push_back(handle);
  };
  // Packets without a class are counted behind all others.
  const size_t classes = scheduler.classes().size();
  totals.classes.assign(classes + 1, {});
  auto classOf = [&](uint64_t handle) -> ClassTotals & {
    return totals.classes[buffer.packets[handle].group];
  };
  auto fetchDropped = [&](Loss::Cause cause, uint64_t &count,
                          uint64_t ClassTotals::*ofClass) {
    for (uint64_t handle = 0; drops && scheduler.dropped(handle);) {
      ++(classOf(handle).*ofClass);
      lose(cause, handle);
      --queued;
      ++count;
    }
  };
  size_t changed = 0;
  auto nextChange = [&] {
    return changed < link.changes.size() ? link.changes[changed] : kNever;
  };
  bool more = fetch();
  totals.begin = totals.end = more ? arrival.time : 0;
  int64_t now = 0;
  while (!failed) {
    int64_t next = more ? arrival.time : kNever;
    int64_t release = kNever;
    if (queued) {
      if (mayLeave)
        next = std::min(next, std::max(now, clock.free()));
      if (scheduler.nextRelease(release))
        next = std::min(next, std::max(now, release));
    }
    if (next == kNever)
      break;
    // A change alone may let packets leave, but need not.
    next = std::min(next, std::max(now, nextChange()));
    if (next >= kLatest)
      return fail("the next departure lies beyond 2^62 ns");
    now = next;
    while (nextChange() <= now) {
      scheduler.change(changed++);
      mayLeave = true;
    }
    while (more && arrival.time == now) {
      uint64_t length = lengthColumn < 0 ? 1 : arrival.values[lengthColumn];
      if (length == 0 || length > (uint64_t(1) << 32))
        return fail("packet " + std::to_string(totals.arrived + 1) +
                    " has a length of " + std::to_string(length) +
                    "; expected 1 to 2^32 bytes");
      uint64_t handle = buffer.take();
      std::copy_n(arrival.values, columns, buffer.valuesOf(handle));
      Scheduler::EnqueueStatus status =
          scheduler.enqueue(handle, arrival.values, now);
      const int found = classes ? scheduler.classOfLatest() : -1;
      buffer.packets[handle] = {totals.arrived, now,
                                found < 0 ? classes
                                          : static_cast<size_t>(found)};
      ClassTotals &group = classOf(handle);
      ++group.arrived;
      ++group.refused[static_cast<int>(status)];
      ++totals.arrived;
      ++totals.refused[static_cast<int>(status)];
      if (status == Scheduler::EnqueueStatus::Ok) {
        ++queued;
        mayLeave = true;
        if (keepBytes) {
          buffer.bytes.resize(buffer.packets.size());
          buffer.bytes[handle] = *source.bytes();
        }
        fetchDropped(Loss::PushedOut, totals.pushedOut,
                     &ClassTotals::pushedOut);
        totals.mostQueued = std::max(totals.mostQueued, queued);
      } else {
        lose(status == Scheduler::EnqueueStatus::Unknown ? Loss::Unknown
                                                         : Loss::Refused,
             handle);
      }
      if ((totals.arrived & 0xfffff) == 0 && tick && !tick(totals))
        return fail("stopped");
      more = fetch();
    }
    // What came in now may be due now.
    if (queued && scheduler.nextRelease(release) && release <= now) {
      scheduler.release(now);
      mayLeave = true;
    }
    while (mayLeave && queued && clock.free() <= now) {
      uint64_t handle;
      bool found = scheduler.dequeue(now, handle);
      if (drops)
        fetchDropped(Loss::Dropped, totals.dropped, &ClassTotals::dropped);
      if (!found) {
        mayLeave = false;
        break;
      }
      uint64_t *values = buffer.valuesOf(handle);
      const PacketBuffer::Packet &packet = buffer.packets[handle];
      uint64_t length = lengthColumn < 0 ? 1 : values[lengthColumn];
      clock.send(now, length + link.overhead, link.rate);
      ClassTotals &group = classOf(handle);
      ++group.departed;
      group.bytes += length;
      if (departed) {
        if (scheduler.changed(values)) {
          ++group.marked;
          ++totals.marked;
        }
        departed({packet.number, packet.arrival, now, length,
                  flowColumn < 0 ? 0 : values[flowColumn], values,
                  keepBytes ? &buffer.bytes[handle] : nullptr});
      }
      buffer.free.push_back(handle);
      --queued;
      ++totals.departed;
      totals.bytes += length;
      totals.end = clock.free();
    }
  }
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
