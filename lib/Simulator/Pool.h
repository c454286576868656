//===- Pool.h - Threads for large products -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_SIMULATOR_POOL_H
#define NM_LIB_SIMULATOR_POOL_H

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace nm::sim {

/// Threads that wait for work. They share nothing but what the caller of run()
/// passes, and how many there are never changes a result: each task writes its
/// own elements.
class Pool {
public:
  /// `threads` with the caller's; 0: all processors. Fewer if the system
  /// refuses.
  explicit Pool(int threads);
  ~Pool();
  Pool(const Pool &) = delete;

  int size() const { return static_cast<int>(workers.size()) + 1; }
  /// Calls task(0) to task(count - 1), on any threads, and returns when all are
  /// done. Tasks do not throw.
  void run(int64_t count, const std::function<void(int64_t)> &task);

private:
  void work();
  void help();

  std::vector<std::thread> workers;
  std::mutex mutex;
  std::condition_variable begin, end;
  const std::function<void(int64_t)> *current = nullptr;
  int64_t tasks = 0;
  std::atomic<int64_t> next{0};
  uint64_t round = 0; ///< of run()
  int busy = 0;       ///< workers that have not finished the round
  bool stopping = false;
};

} // namespace nm::sim

#endif // NM_LIB_SIMULATOR_POOL_H
