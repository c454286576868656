//===- RecipeText.h - What reading and printing recipes share -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_RUNTIME_RECIPES_RECIPETEXT_H
#define NM_LIB_RUNTIME_RECIPES_RECIPETEXT_H

#include "nm/Runtime/Recipe.h"

namespace nm::rt {

/// Methods that choose a mask again and again, whose masks may be kept for some
/// steps: those of structure-decay change with its patterns, and the threshold
/// of s-ste with every weight.
inline bool learnsMasks(Method method) {
  return method == Method::SrSte || method == Method::Step ||
         method == Method::MaskDecay;
}

} // namespace nm::rt

#endif // NM_LIB_RUNTIME_RECIPES_RECIPETEXT_H
