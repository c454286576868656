//===- Qweights.cpp - GPTQ and AWQ ----------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Both store a linear layer's weight transposed, [in, out], in words of 32
// bits, with `scales` f16 [groups, out] and the zero points of the groups:
//
//   GPTQ  qweight i32 [in / F, out], F = 32 / bits values along the inputs,
//         lower ones in lower bits; qzeros i32 [groups, out / F] along the
//         outputs, each less 1 except in the form gptq_v2; g_idx i32 [in]
//   AWQ   qweight i32 [in, out / 8], qzeros i32 [groups, out / 8]: eight values
//         of 4 bits along the outputs, of which field j holds output 0 2 4 6 1
//         3 5 7 [j]
//
// The weight is [out, in], as torch.nn.Linear holds it.
//
//===----------------------------------------------------------------------===//

#include "GroupedIntegers.h"
#include "Support.h"

namespace nm::rt {

namespace {
/// Two-dimensional words and where a value is in them.
struct Qweight final : public WeightParts {
  std::string prefix;
  bool awq = false;
  int bits = 4;
  int64_t inputs = 0, outputs = 0, groups = 0;
  DType dtype = DType::F16;
  /// Added to the stored zero points.
  int32_t zeroOffset = 0;
  bool hasOrder = false;

  Result<LoadedTensor> read(const Checkpoint &container,
                            const std::string &where,
                            Decoding decoding) const override;
  Status take(const PartFinder &finder, const TensorInfo &words);

private:
  Status takeAwq(const TensorInfo &words, const TensorInfo &zeros);
  Status takeGptq(const PartFinder &finder, const TensorInfo &words,
                  const TensorInfo &zeros);
  int perWord() const { return 32 / bits; }
  int32_t weightAt(const unsigned char *words, int64_t in, int64_t out) const;
  int32_t zeroAt(const unsigned char *words, int64_t group, int64_t out) const;
};
} // namespace

/// The field of AWQ's words that holds an output: the inverse of its order.
static constexpr int kAwqField[8] = {0, 4, 1, 5, 2, 6, 3, 7};

int32_t Qweight::weightAt(const unsigned char *words, int64_t in,
                          int64_t out) const {
  if (awq)
    return fieldOf(
        loadUnaligned<uint32_t>(words + 4 * (in * (outputs / 8) + out / 8)),
        kAwqField[out % 8], 4);
  return fieldOf(
      loadUnaligned<uint32_t>(words + 4 * (in / perWord() * outputs + out)),
      int(in % perWord()), bits);
}

int32_t Qweight::zeroAt(const unsigned char *words, int64_t group,
                        int64_t out) const {
  int64_t row = outputs / perWord();
  int field = int(out % perWord());
  return fieldOf(loadUnaligned<uint32_t>(words +
                                         4 * (group * row + out / perWord())),
                 awq ? kAwqField[field] : field, bits) +
         zeroOffset;
}

Status Qweight::takeAwq(const TensorInfo &words, const TensorInfo &zeros) {
  awq = true;
  inputs = words.shape[0];
  NM_RETURN_IF_ERROR(
      expectPart("qzeros", zeros, DType::I32, {groups, outputs / 8}));
  if (inputs % groups != 0)
    return makeError(Errc::Mismatch, groups, " groups do not divide ", inputs,
                     " inputs");
  return {};
}

Status Qweight::takeGptq(const PartFinder &finder, const TensorInfo &words,
                         const TensorInfo &zeros) {
  int64_t perGroup = zeros.shape.size() == 2 ? zeros.shape[1] : 0;
  for (int candidate : {2, 4, 8})
    if (outputs % (32 / candidate) == 0 &&
        perGroup == outputs / (32 / candidate))
      bits = candidate;
  bool three = outputs % 32 == 0 && perGroup == outputs / 32 * 3;
  if (three)
    return makeError(
        Errc::Unsupported,
        "its values of 3 bits cross words, which is not supported");
  NM_RETURN_IF_ERROR(
      expectPart("qzeros", zeros, DType::I32, {groups, outputs / perWord()}));
  if (mulOverflow(words.shape[0], int64_t(perWord()), inputs))
    return makeError(Errc::Mismatch, "'qweight' is too large");
  const QuantizationConfig &config = finder.config;
  zeroOffset = config.checkpointFormat == "gptq_v2" ? 0 : 1;
  if (const TensorInfo *order = finder.container.find(prefix + "g_idx")) {
    hasOrder = true;
    return expectPart("g_idx", *order, DType::I32, {inputs});
  }
  if (inputs % groups != 0)
    return makeError(Errc::Mismatch, groups, " groups do not divide ", inputs,
                     " inputs, and there is no 'g_idx'");
  return {};
}

Status Qweight::take(const PartFinder &finder, const TensorInfo &words) {
  const TensorInfo &scales = *finder.container.find(prefix + "scales");
  const TensorInfo &zeros = *finder.container.find(prefix + "qzeros");
  dtype = scales.dtype;
  if ((dtype != DType::F16 && dtype != DType::BF16 && dtype != DType::F32) ||
      scales.shape.size() != 2 || scales.shape[0] == 0)
    return makeError(Errc::Mismatch, "'scales' is ", dtypeName(dtype), " ",
                     shapeString(scales.shape),
                     ", expected f16, bf16 or f32 [groups, outputs]");
  groups = scales.shape[0];
  outputs = scales.shape[1];
  if (words.dtype != DType::I32 || words.shape.size() != 2)
    return makeError(Errc::Mismatch, "'qweight' is ", dtypeName(words.dtype),
                     " ", shapeString(words.shape),
                     ", expected words of i32 in two dimensions");
  bool isAwq = outputs % 8 == 0 && words.shape[1] == outputs / 8;
  if (!isAwq && words.shape[1] != outputs)
    return makeError(
        Errc::Unsupported, "'qweight' is ", shapeString(words.shape),
        ", expected ", outputs, " columns (GPTQ) or ", outputs / 8,
        " (AWQ, version gemm) for scales ", shapeString(scales.shape));
  NM_RETURN_IF_ERROR(isAwq ? takeAwq(words, zeros)
                           : takeGptq(finder, words, zeros));
  if (Result<int64_t> count = checkedCount({outputs, inputs}, 8); !count)
    return count.error();
  return {};
}

Result<LoadedTensor> Qweight::read(const Checkpoint &container,
                                   const std::string &where,
                                   Decoding decoding) const {
  Result<Tensor> words = readPart(container, prefix + "qweight");
  if (!words)
    return words.error();
  Result<Tensor> zeros = readPart(container, prefix + "qzeros");
  if (!zeros)
    return zeros.error();
  Result<std::vector<float>> scales = readFloats(container, prefix + "scales");
  if (!scales)
    return scales.error();
  GroupedIntegers matrix{outputs, inputs, groups};
  matrix.groupOf = evenGroups(inputs, hasOrder ? 1 : groups);
  if (hasOrder) {
    Result<std::vector<int64_t>> given =
        readIntegers(container, prefix + "g_idx");
    if (!given)
      return given.error();
    Result<std::vector<int32_t>> order =
        checkGroups(*given, prefix + "g_idx", groups);
    if (!order)
      return makeError(order.error().code, where, ": ", order.error().message);
    matrix.groupOf = std::move(*order);
  }
  matrix.dtype = dtype;
  for (int64_t out = 0; out < outputs; ++out)
    for (int64_t g = 0; g < groups; ++g) {
      matrix.zeros.push_back(zeroAt(zeros->view.data, g, out));
      matrix.scales.push_back((*scales)[size_t(g * outputs + out)]);
    }
  const unsigned char *data = words->view.data;
  matrix.unpackRow = [&, data](int64_t out, int32_t *values) {
    for (int64_t in = 0; in < inputs; ++in)
      values[in] = weightAt(data, in, out);
  };
  return matrix.decode(decoding);
}

void findQweights(PartFinder &finder) {
  const Checkpoint &container = finder.container;
  finder.forEach(
      "qweight", [&](const std::string &prefix, const TensorInfo &words) {
        if (!container.find(prefix + "qzeros") ||
            !container.find(prefix + "scales"))
          return;
        auto parts = std::make_unique<Qweight>();
        parts->prefix = prefix;
        Status fits = parts->take(finder, words);
        TensorInfo info{prefix + "weight",
                        parts->dtype,
                        "",
                        {parts->outputs, parts->inputs},
                        TensorInfo::Storage::Quantized};
        const char *format = parts->awq          ? "AWQ"
                             : parts->zeroOffset ? "GPTQ"
                                                 : "GPTQ (gptq_v2)";
        info.stored = "i" + std::to_string(parts->bits) + " of " + format +
                      ", " + std::to_string(parts->groups) + " groups a row";
        finder.add(fits, std::move(info), prefix,
                   {"qweight", "qzeros", "scales", "g_idx"}, std::move(parts));
      });
}

} // namespace nm::rt
