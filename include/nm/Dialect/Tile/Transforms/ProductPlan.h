//===- ProductPlan.h - The scratchpad of a product -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_TILE_TRANSFORMS_PRODUCTPLAN_H
#define NM_DIALECT_TILE_TRANSFORMS_PRODUCTPLAN_H

#include "nm/Dialect/Tile/IR/TileDialect.h"
#include "nm/Model/Extended.h"

namespace mlir::tiles {

/// A product as far as blocks are concerned.
struct ProductFacts {
  ::nm::model::ProjectionShape shape;
  ::nm::isa::Type type = ::nm::isa::Type::F16; ///< of both sides
  int64_t outputBytes = 2;                     ///< of an element
  /// Bytes of an element of vectors and of matrices that are read besides.
  SmallVector<int64_t> vectorBytes, matrixBytes;
  int64_t fills = 0; ///< numbers, one a row, that are the same everywhere
};

ProductFacts factsOf(ProductOp product);

/// What a product keeps on chip: the cost model's footprint, the sums of a
/// block, and what its epilogue needs.
struct ProductPlan {
  ::nm::model::ProjectionTiling tiling;
  int64_t depth = 1; ///< of a strip of the reduction
  int64_t chunk = 1; ///< rows of sums that leave at a time
};

/// Why no program has these blocks, whatever fits; success if some has.
::nm::support::Status checkProduct(const ::nm::model::Device &device,
                                   const ProductFacts &facts,
                                   const ::nm::model::ProjectionTiling &tiling);

/// The plan within `capacity` bytes, or why there is none. Needs what
/// checkProduct accepts.
::nm::support::Result<ProductPlan>
planProduct(const ::nm::model::Device &device, const ProductFacts &facts,
            const ::nm::model::ProjectionTiling &tiling, int64_t capacity);

/// The cost model's best tiling for which there is a plan, with inputs of 4
/// bytes.
::nm::support::Result<::nm::model::ProjectionTiling>
chooseProduct(const ::nm::model::Device &device, ProductFacts facts);

} // namespace mlir::tiles

#endif // NM_DIALECT_TILE_TRANSFORMS_PRODUCTPLAN_H
