//===- SemiStructured.cpp - semi-structured tensors of PyTorch ------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// torch.sparse.SparseSemiStructuredTensorCUTLASS keeps a matrix [m, k] as
// `packed` [m, k / 2], the kept values, and `meta`, words of nibbles (i16, or
// i32 for values of 8 bits) in the order of CUTLASS. Values of f32 are 1:2:
// their groups have two elements, each of two of the four positions.
//
//===----------------------------------------------------------------------===//

#include "SemiStructured.h"
#include "Memory.h"
#include "SparseNibbles.h"
#include "Support.h"
#include "WeightParts.h"

namespace nm::rt {

namespace {
/// Shapes of the parts, and where each group's nibble is.
struct Layout {
  int64_t rows = 0, columns = 0;
  DType dtype = DType::F16, words = DType::I16;

  int64_t groupSize() const { return dtype == DType::F32 ? 2 : 4; }
  int64_t perWord() const { return words == DType::I16 ? 4 : 8; }
  /// Rows that CUTLASS reorders together.
  int64_t run() const { return words == DType::I16 ? 32 : 16; }
  std::vector<int64_t> metaShape() const {
    return {rows, columns / (groupSize() * perWord())};
  }
  Status take(DType type, const std::vector<int64_t> &dense);

  int64_t wordOf(int64_t row, int64_t group) const {
    int64_t reordered =
        row / run() * run() + row % 8 * (run() / 8) + row % run() / 8;
    return metadataPlace(reordered, group / perWord(), rows);
  }
  unsigned nibbleAt(const unsigned char *meta, int64_t row,
                    int64_t group) const {
    int64_t place = wordOf(row, group);
    uint32_t word = words == DType::I16
                        ? loadUnaligned<uint16_t>(meta + 2 * place)
                        : loadUnaligned<uint32_t>(meta + 4 * place);
    return word >> (group % perWord() * 4) & 15u;
  }
  /// Of nibbles that are still zero.
  void setNibble(unsigned char *meta, int64_t row, int64_t group,
                 unsigned nibble) const {
    unsigned shift = unsigned(group % perWord()) * 4;
    // Little endian: the nibble lies in one byte of the word.
    unsigned char &byte =
        meta[wordOf(row, group) * elementBytes(words) + shift / 8];
    byte = static_cast<unsigned char>(byte | nibble << (shift % 8));
  }
};

class SemiStructured final : public WeightParts {
public:
  std::string prefix; ///< of the parts: `<weight>.`
  Layout layout;

  Result<LoadedTensor> read(const Checkpoint &container,
                            const std::string &where,
                            Decoding decoding) const override;
  Status take(const TensorInfo &packed, const TensorInfo &meta);
};
} // namespace

Status Layout::take(DType type, const std::vector<int64_t> &dense) {
  dtype = type;
  words = dtype == DType::I8 ? DType::I32 : DType::I16;
  bool known = dtype == DType::F16 || dtype == DType::BF16 ||
               dtype == DType::F32 || dtype == DType::I8;
  // Words swap in pairs of columns.
  int64_t ofPair = 2 * groupSize() * perWord();
  if (!known || dense.size() != 2 || dense[0] % run() != 0 ||
      dense[1] % ofPair != 0 || !checkedCount(dense, 8).ok())
    return makeError(Errc::Mismatch, dtypeName(dtype), " ", shapeString(dense),
                     ", expected f16, bf16, f32 or i8 with a multiple of ",
                     run(), " rows and of ", ofPair, " columns");
  rows = dense[0];
  columns = dense[1];
  return {};
}

Status SemiStructured::take(const TensorInfo &packed, const TensorInfo &meta) {
  std::vector<int64_t> dense = packed.shape;
  if (dense.size() == 2 && mulOverflow(dense[1], int64_t(2), dense[1]))
    dense.clear();
  if (Status fits = layout.take(packed.dtype, dense); !fits)
    return makeError(fits.error().code, "'packed' is of a matrix ",
                     fits.error().message);
  return expectPart("meta", meta, layout.words, layout.metaShape());
}

Result<SemiStructuredTensor> packSemiStructured(const TensorView &dense,
                                                const Mask &mask) {
  Layout layout;
  if (dense.dtype == DType::F32)
    return makeError(Errc::Mismatch,
                     "it is f32, of which PyTorch packs one of two, not two of "
                     "four; convert it to f16 or bf16 first");
  if (Status fits = layout.take(dense.dtype, dense.shape); !fits)
    return makeError(fits.error().code, "it is ", fits.error().message);
  int64_t elem = elementBytes(dense.dtype), rows = layout.rows;
  int64_t packedBytes = rows * layout.columns / 2 * elem;
  int64_t metaBytes = rows * layout.metaShape()[1] * elementBytes(layout.words);
  std::shared_ptr<unsigned char> packed = allocateBuffer(uint64_t(packedBytes));
  std::shared_ptr<unsigned char> meta = allocateBuffer(uint64_t(metaBytes));
  std::memset(meta.get(), 0, size_t(metaBytes));
  unsigned char *next = packed.get();
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t g = 0; g < layout.columns / 4; ++g) {
      unsigned nibble = 0, found = 0;
      for (unsigned i = 0; i < 4; ++i) {
        int64_t index = r * layout.columns + 4 * g + i;
        if (!mask.test(index))
          continue;
        nibble |= i << (2 * found++);
        std::memcpy(next, dense.data + index * elem, size_t(elem));
        next += elem;
      }
      layout.setNibble(meta.get(), r, g, nibble);
    }
  SemiStructuredTensor result;
  result.packed = {
      denseView(packed.get(), dense.dtype, {rows, layout.columns / 2}), packed};
  result.meta = {denseView(meta.get(), layout.words, layout.metaShape()), meta};
  return result;
}

Result<LoadedTensor> SemiStructured::read(const Checkpoint &container,
                                          const std::string &where,
                                          Decoding) const {
  Result<Tensor> packed = readPart(container, prefix + "packed");
  if (!packed)
    return packed.error();
  Result<Tensor> meta = readPart(container, prefix + "meta");
  if (!meta)
    return meta.error();
  int64_t rows = layout.rows, columns = layout.columns;
  int64_t size = layout.groupSize();
  int64_t elem = elementBytes(layout.dtype), bytes = rows * columns * elem;
  std::shared_ptr<unsigned char> buffer = allocateBuffer(uint64_t(bytes));
  std::memset(buffer.get(), 0, size_t(bytes));
  const unsigned char *from = packed->view.data;
  KeptElements elements(rows, columns);
  bool pairs = size == 2;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t g = 0; g < columns / size; ++g) {
      unsigned nibble = layout.nibbleAt(meta->view.data, r, g);
      std::optional<KeptPair> kept = keptPair(nibble);
      // Of two elements one is kept, both of whose halves the nibble names.
      if (!kept || (pairs && nibble != 0x4 && nibble != 0xe))
        return makeError(Errc::Mismatch, where, ": 'meta' of group [", r, ", ",
                         g, "] is ", nibble, ", expected ",
                         pairs ? "4 or 14" : "two ascending positions of four");
      unsigned char *group = buffer.get() + (r * columns + g * size) * elem;
      if (pairs) {
        std::memcpy(group + kept->first / 2 * elem, from, size_t(elem));
        elements.keep(r, g * 2 + kept->first / 2);
        from += elem;
        continue;
      }
      std::memcpy(group + kept->first * elem, from, size_t(elem));
      std::memcpy(group + kept->second * elem, from + elem, size_t(elem));
      elements.keep(r, g * 4 + kept->first);
      elements.keep(r, g * 4 + kept->second);
      from += 2 * elem;
    }
  LoadedTensor loaded;
  loaded.tensor.view = denseView(buffer.get(), layout.dtype, {rows, columns});
  loaded.tensor.owner = std::move(buffer);
  loaded.mask = elements.get();
  return loaded;
}

void findSemiStructuredWeights(PartFinder &finder) {
  finder.forEach(".packed", [&](const std::string &name,
                                const TensorInfo &packed) {
    const TensorInfo *meta = finder.container.find(name + ".meta");
    if (!meta && weightNamed(name) == name && packed.shape.size() == 1) {
      finder.add(makeError(Errc::Unsupported,
                           "it is packed by cuSPARSELt, whose order of "
                           "positions is not public; load it where it was made "
                           "and save its to_dense()"),
                 {name, packed.dtype, "", packed.shape}, name, {".packed"},
                 nullptr);
      return;
    }
    if (!meta || (meta->dtype != DType::I16 && meta->dtype != DType::I32))
      return;
    auto parts = std::make_unique<SemiStructured>();
    parts->prefix = name + ".";
    Status fits = parts->take(packed, *meta);
    const Layout &layout = parts->layout;
    TensorInfo info{weightNamed(name),
                    layout.dtype,
                    "",
                    {layout.rows, layout.columns},
                    TensorInfo::Storage::SemiStructured};
    info.masked = true;
    info.stored = layout.dtype == DType::F32
                      ? "1:2 of PyTorch's semi-structured tensors"
                      : "2:4 of PyTorch's semi-structured tensors";
    finder.add(fits, std::move(info), name, {".packed", ".meta"},
               std::move(parts));
  });
}

} // namespace nm::rt
