//===- Sparsity.cpp - verify and derive N:M patterns ----------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Runtime/Sparsity.h"
#include "FiberDriver.h"
#include "Memory.h"
#include "Permute.h"
#include "Support.h"

namespace nm::rt {

const AxisPattern *SparsityReport::best() const {
  const AxisPattern *best = nullptr;
  for (const AxisPattern &pattern : axes)
    if (!best || pattern.n * best->m <= best->n * pattern.m)
      best = &pattern;
  return best;
}

/// Runs the dense reader over a contiguous weight; `body` sees every tile.
template <typename Body>
static DriverResult readAll(const DenseSource &source,
                            const FiberGeometry &geometry, Body body) {
  return dispatchElement(elementBytes(source.dtype), [&](auto zero) {
    using U = decltype(zero);
    return forEachTile<U>(geometry, 1, [&](FiberTile<U> &tile) {
      readDense(source, geometry, tile);
      body(tile);
    });
  });
}

static Status checkView(const TensorView &view) {
  if (elementBytes(view.dtype) == 0)
    return makeError(Errc::Unsupported, "the element type is unknown");
  Result<int64_t> count = checkedCount(view.shape, elementBytes(view.dtype));
  return count ? Status() : Status(count.error());
}

Status verifyPattern(const TensorView &view, int64_t axis, int64_t n, int64_t m,
                     const std::string &name) {
  return guarded([&]() -> Status {
    NM_RETURN_IF_ERROR(checkView(view));
    NM_RETURN_IF_ERROR(checkPattern(view.shape, axis, n, m));
    if (n == m || view.count() == 0)
      return {};
    Result<MemoryOrder> order = inMemoryOrder(view);
    if (!order)
      return order.error();
    const TensorView &memory = order->tensor.view;
    DenseSource source;
    source.data = memory.data;
    source.dtype = memory.dtype;
    source.pages = PassedPages(memory.data, uint64_t(memory.bytes()));
    int64_t where = order->position(axis);
    FiberGeometry geometry(memory.shape, where, n, m);
    GroupFault fault = readAll(source, geometry, [](auto &) {}).fault;
    if (fault.kind == GroupFault::Kind::None)
      return {};
    // Coordinates in the order of the view, not of the memory.
    std::vector<int64_t> original(view.shape.size());
    int64_t row = fault.row;
    for (size_t i = memory.shape.size(); i-- > 0;) {
      int64_t dim = memory.shape[i];
      int64_t &index = original[size_t(order->axes[i])];
      if (int64_t(i) == where) {
        index = fault.group;
        continue;
      }
      index = row % dim;
      row /= dim;
    }
    return makeError(Errc::Mismatch, "tensor ", quote(name), ": group ",
                     shapeString(original), " (axis ", axis, ", elements ",
                     fault.group * m, " to ", fault.group * m + m - 1,
                     ") holds ", fault.found, " non-zeros, expected at most ",
                     n, " for ", n, ":", m);
  });
}

Status verifyMask(const Mask &mask, int64_t axis, int64_t n, int64_t m,
                  const std::string &name) {
  return guarded([&]() -> Status {
    Result<int64_t> count = checkedCount(mask.shape);
    if (!count)
      return count.error();
    const unsigned char *bytes = mask.data;
    std::shared_ptr<unsigned char> expanded;
    if (mask.form != Mask::Form::Bytes) {
      expanded = allocateBuffer(uint64_t(*count));
      constexpr int64_t chunk = 1 << 16;
      int64_t chunks = ceilDiv(*count, chunk);
      int threads = threadsFor(chunks, *count);
#pragma omp parallel for schedule(static) num_threads(threads)
      for (int64_t i = 0; i < chunks; ++i)
        mask.expand(i * chunk, std::min(chunk, *count - i * chunk),
                    expanded.get() + i * chunk);
      bytes = expanded.get();
    }
    return verifyPattern(denseView(bytes, DType::U8, mask.shape), axis, n, m,
                         name);
  });
}

Result<Mask> deriveMask(const TensorView &view, int64_t axis, int64_t n,
                        int64_t m) {
  return guarded([&]() -> Result<Mask> {
    NM_RETURN_IF_ERROR(checkView(view));
    NM_RETURN_IF_ERROR(checkPattern(view.shape, axis, n, m));
    Tensor tensor;
    tensor.view = view;
    Result<Tensor> contiguous = toContiguous(tensor);
    if (!contiguous)
      return contiguous.error();
    std::shared_ptr<unsigned char> bytes =
        allocateBuffer(uint64_t(view.count()));
    DenseSource source;
    source.data = contiguous->view.data;
    source.dtype = view.dtype;
    source.pages = PassedPages(source.data, uint64_t(contiguous->view.bytes()));
    source.derive = true;
    FiberGeometry geometry(view.shape, axis, n, m);
    readAll(source, geometry,
            [&](auto &tile) { writeMaskBytes(bytes.get(), geometry, tile); });
    Mask mask;
    mask.form = Mask::Form::Bytes;
    mask.shape = view.shape;
    mask.data = bytes.get();
    mask.owner = bytes;
    return mask;
  });
}

} // namespace nm::rt
