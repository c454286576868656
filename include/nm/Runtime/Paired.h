//===- Paired.h - what packer and kernels of paired agree on --------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_RUNTIME_PAIRED_H
#define NM_RUNTIME_PAIRED_H

#include <cstdint>

namespace nm::rt {

/// Slots of a step of the paired layout.
constexpr int64_t kPairedStep = 2;

/// Steps that most neighbours of a chain have in common in a K block of
/// `length` elements of N:M, and the most that packing gives to any. Those that
/// have less mostly have one step less. An expectation: stored weights may have
/// any number in each link.
int64_t pairedSteps(int64_t length, int64_t n, int64_t m);

} // namespace nm::rt

#endif // NM_RUNTIME_PAIRED_H
