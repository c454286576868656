//===- Tenants.cpp - Programs that share an accelerator -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Tenants.h"
#include "nm/Driver/Support.h"
#include "nm/Traffic/Statistics.h"
#include "nm/Traffic/Tiles.h"
#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;
using namespace ::nm::traffic;

/// A job without a deadline comes after all others; fields have 48 bits.
static constexpr uint64_t kNoDeadline = (uint64_t(1) << 48) - 1;

double TenantProgram::alone() const {
  double sum = 0;
  for (size_t job = 0; job != jobs.size(); ++job)
    sum += durationOf(job);
  return sum;
}

namespace {

/// The machine with its queue.
class Sharing {
public:
  Sharing(const TenantTrace &trace, ArrayRef<TenantProgram> programs,
          Scheduler &scheduler)
      : trace(trace), programs(programs), queue(scheduler),
        progress(trace.requests.size(), 0) {
    result.ends.assign(trace.requests.size(), 0);
    for (const TenantRequest &request : trace.requests)
      waiting[request.tenant] = 0;
  }

  llvm::Expected<TenantsResult> run();

private:
  llvm::Error submit(size_t request, double time);
  llvm::Error admit(double until);
  llvm::Error serve(const TileJob &job);
  void switchTo(size_t request);
  void summarise();

  const TenantTrace &trace;
  ArrayRef<TenantProgram> programs;
  TileQueue queue;
  std::vector<size_t> progress;        ///< jobs done, by request
  std::map<uint64_t, int64_t> waiting; ///< unfinished requests, by tenant
  std::map<uint64_t, double> contended;
  /// The request whose values are on chip, and those whose are in DRAM.
  std::optional<size_t> resident;
  std::set<size_t> away;
  size_t arrived = 0, finished = 0;
  double now = 0;
  TenantsResult result;
};

} // namespace

llvm::Error Sharing::submit(size_t index, double time) {
  const TenantRequest &request = trace.requests[index];
  const TenantProgram &program = programs[request.program];
  size_t done = progress[index];
  if (done == program.jobs.size()) {
    result.ends[index] = time;
    ++finished;
    --waiting[request.tenant];
    return llvm::Error::success();
  }
  TileJob job;
  job.tenant = request.tenant;
  job.deadline = kNoDeadline;
  if (request.deadline > 0)
    job.deadline =
        static_cast<uint64_t>(std::min(request.arrival + request.deadline,
                                       static_cast<double>(kNoDeadline - 1)));
  job.tiles = program.jobs.size() - done;
  job.bytes =
      static_cast<uint64_t>(std::max<int64_t>(program.jobs[done].dramBytes, 1));
  job.handle = index;
  switch (queue.submit(job, static_cast<int64_t>(time))) {
  case Scheduler::EnqueueStatus::Ok:
    return llvm::Error::success();
  case Scheduler::EnqueueStatus::Full:
    return makeError("the policy's queue is full with {0} jobs; declare a "
                     "larger capacity, or send fewer requests at a time",
                     queue.size());
  case Scheduler::EnqueueStatus::Unknown:
    return makeError("the policy has no place for a job of tenant {0} with {1} "
                     "bytes, deadline {2} and {3} tiles; expected values of "
                     "its fields",
                     job.tenant, job.bytes, job.deadline, job.tiles);
  case Scheduler::EnqueueStatus::Dropped:
    return makeError("the policy dropped a job of tenant {0}; expected one "
                     "without limits and rules that drop",
                     job.tenant);
  case Scheduler::EnqueueStatus::Rank:
    return makeError("the rank of a job of tenant {0} does not fit the "
                     "policy's bits",
                     job.tenant);
  }
  return llvm::Error::success();
}

/// Takes in what has arrived.
llvm::Error Sharing::admit(double until) {
  for (; arrived != trace.requests.size() &&
         trace.requests[arrived].arrival <= until;
       ++arrived) {
    ++waiting[trace.requests[arrived].tenant];
    if (llvm::Error error = submit(arrived, trace.requests[arrived].arrival))
      return error;
  }
  return llvm::Error::success();
}

/// Before the next job of a request: whose values are on chip makes room, and
/// its own come back.
void Sharing::switchTo(size_t request) {
  auto pass = [&](size_t index, bool isLeaving) {
    const TenantProgram &program = programs[trace.requests[index].program];
    size_t last = progress[index] - 1;
    double time = isLeaving ? program.leaving(last) : program.returning(last);
    now += time;
    result.switching += time;
    result.switchBytes += program.jobs[last].liveBytes;
  };
  if (resident && *resident != request) {
    pass(*resident, true);
    ++result.preemptions;
    away.insert(*resident);
  }
  resident.reset();
  if (away.erase(request))
    pass(request, false);
}

llvm::Error Sharing::serve(const TileJob &job) {
  size_t index = job.handle;
  switchTo(index);
  const TenantRequest &request = trace.requests[index];
  const TenantProgram &program = programs[request.program];
  size_t number = progress[index]++;
  if (program.jobs[number].isRound)
    resident = index;
  double end = now + program.durationOf(number);
  bool all =
      llvm::all_of(waiting, [](auto &entry) { return entry.second > 0; });
  if (all && waiting.size() > 1)
    contended[request.tenant] += end - now;
  result.jobs.push_back({index, number, now, end});
  result.busy += end - now;
  result.macs += program.jobs[number].macs;
  result.bytes += program.jobs[number].dramBytes;
  if (llvm::Error error = admit(end))
    return error;
  now = end;
  return submit(index, now);
}

llvm::Expected<TenantsResult> Sharing::run() {
  if (!trace.requests.empty())
    result.begin = now = trace.requests.front().arrival;
  while (finished != trace.requests.size()) {
    if (llvm::Error error = admit(now))
      return std::move(error);
    TileJob job;
    if (queue.next(static_cast<int64_t>(now), job)) {
      if (llvm::Error error = serve(job))
        return std::move(error);
      continue;
    }
    if (finished == trace.requests.size())
      break;
    // Idle until something arrives or is let go.
    double next = arrived != trace.requests.size()
                      ? trace.requests[arrived].arrival
                      : HUGE_VAL;
    int64_t wake;
    if (queue.size() && queue.wakeTime(wake))
      next = std::min(next,
                      std::max(static_cast<double>(wake), std::floor(now) + 1));
    if (next == HUGE_VAL)
      return makeError("the policy holds {0} jobs for ever; expected all to "
                       "leave",
                       queue.size());
    now = std::max(now, next);
  }
  result.end = now;
  for (double end : result.ends)
    result.end = std::max(result.end, end);
  summarise();
  return std::move(result);
}

void Sharing::summarise() {
  std::map<uint64_t, TenantStatistics> tenants;
  std::map<uint64_t, std::vector<double>> latencies;
  for (size_t i = 0; i != trace.requests.size(); ++i) {
    const TenantRequest &request = trace.requests[i];
    TenantStatistics &tenant = tenants[request.tenant];
    double latency = result.ends[i] - request.arrival;
    double alone = programs[request.program].alone();
    latencies[request.tenant].push_back(latency);
    ++tenant.requests;
    tenant.misses += request.deadline > 0 && latency > request.deadline;
    tenant.mean += latency;
    tenant.slowdown += alone > 0 ? latency / alone : 1;
  }
  for (const TenantJob &job : result.jobs) {
    const TenantRequest &request = trace.requests[job.request];
    TenantStatistics &tenant = tenants[request.tenant];
    tenant.service += job.end - job.begin;
    tenant.bytes += programs[request.program].jobs[job.job].dramBytes;
  }
  std::vector<double> shares, speeds;
  for (auto &[number, tenant] : tenants) {
    tenant.tenant = number;
    std::vector<double> &sorted = latencies[number];
    std::sort(sorted.begin(), sorted.end());
    tenant.p50 = ::nm::traffic::nearestRank(sorted, 0.5);
    tenant.p95 = ::nm::traffic::nearestRank(sorted, 0.95);
    tenant.p99 = ::nm::traffic::nearestRank(sorted, 0.99);
    tenant.max = sorted.back();
    tenant.mean /= static_cast<double>(tenant.requests);
    tenant.slowdown /= static_cast<double>(tenant.requests);
    tenant.contended = contended[number];
    double weight = number < trace.weights.size() ? trace.weights[number] : 1.0;
    shares.push_back(tenant.contended / weight);
    speeds.push_back(1 / std::max(tenant.slowdown, 1.0));
    result.tenants.push_back(tenant);
  }
  result.fairness = jainIndex(shares);
  result.slowdownFairness = jainIndex(speeds);
}

llvm::Expected<TenantsResult>
driver::runTenants(const TenantTrace &trace, ArrayRef<TenantProgram> programs,
                   Scheduler &scheduler) {
  return Sharing(trace, programs, scheduler).run();
}
