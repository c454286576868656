//===- Compare.cpp - Results against a reference -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Compare.h"
#include "nm/Driver/Arrays.h"
#include "nm/Driver/Signature.h"
#include "nm/Driver/Support.h"
#include "llvm/Support/Format.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;

Tolerance driver::defaultTolerance(rt::DType dtype, int64_t depth,
                                   double largest, int64_t count) {
  // The largest of `count` deviations, in roundings.
  double extreme = count > 1 ? std::log(static_cast<double>(count)) * 2 / 3 : 0;
  auto narrow = [&](double unit, double least) {
    double walk =
        unit * largest *
        std::sqrt(static_cast<double>(depth - 1) * std::max(1.0, extreme));
    return Tolerance{std::max(least, walk), least};
  };
  switch (dtype) {
  case rt::DType::F64:
    return {1e-12, 1e-12};
  case rt::DType::F32:
    return {1e-5, 1e-5};
  case rt::DType::F16:
    return narrow(0x1p-11, 1e-3);
  case rt::DType::BF16:
    return narrow(0x1p-8, 1e-2);
  default:
    return {0, 0};
  }
}

static std::vector<int64_t> unravel(int64_t index, ArrayRef<int64_t> shape) {
  std::vector<int64_t> position(shape.size());
  for (size_t d = shape.size(); d-- > 0; index /= shape[d])
    position[d] = index % shape[d];
  return position;
}

std::string Comparison::str() const {
  return llvm::formatv("max abs error {0:e3}, max rel error {1:e3} (atol "
                       "{2:e1}, rtol {3:e1}, {4} elements)",
                       maxAbsError, maxRelError, tolerance.atol, tolerance.rtol,
                       count);
}

llvm::Expected<Comparison> driver::compareArrays(const rt::TensorView &actual,
                                                 const rt::TensorView &expected,
                                                 StringRef path,
                                                 Tolerance tolerance) {
  if (actual.shape != expected.shape)
    return makeError("the result has shape {0}, but '{1}' has {2}",
                     shapeText(actual.shape), path, shapeText(expected.shape));
  rt::DType reference = expected.dtype;
  if (actual.dtype == rt::DType::BF16 && reference == rt::DType::U16)
    reference = rt::DType::BF16;

  Comparison result;
  result.tolerance = tolerance;
  result.count = actual.count();
  double largest = 0, worstExcess = -1;
  int64_t worst = 0;
  int64_t step = rt::elementBytes(actual.dtype);
  int64_t referenceStep = rt::elementBytes(expected.dtype);
  for (int64_t i = 0; i < result.count; ++i) {
    double a = rt::elementToDouble(actual.data + i * step, actual.dtype);
    double b =
        rt::elementToDouble(expected.data + i * referenceStep, reference);
    if (std::isnan(b))
      return makeError("the reference '{0}' holds NaN at {1}; nothing can be "
                       "compared with it",
                       path, shapeText(unravel(i, actual.shape)));
    // inf - inf is NaN, though both agree.
    double difference = a == b ? 0 : std::abs(a - b);
    if (std::isnan(difference))
      difference = std::numeric_limits<double>::infinity();
    double bound = tolerance.atol + tolerance.rtol * std::abs(b);
    bool bad =
        difference != 0 && (std::isinf(difference) || difference > bound);
    result.failures += bad;
    result.maxAbsError = std::max(result.maxAbsError, difference);
    largest = std::max(largest, std::abs(b));
    double excess =
        bound > 0 && std::isfinite(bound) ? difference / bound : difference;
    // A failing element ranks above any that passes.
    if (bad && std::isfinite(excess))
      excess += 1;
    if (excess > worstExcess) {
      worstExcess = excess;
      worst = i;
      result.actual = a;
      result.expected = b;
    }
  }
  if (result.count)
    result.worst = unravel(worst, actual.shape);
  if (result.maxAbsError > 0)
    result.maxRelError = result.maxAbsError / largest;
  return result;
}

/// The largest finite magnitude.
static double largestOf(const rt::TensorView &view, rt::DType dtype) {
  double largest = 0;
  int64_t step = rt::elementBytes(view.dtype);
  for (int64_t i = 0, count = view.count(); i < count; ++i) {
    double value = std::abs(rt::elementToDouble(view.data + i * step, dtype));
    if (std::isfinite(value))
      largest = std::max(largest, value);
  }
  return largest;
}

/// With as many digits as distinguish any two f32.
static std::string digits(double value) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%.9g", value);
  return text;
}

/// What to try when results differ.
static std::string whatToTry(const Comparison &comparison, rt::DType type,
                             const DataOptions &options) {
  if (!std::isfinite(comparison.maxAbsError))
    return options.hasReference
               ? "NaN and infinities differ; --reference says whether the "
                 "optimised code or the model makes them"
               : "NaN and infinities differ";
  std::string text = llvm::formatv(
      "if {0:e1} of the largest element is right for {1} here, allow it with "
      "--atol {2:e1}",
      comparison.maxRelError, rt::dtypeName(type),
      comparison.maxAbsError * 1.01);
  if (options.hasReference)
    text += "; --reference says whether the optimised code or the model "
            "differs";
  return text;
}

llvm::Error driver::compareResults(
    ArrayRef<std::pair<size_t, std::string>> expects,
    ArrayRef<rt::Tensor> results, const DataOptions &options,
    llvm::function_ref<rt::DType(size_t)> precision,
    llvm::function_ref<void(size_t, const Comparison &)> done) {
  llvm::Error failures = llvm::Error::success();
  for (auto &[index, path] : expects) {
    auto reference = readArray(path);
    if (!reference)
      return llvm::joinErrors(std::move(failures), reference.takeError());
    rt::DType type = precision(index), stored = reference->view.dtype;
    if (results[index].view.dtype == rt::DType::BF16 &&
        stored == rt::DType::U16)
      stored = rt::DType::BF16;
    Tolerance tolerance = defaultTolerance(type, options.depth,
                                           largestOf(reference->view, stored),
                                           reference->view.count());
    if (options.atol >= 0)
      tolerance.atol = options.atol;
    if (options.rtol >= 0)
      tolerance.rtol = options.rtol;
    auto comparison =
        compareArrays(results[index].view, reference->view, path, tolerance);
    if (!comparison)
      return llvm::joinErrors(std::move(failures), comparison.takeError());
    done(index, *comparison);
    if (!comparison->passed())
      failures = llvm::joinErrors(
          std::move(failures),
          makeError("result {0} differs from '{1}' in {2} of {3} elements; "
                    "worst at {4}: found {5}, expected {6}; {7}",
                    index, path, comparison->failures, comparison->count,
                    shapeText(comparison->worst), digits(comparison->actual),
                    digits(comparison->expected),
                    whatToTry(*comparison, type, options)));
  }
  return failures;
}
