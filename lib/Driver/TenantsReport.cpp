//===- TenantsReport.cpp - What the tenants got -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Support.h"
#include "nm/Driver/Tenants.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;
namespace json = llvm::json;

/// MACs worked over those that the array could have worked.
static double arrayUse(const TenantsResult &result,
                       const ::nm::model::Device &device) {
  double cycles = (result.end - result.begin) * 1e-9 *
                  static_cast<double>(device.frequencyHz);
  return cycles > 0
             ? static_cast<double>(result.macs) /
                   (cycles * static_cast<double>(device.array.macsPerCycle()))
             : 0;
}

/// JSON has no infinity.
static json::Value number(double value) {
  return std::isfinite(value) ? json::Value(value) : json::Value(nullptr);
}

std::string driver::formatTenants(const TenantsResult &result,
                                  const ::nm::model::Device &device) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << llvm::formatv(
      "{0} jobs on {1} in {2:f3} ms: busy {3:f1} %, array {4:f1} %\n"
      "fairness (Jain): {5:f4} of service under contention, {6:f4} of "
      "slowdown\n\n",
      result.jobs.size(), device.name, (result.end - result.begin) * 1e-6,
      100 * result.utilisation(), 100 * arrayUse(result, device),
      result.fairness, result.slowdownFairness);
  os << llvm::formatv("{0,6} {1,9} {2,11} {3,11} {4,11} {5,11} {6,9} {7,7} "
                      "{8,11} {9,14}\n",
                      "tenant", "requests", "p50 ms", "p95 ms", "p99 ms",
                      "max ms", "slowdown", "misses", "service ms", "bytes");
  for (const TenantStatistics &tenant : result.tenants)
    os << llvm::formatv(
        "{0,6} {1,9} {2,11:f4} {3,11:f4} {4,11:f4} {5,11:f4} {6,9:f2} {7,7} "
        "{8,11:f4} {9,14}\n",
        tenant.tenant, tenant.requests, tenant.p50 * 1e-6, tenant.p95 * 1e-6,
        tenant.p99 * 1e-6, tenant.max * 1e-6, tenant.slowdown, tenant.misses,
        tenant.service * 1e-6, tenant.bytes);
  return text;
}

std::string driver::formatTenantsJson(const TenantsResult &result,
                                      const TenantTrace &trace,
                                      const ::nm::model::Device &device) {
  std::string text;
  llvm::raw_string_ostream os(text);
  json::OStream out(os, 2);
  out.object([&] {
    out.attribute("schema", "nm.tenants-report/1");
    out.attribute("device", json::fixUTF8(device.name));
    out.attribute("jobs", static_cast<int64_t>(result.jobs.size()));
    out.attribute("span_ns", number(result.end - result.begin));
    out.attribute("busy_ns", number(result.busy));
    out.attribute("utilisation", number(result.utilisation()));
    out.attribute("array_utilisation", number(arrayUse(result, device)));
    out.attribute("dram_bytes", result.bytes);
    out.attribute("macs", result.macs);
    out.attribute("fairness", number(result.fairness));
    out.attribute("slowdown_fairness", number(result.slowdownFairness));
    out.attributeArray("tenants", [&] {
      for (const TenantStatistics &tenant : result.tenants)
        out.object([&] {
          out.attribute("tenant", static_cast<int64_t>(tenant.tenant));
          out.attribute("requests", tenant.requests);
          out.attribute("deadline_misses", tenant.misses);
          out.attributeObject("latency_ns", [&] {
            out.attribute("mean", number(tenant.mean));
            out.attribute("p50", number(tenant.p50));
            out.attribute("p95", number(tenant.p95));
            out.attribute("p99", number(tenant.p99));
            out.attribute("max", number(tenant.max));
          });
          out.attribute("slowdown", number(tenant.slowdown));
          out.attribute("service_ns", number(tenant.service));
          out.attribute("contended_service_ns", number(tenant.contended));
          out.attribute("dram_bytes", tenant.bytes);
        });
    });
    out.attributeArray("requests", [&] {
      for (size_t i = 0; i != trace.requests.size(); ++i)
        out.object([&] {
          const TenantRequest &request = trace.requests[i];
          out.attribute("tenant", static_cast<int64_t>(request.tenant));
          out.attribute("program",
                        json::fixUTF8(trace.programs[request.program]));
          out.attribute("arrival_ns", number(request.arrival));
          if (request.deadline > 0)
            out.attribute("deadline_ns", number(request.deadline));
          out.attribute("end_ns", number(result.ends[i]));
        });
    });
  });
  return text + "\n";
}

std::string driver::formatTenantsTrace(const TenantsResult &result,
                                       const TenantTrace &trace,
                                       ArrayRef<TenantProgram> programs) {
  std::string text;
  llvm::raw_string_ostream os(text);
  json::OStream out(os);
  out.object([&] {
    out.attribute("displayTimeUnit", "ns");
    out.attributeArray("traceEvents", [&] {
      for (const TenantStatistics &tenant : result.tenants)
        out.object([&] {
          out.attribute("ph", "M");
          out.attribute("name", "thread_name");
          out.attribute("pid", 0);
          out.attribute("tid", static_cast<int64_t>(tenant.tenant));
          out.attributeObject("args", [&] {
            out.attribute("name", "tenant " + std::to_string(tenant.tenant));
          });
        });
      for (const TenantJob &job : result.jobs)
        out.object([&] {
          const TenantRequest &request = trace.requests[job.request];
          out.attribute("ph", "X");
          out.attribute("name", json::fixUTF8(programs[request.program].name));
          out.attribute("pid", 0);
          out.attribute("tid", static_cast<int64_t>(request.tenant));
          out.attribute("ts", number(job.begin * 1e-3));
          out.attribute("dur", number((job.end - job.begin) * 1e-3));
          out.attributeObject("args", [&] {
            out.attribute("request", static_cast<int64_t>(job.request));
            out.attribute("job", static_cast<int64_t>(job.job));
          });
        });
    });
  });
  return text + "\n";
}
