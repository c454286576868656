//===- GroupedIntegers.cpp - weights of integers with scales of groups ----===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GroupedIntegers.h"
#include "Memory.h"
#include "Support.h"
#include "Threads.h"

namespace nm::rt {

/// Stores a row of products in the result's type.
static void storeRow(DType dtype, const float *row, int64_t count,
                     unsigned char *to) {
  if (dtype == DType::F32) {
    std::memcpy(to, row, size_t(count) * sizeof(float));
    return;
  }
  for (int64_t i = 0; i < count; ++i)
    storeUnaligned(to + 2 * i, dtype == DType::F16 ? floatToF16(row[i])
                                                   : floatToBf16(row[i]));
}

LoadedTensor GroupedIntegers::decode(Decoding decoding) const {
  const DType type = decoding == Decoding::Exact ? DType::F32 : dtype;
  int64_t elem = elementBytes(type);
  std::shared_ptr<unsigned char> buffer =
      allocateBuffer(uint64_t(rows * columns * elem));
  int threads = threadsFor(rows, rows * columns * elem);
#pragma omp parallel num_threads(threads)
  {
    std::vector<int32_t> values(static_cast<size_t>(columns));
    std::vector<float> products(static_cast<size_t>(columns));
#pragma omp for schedule(static)
    for (int64_t r = 0; r < rows; ++r) {
      unpackRow(r, values.data());
      const float *scale = scales.data() + r * groups;
      const int32_t *zero = zeros.empty() ? nullptr : zeros.data() + r * groups;
      for (int64_t c = 0; c < columns; ++c) {
        int32_t group = groupOf[size_t(c)];
        int32_t value = values[size_t(c)] - (zero ? zero[group] : 0);
        products[size_t(c)] = float(value) * scale[group];
      }
      storeRow(type, products.data(), columns,
               buffer.get() + r * columns * elem);
    }
  }
  LoadedTensor loaded;
  loaded.tensor.view = denseView(buffer.get(), type, {rows, columns});
  loaded.tensor.owner = std::move(buffer);
  return loaded;
}

/// The elements of a tensor, each as numberAt(view, place) gives it.
template <typename T, typename NumberAt>
static Result<std::vector<T>> readNumbers(const Checkpoint &container,
                                          const std::string &name,
                                          NumberAt numberAt) {
  Result<Tensor> tensor = readPart(container, name);
  if (!tensor)
    return tensor.error();
  std::vector<T> numbers(static_cast<size_t>(tensor->view.count()));
  for (size_t i = 0; i < numbers.size(); ++i)
    numbers[i] = numberAt(tensor->view, int64_t(i));
  return numbers;
}

Result<std::vector<float>> readFloats(const Checkpoint &container,
                                      const std::string &name) {
  return readNumbers<float>(
      container, name, [](const TensorView &view, int64_t i) {
        const unsigned char *at = view.data + i * elementBytes(view.dtype);
        return float(elementToDouble(at, view.dtype));
      });
}

Result<std::vector<int64_t>> readIntegers(const Checkpoint &container,
                                          const std::string &name) {
  return readNumbers<int64_t>(
      container, name, [](const TensorView &view, int64_t i) -> int64_t {
        if (view.dtype == DType::I32)
          return loadUnaligned<int32_t>(view.data + 4 * i);
        return loadUnaligned<int64_t>(view.data + 8 * i);
      });
}

Result<std::vector<int32_t>> checkGroups(const std::vector<int64_t> &given,
                                         const std::string &name,
                                         int64_t groups) {
  std::vector<int32_t> groupOf;
  groupOf.reserve(given.size());
  for (int64_t group : given) {
    if (group < 0 || group >= groups)
      return makeError(Errc::Mismatch, quote(name), ": element ",
                       groupOf.size(), " is ", group, ", expected one of ",
                       groups, " groups");
    groupOf.push_back(int32_t(group));
  }
  return groupOf;
}

std::vector<int32_t> evenGroups(int64_t columns, int64_t groups) {
  std::vector<int32_t> groupOf(static_cast<size_t>(columns));
  int64_t length = groups ? columns / groups : 1;
  for (int64_t c = 0; c < columns; ++c)
    groupOf[size_t(c)] = int32_t(c / length);
  return groupOf;
}

} // namespace nm::rt
