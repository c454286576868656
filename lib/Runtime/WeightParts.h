//===- WeightParts.h - tensors that are one weight -------------*- C++ -*--===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compressed and quantised checkpoints store a weight as several tensors. Each
// format has a finder, which recognises its parts by their names, and a class
// that makes the weight of them.
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_RUNTIME_WEIGHTPARTS_H
#define NM_LIB_RUNTIME_WEIGHTPARTS_H

#include "CheckpointFormats.h"
#include <memory>
#include <vector>

namespace nm::rt {

/// The parts of one weight.
class WeightParts {
public:
  virtual ~WeightParts();
  /// Makes the weight. `where` names file and tensor.
  virtual Result<LoadedTensor> read(const Checkpoint &container,
                                    const std::string &where,
                                    Decoding decoding) const = 0;
};

/// A weight that was found: what to show of it, the parts it is made of (null
/// where `info.note` says why it cannot be), and their tensors' names, which
/// the logical checkpoint does not list.
struct FoundWeight {
  TensorInfo info;
  std::unique_ptr<const WeightParts> parts;
  std::vector<std::string> hidden;
};

/// What a folder's config.json or quantize_config.json says of how its weights
/// are quantised; empty texts where it says nothing.
struct QuantizationConfig {
  std::string method;           ///< "gptq", "awq", "compressed-tensors"
  std::string checkpointFormat; ///< of GPTQ: "gptq" or "gptq_v2"
};

/// `name` where it is that of a weight, else `<name>.weight`.
std::string weightNamed(const std::string &name);

/// What a finder looks at.
struct PartFinder {
  const Checkpoint &container;
  QuantizationConfig config;
  std::vector<FoundWeight> found = {};

  /// Calls visit(prefix, tensor) for each tensor `<prefix><suffix>`.
  template <typename Visit> void forEach(std::string_view suffix, Visit visit) {
    for (const TensorInfo &info : container.tensors()) {
      std::string_view name = info.name;
      if (name.size() >= suffix.size() &&
          name.substr(name.size() - suffix.size()) == suffix)
        visit(std::string(name.substr(0, name.size() - suffix.size())), info);
    }
  }

  /// Adds a weight of these elements, whose parts `prefix + name` are hidden.
  /// `fits` says what is wrong with them.
  void add(const Status &fits, TensorInfo info, const std::string &prefix,
           std::initializer_list<const char *> names,
           std::unique_ptr<const WeightParts> parts);
};

void findBitmaskWeights(PartFinder &finder);
void findPackQuantizedWeights(PartFinder &finder);
void findIntQuantizedWeights(PartFinder &finder);
void findMarlin24Weights(PartFinder &finder);
void findQweights(PartFinder &finder);
void findSemiStructuredWeights(PartFinder &finder);

/// Reads a part, row-major.
Result<Tensor> readPart(const Checkpoint &container, const std::string &name);

/// Fails unless a part has this element type and shape. The message names the
/// part by `part` alone.
Status expectPart(const char *part, const TensorInfo &info, DType dtype,
                  const std::vector<int64_t> &shape);

} // namespace nm::rt

#endif // NM_LIB_RUNTIME_WEIGHTPARTS_H
