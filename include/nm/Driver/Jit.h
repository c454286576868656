//===- Jit.h - Machine code in this process -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_JIT_H
#define NM_DRIVER_JIT_H

#include "mlir/Support/LLVM.h"
#include "llvm/Support/Error.h"
#include <memory>

namespace llvm::orc {
class LLJIT;
} // namespace llvm::orc

namespace mlir::nm::driver {

/// Object code that is linked into this process.
class Jit {
public:
  /// Null, or why the call failed; the text lasts until the next call.
  using Invoke = const char *(*)(void **arguments);

  /// Symbols come from this process: libc, libm, libomp.
  static llvm::Expected<Jit> load(StringRef object);
  Jit(Jit &&);
  Jit &operator=(Jit &&);
  ~Jit();

  /// The function that addInvoke made.
  Invoke entry() const { return invoke; }

private:
  Jit();
  std::unique_ptr<llvm::orc::LLJIT> engine;
  Invoke invoke = nullptr;
};

} // namespace mlir::nm::driver

#endif // NM_DRIVER_JIT_H
