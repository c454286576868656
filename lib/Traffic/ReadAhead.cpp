//===- ReadAhead.cpp - A source on a thread of its own -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Traffic/Source.h"
#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

using namespace nm::traffic;

namespace {

/// So many that handing one over costs little beside reading it.
constexpr size_t kBlockPackets = 8192;
constexpr size_t kBlocks = 8;

struct Block {
  std::vector<int64_t> times;
  std::vector<uint64_t> values;
  double progress = -1;
  /// What follows the block's last packet; Packet: another block.
  Source::Status then = Source::Status::Packet;
};

/// A ring of blocks: the thread fills `blocks[filled % kBlocks]`, the caller
/// reads `blocks[taken % kBlocks]` and gives it back when it takes the next.
class ReadAhead : public Source {
public:
  explicit ReadAhead(std::unique_ptr<Source> inner)
      : source(std::move(inner)), columns(source->columns().size()) {
    names = source->columns();
    thread = std::thread([this] { fill(); });
  }

  ~ReadAhead() override {
    {
      std::lock_guard<std::mutex> lock(mutex);
      stopped = true;
    }
    changed.notify_all();
    thread.join();
  }

  Status next(Arrival &arrival) override {
    if (!block || at == block->times.size()) {
      if (block && block->then != Status::Packet) {
        if (block->then == Status::Error)
          message = source->error(); // the thread has ended
        return block->then;
      }
      takeBlock();
      if (block->times.empty())
        return next(arrival);
    }
    arrival.time = block->times[at];
    arrival.values = block->values.data() + at * columns;
    ++at;
    return Status::Packet;
  }

  double progress() const override { return block ? block->progress : -1; }

  /// After the end, when the thread has left the source alone.
  std::vector<Note> notes() const override {
    bool ended =
        block && at == block->times.size() && block->then == Status::End;
    return ended ? source->notes() : std::vector<Note>();
  }

private:
  void takeBlock() {
    std::unique_lock<std::mutex> lock(mutex);
    if (block)
      ++taken;
    changed.notify_all();
    changed.wait(lock, [&] { return filled > taken; });
    block = &blocks[taken % kBlocks];
    at = 0;
  }

  void fill() {
    Status status = Status::Packet;
    while (status == Status::Packet) {
      {
        std::unique_lock<std::mutex> lock(mutex);
        changed.wait(lock, [&] { return stopped || filled - taken < kBlocks; });
        if (stopped)
          return;
      }
      Block &next = blocks[filled % kBlocks];
      next.times.clear();
      next.values.resize(kBlockPackets * columns);
      Arrival arrival;
      while (next.times.size() < kBlockPackets) {
        status = source->next(arrival);
        if (status != Status::Packet)
          break;
        std::copy_n(arrival.values, columns,
                    next.values.data() + next.times.size() * columns);
        next.times.push_back(arrival.time);
      }
      next.then = status;
      next.progress = source->progress();
      {
        std::lock_guard<std::mutex> lock(mutex);
        ++filled;
      }
      changed.notify_all();
    }
  }

  std::unique_ptr<Source> source;
  size_t columns;
  Block blocks[kBlocks];
  /// Of the caller: the block that it reads, and its place in it.
  Block *block = nullptr;
  size_t at = 0;

  std::mutex mutex;
  std::condition_variable changed;
  /// Blocks filled and given back since the beginning; both change under the
  /// lock.
  size_t filled = 0, taken = 0;
  bool stopped = false;
  std::thread thread;
};

} // namespace

std::unique_ptr<Source> nm::traffic::readAhead(std::unique_ptr<Source> source) {
  return std::make_unique<ReadAhead>(std::move(source));
}
