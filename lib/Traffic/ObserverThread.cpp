//===- ObserverThread.cpp - Departures on another thread -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BlockRing.h"
#include "nm/Traffic/Link.h"
#include <thread>

using namespace nm::traffic;

/// The link's thread gives a block in exchange for an old one.
struct ObserverThread::State {
  explicit State(Observer its) : observer(std::move(its)) {
    thread = std::thread([this] {
      while (Departures *block = ring.toTake()) {
        observer.departed(*block);
        ring.giveBack();
      }
    });
  }

  void give(Departures &block) {
    std::swap(block, *ring.toFill());
    ring.handOver();
  }

  void finish() {
    ring.close();
    if (thread.joinable())
      thread.join();
  }

  Observer observer;
  BlockRing<Departures> ring;
  std::thread thread;
};

ObserverThread::ObserverThread(Observer observer)
    : state(std::make_unique<State>(std::move(observer))) {}

ObserverThread::~ObserverThread() { state->finish(); }

Observer ObserverThread::observer() {
  return {[this](Departures &block) { state->give(block); },
          state->observer.wantsValues, state->observer.wantsBytes,
          state->observer.takesSums};
}

void ObserverThread::finish() { state->finish(); }
