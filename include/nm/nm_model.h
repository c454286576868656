/*===- nm_model.h - C ABI of compiled models --------------------------------===
 *
 * Part of nm, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * Loads what nm-compile made of a model and runs it; in libnm_runtime. The
 * conventions are those of nm/Runtime/nm_runtime.h: status and error object,
 * structs that begin with their size, no exceptions. C89 to C++20.
 *
 *   nm_model *model;
 *   nm_value x, y;
 *   nm_model_load("bert.so", NULL, &model, &error);
 *   nm_value_init(&x); x.dtype = NM_F32; x.rank = 2; x.shape = shape;
 *   x.data = data; x.bytes = sizeof(data);
 *   nm_value_init(&y);
 *   nm_model_run(model, 0, &x, 1, &y, 1, NULL, &error);
 *   ... y.shape, y.data ...
 *   nm_value_free(&y);
 *   nm_model_free(model);
 *
 * A compiled library is code: load none that you would not run.
 *===------------------------------------------------------------------------===*/

#ifndef NM_NM_MODEL_H
#define NM_NM_MODEL_H

#include "nm/Runtime/nm_runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct nm_model nm_model;

/* Set every field by nm_model_options_init, then change what is needed. */
typedef struct nm_model_options {
  size_t struct_size; /* sizeof(nm_model_options) */
  /* The packed weights that nm-compile wrote (.nmw). NULL: the file of the
   * library's name that ends in .nmw, unless `scopes` are given. */
  const char *weights;
  /* Checkpoints whose parameters are packed now, in place of packed weights. */
  const nm_scope *scopes;
  size_t num_scopes;
  const nm_params_options *params; /* of `scopes`; NULL: the defaults */
} nm_model_options;

/* The defaults, and struct_size: call it before any field is set. */
NM_API void nm_model_options_init(nm_model_options *options);

/* Loads a compiled library (model.so), or the folder that holds model.so and
 * model.nmw. Fails for libraries that nm-compile did not write, for processors
 * that lack what the code needs, and for weights that are damaged or of another
 * model. `options` may be NULL. On success the caller owns *model. */
NM_API nm_status nm_model_load(const char *path,
                               const nm_model_options *options,
                               nm_model **model, nm_error **error);
/* Results that the library owns (nm_value) outlive it. */
NM_API void nm_model_free(nm_model *model);

/* -- what it takes and gives ----------------------------------------------- */

#define NM_DYNAMIC_SIZE (-1)

/* Strings and shapes belong to the model. */
typedef struct nm_value_type {
  size_t struct_size; /* sizeof(nm_value_type) */
  const char *name;
  nm_dtype dtype;
  size_t rank;
  const int64_t *shape; /* NM_DYNAMIC_SIZE: any size */
} nm_value_type;

/* Functions in the order of the source; NULL where there is none. */
NM_API size_t nm_model_num_functions(const nm_model *model);
NM_API const char *nm_model_function_name(const nm_model *model,
                                          size_t function);
NM_API nm_status nm_model_find_function(const nm_model *model, const char *name,
                                        size_t *function, nm_error **error);

/* Inputs and outputs of a function; 0 where there is no such function. */
NM_API size_t nm_model_num_inputs(const nm_model *model, size_t function);
NM_API size_t nm_model_num_outputs(const nm_model *model, size_t function);
/* Set type->struct_size before. */
NM_API nm_status nm_model_input(const nm_model *model, size_t function,
                                size_t index, nm_value_type *type,
                                nm_error **error);
NM_API nm_status nm_model_output(const nm_model *model, size_t function,
                                 size_t index, nm_value_type *type,
                                 nm_error **error);
#define NM_RETURNED ((size_t)-1)

/* The input in whose memory an output is (nm-compile --in-place), NM_RETURNED
 * for outputs with memory of their own. */
NM_API nm_status nm_model_output_input(const nm_model *model, size_t function,
                                       size_t output, size_t *input,
                                       nm_error **error);
#define NM_NOWHERE ((size_t)-1)

/* The dimension in which such an output is longer than its input, a cache that
 * grows; NM_NOWHERE if it is as long, or has memory of its own. */
NM_API nm_status nm_model_output_grows(const nm_model *model, size_t function,
                                       size_t output, size_t *dimension,
                                       nm_error **error);
/* The error lists the names that there are. */
NM_API nm_status nm_model_find_input(const nm_model *model, size_t function,
                                     const char *name, size_t *index,
                                     nm_error **error);
NM_API nm_status nm_model_find_output(const nm_model *model, size_t function,
                                      const char *name, size_t *index,
                                      nm_error **error);

/* -- running --------------------------------------------------------------- */

typedef struct nm_value {
  size_t struct_size; /* sizeof(nm_value) */
  nm_dtype dtype;
  size_t rank;
  const int64_t *shape;
  const int64_t *strides; /* in elements; NULL: row-major */
  void *data;
  size_t bytes; /* of the memory at `data` */
  void *owner;  /* not NULL: release by nm_value_free */
} nm_value;

/* Everything zero but struct_size. */
NM_API void nm_value_init(nm_value *value);
/* Releases what nm_model_run put there, if it did, and sets the fields to zero.
 * On any thread, also after nm_model_free. */
NM_API void nm_value_free(nm_value *value);

typedef struct nm_run_options {
  size_t struct_size; /* sizeof(nm_run_options) */
  int32_t threads;    /* 0: those of the calling thread (nm_set_num_threads) */
} nm_run_options;

/* Runs a function. Inputs are read only, but for those that outputs are written
 * to: row-major, of the model's types and sizes, aligned to their element. An
 * input that is written overlaps no other input; its output is then that memory
 * and the caller's, with the input's shape, and its `data` is that or NULL.
 * Where it grows (nm_model_output_grows, dimension d), the input is row-major
 * memory of which strides[d - 1] / strides[d] rows in d are there and shape[d]
 * are in use: `bytes` covers all of them, strides are given also for dimensions
 * of size 1, the new rows are written behind those in use, nothing else is, and
 * the output has the same strides and the larger shape. Without room for them
 * the call fails and writes nothing. An output of which `data` is NULL has its
 * shape in `owner`; nm_value_free leaves the memory itself to the caller. An
 * output whose `data` is NULL is given in memory of the library, with dtype,
 * rank, shape, strides, bytes and owner set; one with `data` is written to that
 * memory, row-major, and its dtype, rank and shape must be those of the result.
 * Several threads may run one model at once. A model allocates nothing at
 * sizes that it has run with twice. On an error no output is owned, and
 * `data` of the caller's outputs and of inputs that are written is unspecified.
 */
NM_API nm_status nm_model_run(nm_model *model, size_t function,
                              const nm_value *inputs, size_t num_inputs,
                              nm_value *outputs, size_t num_outputs,
                              const nm_run_options *options, nm_error **error);

/* -- parameters of libraries that are linked ------------------------------- */

/* The parameters of nm_manifest_<function> from packed weights, for
 * nm_call_<function>. */
NM_API nm_status nm_params_open(const char *manifest_json, const char *path,
                                nm_params **params, nm_error **error);

#ifdef __cplusplus
}
#endif

#endif /* NM_NM_MODEL_H */
