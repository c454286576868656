//===- CPUTarget.h - Where descriptions of processors come from -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_NM_IR_CPUTARGET_H
#define NM_DIALECT_NM_IR_CPUTARGET_H

#include "nm/Dialect/NM/IR/NMDialect.h"

namespace llvm {
class Triple;
}

namespace mlir::nm {

/// The module attribute that holds a CPUAttr.
constexpr llvm::StringLiteral kTargetAttrName = "nm.target";

/// Sizes in bytes; what could not be found is 0.
struct CacheSizes {
  int64_t l1 = 0, l2 = 0, l3 = 0, line = 0;
  int64_t cores = 1;
};

/// The data caches of this machine's first processor, from `root`, the `cpu`
/// folder of Linux's sysfs.
CacheSizes readCacheSizes(StringRef root = "/sys/devices/system/cpu");

/// A processor of `triple` with the features, by LLVM's names, for which `has`
/// says so. Vector width and registers follow from them; sizes that are 0 get
/// small ones that nearly every processor of today has.
CPUAttr describeCPU(MLIRContext *context, const llvm::Triple &triple,
                    function_ref<bool(StringRef)> has, CacheSizes caches);

/// This machine.
CPUAttr getHostCPU(MLIRContext *context);

/// What a short name stands for.
struct CPUPreset {
  llvm::StringLiteral name;
  llvm::StringLiteral triple;
  /// What LLVM's code generator is asked for.
  llvm::StringLiteral llvmCPU, llvmFeatures;
  llvm::StringLiteral features;
  int64_t vector, registers, l1, l2, l3;
};

/// The names `getCPUTarget` knows besides "host".
ArrayRef<CPUPreset> getCPUPresets();
const CPUPreset *findCPUPreset(StringRef name);
CPUAttr describe(MLIRContext *context, const CPUPreset &preset);

/// "host", a preset, or the text of a `#nm.cpu<...>`; null if it is none of
/// them.
CPUAttr getCPUTarget(MLIRContext *context, StringRef text);

/// The description that holds for `op`: that of the closest operation around
/// it with `nm.target`, else the preset x86-64-avx2, so that what the passes do
/// never depends on the machine that runs them unless asked to.
CPUAttr getCPUTarget(Operation *op);

} // namespace mlir::nm

#endif // NM_DIALECT_NM_IR_CPUTARGET_H
