//===- StepRun.h - Kernels over many tensors -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_RUNTIME_RECIPES_STEPRUN_H
#define NM_LIB_RUNTIME_RECIPES_STEPRUN_H

#include "Trainer.h"

namespace nm::rt {

/// One kernel over a whole tensor, cut into ranges.
struct KernelJob {
  nm_kernel_form form = {};
  /// Of the whole tensor.
  nm_kernel_call call = {};
  /// Count how many bits of the mask change.
  bool countChanges = false;
};

struct KernelTotals {
  /// Added up over the ranges of jobs with NM_FORM_STATISTICS, in order.
  nm_kernel_stats stats = {0, 1, 0, 0, 0};
  /// Gradients of all jobs that are not finite.
  int64_t nonfinite = 0;
  int64_t maskChanges = 0;
};

/// Adds the statistics of elements that come after.
void addStats(nm_kernel_stats &stats, const nm_kernel_stats &more);

/// Runs all jobs with the threads of the process. Ranges are cut by shape and
/// form alone. Allocates before it changes anything.
KernelTotals runJobs(const std::vector<KernelJob> &jobs);

/// What shows `view` of a parameter (NM_UPDATE_NONE), to which an update can be
/// added.
KernelJob viewJob(const Parameter &parameter, const MaskView &view);

/// Elements of a range.
int64_t rangeOf(const nm_kernel_form &form);

/// Gradients that are not finite.
int64_t countNonfinite(const std::vector<Parameter> &parameters,
                       const std::vector<Gradient> &gradients);

} // namespace nm::rt

#endif // NM_LIB_RUNTIME_RECIPES_STEPRUN_H
