/* Part of nm, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * Runs a compiled model with zeros as inputs, once for each given size, which
 * is that of every dimension that the model leaves open, and tells for each run
 * how often memory was allocated, on any thread but not by OpenMP's library
 * itself, and how many bytes were in use at most beside those before the first
 * run. With `given` results go to memory of this program, of which a second
 * copy of the model tells the shapes.
 *
 * usage: count_allocations model.so THREADS [given] SIZE...
 */
#include "nm/nm_model.h"
#include <dlfcn.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_VALUES = 64, MOST_DIMENSIONS = 8 };

extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t bytes);
extern void *__libc_realloc(void *memory, size_t bytes);
extern void *__libc_memalign(size_t alignment, size_t bytes);
extern void __libc_free(void *memory);
static volatile int counting;
static volatile long allocations, held, most;

/* OpenMP notes where its loops are in memory of its own. */
static int is_of_openmp(const void *caller) {
  Dl_info info;
  return dladdr(caller, &info) && info.dli_fname &&
         strstr(info.dli_fname, "libomp");
}

static void *taken(void *memory, const void *caller) {
  if (!counting || !memory)
    return memory;
  if (!is_of_openmp(caller))
    __sync_fetch_and_add(&allocations, 1);
  long now = __sync_add_and_fetch(&held, (long)malloc_usable_size(memory));
  for (long before = most; before < now; before = most)
    if (__sync_bool_compare_and_swap(&most, before, now))
      break;
  return memory;
}
void *malloc(size_t bytes) {
  return taken(__libc_malloc(bytes), __builtin_return_address(0));
}
void *calloc(size_t count, size_t bytes) {
  return taken(__libc_calloc(count, bytes), __builtin_return_address(0));
}
void *realloc(void *memory, size_t bytes) {
  return taken(__libc_realloc(memory, bytes), __builtin_return_address(0));
}
void *aligned_alloc(size_t alignment, size_t bytes) {
  return taken(__libc_memalign(alignment, bytes), __builtin_return_address(0));
}
int posix_memalign(void **memory, size_t alignment, size_t bytes) {
  *memory =
      taken(__libc_memalign(alignment, bytes), __builtin_return_address(0));
  return *memory ? 0 : 12;
}
void free(void *memory) {
  if (counting && memory)
    __sync_fetch_and_sub(&held, (long)malloc_usable_size(memory));
  __libc_free(memory);
}

static void check(nm_status status, nm_error *error) {
  if (status == NM_OK)
    return;
  printf("error: %s\n", nm_error_message(error));
  exit(1);
}

static int64_t shapes[MOST_VALUES][MOST_DIMENSIONS];
static nm_value inputs[MOST_VALUES], outputs[MOST_VALUES];

/* Zeros of the model's type, `size` where it leaves the size open. */
static void fill(nm_model *model, size_t index, int64_t size) {
  nm_value_type type = {sizeof(type), NULL, NM_F32, 0, NULL};
  nm_error *error = NULL;
  check(nm_model_input(model, 0, index, &type, &error), error);
  size_t bytes = nm_dtype_bytes(type.dtype);
  for (size_t d = 0; d < type.rank; ++d) {
    shapes[index][d] = type.shape[d] == NM_DYNAMIC_SIZE ? size : type.shape[d];
    bytes *= (size_t)shapes[index][d];
  }
  nm_value *value = &inputs[index];
  free(value->data);
  nm_value_init(value);
  value->dtype = type.dtype;
  value->rank = type.rank;
  value->shape = shapes[index];
  value->bytes = bytes;
  value->data = calloc(bytes ? bytes : 1, 1);
}

/* Memory for the outputs, once `other` has told their shapes. */
static void give_memory(nm_model *other, size_t ins, size_t outs) {
  nm_error *error = NULL;
  check(nm_model_run(other, 0, inputs, ins, outputs, outs, NULL, &error),
        error);
  for (size_t i = 0; i < outs; ++i) {
    static int64_t output_shapes[MOST_VALUES][MOST_DIMENSIONS];
    nm_value *value = &outputs[i];
    memcpy(output_shapes[i], value->shape, value->rank * sizeof(int64_t));
    void *memory = calloc(value->bytes ? value->bytes : 1, 1);
    nm_value own;
    nm_value_init(&own);
    own.dtype = value->dtype;
    own.rank = value->rank;
    own.shape = output_shapes[i];
    own.bytes = value->bytes;
    own.data = memory;
    nm_value_free(value);
    *value = own;
  }
}

int main(int argc, char **argv) {
  nm_model *model = NULL, *other = NULL;
  nm_error *error = NULL;
  nm_run_options options = {sizeof(options), 0};
  if (argc < 4)
    return 2;
  options.threads = atoi(argv[2]);
  int is_given = strcmp(argv[3], "given") == 0;
  check(nm_model_load(argv[1], NULL, &model, &error), error);
  if (is_given)
    check(nm_model_load(argv[1], NULL, &other, &error), error);
  size_t ins = nm_model_num_inputs(model, 0);
  size_t outs = nm_model_num_outputs(model, 0);
  if (ins > MOST_VALUES || outs > MOST_VALUES)
    return 2;
  for (int run = 3 + is_given; run < argc; ++run) {
    for (size_t i = 0; i < ins; ++i)
      fill(model, i, atoll(argv[run]));
    for (size_t i = 0; i < outs; ++i)
      nm_value_init(&outputs[i]);
    if (is_given)
      give_memory(other, ins, outs);
    allocations = 0;
    counting = 1;
    nm_status status =
        nm_model_run(model, 0, inputs, ins, outputs, outs, &options, &error);
    size_t given = 0;
    for (size_t i = 0; i < outs; ++i) {
      given += outputs[i].bytes;
      if (!is_given)
        nm_value_free(&outputs[i]);
    }
    counting = 0;
    check(status, error);
    for (size_t i = 0; is_given && i < outs; ++i)
      free(outputs[i].data);
    printf("size %s: allocations %ld, most %ld bytes, results %zu\n", argv[run],
           allocations, most, given);
  }
  for (size_t i = 0; i < ins; ++i)
    free(inputs[i].data);
  nm_model_free(model);
  nm_model_free(other);
  return 0;
}
