//===- BlockRing.h - Blocks from one thread to another -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_TRAFFIC_BLOCKRING_H
#define NM_LIB_TRAFFIC_BLOCKRING_H

#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace nm::traffic {

/// A ring of blocks that one thread fills and another one takes, each in its
/// own storage. Who has to wait does so until half of the ring is there, so
/// that two threads do not wake each other for every block.
template <typename Block> class BlockRing {
public:
  /// The next block to fill, or null after `stop`.
  Block *toFill() {
    std::unique_lock<std::mutex> lock(mutex);
    if (filled - taken == kBlocks)
      changed.wait(lock, [&] { return stopped || filled - taken <= kHalf; });
    return stopped ? nullptr : &blocks[filled % kBlocks];
  }
  /// It is full.
  void handOver() { move(filled); }
  /// There will be no others.
  void close() { end(closed); }

  /// The next block to take, or null if there will be none.
  Block *toTake() {
    std::unique_lock<std::mutex> lock(mutex);
    if (filled == taken)
      changed.wait(lock, [&] { return closed || filled - taken >= kHalf; });
    return filled == taken ? nullptr : &blocks[taken % kBlocks];
  }
  /// It may be filled again.
  void giveBack() { move(taken); }
  /// Nobody will take others.
  void stop() { end(stopped); }

private:
  static constexpr size_t kBlocks = 8, kHalf = kBlocks / 2;

  void move(size_t &place) {
    bool wakes;
    {
      std::lock_guard<std::mutex> lock(mutex);
      ++place;
      wakes = filled - taken == kHalf;
    }
    if (wakes)
      changed.notify_one();
  }
  void end(bool &flag) {
    {
      std::lock_guard<std::mutex> lock(mutex);
      flag = true;
    }
    changed.notify_one();
  }

  Block blocks[kBlocks];
  std::mutex mutex;
  std::condition_variable changed;
  /// Since the beginning; these change under the lock.
  size_t filled = 0, taken = 0;
  bool closed = false, stopped = false;
};

} // namespace nm::traffic

#endif // NM_LIB_TRAFFIC_BLOCKRING_H
