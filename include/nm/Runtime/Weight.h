//===- Weight.h - a weight and its mask, by key ---------------------------===//

#ifndef NM_RUNTIME_WEIGHT_H
#define NM_RUNTIME_WEIGHT_H

#include "nm/Runtime/Checkpoint.h"
#include "nm/Runtime/Mask.h"

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

struct MaskOptions {
  MaskPolicy policy = MaskPolicy::IfPresent;
  /// Order of the bits of bit-packed mask tensors. compressed-tensors bitmasks
  /// are always LSB first.
  BitOrder bitOrder = BitOrder::LsbFirst;
  /// Tried in order. For key `a.weight` the suffix `_mask` names
  /// `a.weight_mask`; a suffix that begins with `__weight` names `a.<suffix>`
  /// (apex).
  std::vector<std::string> suffixes = {"_mask", "_sparsity_mask",
                                       "__weight_mma_mask"};
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

/// Name of the tensor that holds the values of `key` (`key` itself or torch's
/// `<key>_orig`), null when there is none.
const TensorInfo *findWeight(const Checkpoint &checkpoint,
                             std::string_view key);

/// Name of the explicit mask tensor of `key`, null when there is none.
const TensorInfo *findMask(const Checkpoint &checkpoint, std::string_view key,
                           const MaskOptions &options);

/// Reads the weight `key` and, unless the policy is Ignore, its explicit mask.
Result<Weight> readWeight(const Checkpoint &checkpoint, std::string_view key,
                          const MaskOptions &options);

} // namespace nm::rt

#endif // NM_RUNTIME_WEIGHT_H
