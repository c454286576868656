//===- Bind.h - Arguments that are checkpoint parameters -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_BIND_H
#define NM_DRIVER_BIND_H

#include "nm/Driver/Options.h"
#include "nm/Driver/Signature.h"

namespace mlir::nm::driver {

/// Makes `nm.param`s of the arguments that `bindings` name (argument name or
/// number to `key` or `scope=key`) and of those that the module marks with
/// `nm.param`; they leave the signatures. A name is looked for in function
/// `entry`, or in every public function if `entry` is empty. Errors: a name
/// that no function has or that is given twice, an argument of a type that no
/// parameter has.
llvm::Error bindArguments(Source &source, ArrayRef<Binding> bindings,
                          StringRef entry);

} // namespace mlir::nm::driver

#endif // NM_DRIVER_BIND_H
