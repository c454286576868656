//===- FloatConversion.h - floats of another type --------------*- C++ -*--===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_RUNTIME_FLOATCONVERSION_H
#define NM_RUNTIME_FLOATCONVERSION_H

#include "nm/Runtime/Tensor.h"

namespace nm::rt {

/// Whether elements of one type are read as another where a program wants it:
/// floats of 16, 32 and 64 bits. Those of 8 bits mean nothing without a scale.
bool isConvertible(DType from, DType to);

/// The same values, each rounded to nearest even, row-major. Fails where a
/// finite value would become infinite.
Result<Tensor> convertFloats(const Tensor &tensor, DType to,
                             const std::string &where);

/// The sum of the squares of the elements of a row-major view, in f64; the same
/// for any number of threads.
double squaredNorm(const TensorView &view);

} // namespace nm::rt

#endif // NM_RUNTIME_FLOATCONVERSION_H
