//===- ReadAhead.cpp - A source on a thread of its own -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BlockRing.h"
#include "nm/Traffic/Source.h"
#include <thread>

using namespace nm::traffic;

namespace {

/// So many that handing one over costs little beside reading it, and so few
/// that a block is still in a cache when it is read.
constexpr size_t kBlockPackets = 2048;

/// The thread fills blocks, the caller takes them in exchange for those that it
/// has read.
class ReadAhead : public Source {
public:
  ReadAhead(std::unique_ptr<Source> inner,
            std::function<void(Arrivals &)> prepareBlock)
      : source(std::move(inner)), prepare(std::move(prepareBlock)) {
    names = source->columns();
    thread = std::thread([this] { read(); });
  }

  ~ReadAhead() override {
    ring.stop();
    thread.join();
  }

  Status next(Arrival &arrival) override {
    while (at == mine.count) {
      if (mine.then != Status::Packet)
        return mine.then;
      fill(mine, kBlockPackets);
    }
    arrival.time = mine.times[at];
    row.resize(names.size());
    mine.copyRow(at, row.data());
    arrival.values = row.data();
    ++at;
    return Status::Packet;
  }

  /// A whole block of the thread's, in exchange for the caller's.
  void fill(Arrivals &block, size_t) override {
    std::swap(block, *ring.toTake());
    ring.giveBack();
    at = 0;
    latestProgress = block.progress;
    then = block.then;
    if (then == Status::Error)
      message = source->error(); // the thread has ended
  }

  double progress() const override { return latestProgress; }

  /// After the end, when the thread has left the source alone.
  std::vector<Note> notes() const override {
    return then == Status::End ? source->notes() : std::vector<Note>();
  }

private:
  void read() {
    Status status = Status::Packet;
    while (status == Status::Packet) {
      Arrivals *next = ring.toFill();
      if (!next)
        return;
      source->fill(*next, kBlockPackets);
      if (prepare)
        prepare(*next);
      status = next->then;
      ring.handOver();
    }
    ring.close();
  }

  std::unique_ptr<Source> source;
  std::function<void(Arrivals &)> prepare;
  BlockRing<Arrivals> ring;
  /// Of a caller that takes packets one by one: its block, and its place in it.
  Arrivals mine;
  size_t at = 0;
  std::vector<uint64_t> row;
  /// Of the latest block that was taken.
  double latestProgress = -1;
  Status then = Status::Packet;
  std::thread thread;
};

} // namespace

std::unique_ptr<Source>
nm::traffic::readAhead(std::unique_ptr<Source> source,
                       std::function<void(Arrivals &)> prepare) {
  return std::make_unique<ReadAhead>(std::move(source), std::move(prepare));
}
