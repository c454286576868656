//===- Samples.h - Arrays for the arguments of calls -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_SAMPLES_H
#define NM_DRIVER_SAMPLES_H

#include "nm/Driver/Options.h"
#include "nm/Runtime/Tensor.h"
#include <map>

namespace mlir::nm::driver {

/// The arrays that a call gives to the arguments of a model, read when they are
/// asked for.
class CallArguments {
public:
  /// `bindings` outlive it.
  explicit CallArguments(ArrayRef<Binding> bindings) : bindings(bindings) {}

  /// Null if there is none, which is reported later.
  const ::nm::rt::Tensor *find(ArrayRef<std::string> names, size_t index);

private:
  ArrayRef<Binding> bindings;
  std::map<size_t, ::nm::rt::Tensor> asked;
};

/// One call of a model.
struct Sample {
  /// The file or folder that it comes from.
  std::string name;
  std::vector<Binding> inputs;
};

/// Calls from the values of --calibrate: an npy file is the only argument of
/// one; so is each npy file of a folder. A folder of folders has a call in
/// each, with an npy file for each argument, by its name.
llvm::Expected<std::vector<Sample>> findSamples(ArrayRef<std::string> paths);

} // namespace mlir::nm::driver

#endif // NM_DRIVER_SAMPLES_H
