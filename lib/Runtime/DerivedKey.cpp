//===- DerivedKey.cpp - tensors that are made of those in a file ---------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Runtime/DerivedKey.h"
#include "DerivedKeyText.h"
#include "nm/Runtime/Dequantize.h"
#include "nm/Runtime/PackedBits.h"
#include "nm/Runtime/Rearrange.h"
#include <algorithm>

namespace nm::rt {

using namespace derived;
using nlohmann::json;
using nlohmann::ordered_json;
using support::jsonKind;

bool isDerivedKey(std::string_view key) {
  return isDequantizedKey(key) || isRearrangedKey(key) || isPackedBitsKey(key);
}

std::string shownKey(std::string_view key) {
  if (isDequantizedKey(key)) {
    if (Result<Dequantized> tensor = parseDequantized(key))
      return shownKey(tensor->values.key);
  } else if (isPackedBitsKey(key)) {
    if (Result<PackedBits> tensor = parsePackedBits(key))
      return shownKey(tensor->values.key);
  } else if (isRearrangedKey(key)) {
    if (Result<Rearranged> tensor = parseRearranged(key))
      return shownKey(tensor->values.key);
  }
  return std::string(key);
}

Result<Weight> readDerived(const Checkpoint &checkpoint, std::string_view key,
                           const MaskOptions &options) {
  if (isPackedBitsKey(key))
    return readPackedBits(checkpoint, key, options);
  return isRearrangedKey(key) ? readRearranged(checkpoint, key, options)
                              : readDequantized(checkpoint, key, options);
}

//===----------------------------------------------------------------------===//
// Keys
//===----------------------------------------------------------------------===//

ordered_json derived::toJson(const StoredOperand &operand) {
  if (operand.isNumber())
    return operand.number;
  return {{"key", operand.key},
          {"dtype", std::string(dtypeName(operand.dtype))},
          {"shape", operand.shape},
          {"strides", operand.strides}};
}

Status derived::readSizes(const json &object, const char *name,
                          std::vector<int64_t> &sizes) {
  const auto value = object.find(name);
  if (value == object.end() || !value->is_array())
    return fail("found no array '", name, "', expected one of sizes");
  for (const json &item : *value) {
    if (!item.is_number_unsigned() || item.get<uint64_t>() > INT64_MAX)
      return fail("'", name, "' holds ", item.dump(),
                  ", expected integers of 0 or more");
    sizes.push_back(item.get<int64_t>());
  }
  return {};
}

Status derived::readType(const json &object, DType &dtype, const char *name) {
  const auto value = object.find(name);
  if (value == object.end() || !value->is_string())
    return fail("found no string '", name, "', expected an element type");
  dtype = parseDType(value->get<std::string>());
  if (dtype == DType::Unknown)
    return fail("found the element type ", quote(value->get<std::string>()),
                ", expected one such as f32");
  return {};
}

Status derived::checkFields(const json &object, const char *what,
                            std::initializer_list<std::string_view> known) {
  if (!object.is_object())
    return fail("found ", jsonKind(object), " as ", what,
                ", expected an object");
  for (const auto &item : object.items())
    if (std::find(known.begin(), known.end(), item.key()) == known.end())
      return fail("found the unknown field ", quote(item.key()), " of ", what);
  return {};
}

Status derived::readOperand(const json &document, const char *name,
                            StoredOperand &operand) {
  const auto value = document.find(name);
  if (value == document.end())
    return fail("found no '", name, "', expected it");
  if (value->is_number()) {
    operand.number = value->get<double>();
    return {};
  }
  NM_RETURN_IF_ERROR(
      checkFields(*value, name, {"key", "dtype", "shape", "strides"}));
  const auto key = value->find("key");
  if (key == value->end() || !key->is_string() ||
      key->get<std::string>().empty())
    return fail("found no key of '", name, "', expected a string");
  operand.key = key->get<std::string>();
  NM_RETURN_IF_ERROR(readType(*value, operand.dtype, "dtype"));
  NM_RETURN_IF_ERROR(readSizes(*value, "shape", operand.shape));
  return readSizes(*value, "strides", operand.strides);
}

Status derived::checkPlaces(const StoredOperand &operand,
                            const std::vector<int64_t> &loops) {
  if (operand.isNumber())
    return {};
  Result<int64_t> count =
      checkedCount(operand.shape, elementBytes(operand.dtype));
  if (!count)
    return count.error();
  if (operand.strides.size() != loops.size())
    return fail("found ", operand.strides.size(), " strides of ",
                quote(operand.key), ", expected one for each of ", loops.size(),
                " loops");
  int64_t last = 0;
  for (size_t k = 0; k != loops.size(); ++k) {
    int64_t step = 0;
    if (operand.strides[k] < 0 ||
        mulOverflow(operand.strides[k], loops[k] - 1, step) ||
        addOverflow(last, step, last))
      last = INT64_MAX;
  }
  if (last >= *count)
    return fail("the strides of ", quote(operand.key), " reach element ", last,
                ", expected less than ", *count);
  return {};
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

Result<std::vector<Weight>>
derived::readParts(const Checkpoint &checkpoint,
                   std::initializer_list<const StoredOperand *> operands,
                   const MaskOptions &options) {
  MaskOptions plain = options;
  plain.policy = MaskPolicy::Ignore;
  std::vector<Weight> parts;
  for (const StoredOperand *operand : operands) {
    parts.emplace_back();
    if (operand->isNumber())
      continue;
    Result<Weight> part = readStored(checkpoint, *operand, plain);
    if (!part)
      return part.error();
    parts.back() = std::move(*part);
  }
  return parts;
}

Result<Weight> derived::readStored(const Checkpoint &checkpoint,
                                   const StoredOperand &operand,
                                   const MaskOptions &options) {
  Result<Weight> weight = readWeight(checkpoint, operand.key, options);
  if (!weight)
    return weight;
  const TensorView &view = weight->tensor.view;
  std::string where = checkpoint.path() + ": tensor " + quote(operand.key);
  if (view.shape != operand.shape)
    return makeError(Errc::Mismatch, where, " has shape ",
                     shapeString(view.shape), ", the model expects ",
                     shapeString(operand.shape));
  bool isExact = options.decoding == Decoding::Exact &&
                 view.dtype == DType::F32 && isFloat(operand.dtype);
  if (view.dtype != operand.dtype && !isExact)
    return makeError(Errc::Mismatch, where, " has element type ",
                     dtypeName(view.dtype), ", the model expects ",
                     dtypeName(operand.dtype));
  Result<Tensor> contiguous = toContiguous(weight->tensor);
  if (!contiguous)
    return contiguous.error();
  weight->tensor = std::move(*contiguous);
  return weight;
}

} // namespace nm::rt
