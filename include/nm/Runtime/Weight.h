//===- Weight.h - a weight and its mask, by key ---------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_RUNTIME_WEIGHT_H
#define NM_RUNTIME_WEIGHT_H

#include "nm/Runtime/Checkpoint.h"
#include "nm/Runtime/Mask.h"
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace nm::rt {

/// What to do about masks. The values equal nm_mask_policy of the C ABI.
enum class MaskPolicy : uint8_t {
  /// Use an explicit mask when there is one; else the weights themselves must
  /// satisfy the pattern.
  IfPresent = 0,
  /// An explicit mask must exist for every parameter with a pattern.
  Require = 1,
  /// Use an explicit mask when there is one, else the largest magnitudes.
  Derive = 2,
  /// Take the weights as they are, whatever masks lie beside them.
  Ignore = 3
};

/// By scope and key, each f32 and of the parameter's shape.
using RoundedWeights = std::map<std::pair<std::string, std::string>, Tensor>;

struct MaskOptions {
  MaskPolicy policy = MaskPolicy::IfPresent;
  /// Order of the bits of bit-packed mask tensors. compressed-tensors bitmasks
  /// are always LSB first.
  BitOrder bitOrder = BitOrder::LsbFirst;
  /// Tried in order. For key `a.weight` the suffix `_mask` names
  /// `a.weight_mask`. In a suffix that begins with `__`, `*` stands for the
  /// last part of the key, and the mask belongs to the module: `__*_mma_mask`
  /// names `a.__weight_mma_mask` (apex).
  std::vector<std::string> suffixes = defaultSuffixes();
  /// A file of masks beside that of the weights, which is looked into first;
  /// there the mask may also go by the weight's own name. Null: there is none.
  std::shared_ptr<const Checkpoint> source = nullptr;
  /// Round the groups of weights whose type says bits (PatternSpec), after
  /// masks; else they must be a scale times integers as they are.
  bool quantize = false;
  /// Weights that were rounded by other means, which take the place of the
  /// file's after masks. Null: there are none.
  std::shared_ptr<const RoundedWeights> rounded = nullptr;
  /// Of weights that are integers with scales in the checkpoint.
  Decoding decoding = Decoding::Rounded;
  static std::vector<std::string> defaultSuffixes();
};

/// A weight with the mask that belongs to it.
struct Weight {
  Tensor tensor;
  std::optional<Mask> mask;
  /// Name of the tensor that gave the mask (for messages), else empty.
  std::string maskName;
  /// Name of the tensor that gave the values: the key, or `<key>_orig`.
  std::string valuesName;
};

/// The key that a checkpoint has for `key`: the same, or one with or without
/// "module." or "_orig_mod.", which wrappers of PyTorch put before all names,
/// or "model.", which only the classes with a head have, where the checkpoint
/// has no weight of the given key.
std::string storedKey(const Checkpoint &checkpoint, std::string_view key);

/// The tensor that holds the values of `key`, null when there is none: `key`
/// itself, `<key>_orig` of torch.nn.utils.prune, or `original` of
/// torch.nn.utils.parametrize, each of these with its mask.
const TensorInfo *findWeight(const Checkpoint &checkpoint,
                             std::string_view key);

/// The key under which a program asks for a tensor: that of the weight where it
/// holds the weight's values under another name, else its own name.
std::string keyOfTensor(const Checkpoint &checkpoint, const std::string &name);

/// Why `key` is not there: tensors with similar names, what it may be tied to,
/// or how it is stored. Begins with ", " or "; ", or is empty.
std::string explainMissing(const Checkpoint &checkpoint, std::string_view key);

/// Fails on a suffix, other than the default ones, that no tensor of any of the
/// checkpoints has, and on a file of masks that has none for any of their
/// weights.
Status checkMaskNames(const std::vector<const Checkpoint *> &checkpoints,
                      const MaskOptions &options);

/// The explicit mask tensor of `key` in the weights' own checkpoint, null when
/// there is none.
const TensorInfo *findMask(const Checkpoint &checkpoint, std::string_view key,
                           const MaskOptions &options);

/// Whether `key` has an explicit mask: by its storage, beside it, or in the
/// file of masks.
bool hasExplicitMask(const Checkpoint &checkpoint, std::string_view key,
                     const MaskOptions &options);

/// Reads the weight `key` and, unless the policy is Ignore, its explicit mask.
/// A bit-packed mask that loses weights in this bit order and would keep them
/// in the other is an error.
Result<Weight> readWeight(const Checkpoint &checkpoint, std::string_view key,
                          const MaskOptions &options);

} // namespace nm::rt

#endif // NM_RUNTIME_WEIGHT_H
