//===- ProductNest.h - The products of a mapping, split over levels -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What files of Timeloop and of TileFlow have in common: two products whose
// ranks are split over DRAM, the chip and the array. Ranks are B and H, P for
// the queries, M for the keys, E and F for the widths of Q and V.
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_EXPLORE_PRODUCTNEST_H
#define NM_LIB_EXPLORE_PRODUCTNEST_H

#include "nm/Model/Mapping.h"
#include <array>
#include <map>
#include <set>
#include <string>

namespace nm::explore {

/// By rank; 1 where one is missing.
using Factors = std::map<char, int64_t>;

/// A product as those files see it.
struct Einsum {
  const char *ranks; ///< the order of factors: width first
  char width;        ///< E or F
  bool isLogit;
  /// Of the three tensors: streamed and stationary operand, and result.
  std::array<const char *, 3> tensors;
};
inline constexpr Einsum kLogit{"BEHMP", 'E', true, {"Q", "K", "QK"}};
inline constexpr Einsum kAttend{"BFHMP", 'F', false, {"A", "V", "AV"}};

/// A product of a mapping in whole factors.
struct ProductSplit {
  Factors dram, inner; ///< loops at DRAM, and on the chip around the array
  Factors rows, columns;
  std::string order; ///< of `inner`, the innermost rank first
};
/// Fails where a factor would not be whole, or for what such files cannot say:
/// grouped heads, masks, packed heads.
support::Result<ProductSplit> splitOf(const model::Device &device,
                                      const model::Mapping &mapping,
                                      const Einsum &e);

/// A product as a file has it.
struct ProductNest {
  Factors dram, below;          ///< products of factors
  std::set<std::string> onChip; ///< tensors
  std::set<char> spatial;       ///< ranks on the array
  char innermost = 0;           ///< loop around the array; 0: not said
  bool keysOuter = false;

  /// Multiplies; false beyond 2^63.
  static bool times(Factors &factors, char rank, int64_t factor);
};

/// The mapping of both. Messages begin with the names of the products.
support::Result<model::Mapping> mappingOf(ProductNest &logit,
                                          ProductNest &attend,
                                          const std::string &logitWhere,
                                          const std::string &attendWhere);

} // namespace nm::explore

#endif // NM_LIB_EXPLORE_PRODUCTNEST_H
