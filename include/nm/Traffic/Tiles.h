//===- Tiles.h - Order among the tile jobs of tenants -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_TRAFFIC_TILES_H
#define NM_TRAFFIC_TILES_H

#include "nm/Traffic/Link.h"

namespace nm::traffic {

/// Work for an accelerator: one tile of a tenant's request. The fields of the
/// same names are what a policy sees (examples/pifo/tiles-*.mlir).
struct TileJob {
  uint64_t tenant = 0;
  /// In the simulator's ticks.
  uint64_t deadline = 0;
  /// Tiles of the request that remain, this one included.
  uint64_t tiles = 0;
  /// What the tile moves or computes, as the simulator counts.
  uint64_t bytes = 0;
  /// The caller's own.
  uint64_t handle = 0;
};

/// The order in which an accelerator serves jobs, decided by any scheduler
/// whose columns are columns(). One thread at a time; times never decrease.
class TileQueue {
public:
  /// The columns for which the scheduler is made.
  static std::vector<std::string> columns() {
    return {"tenant", "deadline", "tiles", "bytes"};
  }
  /// `scheduler` outlives the queue and is used by nobody else.
  explicit TileQueue(Scheduler &scheduler) : scheduler(scheduler) {}

  /// Refused jobs stay with the caller.
  Scheduler::EnqueueStatus submit(const TileJob &job, int64_t now) {
    const uint64_t values[] = {job.tenant, job.deadline, job.tiles, job.bytes};
    uint64_t slot = free.empty() ? jobs.size() : free.back();
    Scheduler::EnqueueStatus status = scheduler.enqueue(slot, values, now);
    if (status != Scheduler::EnqueueStatus::Ok)
      return status;
    if (slot == jobs.size())
      jobs.emplace_back();
    else
      free.pop_back();
    jobs[slot] = job;
    // A job that is lost would never be served: who pushes one out has found no
    // room.
    uint64_t lost;
    return scheduler.dropped(lost) ? Scheduler::EnqueueStatus::Full : status;
  }

  /// The job to serve now, after the release of what is due. False if none may
  /// be served yet; wakeTime() then says when to ask again.
  bool next(int64_t now, TileJob &job) {
    int64_t due;
    if (scheduler.nextRelease(due) && due <= now)
      scheduler.release(now);
    uint64_t slot;
    if (!scheduler.dequeue(now, slot))
      return false;
    job = jobs[slot];
    free.push_back(slot);
    return true;
  }

  /// When a held job becomes available; false if none is held.
  bool wakeTime(int64_t &time) { return scheduler.nextRelease(time); }
  /// Jobs inside.
  size_t size() const { return jobs.size() - free.size(); }

private:
  Scheduler &scheduler;
  std::vector<TileJob> jobs;
  std::vector<uint64_t> free;
};

} // namespace nm::traffic

#endif // NM_TRAFFIC_TILES_H
