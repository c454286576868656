//===- CompiledFunction.h - A function compiled into this process -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_BENCHMARKS_COMPILEDFUNCTION_H
#define NM_BENCHMARKS_COMPILEDFUNCTION_H

#include "nm/Driver/Execute.h"
#include "nm/Driver/Jit.h"
#include "nm/Runtime/Params.h"
#include <optional>
#include <string>
#include <vector>

namespace nm::bench {

/// A function, compiled by nm's pipeline for the host and linked into this
/// process. Calls refer to it: it must not move once one is prepared.
struct CompiledFunction {
  mlir::nm::driver::Signature signature;
  rt::Manifest manifest;
  std::optional<mlir::nm::driver::Jit> jit;
  mlir::nm::driver::Call call;

  /// Compiles function `name` of the module `text`, and sets the number of
  /// threads that it will run on.
  llvm::Error compile(const std::string &text, const std::string &name,
                      int threads);
  /// Prepares `call`. `inputs` and `params` are referred to, not copied.
  llvm::Error prepare(llvm::ArrayRef<rt::Tensor> inputs,
                      const rt::Params *params);
  /// Elements of the only result, which is f32.
  llvm::Expected<std::vector<float>> run();
};

} // namespace nm::bench

#endif // NM_BENCHMARKS_COMPILEDFUNCTION_H
