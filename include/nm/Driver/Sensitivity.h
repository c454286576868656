//===- Sensitivity.h - What pruning each layer costs and gains -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_SENSITIVITY_H
#define NM_DRIVER_SENSITIVITY_H

#include "nm/Driver/Options.h"

namespace mlir {
class DialectRegistry;
}

namespace mlir::nm::driver {

/// A pattern of one weight.
struct LayerChoice {
  /// "2:4".
  std::string pattern;
  /// ||pruned - dense|| / ||dense|| of the result that moves most when this
  /// weight alone is pruned.
  double difference = 0;
  /// Time that it saves, in ms.
  double gain = 0;
};

struct LayerSensitivity {
  std::string key;
  std::vector<LayerChoice> choices;
};

/// For each layer the place of its choice, or -1 for dense: the greatest gain
/// whose squares of differences sum up to at most `budget`^2, by greedy steps
/// of the greatest gain for each square. Choices without a gain are not taken.
std::vector<int> choosePatterns(ArrayRef<LayerSensitivity> layers,
                                double budget);

/// `--prune 'a=2:4' --prune 'b=6:8'`.
std::string pruneLine(ArrayRef<LayerSensitivity> layers, ArrayRef<int> chosen);

/// Measures every weight at each pattern and prints the table; with
/// options.maxDifference the choice that stays below it when all of it is in
/// place.
llvm::Error measureSensitivity(const RunOptions &options,
                               DialectRegistry &registry);

} // namespace mlir::nm::driver

#endif // NM_DRIVER_SENSITIVITY_H
