//===- NMCPUAttr.cpp - Description of a processor -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/NM/IR/NMDialect.h"
#include "nm/Machine/Device.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace mlir::nm;

static constexpr auto &kFeatures = ::nm::machine::kProcessorFeatures;

LogicalResult CPUAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                              StringRef arch, StringRef features,
                              int64_t vector, int64_t registers, int64_t l1,
                              int64_t l2, int64_t l3, int64_t line,
                              int64_t cores, int64_t fmas, int64_t latency,
                              int64_t loads, int64_t exposed,
                              int64_t parallel) {
  auto isPowerIn = [](int64_t value, int64_t low, int64_t high) {
    return value >= low && value <= high && llvm::isPowerOf2_64(value);
  };
  if (!isPowerIn(vector, 128, 2048))
    return emitError() << "nm_cpu_c1: vector must be a power of two from 128 "
                          "to 2048 bits, got "
                       << vector;
  if (registers < 8 || registers > 64)
    return emitError() << "nm_cpu_c1: registers must be in 8..64, got "
                       << registers;
  if (l1 < 4096)
    return emitError() << "nm_cpu_c2: l1 must be at least 4096 bytes, got "
                       << l1;
  if (l2 < 0 || l3 < 0)
    return emitError() << "nm_cpu_c2: l2 and l3 must not be negative, got "
                       << l2 << " and " << l3;
  if (!isPowerIn(line, 16, 1024))
    return emitError() << "nm_cpu_c2: line must be a power of two from 16 to "
                          "1024 bytes, got "
                       << line;
  if (cores < 1)
    return emitError() << "nm_cpu_c2: cores must be positive, got " << cores;
  for (auto [name, value] : {std::pair<StringRef, int64_t>("fmas", fmas),
                             {"latency", latency},
                             {"loads", loads}})
    if (value < 1 || value > 1024)
      return emitError() << "nm_cpu_c4: " << name << " must be in 1..1024, got "
                         << value;
  if (exposed < 0 || exposed > 100)
    return emitError() << "nm_cpu_c4: exposed must be in 0..100 percent, got "
                       << exposed;
  if (parallel < 0)
    return emitError() << "nm_cpu_c4: parallel must not be negative, got "
                       << parallel;
  SmallVector<StringRef> names;
  features.split(names, ',', /*MaxSplit=*/-1, /*KeepEmpty=*/!features.empty());
  llvm::StringSet<> seen;
  for (StringRef name : names) {
    if (!llvm::is_contained(kFeatures, name))
      return emitError() << "nm_cpu_c3: unknown feature '" << name
                         << "', expected one of "
                         << llvm::join(ArrayRef(kFeatures), ", ");
    if (!seen.insert(name).second)
      return emitError() << "nm_cpu_c3: feature '" << name
                         << "' is given twice";
  }
  return success();
}

bool CPUAttr::hasFeature(StringRef name) const {
  SmallVector<StringRef> names;
  getFeatures().split(names, ',');
  return llvm::is_contained(names, name);
}

StringRef CPUAttr::getRegisterConstraint() const {
  // LLVM takes fixed vectors in SVE registers apart at inline assembly.
  if (hasFeature("neon"))
    return getVector() == 128 ? "w" : "";
  if (hasFeature("avx512f"))
    return "v";
  return getArch().starts_with("x86") ? "x" : "";
}

bool CPUAttr::permutesGroupsOf(int64_t m) const {
  if (m < 1 || m > 32 || !llvm::isPowerOf2_64(m))
    return false;
  // Table look-ups of bytes reach what up to four registers hold.
  if (hasFeature("neon"))
    return getVector() == 128;
  // Permutes across a register come with AVX2; all kernels are made of fused
  // multiply-adds, which are calls where the processor has none.
  return hasFeature("avx2") && hasFeature("fma") &&
         (getVector() == 256 || (getVector() == 512 && hasFeature("avx512f")));
}

int64_t CPUAttr::getGroupedRows() const {
  // 16-bit sums of so many rows fill a register of 256 or 512 bits, or two of
  // NEON's.
  if (hasFeature("neon"))
    return 16;
  bool has = hasFeature("avx2") && hasFeature("fma") && hasFeature("f16c");
  if (!has || getVector() < 256)
    return 0;
  return getVector() >= 512 && hasFeature("avx512f") ? 32 : 16;
}
