//===- use_library.c ------------------------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

/* Uses the library and the header that nm-run made of shared-library.mlir. */
#include "libmodel.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int check(const char *what, double found, double expected) {
  if (fabs(found - expected) <= 1e-5 * fabs(expected))
    return 0;
  printf("%s: found %g, expected %g\n", what, found, expected);
  return 1;
}

int main(int argc, char **argv) {
  int failures = argc != 2;
  nm_scope scope = {sizeof(scope), "", argv[1]};
  nm_params *params = NULL;
  nm_error *error = NULL;
  if (nm_params_load(nm_manifest_linear, &scope, 1, NULL, &params, &error)) {
    printf("error: %s\n", nm_error_message(error));
    return 1;
  }

  /* y = x W^T with W[i][k] = i + 1 for even k, else 0. */
  float x[2][8];
  for (int i = 0; i < 2; ++i)
    for (int k = 0; k < 8; ++k)
      x[i][k] = (float)(i * 8 + k);
  nm_memref_2d y;
  failures += nm_call_linear(&x[0][0], 2, params, &y) != 0;
  const float *data = (const float *)y.aligned + y.offset;
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 4; ++j)
      failures += check("linear", data[i * y.strides[0] + j * y.strides[1]],
                        (j + 1) * (i ? 8 + 10 + 12 + 14 : 0 + 2 + 4 + 6));
  failures += y.sizes[0] != 2 || y.sizes[1] != 4;
  free(y.allocated);

  /* What does not fit is refused, with a reason, and nothing is returned. */
#define REFUSED(call, words)                                                   \
  failures += (call) != 1 || !strstr(nm_error_linear(), words) ||              \
              y.allocated != NULL ||                                           \
              (printf("refused: %s\n", nm_error_linear()), 0)
  REFUSED(nm_call_linear(&x[0][0], 2, NULL, &y), "parameters are null");
  REFUSED(nm_call_linear(NULL, 2, params, &y), "data of 'x' is null");
  REFUSED(nm_call_linear(&x[0][0], -1, params, &y),
          "is -1, expected at least 0");
  REFUSED(nm_call_linear(&x[0][0], INT64_MAX, params, &y), "more bytes");
  REFUSED(nm_call_linear((const float *)((const char *)x + 1), 1, params, &y),
          "not aligned to 4");
  nm_params_free(params);

  nm_memref_1d scaled;
  int64_t next;
  failures += nm_call__int(3.0f, 41, &x[1][0], &scaled, &next) != 0;
  failures += check("scaled", ((float *)scaled.aligned)[scaled.offset], 24);
  failures += next != 42;
  free(scaled.allocated);

  int64_t only;
  failures += nm_call_a_b(1, &only) != 0;
  failures += only != 2;
  printf("%d failures\n", failures);
  return failures != 0;
}
