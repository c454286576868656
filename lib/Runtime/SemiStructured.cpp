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

#include "Memory.h"
#include "SparseNibbles.h"
#include "Support.h"
#include "WeightParts.h"

namespace nm::rt {

namespace {
class SemiStructured final : public WeightParts {
public:
  std::string prefix; ///< of the parts: `<weight>.`
  int64_t rows = 0, columns = 0;
  DType dtype = DType::F16, words = DType::I16;

  Result<LoadedTensor> read(const Checkpoint &container,
                            const std::string &where) const override;
  Status take(const TensorInfo &packed, const TensorInfo &meta);

private:
  int64_t groupSize() const { return dtype == DType::F32 ? 2 : 4; }
  int64_t perWord() const { return words == DType::I16 ? 4 : 8; }
  /// Of the metadata, in the order of CUTLASS.
  int64_t reorderedRow(int64_t row) const {
    int64_t run = words == DType::I16 ? 32 : 16;
    return row / run * run + row % 8 * (run / 8) + row % run / 8;
  }
  unsigned nibbleAt(const unsigned char *meta, int64_t row,
                    int64_t group) const {
    int64_t place = metadataPlace(reorderedRow(row), group / perWord(), rows);
    uint32_t word = words == DType::I16
                        ? loadUnaligned<uint16_t>(meta + 2 * place)
                        : loadUnaligned<uint32_t>(meta + 4 * place);
    return word >> (group % perWord() * 4) & 15u;
  }
};
} // namespace

Status SemiStructured::take(const TensorInfo &packed, const TensorInfo &meta) {
  dtype = packed.dtype;
  words = dtype == DType::I8 ? DType::I32 : DType::I16;
  int64_t run = words == DType::I16 ? 32 : 16;
  bool fits = (dtype == DType::F16 || dtype == DType::BF16 ||
               dtype == DType::F32 || dtype == DType::I8) &&
              packed.shape.size() == 2 && packed.shape[0] % run == 0 &&
              checkedCount(packed.shape, 16).ok();
  int64_t ofWord = groupSize() * perWord();
  if (fits && packed.shape[1] * 2 % (2 * ofWord) != 0)
    fits = false; // the swap of words needs pairs of them
  if (!fits)
    return makeError(Errc::Mismatch, "'packed' is ", dtypeName(dtype), " ",
                     shapeString(packed.shape),
                     ", expected f16, bf16, f32 or i8 with a multiple of ", run,
                     " rows and of ", ofWord, " columns");
  rows = packed.shape[0];
  columns = packed.shape[1] * 2;
  return expectPart("meta", meta, words, {rows, columns / ofWord});
}

Result<LoadedTensor> SemiStructured::read(const Checkpoint &container,
                                          const std::string &where) const {
  Result<Tensor> packed = readPart(container, prefix + "packed");
  if (!packed)
    return packed.error();
  Result<Tensor> meta = readPart(container, prefix + "meta");
  if (!meta)
    return meta.error();
  int64_t elem = elementBytes(dtype), bytes = rows * columns * elem;
  std::shared_ptr<unsigned char> buffer = allocateBuffer(uint64_t(bytes));
  std::memset(buffer.get(), 0, size_t(bytes));
  const unsigned char *from = packed->view.data;
  KeptElements elements(rows, columns);
  bool pairs = groupSize() == 2;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t g = 0; g < columns / groupSize(); ++g) {
      unsigned nibble = nibbleAt(meta->view.data, r, g);
      std::optional<KeptPair> kept = keptPair(nibble);
      // Of two elements one is kept, both of whose halves the nibble names.
      if (!kept || (pairs && nibble != 0x4 && nibble != 0xe))
        return makeError(Errc::Mismatch, where, ": 'meta' of group [", r, ", ",
                         g, "] is ", nibble, ", expected ",
                         pairs ? "4 or 14" : "two ascending positions of four");
      unsigned char *group =
          buffer.get() + (r * columns + g * groupSize()) * elem;
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
  loaded.tensor.view = denseView(buffer.get(), dtype, {rows, columns});
  loaded.tensor.owner = std::move(buffer);
  loaded.mask = elements.get();
  return loaded;
}

void findSemiStructuredWeights(PartFinder &finder) {
  const Checkpoint &container = finder.container;
  finder.forEach(".packed", [&](const std::string &name,
                                const TensorInfo &packed) {
    const TensorInfo *meta = container.find(name + ".meta");
    bool named = name == "weight" ||
                 (name.size() > 7 && name.substr(name.size() - 7) == ".weight");
    if (!meta && named && packed.shape.size() == 1) {
      FoundWeight found;
      found.info = {name, packed.dtype, packed.dtypeText, packed.shape};
      found.info.note =
          "it is packed by cuSPARSELt, whose order of positions is not public; "
          "load it where it was made and save its to_dense()";
      found.hidden = {packed.name};
      finder.found.push_back(std::move(found));
      return;
    }
    if (!meta || (meta->dtype != DType::I16 && meta->dtype != DType::I32))
      return;
    auto parts = std::make_unique<SemiStructured>();
    parts->prefix = name + ".";
    FoundWeight found;
    Status taken = parts->take(packed, *meta);
    if (!taken)
      found.info.note = taken.error().message;
    found.info.name = named ? name : name + ".weight";
    found.info.dtype = parts->dtype;
    found.info.dtypeText = dtypeName(parts->dtype);
    found.info.shape = {parts->rows, parts->columns};
    found.info.storage = TensorInfo::Storage::SemiStructured;
    found.info.masked = true;
    found.info.stored = parts->dtype == DType::F32
                            ? "1:2 of PyTorch's semi-structured tensors"
                            : "2:4 of PyTorch's semi-structured tensors";
    found.hidden = {packed.name, meta->name};
    found.parts = std::move(parts);
    finder.found.push_back(std::move(found));
  });
}

} // namespace nm::rt
