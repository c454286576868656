//===- Checksum.h - Whether bytes are what they were -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_SUPPORT_CHECKSUM_H
#define NM_SUPPORT_CHECKSUM_H

#include <cstdint>

namespace nm::support {

/// Not cryptographic: any damage changes it, but not whoever wants it not to.
uint64_t mixHash(uint64_t hash, uint64_t word);

/// Hash of a piece of memory, on this thread.
uint64_t hashBytes(const void *data, uint64_t bytes);

} // namespace nm::support

#endif // NM_SUPPORT_CHECKSUM_H
