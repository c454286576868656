//===- TextList.h - Several texts in one -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For files that this program alone reads: a number of texts, then the length
// of each and its bytes, whatever they are. A text may be a list itself.
//
//===----------------------------------------------------------------------===//

#ifndef NM_SUPPORT_TEXTLIST_H
#define NM_SUPPORT_TEXTLIST_H

#include "nm/Support/Result.h"
#include <string>
#include <string_view>
#include <vector>

namespace nm::support {

/// The texts one after the other, each behind its length, so that they may hold
/// any bytes.
std::string joinTexts(const std::vector<std::string> &texts);

/// The texts, which lie in `list`. Fails unless that is exactly what joinTexts
/// made.
Result<std::vector<std::string_view>> splitTexts(std::string_view list);

} // namespace nm::support

#endif // NM_SUPPORT_TEXTLIST_H
