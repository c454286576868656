//===- PackQuantized.cpp - integers of compressed-tensors -----------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Two formats store the integers of a weight, with the same numbers beside
// them:
//
//   pack-quantized  `<p>weight_packed` i32 [R, ceil(C / F)] holds F = 32 / bits
//                   values a word, those of lower columns in lower bits, each
//                   with 2^(bits - 1) added; `<p>weight_shape` is [R, C]
//   int-quantized   `<p>weight` i8 [R, C]
//
// `<p>weight_scale` is [R, groups], [1, groups], [R, 1] or one number.
// `<p>weight_zero_point` is missing where it is 0, packed in the same way along
// the rows (i32 [ceil(R / F), groups], of pack-quantized alone), or i8 like the
// scales (tensors, and old writers). `<p>weight_g_idx` gives each column's
// group; -1 stands for the order of the columns.
//
//===----------------------------------------------------------------------===//

#include "GroupedIntegers.h"
#include "Support.h"
#include <algorithm>

namespace nm::rt {

namespace {
class CompressedIntegers final : public WeightParts {
public:
  std::string prefix;
  int64_t rows = 0, columns = 0, words = 0, groups = 1;
  /// Of a value; of int-quantized 8, in no words.
  int bits = 4;
  bool isPacked = true;
  DType dtype = DType::F16;
  bool scaleOfRows = true;
  /// Unknown where there are none.
  DType zeros = DType::Unknown;
  bool hasOrder = false;

  Result<LoadedTensor> read(const Checkpoint &container,
                            const std::string &where,
                            Decoding decoding) const override;
  Status takePacked(const Checkpoint &container, const TensorInfo &packed);
  Status takeBytes(const Checkpoint &container, const TensorInfo &values);

private:
  Status takeRest(const Checkpoint &container);
  Status takeScale(const TensorInfo &scale);
  Status takeZeros(const Checkpoint &container);
  Status takeOrder(const Checkpoint &container);
  Result<std::vector<int32_t>> readZeros(const Checkpoint &container) const;
  Result<std::vector<int32_t>> readOrder(const Checkpoint &container) const;
  int perWord() const { return 32 / bits; }
  /// A number of the scales' place, for each row and group.
  template <typename T> std::vector<T> perRow(std::vector<T> given) const {
    if (scaleOfRows)
      return given;
    std::vector<T> all;
    all.reserve(size_t(rows * groups));
    for (int64_t r = 0; r < rows; ++r)
      all.insert(all.end(), given.begin(), given.end());
    return all;
  }
};
} // namespace

/// The two dimensions that `weight_shape` holds.
static Result<std::vector<int64_t>> readDims(const Checkpoint &container,
                                             const std::string &name) {
  const TensorInfo *info = container.find(name);
  if (!info)
    return makeError(Errc::Mismatch, "there is no 'weight_shape'");
  bool fits = info->dtype == DType::I64 || info->dtype == DType::I32;
  Result<int64_t> count = checkedCount(info->shape);
  if (!fits || !count || *count != 2)
    return makeError(Errc::Mismatch, "'weight_shape' is ",
                     dtypeName(info->dtype), " ", shapeString(info->shape),
                     ", expected two integers");
  Result<std::vector<int64_t>> dims = readIntegers(container, name);
  if (!dims)
    return dims;
  if (Result<int64_t> all = checkedCount(*dims, 8); !all)
    return makeError(Errc::Mismatch, "'weight_shape' ", shapeString(*dims),
                     ": ", all.error().message);
  return dims;
}

Status CompressedIntegers::takePacked(const Checkpoint &container,
                                      const TensorInfo &packed) {
  Result<std::vector<int64_t>> dims =
      readDims(container, prefix + "weight_shape");
  if (!dims)
    return dims.error();
  rows = (*dims)[0];
  columns = (*dims)[1];
  if (packed.dtype != DType::I32 || packed.shape.size() != 2 ||
      packed.shape[0] != rows)
    return makeError(Errc::Mismatch, "'weight_packed' is ",
                     dtypeName(packed.dtype), " ", shapeString(packed.shape),
                     ", expected i32 with ", rows, " rows of words");
  words = packed.shape[1];
  bool four = words == ceilDiv(columns, 8),
       eight = words == ceilDiv(columns, 4);
  if (four == eight)
    return makeError(Errc::Mismatch, "'weight_packed' has ", words,
                     " words a row of ", columns, " columns, expected ",
                     ceilDiv(columns, 8), " (of 4 bits) or ",
                     ceilDiv(columns, 4), " (of 8 bits)");
  bits = four ? 4 : 8;
  return takeRest(container);
}

Status CompressedIntegers::takeBytes(const Checkpoint &container,
                                     const TensorInfo &values) {
  isPacked = false;
  bits = 8;
  rows = values.shape[0];
  columns = values.shape[1];
  if (Result<int64_t> all = checkedCount({rows, columns}, 8); !all)
    return makeError(Errc::Mismatch, "'weight' ", shapeString(values.shape),
                     ": ", all.error().message);
  return takeRest(container);
}

Status CompressedIntegers::takeRest(const Checkpoint &container) {
  const TensorInfo *scale = container.find(prefix + "weight_scale");
  if (container.find(prefix + "weight_global_scale"))
    return makeError(Errc::Unsupported,
                     "'weight_global_scale' belongs to a format of 4-bit "
                     "floats, which is not supported");
  NM_RETURN_IF_ERROR(takeScale(*scale));
  NM_RETURN_IF_ERROR(takeZeros(container));
  return takeOrder(container);
}

Status CompressedIntegers::takeScale(const TensorInfo &scale) {
  dtype = scale.dtype;
  Result<int64_t> count = checkedCount(scale.shape, 8);
  bool one = count && *count == 1;
  bool matrix = scale.shape.size() == 2 && scale.shape[1] > 0 &&
                (scale.shape[0] == rows || scale.shape[0] == 1) &&
                columns % scale.shape[1] == 0;
  if ((dtype != DType::F16 && dtype != DType::BF16 && dtype != DType::F32) ||
      (!one && !matrix))
    return makeError(Errc::Mismatch, "'weight_scale' is ", dtypeName(dtype),
                     " ", shapeString(scale.shape), ", expected f16, bf16 or ",
                     "f32 with ", rows, " rows of groups that divide ", columns,
                     " columns, or one number");
  groups = one ? 1 : scale.shape[1];
  scaleOfRows = !one && scale.shape[0] == rows;
  if (one && rows == 1)
    scaleOfRows = true;
  return {};
}

Status CompressedIntegers::takeZeros(const Checkpoint &container) {
  const TensorInfo *info = container.find(prefix + "weight_zero_point");
  if (!info)
    return {};
  zeros = info->dtype;
  int64_t scaleRows = scaleOfRows ? rows : 1;
  if (isPacked && info->dtype == DType::I32)
    return expectPart("weight_zero_point", *info, DType::I32,
                      {ceilDiv(scaleRows, perWord()), groups});
  Result<int64_t> count = checkedCount(info->shape);
  if (info->dtype == DType::I8 && count && *count == scaleRows * groups)
    return {};
  std::string found =
      "'weight_zero_point' is " + std::string(dtypeName(info->dtype)) + " " +
      shapeString(info->shape) + ", expected i8 like the scales";
  if (!isPacked)
    return makeError(Errc::Mismatch, found);
  return makeError(Errc::Mismatch, found, ", or i32 [",
                   ceilDiv(scaleRows, perWord()), ", ", groups, "]");
}

Status CompressedIntegers::takeOrder(const Checkpoint &container) {
  const TensorInfo *info = container.find(prefix + "weight_g_idx");
  hasOrder = info != nullptr;
  if (!info || (info->dtype == DType::I64 &&
                info->shape == std::vector<int64_t>{columns}))
    return {};
  return expectPart("weight_g_idx", *info, DType::I32, {columns});
}

Result<std::vector<int32_t>>
CompressedIntegers::readZeros(const Checkpoint &container) const {
  if (zeros == DType::Unknown)
    return std::vector<int32_t>();
  Result<Tensor> tensor = readPart(container, prefix + "weight_zero_point");
  if (!tensor)
    return tensor.error();
  const unsigned char *data = tensor->view.data;
  int64_t scaleRows = scaleOfRows ? rows : 1;
  std::vector<int32_t> values(size_t(scaleRows * groups));
  for (int64_t r = 0; r < scaleRows; ++r)
    for (int64_t g = 0; g < groups; ++g) {
      int32_t &value = values[size_t(r * groups + g)];
      if (zeros == DType::I8) {
        value = static_cast<int8_t>(data[r * groups + g]);
        continue;
      }
      uint32_t word =
          loadUnaligned<uint32_t>(data + 4 * (r / perWord() * groups + g));
      value = fieldOf(word, int(r % perWord()), bits) - (1 << (bits - 1));
    }
  return perRow(std::move(values));
}

Result<std::vector<int32_t>>
CompressedIntegers::readOrder(const Checkpoint &container) const {
  std::vector<int32_t> inOrder = evenGroups(columns, groups);
  if (!hasOrder)
    return inOrder;
  std::string name = prefix + "weight_g_idx";
  Result<std::vector<int64_t>> given = readIntegers(container, name);
  if (!given)
    return given.error();
  if (std::find(given->begin(), given->end(), -1) != given->end())
    return inOrder;
  Result<std::vector<int32_t>> groupOf = checkGroups(*given, name, groups);
  if (!groupOf)
    return groupOf.error();
  std::vector<int64_t> sizes(static_cast<size_t>(groups));
  for (int32_t group : *groupOf)
    ++sizes[size_t(group)];
  for (int64_t g = 0; g < groups; ++g)
    if (sizes[size_t(g)] != columns / groups)
      return makeError(Errc::Mismatch, "'weight_g_idx' gives group ", g, " ",
                       sizes[size_t(g)], " columns, expected ",
                       columns / groups);
  return groupOf;
}

Result<LoadedTensor> CompressedIntegers::read(const Checkpoint &container,
                                              const std::string &where,
                                              Decoding decoding) const {
  auto failed = [&](const Error &error) {
    return makeError(error.code, where, ": ", error.message);
  };
  Result<Tensor> stored =
      readPart(container, prefix + (isPacked ? "weight_packed" : "weight"));
  if (!stored)
    return stored.error();
  Result<std::vector<float>> scales =
      readFloats(container, prefix + "weight_scale");
  if (!scales)
    return scales.error();
  Result<std::vector<int32_t>> zeroPoints = readZeros(container);
  if (!zeroPoints)
    return zeroPoints.error();
  Result<std::vector<int32_t>> groupOf = readOrder(container);
  if (!groupOf)
    return failed(groupOf.error());
  GroupedIntegers matrix{rows, columns, groups};
  matrix.groupOf = std::move(*groupOf);
  matrix.zeros = std::move(*zeroPoints);
  matrix.scales = perRow(std::move(*scales));
  matrix.dtype = dtype;
  const unsigned char *data = stored->view.data;
  matrix.unpackRow = [&, data](int64_t r, int32_t *values) {
    for (int64_t c = 0; c < columns && !isPacked; ++c)
      values[c] = static_cast<int8_t>(data[r * columns + c]);
    for (int64_t c = 0; c < columns && isPacked; ++c)
      values[c] = fieldOf(loadUnaligned<uint32_t>(
                              data + 4 * (r * words + c / perWord())),
                          int(c % perWord()), bits) -
                  (1 << (bits - 1));
  };
  return matrix.decode(decoding);
}

/// Adds a weight whose parts `names` are.
static void addIntegers(PartFinder &finder,
                        std::unique_ptr<CompressedIntegers> parts,
                        const Status &fits, const char *format,
                        std::initializer_list<const char *> names) {
  TensorInfo info{parts->prefix + "weight",
                  parts->dtype,
                  "",
                  {parts->rows, parts->columns},
                  TensorInfo::Storage::Quantized};
  info.stored = "i" + std::to_string(parts->bits) + " of " + format + ", " +
                std::to_string(parts->groups) + " groups a row";
  const std::string prefix = parts->prefix;
  finder.add(fits, std::move(info), prefix, names, std::move(parts));
}

void findPackQuantizedWeights(PartFinder &finder) {
  const Checkpoint &container = finder.container;
  finder.forEach("weight_packed", [&](const std::string &prefix,
                                      const TensorInfo &packed) {
    // Packed floats of 4 bits are bytes and stay as they are.
    if (packed.dtype != DType::I32 || !container.find(prefix + "weight_scale"))
      return;
    auto parts = std::make_unique<CompressedIntegers>();
    parts->prefix = prefix;
    Status fits = parts->takePacked(container, packed);
    addIntegers(finder, std::move(parts), fits, "pack-quantized",
                {"weight_packed", "weight_scale", "weight_shape",
                 "weight_zero_point", "weight_g_idx"});
  });
}

void findIntQuantizedWeights(PartFinder &finder) {
  const Checkpoint &container = finder.container;
  finder.forEach(
      "weight_scale", [&](const std::string &prefix, const TensorInfo &) {
        const TensorInfo *values = container.find(prefix + "weight");
        // Floats of 8 bits stay as they are, with their scales.
        if (!values || values->dtype != DType::I8 || values->shape.size() != 2)
          return;
        auto parts = std::make_unique<CompressedIntegers>();
        parts->prefix = prefix;
        Status fits = parts->takeBytes(container, *values);
        addIntegers(
            finder, std::move(parts), fits, "int-quantized",
            {"weight", "weight_scale", "weight_zero_point", "weight_g_idx"});
      });
}

} // namespace nm::rt
