//===- Verifier.h - The walk that proves a program -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Parts: Verify.cpp walks the engines, VerifySections.cpp keeps the records
// from barrier to barrier, VerifyTouch.cpp compares the accesses to memory and
// VerifyAlias.cpp the operands of one instruction.
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_ISA_VERIFIER_H
#define NM_LIB_ISA_VERIFIER_H

#include "VerifyAlias.h"
#include "VerifyMemory.h"
#include "nm/Isa/Sequencer.h"
#include "nm/Isa/Verify.h"
#include "nm/Support/Result.h"
#include <deque>
#include <optional>

namespace nm::isa {

using support::makeError;

/// Pieces of memory that an executed instruction may touch on average.
inline constexpr int64_t kMostWork = 64;
/// Pieces of the record of a memory: a bound on this machine's memory.
inline constexpr int64_t kMostPieces = int64_t(1) << 24;
/// Rows of a buffer that is recorded in rows.
inline constexpr int64_t kMostRows = int64_t(1) << 16;
/// Longer than any memory.
inline constexpr int64_t kOneRow = int64_t(1) << 52;

class Verifier {
public:
  Verifier(const Program &program, const VerifyOptions &options);
  Result<VerifyResult> run();
  int64_t blamed = -1, other = -1; ///< instruction

private:
  struct Queue {
    explicit Queue(Sequencer sequencer) : sequencer(std::move(sequencer)) {}
    Sequencer sequencer;
    Clock clock;
    int64_t executed = 0;
    bool isAtBarrier = false;
  };
  struct Semaphore {
    int64_t free; ///< of the count at the start
    std::deque<Clock> signals;
  };
  /// A tensor that the program writes.
  struct Written {
    explicit Written(int64_t pitch) : bytes(pitch) {}
    TouchedRows bytes;
    bool isComplete = false; ///< at the last barrier
    bool isStored = false;   ///< by the section under way
  };

  /// Bytes of the scratchpad that buffers of a section share, in rows of one
  /// of them.
  struct Region {
    int64_t begin = 0, end = 0;
    TouchedRows bytes;
  };

  bool advance(int queue);
  bool countStep(int32_t index);
  bool execute(int queue);
  bool checkAliases(int queue);
  bool touch(int queue, const Tile &tile, bool isRead, bool isWritten);
  bool touchRuns(TouchedRows &memory, int64_t base, int64_t first,
                 const Tile &tile, const std::vector<int64_t> &strides,
                 int64_t width, int queue, bool isRead);
  bool isWrittenWhole(size_t tensor) const;
  void meet();
  void enterSection(size_t begin);
  void layOut(std::vector<uint32_t> used);
  void deadlock();
  std::string nameOf(int32_t index) const;
  template <typename... Parts> bool fail(int32_t index, const Parts &...parts) {
    if (error.ok()) {
      blamed = index;
      error = makeError(Errc::Format, parts...);
    }
    return false;
  }
  bool report(const TouchedRows::Conflict &conflict, int queue,
              const std::string &what);
  std::string objectName(const Tile &tile) const;

  const Program &program;
  const VerifyOptions &options;
  AliasCheck aliases;
  std::vector<Queue> queues; ///< those with instructions
  std::vector<int> numbers;  ///< of queues, among all of the target
  std::vector<Semaphore> semaphores;
  std::vector<Region> regions;  ///< of the section under way
  std::vector<size_t> regionOf; ///< by buffer that the section uses
  TouchedBytes settled;         ///< scratchpad bytes written before it
  std::vector<std::optional<Written>> tensors;
  std::vector<std::vector<int64_t>> strides[2]; ///< of tensors, of buffers
  std::vector<int64_t> slotSizes;               ///< bytes, by buffer
  std::vector<bool> isOutermost; ///< by instruction: stands in no loop
  int64_t sectionBytes = 0;      ///< end of what the section touched
  int64_t work = 0;              ///< pieces of memory touched
  int64_t mostWork = 0;
  VerifyResult result;
  Status error;
};

} // namespace nm::isa

#endif // NM_LIB_ISA_VERIFIER_H
