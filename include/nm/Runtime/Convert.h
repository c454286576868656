//===- Convert.h - a checkpoint in another form ----------------*- C++ -*--===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_RUNTIME_CONVERT_H
#define NM_RUNTIME_CONVERT_H

#include "nm/Runtime/Weight.h"

namespace nm::rt {

/// How the weights of a converted checkpoint are stored.
enum class WeightForm : uint8_t {
  Dense,           ///< as they are used: masked, decoded
  DenseMask,       ///< the same, with the mask of each N:M weight beside it
  Sparse24Bitmask, ///< compressed-tensors
  SemiStructured   ///< PyTorch's, in CUTLASS's layout
};

/// "dense", "dense+mask", "sparse-24-bitmask", "semi-structured".
const std::vector<std::string> &weightFormNames();
std::optional<WeightForm> parseWeightForm(std::string_view name);

struct Conversion {
  /// Tensors that took the form, and others.
  int64_t converted = 0, kept = 0;
  /// Matrices that did not take it, each with the reason.
  std::vector<std::string> left;
};

/// Writes all tensors of a checkpoint of any format as safetensors, with its
/// texts. Fails where one cannot be read, and where none takes the form; then
/// there is no file.
Result<Conversion> convertCheckpoint(const Checkpoint &checkpoint,
                                     const std::string &output, WeightForm form,
                                     const MaskOptions &options);

} // namespace nm::rt

#endif // NM_RUNTIME_CONVERT_H
