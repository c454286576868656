//===- PifoEmit.cpp - Schedulers in other forms -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/MLIRContext.h"
#include "nm/Dialect/Pifo/IR/PifoDialect.h"
#include "nm/Driver/Diagnostics.h"
#include "nm/Driver/PifoJit.h"
#include "nm/Driver/PifoRun.h"
#include "nm/Driver/PifoScheduler.h"
#include "nm/Driver/Support.h"
#include "nm/Support/CommandFiles.h"
#include "nm/Target/PifoBpf/PifoBpf.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;

/// The module with that scheduler alone, behind what each change is: its time,
/// the number by which packets are classified then, and the parameters.
static void printModule(ModuleOp module, pifo::SchedulerOp scheduler,
                        const PifoChanges &changes, llvm::raw_ostream &out) {
  for (auto [i, time] : llvm::enumerate(changes.times)) {
    out << "// " << time << " ns:";
    if (!changes.field.empty())
      out << " " << changes.field << " = " << changes.numbers[i + 1] << ",";
    out << " parameters [";
    llvm::interleaveComma(changes.parameters[i], out);
    out << "]\n";
  }
  for (auto other :
       llvm::make_early_inc_range(module.getOps<pifo::SchedulerOp>()))
    if (other != scheduler)
      other.erase();
  module.print(out);
  out << "\n";
}

llvm::Error driver::emitPifo(const PifoRunOptions &options,
                             const DialectRegistry &registry) {
  MLIRContext context(registry);
  llvm::SourceMgr sources;
  SourceMgrDiagnosticHandler diagnostics(sources, &context);
  escapeDiagnostics(context);
  ::nm::support::CommandFiles files;
  if (auto status = files.reads("the scheduler", options.schedulerFile);
      !status)
    return toError(status.error());
  if (!options.changes.empty())
    if (auto status = files.reads("--changes", options.changes); !status)
      return toError(status.error());
  if (auto status = files.writes("--output", options.output); !status)
    return toError(status.error());
  PifoChanges changes;
  auto module = readSchedulers(options, sources, context, changes);
  if (!module)
    return module.takeError();
  auto scheduler = findScheduler(**module, options.scheduler);
  if (!scheduler)
    return scheduler.takeError();
  if (llvm::Error error = checkCapacity(*scheduler, options.capacity))
    return error;
  if (options.capacity)
    scheduler->setCapacity(options.capacity);
  std::string text;
  llvm::raw_string_ostream out(text);
  if (options.emit == "mlir")
    printModule(**module, *scheduler, changes, out);
  else if (failed(pifo::printBpf(*scheduler, out)))
    return makeError("the scheduler '{0}' could not be emitted as {1}",
                     printable(scheduler->getSymName()), options.emit);
  if (auto status = files.write(options.output, text); !status)
    return toError(status.error());
  if (auto status = files.commit(); !status)
    return toError(status.error());
  return llvm::Error::success();
}
