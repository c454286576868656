//===- Profile.h - A run, operation by operation -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_PROFILE_H
#define NM_DRIVER_PROFILE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "nm/Driver/Compile.h"
#include "nm/Driver/Recorder.h"
#include "nm/Machine/Speed.h"
#include "nm/Runtime/Tensor.h"
#include "nm/Simulator/Report.h"
#include "llvm/ADT/StringMap.h"
#include <map>
#include <optional>

namespace nm::support {
class JsonWriter;
}

namespace mlir::nm::driver {

/// An operation of the model with the code that was made of it, or several that
/// one kernel computes.
struct OperationProfile {
  /// Of the model: the first that the kernels compute, and the others.
  std::string name;
  std::vector<std::string> fused;
  std::string layer;
  /// "layer.norm", "product", "attention", "elementwise", ...
  std::string kind;
  /// Of products: N:M (1:1 is dense), layout, and the weight's key.
  std::string pattern, layout, weight;
  std::string kernel;

  int64_t calls = 0;
  double ms = 0;
  /// Whether the work of all its kernels is known.
  bool isCounted = true;
  int64_t flops = 0, denseFlops = 0, read = 0, written = 0;
  /// Bytes of the weight as it is stored, and its elements, with those that a
  /// pattern leaves out.
  int64_t weightBytes = 0, weights = 0;
  /// The least time that the machine allows, and what binds it: "arithmetic",
  /// "L2", "memory", ...
  double boundMs = 0;
  std::string boundBy;
  /// Of the same operation with every weight dense, where that was measured.
  std::optional<double> denseMs, denseBoundMs;
  /// Largest difference from the reference over the largest element, where that
  /// was asked for.
  std::optional<double> error;
  /// What was left dense or apart and why, and why a pattern gains nothing.
  std::vector<std::string> notes;

  int64_t bytes() const { return read + written; }
  double fraction() const { return ms > 0 ? boundMs / ms : 0; }
  bool isSparse() const;
};

/// Bits of memory for each of `weights` elements, metadata and scales among
/// them; nothing if there are none.
std::optional<double> bitsPerWeight(int64_t bytes, int64_t weights);

/// Operations that belong together, such as those of `encoder.layer.3`.
struct LayerProfile {
  std::string name;
  size_t first = 0, count = 0; ///< in Profile::operations
  double ms = 0, boundMs = 0;
  int64_t flops = 0, read = 0, written = 0;
  int64_t weightBytes = 0, weights = 0;
};

struct Profile {
  ::nm::machine::Bounds bounds;
  int runs = 0;
  double runMs = 0; ///< of the fastest run, with what is between operations
  std::optional<double> denseRunMs;
  std::vector<OperationProfile> operations; ///< in the order of the code
  std::vector<LayerProfile> layers;
  /// Of the model that no code was made of: constants, shapes and views.
  std::vector<std::string> withoutCode;
  std::vector<LiveBytes> memory;
  int64_t peakBytes = 0;

  double operationsMs() const;
  /// Bytes read in `ms` over what memory gives in that time, as it was
  /// measured; more than 1 if they came from caches.
  double readFraction(int64_t read, double ms) const;
};

/// What the compilation tells of a model, stage by stage.
class ProfileSource {
public:
  /// For CompileOptions::atStage.
  void see(Stage stage, ModuleOp module);
  /// Operations that nm-insert-measures numbered.
  size_t count() const { return measures.size(); }

  struct Measure {
    std::vector<std::string> names; ///< of the model, without repetition
    bool isNamed = false;           ///< by the model, not by a place in a file
    std::string kind, pattern, layout, element;
    int64_t weight = -1; ///< argument of the function
    int64_t columnFlops = 0, denseColumnFlops = 0;
    int64_t weightBytes = 0, weights = 0;
    bool isCounted = true;
  };
  std::vector<Measure> measures;
  std::vector<std::string> modelNames;          ///< in the order of the model
  llvm::StringMap<std::string> namedOperations; ///< "layer.norm" by name
};

/// Puts together what was compiled and what was measured. `firstParam` is the
/// number of the function's own arguments.
Profile makeProfile(const ProfileSource &source, const Recorder &recorder,
                    const ::nm::rt::Manifest &manifest, size_t firstParam,
                    const CompileLog &log, ::nm::machine::Bounds bounds);

/// Says where a pattern gained, and why not elsewhere. `dense` is the profile
/// of the same model with every weight dense.
void compareWithDense(Profile &profile, const Profile &dense);

/// What operations of a model computed in one run, by their names.
using Observed = llvm::StringMap<::nm::rt::Tensor>;

/// Makes a result of what each operation of the model in the body of `function`
/// computes, if that is a tensor of floats of known sizes; returns their names,
/// in order. On linalg, before anything is raised or fused.
std::vector<std::string> observeOperations(func::FuncOp function);

/// Fills in the errors: max |a - b| / max |b|, the largest of all operations
/// that a row has.
void compareWithReference(Profile &profile, const Observed &computed,
                          const Observed &reference);

/// Of a name such as "/encoder/layer.3/query/MatMul" or
/// "encoder.layer.3.query.weight": "encoder.layer.3"; "" if it has no number.
std::string layerOf(StringRef name);

/// The operations that the instructions of a program are of, by the locations
/// of the instructions.
::nm::sim::ModelOperations findOperations(const ::nm::isa::Program &program,
                                          ArrayRef<Location> locations);

/// For people: layers and their operations.
std::string formatProfile(const Profile &profile);
/// Fields of an object; docs/nm-run.md lists them.
void writeProfile(::nm::support::JsonWriter &json, const Profile &profile);
/// A part of a page.
std::string profileHtml(const Profile &profile);

} // namespace mlir::nm::driver

#endif // NM_DRIVER_PROFILE_H
