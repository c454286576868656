//===- Trained.h - What a checkpoint says of its training -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Checkpoints of recipes (docs/recipes.md) carry an entry `nm.checkpoint` in
// their metadata: the pattern of each masked tensor, and the recipe.
//
//===----------------------------------------------------------------------===//

#ifndef NM_RUNTIME_TRAINED_H
#define NM_RUNTIME_TRAINED_H

#include "nm/Runtime/Checkpoint.h"
#include <map>

namespace nm::rt {

constexpr const char *kCheckpointText = "nm.checkpoint";

/// The pattern that a tensor was trained with.
struct TrainedPattern {
  int64_t n = 1, m = 1;
  /// Counts from the first.
  int64_t axis = 0;
  /// The tensor that holds the mask.
  std::string mask;
};

struct Trained {
  /// "step", "sr-ste", ...; for messages.
  std::string method;
  std::map<std::string, TrainedPattern, std::less<>> tensors;
};

/// Empty for a checkpoint without the entry. Fails on an entry of another
/// version, one that is malformed or that does not fit the tensors.
Result<Trained> readTrained(const Checkpoint &checkpoint);

} // namespace nm::rt

#endif // NM_RUNTIME_TRAINED_H
