//===- PackedBits.cpp - weights of narrow integers packed in bytes --------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Runtime/PackedBits.h"
#include "DerivedKeyText.h"
#include "Memory.h"
#include "Threads.h"

namespace nm::rt {

using namespace derived;
using nlohmann::json;
using nlohmann::ordered_json;

bool isPackedBitsKey(std::string_view key) { return beginsWith(key, "unpack"); }

//===----------------------------------------------------------------------===//
// Keys
//===----------------------------------------------------------------------===//

std::string PackedBits::key() const {
  ordered_json document;
  document["unpack"] = toJson(values);
  document["scale"] = toJson(scale);
  document["zero"] = toJson(zero);
  document["bits"] = bits;
  document["block"] = block;
  document["shape"] = {rows, columns};
  return support::printJson(document);
}

/// Elements of the zero points of all rows.
static int64_t zeroCount(const PackedBits &weight) {
  int64_t blocks = weight.blocks();
  return weight.rows * (weight.zero.dtype == DType::U8
                            ? ceilDiv(blocks * weight.bits, 8)
                            : blocks);
}

Status checkPackedBits(const PackedBits &weight) {
  int64_t block = weight.block;
  if ((weight.bits != 2 && weight.bits != 4 && weight.bits != 8) ||
      block < 16 || block > (int64_t(1) << 30) || (block & (block - 1)) != 0)
    return fail("found ", weight.bits, " bits in blocks of ", block,
                ", expected 2, 4 or 8 in a power of two from 16");
  if (Result<int64_t> count =
          checkedCount({weight.rows, weight.columns, 8, 16});
      !count)
    return count.error();
  if (weight.rows < 1 || weight.columns < 1)
    return fail("found a shape of ", weight.rows, " x ", weight.columns,
                ", expected positive numbers");
  if (weight.values.isNumber() || weight.values.dtype != DType::U8 ||
      weight.scale.isNumber() || !isNarrowFloat(weight.scale.dtype) ||
      (!weight.zero.isNumber() && weight.zero.dtype != DType::U8 &&
       !isNarrowFloat(weight.zero.dtype)))
    return fail("found values of ", dtypeName(weight.values.dtype),
                ", scales of ", dtypeName(weight.scale.dtype),
                " and zero points of ", dtypeName(weight.zero.dtype),
                ", expected u8, f32, f16 or bf16, and one of these");
  Result<int64_t> blocks =
      checkedCount({weight.rows, weight.blocks(), block, 8});
  if (!blocks)
    return blocks.error();
  auto holds = [](const StoredOperand &operand, int64_t expected) -> Status {
    Result<int64_t> count =
        checkedCount(operand.shape, elementBytes(operand.dtype));
    if (!count)
      return count.error();
    if (*count != expected)
      return fail(quote(operand.key), " has ", *count, " elements, expected ",
                  expected);
    return {};
  };
  NM_RETURN_IF_ERROR(holds(weight.values, weight.rows * weight.blocks() *
                                              (block * weight.bits / 8)));
  NM_RETURN_IF_ERROR(holds(weight.scale, weight.rows * weight.blocks()));
  return weight.zero.isNumber() ? Status()
                                : holds(weight.zero, zeroCount(weight));
}

static Status readCount(const json &document, const char *name, int64_t &out) {
  const auto value = document.find(name);
  if (value == document.end() || !value->is_number_unsigned() ||
      value->get<uint64_t>() > INT64_MAX)
    return fail("found no '", name, "', expected a positive integer");
  out = value->get<int64_t>();
  return {};
}

Result<PackedBits> parsePackedBits(std::string_view key) {
  return guarded([&]() -> Result<PackedBits> {
    Result<json> document = support::parseStrictJson(key, "derived key");
    if (!document)
      return document.error();
    NM_RETURN_IF_ERROR(
        checkFields(*document, "the key",
                    {"unpack", "scale", "zero", "bits", "block", "shape"}));
    PackedBits weight;
    std::vector<int64_t> shape;
    NM_RETURN_IF_ERROR(readOperand(*document, "unpack", weight.values));
    NM_RETURN_IF_ERROR(readOperand(*document, "scale", weight.scale));
    NM_RETURN_IF_ERROR(readOperand(*document, "zero", weight.zero));
    NM_RETURN_IF_ERROR(readCount(*document, "bits", weight.bits));
    NM_RETURN_IF_ERROR(readCount(*document, "block", weight.block));
    NM_RETURN_IF_ERROR(readSizes(*document, "shape", shape));
    if (shape.size() != 2)
      return fail("found a shape of ", shape.size(),
                  " dimensions, expected two");
    weight.rows = shape[0];
    weight.columns = shape[1];
    NM_RETURN_IF_ERROR(checkPackedBits(weight));
    return weight;
  });
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

namespace {
/// The stored tensors of a weight.
struct PackedParts {
  const PackedBits &weight;
  const unsigned char *values, *zeros;
  DType zeroType;
  const TensorView *scales;

  /// Integer `i` of those packed from `from` on.
  float integer(const unsigned char *from, int64_t i) const {
    const int64_t perByte = 8 / weight.bits;
    int64_t shift = i % perByte * weight.bits;
    return float(from[i / perByte] >> shift & ((1 << weight.bits) - 1));
  }
  float zeroOf(int64_t row, int64_t group) const {
    if (!zeros)
      return float(1 << (weight.bits - 1));
    if (zeroType == DType::U8)
      return integer(zeros + row * ceilDiv(weight.blocks() * weight.bits, 8),
                     group);
    return floatAt(zeros, zeroType, row * weight.blocks() + group);
  }
  static float floatAt(const unsigned char *data, DType dtype, int64_t i) {
    return float(elementToDouble(data + i * elementBytes(dtype), dtype));
  }
  void readRow(int64_t row, float *out) const {
    const int64_t blocks = weight.blocks(),
                  bytes = weight.block * weight.bits / 8;
    for (int64_t g = 0; g < blocks; ++g) {
      const unsigned char *from = values + (row * blocks + g) * bytes;
      float zero = zeroOf(row, g);
      float scale = floatAt(scales->data, scales->dtype, row * blocks + g);
      int64_t first = g * weight.block,
              count = std::min(weight.block, weight.columns - first);
      for (int64_t i = 0; i < count; ++i)
        out[first + i] = (integer(from, i) - zero) * scale;
    }
  }
};
} // namespace

Result<Weight> readPackedBits(const Checkpoint &checkpoint,
                              std::string_view key,
                              const MaskOptions &options) {
  return guarded([&]() -> Result<Weight> {
    Result<PackedBits> weight = parsePackedBits(key);
    if (!weight)
      return weight.error();
    // A mask of packed bytes would not be a mask of the weight.
    Result<std::vector<Weight>> parts = readParts(
        checkpoint, {&weight->values, &weight->scale, &weight->zero}, options);
    if (!parts)
      return parts.error();
    const TensorView &values = (*parts)[0].tensor.view;
    const TensorView &scale = (*parts)[1].tensor.view;
    const TensorView &zero = (*parts)[2].tensor.view;
    PackedParts reader{*weight, values.data,
                       weight->zero.isNumber() ? nullptr : zero.data,
                       weight->zero.dtype, &scale};
    int64_t count = weight->rows * weight->columns;
    auto buffer = allocateBuffer(uint64_t(count * 4));
    auto *to = reinterpret_cast<float *>(buffer.get());
    int threads = threadsFor(weight->rows, count * 4);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t row = 0; row < weight->rows; ++row)
      reader.readRow(row, to + row * weight->columns);
    Weight result;
    result.valuesName = weight->values.key;
    result.tensor = Tensor{
        denseView(to, DType::F32, {weight->rows, weight->columns}), buffer};
    return result;
  });
}

} // namespace nm::rt
