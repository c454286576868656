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
#include "nm/Driver/Support.h"
#include "nm/Support/CommandFiles.h"
#include "nm/Target/PifoBpf/PifoBpf.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;

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
  if (auto status = files.writes("--output", options.output); !status)
    return toError(status.error());
  auto module =
      readScheduler(options.schedulerFile, sources, context, options.capacity);
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
  if (failed(pifo::printBpf(*scheduler, out)))
    return makeError("the scheduler '{0}' could not be emitted as {1}",
                     printable(scheduler->getSymName()), options.emit);
  if (auto status = files.write(options.output, text); !status)
    return toError(status.error());
  if (auto status = files.commit(); !status)
    return toError(status.error());
  return llvm::Error::success();
}
