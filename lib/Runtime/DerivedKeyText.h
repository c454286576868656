//===- DerivedKeyText.h - the JSON of derived keys -----------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_RUNTIME_DERIVEDKEYTEXT_H
#define NM_LIB_RUNTIME_DERIVEDKEYTEXT_H

#include "Support.h"
#include "nm/Runtime/DerivedKey.h"
#include "nm/Support/Json.h"
#include <algorithm>

namespace nm::rt::derived {

template <typename... Parts> Error fail(const Parts &...parts) {
  return makeError(Errc::Format, "derived key: ", parts...);
}

/// Whether the first field of a derived key is that one.
inline bool beginsWith(std::string_view key, std::string_view field) {
  constexpr std::string_view before = "{\"", after = "\":";
  return key.substr(0, before.size()) == before &&
         key.substr(before.size(), field.size()) == field &&
         key.substr(std::min(key.size(), before.size() + field.size()),
                    after.size()) == after;
}

/// Of the types that scales and results of dequantisation have.
inline bool isNarrowFloat(DType dtype) {
  return dtype == DType::F32 || dtype == DType::F16 || dtype == DType::BF16;
}

nlohmann::ordered_json toJson(const StoredOperand &operand);

Status checkFields(const nlohmann::json &object, const char *what,
                   std::initializer_list<std::string_view> known);
Status readSizes(const nlohmann::json &object, const char *name,
                 std::vector<int64_t> &sizes);
Status readType(const nlohmann::json &object, DType &dtype, const char *name);
Status readOperand(const nlohmann::json &document, const char *name,
                   StoredOperand &operand);

/// That the strides stay within the tensor.
Status checkPlaces(const StoredOperand &operand,
                   const std::vector<int64_t> &loops);

/// The operand of a checkpoint, contiguous, of its type and shape.
Result<Weight> readStored(const Checkpoint &checkpoint,
                          const StoredOperand &operand,
                          const MaskOptions &options);

/// Several, in the order of `operands`, without the masks that a checkpoint
/// may have of them; an empty one where the operand is a number.
Result<std::vector<Weight>>
readParts(const Checkpoint &checkpoint,
          std::initializer_list<const StoredOperand *> operands,
          const MaskOptions &options);

} // namespace nm::rt::derived

#endif // NM_LIB_RUNTIME_DERIVEDKEYTEXT_H
