//===- CHeader.h - C prototypes of compiled functions -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_CHEADER_H
#define NM_DRIVER_CHEADER_H

#include "nm/Driver/Signature.h"
#include "nm/Runtime/Params.h"

namespace mlir::nm::driver {

/// A function with the parameters its manifest lists.
struct Exported {
  const Signature *signature;
  ::nm::rt::Manifest manifest;
};

/// The header of an object or library made by nm-compile: descriptor types,
/// the prototypes of each function. `name` is the file
/// name of the library, for comments and the include guard; `prefix` stands
/// before the name of every function.
llvm::Expected<std::string> generateCHeader(StringRef name,
                                            ArrayRef<Exported> functions,
                                            StringRef prefix = "");

/// `name` as a C identifier: other characters become '_'.
std::string cIdentifier(StringRef name);

} // namespace mlir::nm::driver

#endif // NM_DRIVER_CHEADER_H
