//===- PifoRun.h - What nm-pifo does -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_PIFORUN_H
#define NM_DRIVER_PIFORUN_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/OwningOpRef.h"
#include "nm/Traffic/Link.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace llvm {
class SourceMgr;
}

namespace mlir::nm::driver {

/// The module with schedulers of a file, or of a policy if the name ends in
/// `.policy`. The file joins `sources`, for diagnostics that show the line. A
/// policy is proved for `capacity` packets if that is not 0.
llvm::Expected<OwningOpRef<ModuleOp>> readScheduler(const std::string &path,
                                                    llvm::SourceMgr &sources,
                                                    MLIRContext &context,
                                                    int64_t capacity = 0);

/// Options of nm-pifo (docs/nm-pifo.md). Empty paths are outputs nobody wants.
struct PifoRunOptions {
  /// A module with schedulers, or a policy if the name ends in `.policy`.
  std::string schedulerFile;
  /// CSV, or a capture if the name ends in pcap, pcapng or cap.
  std::string trafficFile;
  /// Generated traffic instead.
  std::string generate;
  /// A file of flows with names, and one of policies that take the place of the
  /// scheduler at given times.
  std::string flows, changes;
  std::string scheduler, container = "auto";
  int64_t capacity = 0;
  std::vector<std::string> fields;
  ::nm::traffic::Link link;
  std::vector<double> weights;
  uint64_t maxFlows = 1 << 20;
  std::string departuresCsv, departuresPcap, json, svg;
  size_t rows = 20;
  /// What is made of the scheduler in place of a run (`bpf`), or empty; and the
  /// file that it goes to.
  std::string emit, output = "-";
  bool quiet = false;
  /// Begins sooner, with slower code.
  bool unoptimized = false;
  /// Leaves times of this machine out of the reports.
  bool noTimes = false;
};

struct PifoChanges;

/// The module of `options.schedulerFile`. With `options.changes`, a file whose
/// lines are a time (`5ms`) and a policy's file, relative to it, one that all
/// those policies share; `changes` says what they change and when.
llvm::Expected<OwningOpRef<ModuleOp>>
readSchedulers(const PifoRunOptions &options, llvm::SourceMgr &sources,
               MLIRContext &context, PifoChanges &changes);

/// Writes what `options.emit` says.
llvm::Error emitPifo(const PifoRunOptions &options,
                     const DialectRegistry &registry);

/// `text`, the value of --rate: bit/s with k, M, G or T and possibly a
/// fraction, such as 2.5G, that makes a whole number of at most 10^15.
llvm::Expected<uint64_t> parseRate(llvm::StringRef text);

/// A whole number and `ns`, `us`, `ms` or `s`, in ns; below 0 for anything
/// else.
int64_t parseTime(llvm::StringRef text);

/// Runs the traffic through the scheduler and writes the reports. Returns the
/// exit code; errors go to standard error, and no output is left half written.
int runPifo(const PifoRunOptions &options, const DialectRegistry &registry);

} // namespace mlir::nm::driver

#endif // NM_DRIVER_PIFORUN_H
