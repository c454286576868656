/*===- consumer.c - A project outside nm that runs compiled models -----------===
 *
 * Part of nm, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 *===------------------------------------------------------------------------===*/

#include "nm/Runtime/nm_recipe.h"
#include "nm/Version.h"
#include "nm/nm_model.h"
#include <stdio.h>
#include <string.h>

#if !NM_VERSION_AT_LEAST(0, 2, 0) || NM_VERSION_AT_LEAST(1000, 0, 0) ||        \
    NM_VERSION_AT_LEAST(NM_VERSION_MAJOR, NM_VERSION_MINOR + 1, 0) ||          \
    !NM_VERSION_AT_LEAST(NM_VERSION_MAJOR, NM_VERSION_MINOR, NM_VERSION_PATCH)
#error "the macros of the version do not compare as they should"
#endif

int main(void) {
  nm_model *model = NULL;
  nm_error *error = NULL;
  char parts[64];
  snprintf(parts, sizeof(parts), "%d.%d.%d", NM_VERSION_MAJOR, NM_VERSION_MINOR,
           NM_VERSION_PATCH);
  if (strcmp(nm_runtime_version(), NM_VERSION) == 0 &&
      strcmp(parts, NM_VERSION) == 0)
    printf("headers and library of one version\n");
  if (nm_model_load("none.so", NULL, &model, &error) != NM_OK)
    printf("%s\n", nm_error_message(error));
  nm_error_free(error);
  return 0;
}
