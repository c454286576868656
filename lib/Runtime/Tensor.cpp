//===- Tensor.cpp - views of tensor data ----------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Runtime/Tensor.h"
#include "Memory.h"
#include "Support.h"
#include "Threads.h"

namespace nm::rt {

int64_t TensorView::count() const {
  int64_t product = 1;
  for (int64_t dim : shape)
    product *= dim;
  return product;
}

bool TensorView::isContiguous() const {
  int64_t expected = 1;
  for (int64_t dim : shape)
    if (dim == 0)
      return true;
  for (size_t i = shape.size(); i-- > 0;) {
    if (shape[i] != 1 && strides[i] != expected)
      return false;
    expected *= shape[i];
  }
  return true;
}

double TensorView::at(const std::vector<int64_t> &index) const {
  int64_t offset = 0;
  for (size_t i = 0; i < shape.size(); ++i)
    offset += index[i] * strides[i];
  return elementToDouble(data + offset * elementBytes(dtype), dtype);
}

std::vector<int64_t> rowMajorStrides(const std::vector<int64_t> &shape) {
  std::vector<int64_t> strides(shape.size());
  int64_t step = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    strides[i] = step;
    // A zero must not make the other strides meaningless.
    step *= shape[i] != 0 ? shape[i] : 1;
  }
  return strides;
}

TensorView denseView(const void *data, DType dtype,
                     std::vector<int64_t> shape) {
  TensorView view;
  view.data = static_cast<const unsigned char *>(data);
  view.dtype = dtype;
  view.strides = rowMajorStrides(shape);
  view.shape = std::move(shape);
  return view;
}

std::string shapeString(const std::vector<int64_t> &shape) {
  std::ostringstream os;
  os << '[';
  for (size_t i = 0; i < shape.size(); ++i)
    os << (i ? ", " : "") << shape[i];
  os << ']';
  return os.str();
}

Result<int64_t> checkedCount(const std::vector<int64_t> &shape,
                             int64_t elemBytes) {
  if (shape.size() > static_cast<size_t>(kMaxRank))
    return makeError(Errc::Unsupported, "a tensor of ", shape.size(),
                     " dimensions, expected at most ", kMaxRank);
  // The product leaves zeros out, so that strides cannot overflow either.
  int64_t product = elemBytes > 0 ? elemBytes : 1;
  bool empty = false;
  for (int64_t dim : shape) {
    if (dim < 0)
      return makeError(Errc::Format, "shape ", shapeString(shape),
                       " has a negative dimension");
    empty |= dim == 0;
    if (dim != 0 && mulOverflow(product, dim, product))
      return makeError(Errc::Format, "shape ", shapeString(shape),
                       " overflows: its size in bytes does not fit in 63 bits");
  }
  return empty ? int64_t(0) : product / (elemBytes > 0 ? elemBytes : 1);
}

namespace {
/// Copies a strided view to row-major order.
struct StridedCopy {
  const TensorView &view;
  unsigned char *out;
  int64_t elem;

  /// The slice of the outermost dimensions with flat index `outer`, where
  /// `depth` dimensions are outer.
  void run(size_t depth, const unsigned char *from, unsigned char *to) const {
    if (depth == view.shape.size()) {
      std::memcpy(to, from, static_cast<size_t>(elem));
      return;
    }
    int64_t inner = elem;
    for (size_t i = depth + 1; i < view.shape.size(); ++i)
      inner *= view.shape[i];
    int64_t step = view.strides[depth] * elem;
    if (depth + 1 == view.shape.size()) {
      copyRow(from, to, view.shape[depth], step);
      return;
    }
    for (int64_t i = 0; i < view.shape[depth]; ++i)
      run(depth + 1, from + i * step, to + i * inner);
  }

  void copyRow(const unsigned char *from, unsigned char *to, int64_t count,
               int64_t step) const {
    auto typed = [&](auto zero) {
      using U = decltype(zero);
      for (int64_t i = 0; i < count; ++i)
        storeUnaligned<U>(to + i * int64_t(sizeof(U)),
                          loadUnaligned<U>(from + i * step));
    };
    switch (elem) {
    case 1:
      return typed(uint8_t(0));
    case 2:
      return typed(uint16_t(0));
    case 4:
      return typed(uint32_t(0));
    default:
      return typed(uint64_t(0));
    }
  }
};
} // namespace

Result<Tensor> toContiguous(const Tensor &tensor) {
  return guarded([&]() -> Result<Tensor> {
    const TensorView &view = tensor.view;
    int64_t elem = elementBytes(view.dtype);
    if (elem == 0)
      return makeError(Errc::Unsupported, "the element type is unknown");
    if (view.isContiguous()) {
      Tensor same = tensor;
      same.view.strides = rowMajorStrides(view.shape);
      return same;
    }
    int64_t bytes = view.bytes();
    std::shared_ptr<unsigned char> buffer =
        allocateBuffer(static_cast<uint64_t>(bytes));
    StridedCopy copy{view, buffer.get(), elem};
    int64_t outer = view.shape[0], slice = bytes / outer;
    int threads = threadsFor(outer, bytes);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t i = 0; i < outer; ++i)
      copy.run(1, view.data + i * view.strides[0] * elem,
               buffer.get() + i * slice);
    Tensor result;
    result.view = denseView(buffer.get(), view.dtype, view.shape);
    result.owner = buffer;
    return result;
  });
}

} // namespace nm::rt
