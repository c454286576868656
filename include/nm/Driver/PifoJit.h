//===- PifoJit.h - Schedulers as machine code in this process -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_PIFOJIT_H
#define NM_DRIVER_PIFOJIT_H

#include "mlir/IR/BuiltinOps.h"
#include "nm/Dialect/Pifo/IR/PifoDialect.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace llvm::orc {
class LLJIT;
}

namespace mlir::nm::driver {

/// The scheduler of that name, or the only one if the name is empty.
llvm::Expected<pifo::SchedulerOp> findScheduler(ModuleOp module,
                                                llvm::StringRef name);

/// Whether a scheduler may be created for that many packets; 0 for those that
/// it declares.
llvm::Error checkCapacity(pifo::SchedulerOp scheduler, int64_t capacity);

/// The functions of one compiled scheduler (docs/pifo-cpu.md) and the
/// layout of its packets. The code lives as long as the object.
class PifoJit {
public:
  /// Compiles the scheduler `name` of `module`, which is not changed; with an
  /// empty name, the only one. `container` as in pifo-lower-to-cpu. Unless it
  /// is `optimized`, the code is there several times as soon, and slower.
  static llvm::Expected<std::unique_ptr<PifoJit>>
  compile(ModuleOp module, llvm::StringRef name = "",
          llvm::StringRef container = "auto", bool optimized = true);
  ~PifoJit();

  /// A packet is `packetSize` bytes: an 8-byte handle, then the fields.
  struct Field {
    std::string name;
    unsigned bytes;
    int64_t offset;
    uint64_t maxValue;
  };
  int64_t packetSize = 0;
  std::vector<Field> fields;
  /// The leaves, in the order in which `classify` numbers them.
  std::vector<std::string> classes;

  void *(*create)(int64_t capacity);
  void (*destroy)(void *);
  int32_t (*enqueue)(void *, const void *packet, int64_t now);
  int32_t (*dequeue)(void *, int64_t now, void *packet);
  int32_t (*peek)(void *, void *packet);
  int32_t (*classify)(const void *packet);
  int32_t (*dropped)(void *, void *packet);
  int64_t (*release)(void *, int64_t now);
  int32_t (*nextRelease)(void *, int64_t *time);
  int64_t (*size)(void *);
  /// Null unless nodes only come near the order of ranks.
  void (*disorder)(void *, uint64_t counts[3]) = nullptr;
  int32_t (*change)(void *, const int64_t *values, int64_t count);
  int32_t (*enqueueBatch)(void *, const void *packets, int64_t count,
                          int64_t now, int64_t *taken);
  int64_t (*dequeueBatch)(void *, int64_t now, void *packets, int64_t count);
  int64_t (*pass)(void *, const void *packets, const int64_t *times,
                  int64_t count);

private:
  PifoJit();
  llvm::Error bind(const std::string &prefix, bool hasDisorder);
  std::unique_ptr<llvm::orc::LLJIT> engine;
};

} // namespace mlir::nm::driver

#endif // NM_DRIVER_PIFOJIT_H
