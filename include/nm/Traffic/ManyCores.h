//===- ManyCores.h - Schedulers that several threads feed and share -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A compiled scheduler is used by one thread at a time. What stands around it
// when packets come from many, and when one core is not enough:
//
//   PacketRing   several threads put packets in, the scheduling thread takes
//                them out and enqueues them.
//   SharedRate   schedulers of their own threads send onto one link.
//
// Only this header is needed, and nothing of ours is linked.
//
//===----------------------------------------------------------------------===//

#ifndef NM_TRAFFIC_MANYCORES_H
#define NM_TRAFFIC_MANYCORES_H

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

namespace nm::traffic {

/// A bounded queue of packets of one size, which any number of threads push and
/// one pops (Vyukov's bounded queue, 2010). Packets leave in the order in which
/// their pushes took their places. That is a linear order of all pushes: one
/// that has returned before another begins comes first, whatever the threads,
/// so that the packets of a flow stay in the order in which they were handed
/// over, also where several threads do. No push waits for another one; a packet
/// whose push is under way holds up those behind it.
class PacketRing {
public:
  /// Room for at least so many packets of `bytes` bytes.
  PacketRing(size_t bytes, size_t packets) : bytes(bytes) {
    size_t places = 1;
    while (places < packets)
      places *= 2;
    mask = places - 1;
    stride = (sizeof(Sequence) + bytes + 63) / 64 * 64;
    memory.reset(new Line[places * stride / sizeof(Line)]());
    for (size_t i = 0; i < places; ++i)
      new (place(i)) Sequence(i);
  }

  /// Any thread. False if the ring is full; then nothing has happened.
  bool push(const void *packet) {
    uint64_t mine = tail.load(std::memory_order_relaxed);
    for (;;) {
      Sequence &sequence = *static_cast<Sequence *>(place(mine & mask));
      auto ahead =
          static_cast<int64_t>(sequence.load(std::memory_order_acquire) - mine);
      if (ahead < 0)
        return false;
      if (ahead > 0) {
        mine = tail.load(std::memory_order_relaxed);
        continue;
      }
      if (!tail.compare_exchange_weak(mine, mine + 1,
                                      std::memory_order_relaxed))
        continue;
      std::memcpy(&sequence + 1, packet, bytes);
      sequence.store(mine + 1, std::memory_order_release);
      return true;
    }
  }

  /// One thread at a time. False if no packet is there whose turn it is.
  bool pop(void *packet) {
    Sequence &sequence = *static_cast<Sequence *>(place(head & mask));
    if (sequence.load(std::memory_order_acquire) != head + 1)
      return false;
    std::memcpy(packet, &sequence + 1, bytes);
    sequence.store(head + mask + 1, std::memory_order_release);
    ++head;
    return true;
  }

private:
  using Sequence = std::atomic<uint64_t>;
  struct alignas(64) Line {
    char bytes[64];
  };
  void *place(size_t i) {
    return reinterpret_cast<char *>(memory.get()) + i * stride;
  }

  size_t bytes, mask, stride;
  std::unique_ptr<Line[]> memory;
  alignas(64) std::atomic<uint64_t> tail{0};
  alignas(64) uint64_t head = 0;
};

/// A link that several threads send onto. Whoever finds it free takes it for
/// the time of a packet; the times of all packets together follow one another
/// without overlap, so that the rate is never exceeded, and without a gap while
/// somebody asks in time. Between threads there is no other order than that of
/// their claims.
class SharedRate {
public:
  /// bit/s, at least 1. A packet starts at most `early` ns before the last one
  /// ends: what a thread may be late with asking without losing time.
  explicit SharedRate(uint64_t rate, int64_t early = 0)
      : rate(rate), early(early) {}

  /// Whether a packet of so many bytes may start at `now` (ns from 0), and if
  /// so, takes the link. If not, `again` is when to ask next.
  bool claim(int64_t now, uint64_t bytes, int64_t &again) {
    const auto cost = static_cast<uint64_t>(
        (static_cast<unsigned __int128>(bytes) * 8'000'000'000 * kParts + rate -
         1) /
        rate);
    const uint64_t here = static_cast<uint64_t>(now) * kParts;
    uint64_t free = next.load(std::memory_order_relaxed);
    for (;;) {
      if (free > here + static_cast<uint64_t>(early) * kParts) {
        again = static_cast<int64_t>((free + kParts - 1) / kParts) - early;
        return false;
      }
      uint64_t begin = free > here ? free : here;
      // What the packet itself says travels by other means.
      if (next.compare_exchange_weak(free, begin + cost,
                                     std::memory_order_relaxed)) {
        started = begin;
        return true;
      }
    }
  }

  /// When the calling thread's last packet starts, in parts of a ns.
  static uint64_t startOfLatest() { return started; }
  static constexpr uint64_t kParts = 1024;

private:
  const uint64_t rate;
  const int64_t early;
  std::atomic<uint64_t> next{0};
  static thread_local uint64_t started;
};

inline thread_local uint64_t SharedRate::started = 0;

} // namespace nm::traffic

#endif // NM_TRAFFIC_MANYCORES_H
