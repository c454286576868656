//===- SemiStructured.h - semi-structured tensors of PyTorch ---*- C++ -*--===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_RUNTIME_SEMISTRUCTURED_H
#define NM_LIB_RUNTIME_SEMISTRUCTURED_H

#include "nm/Runtime/Mask.h"

namespace nm::rt {

/// What torch.sparse.SparseSemiStructuredTensorCUTLASS holds of a matrix.
struct SemiStructuredTensor {
  Tensor packed, meta;
};

/// Packs a 2:4 matrix of f16, bf16 or i8, of whose groups of four the mask
/// keeps exactly two.
Result<SemiStructuredTensor> packSemiStructured(const TensorView &dense,
                                                const Mask &mask);

} // namespace nm::rt

#endif // NM_LIB_RUNTIME_SEMISTRUCTURED_H
