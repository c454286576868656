//===- Bytes.h - Values at any address -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_SUPPORT_BYTES_H
#define NM_SUPPORT_BYTES_H

#include <cstring>

namespace nm::support {

template <typename T> T loadUnaligned(const void *from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}
template <typename T> void storeUnaligned(void *to, T value) {
  std::memcpy(to, &value, sizeof(T));
}

} // namespace nm::support

#endif // NM_SUPPORT_BYTES_H
