//===- Marlin24.cpp - marlin-24 of compressed-tensors ---------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A 2:4 weight [N, K] of 4 or 8 bits, symmetric, as the marlin-24 kernel reads
// it. Its kept values, [N, K / 2], have 2^(bits - 1) added, are transposed, cut
// into tiles of 16 x 16 that lie one after the other, shuffled in runs of 1024
// and packed, F = 32 / bits a word:
//
//   weight_packed  i32 [K / 32, 16 N / F]
//   meta           i16 [K / 32, 2 N], four nibbles a word: the bytes of [N, K /
//                  16] in the kernel's order of rows
//   scale_packed   f16 [groups, N], shuffled in runs of 64 where a row has more
//                  than 2 groups of 128
//
//===----------------------------------------------------------------------===//

#include "GroupedIntegers.h"
#include "SparseNibbles.h"
#include "Support.h"
#include <array>

namespace nm::rt {

namespace {
class Marlin24 final : public WeightParts {
public:
  std::string prefix;
  int64_t rows = 0, columns = 0, groups = 1;
  int bits = 4;

  Result<LoadedTensor> read(const Checkpoint &container,
                            const std::string &where,
                            Decoding decoding) const override;
  Status take(const Checkpoint &container, const TensorInfo &packed);

private:
  std::vector<float> inOrder(const std::vector<float> &stored) const;
  /// The place of each kept value of a row among the stored ones.
  int64_t placeOf(int64_t row, int64_t kept) const;
  std::array<int16_t, 1024> stored = {}; ///< place in a run -> place stored
};
} // namespace

/// The elements of a run of four tiles in the order in which the kernel's
/// threads take them, and within a word in the order of its conversions.
static std::array<int16_t, 1024> kernelOrder(int bits) {
  static constexpr int kFour[8] = {0, 2, 4, 6, 1, 3, 5, 7};
  static constexpr int kEight[4] = {0, 2, 1, 3};
  std::array<int16_t, 1024> plain, order;
  size_t next = 0;
  for (int thread = 0; thread < 32; ++thread)
    for (int j = 0; j < 4; ++j)
      for (int block = 0; block < 2; ++block)
        for (int part = 0; part < 4; ++part) {
          int row = 2 * (thread % 4 + (part / 2) * 4) + part % 2;
          int column = thread / 4;
          plain[next++] = int16_t(16 * row + column / 2 * 256 +
                                  8 * (column % 2) + 4 * block + j);
        }
  size_t run = bits == 4 ? 8 : 4;
  for (size_t i = 0; i < order.size(); ++i)
    order[i] = plain[i / run * run +
                     size_t(bits == 4 ? kFour[i % run] : kEight[i % run])];
  return order;
}

/// The row of the metadata that the kernel has for a row of the weight.
static int64_t kernelRow(int64_t row) {
  return row / 64 * 64 + row % 2 * 2 + row % 8 / 4 + row % 4 / 2 * 32 +
         row % 64 / 8 * 4;
}

Status Marlin24::take(const Checkpoint &container, const TensorInfo &packed) {
  const TensorInfo &meta = *container.find(prefix + "meta");
  const TensorInfo &scale = *container.find(prefix + "scale_packed");
  bool fits = meta.dtype == DType::I16 && meta.shape.size() == 2 &&
              meta.shape[1] % 128 == 0 && meta.shape[0] > 0 &&
              meta.shape[1] > 0 && checkedCount(meta.shape, 256).ok();
  if (!fits)
    return makeError(Errc::Mismatch, "'meta' is ", dtypeName(meta.dtype), " ",
                     shapeString(meta.shape),
                     ", expected i16 [K / 32, 2 N] with N a multiple of 64");
  columns = meta.shape[0] * 32;
  rows = meta.shape[1] / 2;
  bool eight = packed.shape.size() == 2 && packed.shape[1] == rows * 4;
  bits = eight ? 8 : 4;
  NM_RETURN_IF_ERROR(expectPart("weight_packed", packed, DType::I32,
                                {columns / 32, rows * 16 / (32 / bits)}));
  bool ofRows = scale.shape == std::vector<int64_t>{1, rows};
  groups = ofRows ? 1 : columns / 128;
  if (columns % 128 != 0 && !ofRows)
    return makeError(Errc::Mismatch, "'scale_packed' is ",
                     shapeString(scale.shape), ", expected [1, ", rows, "]");
  NM_RETURN_IF_ERROR(
      expectPart("scale_packed", scale, DType::F16, {groups, rows}));
  std::array<int16_t, 1024> order = kernelOrder(bits);
  for (size_t i = 0; i < order.size(); ++i)
    stored[size_t(order[i])] = int16_t(i);
  return {};
}

int64_t Marlin24::placeOf(int64_t row, int64_t kept) const {
  // Transposed, value `kept` of row `row` is at [kept, row].
  int64_t tile = kept / 16 * (rows / 16) + row / 16;
  int64_t place = tile * 256 + kept % 16 * 16 + row % 16;
  return place / 1024 * 1024 + stored[size_t(place % 1024)];
}

std::vector<float> Marlin24::inOrder(const std::vector<float> &given) const {
  static constexpr int kOrder[8] = {0, 4, 1, 5, 2, 6, 3, 7};
  std::vector<float> scales(given.size());
  bool shuffled = groups > 2;
  for (size_t i = 0; i < given.size(); ++i) {
    size_t within = i % 64;
    size_t from =
        shuffled ? within / 8 * 8 + size_t(kOrder[within % 8]) : within;
    size_t place = i / 64 * 64 + from; // in [groups, rows]
    size_t group = place / size_t(rows), row = place % size_t(rows);
    scales[row * size_t(groups) + group] = given[i];
  }
  return scales;
}

Result<LoadedTensor> Marlin24::read(const Checkpoint &container,
                                    const std::string &where,
                                    Decoding decoding) const {
  Result<Tensor> packed = readPart(container, prefix + "weight_packed");
  if (!packed)
    return packed.error();
  Result<Tensor> meta = readPart(container, prefix + "meta");
  if (!meta)
    return meta.error();
  Result<std::vector<float>> scales =
      readFloats(container, prefix + "scale_packed");
  if (!scales)
    return scales.error();
  const unsigned char *words = packed->view.data, *nibbles = meta->view.data;
  auto nibbleAt = [&](int64_t row, int64_t group) {
    int64_t place = metadataPlace(kernelRow(row), group / 4, rows);
    return loadUnaligned<uint16_t>(nibbles + 2 * place) >> (group % 4 * 4) &
           15u;
  };
  KeptElements kept(rows, columns);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t g = 0; g < columns / 4; ++g) {
      std::optional<KeptPair> pair = keptPair(nibbleAt(r, g));
      if (!pair)
        return makeError(Errc::Mismatch, where, ": 'meta' of group [", r, ", ",
                         g, "] is ", nibbleAt(r, g),
                         ", expected two ascending positions of four");
      kept.keep(r, 4 * g + pair->first);
      kept.keep(r, 4 * g + pair->second);
    }
  int perWord = 32 / bits;
  GroupedIntegers matrix{rows, columns, groups};
  matrix.groupOf = evenGroups(columns, groups);
  matrix.scales = inOrder(*scales);
  auto valueAt = [&](int64_t row, int64_t kept) {
    int64_t place = placeOf(row, kept);
    return fieldOf(loadUnaligned<uint32_t>(words + place / perWord * 4),
                   int(place % perWord), bits) -
           (1 << (bits - 1));
  };
  matrix.unpackRow = [&](int64_t row, int32_t *values) {
    std::fill(values, values + columns, 0);
    for (int64_t g = 0; g < columns / 4; ++g) {
      KeptPair pair = *keptPair(nibbleAt(row, g));
      values[4 * g + pair.first] = valueAt(row, 2 * g);
      values[4 * g + pair.second] = valueAt(row, 2 * g + 1);
    }
  };
  LoadedTensor loaded = matrix.decode(decoding);
  loaded.mask = kept.get();
  return loaded;
}

void findMarlin24Weights(PartFinder &finder) {
  const Checkpoint &container = finder.container;
  finder.forEach("weight_packed", [&](const std::string &prefix,
                                      const TensorInfo &packed) {
    if (!container.find(prefix + "scale_packed") ||
        !container.find(prefix + "meta"))
      return;
    auto parts = std::make_unique<Marlin24>();
    parts->prefix = prefix;
    Status fits = parts->take(container, packed);
    TensorInfo info{prefix + "weight",
                    DType::F16,
                    "",
                    {parts->rows, parts->columns},
                    TensorInfo::Storage::Quantized};
    info.masked = true;
    info.stored = "2:4 i" + std::to_string(parts->bits) + " of marlin-24, " +
                  std::to_string(parts->groups) + " groups a row";
    finder.add(fits, std::move(info), prefix,
               {"weight_packed", "scale_packed", "meta"}, std::move(parts));
  });
}

} // namespace nm::rt
