//===- Convert.h - Elements of memory as f32 and back -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tiles pass through these functions for every product, so they have no
// branches and vectorise. What they give is written under "Values" in
// docs/attacc-isa.md.
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_SIMULATOR_CONVERT_H
#define NM_LIB_SIMULATOR_CONVERT_H

#include "nm/Isa/Program.h"

namespace nm::sim {

/// `count` elements, `stride` elements apart, as f32 without gaps.
void toFloats(const uint8_t *from, isa::Type type, int64_t count,
              int64_t stride, float *to);

/// The reverse, rounded to nearest even; every NaN becomes the one quiet NaN of
/// the type. i8 saturates, and NaN is 0.
void fromFloats(const float *from, isa::Type type, int64_t count,
                int64_t stride, uint8_t *to);

} // namespace nm::sim

#endif // NM_LIB_SIMULATOR_CONVERT_H
