//===- Weight.cpp - a weight and its mask, by key -------------------------===//

#include "nm/Runtime/Weight.h"
#include "Support.h"

namespace nm::rt {

const TensorInfo *findWeight(const Checkpoint &checkpoint,
                             std::string_view key) {
  if (const TensorInfo *info = checkpoint.find(key))
    return info;
  // torch.nn.utils.prune renames the parameter and keeps the mask beside it.
  std::string base(key);
  if (checkpoint.find(base + "_mask"))
    return checkpoint.find(base + "_orig");
  return nullptr;
}

const TensorInfo *findMask(const Checkpoint &checkpoint, std::string_view key,
                           const MaskOptions &options) {
  size_t dot = key.rfind('.');
  std::string_view leaf =
      dot == std::string_view::npos ? key : key.substr(dot + 1);
  std::string_view module =
      dot == std::string_view::npos ? "" : key.substr(0, dot + 1);
  for (const std::string &suffix : options.suffixes) {
    // apex registers `__weight_mma_mask` on the module that owns `weight`.
    bool ofModule =
        suffix.compare(0, leaf.size() + 2, "__" + std::string(leaf)) == 0;
    std::string name = std::string(ofModule ? module : key) + suffix;
    if (const TensorInfo *info = checkpoint.find(name))
      return info;
  }
  return nullptr;
}

Result<Weight> readWeight(const Checkpoint &checkpoint, std::string_view key,
                          const MaskOptions &options) {
  return guarded([&]() -> Result<Weight> {
    const TensorInfo *info = findWeight(checkpoint, key);
    if (!info) {
      std::string hint;
      for (const std::string &name : checkpoint.nearestNames(key))
        hint += (hint.empty() ? ", did you mean " : " or ") + quote(name);
      return makeError(Errc::NotFound, checkpoint.path(), ": no tensor ",
                       quote(key), " among ", checkpoint.tensors().size(),
                       " tensors", hint);
    }
    Result<LoadedTensor> loaded = checkpoint.read(info->name);
    if (!loaded)
      return loaded.error();
    Weight weight;
    weight.tensor = std::move(loaded->tensor);
    weight.valuesName = info->name;
    if (options.policy == MaskPolicy::Ignore)
      return weight;
    if (loaded->mask) {
      weight.mask = std::move(loaded->mask);
      weight.maskName = "bitmask of " + info->name;
      return weight;
    }
    const TensorInfo *maskInfo = findMask(checkpoint, key, options);
    if (!maskInfo && info->name != key) // torch's pair, whatever the suffixes
      maskInfo = checkpoint.find(std::string(key) + "_mask");
    if (!maskInfo)
      return weight;
    Result<LoadedTensor> maskTensor = checkpoint.read(maskInfo->name);
    if (!maskTensor)
      return maskTensor.error();
    Result<Mask> mask = readMask(maskTensor->tensor, maskInfo->name,
                                 info->shape, options.bitOrder);
    if (!mask)
      return makeError(mask.error().code, checkpoint.path(), ": tensor ",
                       quote(key), ": ", mask.error().message);
    weight.mask = std::move(*mask);
    weight.maskName = maskInfo->name;
    return weight;
  });
}

} // namespace nm::rt
