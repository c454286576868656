//===- BitOrderCheck.h - whether a packed mask fits its weight ------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_RUNTIME_BITORDERCHECK_H
#define NM_LIB_RUNTIME_BITORDERCHECK_H

#include "nm/Runtime/Mask.h"

namespace nm::rt {

/// Fails when a bit-packed mask drops weights that it keeps with its bits in
/// the other order, and more than chance explains: a mask read in the wrong
/// order is still an N:M mask, only the weights can tell. Other masks pass.
/// `name` is the mask's.
Status checkBitOrder(const Mask &mask, const Tensor &weight,
                     const std::string &name);

} // namespace nm::rt

#endif // NM_LIB_RUNTIME_BITORDERCHECK_H
