//===- Rearrange.cpp - weights in another order than in their file -------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Runtime/Rearrange.h"
#include "DerivedKeyText.h"
#include "Memory.h"
#include "nm/Support/Json.h"
#include <algorithm>
#include <cstring>

namespace nm::rt {

using namespace derived;
using nlohmann::json;
using nlohmann::ordered_json;

bool isRearrangedKey(std::string_view key) {
  return beginsWith(key, "rearrange");
}

std::string Rearranged::key() const {
  ordered_json document;
  document["rearrange"] = toJson(values);
  document["loops"] = loops;
  document["shape"] = shape;
  return support::printJson(document);
}

std::optional<int64_t> Rearranged::axisOf(int64_t axis, int64_t m) const {
  if (axis < 0 || axis >= static_cast<int64_t>(values.shape.size()))
    return std::nullopt;
  int64_t step = rowMajorStrides(values.shape)[static_cast<size_t>(axis)];
  // The loops of each dimension, from the innermost; the last of several walks
  // along the dimension without a break.
  size_t loop = loops.size();
  for (size_t dim = shape.size(); dim-- != 0;) {
    int64_t left = shape[dim];
    bool isInnermost = true;
    while (left > 1 && loop != 0) {
      --loop;
      if (loops[loop] == 1)
        continue;
      if (left % loops[loop] != 0)
        return std::nullopt; // a loop runs across dimensions
      left /= loops[loop];
      if (isInnermost && values.strides[loop] == step && loops[loop] % m == 0)
        return static_cast<int64_t>(dim);
      isInnermost = false;
    }
  }
  return std::nullopt;
}

/// Whether the loops read each element of the tensor once: sorted by stride,
/// each begins where the one before it ends.
static bool readsEachOnce(const Rearranged &tensor) {
  std::vector<std::pair<int64_t, int64_t>> steps;
  for (size_t k = 0; k != tensor.loops.size(); ++k)
    if (tensor.loops[k] != 1)
      steps.emplace_back(tensor.values.strides[k], tensor.loops[k]);
  std::sort(steps.begin(), steps.end());
  int64_t next = 1;
  for (auto [stride, size] : steps) {
    if (stride != next)
      return false;
    next *= size;
  }
  return true;
}

Result<Rearranged> parseRearranged(std::string_view key) {
  return guarded([&]() -> Result<Rearranged> {
    Result<json> document = support::parseStrictJson(key, "derived key");
    if (!document)
      return document.error();
    NM_RETURN_IF_ERROR(
        checkFields(*document, "the key", {"rearrange", "loops", "shape"}));
    Rearranged tensor;
    NM_RETURN_IF_ERROR(readOperand(*document, "rearrange", tensor.values));
    NM_RETURN_IF_ERROR(readSizes(*document, "loops", tensor.loops));
    NM_RETURN_IF_ERROR(readSizes(*document, "shape", tensor.shape));
    if (tensor.values.isNumber())
      return fail("found a number as rearrange, expected a tensor");
    int64_t bytes = elementBytes(tensor.values.dtype);
    if (bytes == 0)
      return fail("found elements of ", dtypeName(tensor.values.dtype),
                  ", expected some of whole bytes");
    Result<int64_t> trips = checkedCount(tensor.loops, bytes);
    Result<int64_t> count = checkedCount(tensor.shape, bytes);
    Result<int64_t> stored = checkedCount(tensor.values.shape, bytes);
    for (const Result<int64_t> *one : {&trips, &count, &stored})
      if (!*one)
        return one->error();
    if (*trips != *count || *trips != *stored || *count == 0)
      return fail("found loops of ", *trips, " rounds from ", *stored, " to ",
                  *count, " elements, expected as many, and one at least");
    NM_RETURN_IF_ERROR(checkPlaces(tensor.values, tensor.loops));
    if (!readsEachOnce(tensor))
      return fail("the strides of ", quote(tensor.values.key),
                  " do not read each element once");
    return tensor;
  });
}

/// Calls `visit` with each element of the result and its place in the stored
/// tensor.
template <typename Visit>
static void forEachElement(const Rearranged &tensor, Visit visit) {
  int64_t count = denseView(nullptr, DType::U8, tensor.shape).count();
  std::vector<int64_t> round(tensor.loops.size(), 0);
  int64_t place = 0;
  for (int64_t i = 0; i < count; ++i) {
    visit(i, place);
    for (size_t k = round.size(); k-- != 0;) {
      place += tensor.values.strides[k];
      if (++round[k] != tensor.loops[k])
        break;
      place -= tensor.values.strides[k] * tensor.loops[k];
      round[k] = 0;
    }
  }
}

std::string restoreBytes(const Rearranged &tensor, std::string_view bytes) {
  std::string result(bytes.size(), 0);
  forEachElement(tensor, [&](int64_t i, int64_t place) {
    result[static_cast<size_t>(place)] = bytes[static_cast<size_t>(i)];
  });
  return result;
}

/// The elements of `from`, `bytes` long each, in the order of the loops.
static std::shared_ptr<unsigned char>
gather(const Rearranged &tensor, const unsigned char *from, int64_t bytes) {
  int64_t count = denseView(nullptr, DType::U8, tensor.shape).count();
  auto buffer = allocateBuffer(static_cast<uint64_t>(count * bytes));
  forEachElement(tensor, [&](int64_t i, int64_t place) {
    std::memcpy(buffer.get() + i * bytes, from + place * bytes,
                static_cast<size_t>(bytes));
  });
  return buffer;
}

Result<Weight> readRearranged(const Checkpoint &checkpoint,
                              std::string_view key,
                              const MaskOptions &options) {
  return guarded([&]() -> Result<Weight> {
    Result<Rearranged> tensor = parseRearranged(key);
    if (!tensor)
      return tensor.error();
    Result<Weight> weight = readStored(checkpoint, tensor->values, options);
    if (!weight)
      return weight;
    DType dtype = weight->tensor.view.dtype;
    auto values =
        gather(*tensor, weight->tensor.view.data, elementBytes(dtype));
    if (weight->mask) {
      int64_t count = weight->tensor.view.count();
      std::vector<unsigned char> bytes(static_cast<size_t>(count));
      weight->mask->expand(0, count, bytes.data());
      auto kept = gather(*tensor, bytes.data(), 1);
      weight->mask = Mask{Mask::Form::Bytes, BitOrder::LsbFirst, tensor->shape,
                          kept.get(), kept};
    }
    weight->tensor =
        Tensor{denseView(values.get(), dtype, tensor->shape), values};
    return weight;
  });
}

} // namespace nm::rt
