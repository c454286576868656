//===- Pool.cpp - Threads for large products -------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Pool.h"
#include <algorithm>
#include <system_error>

namespace nm::sim {

Pool::Pool(int threads) {
  constexpr int most = 256;
  if (threads <= 0)
    threads = static_cast<int>(std::thread::hardware_concurrency());
  threads = std::clamp(threads, 1, most);
  try {
    workers.reserve(static_cast<size_t>(threads));
    while (static_cast<int>(workers.size()) + 1 < threads)
      workers.emplace_back([this] { work(); });
  } catch (const std::system_error &) {
    return; // with those that there are
  }
}

Pool::~Pool() {
  {
    std::lock_guard lock(mutex);
    stopping = true;
  }
  begin.notify_all();
  for (std::thread &worker : workers)
    worker.join();
}

void Pool::help() {
  for (;;) {
    int64_t i = next.fetch_add(1, std::memory_order_relaxed);
    if (i >= tasks)
      return;
    (*current)(i);
  }
}

void Pool::work() {
  uint64_t seen = 0;
  std::unique_lock lock(mutex);
  for (;;) {
    begin.wait(lock, [&] { return stopping || round != seen; });
    if (stopping)
      return;
    seen = round;
    lock.unlock();
    help();
    lock.lock();
    if (--busy == 0)
      end.notify_one();
  }
}

void Pool::run(int64_t count, const std::function<void(int64_t)> &task) {
  if (workers.empty() || count < 2) {
    for (int64_t i = 0; i < count; ++i)
      task(i);
    return;
  }
  {
    std::lock_guard lock(mutex);
    current = &task;
    tasks = count;
    next.store(0, std::memory_order_relaxed);
    busy = static_cast<int>(workers.size());
    ++round;
  }
  begin.notify_all();
  help();
  std::unique_lock lock(mutex);
  end.wait(lock, [&] { return busy == 0; });
}

} // namespace nm::sim
