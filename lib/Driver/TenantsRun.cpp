//===- TenantsRun.cpp - Tenants of a simulated accelerator -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/MLIRContext.h"
#include "nm/Driver/Diagnostics.h"
#include "nm/Driver/Files.h"
#include "nm/Driver/Model.h"
#include "nm/Driver/PifoRun.h"
#include "nm/Driver/PifoScheduler.h"
#include "nm/Driver/Simulate.h"
#include "nm/Driver/Support.h"
#include "nm/Driver/Tenants.h"
#include "nm/Machine/TransferTerms.h"
#include "nm/Support/Progress.h"
#include "nm/Support/Text.h"
#include "nm/Traffic/Tiles.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;
namespace sim = ::nm::sim;
namespace model = ::nm::model;

/// Parts of a program; further ones join the last.
static constexpr size_t kMaxSegments = 1 << 20;

/// A program with the times of its parts.
static llvm::Expected<TenantProgram> timeProgram(const std::string &path,
                                                 const model::Device &device,
                                                 const TenantsOptions &run) {
  auto buffer = readFile(path);
  if (!buffer)
    return buffer.takeError();
  auto program = readProgram((*buffer)->getBuffer(), path);
  if (!program)
    return program.takeError();
  if (llvm::Error error =
          proveProgram(*program, path, hasLines((*buffer)->getBuffer()), run))
    return std::move(error);
  sim::Memory memory = sim::Memory::none(*program);
  sim::SimulatorOptions options;
  options.functional = false;
  options.maxSegments = kMaxSegments;
  if (run.preempt == TenantsOptions::Preempt::Loops)
    options.leastRound =
        run.quantumUs * 1e-6 * static_cast<double>(device.frequencyHz);
  options.maxSteps = run.maxSteps;
  ::nm::support::Progress progress("simulating " + path);
  auto result = sim::simulate(*program, device, memory, options);
  if (!result)
    return makeError("'{0}': {1}", path, result.error().message);
  double nsPerCycle = 1e9 / static_cast<double>(device.frequencyHz);
  return TenantProgram{program->name, std::move(result->segments), nsPerCycle,
                       nsPerCycle / device.dramBytesPerCycle(),
                       nsPerCycle * model::transferLatency(device)};
}

llvm::Error driver::simulateTenants(const TenantsOptions &options,
                                    const DialectRegistry &registry) {
  auto device = findAccelerator(options.target);
  if (!device)
    return device.takeError();
  if (!*device)
    return makeError("tenants need an accelerator; name one with --target, "
                     "such as --target=edge");
  if (options.policyFile.empty())
    return makeError("tenants need a scheduler; name one with --policy, "
                     "such as --policy=examples/pifo/tiles-fair.mlir");
  if (options.quantumUs != 0 &&
      options.preempt != TenantsOptions::Preempt::Loops)
    return makeError("option --quantum has no effect without --preempt=loops");
  if (options.quantumUs > 1e9)
    return makeError("option --quantum: found {0} us, expected at most 1e9",
                     options.quantumUs);
  auto text = readFile(options.requestsFile);
  if (!text)
    return text.takeError();
  auto trace = parseTenants((*text)->getBuffer(), options.requestsFile);
  if (!trace)
    return toError(trace.error());

  for (const std::string &path : trace->programs)
    if (auto status = options.files->reads("the command", path); !status)
      return toError(status.error());

  MLIRContext context(registry);
  llvm::SourceMgr sources;
  SourceMgrDiagnosticHandler diagnostics(sources, &context);
  escapeDiagnostics(context);
  auto module = readScheduler(options.policyFile, sources, context);
  if (!module)
    return module.takeError();
  auto scheduler = PifoScheduler::create(
      **module, "", "auto", 0, ::nm::traffic::TileQueue::columns(), {});
  if (!scheduler)
    return scheduler.takeError();

  std::vector<TenantProgram> programs;
  for (const std::string &path : trace->programs) {
    auto program = timeProgram(path, **device, options);
    if (!program)
      return program.takeError();
    programs.push_back(std::move(*program));
  }
  auto result = runTenants(*trace, programs, **scheduler);
  if (!result)
    return result.takeError();
  textStream(options) << formatTenants(*result, **device);
  if (!options.json.empty())
    if (llvm::Error error =
            writeFile(options, options.json,
                      formatTenantsJson(*result, *trace, **device)))
      return error;
  if (!options.traceFile.empty())
    if (llvm::Error error =
            writeFile(options, options.traceFile,
                      formatTenantsTrace(*result, *trace, programs)))
      return error;
  return commitFiles(options);
}
