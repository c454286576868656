//===- Fibers.cpp - rows of a weight --------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fibers.h"
#include "Support.h"
#include <algorithm>

namespace nm::rt {

FiberGeometry::FiberGeometry(const std::vector<int64_t> &shape, int64_t axis,
                             int64_t n, int64_t m)
    : length(shape[size_t(axis)]), n(n), m(m), groups(length / m),
      kept(groups * n) {
  for (int64_t i = 0; i < int64_t(shape.size()); ++i)
    if (i != axis)
      (i < axis ? outer : inner) *= shape[size_t(i)];
  rows = outer * inner;
}

int64_t stagedLength(const FiberGeometry &geometry) {
  int64_t wanted = geometry.inner == 1 ? 512 : 128;
  return std::max<int64_t>(1, wanted / geometry.m) * geometry.m;
}

void GroupFault::merge(const GroupFault &other, const FiberGeometry &g) {
  // Row-major order of groups: (outer, group, inner).
  auto key = [&](const GroupFault &fault) {
    return std::make_tuple(fault.row / g.inner, fault.group,
                           fault.row % g.inner);
  };
  if (other.kind != Kind::None &&
      (kind == Kind::None || key(other) < key(*this)))
    *this = other;
}

std::string describeGroup(const std::vector<int64_t> &shape, int64_t axis,
                          int64_t m, int64_t row, int64_t group) {
  std::vector<int64_t> index(shape.size());
  for (int64_t i = int64_t(shape.size()); i-- > 0;) {
    if (i == axis)
      continue;
    index[size_t(i)] = row % shape[size_t(i)];
    row /= shape[size_t(i)];
  }
  index[size_t(axis)] = group;
  std::ostringstream os;
  os << "group " << shapeString(index) << " (axis " << axis << ", elements "
     << group * m << " to " << group * m + m - 1 << ")";
  return os.str();
}

} // namespace nm::rt
