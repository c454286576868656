//===- StepRun.cpp - Kernels over many tensors -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "StepRun.h"
#include "../Support.h"
#include "../Threads.h"
#include "nm/Runtime/Recipes/KernelChoice.h"
#include <algorithm>
#include <atomic>
#include <cmath>
#include <numeric>
#include <omp.h>

namespace nm::rt {

int64_t rangeOf(const nm_kernel_form &form) {
  constexpr int64_t usual = NM_KERNEL_STATISTICS_COUNT;
  int64_t block = int64_t(form.m) * form.stride;
  // Ranges start on a word of the mask, so that threads share no byte.
  int64_t unit = std::lcm(block, int64_t(64));
  return unit * std::max<int64_t>(1, usual / unit);
}

static int64_t gradientBytes(const nm_kernel_form &form) {
  return form.flags & NM_FORM_GRADIENT_BF16 ? 2 : 4;
}

static int64_t effectiveBytes(const nm_kernel_form &form) {
  return form.effective == NM_EFFECTIVE_MASKED_BF16 ||
                 form.effective == NM_EFFECTIVE_SOFT_BF16
             ? 2
             : 4;
}

/// The part of a call from element `begin` on.
static nm_kernel_call rangeCall(const KernelJob &job, int64_t begin,
                                int64_t count) {
  nm_kernel_call call = job.call;
  auto move = [begin](auto *&pointer, int64_t bytes) {
    if (pointer)
      pointer = static_cast<std::remove_reference_t<decltype(pointer)>>(
          static_cast<void *>(const_cast<char *>(
              static_cast<const char *>(static_cast<const void *>(pointer)) +
              begin * bytes)));
  };
  move(call.weight, 4);
  move(call.gradient, gradientBytes(job.form));
  move(call.m, 4);
  move(call.v, 4);
  move(call.v_max, 4);
  move(call.effective, effectiveBytes(job.form));
  if (call.mask)
    call.mask += begin / 8;
  call.count = count;
  return call;
}

static int64_t changedBits(const uint8_t *before, const uint8_t *after,
                           int64_t bytes) {
  int64_t changed = 0;
  for (int64_t i = 0; i < bytes; ++i)
    changed += __builtin_popcount(unsigned(before[i] ^ after[i]));
  return changed;
}

void addStats(nm_kernel_stats &stats, const nm_kernel_stats &more) {
  stats.sum += more.sum;
  int exponent = 0;
  stats.mantissa = 2 * std::frexp(stats.mantissa * more.mantissa, &exponent);
  stats.exponent += more.exponent + exponent - 1;
  stats.zeros += more.zeros;
}

KernelTotals runJobs(const std::vector<KernelJob> &jobs) {
  // Everything that can fail comes first.
  std::vector<int64_t> ranges(jobs.size()), first(jobs.size() + 1, 0);
  std::vector<nm_kernel> kernels(jobs.size());
  int64_t longest = 0, bytes = 0;
  for (size_t i = 0; i < jobs.size(); ++i) {
    const KernelJob &job = jobs[i];
    ranges[i] = rangeOf(job.form);
    kernels[i] = findKernel(job.form);
    first[i + 1] = first[i] + ceilDiv(job.call.count, ranges[i]);
    if (job.countChanges)
      longest = std::max(longest, std::min(ranges[i], job.call.count));
    bytes += job.call.count * 4;
  }
  int64_t tasks = first.back();
  std::vector<nm_kernel_stats> stats(static_cast<size_t>(tasks));
  std::vector<int64_t> changes(static_cast<size_t>(tasks), 0);
  int threads = threadsFor(tasks, bytes);
  int64_t scratch = (longest + 7) / 8;
  std::vector<uint8_t> before(static_cast<size_t>(scratch * threads));

  // By hand rather than by schedule(dynamic): for that, compilers from LLVM 19
  // on call what older OpenMP libraries do not have.
  std::atomic<int64_t> next{0};
#pragma omp parallel num_threads(threads)
  for (int64_t task; (task = next.fetch_add(1)) < tasks;) {
    size_t i = static_cast<size_t>(
        std::upper_bound(first.begin(), first.end(), task) - first.begin() - 1);
    const KernelJob &job = jobs[i];
    int64_t begin = (task - first[i]) * ranges[i];
    nm_kernel_call call =
        rangeCall(job, begin, std::min(ranges[i], job.call.count - begin));
    nm_kernel_stats &own = stats[static_cast<size_t>(task)];
    own = {0, 1, 0, 0, 0};
    call.stats = &own;
    uint8_t *old = before.data() + omp_get_thread_num() * scratch;
    int64_t maskBytes = (call.count + 7) / 8;
    if (job.countChanges)
      std::memcpy(old, call.mask, static_cast<size_t>(maskBytes));
    kernels[i](&job.form, &call);
    if (job.countChanges)
      changes[static_cast<size_t>(task)] =
          changedBits(old, call.mask, maskBytes);
  }

  KernelTotals totals;
  for (size_t i = 0; i < jobs.size(); ++i)
    for (int64_t task = first[i]; task < first[i + 1]; ++task) {
      const nm_kernel_stats &own = stats[static_cast<size_t>(task)];
      totals.nonfinite += own.nonfinite;
      totals.maskChanges += changes[static_cast<size_t>(task)];
      if (jobs[i].form.flags & NM_FORM_STATISTICS)
        addStats(totals.stats, own);
    }
  return totals;
}

KernelJob viewJob(const Parameter &parameter, const MaskView &view) {
  KernelJob job;
  nm_kernel_form &form = job.form;
  form.update = NM_UPDATE_NONE;
  form.mask = view.mask;
  // Masks that kernels do not choose are there already.
  if (view.mask == NM_MASK_SELECT && !parameter.plain())
    form.mask = NM_MASK_FIXED;
  form.n = form.m = 1;
  form.stride = 1;
  if (form.mask == NM_MASK_SELECT) {
    form.n = view.n;
    form.m = view.m;
    form.stride = parameter.stride;
  }
  if (view.prune && view.mask != NM_MASK_NONE)
    form.flags |= NM_FORM_PRUNE;
  nm_kernel_call &call = job.call;
  call.count = parameter.count;
  call.weight = parameter.weights();
  call.mask = view.mask == NM_MASK_NONE ? nullptr : parameter.mask.get();
  call.gradient_sign = 1;
  call.weight_scale = 1;
  call.decay = static_cast<float>(view.decay);
  call.soft_scale = static_cast<float>(parameter.softScale);
  if (!parameter.master)
    return job;
  // The caller's copy: of bf16 parameters always, of others where masks hide
  // trained weights.
  call.effective = parameter.desc.data;
  bool soft = view.soft && !parameter.desc.dense;
  if (parameter.desc.dense)
    call.decay = 1;
  form.effective =
      parameter.bf16()
          ? (soft ? NM_EFFECTIVE_SOFT_BF16 : NM_EFFECTIVE_MASKED_BF16)
          : (soft ? NM_EFFECTIVE_SOFT_F32 : NM_EFFECTIVE_MASKED_F32);
  return job;
}

int64_t countNonfinite(const std::vector<Parameter> &parameters,
                       const std::vector<Gradient> &gradients) {
  int64_t total = 0;
  for (size_t i = 0; i < gradients.size(); ++i) {
    if (!gradients[i].data)
      continue;
    int64_t count = parameters[i].count;
    bool half = gradients[i].dtype == DType::BF16;
    int threads = threadsFor(count, count * (half ? 2 : 4));
    const void *data = gradients[i].data;
#pragma omp parallel for schedule(static) num_threads(threads)                 \
    reduction(+ : total)
    for (int64_t k = 0; k < count; ++k) {
      if (half)
        total += (static_cast<const uint16_t *>(data)[k] & 0x7f80) == 0x7f80;
      else
        total +=
            (static_cast<const uint32_t *>(data)[k] & 0x7f800000) == 0x7f800000;
    }
  }
  return total;
}

} // namespace nm::rt
