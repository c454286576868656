//===- FloatConversion.cpp - floats of another type -----------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Runtime/FloatConversion.h"
#include "Memory.h"
#include "Support.h"
#include "Threads.h"
#include <algorithm>
#include <cmath>

namespace nm::rt {

static bool isWideFloat(DType dtype) {
  return dtype == DType::F16 || dtype == DType::BF16 || dtype == DType::F32 ||
         dtype == DType::F64;
}

bool isConvertible(DType from, DType to) {
  return from != to && isWideFloat(from) && isWideFloat(to);
}

/// Stores a value in a narrower or wider type; false if it was finite and is
/// not any more. From f64 to 16 bits it is rounded once, not by way of f32: an
/// f32 that was rounded away is put back on its side, which decides ties.
static bool store(double value, DType to, unsigned char *out) {
  if (to == DType::F64) {
    storeUnaligned(out, value);
    return true;
  }
  float single = static_cast<float>(value);
  if (to == DType::F32) {
    storeUnaligned(out, single);
    return std::isinf(value) || !std::isinf(single);
  }
  if (std::isfinite(single) && double(single) != value) {
    // Round to odd: no tie of 16 bits is made by the first rounding.
    uint32_t bits;
    std::memcpy(&bits, &single, sizeof(bits));
    bool away = std::fabs(double(single)) > std::fabs(value);
    if (bits % 2 == 0)
      bits = away ? bits - 1 : bits + 1;
    std::memcpy(&single, &bits, sizeof(bits));
  }
  uint16_t narrow = to == DType::F16 ? floatToF16(single) : floatToBf16(single);
  storeUnaligned(out, narrow);
  float back = to == DType::F16 ? f16ToFloat(narrow) : bf16ToFloat(narrow);
  return std::isinf(value) || !std::isinf(back);
}

Result<Tensor> convertFloats(const Tensor &tensor, DType to,
                             const std::string &where) {
  Result<Tensor> row = toContiguous(tensor);
  if (!row)
    return row.error();
  const TensorView &view = row->view;
  Result<int64_t> count = checkedCount(view.shape, elementBytes(to));
  if (!count)
    return count.error();
  int64_t from = elementBytes(view.dtype), elem = elementBytes(to);
  std::shared_ptr<unsigned char> buffer =
      allocateBuffer(uint64_t(*count * elem));
  int64_t overflows = 0, first = *count;
  int threads = threadsFor(*count, *count * elem);
#pragma omp parallel for schedule(static) num_threads(threads)                 \
    reduction(+ : overflows) reduction(min : first)
  for (int64_t i = 0; i < *count; ++i)
    if (!store(elementToDouble(view.data + i * from, view.dtype), to,
               buffer.get() + i * elem)) {
      ++overflows;
      first = std::min(first, i);
    }
  if (overflows != 0)
    return makeError(Errc::Mismatch, where, " has ", overflows,
                     " finite values beyond ", dtypeName(to), ", such as ",
                     elementToDouble(view.data + first * from, view.dtype),
                     ": compile for ", dtypeName(view.dtype));
  Tensor converted;
  converted.view = denseView(buffer.get(), to, view.shape);
  converted.owner = std::move(buffer);
  return converted;
}

double squaredNorm(const TensorView &view) {
  constexpr int64_t chunk = 1 << 16;
  const int64_t count = view.count(), elem = elementBytes(view.dtype);
  std::vector<double> sums(size_t(ceilDiv(count, chunk)));
  int threads = threadsFor(int64_t(sums.size()), count * elem);
#pragma omp parallel for schedule(static) num_threads(threads)
  for (size_t i = 0; i < sums.size(); ++i) {
    const int64_t begin = int64_t(i) * chunk;
    const int64_t end = std::min(begin + chunk, count);
    double sum = 0;
    for (int64_t k = begin; k < end; ++k) {
      double value = view.dtype == DType::F32
                         ? double(loadUnaligned<float>(view.data + k * elem))
                         : elementToDouble(view.data + k * elem, view.dtype);
      sum += value * value;
    }
    sums[i] = sum;
  }
  double all = 0;
  for (double sum : sums)
    all += sum;
  return all;
}

} // namespace nm::rt
