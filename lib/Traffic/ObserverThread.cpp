//===- ObserverThread.cpp - Departures on another thread -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Traffic/Link.h"
#include <condition_variable>
#include <mutex>
#include <thread>

using namespace nm::traffic;

namespace {
constexpr size_t kBlocks = 8;
}

/// A ring of blocks: the link's thread gives block `given % kBlocks` in
/// exchange for an old one, and this one hands over `seen % kBlocks`.
struct ObserverThread::State {
  explicit State(Observer its) : observer(std::move(its)) {
    thread = std::thread([this] { run(); });
  }

  void run() {
    while (true) {
      {
        std::unique_lock<std::mutex> lock(mutex);
        changed.wait(lock, [&] { return finished || given > seen; });
        if (given == seen)
          return;
      }
      observer.departed(blocks[seen % kBlocks]);
      {
        std::lock_guard<std::mutex> lock(mutex);
        ++seen;
      }
      changed.notify_all();
    }
  }

  void give(Departures &block) {
    {
      std::unique_lock<std::mutex> lock(mutex);
      changed.wait(lock, [&] { return given - seen < kBlocks; });
      std::swap(block, blocks[given % kBlocks]);
      ++given;
    }
    changed.notify_all();
  }

  void finish() {
    {
      std::lock_guard<std::mutex> lock(mutex);
      finished = true;
    }
    changed.notify_all();
    if (thread.joinable())
      thread.join();
  }

  Observer observer;
  Departures blocks[kBlocks];
  std::mutex mutex;
  std::condition_variable changed;
  /// Since the beginning; these change under the lock.
  size_t given = 0, seen = 0;
  bool finished = false;
  std::thread thread;
};

ObserverThread::ObserverThread(Observer observer)
    : state(std::make_unique<State>(std::move(observer))) {}

ObserverThread::~ObserverThread() { state->finish(); }

Observer ObserverThread::observer() {
  return {[this](Departures &block) { state->give(block); },
          state->observer.wantsValues, state->observer.wantsBytes};
}

void ObserverThread::finish() { state->finish(); }
