//===- Execute.h - Calling compiled code -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_EXECUTE_H
#define NM_DRIVER_EXECUTE_H

#include "nm/Driver/Jit.h"
#include "nm/Driver/Recorder.h"
#include "nm/Driver/Signature.h"
#include "nm/Runtime/Params.h"
#include "nm/Runtime/Tensor.h"

namespace mlir::nm::driver {

/// Order statistics of timed runs, in milliseconds.
struct Timing {
  int runs = 0;
  double median = 0, min = 0, max = 0, lowerQuartile = 0, upperQuartile = 0;

  double spread() const { return upperQuartile - lowerQuartile; }
  static Timing of(std::vector<double> samples);
};

/// A function with everything it needs for a call.
class Call {
public:
  /// `params` may be null when the manifest is empty. All of the arguments
  /// outlive the call.
  static llvm::Expected<Call> prepare(const Signature &function,
                                      Jit::Invoke entry,
                                      ArrayRef<::nm::rt::Tensor> inputs,
                                      const ::nm::rt::Manifest &manifest,
                                      const ::nm::rt::Params *params);

  /// Runs once and copies the results out, or says what the compiled code
  /// refuses.
  llvm::Expected<std::vector<::nm::rt::Tensor>> run();

  /// Warms up, then times `repeat` runs, allocation of the results included.
  /// For calls that run() found nothing wrong with.
  Timing time(int repeat);

  /// Milliseconds of one run, for callers that interleave runs with others'.
  double timeOnce();

  /// Each call tells `taker`, which outlives it, what it measures.
  void recordTo(Recorder &taker) { recorder = &taker; }

private:
  /// An argument that a result is written to: the array, which stays as it is,
  /// and the memory that a call gets, in which a cache that grows has room.
  struct Written {
    size_t result;
    ::nm::rt::Tensor input, memory;
    std::optional<int64_t> grows;
    /// The place of the number of its rows among what the code returns.
    size_t rowsAt = 0;
  };

  llvm::Expected<Written> makeWritten(size_t argument, size_t result,
                                      ArrayRef<::nm::rt::Tensor> inputs) const;
  /// What the argument is after a call.
  ::nm::rt::TensorView viewOf(const Written &each) const;

  llvm::Error invoke();
  void freeResults();
  /// Gives written arguments their values again.
  void restore();
  ::nm::rt::TensorView viewOf(size_t i) const;
  /// The words of result `i`, of those that are returned, in `results`.
  const uint64_t *resultWords(size_t i) const {
    return reinterpret_cast<const uint64_t *>(results.data() + offsets[i]);
  }

  Recorder *recorder = nullptr;
  /// As the model has it, and as its code does.
  const Signature *function = nullptr;
  Signature code;
  SmallVector<Written, 0> written;
  Jit::Invoke entry = nullptr;
  /// Descriptors and scalars that arguments point to.
  std::vector<std::vector<uint64_t>> storage;
  /// The data of the parameters.
  std::vector<const void *> table;
  std::vector<void *> pointers;
  /// What invoke() takes: pointers to the entries of `pointers`, or to scalars.
  std::vector<void *> slots;
  /// Memory that belongs to the caller although a result may point there.
  std::vector<uint64_t> borrowed;
  std::vector<uint8_t> results;
  std::vector<size_t> offsets;
};

} // namespace mlir::nm::driver

#endif // NM_DRIVER_EXECUTE_H
