//===- RecipeKernelTest.cpp - All sets of kernels, bit by bit -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every set of kernels against the formulas of Kernels.h, written one element
// at a time, on random forms: values with ties, zeros of both signs, infinity
// and NaN, ranges of every length. Bits must be equal (NaN: any).
//
//===----------------------------------------------------------------------===//

#include "TestUtil.h"
#include "nm/Runtime/DType.h"
#include "nm/Runtime/Recipes/KernelChoice.h"
#include <cmath>

using namespace nm::rt;
using namespace nm::rt::test;

namespace {
uint32_t bits(float value) {
  uint32_t out;
  std::memcpy(&out, &value, sizeof(out));
  return out;
}

/// Memory of one call.
struct Arrays {
  std::vector<float> w, m, v, vMax, g, seen;
  std::vector<uint16_t> halfG, halfSeen;
  std::vector<uint8_t> mask;

  nm_kernel_call call(const nm_kernel_form &form, nm_kernel_call numbers) {
    nm_kernel_call out = numbers;
    bool half = form.flags & NM_FORM_GRADIENT_BF16;
    bool adam = form.update == NM_UPDATE_ADAM ||
                form.update == NM_UPDATE_STEP_PAPER ||
                form.update == NM_UPDATE_STEP_PUBLIC;
    out.count = int64_t(w.size());
    out.weight = w.data();
    if (form.update != NM_UPDATE_NONE)
      out.gradient = half ? static_cast<const void *>(halfG.data())
                          : static_cast<const void *>(g.data());
    out.m = adam || form.update == NM_UPDATE_MOMENTUM ? m.data() : nullptr;
    out.v = adam ? v.data() : nullptr;
    out.v_max = form.flags & NM_FORM_AMSGRAD ? vMax.data() : nullptr;
    out.mask = form.mask == NM_MASK_NONE ? nullptr : mask.data();
    bool halfOut = form.effective == NM_EFFECTIVE_MASKED_BF16 ||
                   form.effective == NM_EFFECTIVE_SOFT_BF16;
    if (form.effective != NM_EFFECTIVE_NONE)
      out.effective = halfOut ? static_cast<void *>(halfSeen.data())
                              : static_cast<void *>(seen.data());
    return out;
  }
};

bool kept(const std::vector<uint8_t> &mask, size_t i) {
  return mask[i / 8] >> (i % 8) & 1;
}

/// Kernels.h, element by element. `volatile` keeps the compiler from fusing.
class Oracle {
public:
  Oracle(const nm_kernel_form &form, const nm_kernel_call &call, Arrays &arrays)
      : form(form), call(call), a(arrays) {}

  nm_kernel_stats run() {
    for (size_t i = 0; i < a.w.size(); ++i)
      update(i);
    select();
    for (size_t i = 0; i < a.w.size(); ++i)
      show(i);
    nm_kernel_stats out = {0, 1, 0, 0, nonfinite};
    gather(out);
    return out;
  }

private:
  const nm_kernel_form &form;
  const nm_kernel_call &call;
  Arrays &a;
  std::vector<float> threshold;
  std::vector<float> changes;
  int64_t nonfinite = 0;

  static float mul(float x, float y) {
    volatile float product = x * y;
    return product;
  }
  bool has(uint32_t flag) const { return (form.flags & flag) != 0; }

  void update(size_t i) {
    if (form.update == NM_UPDATE_NONE)
      return;
    float g = has(NM_FORM_GRADIENT_BF16) ? bf16ToFloat(a.halfG[i]) : a.g[i];
    nonfinite += !std::isfinite(g);
    float w = a.w[i];
    g = mul(g, call.gradient_sign);
    bool keep = form.mask == NM_MASK_NONE || kept(a.mask, i);
    if (has(NM_FORM_DROPPED) && !keep)
      g = mul(call.dropped_gradient, g);
    if (has(NM_FORM_LAMBDA) && !keep)
      g = g + mul(call.lambda, w);
    if (has(NM_FORM_L2))
      g = g + mul(call.weight_decay, w);
    if (has(NM_FORM_DECOUPLED))
      w = mul(w, call.weight_scale);
    if (form.update == NM_UPDATE_SGD) {
      a.w[i] = w + mul(-call.step_size, g);
      return;
    }
    a.m[i] = mul(a.m[i], call.beta1) + mul(g, call.one_minus_beta1);
    if (form.update == NM_UPDATE_MOMENTUM) {
      float u = has(NM_FORM_NESTEROV) ? g + mul(a.m[i], call.beta1) : a.m[i];
      a.w[i] = w + mul(-call.step_size, u);
      return;
    }
    float d = 0;
    if (form.update == NM_UPDATE_STEP_PAPER)
      d = std::sqrt(a.v[i] + call.eps);
    else if (form.update == NM_UPDATE_STEP_PUBLIC)
      d = std::sqrt(a.v[i]) + call.eps;
    else
      d = second(i, g);
    a.w[i] = w + mul(-call.step_size, a.m[i]) / d;
  }

  float second(size_t i, float g) {
    float before = a.v[i];
    float v = mul(before, call.beta2) + mul(mul(call.one_minus_beta2, g), g);
    a.v[i] = v;
    if (has(NM_FORM_STATISTICS))
      changes.push_back(std::fabs(v - before));
    if (has(NM_FORM_AMSGRAD)) {
      a.vMax[i] = v > a.vMax[i] || std::isnan(v) ? v : a.vMax[i];
      v = a.vMax[i];
    }
    return std::sqrt(v) / call.bias2_sqrt + call.eps;
  }

  /// Runs of 16, pairs of them in f32, eight lanes in f64.
  void gather(nm_kernel_stats &out) {
    bool geometric = has(NM_FORM_GEOMETRIC);
    double lanes[8];
    std::fill(lanes, lanes + 8, geometric ? 1 : 0);
    for (size_t run = 0; run < changes.size(); run += 16)
      for (size_t l = 0; l < 8; ++l) {
        float pair[2];
        for (size_t half : {0, 1}) {
          size_t i = run + l + 8 * half;
          bool exists = i < changes.size();
          pair[half] = exists ? changes[i] : geometric ? 1.0f : 0.0f;
          if (geometric)
            pair[half] = enter(pair[half], half, out);
        }
        if (geometric)
          lanes[l] *= double(mul(pair[0], pair[1]));
        else
          lanes[l] += double(pair[0] + pair[1]);
      }
    if (geometric)
      for (double &product : lanes) {
        int e = 0;
        product = 2 * std::frexp(product, &e);
        out.exponent += e - 1;
      }
    for (size_t half : {4, 2, 1})
      for (size_t l = 0; l < half; ++l)
        lanes[l] =
            geometric ? lanes[l] * lanes[l + half] : lanes[l] + lanes[l + half];
    (geometric ? out.mantissa : out.sum) = lanes[0];
  }

  /// The mantissa of x, by whether it is of the second half of a run.
  static float enter(float x, bool second, nm_kernel_stats &out) {
    if (!std::isfinite(x) || x < 0x1p-126f) {
      ++out.zeros;
      x = 1;
    }
    int e = 0;
    float mantissa = std::frexp(x, &e);
    out.exponent += second ? e : e - 1;
    return second ? mantissa : 2 * mantissa;
  }

  void select() {
    threshold.assign(a.w.size(), 0);
    if (form.mask != NM_MASK_SELECT)
      return;
    auto key = [&](size_t i) {
      return std::isnan(a.w[i]) ? 0x7f800001u : bits(a.w[i]) & 0x7fffffff;
    };
    auto m = size_t(form.m), stride = size_t(form.stride);
    for (size_t block = 0; block < a.w.size(); block += m * stride)
      for (size_t c = 0; c < stride; ++c)
        for (size_t j = 0; j < m; ++j) {
          size_t mine = block + j * stride + c;
          int larger = 0;
          for (size_t k = 0; k < m; ++k) {
            size_t other = block + k * stride + c;
            larger +=
                key(other) > key(mine) || (key(other) == key(mine) && k < j);
          }
          uint8_t bit = uint8_t(1 << (mine % 8));
          a.mask[mine / 8] =
              uint8_t((a.mask[mine / 8] & ~bit) | (larger < form.n ? bit : 0));
          if (larger == form.n)
            for (size_t k = 0; k < m; ++k)
              threshold[block + k * stride + c] = std::fabs(a.w[mine]);
        }
  }

  void show(size_t i) {
    bool keep = form.mask == NM_MASK_NONE || kept(a.mask, i);
    if (has(NM_FORM_PRUNE) && !keep)
      a.w[i] = 0;
    float seen = 0;
    bool soft = form.effective == NM_EFFECTIVE_SOFT_F32 ||
                form.effective == NM_EFFECTIVE_SOFT_BF16;
    if (soft)
      seen = keep ? mul(call.soft_scale,
                        std::copysign(std::fabs(a.w[i]) - threshold[i], a.w[i]))
                  : 0;
    else
      seen = keep ? a.w[i] : call.decay == 0.f ? 0.f : mul(call.decay, a.w[i]);
    if (form.effective == NM_EFFECTIVE_MASKED_BF16 ||
        form.effective == NM_EFFECTIVE_SOFT_BF16)
      a.halfSeen[i] = floatToBf16(seen);
    else if (form.effective != NM_EFFECTIVE_NONE)
      a.seen[i] = seen;
  }
};

class RecipeKernels : public ::testing::Test {
protected:
  std::mt19937 random{20261129};

  int below(int count) { return int(random() % unsigned(count)); }

  /// Groups of values that all differ are selected in another way than those
  /// with ties at the cut.
  enum class Values { Distinct, Tied, Strange };

  float value(Values values) {
    if (values == Values::Distinct)
      return float(below(1 << 24) - (1 << 23)) / float(1 << 20);
    int kind = below(values == Values::Strange ? 40 : 36);
    switch (kind) {
    case 0:
      return 0.0f;
    case 1:
      return -0.0f;
    case 2:
      return 1e-41f;
    case 36:
      return INFINITY;
    case 37:
      return -INFINITY;
    case 38:
      return NAN;
    case 39:
      return 3e38f;
    default:
      return kind % 2 ? float(below(33) - 16) / 64
                      : std::ldexp(float(below(2001) - 1000) / 1000, -below(9));
    }
  }

  nm_kernel_form randomForm() {
    nm_kernel_form form = {};
    form.update = below(6);
    form.mask = below(3);
    form.n = form.m = 1;
    form.stride = 1;
    if (form.mask == NM_MASK_SELECT) {
      static const int lengths[] = {1,  2,  3, 4, 4,  4,  8,  8,  16,  16,
                                    32, 64, 5, 7, 12, 33, 63, 65, 128, 512};
      static const int strides[] = {1, 1, 1, 1, 2, 3, 8, 9, 16, 17, 64, 100};
      form.m = lengths[below(20)];
      form.n = 1 + below(form.m);
      if (below(2))
        form.n = std::max(1, form.m / 2);
      form.stride = strides[below(12)];
      form.effective = below(5);
    } else {
      form.effective = below(3);
    }
    bool updates = form.update != NM_UPDATE_NONE;
    auto maybe = [&](uint32_t flag, bool allowed) {
      if (allowed && below(3) == 0)
        form.flags |= flag;
    };
    bool masked = form.mask != NM_MASK_NONE;
    maybe(NM_FORM_DROPPED, updates && masked);
    maybe(NM_FORM_LAMBDA, updates && masked);
    maybe(NM_FORM_L2, updates);
    maybe(NM_FORM_DECOUPLED, updates);
    maybe(NM_FORM_GRADIENT_BF16, updates);
    maybe(NM_FORM_PRUNE, masked);
    maybe(NM_FORM_AMSGRAD, form.update == NM_UPDATE_ADAM);
    maybe(NM_FORM_NESTEROV, form.update == NM_UPDATE_MOMENTUM);
    maybe(NM_FORM_STATISTICS, form.update == NM_UPDATE_ADAM && !masked);
    if (form.flags & NM_FORM_STATISTICS && below(2))
      form.flags |= NM_FORM_GEOMETRIC;
    return form;
  }

  nm_kernel_call randomNumbers() {
    nm_kernel_call call = {};
    auto number = [&] { return float(below(1000) + 1) / 1000; };
    call.gradient_sign = below(2) ? 1.0f : -1.0f;
    call.dropped_gradient = below(2) ? number() : 0;
    call.lambda = number();
    call.weight_decay = number();
    call.weight_scale = number();
    call.beta1 = number();
    call.one_minus_beta1 = number();
    call.beta2 = number();
    call.one_minus_beta2 = number();
    call.bias2_sqrt = number();
    call.eps = below(2) ? 1e-8f : number();
    call.step_size = number();
    call.decay = below(2) ? number() : 0;
    call.soft_scale = number();
    return call;
  }

  Arrays randomArrays(int64_t count, Values values) {
    Arrays out;
    for (int64_t i = 0; i < count; ++i) {
      out.w.push_back(value(values));
      out.m.push_back(value(values));
      out.v.push_back(std::fabs(value(values)));
      out.vMax.push_back(std::fabs(value(values)));
      out.g.push_back(value(values));
      out.halfG.push_back(floatToBf16(out.g.back()));
    }
    out.seen.assign(size_t(count), -7);
    out.halfSeen.assign(size_t(count), 0x1234);
    for (int64_t i = 0; i < (count + 7) / 8; ++i)
      out.mask.push_back(uint8_t(random()));
    return out;
  }
};

void expectSame(const std::vector<float> &found,
                const std::vector<float> &expected, const char *what) {
  for (size_t i = 0; i < found.size(); ++i)
    if (!(std::isnan(found[i]) && std::isnan(expected[i])))
      ASSERT_EQ(bits(found[i]), bits(expected[i]))
          << what << " " << i << ": found " << found[i] << ", expected "
          << expected[i];
}

void expectSame(const Arrays &found, const Arrays &expected) {
  expectSame(found.w, expected.w, "weight");
  expectSame(found.m, expected.m, "m");
  expectSame(found.v, expected.v, "v");
  expectSame(found.vMax, expected.vMax, "v_max");
  expectSame(found.seen, expected.seen, "effective");
  ASSERT_EQ(found.mask, expected.mask);
  for (size_t i = 0; i < found.halfSeen.size(); ++i) {
    auto isNan = [](uint16_t half) { return (half & 0x7fff) > 0x7f80; };
    if (!(isNan(found.halfSeen[i]) && isNan(expected.halfSeen[i])))
      ASSERT_EQ(found.halfSeen[i], expected.halfSeen[i]) << "effective " << i;
  }
}

std::string textOf(const nm_kernel_form &form, int64_t count) {
  std::ostringstream os;
  os << "update " << form.update << " mask " << form.mask << " effective "
     << form.effective << " flags " << form.flags << " " << form.n << ":"
     << form.m << " stride " << form.stride << " count " << count;
  return os.str();
}
} // namespace

TEST_F(RecipeKernels, EqualTheFormulasBitByBit) {
  ASSERT_STREQ(kernelSets().back()->name, "portable");
  int rounds = 1500;
  if (const char *more = std::getenv("NM_TEST_ROUNDS"))
    rounds = std::atoi(more);
  for (int round = 0; round < rounds; ++round) {
    nm_kernel_form form = randomForm();
    int64_t block = form.m * form.stride;
    int64_t most = std::max<int64_t>(1, 1200 / block);
    int64_t count = block * below(int(most) + 1);
    if (round % 100 == 99 && form.mask == NM_MASK_NONE)
      count = NM_KERNEL_STATISTICS_COUNT;
    nm_kernel_call numbers = randomNumbers();
    Arrays arrays = randomArrays(count, Values(round % 3));
    Arrays expected = arrays;
    nm_kernel_call oracleCall = expected.call(form, numbers);
    nm_kernel_stats stats = Oracle(form, oracleCall, expected).run();
    for (const nm_kernel_set *set : kernelSets()) {
      nm_kernel kernel = set->find(&form);
      if (!kernel)
        continue;
      SCOPED_TRACE(std::string(set->name) + ": " + textOf(form, count) +
                   ", round " + std::to_string(round) + ", seed 20261129");
      Arrays found = arrays;
      nm_kernel_call call = found.call(form, numbers);
      nm_kernel_stats own = {};
      call.stats = &own;
      kernel(&form, &call);
      ASSERT_NO_FATAL_FAILURE(expectSame(found, expected));
      ASSERT_EQ(own.nonfinite, stats.nonfinite);
      if (!(form.flags & NM_FORM_STATISTICS))
        continue;
      ASSERT_EQ(own.zeros, stats.zeros);
      ASSERT_EQ(own.exponent, stats.exponent);
      ASSERT_EQ(own.mantissa, stats.mantissa);
      if (!std::isnan(stats.sum))
        ASSERT_EQ(own.sum, stats.sum);
      else
        ASSERT_TRUE(std::isnan(own.sum));
    }
  }
}

TEST_F(RecipeKernels, AreChosenByName) {
  nm_kernel_form form = {};
  form.update = NM_UPDATE_ADAM;
  form.n = form.m = 1;
  form.stride = 1;
  for (const nm_kernel_set *set : kernelSets()) {
    ASSERT_TRUE(chooseKernelSet(set->name).ok());
    if (set->find(&form))
      EXPECT_STREQ(kernelSetOf(form), set->name);
  }
  Status bad = chooseKernelSet("sse9");
  ASSERT_FALSE(bad.ok());
  EXPECT_NE(bad.error().message.find("the set of kernels is 'sse9', expected"),
            std::string::npos)
      << bad.error().message;
  ASSERT_TRUE(chooseKernelSet("").ok());
  setenv("NM_RECIPE_KERNELS", "portable", 1);
  EXPECT_STREQ(kernelSetOf(form), "portable");
  EXPECT_TRUE(checkKernelEnvironment().ok());
  setenv("NM_RECIPE_KERNELS", "sse9", 1);
  EXPECT_FALSE(checkKernelEnvironment().ok());
  unsetenv("NM_RECIPE_KERNELS");
}
