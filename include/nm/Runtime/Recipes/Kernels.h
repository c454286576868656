/*===- Kernels.h - one optimizer step over a range of a tensor ----*- C -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The contract between the recipes of the runtime and the kernels that do their
// arithmetic: the portable ones (PortableKernels.cpp), whose bits are the
// reference, and those that are compiled ahead of time for one instruction set.
// Plain C, no allocation, no global state.
//
// What a call computes. All arithmetic is IEEE f32, round to nearest even, in
// the order written, products and sums not contracted; NaN payloads are free.
// For every element of the range, with w, m, v as read:
//
//   g  = gradient (bf16 is widened) * gradient_sign
//   g  = keep ? g : dropped_gradient * g                 [NM_FORM_DROPPED]
//   g  = keep ? g : g + lambda * w                       [NM_FORM_LAMBDA]
//   g  = g + weight_decay * w                            [NM_FORM_L2]
//   w' = w * weight_scale                                [NM_FORM_DECOUPLED]
//
//   NM_UPDATE_ADAM         m = m * beta1 + g * one_minus_beta1
//                          v = v * beta2 + (one_minus_beta2 * g) * g
//                          d = sqrt(v) / bias2_sqrt + eps
//                          w = w' + (-step_size * m) / d
//     with NM_FORM_AMSGRAD v_max = v > v_max or v is NaN ? v : v_max, and v_max
//                          stands for v in d
//   NM_UPDATE_STEP_PAPER   m as above, v only read
//                          d = sqrt(v + eps)
//   NM_UPDATE_STEP_PUBLIC  m as above, v only read
//                          d = sqrt(v) + eps
//   NM_UPDATE_MOMENTUM     m = m * beta1 + g * one_minus_beta1
//                          u = m, with NM_FORM_NESTEROV g + m * beta1
//                          w = w' + -step_size * u
//   NM_UPDATE_SGD          w = w' + -step_size * g
//   NM_UPDATE_NONE         w stays; gradient, m and v are not touched
//
// `keep` above is the bit of `mask` before the call (NM_FORM_DROPPED and
// NM_FORM_LAMBDA are only there with a mask). Then the mask:
//
//   NM_MASK_NONE     there is none; every element is kept below
//   NM_MASK_FIXED    the bits stay and are used below
//   NM_MASK_SELECT   the n of largest magnitude of each group of m, by the new
//                    w: ties to the lower index, NaN above infinity, all NaN
//                    equal. That is the order of
//                    min(bits(w) & 0x7fffffff, 0x7f800001) as an integer
//
// and last, with `keep` from the bits as they are now, what the forward pass
// sees:
//
//   NM_FORM_PRUNE    w = keep ? w : +0 is what is stored as w
//   NM_EFFECTIVE_NONE         nothing
//   NM_EFFECTIVE_MASKED_F32   keep ? w : decay == 0 ? +0 : decay * w
//   NM_EFFECTIVE_MASKED_BF16  the same, rounded to nearest even, NaN quiet
//   NM_EFFECTIVE_SOFT_F32     keep ? soft_scale * copysign(|w| - t, w) : +0,
//                             t the largest magnitude that is dropped in the
//                             group, 0 if n = m. Only with NM_MASK_SELECT
//   NM_EFFECTIVE_SOFT_BF16    the same, rounded
//
// Geometry. The range is `count` elements that lie together in memory, a whole
// number of blocks of m * stride elements. Element i of the range is number
// (i / stride) mod m of its group: with stride 1 a group is m neighbours, else
// `stride` groups lie side by side in a block. Without NM_MASK_SELECT the
// geometry is m = n = stride = 1.
//
// The mask has one bit an element, the first in the lowest bit of the first
// byte; the range starts on a byte. Bits of the last byte beyond the range stay
// (they belong to nobody).
//
// Statistics. `stats` gets what belongs to this range, if it is not null:
// nonfinite always (for NM_UPDATE_NONE 0), the rest under NM_FORM_STATISTICS,
// which only NM_UPDATE_ADAM with NM_MASK_NONE has, with at most
// NM_KERNEL_STATISTICS_COUNT elements. Ranges are cut by the shape alone and
// their statistics are added in order, so that threads change no bit. With
// x = |v new - v old| in f32, in runs of 16 elements, of which number l and
// l + 8 are a pair (0 where the range has ended, with NM_FORM_GEOMETRIC 1):
//   without NM_FORM_GEOMETRIC
//   sum       pairs are added in f32, and then to the sum of lane l < 8 in f64,
//             run by run; then lane l += lane l + h, for h = 4, 2, 1
//   with it
//   x below FLT_MIN (0x00800000), or not finite, counts in `zeros`, and as 1 in
//   the two next
//   exponent  sum of the unbiased exponents of x, one more in the second half
//             of a run
//   mantissa  of x, from 1 to 2, in the second half of a run from 1/2 to 1:
//             those of a pair are multiplied in f32, and then into the product
of lane l in f64, run by run; each
//             product then moves its exponent into `exponent` (so that it is
//             from 1 to 2), and they are multiplied pairwise as sums are added
// so that the sum of log x is log(mantissa) + exponent * log 2. The rounding of
// a pair is a relative error of 2^-24 in either mean. What a form does not
// gather is as an empty range has it: 0, and 1 for `mantissa`.
//
// Aliasing: `effective` is never `weight`; no other two pointers overlap.
// Pointers may be aligned to their element type only.
//
//===----------------------------------------------------------------------===*/

#ifndef NM_RUNTIME_RECIPES_KERNELS_H
#define NM_RUNTIME_RECIPES_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Elements of a range with statistics, at most; also what ranges are cut to
 * where groups allow. */
#define NM_KERNEL_STATISTICS_COUNT 8192
/* Groups are at most this long (structure decay from 8 x 64). */
#define NM_KERNEL_MAX_GROUP 512

typedef int32_t nm_update_form;
enum {
  NM_UPDATE_NONE = 0,
  NM_UPDATE_ADAM = 1,
  NM_UPDATE_STEP_PAPER = 2,
  NM_UPDATE_STEP_PUBLIC = 3,
  NM_UPDATE_MOMENTUM = 4,
  NM_UPDATE_SGD = 5
};

typedef int32_t nm_mask_form;
enum { NM_MASK_NONE = 0, NM_MASK_FIXED = 1, NM_MASK_SELECT = 2 };

typedef int32_t nm_effective_form;
enum {
  NM_EFFECTIVE_NONE = 0,
  NM_EFFECTIVE_MASKED_F32 = 1,
  NM_EFFECTIVE_MASKED_BF16 = 2,
  NM_EFFECTIVE_SOFT_F32 = 3,
  NM_EFFECTIVE_SOFT_BF16 = 4
};

/* Parts of the formula that are there or not: a term that is absent is not
 * computed with a zero (0 * infinity, -0 + 0). */
enum {
  NM_FORM_DROPPED = 1 << 0,
  NM_FORM_LAMBDA = 1 << 1,
  NM_FORM_L2 = 1 << 2,
  NM_FORM_DECOUPLED = 1 << 3,
  NM_FORM_AMSGRAD = 1 << 4,
  NM_FORM_NESTEROV = 1 << 5,
  NM_FORM_PRUNE = 1 << 6,
  NM_FORM_STATISTICS = 1 << 7,
  NM_FORM_GRADIENT_BF16 = 1 << 8,
  NM_FORM_GEOMETRIC = 1 << 9 /* with NM_FORM_STATISTICS */
};

/* What a kernel is made for. */
typedef struct nm_kernel_form {
  nm_update_form update;
  nm_mask_form mask;
  nm_effective_form effective;
  uint32_t flags; /* NM_FORM_* */
  int32_t n, m;   /* 1 <= n <= m <= NM_KERNEL_MAX_GROUP */
  int64_t stride; /* >= 1 */
} nm_kernel_form;

typedef struct nm_kernel_stats {
  double sum;
  double mantissa;
  int64_t exponent;
  int64_t zeros;
  int64_t nonfinite; /* gradients that are NaN or infinite, as they were read */
} nm_kernel_stats;

/* The range and the numbers. Pointers are to the first element of the range;
 * those that the form does not use are null. */
typedef struct nm_kernel_call {
  int64_t count;
  float *weight;          /* f32, read and (but for NM_UPDATE_NONE without */
                          /* NM_FORM_PRUNE) written                        */
  const void *gradient;   /* f32, or bf16 under NM_FORM_GRADIENT_BF16      */
  float *m;               /* first moment, or momentum buffer              */
  float *v;               /* second moment; not written by NM_UPDATE_STEP_* */
  float *v_max;           /* NM_FORM_AMSGRAD                               */
  uint8_t *mask;          /* bits; NM_MASK_SELECT writes them              */
  void *effective;        /* f32 or bf16, only written                     */
  nm_kernel_stats *stats; /* or null                                     */

  float gradient_sign; /* 1 or -1 (maximize) */
  float dropped_gradient;
  float lambda;
  float weight_decay;
  float weight_scale;    /* 1 - rate * decoupled weight decay */
  float beta1;           /* of momentum: the momentum         */
  float one_minus_beta1; /* of momentum: 1 - dampening, 1 in the first step */
  float beta2;
  float one_minus_beta2;
  float bias2_sqrt;
  float eps;
  float step_size;
  float decay;
  float soft_scale;
} nm_kernel_call;

typedef void (*nm_kernel)(const nm_kernel_form *form,
                          const nm_kernel_call *call);

/* The kernels of one instruction set: the kernel for a form, null where it has
 * none (the next set is asked then, the portable one last, which has all). */
typedef struct nm_kernel_set {
  const char *name;       /* "portable", "avx2", "avx512", "neon" */
  int (*supported)(void); /* whether this processor runs it */
  nm_kernel (*find)(const nm_kernel_form *form);
} nm_kernel_set;

#ifdef __cplusplus
}
#endif

#endif /* NM_RUNTIME_RECIPES_KERNELS_H */
