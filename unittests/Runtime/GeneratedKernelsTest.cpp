//===- GeneratedKernelsTest.cpp - Kernels made from recipes -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every kernel that was compiled ahead of time against the portable one, which
// RecipeKernelTest compares with the formulas: bits are equal, and not a byte
// beyond the range is touched, as each array ends where no memory is mapped.
//
//===----------------------------------------------------------------------===//

#include "nm/Runtime/Recipes/GeneratedKernels.h"
#include "TestUtil.h"
#include "nm/Runtime/DType.h"
#include "nm/Runtime/Recipes/KernelChoice.h"
#include <cmath>
#include <sys/mman.h>
#include <unistd.h>

using namespace nm::rt;

namespace {

/// Bytes that end right before a page that cannot be read.
class Fenced {
public:
  explicit Fenced(size_t bytes) {
    auto page = size_t(sysconf(_SC_PAGESIZE));
    length = (bytes + page - 1) / page * page + page;
    void *map = mmap(nullptr, length, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED || mprotect(static_cast<char *>(map) + length - page,
                                      page, PROT_NONE) != 0)
      throw std::runtime_error("no memory for the test");
    base = static_cast<unsigned char *>(map);
    start = base + length - page - bytes;
  }
  ~Fenced() { munmap(base, length); }
  Fenced(const Fenced &) = delete;
  Fenced &operator=(const Fenced &) = delete;

  template <typename T> T *as() { return reinterpret_cast<T *>(start); }

private:
  unsigned char *base, *start;
  size_t length;
};

/// The arrays of one call.
struct Memory {
  explicit Memory(int64_t count)
      : count(size_t(count)), w(4 * this->count), g(4 * this->count),
        m(4 * this->count), v(4 * this->count), seen(4 * this->count),
        half(2 * this->count), halfSeen(2 * this->count),
        mask((this->count + 7) / 8) {}

  void fill(std::mt19937 &random) {
    auto value = [&]() -> float {
      switch (random() % 24) {
      case 0:
        return -0.0f;
      case 1:
        return 1e-41f;
      case 2:
        return random() % 4 ? 0.0f : INFINITY;
      case 3:
        return random() % 4 ? 2.0f : NAN;
      default:
        return float(int(random() % 65) - 32) / 16;
      }
    };
    for (size_t i = 0; i < count; ++i) {
      w.as<float>()[i] = value();
      g.as<float>()[i] = value();
      m.as<float>()[i] = value();
      v.as<float>()[i] = std::fabs(value());
      seen.as<float>()[i] = -7;
      half.as<uint16_t>()[i] = floatToBf16(value());
      halfSeen.as<uint16_t>()[i] = 0x1234;
    }
    for (size_t i = 0; i < (count + 7) / 8; ++i)
      mask.as<uint8_t>()[i] = uint8_t(random());
  }

  nm_kernel_call call(const nm_kernel_form &form, nm_kernel_call numbers) {
    bool isHalf = form.flags & NM_FORM_GRADIENT_BF16;
    numbers.count = int64_t(count);
    numbers.weight = w.as<float>();
    numbers.gradient = isHalf ? half.as<void>() : g.as<void>();
    numbers.m = m.as<float>();
    numbers.v = v.as<float>();
    numbers.mask = mask.as<uint8_t>();
    bool halfOut = form.effective == NM_EFFECTIVE_MASKED_BF16 ||
                   form.effective == NM_EFFECTIVE_SOFT_BF16;
    numbers.effective = halfOut ? halfSeen.as<void>() : seen.as<void>();
    return numbers;
  }

  size_t count;
  Fenced w, g, m, v, seen, half, halfSeen, mask;
};

bool sameFloats(Fenced &x, Fenced &y, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    float a = x.as<float>()[i], b = y.as<float>()[i];
    if (!(std::isnan(a) && std::isnan(b)) &&
        x.as<uint32_t>()[i] != y.as<uint32_t>()[i])
      return false;
  }
  return true;
}

bool sameHalves(Fenced &x, Fenced &y, size_t count) {
  auto isNan = [](uint16_t half) { return (half & 0x7fff) > 0x7f80; };
  for (size_t i = 0; i < count; ++i) {
    uint16_t a = x.as<uint16_t>()[i], b = y.as<uint16_t>()[i];
    if (!(isNan(a) && isNan(b)) && a != b)
      return false;
  }
  return true;
}

/// Forms that training uses, one for each kernel and random in the rest.
std::vector<nm_kernel_form> forms(std::mt19937 &random) {
  std::vector<nm_kernel_form> all;
  for (nm_update_form update :
       {NM_UPDATE_NONE, NM_UPDATE_ADAM, NM_UPDATE_STEP_PAPER,
        NM_UPDATE_STEP_PUBLIC, NM_UPDATE_MOMENTUM})
    for (nm_mask_form mask : {NM_MASK_NONE, NM_MASK_FIXED, NM_MASK_SELECT})
      for (bool half : {false, true})
        for (int32_t m : {2, 4, 8, 16, 32})
          for (int64_t stride : {1, 2, 9, 16, 40}) {
            if (mask != NM_MASK_SELECT && (m > 2 || stride > 1))
              continue;
            if (mask == NM_MASK_NONE && update == NM_UPDATE_NONE)
              continue;
            nm_kernel_form form = {};
            form.update = update;
            form.mask = mask;
            form.n = form.m = 1;
            form.stride = 1;
            if (mask == NM_MASK_SELECT) {
              form.m = m;
              form.n = 1 + int32_t(random() % unsigned(m));
              form.stride = stride;
            }
            bool masked = mask != NM_MASK_NONE;
            bool updates = update != NM_UPDATE_NONE;
            auto maybe = [&](uint32_t flag, bool allowed) {
              form.flags |= allowed && random() % 2 ? flag : 0;
            };
            maybe(NM_FORM_DROPPED, masked && updates);
            maybe(NM_FORM_LAMBDA, masked && updates);
            maybe(NM_FORM_L2, updates);
            maybe(NM_FORM_DECOUPLED, updates);
            maybe(NM_FORM_PRUNE, masked);
            maybe(NM_FORM_NESTEROV, update == NM_UPDATE_MOMENTUM);
            maybe(NM_FORM_STATISTICS, update == NM_UPDATE_ADAM && !masked);
            form.flags |= half && updates ? NM_FORM_GRADIENT_BF16 : 0;
            bool frozen = update == NM_UPDATE_STEP_PAPER ||
                          update == NM_UPDATE_STEP_PUBLIC;
            bool soft = mask == NM_MASK_SELECT && !frozen &&
                        (m == 4 || m == 8) && random() % 2;
            if (half)
              form.effective =
                  soft ? NM_EFFECTIVE_SOFT_BF16 : NM_EFFECTIVE_MASKED_BF16;
            else
              form.effective = soft           ? NM_EFFECTIVE_SOFT_F32
                               : random() % 2 ? NM_EFFECTIVE_MASKED_F32
                                              : NM_EFFECTIVE_NONE;
            all.push_back(form);
          }
  return all;
}

TEST(GeneratedKernels, EqualThePortableOnesAndStayInTheirRange) {
  std::mt19937 random(20261130);
  const nm_kernel_set *portable = kernelSets().back();
  ASSERT_STREQ(portable->name, "portable");
  ASSERT_NE(nm_generated_kernel_sets, nullptr);
  unsigned compared = 0;
  for (const nm_kernel_form &form : forms(random)) {
    int64_t block = form.m * form.stride;
    // Tiles have up to 512 elements.
    uint32_t most = random() % 4 ? 200 : 1300;
    int64_t count = block * (1 + int64_t(random() % 3) +
                             int64_t(random() % uint32_t(1 + most / block)));
    if (random() % 16 == 0)
      count = 0;
    nm_kernel_call numbers = {};
    auto number = [&] { return float(random() % 1000 + 1) / 1000; };
    numbers.gradient_sign = random() % 2 ? 1.0f : -1.0f;
    for (float *field :
         {&numbers.dropped_gradient, &numbers.lambda, &numbers.weight_decay,
          &numbers.weight_scale, &numbers.beta1, &numbers.one_minus_beta1,
          &numbers.beta2, &numbers.one_minus_beta2, &numbers.bias2_sqrt,
          &numbers.eps, &numbers.step_size, &numbers.soft_scale})
      *field = number();
    numbers.decay = random() % 2 ? number() : 0;

    auto seed = random();
    auto run = [&](const nm_kernel_set *set, Memory &memory,
                   nm_kernel_stats &stats) {
      std::mt19937 own(seed);
      memory.fill(own);
      nm_kernel_call call = memory.call(form, numbers);
      call.stats = &stats;
      nm_kernel kernel = set->find(&form);
      ASSERT_NE(kernel, nullptr);
      kernel(&form, &call);
    };
    Memory expected(count);
    nm_kernel_stats wanted = {};
    ASSERT_NO_FATAL_FAILURE(run(portable, expected, wanted));
    for (auto *set = nm_generated_kernel_sets; *set; ++set) {
      if (!(*set)->supported())
        continue;
      SCOPED_TRACE(
          std::string((*set)->name) + ": update " +
          std::to_string(form.update) + ", mask " + std::to_string(form.mask) +
          ", effective " + std::to_string(form.effective) + ", flags " +
          std::to_string(form.flags) + ", " + std::to_string(form.n) + ":" +
          std::to_string(form.m) + ", stride " + std::to_string(form.stride) +
          ", count " + std::to_string(count) + ", seed 20261130");
      Memory found(count);
      nm_kernel_stats stats = {};
      ASSERT_NO_FATAL_FAILURE(run(*set, found, stats));
      size_t elements = size_t(count);
      ASSERT_TRUE(sameFloats(found.w, expected.w, elements)) << "weight";
      ASSERT_TRUE(sameFloats(found.m, expected.m, elements)) << "m";
      ASSERT_TRUE(sameFloats(found.v, expected.v, elements)) << "v";
      ASSERT_TRUE(sameFloats(found.seen, expected.seen, elements)) << "seen";
      ASSERT_TRUE(sameHalves(found.halfSeen, expected.halfSeen, elements))
          << "seen, bf16";
      ASSERT_EQ(std::memcmp(found.mask.as<void>(), expected.mask.as<void>(),
                            (elements + 7) / 8),
                0)
          << "mask";
      ASSERT_EQ(stats.nonfinite, wanted.nonfinite);
      if (form.flags & NM_FORM_STATISTICS) {
        ASSERT_EQ(stats.zeros, wanted.zeros);
        ASSERT_EQ(stats.exponent, wanted.exponent);
        ASSERT_EQ(stats.mantissa, wanted.mantissa);
        if (!std::isnan(wanted.sum))
          ASSERT_EQ(stats.sum, wanted.sum);
      }
      ++compared;
    }
  }
  RecordProperty("compared", int(compared));
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2"))
#endif
    EXPECT_GT(compared, 200u);
}

/// What no kernel was made for is left to the portable ones.
TEST(GeneratedKernels, LeaveTheRest) {
  nm_kernel_form form = {};
  form.update = NM_UPDATE_ADAM;
  form.n = form.m = 1;
  form.stride = 1;
  for (auto *set = nm_generated_kernel_sets; *set; ++set) {
    EXPECT_NE((*set)->find(&form), nullptr);
    nm_kernel_form other = form;
    other.flags = NM_FORM_AMSGRAD;
    EXPECT_EQ((*set)->find(&other), nullptr);
    other = form;
    other.update = NM_UPDATE_SGD;
    EXPECT_EQ((*set)->find(&other), nullptr);
    other = form;
    other.mask = NM_MASK_SELECT;
    other.m = 7;
    EXPECT_EQ((*set)->find(&other), nullptr);
    other.m = 8;
    EXPECT_NE((*set)->find(&other), nullptr);
    // A gradient and an effective weight of different types.
    other.flags = NM_FORM_GRADIENT_BF16;
    other.effective = NM_EFFECTIVE_MASKED_F32;
    EXPECT_EQ((*set)->find(&other), nullptr);
  }
}

} // namespace
