//===- Approximation.h - Queues that come near a PIFO -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_PIFO_TRANSFORMS_APPROXIMATION_H
#define NM_DIALECT_PIFO_TRANSFORMS_APPROXIMATION_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <optional>
#include <string>

namespace mlir::pifo {

/// What switches have in place of a PIFO: FIFO queues, of which the first that
/// is not empty is served, and a decision at the push.
struct Approximation {
  enum Kind {
    /// Alcoz, Dietmueller and Vanbever, NSDI 2020: bounds of the queues move
    /// with the ranks.
    SpPifo,
    /// Yu et al., SIGCOMM 2021: one queue that takes what a PIFO would.
    Aifo,
    /// Alcoz, Vass, Namyar, Arzani, Retvari and Vanbever, NSDI 2025: both.
    Packs,
    /// Mostafaei, Pacut and Schmid, 2023: as AIFO, by the least and the largest
    /// rank.
    Rifo
  } kind;
  unsigned queues;
  /// Ranks that are looked back on, in packets.
  unsigned window;
  /// Thousandths of the queue that are open to all ranks.
  unsigned slack;

  /// Whether packets are refused by their ranks.
  bool admits() const { return kind != SpPifo; }
};

/// `auto`, `heap`, `list`, or an approximation with its numbers, such as
/// `packs:queues=8,window=20,k=0.1`.
struct ContainerChoice {
  enum Kind { Automatic, AllHeaps, AllLists, Near } kind = Automatic;
  std::optional<Approximation> approximation = {};

  static llvm::Expected<ContainerChoice> parse(llvm::StringRef text);
};

} // namespace mlir::pifo

#endif // NM_DIALECT_PIFO_TRANSFORMS_APPROXIMATION_H
