//===- CHeader.c ----------------------------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

/* The public headers are C: this file only has to compile and link. */
#include "nm/Runtime/nm_recipe.h"
#include "nm/Runtime/nm_runtime.h"
#include "nm/nm_model.h"

size_t nm_test_c_header(void) {
  nm_params_options options;
  nm_params_options_init(&options);
  if (nm_recipe_count(NULL) != 0)
    return 0;
  return options.struct_size == sizeof(options) ? nm_dtype_bytes(NM_F32) : 0;
}
