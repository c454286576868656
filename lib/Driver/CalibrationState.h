//===- CalibrationState.h - A dense model that is observed -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DRIVER_CALIBRATIONSTATE_H
#define NM_LIB_DRIVER_CALIBRATIONSTATE_H

#include "nm/Driver/Arrays.h"
#include "nm/Driver/Calibrate.h"
#include "nm/Driver/Jit.h"
#include "nm/Driver/Model.h"
#include "nm/Driver/Samples.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Target/TargetMachine.h"

namespace mlir::nm::driver {

namespace rt = ::nm::rt;

struct Calibration::State {
  RunOptions options; ///< of the dense model
  DialectRegistry *registry = nullptr;
  PruneBy by = PruneBy::Magnitude;
  RoundBy roundBy = RoundBy::Nearest;
  /// Whether products get further results.
  bool observes = true;
  std::vector<Sample> samples;
  /// Whether the arrays of all samples have the same shapes.
  bool hasOneShape = false;
  std::unique_ptr<Model> model;
  std::optional<Jit> jit;
  Signature function;
  rt::Manifest manifest;
  /// Of the dense model: what no mask changes is not packed again.
  std::shared_ptr<const rt::Params> unmasked;
  size_t ownResults = 0;
  std::vector<ObservedProduct> products;
  /// Of the dense model, by sample and result.
  std::vector<std::vector<rt::Tensor>> dense;

  llvm::Error compile();
  /// From the LLVM dialect to object code.
  llvm::Error generate(llvm::TargetMachine &machine,
                       SmallVectorImpl<char> &object) const;
  using Results = std::vector<rt::Tensor>;
  llvm::Expected<std::unique_ptr<rt::Params>>
  load(const rt::MaskOptions &mask) const;
  llvm::Error loadUnmasked();
  /// Compiles, loads and runs the dense model: sets `dense`.
  llvm::Error runDense();
  llvm::Expected<double> time() const;
  /// Runs on all samples. `see` gets the results of each.
  llvm::Error run(const rt::MaskOptions &mask,
                  llvm::function_ref<llvm::Error(Results)> see) const;
  /// The results of all samples, without inputs of products.
  llvm::Expected<std::vector<Results>>
  runAll(const rt::MaskOptions &mask) const;
  llvm::Expected<llvm::StringMap<std::shared_ptr<const rt::Checkpoint>>>
  openFiles() const;
  std::vector<double> squaresOf(const rt::ParamSpec &spec) const;
};

} // namespace mlir::nm::driver

#endif // NM_LIB_DRIVER_CALIBRATIONSTATE_H
