//===- DType.h - Element types of checkpoints ---------------------*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// nm/Support/DType.h under the runtime's name.
//
//===----------------------------------------------------------------------===//

#ifndef NM_RUNTIME_DTYPE_H
#define NM_RUNTIME_DTYPE_H

#include "nm/Support/DType.h"

namespace nm::rt {

using support::bf16ToFloat;
using support::DType;
using support::dtypeName;
using support::elementBytes;
using support::elementToDouble;
using support::f16ToFloat;
using support::floatToBf16;
using support::floatToF16;
using support::isFloat;
using support::magnitudeMask;
using support::parseDType;
using support::parseSafetensorsDType;
using support::safetensorsName;

} // namespace nm::rt

#endif // NM_RUNTIME_DTYPE_H
