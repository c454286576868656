/* Part of nm, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * How much memory a process has that does nothing but run a compiled model:
 * its packed weights beside the library, inputs of zeros and of the given
 * shapes, results that the library owns, three calls on one thread. Prints, in
 * KiB, the largest resident set before the model was loaded, after it was, and
 * after the calls; then the bytes of inputs and of results.
 *
 * usage: peak_memory model.so [NxNx...]...
 */
#include "nm/nm_model.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_VALUES = 128, MOST_DIMENSIONS = 8, CALLS = 3 };

static long peak_kib(void) {
  char line[256];
  long kib = -1;
  FILE *file = fopen("/proc/self/status", "r");
  while (file && fgets(line, sizeof(line), file))
    if (sscanf(line, "VmHWM: %ld", &kib) == 1)
      break;
  if (file)
    fclose(file);
  return kib;
}

static void check(nm_status status, nm_error *error) {
  if (status == NM_OK)
    return;
  fprintf(stderr, "error: %s\n", nm_error_message(error));
  exit(1);
}

static int64_t shapes[MOST_VALUES][MOST_DIMENSIONS];
static nm_value inputs[MOST_VALUES], outputs[MOST_VALUES];

/* Zeros of the model's type in the shape that `text` says. */
static void fill(nm_model *model, size_t index, const char *text) {
  nm_value_type type = {sizeof(type), NULL, NM_F32, 0, NULL};
  nm_error *error = NULL;
  check(nm_model_input(model, 0, index, &type, &error), error);
  nm_value *value = &inputs[index];
  nm_value_init(value);
  value->dtype = type.dtype;
  value->shape = shapes[index];
  value->bytes = nm_dtype_bytes(type.dtype);
  while (*text && value->rank < MOST_DIMENSIONS) {
    char *end;
    shapes[index][value->rank] = strtoll(text, &end, 10);
    value->bytes *= (size_t)shapes[index][value->rank++];
    text = *end == 'x' ? end + 1 : "";
  }
  value->data = malloc(value->bytes ? value->bytes : 1);
  if (!value->data)
    exit(1);
  memset(value->data, 0, value->bytes);
}

int main(int argc, char **argv) {
  nm_model *model = NULL;
  nm_error *error = NULL;
  nm_run_options options = {sizeof(options), 1};
  size_t given = 0, results = 0;
  if (argc < 2 || argc > MOST_VALUES)
    return 2;
  long before = peak_kib();
  check(nm_model_load(argv[1], NULL, &model, &error), error);
  long loaded = peak_kib();
  size_t ins = (size_t)argc - 2, outs = nm_model_num_outputs(model, 0);
  if (outs > MOST_VALUES || ins != nm_model_num_inputs(model, 0))
    return 2;
  for (size_t i = 0; i < ins; ++i) {
    fill(model, i, argv[2 + i]);
    given += inputs[i].bytes;
  }
  for (int call = 0; call < CALLS; ++call) {
    for (size_t i = 0; i < outs; ++i)
      nm_value_init(&outputs[i]);
    check(nm_model_run(model, 0, inputs, ins, outputs, outs, &options, &error),
          error);
    results = 0;
    for (size_t i = 0; i < outs; ++i) {
      results += outputs[i].bytes;
      nm_value_free(&outputs[i]);
    }
  }
  printf("%ld %ld %ld %zu %zu\n", before, loaded, peak_kib(), given, results);
  nm_model_free(model);
  return 0;
}
