//===- TenantsReport.cpp - What the tenants got -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Support.h"
#include "nm/Driver/Tenants.h"
#include "nm/Support/JsonWriter.h"
#include "nm/Support/Trace.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;
using ::nm::support::jsonText;
using ::nm::support::JsonWriter;

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
  if (result.preemptions)
    os << llvm::formatv(
        "{0} preemptions took {1:f3} ms and moved {2} bytes\n\n",
        result.preemptions, result.switching * 1e-6, result.switchBytes);
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

static void writeTenant(JsonWriter &json, const TenantStatistics &tenant) {
  json.field("tenant", tenant.tenant);
  json.field("requests", tenant.requests);
  json.field("deadline_misses", tenant.misses);
  json.object("latency_ns", [&] {
    json.field("mean", tenant.mean);
    json.field("p50", tenant.p50);
    json.field("p95", tenant.p95);
    json.field("p99", tenant.p99);
    json.field("max", tenant.max);
  });
  json.field("slowdown", tenant.slowdown);
  json.field("service_ns", tenant.service);
  json.field("contended_service_ns", tenant.contended);
  json.field("dram_bytes", tenant.bytes);
}

static void writeRequest(JsonWriter &json, const TenantRequest &request,
                         const std::string &program, double end) {
  json.field("tenant", request.tenant);
  json.field("program", program);
  json.field("arrival_ns", request.arrival);
  if (request.deadline > 0)
    json.field("deadline_ns", request.deadline);
  json.field("end_ns", end);
}

std::string driver::formatTenantsJson(const TenantsResult &result,
                                      const TenantTrace &trace,
                                      const ::nm::model::Device &device) {
  return jsonText(2, [&](JsonWriter &json) {
    json.object([&] {
      json.field("schema", "nm.tenants-report/1");
      json.field("device", device.name);
      json.field("jobs", result.jobs.size());
      json.field("span_ns", result.end - result.begin);
      json.field("busy_ns", result.busy);
      json.field("utilisation", result.utilisation());
      json.field("array_utilisation", arrayUse(result, device));
      json.field("dram_bytes", result.bytes);
      json.field("preemptions", result.preemptions);
      json.field("switch_ns", result.switching);
      json.field("switch_bytes", result.switchBytes);
      json.field("macs", result.macs);
      json.field("fairness", result.fairness);
      json.field("slowdown_fairness", result.slowdownFairness);
      json.array("tenants", [&] {
        for (const TenantStatistics &tenant : result.tenants)
          json.object([&] { writeTenant(json, tenant); });
      });
      json.array("requests", [&] {
        for (size_t i = 0; i != trace.requests.size(); ++i) {
          const TenantRequest &request = trace.requests[i];
          json.object([&] {
            writeRequest(json, request, trace.programs[request.program],
                         result.ends[i]);
          });
        }
      });
    });
  });
}

std::string driver::formatTenantsTrace(const TenantsResult &result,
                                       const TenantTrace &trace,
                                       ArrayRef<TenantProgram> programs) {
  return ::nm::support::traceText({}, [&](::nm::support::Trace &events) {
    for (const TenantStatistics &tenant : result.tenants)
      events.name("thread_name", tenant.tenant,
                  "tenant " + std::to_string(tenant.tenant));
    for (const TenantJob &job : result.jobs) {
      const TenantRequest &request = trace.requests[job.request];
      events.span(programs[request.program].name, request.tenant,
                  job.begin * 1e-3, (job.end - job.begin) * 1e-3,
                  [&](JsonWriter &json) {
                    json.field("request", job.request);
                    json.field("job", job.job);
                  });
    }
  });
}
