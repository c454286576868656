//===- CachedLowering.h - From a model to code that may be kept -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_CACHEDLOWERING_H
#define NM_DRIVER_CACHEDLOWERING_H

#include "mlir/IR/Diagnostics.h"
#include "nm/Driver/CodeCache.h"
#include "nm/Driver/Model.h"
#include "nm/Driver/Options.h"

namespace mlir::nm::driver {

/// Lowers one model, and looks on the way whether its code is in the cache.
/// What is said on the way to code would not be said when that is found: such
/// code is not kept.
class CachedLowering {
public:
  /// Of the function `entry`, into `object`. All of them outlive this.
  CachedLowering(llvm::TargetMachine &machine, CompileOptions &options,
                 Model &model, std::string entry, SmallVectorImpl<char> &object)
      : machine(machine), options(options), model(model),
        entry(std::move(entry)), object(object) {}

  /// Uses the cache; without, nothing is found and nothing kept.
  llvm::Error open();
  /// To the LLVM dialect, or to isFound(): then `object` has the code and the
  /// module its manifests.
  llvm::Error lower();
  bool isFound() const { return found; }
  /// Keeps `object`, which was not found and has been made.
  void keep();
  /// Of the cache; nothing without.
  std::optional<std::string> state() const;

private:
  llvm::TargetMachine &machine;
  CompileOptions &options;
  Model &model;
  std::string entry;
  SmallVectorImpl<char> &object;
  std::optional<CodeCache> cache;
  std::optional<ScopedDiagnosticHandler> listener;
  bool found = false, isSilent = true;
};

} // namespace mlir::nm::driver

#endif // NM_DRIVER_CACHEDLOWERING_H
