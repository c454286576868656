//===- KernelChoice.cpp - The best kernel for a form -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Runtime/Recipes/KernelChoice.h"
#include "../Support.h"
#include "KernelSets.h"
#include "nm/Runtime/Recipes/GeneratedKernels.h"
#include <atomic>
#include <cstdlib>
#include <cstring>

namespace nm::rt {

const std::vector<const nm_kernel_set *> &kernelSets() {
  static const std::vector<const nm_kernel_set *> sets = [] {
    std::vector<const nm_kernel_set *> found;
    const nm_kernel_set *const *generated = nm_generated_kernel_sets;
    for (; generated && *generated; ++generated)
      if ((*generated)->supported())
        found.push_back(*generated);
    for (const nm_kernel_set *set : {
#if defined(__x86_64__)
             &portableAvx512Kernels, &portableAvx2Kernels,
#endif
             &portableKernels})
      if (set->supported())
        found.push_back(set);
    return found;
  }();
  return sets;
}

static Result<const nm_kernel_set *> setByName(std::string_view what,
                                               std::string_view name) {
  std::vector<std::string> names;
  for (const nm_kernel_set *set : kernelSets()) {
    if (name == set->name)
      return set;
    names.emplace_back(set->name);
  }
  return makeError(Errc::Argument, what, " is ", quote(name), ", expected ",
                   support::alternatives(names), " on this processor");
}

static const char *const kVariable = "NM_RECIPE_KERNELS";

static const char *environment() {
  const char *value = std::getenv(kVariable);
  return value && *value ? value : nullptr;
}

Status checkKernelEnvironment() {
  const char *value = environment();
  if (!value)
    return {};
  auto set =
      setByName(std::string("the environment variable ") + kVariable, value);
  return set ? Status() : Status(set.error());
}

/// What the program chose, null if it did not.
static std::atomic<const nm_kernel_set *> chosen{nullptr};

Status chooseKernelSet(std::string_view name) {
  if (name.empty()) {
    chosen = nullptr;
    return {};
  }
  auto set = setByName("the set of kernels", name);
  if (!set)
    return set.error();
  chosen = *set;
  return {};
}

/// The set a form is looked for in first, null: all are asked in turn.
static const nm_kernel_set *preferred() {
  if (const nm_kernel_set *set = chosen)
    return set;
  if (const char *value = environment())
    if (auto set = setByName(kVariable, value))
      return *set;
  return nullptr;
}

static std::pair<const nm_kernel_set *, nm_kernel>
lookUp(const nm_kernel_form &form) {
  const nm_kernel_set *first = preferred();
  if (first) {
    if (nm_kernel kernel = first->find(&form))
      return {first, kernel};
  } else {
    for (const nm_kernel_set *set : kernelSets())
      if (nm_kernel kernel = set->find(&form))
        return {set, kernel};
  }
  return {&portableKernels, portableKernels.find(&form)};
}

nm_kernel findKernel(const nm_kernel_form &form) { return lookUp(form).second; }

const char *kernelSetOf(const nm_kernel_form &form) {
  return lookUp(form).first->name;
}

} // namespace nm::rt
