//===- CountOf.h - How often a text stands in another -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_UNITTESTS_COMMON_COUNTOF_H
#define NM_UNITTESTS_COMMON_COUNTOF_H

#include <string>

inline size_t countOf(const std::string &text, const std::string &part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos;
       at = text.find(part, at + 1))
    ++count;
  return count;
}

#endif // NM_UNITTESTS_COMMON_COUNTOF_H
