/*===- run_model.c - a compiled model by the C ABI --------------------------===
 *
 * Part of nm, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 *===------------------------------------------------------------------------===
 *
 * usage: run_model model.so [checkpoint]
 * Runs the functions of model.mlir, counts allocations of calls after the
 * first ones, and prints "0 failures". y = x W^T with W[i][k] = i + 1 for even
 * k, else 0.
 */
#include "nm/nm_model.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;

#define CHECK(condition)                                                       \
  do {                                                                         \
    if (!(condition)) {                                                        \
      printf("line %d: not so: %s\n", __LINE__, #condition);                   \
      ++failures;                                                              \
    }                                                                          \
  } while (0)

/* -- allocations, counted while `counting` --------------------------------- */

extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t bytes);
extern void *__libc_realloc(void *memory, size_t bytes);
extern void *__libc_memalign(size_t alignment, size_t bytes);
static volatile int counting, allocations;

static void note(void) {
  if (counting)
    __sync_fetch_and_add(&allocations, 1);
}
void *malloc(size_t bytes) {
  note();
  return __libc_malloc(bytes);
}
void *calloc(size_t count, size_t bytes) {
  note();
  return __libc_calloc(count, bytes);
}
void *realloc(void *memory, size_t bytes) {
  note();
  return __libc_realloc(memory, bytes);
}
void *aligned_alloc(size_t alignment, size_t bytes) {
  note();
  return __libc_memalign(alignment, bytes);
}
int posix_memalign(void **memory, size_t alignment, size_t bytes) {
  note();
  *memory = __libc_memalign(alignment, bytes);
  return *memory ? 0 : 12;
}

/* -- the model --------------------------------------------------------------
 */

enum { MOST = 64 };
static nm_model *model;
static float input[MOST][8];

static void describe(nm_value *value, nm_dtype dtype, size_t rank,
                     const int64_t *shape, void *data, size_t bytes) {
  nm_value_init(value);
  value->dtype = dtype;
  value->rank = rank;
  value->shape = shape;
  value->data = data;
  value->bytes = bytes;
}

static float expected(int row, int column, float factor) {
  float sum = 0;
  int k;
  for (k = 0; k < 8; k += 2)
    sum += factor * input[row][k] * (float)(column + 1);
  return sum;
}

static int is_right(const float *y, int rows, float factor) {
  int i, j;
  for (i = 0; i < rows; ++i)
    for (j = 0; j < 4; ++j)
      if (y[i * 4 + j] != expected(i, j, factor))
        return 0;
  return 1;
}

static void run_ours(int64_t rows) {
  int64_t shape[2];
  nm_value x, y;
  nm_error *error = NULL;
  shape[0] = rows;
  shape[1] = 8;
  describe(&x, NM_F32, 2, shape, input, sizeof(input));
  nm_value_init(&y);
  CHECK(nm_model_run(model, 0, &x, 1, &y, 1, NULL, &error) == NM_OK);
  if (error)
    printf("error: %s\n", nm_error_message(error));
  CHECK(y.dtype == NM_F32 && y.rank == 2 && y.shape[0] == rows &&
        y.shape[1] == 4 && y.strides[0] == 4 && y.strides[1] == 1);
  CHECK(y.bytes == (size_t)rows * 16 && y.owner != NULL);
  CHECK(is_right((const float *)y.data, (int)rows, 1));
  nm_value_free(&y);
  CHECK(y.owner == NULL && y.data == NULL);
}

static void run_callers(int64_t rows, int32_t threads) {
  int64_t shape[2], out_shape[2], strides[2];
  static float result[2][MOST][4];
  float (*mine)[4] = result[threads - 1];
  nm_value x, y;
  nm_run_options options;
  options.struct_size = sizeof(options);
  options.threads = threads;
  out_shape[0] = shape[0] = rows;
  shape[1] = strides[0] = 8;
  strides[1] = 1;
  out_shape[1] = 4;
  describe(&x, NM_F32, 2, shape, input, sizeof(input));
  x.strides = strides;
  memset(mine, 7, sizeof(result[0]));
  describe(&y, NM_F32, 2, out_shape, mine, sizeof(result[0]));
  CHECK(nm_model_run(model, 0, &x, 1, &y, 1, &options, NULL) == NM_OK);
  CHECK(y.owner == NULL && is_right(&mine[0][0], (int)rows, 1));
}

static void run_twice(int64_t rows) {
  int64_t shape[2];
  nm_value x, results[2];
  shape[0] = rows;
  shape[1] = 8;
  describe(&x, NM_F32, 2, shape, input, sizeof(input));
  nm_value_init(&results[0]);
  nm_value_init(&results[1]);
  CHECK(nm_model_run(model, 1, &x, 1, results, 2, NULL, NULL) == NM_OK);
  CHECK(is_right((const float *)results[0].data, (int)rows, 2));
  /* An argument that is returned comes as a copy. */
  CHECK(results[1].data != (void *)input &&
        memcmp(results[1].data, input, (size_t)rows * 32) == 0);
  nm_value_free(&results[0]);
  nm_value_free(&results[1]);
}

static void run_scalars(void) {
  float s = 1.5f, s2 = 0;
  int64_t n = 41, n2 = 0;
  unsigned char flag = 1, flag2 = 9;
  nm_value in[3], out[3];
  describe(&in[0], NM_F32, 0, NULL, &s, sizeof(s));
  describe(&in[1], NM_I64, 0, NULL, &n, sizeof(n));
  describe(&in[2], NM_BOOL, 0, NULL, &flag, 1);
  describe(&out[0], NM_F32, 0, NULL, &s2, sizeof(s2));
  describe(&out[1], NM_I64, 0, NULL, &n2, sizeof(n2));
  nm_value_init(&out[2]);
  CHECK(nm_model_run(model, 2, in, 3, out, 3, NULL, NULL) == NM_OK);
  CHECK(s2 == 3 && n2 == 42);
  flag2 = *(unsigned char *)out[2].data;
  CHECK(out[2].rank == 0 && out[2].bytes == 1 && flag2 == 0);
  nm_value_free(&out[2]);
}

static void *many_calls(void *unused) {
  int i;
  for (i = 0; i < 50; ++i)
    run_ours(1 + i % MOST);
  return unused;
}

static void counted(void) {
  int i;
  for (i = 0; i < 5; ++i) {
    run_ours(MOST);
    run_callers(MOST, 1);
    run_callers(MOST, 2);
    run_twice(MOST);
    run_scalars();
  }
  counting = 1;
  for (i = 0; i < 20; ++i) {
    run_ours(MOST - i);
    run_callers(MOST - i, 1);
    run_callers(MOST - i, 2);
    run_twice(MOST - i);
    run_scalars();
  }
  counting = 0;
  printf("allocations: %d\n", allocations);
}

/* -- what is refused --------------------------------------------------------
 */

static void refused(nm_value *x, nm_value *y, nm_status status,
                    const char *words) {
  nm_error *error = NULL;
  CHECK(nm_model_run(model, 0, x, 1, y, 1, NULL, &error) == status);
  CHECK(strstr(nm_error_message(error), words) != NULL);
  printf("refused: %s\n", nm_error_message(error));
  nm_error_free(error);
}

static void refusals(void) {
  int64_t shape[3] = {2, 8, 1}, strides[2] = {1, 2}, other[2] = {2, 5};
  float result[8];
  size_t index;
  nm_value x, y;
  nm_error *error = NULL;
  nm_value_init(&y);
  describe(&x, NM_F64, 2, shape, input, sizeof(input));
  refused(&x, &y, NM_ERR_MISMATCH, "element type f64, expected f32");
  x.dtype = NM_F32;
  x.rank = 3;
  refused(&x, &y, NM_ERR_MISMATCH, "shape [2, 8, 1], expected [?, 8]");
  x.rank = 2;
  shape[1] = 7;
  refused(&x, &y, NM_ERR_MISMATCH, "shape [2, 7], expected [?, 8]");
  shape[1] = 8;
  shape[0] = -3;
  refused(&x, &y, NM_ERR_ARGUMENT, "size is -3");
  shape[0] = INT64_MAX;
  refused(&x, &y, NM_ERR_ARGUMENT, "more bytes");
  shape[0] = 2;
  x.strides = strides;
  refused(&x, &y, NM_ERR_MISMATCH, "strides [1, 2]");
  x.strides = NULL;
  x.bytes = 63;
  refused(&x, &y, NM_ERR_ARGUMENT, "63 bytes of memory, expected 64");
  x.bytes = 64;
  x.data = (char *)input + 1;
  refused(&x, &y, NM_ERR_MISMATCH, "not aligned to 4");
  x.data = NULL;
  refused(&x, &y, NM_ERR_ARGUMENT, "has no data");
  x.data = input;
  describe(&y, NM_F32, 2, other, result, sizeof(result));
  refused(&x, &y, NM_ERR_MISMATCH, "shape [2, 5], expected [2, 4]");
  other[1] = 4;
  y.bytes = 31;
  refused(&x, &y, NM_ERR_ARGUMENT, "31 bytes of memory, expected 32");
  y.struct_size = 3;
  refused(&x, &y, NM_ERR_ARGUMENT, "struct_size of nm_value is 3");
  CHECK(nm_model_run(model, 0, &x, 1, &y, 0, NULL, NULL) == NM_ERR_ARGUMENT);
  CHECK(nm_model_run(model, 9, &x, 1, &y, 1, NULL, NULL) == NM_ERR_ARGUMENT);
  CHECK(nm_model_find_input(model, 0, "z", &index, &error) == NM_ERR_NOT_FOUND);
  printf("refused: %s\n", nm_error_message(error));
  nm_error_free(error);
}

static void signature(void) {
  nm_value_type type;
  size_t index = 9;
  type.struct_size = sizeof(type);
  CHECK(nm_model_num_functions(model) == 3);
  CHECK(strcmp(nm_model_function_name(model, 1), "twice") == 0);
  CHECK(nm_model_find_function(model, "scalars", &index, NULL) == NM_OK);
  CHECK(index == 2 && nm_model_num_inputs(model, 2) == 3);
  CHECK(nm_model_input(model, 0, 0, &type, NULL) == NM_OK);
  CHECK(strcmp(type.name, "x") == 0 && type.dtype == NM_F32 && type.rank == 2 &&
        type.shape[0] == NM_DYNAMIC_SIZE && type.shape[1] == 8);
  CHECK(nm_model_output(model, 1, 1, &type, NULL) == NM_OK);
  CHECK(strcmp(type.name, "same") == 0);
  CHECK(nm_model_find_output(model, 1, "same", &index, NULL) == NM_OK &&
        index == 1);
  CHECK(nm_model_num_outputs(model, 1) == 2);
  CHECK(nm_model_output(model, 0, 1, &type, NULL) == NM_ERR_ARGUMENT);
}

int main(int argc, char **argv) {
  nm_model_options options;
  nm_scope scope;
  nm_error *error = NULL;
  pthread_t threads[3];
  int i, j;
  for (i = 0; i < MOST; ++i)
    for (j = 0; j < 8; ++j)
      input[i][j] = (float)(i * 8 + j);
  nm_model_options_init(&options);
  if (argc > 2) {
    scope.struct_size = sizeof(scope);
    scope.name = "";
    scope.path = argv[2];
    options.scopes = &scope;
    options.num_scopes = 1;
  }
  if (nm_model_load(argv[1], &options, &model, &error) != NM_OK) {
    printf("error: %s\n", nm_error_message(error));
    nm_error_free(error);
    return 1;
  }
  signature();
  counted();
  refusals();
  for (i = 0; i < 3; ++i)
    CHECK(pthread_create(&threads[i], NULL, many_calls, NULL) == 0);
  for (i = 0; i < 3; ++i)
    pthread_join(threads[i], NULL);
  run_ours(0);
  nm_model_free(model);
  printf("%d failures\n", failures);
  return failures != 0;
}
