//===- Result.h - Errors without exceptions -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The types of nm/Support/Result.h under the runtime's name. No exception
// leaves the runtime library.
//
//===----------------------------------------------------------------------===//

#ifndef NM_RUNTIME_RESULT_H
#define NM_RUNTIME_RESULT_H

#include "nm/Support/Result.h"

namespace nm::rt {

using support::Errc;
using support::Error;
using support::Result;
using support::Status;

} // namespace nm::rt

#endif // NM_RUNTIME_RESULT_H
