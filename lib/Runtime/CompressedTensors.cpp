//===- CompressedTensors.cpp - bitmask-compressed weights -----------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CompressedTensors.h"
#include "GroupedIntegers.h"
#include "Memory.h"
#include "Support.h"
#include "Threads.h"
#include "WeightParts.h"
#include <algorithm>

namespace nm::rt {

static int64_t numRows(const BitmaskParts &parts) {
  int64_t rows = 1;
  for (size_t d = 0; d + 1 < parts.shape.size(); ++d)
    rows *= parts.shape[d];
  return rows;
}

Status checkBitmaskParts(const BitmaskParts &parts) {
  auto expect = [&](const char *part, const TensorView &view, DType dtype,
                    const std::vector<int64_t> &shape) -> Status {
    if (view.dtype == dtype && view.shape == shape)
      return {};
    return makeError(Errc::Mismatch, "'", part, "' is ", dtypeName(view.dtype),
                     " ", shapeString(view.shape), ", expected ",
                     dtypeName(dtype), " ", shapeString(shape));
  };
  const std::vector<int64_t> &shape = parts.shape;
  bool ragged = parts.ragged;
  if (shape.empty() || (!ragged && shape.size() != 2))
    return makeError(Errc::Mismatch, "'shape' names ", shape.size(),
                     " dimensions, expected ", ragged ? "at least 1" : "2");
  DType dtype = parts.compressed.dtype;
  int64_t elem = elementBytes(dtype);
  if (elem == 0)
    return makeError(Errc::Unsupported,
                     "'compressed' has an element type that is not supported");
  if (Result<int64_t> count = checkedCount(shape, elem); !count)
    return count.error();
  int64_t rows = numRows(parts), cols = shape.back();
  std::vector<int64_t> packed = shape;
  packed.back() = ceilDiv(cols, 8);
  NM_RETURN_IF_ERROR(expect("bitmask", parts.bitmask, DType::U8, packed));
  if (!ragged) {
    if (cols % 4 != 0)
      return makeError(Errc::Mismatch, cols,
                       " columns do not divide into groups of 4");
    return expect("compressed", parts.compressed, dtype, {rows, cols / 2});
  }
  if (shape.size() == 2)
    NM_RETURN_IF_ERROR(
        expect("row_offsets", parts.rowOffsets, DType::I64, {rows}));
  if (parts.compressed.rank() != 1)
    return makeError(Errc::Mismatch, "'compressed' has shape ",
                     shapeString(parts.compressed.shape),
                     ", expected one dimension");
  return {};
}

namespace {
/// Expands rows of a bitmask-compressed weight that is not empty.
class Expander {
public:
  Expander(const BitmaskParts &parts, unsigned char *dense)
      : parts(parts), dense(dense), rows(numRows(parts)),
        cols(parts.shape.back()), rowBytes(ceilDiv(cols, 8)),
        elem(elementBytes(parts.compressed.dtype)), pairsOnly(!parts.ragged) {
    if (pairsOnly || parts.shape.size() == 2)
      return;
    // There are no offsets to trust: count.
    int64_t sum = 0;
    begins.reserve(static_cast<size_t>(rows) + 1);
    for (int64_t r = 0; r < rows; ++r) {
      begins.push_back(sum);
      sum += popcount(parts.bitmask.data + r * rowBytes);
    }
    begins.push_back(sum);
  }

  /// Returns whether row `r` is consistent, and expands it then.
  bool row(int64_t r) const {
    const unsigned char *bits = parts.bitmask.data + r * rowBytes;
    int64_t begin, count;
    if (!range(r, begin, count) || popcount(bits) != count ||
        !tailIsClear(bits))
      return false;
    if (pairsOnly)
      for (int64_t i = 0; i < rowBytes; ++i)
        if (!pairs(bits[i], i + 1 == rowBytes))
          return false;
    const unsigned char *from = parts.compressed.data + begin * elem;
    unsigned char *to = dense + r * cols * elem;
    std::memset(to, 0, static_cast<size_t>(cols * elem));
    switch (elem) {
    case 1:
      scatter<uint8_t>(bits, from, to);
      break;
    case 2:
      scatter<uint16_t>(bits, from, to);
      break;
    case 4:
      scatter<uint32_t>(bits, from, to);
      break;
    default:
      scatter<uint64_t>(bits, from, to);
      break;
    }
    return true;
  }

  /// What is wrong with a row that `row` refused.
  std::string explain(int64_t r) const {
    const unsigned char *bits = parts.bitmask.data + r * rowBytes;
    std::ostringstream os;
    int64_t begin, count;
    if (!begins.empty() && begins.back() != parts.compressed.count()) {
      os << "the bitmask holds " << begins.back()
         << " positions, but there are " << parts.compressed.count()
         << " compressed values";
      return os.str();
    }
    if (!range(r, begin, count)) {
      os << "row_offsets of row " << r << " do not lie in order within the "
         << parts.compressed.count() << " compressed values";
      return os.str();
    }
    if (!tailIsClear(bits)) {
      os << "bitmask of row " << r << " has bits beyond column " << cols;
      return os.str();
    }
    if (pairsOnly) {
      for (int64_t g = 0; g < cols / 4; ++g) {
        int held = __builtin_popcount((bits[g / 2] >> (g % 2 * 4)) & 15);
        if (held != 2) {
          os << "group [" << r << ", " << g << "] of the bitmask holds " << held
             << " positions, expected exactly 2 of 4";
          return os.str();
        }
      }
    }
    os << "bitmask of row " << r << " holds " << popcount(bits)
       << " positions, but the row has " << count << " compressed values";
    return os.str();
  }

private:
  const BitmaskParts &parts;
  unsigned char *dense;
  int64_t rows, cols, rowBytes, elem;
  bool pairsOnly;
  /// Of the rows, and the end of the last, where row_offsets does not say.
  std::vector<int64_t> begins;

  bool range(int64_t r, int64_t &begin, int64_t &count) const {
    if (pairsOnly) {
      begin = r * (cols / 2);
      count = cols / 2;
      return true;
    }
    if (!begins.empty()) {
      begin = begins[size_t(r)];
      count = begins[size_t(r) + 1] - begin;
      return begins.back() == parts.compressed.count();
    }
    auto offset = [&](int64_t i) {
      return loadUnaligned<int64_t>(parts.rowOffsets.data + i * 8);
    };
    int64_t total = parts.compressed.count();
    begin = offset(r);
    int64_t end = r + 1 < rows ? offset(r + 1) : total;
    // Compare before subtracting: hostile offsets are any 64-bit number.
    if (begin < 0 || begin > end || end > total || (r == 0 && begin != 0))
      return false;
    count = end - begin;
    return true;
  }

  int64_t popcount(const unsigned char *bits) const {
    int64_t sum = 0, i = 0;
    for (; i + 8 <= rowBytes; i += 8)
      sum += __builtin_popcountll(loadUnaligned<uint64_t>(bits + i));
    for (; i < rowBytes; ++i)
      sum += __builtin_popcount(bits[i]);
    return sum;
  }

  bool tailIsClear(const unsigned char *bits) const {
    return cols % 8 == 0 || (bits[rowBytes - 1] >> (cols % 8)) == 0;
  }

  /// Whether both nibbles of a mask byte hold two bits.
  bool pairs(unsigned char byte, bool last) const {
    bool half = last && cols % 8 != 0;
    return __builtin_popcount(byte & 15) == 2 &&
           (half || __builtin_popcount(byte >> 4) == 2);
  }

  template <typename U>
  void scatter(const unsigned char *bits, const unsigned char *from,
               unsigned char *to) const {
    for (int64_t i = 0; i < rowBytes; ++i) {
      for (unsigned byte = bits[i]; byte != 0; byte &= byte - 1) {
        std::memcpy(to + (i * 8 + __builtin_ctz(byte)) * int64_t(sizeof(U)),
                    from, sizeof(U));
        from += sizeof(U);
      }
    }
  }
};
} // namespace

/// What was expanded to `buffer`, with the bitmask as its mask.
static LoadedTensor expandedTensor(const BitmaskParts &parts,
                                   std::shared_ptr<unsigned char> buffer,
                                   std::shared_ptr<const void> owner) {
  LoadedTensor loaded;
  loaded.tensor.view =
      denseView(buffer.get(), parts.compressed.dtype, parts.shape);
  loaded.tensor.owner = std::move(buffer);
  Mask mask;
  mask.form = Mask::Form::RowBits;
  mask.order = BitOrder::LsbFirst;
  mask.shape = parts.shape;
  mask.data = parts.bitmask.data;
  mask.owner = std::move(owner);
  loaded.mask = std::move(mask);
  return loaded;
}

Result<LoadedTensor> readBitmask(const BitmaskParts &parts,
                                 std::shared_ptr<const void> owner,
                                 const std::string &where) {
  DType dtype = parts.compressed.dtype;
  // A shape such as [2^60, 0] has rows, but nothing to expand.
  bool empty =
      checkedCount(parts.shape).ok() && *checkedCount(parts.shape) == 0;
  int64_t rows = empty ? 0 : numRows(parts);
  int64_t bytes = empty ? 0 : rows * parts.shape.back() * elementBytes(dtype);
  if (empty && parts.compressed.count() != 0)
    return makeError(Errc::Mismatch, where, ": has ", parts.compressed.count(),
                     " compressed values, but shape ",
                     shapeString(parts.shape));
  std::shared_ptr<unsigned char> buffer =
      allocateBuffer(static_cast<uint64_t>(bytes));
  if (empty)
    return expandedTensor(parts, buffer, std::move(owner));
  Expander expander(parts, buffer.get());
  int64_t firstBad = rows;
  int threads = threadsFor(rows, bytes);
#pragma omp parallel for schedule(static) num_threads(threads)                 \
    reduction(min : firstBad)
  for (int64_t r = 0; r < rows; ++r)
    if (!expander.row(r))
      firstBad = std::min(firstBad, r);
  if (firstBad != rows)
    return makeError(Errc::Mismatch, where, ": ", expander.explain(firstBad));

  return expandedTensor(parts, buffer, std::move(owner));
}

//===----------------------------------------------------------------------===//
// Among the tensors of a container
//===----------------------------------------------------------------------===//

namespace {
class BitmaskWeight final : public WeightParts {
public:
  std::string prefix; ///< of the parts, with its dot
  std::vector<int64_t> shape;
  bool ragged = false;

  Result<LoadedTensor> read(const Checkpoint &container,
                            const std::string &where, Decoding) const override {
    BitmaskParts parts;
    parts.shape = shape;
    parts.ragged = ragged;
    Tensor compressed, bitmask, rowOffsets;
    for (auto [name, tensor] : {std::pair("compressed", &compressed),
                                {"bitmask", &bitmask},
                                {"row_offsets", &rowOffsets}}) {
      if (tensor == &rowOffsets && !ragged)
        continue;
      Result<Tensor> part = readPart(container, prefix + name);
      if (!part)
        return part.error();
      *tensor = std::move(*part);
    }
    parts.compressed = compressed.view;
    parts.bitmask = bitmask.view;
    parts.rowOffsets = rowOffsets.view;
    return readBitmask(parts, bitmask.owner, where);
  }
};
} // namespace

/// The dense shape that `<p>.shape` holds: I64, one number a dimension, written
/// as [rank] or as [rank, 1].
static Result<std::vector<int64_t>> readShape(const Checkpoint &container,
                                              const std::string &name) {
  const TensorInfo *info = container.find(name);
  if (!info)
    return makeError(Errc::Mismatch,
                     "has 'compressed' and 'bitmask', but no 'shape'");
  Result<int64_t> count = checkedCount(info->shape);
  if (info->dtype != DType::I64 || !count || *count > kMaxRank ||
      info->shape.size() > 2)
    return makeError(Errc::Mismatch, "'shape' is ", quote(info->dtypeText), " ",
                     shapeString(info->shape),
                     ", expected I64 with one element a dimension");
  return readIntegers(container, name);
}

/// A part as it would be read, without its data.
static TensorView outline(const TensorInfo &info) {
  return denseView(nullptr, info.dtype, info.shape);
}

void findBitmaskWeights(PartFinder &finder) {
  const Checkpoint &container = finder.container;
  finder.forEach(".compressed", [&](const std::string &name,
                                    const TensorInfo &compressed) {
    const TensorInfo *bitmask = container.find(name + ".bitmask");
    if (name.empty() || !bitmask)
      return; // some other format; stays visible as it is
    const TensorInfo *rowOffsets = container.find(name + ".row_offsets");
    auto weight = std::make_unique<BitmaskWeight>();
    weight->prefix = name + ".";
    weight->ragged = rowOffsets != nullptr;
    Result<std::vector<int64_t>> shape = readShape(container, name + ".shape");
    Status fits;
    if (!shape) {
      fits = shape.error();
    } else {
      weight->shape = *shape;
      fits = checkBitmaskParts(
          {*shape, outline(compressed), outline(*bitmask),
           rowOffsets ? outline(*rowOffsets) : TensorView(), weight->ragged});
    }
    TensorInfo info{weightNamed(name), compressed.dtype, "", weight->shape,
                    weight->ragged ? TensorInfo::Storage::SparseBitmask
                                   : TensorInfo::Storage::Sparse24Bitmask};
    info.masked = true;
    finder.add(fits, std::move(info), name + ".",
               {"compressed", "bitmask", "shape", "row_offsets"},
               std::move(weight));
  });
}

} // namespace nm::rt
