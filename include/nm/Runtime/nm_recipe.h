/*===- nm_recipe.h - C ABI of libnm_runtime: learning N:M masks -------------===
 *
 * Part of nm, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 *===------------------------------------------------------------------------===
 *
 * An optimizer that learns N:M masks by a recipe (docs/recipes.md). The
 * conventions are those of nm_runtime.h.
 *
 *   nm_recipe_create    from JSON
 *   nm_recipe_add       parameters, which from then on hold what the next
 *                       forward pass must see (the effective weights)
 *   nm_recipe_step      gradients in; parameters, state and masks move on
 *
 * A recipe object is used by one thread at a time; it runs on the threads of
 * nm_set_num_threads, whose number changes no bit of any result. The
 * parameters belong to the caller and outlive the object, or move (see
 * nm_recipe_gradient). A call that fails has changed nothing.
 *===------------------------------------------------------------------------===
 */

#ifndef NM_RUNTIME_NM_RECIPE_H
#define NM_RUNTIME_NM_RECIPE_H

#include "nm/Runtime/nm_runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct nm_recipe nm_recipe;

/* -- recipes --------------------------------------------------------------- */

/* Checks a recipe (docs/recipe.schema.json) and gives it in full, with every
 * default spelled out, as one line of JSON. The caller owns *full. */
NM_API nm_status nm_recipe_parse(const char *json, char **full,
                                 nm_error **error);

/* Checks a recipe, as nm_recipe_parse does. On success the caller owns
 * *recipe. */
NM_API nm_status nm_recipe_create(const char *json, nm_recipe **recipe,
                                  nm_error **error);
NM_API void nm_recipe_free(nm_recipe *recipe);

/* The recipe in full; lives as long as the object. NULL for NULL. */
NM_API const char *nm_recipe_json(const nm_recipe *recipe);

/* -- parameters ------------------------------------------------------------ */

typedef struct nm_recipe_parameter {
  size_t struct_size; /* sizeof(nm_recipe_parameter) */
  const char *name;   /* unique; the patterns of the recipe go by it      */
  nm_dtype dtype;     /* NM_F32 or NM_BF16                                */
  size_t rank;
  const int64_t *shape;
  void *data;          /* row-major; read, and written by every call that  */
                       /* changes what the forward pass sees               */
  size_t group;        /* which rates of nm_recipe_step_options are its    */
  const char *pattern; /* "2:4", "2:4 transposable", "2:4 blocks 4x1",     */
                       /* "dense"; NULL: by the recipe's patterns          */
  int64_t axis;        /* of `pattern`; negative counts from the last      */
  int dense; /* not 0: data stays the trained weights, and the effective   */
             /* ones are asked for by nm_recipe_effective                  */
} nm_recipe_parameter;

/* Errors: an element type other than f32 and bf16, a dimension that M does not
 * divide, memory shared with another parameter, a name that is taken. All are
 * added or none. */
NM_API nm_status nm_recipe_add(nm_recipe *recipe,
                               const nm_recipe_parameter *parameters,
                               size_t count, nm_error **error);
NM_API size_t nm_recipe_count(const nm_recipe *recipe);

/* What became of the parameter's pattern: n = m = 0 if it is dense. */
typedef struct nm_recipe_info {
  size_t struct_size; /* sizeof(nm_recipe_info) */
  const char *name;
  int64_t n, m, axis;
  int64_t steps;        /* that had a gradient for it                       */
  int masked;           /* whether the next forward pass is masked           */
  int64_t n_now, m_now; /* the pattern of that mask, 0 where there is none */
  double decay;         /* factor of dropped weights in it                   */
  double scale;         /* of the soft threshold, 0 where there is none      */
  int transposable;     /* n:m holds along the axis next to it too           */
  int64_t block;        /* elements along the axis that stay or go together  */
} nm_recipe_info;
NM_API nm_status nm_recipe_inspect(const nm_recipe *recipe, size_t index,
                                   nm_recipe_info *info, nm_error **error);

/* The mask of the next forward pass: one byte (0 or 1) an element, all ones
 * where there is none. `mask` has room for every element. */
NM_API nm_status nm_recipe_mask(const nm_recipe *recipe, size_t index,
                                uint8_t *mask, nm_error **error);

/* The weights of the next forward pass, in the parameter's element type: from
 * the trained ones, where the parameter itself is not those. */
NM_API nm_status nm_recipe_effective(const nm_recipe *recipe, size_t index,
                                     void *weights, nm_error **error);

/* The trained weights as f32: of dropped elements what they are without the
 * mask. */
NM_API nm_status nm_recipe_weights(const nm_recipe *recipe, size_t index,
                                   float *weights, nm_error **error);

/* The caller has written new weights into the parameter, which may lie
 * elsewhere now: they become the trained ones, and are masked. */
NM_API nm_status nm_recipe_reset(nm_recipe *recipe, size_t index, void *data,
                                 nm_error **error);

/* -- steps ----------------------------------------------------------------- */

typedef struct nm_recipe_gradient {
  size_t struct_size;   /* sizeof(nm_recipe_gradient) */
  const void *gradient; /* row-major; NULL leaves the parameter alone */
  nm_dtype dtype;       /* NM_F32 or NM_BF16                          */
  void *parameter; /* where the parameter's data lies now; NULL: where it */
                   /* was                                                 */
} nm_recipe_gradient;

/* Of the fields, those of the recipe's optimizer count. */
typedef struct nm_recipe_rates {
  size_t struct_size; /* sizeof(nm_recipe_rates) */
  double lr;
  double beta1, beta2, eps;
  double weight_decay;
  double momentum, dampening;
} nm_recipe_rates;

/* The rates that the recipe itself gives. */
NM_API nm_status nm_recipe_default_rates(const nm_recipe *recipe,
                                         nm_recipe_rates *rates,
                                         nm_error **error);

typedef int32_t nm_recipe_phase;
enum { NM_PHASE_DENSE = 0, NM_PHASE_SPARSE = 1, NM_PHASE_FINE_TUNE = 2 };

/* What a step did. */
typedef struct nm_recipe_report {
  size_t struct_size; /* sizeof(nm_recipe_report) */
  int64_t step;       /* counts from 1 */
  nm_recipe_phase phase, next_phase;
  int64_t mask_changes; /* elements that went from kept to dropped or back   */
  int64_t nonfinite;    /* elements of gradients that are NaN or infinite    */
  int skipped;          /* left out by skip_nonfinite: nothing has changed   */
  /* AutoSwitch, in the steps in which it looks. */
  int observed;
  double statistic;   /* mean |v - v before|, arithmetic or geometric        */
  double window_mean; /* of the last window_samples statistics               */
  int64_t window_samples, window;
  double threshold;
  int switched;       /* the next step is the first one with masks           */
  const char *reason; /* of that decision; a literal, "" where not observed  */
} nm_recipe_report;

/* One gradient for each parameter, in the order in which they were added;
 * `rates` by group, or NULL for the recipe's own. `report` may be NULL. A
 * gradient that is not finite goes into the weights, as in torch, and is
 * counted, unless the recipe says skip_nonfinite. */
NM_API nm_status nm_recipe_step(nm_recipe *recipe,
                                const nm_recipe_gradient *gradients,
                                size_t num_gradients,
                                const nm_recipe_rates *rates, size_t num_rates,
                                nm_recipe_report *report, nm_error **error);

/* Called at the end of every nm_recipe_step that succeeds, in the thread of the
 * call; NULL for no more. */
typedef void (*nm_recipe_callback)(const nm_recipe_report *report, void *user);
NM_API void nm_recipe_set_callback(nm_recipe *recipe,
                                   nm_recipe_callback callback, void *user);

/* -- parameters of several processes ----------------------------------------
 */

/* What the parameters of one process give in a step, and what those of all
 * processes give together. */
typedef struct nm_recipe_totals {
  size_t struct_size; /* sizeof(nm_recipe_totals) */
  int64_t nonfinite;  /* elements of gradients that are NaN or infinite       */
  int64_t elements;   /* of tensors with a pattern that had a gradient; of    */
                      /* their x = |v - v before|:                            */
  double sum;         /* of x, for AutoSwitch's option 1                      */
  double mantissa;    /* from 1 to 2; option 2: the product of those x that   */
  int64_t exponent;   /* are normal numbers is mantissa * 2^exponent          */
  int64_t zeros;      /* elements whose x is not                              */
} nm_recipe_totals;

/* For objects whose parameters are a part of a model, the others being with
 * other processes: replaces the totals of this process by those of all, so that
 * all decide alike, and returns 0; anything else fails the step. Called in the
 * thread of nm_recipe_step: with skip_nonfinite, for `nonfinite` alone, before
 * anything changes; and after the update in each step in which AutoSwitch
 * looks (an error is one of the processes then; the update is done). All
 * processes call it equally often. NULL for no more. With it, a pattern of the
 * recipe may name no parameter of this process; nm_recipe_pattern_used says
 * whether it does. */
typedef int (*nm_recipe_combine)(nm_recipe_totals *totals, void *user);
NM_API void nm_recipe_set_combine(nm_recipe *recipe, nm_recipe_combine combine,
                                  void *user);

/* Adds the totals of another process to `totals`. The order in which this is
 * done may change last bits: all processes add in the same order. */
NM_API nm_status nm_recipe_add_totals(nm_recipe_totals *totals,
                                      const nm_recipe_totals *other,
                                      nm_error **error);

/* The pattern that a parameter of this name gets. */
typedef struct nm_recipe_pattern {
  size_t struct_size; /* sizeof(nm_recipe_pattern)                            */
  int64_t n, m, axis; /* 0:0 is dense; the axis as it was given               */
  int64_t group;      /* members of the longest group that the recipe ever    */
                      /* makes: M, but for the geometric structure decay      */
  int64_t index; /* of the recipe's patterns, -1 if it is `given` or none */
  int plain;     /* single elements along one axis                       */
} nm_recipe_pattern;
/* `given`, if not NULL, is taken in place of the recipe's, with `axis`. */
NM_API nm_status nm_recipe_pattern_of(const nm_recipe *recipe, const char *name,
                                      const char *given, int64_t axis,
                                      nm_recipe_pattern *pattern,
                                      nm_error **error);

/* Whether pattern number `index` of the recipe has named a parameter so far; 0
 * beyond the last. */
NM_API int nm_recipe_pattern_used(const nm_recipe *recipe, size_t index);

/* Steps that are done, and the last dense one of STEP (0: not past). */
NM_API int64_t nm_recipe_steps_done(const nm_recipe *recipe);
NM_API int64_t nm_recipe_switched_at(const nm_recipe *recipe);

/* -- state ----------------------------------------------------------------- */

/* The state as tensors, `<name>.exp_avg` and so on (docs/recipes.md). Pointers
 * live until the next step, add, assign or load. Index out of range: an
 * error. */
NM_API size_t nm_recipe_state_count(const nm_recipe *recipe);
NM_API nm_status nm_recipe_state_tensor(const nm_recipe *recipe, size_t index,
                                        nm_named_tensor *tensor,
                                        nm_error **error);
/* What the tensors do not say, as JSON. The caller owns *json. */
NM_API nm_status nm_recipe_progress(const nm_recipe *recipe, char **json,
                                    nm_error **error);

/* Takes over the state of another object of this recipe (rates may differ) with
 * these parameters. `from` is the other's nm_recipe_json, or NULL: not
 * checked. The parameters must hold what they held then where they are not
 * masked, or dropped weights are gone for good (ASP). */
NM_API nm_status nm_recipe_state_assign(nm_recipe *recipe,
                                        const nm_named_tensor *tensors,
                                        size_t count, const char *progress,
                                        const char *from, nm_error **error);

/* The same to and from a safetensors file, which appears complete or not at
 * all. */
NM_API nm_status nm_recipe_state_save(const nm_recipe *recipe, const char *path,
                                      nm_error **error);
NM_API nm_status nm_recipe_state_load(nm_recipe *recipe, const char *path,
                                      nm_error **error);

/* -- kernels --------------------------------------------------------------- */

/* Sets of kernels that this processor runs, the best first; NULL beyond the
 * last. All give the same bits. */
NM_API const char *nm_recipe_kernels(size_t index);
/* Uses one of them from now on, "" the best again. The environment variable
 * NM_RECIPE_KERNELS does so from outside. */
NM_API nm_status nm_recipe_choose_kernels(const char *name, nm_error **error);

#ifdef __cplusplus
}
#endif

#endif /* NM_RUNTIME_NM_RECIPE_H */
