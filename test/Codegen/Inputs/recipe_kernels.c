/* Part of nm, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * The kernels of a table against the formulas of Kernels.h, one element at a
 * time, on whatever processor this is compiled for. Needs no C library, so that
 * code for a foreign processor is linked and run where only an emulator is:
 * exit code 0, or the line of the check that failed, modulo 256. TABLE is the
 * table, ROWS how many kernels it has at least. */

#include "nm/Runtime/Recipes/GeneratedKernels.h"

extern const nm_generated_kernel TABLE[];

enum { kMost = 32 * 9 * 2 + 32 };

static uint32_t state;
static uint32_t random32(void) {
  state = state * 1664525u + 1013904223u;
  return state >> 8;
}

void *memset(void *to, int value, size_t size) {
  for (size_t i = 0; i < size; ++i)
    ((volatile unsigned char *)to)[i] = (unsigned char)value;
  return to;
}
void *memcpy(void *to, const void *from, size_t size) {
  for (size_t i = 0; i < size; ++i)
    ((volatile unsigned char *)to)[i] = ((const unsigned char *)from)[i];
  return to;
}

static uint32_t bits(float x) {
  union {
    float f;
    uint32_t u;
  } both = {x};
  return both.u;
}
static float number(uint32_t u) {
  union {
    uint32_t u;
    float f;
  } both = {u};
  return both.f;
}
static float widen(uint16_t half) { return number((uint32_t)half << 16); }
static uint16_t round16(float x) {
  uint32_t u = bits(x);
  return (uint16_t)((u + 0x7fff + ((u >> 16) & 1)) >> 16);
}

typedef struct {
  float w[kMost], g[kMost], m[kMost], v[kMost], seen[kMost];
  uint16_t half[kMost], halfSeen[kMost];
  uint8_t mask[kMost / 8 + 1];
} arrays;
static arrays start, found, wanted;

static int kept(const uint8_t *mask, int i) {
  return mask[i / 8] >> (i % 8) & 1;
}

/* One element's update, and whether its gradient is no number. */
static void update(const nm_kernel_form *form, const nm_kernel_call *call,
                   int i) {
  arrays *a = &wanted;
  float g = form->flags & NM_FORM_GRADIENT_BF16 ? widen(a->half[i]) : a->g[i];
  float w = a->w[i];
  int keep = form->mask == NM_MASK_NONE || kept(a->mask, i);
  g = g * call->gradient_sign;
  if ((form->flags & NM_FORM_DROPPED) && !keep)
    g = call->dropped_gradient * g;
  if ((form->flags & NM_FORM_LAMBDA) && !keep)
    g = g + call->lambda * w;
  if (form->flags & NM_FORM_L2)
    g = g + call->weight_decay * w;
  if (form->flags & NM_FORM_DECOUPLED)
    w = w * call->weight_scale;
  float m = a->m[i] = a->m[i] * call->beta1 + g * call->one_minus_beta1;
  if (form->update == NM_UPDATE_MOMENTUM) {
    float u = form->flags & NM_FORM_NESTEROV ? g + m * call->beta1 : m;
    a->w[i] = w + -call->step_size * u;
    return;
  }
  float d;
  if (form->update == NM_UPDATE_STEP_PAPER) {
    d = __builtin_sqrtf(a->v[i] + call->eps);
  } else if (form->update == NM_UPDATE_STEP_PUBLIC) {
    d = __builtin_sqrtf(a->v[i]) + call->eps;
  } else {
    a->v[i] = a->v[i] * call->beta2 + (call->one_minus_beta2 * g) * g;
    d = __builtin_sqrtf(a->v[i]) / call->bias2_sqrt + call->eps;
  }
  a->w[i] = w + (-call->step_size * m) / d;
}

/* The new mask, and for every element the largest magnitude its group drops. */
static void select(const nm_kernel_form *form, int count, float *threshold) {
  int m = form->m, stride = (int)form->stride;
  for (int i = 0; i < count; ++i) {
    int own = i / stride % m, rank = 0;
    uint32_t key = bits(wanted.w[i]) & 0x7fffffff;
    for (int k = 0; k < m; ++k) {
      uint32_t other = bits(wanted.w[i + (k - own) * stride]) & 0x7fffffff;
      rank += other > key || (other == key && k < own);
    }
    uint8_t bit = (uint8_t)(1 << (i % 8));
    wanted.mask[i / 8] =
        (uint8_t)((wanted.mask[i / 8] & ~bit) | (rank < form->n ? bit : 0));
    if (rank == form->n)
      for (int k = 0; k < m; ++k)
        threshold[i + (k - own) * stride] = number(key);
  }
}

static void reference(const nm_kernel_form *form, const nm_kernel_call *call,
                      int count) {
  static float threshold[kMost];
  if (form->update != NM_UPDATE_NONE)
    for (int i = 0; i < count; ++i)
      update(form, call, i);
  for (int i = 0; i < count; ++i)
    threshold[i] = 0;
  if (form->mask == NM_MASK_SELECT)
    select(form, count, threshold);
  int soft = form->effective == NM_EFFECTIVE_SOFT_F32 ||
             form->effective == NM_EFFECTIVE_SOFT_BF16;
  for (int i = 0; i < count; ++i) {
    int keep = form->mask == NM_MASK_NONE || kept(wanted.mask, i);
    if ((form->flags & NM_FORM_PRUNE) && !keep)
      wanted.w[i] = 0;
    float w = wanted.w[i], seen;
    if (soft) {
      float rest = number(bits(w) & 0x7fffffff) - threshold[i];
      seen = keep ? call->soft_scale * number((bits(rest) & 0x7fffffff) |
                                              (bits(w) & 0x80000000))
                  : 0;
    } else {
      seen = keep ? w : call->decay == 0 ? 0 : call->decay * w;
    }
    if (form->effective == NM_EFFECTIVE_MASKED_BF16 ||
        form->effective == NM_EFFECTIVE_SOFT_BF16)
      wanted.halfSeen[i] = round16(seen);
    else if (form->effective != NM_EFFECTIVE_NONE)
      wanted.seen[i] = seen;
  }
}

static int same(const void *x, const void *y, size_t size) {
  for (size_t i = 0; i < size; ++i)
    if (((const unsigned char *)x)[i] != ((const unsigned char *)y)[i])
      return 0;
  return 1;
}

/* Whether values differ; else ties are frequent. No infinity, no NaN. */
static int distinct;
static float value(void) {
  if (distinct)
    return (float)((int)(random32() % 0x1000000) - 0x800000) / 0x400000;
  return (float)((int)(random32() % 65) - 32) / 16;
}

static int check(const nm_generated_kernel *row) {
  nm_kernel_form form = {row->update, row->mask, 0, 0, 1, 1, 1};
  if (row->mask == NM_MASK_SELECT) {
    form.m = row->m;
    form.n = 1 + (int32_t)(random32() % (uint32_t)row->m);
    form.stride = row->rows ? 9 : 1;
  }
  int masked = row->mask != NM_MASK_NONE,
      updates = row->update != NM_UPDATE_NONE;
  uint32_t all = (updates ? NM_FORM_L2 | NM_FORM_DECOUPLED : 0) |
                 (masked && updates ? NM_FORM_DROPPED | NM_FORM_LAMBDA : 0) |
                 (masked ? NM_FORM_PRUNE : 0) |
                 (row->update == NM_UPDATE_MOMENTUM ? NM_FORM_NESTEROV : 0);
  form.flags = all & random32();
  if (row->half && updates)
    form.flags |= NM_FORM_GRADIENT_BF16;
  if (row->statistics)
    form.flags |= row->statistics == 2 ? NM_FORM_STATISTICS | NM_FORM_GEOMETRIC
                                       : NM_FORM_STATISTICS;
  if (row->soft)
    form.effective = row->half ? NM_EFFECTIVE_SOFT_BF16 : NM_EFFECTIVE_SOFT_F32;
  else
    form.effective =
        row->half ? NM_EFFECTIVE_MASKED_BF16 : NM_EFFECTIVE_MASKED_F32;

  int block = (int)(form.m * form.stride);
  int count = block * (1 + (int)(random32() % (uint32_t)(kMost / block)));
  nm_kernel_call call = {0};
  call.count = count;
  float *numbers[] = {&call.dropped_gradient,
                      &call.lambda,
                      &call.weight_decay,
                      &call.weight_scale,
                      &call.beta1,
                      &call.one_minus_beta1,
                      &call.beta2,
                      &call.one_minus_beta2,
                      &call.bias2_sqrt,
                      &call.eps,
                      &call.step_size,
                      &call.decay,
                      &call.soft_scale};
  for (unsigned i = 0; i < sizeof(numbers) / sizeof(*numbers); ++i)
    *numbers[i] = (float)(random32() % 1000 + 1) / 1000;
  if (random32() % 2)
    call.decay = 0;
  call.gradient_sign = random32() % 2 ? 1 : -1;

  int nonfinite = 0;
  distinct = random32() & 0x10000;
  for (int i = 0; i < kMost; ++i) {
    start.w[i] = value(), start.g[i] = value(), start.m[i] = value();
    start.v[i] = number(bits(value()) & 0x7fffffff);
    start.half[i] = round16(value());
    start.seen[i] = -7, start.halfSeen[i] = 0x1234;
  }
  for (unsigned i = 0; i < sizeof(start.mask); ++i)
    start.mask[i] = (uint8_t)random32();
  found = start, wanted = start;

  call.weight = found.w, call.m = found.m, call.v = found.v,
  call.mask = found.mask;
  call.gradient = row->half ? (const void *)found.half : found.g;
  call.effective = row->half ? (void *)found.halfSeen : found.seen;
  nm_kernel_stats stats;
  call.stats = &stats;
  row->kernel(&form, &call);
  reference(&form, &call, count);
  /* Whole arrays: what lies beyond the range is as it was. */
  if (!same(found.w, wanted.w, sizeof(found.w)))
    return __LINE__;
  if (!same(found.m, wanted.m, sizeof(found.m)) ||
      !same(found.v, wanted.v, sizeof(found.v)))
    return __LINE__;
  if (!same(found.seen, wanted.seen, sizeof(found.seen)) ||
      !same(found.halfSeen, wanted.halfSeen, sizeof(found.halfSeen)))
    return __LINE__;
  if (!same(found.mask, wanted.mask, sizeof(found.mask)))
    return __LINE__;
  return stats.nonfinite == nonfinite ? 0 : __LINE__;
}

int run(void) {
  state = 20261129;
  int rows = 0;
  for (const nm_generated_kernel *row = TABLE; row->kernel; ++row, ++rows)
    for (int round = 0; round < 8; ++round) {
      int line = check(row);
      if (line)
        return line % 256 ? line % 256 : 255;
    }
  return rows >= ROWS ? 0 : 1;
}

#if defined(__aarch64__)
__attribute__((noreturn)) void _start(void) {
  register long code __asm__("x0") = run();
  register long call __asm__("x8") = 93; /* exit */
  __asm__ volatile("svc 0" ::"r"(code), "r"(call));
  __builtin_unreachable();
}
#elif defined(__x86_64__)
__attribute__((force_align_arg_pointer, noreturn)) void _start(void) {
  int code = run();
  __asm__ volatile("syscall" ::"a"(60), "D"(code));
  __builtin_unreachable();
}
#endif
