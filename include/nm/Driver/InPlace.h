//===- InPlace.h - Results in the memory of arguments -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_INPLACE_H
#define NM_DRIVER_INPLACE_H

#include "nm/Driver/Options.h"
#include "nm/Driver/Signature.h"

namespace mlir::nm::driver {

/// Marks the arguments whose memory results are written to, which `pairs` name
/// (results by name or number) or the module's own `nm.in_place` attributes, in
/// the module and in the signatures. Only those of the function `entry` if it
/// is not empty. A pair that no function has is an error. With `kvCache` i8
/// these caches hold quantised rows; empty: what the model says.
llvm::Error tieResults(Source &source, ArrayRef<InPlacePair> pairs,
                       StringRef entry, StringRef kvCache);

} // namespace mlir::nm::driver

#endif // NM_DRIVER_INPLACE_H
