// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Several producers into one scheduler, and two schedulers on one link.
//
// usage: producers [measure]

#include "nm/Traffic/ManyCores.h"
extern "C" {
#include "shard.h"
}
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <thread>
#include <vector>

using nm::traffic::PacketRing;
using nm::traffic::SharedRate;

namespace {

constexpr int kProducers = 3, kShared = 7;
int64_t packetsEach = 4000;

shard_packet packetOf(uint64_t number, unsigned flow) {
  shard_packet packet;
  std::memset(&packet, 0, sizeof packet);
  packet.handle = number;
  packet.flow = static_cast<decltype(packet.flow)>(flow);
  packet.length = 100 + number % 1400;
  return packet;
}

/// Each thread has two flows of its own; in the last one all take turns.
void produce(PacketRing &ring, int me, std::atomic<int64_t> &turn) {
  for (int64_t i = 0; i < packetsEach; ++i) {
    unsigned flow = static_cast<unsigned>(2 * me + (i & 1));
    shard_packet packet = packetOf(static_cast<uint64_t>(i), flow);
    while (!ring.push(&packet))
      std::this_thread::yield();
    if (i % 40)
      continue;
    int64_t mine = 0;
    while ((mine = turn.load(std::memory_order_acquire)) % kProducers != me)
      std::this_thread::yield();
    packet = packetOf(static_cast<uint64_t>(mine), kShared);
    while (!ring.push(&packet))
      std::this_thread::yield();
    // Only now may the next one push.
    turn.store(mine + 1, std::memory_order_release);
  }
}

/// What the scheduling thread did, to do it again alone.
struct Step {
  bool isPush;
  int64_t now;
  shard_packet packet;
};

int64_t wrong(const std::vector<Step> &steps) {
  int64_t found = 0, next[8] = {};
  for (int flow = 0; flow < 6; ++flow)
    next[flow] = flow & 1;
  for (const Step &step : steps) {
    if (step.isPush)
      continue;
    int64_t &due = next[step.packet.flow];
    found += due != static_cast<int64_t>(step.packet.handle);
    due = static_cast<int64_t>(step.packet.handle) +
          (step.packet.flow == kShared ? 1 : 2);
  }
  // Alone, without threads, the same departures.
  shard *alone = shard_create(0);
  for (const Step &step : steps) {
    shard_packet packet = step.packet;
    if (step.isPush) {
      found += shard_enqueue(alone, &packet, step.now) != shard_OK;
      continue;
    }
    found += shard_dequeue(alone, step.now, &packet) != shard_OK ||
             packet.handle != step.packet.handle ||
             packet.flow != step.packet.flow;
  }
  shard_destroy(alone);
  return found;
}

void severalProducers() {
  PacketRing ring(sizeof(shard_packet), 64);
  std::atomic<int64_t> turn{0}, running{kProducers};
  std::vector<std::thread> threads;
  for (int me = 0; me < kProducers; ++me)
    threads.emplace_back([&, me] {
      produce(ring, me, turn);
      running.fetch_sub(1, std::memory_order_release);
    });
  shard *scheduler = shard_create(0);
  std::vector<Step> steps;
  shard_packet packet;
  int64_t now = 0, pushed = 0, popped = 0;
  for (;;) {
    bool last = running.load(std::memory_order_acquire) == 0;
    bool some = false;
    while (shard_size(scheduler) < 512 && ring.pop(&packet)) {
      some = true;
      if (shard_enqueue(scheduler, &packet, now) == shard_OK)
        steps.push_back({true, now, packet}), ++pushed;
    }
    for (int i = 0; i < 8 && shard_dequeue(scheduler, now, &packet) == shard_OK;
         ++i)
      steps.push_back({false, now, packet}), ++popped, some = true;
    ++now;
    if (last && !some)
      break;
  }
  for (std::thread &thread : threads)
    thread.join();
  std::printf("lost %d wrong %d\n",
              static_cast<int>(kProducers * packetsEach +
                               turn.load(std::memory_order_acquire) - popped),
              static_cast<int>(wrong(steps) + pushed - popped));
  std::printf("taken in turns: %d\n", static_cast<int>(turn.load()));
  shard_destroy(scheduler);
}

int64_t nanoseconds() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

struct Claim {
  uint64_t start, length;
};

/// A shard of its own thread: every packet that it has, onto the shared link.
void serve(SharedRate &link, int64_t packets, int64_t begin,
           std::vector<Claim> &claims) {
  shard *scheduler = shard_create(0);
  shard_packet packet;
  for (int64_t i = 0; i < 8; ++i) {
    packet = packetOf(static_cast<uint64_t>(i), static_cast<unsigned>(i));
    shard_enqueue(scheduler, &packet, 0);
  }
  for (int64_t i = 0; i < packets; ++i) {
    int64_t now = nanoseconds() - begin, again = 0;
    shard_dequeue(scheduler, now, &packet);
    while (!link.claim(now, packet.length, again))
      now = std::max(nanoseconds() - begin, again);
    claims.push_back({SharedRate::startOfLatest(), packet.length});
    shard_enqueue(scheduler, &packet, now);
  }
  shard_destroy(scheduler);
}

void sharedRate() {
  constexpr uint64_t kRate = 3'000'000'000;
  SharedRate link(kRate, 1000);
  std::vector<Claim> claims[2];
  int64_t begin = nanoseconds();
  std::thread other([&] { serve(link, packetsEach, begin, claims[1]); });
  serve(link, packetsEach, begin, claims[0]);
  other.join();
  claims[0].insert(claims[0].end(), claims[1].begin(), claims[1].end());
  std::sort(claims[0].begin(), claims[0].end(),
            [](const Claim &a, const Claim &b) { return a.start < b.start; });
  int64_t overlaps = 0;
  for (size_t i = 1; i < claims[0].size(); ++i) {
    // In parts of a nanosecond, rounded down: never earlier.
    uint64_t length =
        claims[0][i - 1].length * 8 * 1024 * 1'000'000'000 / kRate;
    overlaps += claims[0][i].start < claims[0][i - 1].start + length;
  }
  std::printf("claims %d overlaps %d\n",
              claims[0].size() == 2 * static_cast<size_t>(packetsEach),
              static_cast<int>(overlaps));
}

/// Packets that one or two shards of their own threads enqueue and dequeue.
void measure() {
  constexpr int64_t kPackets = 20'000'000;
  auto run = [](int64_t packets) {
    shard *scheduler = shard_create(0);
    shard_packet packet;
    for (int64_t i = 0; i < 256; ++i) {
      packet = packetOf(static_cast<uint64_t>(i), static_cast<unsigned>(i % 8));
      shard_enqueue(scheduler, &packet, 0);
    }
    for (int64_t i = 0; i < packets; ++i) {
      shard_dequeue(scheduler, i, &packet);
      shard_enqueue(scheduler, &packet, i);
    }
    shard_destroy(scheduler);
  };
  for (int threads = 1; threads <= 2; ++threads) {
    int64_t begin = nanoseconds();
    std::vector<std::thread> all;
    for (int i = 0; i < threads; ++i)
      all.emplace_back(run, kPackets);
    for (std::thread &thread : all)
      thread.join();
    std::printf("%d shards: %.1f million packets a second\n", threads,
                static_cast<double>(threads * kPackets) * 1e3 /
                    static_cast<double>(nanoseconds() - begin));
  }
}

} // namespace

int main(int argc, char **argv) {
  if (argc > 1 && !std::strcmp(argv[1], "measure")) {
    measure();
    return 0;
  }
  severalProducers();
  sharedRate();
  return 0;
}
