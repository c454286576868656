//===- Weight.cpp - a weight and its mask, by key -------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Runtime/Weight.h"
#include "BitOrderCheck.h"
#include "MaskNames.h"
#include "Support.h"
#include "nm/Runtime/DerivedKey.h"

namespace nm::rt {

Result<Weight> readWeight(const Checkpoint &checkpoint, std::string_view key,
                          const MaskOptions &options) {
  return guarded([&]() -> Result<Weight> {
    const TensorInfo *info = findWeight(checkpoint, key);
    if (!info && isDerivedKey(key))
      return readDerived(checkpoint, key, options);
    if (!info)
      return makeError(Errc::NotFound, checkpoint.path(), ": no tensor ",
                       quote(key), " among ", checkpoint.tensors().size(),
                       " tensors", explainMissing(checkpoint, key));
    Result<LoadedTensor> loaded = checkpoint.read(info->name, options.decoding);
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
    const Checkpoint *holder = options.source.get();
    const TensorInfo *maskInfo = findSeparateMask(key, options);
    if (!maskInfo) {
      holder = &checkpoint;
      maskInfo = findMask(checkpoint, key, options);
    }
    if (!maskInfo)
      return weight;
    Result<LoadedTensor> maskTensor = holder->read(maskInfo->name);
    if (!maskTensor)
      return maskTensor.error();
    Result<Mask> mask = readMask(maskTensor->tensor, maskInfo->name,
                                 info->shape, options.bitOrder);
    if (!mask)
      return makeError(mask.error().code, holder->path(), ": tensor ",
                       quote(key), ": ", mask.error().message);
    if (Status kept = checkBitOrder(*mask, weight.tensor, maskInfo->name);
        !kept)
      return makeError(kept.error().code, checkpoint.path(), ": tensor ",
                       quote(key), ": ", kept.error().message);
    weight.mask = std::move(*mask);
    weight.maskName = maskInfo->name;
    return weight;
  });
}

} // namespace nm::rt
