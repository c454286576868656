//===- MaskNames.cpp - which tensors make up a weight ---------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Writers differ in how they name the mask of a weight, and some rename the
// weight too. Here stand the names; what they hold is read in Weight.cpp.
//
//===----------------------------------------------------------------------===//

#include "MaskNames.h"
#include "Support.h"
#include "nm/Runtime/Weight.h"
#include <algorithm>

namespace nm::rt {

static bool endsWith(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() &&
         text.substr(text.size() - suffix.size()) == suffix;
}

namespace {
/// `module.leaf`, the module with its dot.
struct SplitKey {
  explicit SplitKey(std::string_view key) {
    size_t dot = key.rfind('.');
    leaf = dot == std::string_view::npos ? key : key.substr(dot + 1);
    module = key.substr(0, key.size() - leaf.size());
  }
  std::string module, leaf;
};
} // namespace

std::vector<std::string> MaskOptions::defaultSuffixes() {
  return {
      "_mask",          // torch.nn.utils.prune, and many by hand
      "_sparsity_mask", // praxis
      ".mask",          // MaskLLM
      "__*_mma_mask",   // apex ASP
  };
}

//===----------------------------------------------------------------------===//
// torch.nn.utils.parametrize: `m.parametrizations.weight.original`, and the
// buffers of parametrization number i as `m.parametrizations.weight.<i>.<name>`
//===----------------------------------------------------------------------===//

static constexpr std::string_view kParametrized = "parametrizations.";

static std::string parametrizedPrefix(std::string_view key) {
  SplitKey split(key);
  return split.module + std::string(kParametrized) + split.leaf + ".";
}

/// The mask of the only parametrization that has tensors, null if there is
/// none, or if others take part too: what they compute is code that is not
/// here.
static const TensorInfo *findParametrizedMask(const Checkpoint &checkpoint,
                                              std::string_view key) {
  std::string prefix = parametrizedPrefix(key);
  const std::vector<TensorInfo> &all = checkpoint.tensors();
  auto it = std::lower_bound(all.begin(), all.end(), prefix,
                             [](const TensorInfo &info, const std::string &p) {
                               return info.name < p;
                             });
  const TensorInfo *mask = nullptr;
  for (; it != all.end() && it->name.compare(0, prefix.size(), prefix) == 0;
       ++it) {
    std::string_view rest = std::string_view(it->name).substr(prefix.size());
    if (rest == "original")
      continue;
    if (mask || !endsWith(rest, ".mask"))
      return nullptr;
    mask = &*it;
  }
  return mask;
}

/// The values of exactly this key.
static const TensorInfo *findExactly(const Checkpoint &checkpoint,
                                     std::string_view key) {
  if (const TensorInfo *info = checkpoint.find(key))
    return info;
  // torch.nn.utils.prune renames the parameter and keeps the mask beside it.
  std::string base(key);
  if (checkpoint.find(base + "_mask"))
    if (const TensorInfo *info = checkpoint.find(base + "_orig"))
      return info;
  if (findParametrizedMask(checkpoint, key))
    return checkpoint.find(parametrizedPrefix(key) + "original");
  return nullptr;
}

/// The key of a weight that is not there by its own.
static std::string keyWithOtherPrefix(const Checkpoint &checkpoint,
                                      std::string_view key) {
  std::vector<std::string> others;
  for (std::string_view prefix : {"module.", "_orig_mod.", "model."}) {
    std::string with = std::string(prefix) + std::string(key);
    if (findExactly(checkpoint, with))
      others.push_back(std::move(with));
    if (key.substr(0, prefix.size()) == prefix &&
        findExactly(checkpoint, key.substr(prefix.size())))
      others.emplace_back(key.substr(prefix.size()));
  }
  return others.size() == 1 ? others.front() : std::string(key);
}

std::string storedKey(const Checkpoint &checkpoint, std::string_view key) {
  return findExactly(checkpoint, key) ? std::string(key)
                                      : keyWithOtherPrefix(checkpoint, key);
}

const TensorInfo *findWeight(const Checkpoint &checkpoint,
                             std::string_view key) {
  if (const TensorInfo *info = findExactly(checkpoint, key))
    return info;
  return findExactly(checkpoint, keyWithOtherPrefix(checkpoint, key));
}

std::string keyOfTensor(const Checkpoint &checkpoint, const std::string &name) {
  std::string key = name;
  constexpr std::string_view original = ".original";
  if (endsWith(name, "_orig")) {
    key = name.substr(0, name.size() - 5);
  } else if (endsWith(name, original)) {
    std::string inner = name.substr(0, name.size() - original.size());
    SplitKey split(inner);
    if (endsWith(split.module, kParametrized))
      key = split.module.substr(0, split.module.size() - kParametrized.size()) +
            split.leaf;
  }
  const TensorInfo *values = findExactly(checkpoint, key);
  return values && values->name == name ? key : name;
}

/// Names that a suffix gives the mask of a key, in the order they are tried.
static std::vector<std::string> namesOf(const std::string &suffix,
                                        std::string_view key) {
  if (suffix.compare(0, 2, "__") != 0)
    return {std::string(key) + suffix};
  SplitKey split(key);
  std::string own = suffix;
  size_t star = own.find('*');
  if (star != std::string::npos)
    own.replace(star, 1, split.leaf);
  else if (own.compare(2, split.leaf.size(), split.leaf) != 0)
    return {std::string(key) + suffix};
  std::vector<std::string> names = {split.module + own};
  // apex registers the mask of a nested parameter, `out_proj.weight` of a
  // MultiheadAttention, on the module that was named to it, by its last part.
  if (!split.module.empty()) {
    SplitKey outer(
        std::string_view(split.module).substr(0, split.module.size() - 1));
    names.push_back(outer.module + own);
  }
  return names;
}

const TensorInfo *findMask(const Checkpoint &checkpoint, std::string_view given,
                           const MaskOptions &options) {
  std::string key = storedKey(checkpoint, given);
  for (const std::string &suffix : options.suffixes) {
    std::vector<std::string> names = namesOf(suffix, key);
    for (size_t i = 0; i < names.size(); ++i) {
      const TensorInfo *info = checkpoint.find(names[i]);
      if (!info)
        continue;
      if (i == 0)
        return info;
      // The outer module's own parameter of that name comes first, and another
      // nested one would have another shape.
      SplitKey split(key);
      SplitKey outer(
          std::string_view(split.module).substr(0, split.module.size() - 1));
      const TensorInfo *weight = findWeight(checkpoint, key);
      if (!checkpoint.find(outer.module + split.leaf) && weight &&
          weight->shape == info->shape)
        return info;
    }
  }
  // Those that belong to renamed values, whatever the suffixes.
  if (!checkpoint.find(key)) {
    if (checkpoint.find(key + "_orig"))
      if (const TensorInfo *info = checkpoint.find(key + "_mask"))
        return info;
    return findParametrizedMask(checkpoint, key);
  }
  return nullptr;
}

const TensorInfo *findSeparateMask(std::string_view key,
                                   const MaskOptions &options) {
  if (!options.source)
    return nullptr;
  for (const std::string &suffix : options.suffixes)
    if (const TensorInfo *info =
            options.source->find(namesOf(suffix, key).front()))
      return info;
  return options.source->find(key);
}

bool hasExplicitMask(const Checkpoint &checkpoint, std::string_view key,
                     const MaskOptions &options) {
  const TensorInfo *info = findWeight(checkpoint, key);
  return info && (info->masked || findSeparateMask(key, options) ||
                  findMask(checkpoint, key, options));
}

std::set<std::string> maskTensors(const Checkpoint &checkpoint,
                                  const MaskOptions &options) {
  std::set<std::string> names;
  if (options.policy == MaskPolicy::Ignore)
    return names;
  for (const TensorInfo &info : checkpoint.tensors())
    if (const TensorInfo *mask =
            findMask(checkpoint, keyOfTensor(checkpoint, info.name), options))
      names.insert(mask->name);
  return names;
}

/// Whether a tensor's name is one that the suffix gives to some key.
static bool hasMaskSuffix(const std::string &name, const std::string &suffix) {
  size_t star =
      suffix.compare(0, 2, "__") == 0 ? suffix.find('*') : std::string::npos;
  if (star == std::string::npos)
    return endsWith(name, suffix);
  SplitKey split(name);
  std::string_view tail = std::string_view(suffix).substr(star + 1);
  return split.leaf.size() > star + tail.size() &&
         split.leaf.compare(0, star, suffix, 0, star) == 0 &&
         endsWith(split.leaf, tail);
}

/// An order of bits that is asked for needs a mask of bits.
static Status
checkBitOrderCounts(const std::vector<const Checkpoint *> &checkpoints,
                    const MaskOptions &options) {
  if (options.bitOrder == MaskOptions().bitOrder)
    return {};
  for (const Checkpoint *checkpoint : checkpoints)
    for (const TensorInfo &info : checkpoint->tensors()) {
      std::string key = keyOfTensor(*checkpoint, info.name);
      const TensorInfo *mask = findSeparateMask(key, options);
      if (!mask)
        mask = findMask(*checkpoint, key, options);
      // As readMask tells them.
      if (mask && mask->dtype == DType::U8 && mask->shape != info.shape)
        return {};
    }
  return makeError(Errc::Mismatch, checkpoints.front()->path(),
                   ": --mask-bit-order=msb has no effect: no mask of its "
                   "weights is packed into bits; drop it");
}

Status checkMaskNames(const std::vector<const Checkpoint *> &checkpoints,
                      const MaskOptions &options) {
  if (options.policy == MaskPolicy::Ignore || checkpoints.empty())
    return {};
  if (options.source) {
    bool found = false;
    for (const Checkpoint *checkpoint : checkpoints)
      for (const TensorInfo &info : checkpoint->tensors())
        found = found ||
                findSeparateMask(keyOfTensor(*checkpoint, info.name), options);
    if (!found)
      return makeError(Errc::NotFound, options.source->path(),
                       ": none of its tensors is the mask of a weight of ",
                       checkpoints.front()->path(),
                       ", by the weight's name or with a mask suffix");
  }
  NM_RETURN_IF_ERROR(checkBitOrderCounts(checkpoints, options));
  if (options.suffixes == MaskOptions::defaultSuffixes())
    return {};
  for (const std::string &suffix : options.suffixes) {
    bool found = false;
    std::vector<const Checkpoint *> all = checkpoints;
    if (options.source)
      all.push_back(options.source.get());
    for (const Checkpoint *checkpoint : all)
      for (const TensorInfo &info : checkpoint->tensors())
        found = found || hasMaskSuffix(info.name, suffix);
    if (!found)
      return makeError(Errc::NotFound, checkpoints.front()->path(),
                       ": no tensor has a name that ends in the mask suffix ",
                       quote(suffix), "; list the names with nm-inspect");
  }
  return {};
}

//===----------------------------------------------------------------------===//
// What a missing key may be called
//===----------------------------------------------------------------------===//

/// The input embedding that a language model's output layer is often tied to;
/// transformers then stores the embedding alone.
static const TensorInfo *findTiedEmbedding(const Checkpoint &checkpoint,
                                           std::string_view key) {
  bool isHead = false;
  for (std::string_view head :
       {"lm_head.weight", "embed_out.weight", "output.weight", "decoder.weight",
        "score.weight"})
    isHead = isHead || endsWith(key, head);
  for (const TensorInfo &info : checkpoint.tensors())
    for (std::string_view table :
         {"embed_tokens.weight", "wte.weight", "word_embeddings.weight",
          "tok_embeddings.weight", "shared.weight", "embed_in.weight"})
      if (isHead && endsWith(info.name, table))
        return &info;
  return nullptr;
}

std::string explainMissing(const Checkpoint &checkpoint, std::string_view key) {
  std::string prefix = parametrizedPrefix(key);
  for (const char *name : {"original", "original0"})
    if (checkpoint.find(prefix + name))
      return "; it is computed from " + quote(prefix + name) +
             " by a parametrization that is not one mask; call "
             "torch.nn.utils.parametrize.remove_parametrizations and save "
             "again";
  if (const TensorInfo *table = findTiedEmbedding(checkpoint, key))
    return "; an output layer that is tied to the embedding is not stored: it "
           "is " +
           quote(table->name) + " then, name that in nm.param";
  std::string hint;
  for (const std::string &name : checkpoint.nearestNames(key))
    hint += (hint.empty() ? ", did you mean " : " or ") +
            quote(keyOfTensor(checkpoint, name));
  return hint;
}

} // namespace nm::rt
