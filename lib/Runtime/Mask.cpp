//===- Mask.cpp - which elements of a weight are kept ---------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Runtime/Mask.h"
#include "Support.h"
#include "Threads.h"
#include <algorithm>

namespace nm::rt {

/// Bit `index` of a packed row.
static bool testBit(const unsigned char *bytes, int64_t index, BitOrder order) {
  int shift = static_cast<int>(index % 8);
  return (bytes[index / 8] >>
          (order == BitOrder::LsbFirst ? shift : 7 - shift)) &
         1;
}

static void expandBits(const unsigned char *bytes, int64_t first, int64_t count,
                       BitOrder order, unsigned char *out) {
  for (int64_t i = 0; i < count; ++i)
    out[i] = testBit(bytes, first + i, order);
}

bool Mask::test(int64_t index) const {
  unsigned char kept;
  expand(index, 1, &kept);
  return kept != 0;
}

void Mask::expand(int64_t first, int64_t count, unsigned char *out) const {
  if (count == 0)
    return;
  switch (form) {
  case Form::Bytes:
    std::memcpy(out, data + first, static_cast<size_t>(count));
    return;
  case Form::FlatBits:
    expandBits(data, first, count, order, out);
    return;
  case Form::RowBits:
    break;
  }
  int64_t width = shape.empty() ? 1 : shape.back();
  int64_t rowBytes = ceilDiv(width, 8);
  while (count > 0) {
    int64_t column = first % width;
    int64_t run = std::min(count, width - column);
    expandBits(data + first / width * rowBytes, column, run, order, out);
    first += run;
    out += run;
    count -= run;
  }
}

/// First element of a row-major tensor that is neither 0 nor 1, or -1.
template <typename U>
static int64_t firstNonBoolean(const unsigned char *data, int64_t count,
                               U one) {
  int64_t first = count;
  int threads = threadsFor(count, count * int64_t(sizeof(U)));
#pragma omp parallel for schedule(static) num_threads(threads)                 \
    reduction(min : first)
  for (int64_t i = 0; i < count; ++i) {
    U value = loadUnaligned<U>(data + i * int64_t(sizeof(U)));
    if (value != 0 && value != one && i < first)
      first = i;
  }
  return first == count ? -1 : first;
}

/// Turns a 0/1 tensor of a wider type into bytes.
template <typename U>
static std::shared_ptr<unsigned char> narrow(const unsigned char *data,
                                             int64_t count) {
  std::shared_ptr<unsigned char> bytes(
      new unsigned char[static_cast<size_t>(count)],
      std::default_delete<unsigned char[]>());
  int threads = threadsFor(count, count * int64_t(sizeof(U)));
#pragma omp parallel for schedule(static) num_threads(threads)
  for (int64_t i = 0; i < count; ++i)
    bytes.get()[i] = loadUnaligned<U>(data + i * int64_t(sizeof(U))) != 0;
  return bytes;
}

/// The encoding of 1 in a mask of this type, 0 when the type is not accepted.
static uint64_t encodingOfOne(DType dtype) {
  switch (dtype) {
  case DType::Bool:
  case DType::U8:
  case DType::I8:
  case DType::I32:
  case DType::I64:
    return 1;
  case DType::F16:
    return 0x3c00;
  case DType::BF16:
    return 0x3f80;
  case DType::F32:
    return 0x3f800000;
  case DType::F64:
    return 0x3ff0000000000000;
  default:
    return 0;
  }
}

static Result<Mask> readByteMask(const Tensor &given, const std::string &name) {
  uint64_t one = encodingOfOne(given.view.dtype);
  if (one == 0)
    return makeError(
        Errc::Mismatch, "mask ", quote(name), " has element type ",
        dtypeName(given.view.dtype),
        ", expected bool, u8, i8, i32, i64, f16, bf16, f32 or f64");
  Result<Tensor> tensor = toContiguous(given);
  if (!tensor)
    return tensor.error();
  const TensorView &view = tensor->view;
  int64_t count = view.count(), bad = -1;
  Mask mask;
  mask.form = Mask::Form::Bytes;
  mask.shape = view.shape;
  auto wide = [&](auto zero) {
    using U = decltype(zero);
    bad = firstNonBoolean<U>(view.data, count, static_cast<U>(one));
    if (bad >= 0)
      return;
    if (sizeof(U) == 1) {
      mask.data = view.data;
      mask.owner = tensor->owner;
      return;
    }
    std::shared_ptr<unsigned char> bytes = narrow<U>(view.data, count);
    mask.data = bytes.get();
    mask.owner = bytes;
  };
  switch (elementBytes(view.dtype)) {
  case 1:
    wide(uint8_t(0));
    break;
  case 2:
    wide(uint16_t(0));
    break;
  case 4:
    wide(uint32_t(0));
    break;
  default:
    wide(uint64_t(0));
    break;
  }
  if (bad >= 0)
    return makeError(
        Errc::Mismatch, "mask ", quote(name), " holds ",
        elementToDouble(view.data + bad * elementBytes(view.dtype), view.dtype),
        " at element ", bad, ", expected 0 or 1");
  return mask;
}

Result<Mask> readMask(const Tensor &tensor, const std::string &name,
                      const std::vector<int64_t> &shape, BitOrder order) {
  return guarded([&]() -> Result<Mask> {
    const TensorView &view = tensor.view;
    if (view.shape == shape)
      return readByteMask(tensor, name);
    Result<int64_t> count = checkedCount(shape);
    if (!count)
      return count.error();
    std::vector<int64_t> rowShape = shape;
    if (!rowShape.empty())
      rowShape.back() = ceilDiv(rowShape.back(), 8);
    std::vector<int64_t> flatShape = {ceilDiv(*count, 8)};
    bool rows = view.shape == rowShape, flat = view.shape == flatShape;
    if (view.dtype != DType::U8 || (!rows && !flat))
      return makeError(Errc::Mismatch, "mask ", quote(name), " is ",
                       dtypeName(view.dtype), " ", shapeString(view.shape),
                       ", expected bool or u8 ", shapeString(shape),
                       ", or bits packed as u8 ", shapeString(rowShape), " or ",
                       shapeString(flatShape));
    Result<Tensor> bytes = toContiguous(tensor);
    if (!bytes)
      return bytes.error();
    Mask mask;
    mask.form = rows ? Mask::Form::RowBits : Mask::Form::FlatBits;
    mask.order = order;
    mask.shape = shape;
    mask.data = bytes->view.data;
    mask.owner = bytes->owner;
    return mask;
  });
}

} // namespace nm::rt
