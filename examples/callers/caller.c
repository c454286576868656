/*===- caller.c - a compiled model from C ------------------------------------===
 *
 * Part of nm, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 *===------------------------------------------------------------------------===
 *
 * usage: caller MODEL INPUT OUTPUT
 *
 * Runs the first function of a compiled model, which takes one array and gives
 * one. INPUT and OUTPUT are the bare elements, row-major, little endian. A size
 * that the model leaves open is what the bytes of INPUT make of it.
 */
#include "nm/nm_model.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST_RANK = 16 };

static int fail(const char *what, const char *why) {
  fprintf(stderr, "error: %s: %s\n", what, why);
  return 1;
}

/* The bytes of a file, to be freed; NULL if it cannot be read. */
static void *read_file(const char *path, size_t *bytes) {
  FILE *file = fopen(path, "rb");
  char *data = NULL;
  size_t room = 0, got = 1;
  *bytes = 0;
  while (file && got != 0) {
    if (*bytes == room) {
      char *more = realloc(data, room = room ? 2 * room : 1 << 16);
      if (!more)
        break;
      data = more;
    }
    got = fread(data + *bytes, 1, room - *bytes, file);
    *bytes += got;
  }
  if (!file || got != 0 || ferror(file)) {
    free(data);
    data = NULL;
  }
  if (file)
    fclose(file);
  return data;
}

static int write_file(const char *path, const void *data, size_t bytes) {
  FILE *file = fopen(path, "wb");
  int is_whole = file && fwrite(data, 1, bytes, file) == bytes;
  if (file && fclose(file) != 0)
    is_whole = 0;
  return is_whole;
}

/* The shape of `type` with the open size that holds all `bytes`; the library
 * refuses a last part that is not whole. */
static void close_shape(const nm_value_type *type, size_t bytes,
                        int64_t *shape) {
  size_t part = nm_dtype_bytes(type->dtype), i;
  for (i = 0; i < type->rank; ++i)
    part *= type->shape[i] == NM_DYNAMIC_SIZE ? 1 : (size_t)type->shape[i];
  for (i = 0; i < type->rank; ++i)
    shape[i] = type->shape[i] == NM_DYNAMIC_SIZE && part > 0
                   ? (int64_t)((bytes + part - 1) / part)
                   : type->shape[i];
}

static void print_value(const char *name, const nm_value *value) {
  size_t i;
  printf("%s: %s [", name, nm_dtype_name(value->dtype));
  for (i = 0; i < value->rank; ++i)
    printf("%s%" PRId64, i ? ", " : "", value->shape[i]);
  printf("]\n");
}

/* Runs function 0 on the elements at `data`. */
static nm_status run(nm_model *model, void *data, size_t bytes,
                     const char *output, nm_error **error) {
  nm_value_type in = {sizeof(in), NULL, 0, 0, NULL}, out = in;
  int64_t shape[MOST_RANK];
  nm_value x, y;
  nm_status status = nm_model_input(model, 0, 0, &in, error);
  if (status == NM_OK)
    status = nm_model_output(model, 0, 0, &out, error);
  if (status != NM_OK || in.rank > MOST_RANK)
    return status;
  close_shape(&in, bytes, shape);
  nm_value_init(&x);
  x.dtype = in.dtype;
  x.rank = in.rank;
  x.shape = shape;
  x.data = data;
  x.bytes = bytes;
  nm_value_init(&y); /* no data: memory of the library */
  status = nm_model_run(model, 0, &x, 1, &y, 1, NULL, error);
  if (status != NM_OK)
    return status;
  print_value(in.name, &x);
  print_value(out.name, &y);
  if (!write_file(output, y.data, y.bytes))
    status = NM_ERR_IO;
  nm_value_free(&y);
  return status;
}

int main(int argc, char **argv) {
  nm_model *model = NULL;
  nm_error *error = NULL;
  nm_status status;
  size_t bytes = 0;
  void *data;
  if (argc != 4)
    return fail("usage", "caller MODEL INPUT OUTPUT");
  data = read_file(argv[2], &bytes);
  if (!data)
    return fail(argv[2], "cannot be read");
  status = nm_model_load(argv[1], NULL, &model, &error);
  if (status == NM_OK)
    status = run(model, data, bytes, argv[3], &error);
  if (status != NM_OK)
    fail(argv[1], error ? nm_error_message(error) : "output not written");
  nm_error_free(error);
  nm_model_free(model);
  free(data);
  return status != NM_OK;
}
