/*===- nm_runtime.h - C ABI of libnm_runtime --------------------------------===
 *
 * Part of nm, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * Conventions
 *  - Functions that can fail return an nm_status and, when `error` is not NULL
 *    and the status is not NM_OK, store an error object there that the caller
 *    releases with nm_error_free. `*error` is set to NULL on success.
 *  - Sizes named `bytes` are in bytes, shapes are in elements and row-major
 *    (last dimension fastest). All integers are little endian in memory.
 *  - Strings are UTF-8 and NUL terminated. Strings returned as `const char *`
 *    belong to the object they came from; those returned through `char **`
 *    belong to the caller, who releases them with nm_string_free.
 *  - Objects are released by the function named after them; releasing NULL does
 *    nothing. Different objects may be used from different threads at once;
 *    a loaded object is immutable and may be read from several threads.
 *  - Enumerations are 32-bit integers with named values; other values are
 * errors.
 *  - Structs begin with their size: set `struct_size` to sizeof the struct, in
 *    every element of an array and also where the library fills the struct in.
 *    Fields are only ever added at the end: a caller of an older header gets
 *    what he knows, one of a newer header an error if he sets a field that this
 *    library does not know. A size that is too small for any header is an
 * error.
 *  - No function throws or terminates the process.
 *===------------------------------------------------------------------------===*/

#ifndef NM_RUNTIME_NM_RUNTIME_H
#define NM_RUNTIME_NM_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define NM_API __attribute__((visibility("default")))
#else
#define NM_API
#endif

/* -- status and errors ----------------------------------------------------- */

typedef int32_t nm_status;
enum {
  NM_OK = 0,
  NM_ERR_ARGUMENT = 1,    /* something that can never work was passed       */
  NM_ERR_IO = 2,          /* the operating system refused                   */
  NM_ERR_FORMAT = 3,      /* a file or a text is malformed                  */
  NM_ERR_NOT_FOUND = 4,   /* a tensor, scope or file is missing             */
  NM_ERR_MISMATCH = 5,    /* dtype, shape or N:M differ from what was asked */
  NM_ERR_UNSUPPORTED = 6, /* well formed, but not handled                   */
  NM_ERR_MEMORY = 7,      /* an allocation failed                           */
  NM_ERR_INTERNAL = 8     /* a defect of this library                       */
};

typedef struct nm_error nm_error;

/* The message: lower case, no final period. Valid until nm_error_free. "" for
 * NULL. */
NM_API const char *nm_error_message(const nm_error *error);
NM_API nm_status nm_error_status(const nm_error *error);
NM_API void nm_error_free(nm_error *error);
NM_API void nm_string_free(char *string);

/* "major.minor.patch" of the library that runs, the one of nm/Version.h. */
NM_API const char *nm_runtime_version(void);

/* -- threads --------------------------------------------------------------- */

/* Number of OpenMP threads of the calling thread's parallel regions, both in
 * this library and in compiled code called from the same thread. 0 or less
 * restores the default (all processors, or OMP_NUM_THREADS). More than 256, or
 * four times the processors if that is more, is taken for that many. Where
 * OMP_NUM_THREADS is no such number, nm_params_load and nm_inspect fail with a
 * message, and the other functions take it as not set. */
NM_API void nm_set_num_threads(int count);
NM_API int nm_get_num_threads(void);

/* -- element types --------------------------------------------------------- */

typedef int32_t nm_dtype;
enum {
  NM_UNKNOWN = 0,
  NM_BOOL = 1, /* one byte, 0 or 1 */
  NM_U8 = 2,
  NM_I8 = 3,
  NM_F8_E5M2 = 4,
  NM_F8_E4M3 = 5,
  NM_I16 = 6,
  NM_U16 = 7,
  NM_F16 = 8,
  NM_BF16 = 9,
  NM_I32 = 10,
  NM_U32 = 11,
  NM_F32 = 12,
  NM_F64 = 13,
  NM_I64 = 14,
  NM_U64 = 15
};

/* Bytes of one element, 0 for NM_UNKNOWN. */
NM_API size_t nm_dtype_bytes(nm_dtype dtype);
/* "f32", "bf16", ...; "unknown". */
NM_API const char *nm_dtype_name(nm_dtype dtype);

/* -- masks ----------------------------------------------------------------- */

typedef int32_t nm_mask_policy;
enum {
  /* An explicit mask if there is one, else the weights must satisfy N:M. */
  NM_MASK_IF_PRESENT = 0,
  /* Every parameter with a pattern must have an explicit mask. */
  NM_MASK_REQUIRE = 1,
  /* An explicit mask if there is one, else the N largest magnitudes of every
   * group of M (ties to the lower index, NaN largest). */
  NM_MASK_DERIVE = 2,
  /* Explicit masks are not looked for. */
  NM_MASK_IGNORE = 3
};

typedef int32_t nm_bit_order;
enum { NM_LSB_FIRST = 0, NM_MSB_FIRST = 1 };

/* -- parameters of compiled models ----------------------------------------- */

typedef struct nm_scope {
  size_t struct_size; /* sizeof(nm_scope) */
  const char *name;   /* as in the manifest; "" is the unnamed scope */
  const char *path;   /* checkpoint file or folder                   */
} nm_scope;

/* Set every field by nm_params_options_init, then change what is needed. */
typedef struct nm_params_options {
  size_t struct_size; /* sizeof(nm_params_options) */
  nm_mask_policy mask_policy;
  nm_bit_order mask_bit_order;      /* of bit-packed mask tensors           */
  const char *const *mask_suffixes; /* NULL: the default suffixes           */
  size_t num_mask_suffixes;
  int cache;                /* not 0: keep packed buffers in a file next to   */
                            /* the checkpoint, and map that file when it fits */
  const char *cache_folder; /* NULL: the folder of the first scope            */
  const char *mask_path;    /* a file of masks beside that of the weights, or */
                            /* NULL                                           */
} nm_params_options;

/* The defaults, and struct_size: call it before any field is set. */
NM_API void nm_params_options_init(nm_params_options *options);

typedef struct nm_params nm_params;

/* Loads every parameter of a manifest (JSON, see docs/runtime.md), checks
 * dtype, shape and N:M against the checkpoint, and packs each into its layout.
 * `options` may be NULL. On success the caller owns *params. */
NM_API nm_status nm_params_load(const char *manifest_json,
                                const nm_scope *scopes, size_t num_scopes,
                                const nm_params_options *options,
                                nm_params **params, nm_error **error);
NM_API void nm_params_free(nm_params *params);

/* How many parameters the manifest lists. */
NM_API size_t nm_params_count(const nm_params *params);

/* Tells which manifest the parameters were loaded for: compiled functions take
 * those of their own only. 0 for NULL. */
NM_API uint64_t nm_params_manifest_hash(const nm_params *params);

/* Part 0 is the values, part 1 the metadata. Pointers are aligned to 64 bytes
 * and valid until nm_params_free. NULL and 0 when there is no such parameter or
 * part, or when it is empty. */
NM_API const void *nm_params_data(const nm_params *params, size_t index,
                                  int part);
/* The data of every part of every parameter, in the order of the manifest,
 * values before metadata, as nm_ciface_<function> of a compiled model takes it.
 * Valid until nm_params_free. NULL for NULL. */
NM_API const void *const *nm_params_table(const nm_params *params);
NM_API size_t nm_params_bytes(const nm_params *params, size_t index, int part);

/* Where the mask came from, in words. NULL when there is no such parameter. */
NM_API const char *nm_params_mask_source(const nm_params *params, size_t index);

/* "off", "hit", "written", or why the cache was not used. */
NM_API const char *nm_params_cache_state(const nm_params *params);

/* What was read otherwise than the manifest asks for it (floats of another
 * type, keys with another prefix), a line each; NULL where there is no such
 * line. */
NM_API const char *nm_params_note(const nm_params *params, size_t index);

/* -- checkpoints ----------------------------------------------------------- */

typedef struct nm_checkpoint nm_checkpoint;

/* Opens a file or folder of any format that docs/runtime.md lists; values stay
 * in the file until they are read. On success the caller owns *checkpoint. */
NM_API nm_status nm_checkpoint_open(const char *path,
                                    nm_checkpoint **checkpoint,
                                    nm_error **error);
NM_API void nm_checkpoint_free(nm_checkpoint *checkpoint);
NM_API size_t nm_checkpoint_count(const nm_checkpoint *checkpoint);
/* Name of a tensor (sorted by name); NULL when there is none. */
NM_API const char *nm_checkpoint_name(const nm_checkpoint *checkpoint,
                                      size_t index);
/* A text of the file's `__metadata__` (safetensors); NULL when there is none.
 */
NM_API const char *nm_checkpoint_text(const nm_checkpoint *checkpoint,
                                      const char *name);

/* A tensor in row-major order. `shape` and `data` live until nm_tensor_free;
 * the checkpoint may be freed before. `data` may point into the mapped file and
 * be unaligned. Set struct_size before nm_checkpoint_read; on an error the
 * other fields are zero. */
typedef struct nm_tensor {
  size_t struct_size; /* sizeof(nm_tensor) */
  nm_dtype dtype;
  size_t rank;
  const int64_t *shape;
  const void *data;
  size_t bytes;
  void *owner;
} nm_tensor;

/* Reads a tensor by name. Its shape and data live until nm_tensor_free, also
 * after the checkpoint is freed. */
NM_API nm_status nm_checkpoint_read(const nm_checkpoint *checkpoint,
                                    const char *name, nm_tensor *tensor,
                                    nm_error **error);
NM_API void nm_tensor_free(nm_tensor *tensor);

/* A table (or, when `json` is not 0, a JSON array) of every tensor: dtype,
 * shape, tightest N:M and its axis, density, mask. `options` may be NULL; its
 * mask fields are used. The caller owns *text. */
NM_API nm_status nm_inspect(const char *path, const nm_params_options *options,
                            int json, char **text, nm_error **error);

/* -- writing --------------------------------------------------------------- */

/* Write row-major data; the file appears complete or not at all. bf16 and 8-bit
 * floats have no npy type and are refused there. */
NM_API nm_status nm_write_npy(const char *path, nm_dtype dtype, size_t rank,
                              const int64_t *shape, const void *data,
                              nm_error **error);

typedef struct nm_named_tensor {
  size_t struct_size; /* sizeof(nm_named_tensor) */
  const char *name;
  nm_dtype dtype;
  size_t rank;
  const int64_t *shape;
  const void *data;
} nm_named_tensor;

/* Writes `count` tensors, row-major, in the order given. The file appears when
 * all of it is written; on an error an existing one stays as it was. */
NM_API nm_status nm_write_safetensors(const char *path,
                                      const nm_named_tensor *tensors,
                                      size_t count, nm_error **error);

typedef struct nm_text {
  size_t struct_size; /* sizeof(nm_text) */
  const char *name;
  const char *text;
} nm_text;

/* The same with texts in the file's `__metadata__`. */
NM_API nm_status nm_write_safetensors_with(const char *path,
                                           const nm_named_tensor *tensors,
                                           size_t count, const nm_text *texts,
                                           size_t num_texts, nm_error **error);

/* -- layouts --------------------------------------------------------------- */

/* A weight: dense shape, its sparse axis and N:M pattern. */
typedef struct nm_weight {
  size_t struct_size; /* sizeof(nm_weight) */
  nm_dtype dtype;     /* of 1, 2 or 4 bytes */
  size_t rank;
  const int64_t *shape;
  int64_t axis;
  int64_t n;
  int64_t m;
} nm_weight;

/* Bytes of values and metadata of a weight in a layout, e.g. "canonical" or
 * "panel<rows = 3, cols = 32, depth = 192>". */
NM_API nm_status nm_layout_bytes(const nm_weight *weight, const char *layout,
                                 size_t *values_bytes, size_t *metadata_bytes,
                                 nm_error **error);

/* From one layout to another, "dense" included; exact. Buffers have the sizes
 * of nm_layout_bytes; metadata pointers may be NULL for layouts without. Fails
 * with NM_ERR_MISMATCH when a group holds more than n non-zeros. */
NM_API nm_status nm_convert(const nm_weight *weight, const char *from,
                            const void *from_values, const void *from_metadata,
                            const char *to, void *to_values, void *to_metadata,
                            nm_error **error);

/* The magnitude mask of a row-major weight: one byte (0 or 1) an element, n a
 * group. Ties go to the lower index, NaN is the largest magnitude. */
NM_API nm_status nm_derive_mask(const nm_weight *weight, const void *dense,
                                uint8_t *mask, nm_error **error);

/* -- pictures -------------------------------------------------------------- */

/* A line chart as a self-contained SVG document, light or dark as the reader's
 * screen is. `json` has a title, labels and scales of the axes, series with the
 * numbers of x and y, and marks; nm/Support/Plot.h shows all fields. The caller
 * owns *svg. */
NM_API nm_status nm_chart_svg(const char *json, char **svg, nm_error **error);

#ifdef __cplusplus
}
#endif

#endif /* NM_RUNTIME_NM_RUNTIME_H */
