//===- Compare.h - Results against a reference -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_COMPARE_H
#define NM_DRIVER_COMPARE_H

#include "mlir/Support/LLVM.h"
#include "nm/Driver/Options.h"
#include "nm/Runtime/Tensor.h"
#include "llvm/Support/Error.h"
#include <string>

namespace mlir::nm::driver {

struct Tolerance {
  double atol, rtol;
};

/// What a result of `dtype` may differ by when the user names no tolerance.
/// `depth` is the number of operations one after the other whose results are
/// rounded to the type, `largest` the largest magnitude of the reference, and
/// `count` its number of elements.
///
/// f64 and f32: fixed, far above their rounding and below what a wrong
/// operation does. f16 and bf16 (unit roundoff u = 2^-11 and 2^-8): sums are
/// f32, so each operation adds one rounding of at most u of its result. That of
/// the last one is in the rtol; those before it are independent and add up as a
/// random walk (Higham, Accuracy and Stability of Numerical Algorithms, 2.8):
/// u sqrt(depth - 1) of the largest element, for an element near zero is a
/// difference of large ones. That bounds most elements and not all: a rounding
/// is uniform within u, of deviation u / sqrt(3), and of `count` sums of such
/// the largest is about sqrt(2 ln count) deviations, which makes it
/// u sqrt((depth - 1) 2/3 ln count) where that is more.
Tolerance defaultTolerance(::nm::rt::DType dtype, int64_t depth = 1,
                           double largest = 0, int64_t count = 1);

struct Comparison {
  Tolerance tolerance;
  /// max |a - b|, and that over max |b| (0 if nothing differs).
  double maxAbsError = 0, maxRelError = 0;
  /// Elements with |a - b| > atol + rtol |b|.
  int64_t failures = 0, count = 0;
  /// The element that exceeds its bound by most, and both values there.
  std::vector<int64_t> worst;
  double actual = 0, expected = 0;

  bool passed() const { return failures == 0; }
  /// "max abs error 1e-6, max rel error ...".
  std::string str() const;
};

/// Compares element by element in f64. Equal infinities agree. `expected` may
/// have another element type than `actual`; uint16 stands for bf16 if `actual`
/// is bf16. A different shape, and NaN in the reference, are errors; NaN in the
/// result is a failure.
llvm::Expected<Comparison> compareArrays(const ::nm::rt::TensorView &actual,
                                         const ::nm::rt::TensorView &expected,
                                         StringRef path, Tolerance tolerance);

/// Compares results with the references that --expect names, each in the
/// tolerance of the options or else in that of `precision(index)`, and calls
/// `done` for each comparison. An error for each result that differs, one after
/// the other; one that cannot be compared ends the comparison.
llvm::Error
compareResults(ArrayRef<std::pair<size_t, std::string>> expects,
               ArrayRef<::nm::rt::Tensor> results, const DataOptions &options,
               llvm::function_ref<::nm::rt::DType(size_t)> precision,
               llvm::function_ref<void(size_t, const Comparison &)> done);

} // namespace mlir::nm::driver

#endif // NM_DRIVER_COMPARE_H
