//===- Dense.cpp - row-major, with its zeros ------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../LayoutFormat.h"
#include "../Support.h"

namespace nm::rt {

namespace {

class DenseFormat final : public LayoutFormatOf<DenseFormat> {
public:
  std::string_view name() const override { return "dense"; }

  Result<StorageShapes> shapes(const LayoutSpec &,
                               const StoredWeight &weight) const override {
    StorageShapes shapes;
    shapes.values = {weight.shape, weight.elemBytes};
    return shapes;
  }

  template <typename U>
  static void readTile(const StoredParts &parts, const FiberGeometry &geometry,
                       FiberTile<U> &tile) {
    DenseSource source;
    source.data = parts.values;
    source.dtype = parts.dtype;
    readDense(source, geometry, tile);
  }

  template <typename U>
  static void writeTile(const StoredParts &parts, const FiberGeometry &geometry,
                        FiberTile<U> &tile) {
    writeDense(parts, geometry, tile);
  }
};

} // namespace

const LayoutFormat &denseFormat() {
  static const DenseFormat format;
  return format;
}

} // namespace nm::rt
