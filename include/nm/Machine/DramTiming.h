//===- DramTiming.h - Banks and rows of DRAM --------------------*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a transfer takes of DRAM, by one of two models behind an interface:
// flat, where every burst takes its share of the bandwidth, and banks that hold
// one open row each (docs/model.md, "DRAM with rows").
//
//===----------------------------------------------------------------------===//

#ifndef NM_MACHINE_DRAMTIMING_H
#define NM_MACHINE_DRAMTIMING_H

#include <array>
#include <cstdint>
#include <memory>

namespace nm::machine {

/// Times of rows in nanoseconds, under the names of JEDEC's standards. Where
/// rowBytes is 0 there are none: the bandwidth is flat.
struct DramRows {
  int64_t channels = 1;
  int64_t bankGroups = 1; ///< of a channel
  int64_t banks = 1;      ///< of a channel, all groups together
  int64_t rowBytes = 0;   ///< of a bank of a channel
  double rcd = 0;         ///< tRCD: from opening a row to a read
  double cl = 0;          ///< tCL: from a read to its first byte
  double rp = 0;          ///< tRP: closing a row
  double ras = 0;         ///< tRAS: a row stays open so long
  double rrd = 0;         ///< tRRD: between openings in a channel
  double faw = 0;         ///< tFAW: in which at most four rows are opened
  double ccdLong = 0;     ///< tCCD_L: between bursts of one group of banks
  double refi = 0;        ///< tREFI: from one refresh to the next; 0: none
  double rfc = 0;         ///< tRFC: that each takes

  bool present() const { return rowBytes > 0; }
  double rc() const { return ras + rp; } ///< tRC: between rows of a bank
};

struct Dram {
  double bytesPerSecond = 0;
  int64_t latencyCycles = 0; ///< device cycles from request to first byte
  int64_t burstBytes = 1;    ///< smallest transfer
  DramRows rows;

  /// Nanoseconds that a burst takes of its channel.
  double burstTime() const {
    return static_cast<double>(burstBytes * rows.channels) * 1e9 /
           bytesPerSecond;
  }
  /// The part of bytesPerSecond that is left of one long stream: refreshes, and
  /// rows that are opened more slowly than they are read. 1 if there are no
  /// rows.
  double streamingShare() const;
};

/// What a transfer touches: a box of runs without gaps, each `bytes` long; run
/// (i, j, k, l) begins at `base + i strides[0] + j strides[1] + k strides[2] +
/// l strides[3]`, the last index fastest.
struct DramAccess {
  int64_t base = 0, bytes = 0;
  std::array<int64_t, 4> counts{1, 1, 1, 1}, strides{0, 0, 0, 0};

  int64_t runs() const { return counts[0] * counts[1] * counts[2] * counts[3]; }
};

/// How long a transfer keeps DRAM busy that has it to itself, as bytes of one
/// long stream: what latencies hide behind other transfers is not in it.
class DramModel {
public:
  virtual ~DramModel() = default;
  virtual double streamBytes(const DramAccess &access) const = 0;
};

/// Rows if the description has them, else flat.
std::unique_ptr<DramModel> dramModelOf(const Dram &dram);

} // namespace nm::machine

#endif // NM_MACHINE_DRAMTIMING_H
