//===- GroupMasks.h - Masks that kernels do not choose -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_RUNTIME_RECIPES_GROUPMASKS_H
#define NM_LIB_RUNTIME_RECIPES_GROUPMASKS_H

#include "Trainer.h"

namespace nm::rt {

/// Chooses the n:m mask of a parameter with blocks, or a transposable one, as
/// step.mask and step.transposable_mask of the dialect `step` describe it, by
/// its trained weights. Returns the number of elements that went from kept to
/// dropped or back. Threads change no bit.
int64_t chooseMask(const Parameter &parameter, int64_t n, int64_t m);

} // namespace nm::rt

#endif // NM_LIB_RUNTIME_RECIPES_GROUPMASKS_H
