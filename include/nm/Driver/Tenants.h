//===- Tenants.h - Programs that share an accelerator -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tenants send requests, each a run of a program. A program is cut at its
// barriers, where nothing is under way and nothing lies on chip, and, if one
// wants, at the ends of its outermost loops' rounds: each part is a job, which
// has the machine to itself for as long as the simulator says. A PIFO scheduler
// orders the jobs that wait. A request has one job among them at a time, for
// its jobs follow one another. Where another request's job comes between two
// rounds, what is under way ends first, and what is on chip goes to DRAM and
// comes back.
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_TENANTS_H
#define NM_DRIVER_TENANTS_H

#include "mlir/IR/DialectRegistry.h"
#include "nm/Driver/Options.h"
#include "nm/Simulator/Simulator.h"
#include "nm/Traffic/Link.h"
#include "nm/Traffic/TenantTrace.h"

namespace mlir::nm::driver {

using ::nm::traffic::parseTenants;
using ::nm::traffic::TenantRequest;
using ::nm::traffic::TenantTrace;

/// A program on a device, by job.
struct TenantProgram {
  std::string name;
  std::vector<::nm::sim::Segment> jobs;
  double nsPerCycle = 1;
  /// Of the transfer of what is on chip: nanoseconds for each byte, and once.
  double nsPerByte = 0, nsLatency = 0;

  double durationOf(size_t job) const {
    return (jobs[job].end - jobs[job].begin) * nsPerCycle;
  }
  /// Nanoseconds until another request can have the machine after a job, and
  /// until this one goes on where it was; 0 at a barrier.
  double leaving(size_t job) const {
    return jobs[job].drain * nsPerCycle + returning(job);
  }
  double returning(size_t job) const {
    int64_t bytes = jobs[job].liveBytes;
    return bytes ? nsLatency + static_cast<double>(bytes) * nsPerByte : 0;
  }
  /// Nanoseconds of a run without others.
  double alone() const;
};

struct TenantJob {
  size_t request = 0, job = 0;
  double begin = 0, end = 0;
};

struct TenantStatistics {
  uint64_t tenant = 0;
  int64_t requests = 0, misses = 0;
  double p50 = 0, p95 = 0, p99 = 0, max = 0, mean = 0; ///< of latencies
  double slowdown = 0; ///< mean of latency over the time alone
  double service = 0;  ///< machine time
  int64_t bytes = 0;
  double contended = 0; ///< service that began while all tenants had work
};

struct TenantsResult {
  std::vector<TenantJob> jobs; ///< in the order of service
  std::vector<double> ends;    ///< by request
  std::vector<TenantStatistics> tenants;
  double begin = 0, end = 0; ///< first arrival, last end
  double busy = 0;
  int64_t macs = 0, bytes = 0;
  /// Requests that had to leave between two rounds, the time of leaving and
  /// coming back, and the bytes that went and came.
  int64_t preemptions = 0, switchBytes = 0;
  double switching = 0;

  double utilisation() const { return end > begin ? busy / (end - begin) : 0; }
  /// Jain's index over the tenants: of contended service by weight, 1 if there
  /// was none; and of 1 / slowdown.
  double fairness = 1, slowdownFairness = 1;
};

/// Runs the requests. Fails if the scheduler refuses a job or holds one for
/// ever.
llvm::Expected<TenantsResult> runTenants(const TenantTrace &trace,
                                         ArrayRef<TenantProgram> programs,
                                         ::nm::traffic::Scheduler &scheduler);

/// What became of each tenant's requests, as a table and as JSON.
std::string formatTenants(const TenantsResult &result,
                          const ::nm::model::Device &device);
std::string formatTenantsJson(const TenantsResult &result,
                              const TenantTrace &trace,
                              const ::nm::model::Device &device);
/// Chrome trace events, a thread for each tenant.
std::string formatTenantsTrace(const TenantsResult &result,
                               const TenantTrace &trace,
                               ArrayRef<TenantProgram> programs);

/// What `nm-sim tenants` does.
llvm::Error simulateTenants(const TenantsOptions &options,
                            const DialectRegistry &registry);

} // namespace mlir::nm::driver

#endif // NM_DRIVER_TENANTS_H
