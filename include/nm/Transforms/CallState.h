//===- CallState.h - What a call that failed leaves behind -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_TRANSFORMS_CALLSTATE_H
#define NM_TRANSFORMS_CALLSTATE_H

#include "mlir/Support/LLVM.h"
#include <string>

namespace mlir::nm {

/// The thread-local global of compiled code that says why a call failed: an
/// i32, not 0 if it did, and a text of at most this many bytes, NUL included.
inline constexpr llvm::StringLiteral kCallStateName = "nm_state";
inline constexpr unsigned kCallMessageBytes = 508;

/// `{0}`, `{1}`, ... become `%lld`, in the order of the text; all else prints
/// as it is, control characters as '?'.
std::string toPrintfFormat(StringRef message);

} // namespace mlir::nm

#endif // NM_TRANSFORMS_CALLSTATE_H
