//===- PortableUpdate.h - The element-wise part of a step -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The formulas of Kernels.h, each a loop over a piece that stays in the first
// cache. The file is compiled for several processors into one program: each
// time in a namespace of its own (NM_KERNEL_NAMESPACE), and without anything of
// the standard library, whose functions the linker would take from one of them.
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_RUNTIME_RECIPES_PORTABLEUPDATE_H
#define NM_LIB_RUNTIME_RECIPES_PORTABLEUPDATE_H

#include "nm/Runtime/Recipes/Kernels.h"
#include <cstring>

namespace nm::rt::NM_KERNEL_NAMESPACE {

/// Elements of a piece, a multiple of the lanes.
constexpr int64_t kPiece = 256;
constexpr int64_t kLanes = 16;

static inline uint32_t bitsOf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}
static inline float floatOf(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

static inline uint16_t roundToBf16(float value) {
  uint32_t bits = bitsOf(value);
  uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  uint32_t quiet = (bits >> 16) | 0x40;
  return static_cast<uint16_t>((bits & 0x7fffffff) > 0x7f800000 ? quiet
                                                                : rounded);
}

/// 16 words or bits side by side; a true comparison is a word of ones.
typedef int32_t Words __attribute__((ext_vector_type(16)));
typedef bool Bits __attribute__((ext_vector_type(16)));

static inline Words loadWords(const void *from) {
  Words words;
  std::memcpy(&words, from, sizeof(words));
  return words;
}
static inline void storeWords(void *to, Words words) {
  std::memcpy(to, &words, sizeof(words));
}

/// Bit `first` and up of a mask as all-ones or all-zeros words.
static inline void expandMask(const uint8_t *mask, int64_t first, int64_t count,
                              uint32_t *keep) {
  int64_t i = 0;
  if ((first & 7) == 0) {
    for (; i + kLanes <= count; i += kLanes) {
      Bits bits;
      std::memcpy(&bits, mask + ((first + i) >> 3), 2);
      storeWords(keep + i, -__builtin_convertvector(bits, Words));
    }
  }
  for (; i < count; ++i) {
    int64_t bit = first + i;
    keep[i] = 0u - ((uint32_t(mask[bit >> 3]) >> (bit & 7)) & 1u);
  }
}

static inline void storeMask(uint8_t *mask, int64_t first, int64_t count,
                             const uint32_t *keep) {
  int64_t i = 0;
  if ((first & 7) == 0) {
    for (; i + kLanes <= count; i += kLanes) {
      Bits bits = __builtin_convertvector(loadWords(keep + i) != 0, Bits);
      std::memcpy(mask + ((first + i) >> 3), &bits, 2);
    }
  }
  for (; i < count; ++i) {
    int64_t bit = first + i;
    uint8_t one = static_cast<uint8_t>(1u << (bit & 7));
    mask[bit >> 3] =
        static_cast<uint8_t>((mask[bit >> 3] & ~one) | (keep[i] ? one : 0));
  }
}

/// Running statistics of a call (Kernels.h).
struct Statistics {
  static constexpr int64_t kHalf = kLanes / 2;
  double sum[kHalf] = {};
  double mantissa[kHalf];
  int64_t exponent = 0, zeros = 0, nonfinite = 0;

  Statistics() {
    for (double &lane : mantissa)
      lane = 1;
  }

  /// `before` is a multiple of the lanes into the range.
  void add(const float *before, const float *after, int64_t count,
           bool geometric) {
    for (int64_t i = 0; i < count; i += kLanes) {
      uint32_t run[kLanes] = {};
      int64_t lanes = count - i < kLanes ? count - i : kLanes;
      for (int64_t l = 0; l < lanes; ++l)
        run[l] = bitsOf(after[i + l] - before[i + l]) & 0x7fffffff;
      if (geometric)
        multiply(run, lanes);
      else
        for (int64_t l = 0; l < kHalf; ++l)
          sum[l] +=
              static_cast<double>(floatOf(run[l]) + floatOf(run[l + kHalf]));
    }
  }

  void multiply(const uint32_t (&run)[kLanes], int64_t lanes) {
    float parts[kLanes];
    int32_t exponents = 0, counted = 0;
    for (int64_t l = 0; l < kLanes; ++l) {
      bool counts = run[l] >= 0x00800000 && run[l] < 0x7f800000;
      uint32_t bits = counts ? run[l] : 0x3f800000;
      uint32_t one = l < kHalf ? 0x3f800000 : 0x3f000000;
      parts[l] = floatOf((bits & 0x007fffff) | one);
      exponents +=
          static_cast<int32_t>(bits >> 23) - static_cast<int32_t>(one >> 23);
      counted += counts ? 1 : 0;
    }
    for (int64_t l = 0; l < kHalf; ++l)
      mantissa[l] *= static_cast<double>(parts[l] * parts[l + kHalf]);
    exponent += exponents;
    zeros += lanes - counted;
  }

  void store(nm_kernel_stats *out) {
    for (double &lane : mantissa) {
      uint64_t bits;
      std::memcpy(&bits, &lane, sizeof(bits));
      exponent += static_cast<int64_t>(bits >> 52) - 1023;
      bits = (bits & 0x000fffffffffffff) | 0x3ff0000000000000;
      std::memcpy(&lane, &bits, sizeof(bits));
    }
    for (int64_t half = kHalf / 2; half > 0; half /= 2)
      for (int64_t l = 0; l < half; ++l) {
        sum[l] += sum[l + half];
        mantissa[l] *= mantissa[l + half];
      }
    out->sum = sum[0];
    out->mantissa = mantissa[0];
    out->exponent = exponent;
    out->zeros = zeros;
    out->nonfinite = nonfinite;
  }
};

/// The gradient of a piece as f32, times its sign; counts what is not finite.
static inline int64_t loadGradient(const nm_kernel_form &form,
                                   const nm_kernel_call &call, int64_t first,
                                   int64_t count, float *g) {
  int32_t nonfinite = 0;
  if (form.flags & NM_FORM_GRADIENT_BF16) {
    const uint16_t *from = static_cast<const uint16_t *>(call.gradient) + first;
    for (int64_t i = 0; i < count; ++i)
      g[i] = floatOf(uint32_t(from[i]) << 16);
  } else {
    std::memcpy(g, static_cast<const float *>(call.gradient) + first,
                static_cast<size_t>(count) * sizeof(float));
  }
  float sign = call.gradient_sign;
  for (int64_t i = 0; i < count; ++i) {
    nonfinite += (bitsOf(g[i]) & 0x7f800000) == 0x7f800000;
    g[i] = g[i] * sign;
  }
  return nonfinite;
}

/// The terms that masks and decays add to the gradient.
static inline void adjustGradient(const nm_kernel_form &form,
                                  const nm_kernel_call &call, int64_t first,
                                  int64_t count, float *g) {
  const float *w = call.weight + first;
  if (form.flags & (NM_FORM_DROPPED | NM_FORM_LAMBDA)) {
    uint32_t keep[kPiece];
    expandMask(call.mask, first, count, keep);
    if (form.flags & NM_FORM_DROPPED) {
      float factor = call.dropped_gradient;
      for (int64_t i = 0; i < count; ++i) {
        float dropped = factor * g[i];
        g[i] = keep[i] ? g[i] : dropped;
      }
    }
    if (form.flags & NM_FORM_LAMBDA) {
      float lambda = call.lambda;
      for (int64_t i = 0; i < count; ++i) {
        float pulled = g[i] + lambda * w[i];
        g[i] = keep[i] ? g[i] : pulled;
      }
    }
  }
  if (form.flags & NM_FORM_L2) {
    float decay = call.weight_decay;
    for (int64_t i = 0; i < count; ++i)
      g[i] = g[i] + decay * w[i];
  }
}

/// What divides the first moment.
static inline void denominators(const nm_kernel_form &form,
                                const nm_kernel_call &call, int64_t first,
                                int64_t count, const float *g, float *d,
                                Statistics &statistics) {
  float *v = call.v + first;
  float eps = call.eps;
  if (form.update == NM_UPDATE_STEP_PAPER) {
    for (int64_t i = 0; i < count; ++i)
      d[i] = __builtin_sqrtf(v[i] + eps);
    return;
  }
  if (form.update == NM_UPDATE_STEP_PUBLIC) {
    for (int64_t i = 0; i < count; ++i)
      d[i] = __builtin_sqrtf(v[i]) + eps;
    return;
  }
  float before[kPiece];
  if (form.flags & NM_FORM_STATISTICS)
    std::memcpy(before, v, static_cast<size_t>(count) * sizeof(float));
  float beta2 = call.beta2, rest = call.one_minus_beta2;
  for (int64_t i = 0; i < count; ++i)
    v[i] = v[i] * beta2 + (rest * g[i]) * g[i];
  if (form.flags & NM_FORM_STATISTICS)
    statistics.add(before, v, count, form.flags & NM_FORM_GEOMETRIC);
  const float *divisor = v;
  if (form.flags & NM_FORM_AMSGRAD) {
    float *most = call.v_max + first;
    for (int64_t i = 0; i < count; ++i)
      most[i] = v[i] > most[i] || v[i] != v[i] ? v[i] : most[i];
    divisor = most;
  }
  float scale = call.bias2_sqrt;
  for (int64_t i = 0; i < count; ++i)
    d[i] = __builtin_sqrtf(divisor[i]) / scale + eps;
}

/// Moments and weights of a piece.
static inline void updatePiece(const nm_kernel_form &form,
                               const nm_kernel_call &call, int64_t first,
                               int64_t count, Statistics &statistics) {
  float g[kPiece], d[kPiece];
  statistics.nonfinite += loadGradient(form, call, first, count, g);
  adjustGradient(form, call, first, count, g);

  float *w = call.weight + first;
  float scale = call.weight_scale, step = -call.step_size;
  if (form.flags & NM_FORM_DECOUPLED)
    for (int64_t i = 0; i < count; ++i)
      w[i] = w[i] * scale;
  if (form.update == NM_UPDATE_SGD) {
    for (int64_t i = 0; i < count; ++i)
      w[i] = w[i] + step * g[i];
    return;
  }
  float *m = call.m + first;
  float beta1 = call.beta1, rest = call.one_minus_beta1;
  for (int64_t i = 0; i < count; ++i)
    m[i] = m[i] * beta1 + g[i] * rest;
  if (form.update == NM_UPDATE_MOMENTUM) {
    if (form.flags & NM_FORM_NESTEROV)
      for (int64_t i = 0; i < count; ++i)
        w[i] = w[i] + step * (g[i] + m[i] * beta1);
    else
      for (int64_t i = 0; i < count; ++i)
        w[i] = w[i] + step * m[i];
    return;
  }
  denominators(form, call, first, count, g, d, statistics);
  for (int64_t i = 0; i < count; ++i)
    w[i] = w[i] + (step * m[i]) / d[i];
}

static inline void update(const nm_kernel_form &form,
                          const nm_kernel_call &call, int64_t first,
                          int64_t count, Statistics &statistics) {
  if (form.update == NM_UPDATE_NONE)
    return;
  for (int64_t i = 0; i < count; i += kPiece)
    updatePiece(form, call, first + i, count - i < kPiece ? count - i : kPiece,
                statistics);
}

/// The weights as the forward pass sees them. `keep` null: all are kept;
/// `threshold` is for the soft forms.
static inline void finish(const nm_kernel_form &form,
                          const nm_kernel_call &call, int64_t first,
                          int64_t count, const uint32_t *keep,
                          const float *threshold) {
  float *w = call.weight + first;
  if ((form.flags & NM_FORM_PRUNE) && keep)
    for (int64_t i = 0; i < count; ++i)
      w[i] = keep[i] ? w[i] : 0.0f;
  if (form.effective == NM_EFFECTIVE_NONE)
    return;
  bool soft = form.effective == NM_EFFECTIVE_SOFT_F32 ||
              form.effective == NM_EFFECTIVE_SOFT_BF16;
  bool half = form.effective == NM_EFFECTIVE_MASKED_BF16 ||
              form.effective == NM_EFFECTIVE_SOFT_BF16;
  float decay = call.decay, scale = call.soft_scale;
  for (int64_t p = 0; p < count; p += kPiece) {
    int64_t n = count - p < kPiece ? count - p : kPiece;
    float seen[kPiece];
    if (!keep)
      std::memcpy(seen, w + p, static_cast<size_t>(n) * sizeof(float));
    else if (soft)
      for (int64_t i = 0; i < n; ++i) {
        uint32_t bits = bitsOf(w[p + i]);
        float beyond = floatOf(bits & 0x7fffffff) - threshold[p + i];
        float kept = scale * floatOf((bitsOf(beyond) & 0x7fffffff) |
                                     (bits & 0x80000000));
        seen[i] = keep[p + i] ? kept : 0.0f;
      }
    else if (decay == 0)
      for (int64_t i = 0; i < n; ++i)
        seen[i] = keep[p + i] ? w[p + i] : 0.0f;
    else
      for (int64_t i = 0; i < n; ++i) {
        float faded = decay * w[p + i];
        seen[i] = keep[p + i] ? w[p + i] : faded;
      }
    if (half)
      for (int64_t i = 0; i < n; ++i)
        static_cast<uint16_t *>(call.effective)[first + p + i] =
            roundToBf16(seen[i]);
    else
      std::memcpy(static_cast<float *>(call.effective) + first + p, seen,
                  static_cast<size_t>(n) * sizeof(float));
  }
}

} // namespace nm::rt::NM_KERNEL_NAMESPACE

#endif // NM_LIB_RUNTIME_RECIPES_PORTABLEUPDATE_H
