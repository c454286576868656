//===- Dequantize.cpp - floats that a checkpoint holds as integers --------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Runtime/Dequantize.h"
#include "DerivedKeyText.h"
#include "Memory.h"

namespace nm::rt {

using namespace derived;
using nlohmann::json;
using nlohmann::ordered_json;
using support::parseStrictJson;
using Operand = Dequantized::Operand;

bool isDequantizedKey(std::string_view key) {
  return beginsWith(key, "dequantize");
}

//===----------------------------------------------------------------------===//
// Keys
//===----------------------------------------------------------------------===//

std::string Dequantized::key() const {
  ordered_json document;
  document["dequantize"] = toJson(values);
  document["zero"] = toJson(zero);
  document["scale"] = toJson(scale);
  document["loops"] = loops;
  document["compute"] = std::string(dtypeName(compute));
  document["dtype"] = std::string(dtypeName(dtype));
  document["shape"] = shape;
  return support::printJson(document);
}

Status checkDequantized(const Dequantized &tensor) {
  Result<int64_t> trips = checkedCount(tensor.loops, 4);
  Result<int64_t> count = checkedCount(tensor.shape, 4);
  if (!trips || !count)
    return trips ? count.error() : trips.error();
  if (*trips != *count || *count == 0)
    return fail("found loops of ", *trips, " rounds for ", *count,
                " elements, expected as many, and one at least");
  if (tensor.values.isNumber() ||
      (tensor.values.dtype != DType::I8 && tensor.values.dtype != DType::U8))
    return fail("found values of ", dtypeName(tensor.values.dtype),
                ", expected a tensor of i8 or u8");
  DType zero = tensor.zero.dtype;
  if (!isNarrowFloat(tensor.compute) || !isNarrowFloat(tensor.dtype) ||
      !isNarrowFloat(tensor.scale.dtype) ||
      (!isNarrowFloat(zero) && zero != DType::I8 && zero != DType::U8))
    return fail("found computation in ", dtypeName(tensor.compute), " to ",
                dtypeName(tensor.dtype), " with zero points of ",
                dtypeName(zero), " and scales of ",
                dtypeName(tensor.scale.dtype),
                ", expected f32, f16 or bf16, and i8 or u8 for zero points");
  if (tensor.dtype != tensor.compute && tensor.dtype != DType::F32)
    return fail("found a result of ", dtypeName(tensor.dtype), " computed in ",
                dtypeName(tensor.compute), ", expected one that loses nothing");
  for (const Operand *operand : {&tensor.values, &tensor.zero, &tensor.scale})
    NM_RETURN_IF_ERROR(checkPlaces(*operand, tensor.loops));
  return {};
}

Result<Dequantized> parseDequantized(std::string_view key) {
  return guarded([&]() -> Result<Dequantized> {
    Result<json> document = parseStrictJson(key, "derived key");
    if (!document)
      return document.error();
    NM_RETURN_IF_ERROR(checkFields(
        *document, "the key",
        {"dequantize", "zero", "scale", "loops", "compute", "dtype", "shape"}));
    Dequantized tensor;
    NM_RETURN_IF_ERROR(readOperand(*document, "dequantize", tensor.values));
    NM_RETURN_IF_ERROR(readOperand(*document, "zero", tensor.zero));
    NM_RETURN_IF_ERROR(readOperand(*document, "scale", tensor.scale));
    NM_RETURN_IF_ERROR(readSizes(*document, "loops", tensor.loops));
    NM_RETURN_IF_ERROR(readType(*document, tensor.compute, "compute"));
    NM_RETURN_IF_ERROR(readType(*document, tensor.dtype, "dtype"));
    NM_RETURN_IF_ERROR(readSizes(*document, "shape", tensor.shape));
    NM_RETURN_IF_ERROR(checkDequantized(tensor));
    return tensor;
  });
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

static float roundTo(float value, DType dtype) {
  if (dtype == DType::F16)
    return f16ToFloat(floatToF16(value));
  if (dtype == DType::BF16)
    return bf16ToFloat(floatToBf16(value));
  return value;
}

/// All elements of a small operand as floats, or the number alone.
static std::vector<float> floatsOf(const Operand &operand,
                                   const TensorView &view) {
  if (operand.isNumber())
    return {static_cast<float>(operand.number)};
  std::vector<float> result(static_cast<size_t>(view.count()));
  int64_t bytes = elementBytes(view.dtype);
  for (size_t i = 0; i != result.size(); ++i)
    result[i] = static_cast<float>(elementToDouble(
        view.data + static_cast<int64_t>(i) * bytes, view.dtype));
  return result;
}

Result<Tensor> dequantize(const Dequantized &tensor, const TensorView &values,
                          const TensorView &zero, const TensorView &scale) {
  return guarded([&]() -> Result<Tensor> {
    int64_t bytes = elementBytes(tensor.dtype),
            count = denseView(nullptr, tensor.dtype, tensor.shape).count();
    auto buffer = allocateBuffer(static_cast<uint64_t>(count * bytes));
    std::vector<float> zeros = floatsOf(tensor.zero, zero),
                       scales = floatsOf(tensor.scale, scale);
    // All loops but the innermost, as an odometer.
    size_t rank = tensor.loops.size();
    int64_t inner = rank ? tensor.loops.back() : 1;
    std::vector<int64_t> round(rank, 0);
    auto strideOf = [&](const Operand &operand, size_t k) {
      return operand.isNumber() || rank == 0 ? 0 : operand.strides[k];
    };
    int64_t at[3] = {0, 0, 0};
    const Operand *operands[3] = {&tensor.values, &tensor.zero, &tensor.scale};
    int64_t step[3];
    for (int i = 0; i < 3; ++i)
      step[i] = strideOf(*operands[i], rank ? rank - 1 : 0);
    bool isSigned = tensor.values.dtype == DType::I8;
    unsigned char *out = buffer.get();
    for (int64_t done = 0; done < count; done += inner) {
      for (int64_t i = 0; i < inner; ++i) {
        unsigned char bits = values.data[at[0] + i * step[0]];
        float q = isSigned ? static_cast<float>(static_cast<int8_t>(bits))
                           : static_cast<float>(bits);
        float centred =
            roundTo(q - zeros[static_cast<size_t>(at[1] + i * step[1])],
                    tensor.compute);
        float value =
            roundTo(centred * scales[static_cast<size_t>(at[2] + i * step[2])],
                    tensor.compute);
        if (tensor.dtype == DType::F32)
          storeUnaligned(out, value);
        else
          storeUnaligned(out, tensor.dtype == DType::F16 ? floatToF16(value)
                                                         : floatToBf16(value));
        out += bytes;
      }
      for (size_t k = rank < 2 ? 0 : rank - 1; k-- != 0;) {
        bool isWrapping = ++round[k] == tensor.loops[k];
        int64_t move = isWrapping ? -(tensor.loops[k] - 1) : 1;
        for (int i = 0; i < 3; ++i)
          at[i] += move * strideOf(*operands[i], k);
        if (!isWrapping)
          break;
        round[k] = 0;
      }
    }
    return Tensor{denseView(buffer.get(), tensor.dtype, tensor.shape), buffer};
  });
}

Result<Weight> readDequantized(const Checkpoint &checkpoint,
                               std::string_view key,
                               const MaskOptions &options) {
  Result<Dequantized> tensor = parseDequantized(key);
  if (!tensor)
    return tensor.error();
  Result<Weight> weight = readStored(checkpoint, tensor->values, options);
  if (!weight)
    return weight;
  if (weight->mask && tensor->shape != tensor->values.shape)
    return makeError(Errc::Unsupported, checkpoint.path(), ": tensor ",
                     quote(tensor->values.key), " of shape ",
                     shapeString(tensor->values.shape), " has the mask ",
                     quote(weight->maskName), " but is used as ",
                     shapeString(tensor->shape),
                     ", expected one shape; mask policy ignore leaves it out");
  Result<std::vector<Weight>> parts =
      readParts(checkpoint, {&tensor->zero, &tensor->scale}, options);
  if (!parts)
    return parts.error();
  Result<Tensor> result =
      dequantize(*tensor, weight->tensor.view, (*parts)[0].tensor.view,
                 (*parts)[1].tensor.view);
  if (!result)
    return result.error();
  weight->tensor = std::move(*result);
  return weight;
}

} // namespace nm::rt
