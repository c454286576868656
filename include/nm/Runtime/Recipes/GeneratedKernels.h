//===- GeneratedKernels.h - Kernels that nm-recipe-kernels compiles -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the objects of nm-recipe-kernels hold: one table for each instruction
// set, nm_recipe_table_<set>, whose last row has a null kernel.
//
//===----------------------------------------------------------------------===//

#ifndef NM_RUNTIME_RECIPES_GENERATEDKERNELS_H
#define NM_RUNTIME_RECIPES_GENERATEDKERNELS_H

#include "nm/Runtime/Recipes/Kernels.h"

/* The forms that one kernel takes. Flags of the form that are not named here
 * are looked at when the kernel runs, but for NM_FORM_AMSGRAD, which no
 * generated kernel has. */
typedef struct nm_generated_kernel {
  nm_update_form update;
  nm_mask_form mask;
  int32_t m;          /* NM_MASK_SELECT, else 1                              */
  int32_t rows;       /* members of a group are `stride` > 1 elements apart  */
  int32_t soft;       /* NM_EFFECTIVE_SOFT_*                                 */
  int32_t half;       /* the gradient and the effective weight are bf16      */
  int32_t statistics; /* NM_FORM_STATISTICS: 1, with NM_FORM_GEOMETRIC 2      */
  int32_t reserved;
  nm_kernel kernel;
} nm_generated_kernel;

#ifdef __cplusplus
/// The sets of all objects that are linked, best first, a null behind the last.
/// Weak: a build without MLIR, and nm's own tools, have none.
extern "C" __attribute__((weak))
const nm_kernel_set *const nm_generated_kernel_sets[];
#endif

#endif /* NM_RUNTIME_RECIPES_GENERATEDKERNELS_H */
