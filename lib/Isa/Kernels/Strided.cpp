//===- Strided.cpp - Elements of a tensor in another order -----------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Isa/Kernels/Strided.h"
#include <cassert>

namespace nm::isa {

Strided Strided::inOrder(TensorId tensor, std::vector<int64_t> sizes) {
  Strided view;
  view.tensor = tensor;
  view.strides.resize(sizes.size());
  int64_t stride = 1;
  for (size_t k = sizes.size(); k-- != 0; stride *= sizes[k])
    view.strides[k] = stride;
  view.sizes = std::move(sizes);
  return view;
}

bool Strided::isInOrder() const {
  int64_t stride = 1;
  for (size_t k = sizes.size(); k-- != 0; stride *= sizes[k])
    if (sizes[k] != 1 && strides[k] != stride)
      return false;
  return offset == 0;
}

Strided Strided::permuted(const std::vector<int64_t> &order) const {
  Strided view;
  view.tensor = tensor;
  view.offset = offset;
  for (int64_t k : order) {
    view.sizes.push_back(sizes[static_cast<size_t>(k)]);
    view.strides.push_back(strides[static_cast<size_t>(k)]);
  }
  return view;
}

std::optional<Strided>
Strided::reshaped(const std::vector<int64_t> &wanted) const {
  assert(numElements(wanted) == count() && "as many elements");
  Strided view;
  view.tensor = tensor;
  view.offset = offset;
  view.sizes = wanted;
  view.strides.assign(wanted.size(), 0);
  // Dimensions of more than one element, outermost first.
  std::vector<size_t> from, to;
  for (size_t k = 0; k != sizes.size(); ++k)
    if (sizes[k] != 1)
      from.push_back(k);
  for (size_t k = 0; k != wanted.size(); ++k)
    if (wanted[k] != 1)
      to.push_back(k);
  // Groups of dimensions of as many elements on both sides: those of a group
  // have to lie within one another.
  size_t i = 0, j = 0;
  while (i != from.size() && j != to.size()) {
    size_t firstTo = j;
    int64_t have = sizes[from[i]], want = wanted[to[j]];
    while (have != want) {
      if (have < want) {
        if (strides[from[i]] != strides[from[i + 1]] * sizes[from[i + 1]])
          return std::nullopt;
        have *= sizes[from[++i]];
      } else {
        want *= wanted[to[++j]];
      }
    }
    int64_t stride = strides[from[i]];
    for (size_t k = j + 1; k-- != firstTo; stride *= wanted[to[k]])
      view.strides[to[k]] = stride;
    ++i, ++j;
  }
  return view;
}

} // namespace nm::isa
