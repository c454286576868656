//===- Calibrate.h - What weights see of calibration inputs -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Pruning by activations: Wanda (Sun et al., "A Simple and Effective Pruning
// Approach for Large Language Models", ICLR 2024, section 3) scores a weight by
// |w_ij| * ||x_j||_2, where x_j is the input feature j over all tokens of the
// calibration inputs, and keeps the N largest of every M along j.
//
// The dense model is compiled with further results: for each product of a
// parameter the sums of squares of its input's features, and its output. It
// runs on each sample; with the masks applied it runs once more, and what the
// products and the model give is compared.
//
// Rounding by activations needs the inputs themselves, of which X^T X is made
// for some weights at a time (nm/Runtime/ErrorFeedback.h): the model runs on
// the samples as often as their matrices fill 1 GiB.
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_CALIBRATE_H
#define NM_DRIVER_CALIBRATE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "nm/Driver/Model.h"
#include "nm/Driver/Options.h"
#include "nm/Runtime/Params.h"

namespace mlir::nm::driver {

/// A product whose results observeProducts added to a function.
struct ObservedProduct {
  /// Of the weight.
  std::string scope, key;
  /// Which of the further results are the sum of squares of each feature of its
  /// input (f32), and its output.
  size_t squares = 0, output = 0;
  /// The input itself, whose dimension `axis` the features are, where inputs
  /// are observed. Products of one value share it.
  size_t input = 0;
  int64_t axis = 0;
};

/// Adds results for each product of nm.param in the body of `function`.
std::vector<ObservedProduct> observeProducts(func::FuncOp function,
                                             bool withInputs);

/// What rounding a weight changes in the output of its product on the inputs
/// that the dense model gives it, relative to that output.
struct RoundedLayer {
  std::string key;
  double nearest = 0; ///< each element to the nearest
  double fed = 0;     ///< as --round asks for
};

/// How far pruned and rounded weights moved what the dense model computes:
/// ||a - b|| / ||b|| over all samples.
struct PruningReport {
  PruneBy by = PruneBy::Magnitude;
  size_t samples = 0;
  std::vector<RoundedLayer> rounded;
  /// Key of each product's weight, and the difference of the product's output.
  std::vector<std::pair<std::string, double>> layers;
  /// Of each result of the model.
  std::vector<double> results;
};

/// For people, a line for each layer and one for the results.
std::string formatPruning(const PruningReport &report);

/// The same model, and nothing written or said.
RunOptions quietOptions(const RunOptions &options);
/// The same with every weight dense.
RunOptions denseOptions(const RunOptions &options);

class Calibration {
public:
  /// Compiles the dense model and runs it on options.calibrate.
  static llvm::Expected<std::unique_ptr<Calibration>>
  observe(const RunOptions &options, DialectRegistry &registry);
  ~Calibration();

  /// Masks for the parameters that have a pattern in `manifest`, by the
  /// weights' names: a safetensors image. None for a weight that has a mask,
  /// and none where the input of a weight was not seen: magnitude decides
  /// there. `notes` says so.
  llvm::Expected<std::string> makeMasks(const ::nm::rt::Manifest &manifest,
                                        std::vector<std::string> &notes) const;

  /// Weights that were rounded by what they multiply.
  struct Rounded {
    std::shared_ptr<const ::nm::rt::RoundedWeights> weights;
    std::vector<RoundedLayer> layers;
  };
  /// Rounds the parameters of `manifest` that have groups, of which `mask` says
  /// what is kept. Those whose input was not seen are left to the loader;
  /// `notes` says so.
  llvm::Expected<Rounded> round(const ::nm::rt::Manifest &manifest,
                                const ::nm::rt::MaskOptions &mask,
                                std::vector<std::string> &notes) const;

  /// Runs the model with the masks and the rounded weights of `mask`; compares
  /// what products give only `withLayers`. Without, and after timeDense(), code
  /// runs that has no results but the model's.
  llvm::Expected<PruningReport> compare(const ::nm::rt::MaskOptions &mask,
                                        bool withLayers = true) const;

  /// Does all of it to the parameters of `manifest`, as `options` asks: makes
  /// masks and rounded weights and enters them into options.mask, says on
  /// standard error what became of each weight and what that changes, and
  /// writes options.masksFile. `model` is lowered; `masks` is what options.mask
  /// reads from then on.
  llvm::Expected<PruningReport> apply(const ::nm::rt::Manifest &manifest,
                                      const Model &model,
                                      CompileOptions &options,
                                      std::string &masks) const;

  /// The fastest run of the dense model on the first sample, in ms. Its code is
  /// kept for compare().
  llvm::Expected<double> timeDense();
  /// The model with every weight pruned by magnitude, timed on the first
  /// sample.
  struct Timed {
    ::nm::rt::Manifest manifest;
    double ms = 0; ///< the fastest run
  };
  llvm::Expected<Timed> time(const std::string &pattern) const;

  /// Multiply-adds of the products with a weight on the first sample, dense.
  double workOf(const ::nm::rt::ParamSpec &spec) const;

private:
  struct State;
  explicit Calibration(std::unique_ptr<State> state);
  static std::unique_ptr<State> plainLike(const State &other);

  std::unique_ptr<State> state;
  /// Without the further results; null before timeDense().
  std::unique_ptr<State> plain;
};

} // namespace mlir::nm::driver

#endif // NM_DRIVER_CALIBRATE_H
