//===- Pack.h - exact conversions between layouts -------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// pack, unpack and convert are exact: every non-zero element (NaN included)
// keeps its bits. A zero keeps its bits where the layout stores it and comes
// back as +0 where it does not. All three run in parallel (nm_set_num_threads).
//
//===----------------------------------------------------------------------===//

#ifndef NM_RUNTIME_PACK_H
#define NM_RUNTIME_PACK_H

#include "nm/Runtime/DType.h"
#include "nm/Runtime/Layout.h"
#include "nm/Runtime/Mask.h"
#include "nm/Runtime/Result.h"

namespace nm::rt {

/// A weight as the program sees it.
struct WeightDesc {
  std::vector<int64_t> shape;
  int64_t axis = 0;
  int64_t n = 1;
  int64_t m = 1;
  /// Any type of 1, 2 or 4 bytes.
  DType dtype = DType::F32;
};

/// How elements that exceed the pattern are treated.
struct PackOptions {
  /// Kept positions; the others count as +0. Null: all are kept.
  const Mask *mask = nullptr;
  /// Keep the N elements of largest magnitude in every group (ties to the lower
  /// index, NaN largest) where a group would be over-full, else fail there.
  bool derive = false;
  /// Name of the tensor in error messages.
  std::string name = "weight";
};

/// What pack saw.
struct PackStats {
  /// Groups from which `derive` removed a non-zero.
  int64_t prunedGroups = 0;
  /// Those of them in which a dropped element is as large as a kept one: the
  /// rule for ties decided, and another tool may have kept the other.
  int64_t tiedGroups = 0;
};

/// Packs row-major `dense`. `values` and `metadata` have the sizes that
/// storageShapes gives and are written completely, padding included; `metadata`
/// is ignored for layouts without. Fails on an over-full group and names it.
Result<PackStats> pack(const WeightDesc &desc, const LayoutSpec &spec,
                       const void *dense, void *values, void *metadata,
                       const PackOptions &options = {});

/// How many consecutive rows (4, 2 or 1) keep the same positions throughout
/// row-major `dense`: whether layout Shared can hold it. Rows are counted from
/// the first. Fails on an over-full group, if it gets that far.
Result<int64_t> sharedRows(const WeightDesc &desc, const void *dense,
                           const PackOptions &options = {});

/// The inverse: writes the dense row-major weight completely. Fails when the
/// metadata names no legal position; then the contents of `dense` are
/// unspecified.
Status unpack(const WeightDesc &desc, const LayoutSpec &spec,
              const void *values, const void *metadata, void *dense);

/// Whether the metadata names positions within the operands only, padding
/// included. The values may be anything. What a panel's offsets say of their
/// groups is unpack's to check.
Status verifyStored(const WeightDesc &desc, const LayoutSpec &spec,
                    const void *values, const void *metadata,
                    const std::string &name);

/// From one layout to another; either may be dense. The positions that the
/// source stores are those that the target stores.
Status convert(const WeightDesc &desc, const LayoutSpec &from,
               const void *fromValues, const void *fromMetadata,
               const LayoutSpec &to, void *toValues, void *toMetadata);

} // namespace nm::rt

#endif // NM_RUNTIME_PACK_H
