//===- Support.h - What all of the runtime takes from nm/Support -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_RUNTIME_SUPPORT_H
#define NM_LIB_RUNTIME_SUPPORT_H

#include "nm/Runtime/Result.h"
#include "nm/Support/Arithmetic.h"
#include "nm/Support/Bytes.h"
#include "nm/Support/Guarded.h"
#include "nm/Support/Text.h"

namespace nm::rt {

using support::addOverflow;
using support::ceilDiv;
using support::guarded;
using support::isUtf8;
using support::loadUnaligned;
using support::makeError;
using support::mulOverflow;
using support::quote;
using support::storeUnaligned;

} // namespace nm::rt

#endif // NM_LIB_RUNTIME_SUPPORT_H
