//===- Trained.cpp - What a checkpoint says of its training -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Runtime/Trained.h"
#include "Support.h"
#include "nm/Runtime/Recipe.h"
#include "nm/Support/Json.h"

namespace nm::rt {

using nlohmann::json;

static constexpr int64_t kVersion = 1;

static Status readTensor(const Checkpoint &checkpoint, const std::string &where,
                         const std::string &key, const json &value,
                         Trained &trained) {
  auto fail = [&](const std::string &what) {
    return makeError(Errc::Format, where, ": tensor ", quote(key), ": ", what);
  };
  const TensorInfo *info = checkpoint.find(key);
  if (!info)
    return fail("the file does not hold it");
  auto text = [&](const char *name) -> const std::string * {
    auto it = value.is_object() ? value.find(name) : value.end();
    return it != value.end() && it->is_string()
               ? it->get_ptr<const std::string *>()
               : nullptr;
  };
  const std::string *pattern = text("pattern"), *mask = text("mask");
  auto axis = value.is_object() ? value.find("axis") : value.end();
  if (!pattern || (!mask && !info->masked) || axis == value.end() ||
      !axis->is_number_unsigned())
    return fail("expected an object with the texts 'pattern' and 'mask' and "
                "the whole number 'axis' (no mask where the weight's storage "
                "has one)");
  auto ratio = parseRatio(*pattern, where + ": tensor " + quote(key));
  if (!ratio)
    return ratio.error();
  TrainedPattern own;
  std::tie(own.n, own.m) = *ratio;
  own.mask = mask ? *mask : "";
  uint64_t at = axis->get<uint64_t>();
  if (at >= info->shape.size() || info->shape[at] % own.m != 0)
    return fail("pattern " + *pattern + " along axis " + std::to_string(at) +
                " does not fit shape " + shapeString(info->shape));
  own.axis = int64_t(at);
  if (mask && !checkpoint.find(own.mask))
    return fail("the file does not hold its mask " + quote(own.mask));
  trained.tensors.emplace(key, std::move(own));
  return {};
}

Result<Trained> readTrained(const Checkpoint &checkpoint) {
  return guarded([&]() -> Result<Trained> {
    Trained trained;
    for (const auto &[name, text] : checkpoint.metadata()) {
      if (name != kCheckpointText)
        continue;
      std::string where = checkpoint.path() + ": metadata " + quote(name);
      Result<json> document = support::parseStrictJson(text, where);
      if (!document)
        return document.error();
      auto version =
          document->is_object() ? document->find("version") : document->end();
      if (version == document->end() || *version != json(kVersion))
        return makeError(Errc::Format, where,
                         ": expected an object of version ", kVersion,
                         "; --mask-policy=ignore does not read it");
      auto recipe = document->find("recipe");
      if (recipe != document->end() && recipe->is_object())
        if (auto method = recipe->find("method");
            method != recipe->end() && method->is_string())
          trained.method = method->get<std::string>();
      auto tensors = document->find("tensors");
      if (tensors == document->end() || !tensors->is_object())
        return makeError(Errc::Format, where, ": no object 'tensors'");
      for (const auto &item : tensors->items())
        NM_RETURN_IF_ERROR(
            readTensor(checkpoint, where, item.key(), item.value(), trained));
    }
    return trained;
  });
}

} // namespace nm::rt
