//===- PackWeights.h - Parameters into the file of a compiled model -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_PACKWEIGHTS_H
#define NM_DRIVER_PACKWEIGHTS_H

#include "nm/Driver/Options.h"
#include "nm/Runtime/Params.h"

namespace mlir::nm::driver {

/// Writes the parameters of all functions, each once, to options.weightsFile;
/// nothing if it is empty. Masks are verified as at any load. Fails where there
/// is no parameter or no checkpoint.
llvm::Error packWeights(const CodeOptions &options,
                        std::vector<::nm::rt::Manifest> manifests);

} // namespace mlir::nm::driver

#endif // NM_DRIVER_PACKWEIGHTS_H
