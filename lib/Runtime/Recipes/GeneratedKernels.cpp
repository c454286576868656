//===- GeneratedKernels.cpp - Kernels that nm-recipe-kernels compiles -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Linked with the objects of the tool into libnm_runtime and the tests, where
// KernelChoice.cpp finds nm_generated_kernel_sets.
//
//===----------------------------------------------------------------------===//

#include "nm/Runtime/Recipes/GeneratedKernels.h"

#if defined(__x86_64__)
extern "C" const nm_generated_kernel nm_recipe_table_avx2[];
extern "C" const nm_generated_kernel nm_recipe_table_avx512[];
#elif defined(__aarch64__)
extern "C" const nm_generated_kernel nm_recipe_table_neon[];
#endif

static nm_kernel findIn(const nm_generated_kernel *table,
                        const nm_kernel_form &form) {
  bool updates = form.update != NM_UPDATE_NONE;
  bool select = form.mask == NM_MASK_SELECT;
  bool halfGradient = updates && (form.flags & NM_FORM_GRADIENT_BF16);
  bool halfShown = form.effective == NM_EFFECTIVE_MASKED_BF16 ||
                   form.effective == NM_EFFECTIVE_SOFT_BF16;
  bool shown = form.effective != NM_EFFECTIVE_NONE;
  bool half = shown ? halfShown : halfGradient;
  if ((form.flags & NM_FORM_AMSGRAD) || (updates && half != halfGradient))
    return nullptr;
  int32_t soft = form.effective == NM_EFFECTIVE_SOFT_F32 ||
                 form.effective == NM_EFFECTIVE_SOFT_BF16;
  int32_t statistics = 0;
  if (form.flags & NM_FORM_STATISTICS)
    statistics = form.flags & NM_FORM_GEOMETRIC ? 2 : 1;
  for (; table->kernel; ++table)
    if (table->update == form.update && table->mask == form.mask &&
        table->soft == soft && table->half == int32_t(half) &&
        table->statistics == statistics &&
        (!select ||
         (table->m == form.m && table->rows == int32_t(form.stride > 1))))
      return table->kernel;
  return nullptr;
}

#if defined(__x86_64__)
static int hasAvx2() { return __builtin_cpu_supports("avx2") != 0; }
static int hasAvx512() {
  return __builtin_cpu_supports("avx512f") &&
         __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl");
}
static nm_kernel findAvx2(const nm_kernel_form *form) {
  return findIn(nm_recipe_table_avx2, *form);
}
static nm_kernel findAvx512(const nm_kernel_form *form) {
  return findIn(nm_recipe_table_avx512, *form);
}
static const nm_kernel_set avx2 = {"avx2", hasAvx2, findAvx2};
static const nm_kernel_set avx512 = {"avx512", hasAvx512, findAvx512};
const nm_kernel_set *const nm_generated_kernel_sets[] = {&avx512, &avx2,
                                                         nullptr};
#elif defined(__aarch64__)
static int always() { return 1; }
static nm_kernel findNeon(const nm_kernel_form *form) {
  return findIn(nm_recipe_table_neon, *form);
}
static const nm_kernel_set neon = {"neon", always, findNeon};
const nm_kernel_set *const nm_generated_kernel_sets[] = {&neon, nullptr};
#endif
