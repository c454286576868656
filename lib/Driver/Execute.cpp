//===- Execute.cpp - Calling compiled code -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Execute.h"
#include "nm/Driver/Arrays.h"
#include "nm/Driver/Support.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <malloc.h>

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;

Timing Timing::of(std::vector<double> samples) {
  Timing timing;
  if (samples.empty())
    return timing;
  llvm::sort(samples);
  // Linear interpolation between order statistics, as numpy.percentile.
  auto quantile = [&](double q) {
    double position = q * static_cast<double>(samples.size() - 1);
    size_t below = static_cast<size_t>(position);
    size_t above = std::min(below + 1, samples.size() - 1);
    double weight = position - static_cast<double>(below);
    return samples[below] * (1 - weight) + samples[above] * weight;
  };
  timing.runs = static_cast<int>(samples.size());
  timing.min = samples.front();
  timing.max = samples.back();
  timing.median = quantile(0.5);
  timing.lowerQuartile = quantile(0.25);
  timing.upperQuartile = quantile(0.75);
  return timing;
}

/// {allocated, aligned, offset, sizes..., strides...} of row-major data: the
/// sizes of `shape`, the strides of `room`.
static std::vector<uint64_t> makeDescriptor(const void *data,
                                            const std::vector<int64_t> &shape,
                                            const std::vector<int64_t> &room) {
  auto address = reinterpret_cast<uint64_t>(data);
  std::vector<uint64_t> words{address, address, 0};
  words.insert(words.end(), shape.begin(), shape.end());
  for (int64_t stride : rt::rowMajorStrides(room))
    words.push_back(static_cast<uint64_t>(stride));
  return words;
}

/// Compiled code allocates its buffers in every call. glibc would hand large
/// ones back to the system when they are freed, and the next call would pay for
/// the page faults: about 0.1 ms for each MiB. Peak use stays the same.
static void keepFreedMemory() {
  constexpr int largestThreshold = 32 << 20; // what glibc accepts
  mallopt(M_MMAP_THRESHOLD, largestThreshold);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
}

llvm::Expected<Call> Call::prepare(const Signature &function, Jit::Invoke entry,
                                   ArrayRef<rt::Tensor> inputs,
                                   const rt::Manifest &manifest,
                                   const rt::Params *params) {
  keepFreedMemory();
  Call call;
  call.function = &function;
  call.entry = entry;
  call.code = function.returned();

  // Each result has a slot of its own: a descriptor or a scalar.
  size_t size = 0;
  for (const ValueType &type : call.code.results) {
    call.offsets.push_back(size);
    size += type.isScalar ? sizeof(uint64_t)
                          : (3 + 2 * type.rank()) * sizeof(uint64_t);
  }
  call.results.resize(size);

  // `slots` points into `pointers` and `storage`: no reallocation from here.
  size_t most = call.code.results.size() + inputs.size() + 2;
  call.storage.reserve(most);
  call.pointers.reserve(most);
  auto addPointer = [&](void *pointer) {
    call.pointers.push_back(pointer);
    call.slots.push_back(&call.pointers.back());
  };
  auto addMemRef = [&](const void *data, const std::vector<int64_t> &shape,
                       const std::vector<int64_t> &room) {
    call.storage.push_back(makeDescriptor(data, shape, room));
    call.borrowed.push_back(reinterpret_cast<uint64_t>(data));
    addPointer(call.storage.back().data());
  };
  for (size_t offset : call.offsets)
    addPointer(call.results.data() + offset);
  for (auto [i, input] : llvm::enumerate(inputs)) {
    rt::TensorView memory = input.view;
    if (std::optional<size_t> result = function.resultIn(i)) {
      auto written = call.makeWritten(i, *result, inputs);
      if (!written)
        return written.takeError();
      memory = written->memory.view;
      call.written.push_back(std::move(*written));
    }
    if (function.arguments[i].type.isScalar)
      call.slots.push_back(const_cast<unsigned char *>(memory.data));
    else
      addMemRef(memory.data, input.view.shape, memory.shape);
  }
  if (!manifest.params.empty()) {
    call.storage.push_back({rt::hashManifest(manifest)});
    call.slots.push_back(call.storage.back().data());
    auto table = rt::paramTable(manifest, *params);
    if (!table)
      return toError(table.error());
    call.table = std::move(*table);
    for (const void *data : call.table)
      call.borrowed.push_back(reinterpret_cast<uint64_t>(data));
    addPointer(call.table.data());
  }
  return std::move(call);
}

/// Room for more rows than one call adds: those of the result, if they are
/// known, else as many as the longest dimension of any input, and some.
static int64_t roomFor(const Signature &function, size_t argument,
                       size_t result, ArrayRef<rt::Tensor> inputs) {
  int64_t dim = *function.arguments[argument].grows;
  int64_t rows = inputs[argument].view.shape[dim], most = 64;
  if (int64_t known = function.results[result].shape[dim];
      !ShapedType::isDynamic(known))
    return std::max(known, rows);
  for (const rt::Tensor &input : inputs)
    for (int64_t size : input.view.shape)
      most = std::max(most, size);
  return rows + most;
}

llvm::Expected<Call::Written>
Call::makeWritten(size_t argument, size_t result,
                  ArrayRef<rt::Tensor> inputs) const {
  const rt::TensorView &view = inputs[argument].view;
  std::vector<int64_t> shape = view.shape;
  std::optional<int64_t> grows = function->arguments[argument].grows;
  if (grows)
    shape[*grows] = roomFor(*function, argument, result, inputs);
  auto memory = allocateTensor(view.dtype, shape);
  if (!memory)
    return memory.takeError();
  size_t place = 0;
  for (size_t i = 0; i < result; ++i)
    place += !function->argumentOf(i) || function->isGrown(i);
  return Written{result, inputs[argument], std::move(*memory), grows, place};
}

rt::TensorView Call::viewOf(const Written &each) const {
  rt::TensorView view = each.memory.view;
  if (each.grows) {
    view.strides = rt::rowMajorStrides(view.shape);
    std::memcpy(&view.shape[*each.grows], resultWords(each.rowsAt),
                sizeof(int64_t));
  }
  return view;
}

void Call::restore() {
  for (const Written &each : written) {
    const rt::TensorView &from = each.input.view, &to = each.memory.view;
    if (from.bytes() == 0)
      continue;
    // As many pieces as there are memories of rows.
    size_t first = each.grows.value_or(0), pieces = 1;
    for (size_t d = 0; d < first; ++d)
      pieces *= from.shape[d];
    size_t bytes = from.bytes() / pieces, step = to.bytes() / pieces;
    for (size_t i = 0; i < pieces; ++i)
      std::memcpy(const_cast<unsigned char *>(to.data) + i * step,
                  from.data + i * bytes, bytes);
  }
}

llvm::Error Call::invoke() {
  if (recorder)
    recorder->beginRun();
  const char *reason = entry(slots.data());
  if (recorder)
    recorder->endRun();
  if (reason)
    return makeError("function '{0}' was not run to its end: {1}",
                     function->name, reason);
  return llvm::Error::success();
}

void Call::freeResults() {
  SmallVector<uint64_t> freed;
  for (auto [i, type] : llvm::enumerate(code.results)) {
    if (type.isScalar)
      continue;
    uint64_t allocated = resultWords(i)[0];
    if (llvm::is_contained(borrowed, allocated) ||
        llvm::is_contained(freed, allocated))
      continue;
    freed.push_back(allocated);
    std::free(reinterpret_cast<void *>(allocated));
  }
}

/// Result `i` of those that the code returned.
rt::TensorView Call::viewOf(size_t i) const {
  const ValueType &type = code.results[i];
  rt::TensorView view;
  view.dtype = type.dtype;
  view.data = results.data() + offsets[i];
  if (!type.isScalar) {
    const uint64_t *words = resultWords(i);
    int64_t rank = type.rank();
    view.data = reinterpret_cast<const unsigned char *>(words[1]) +
                words[2] * rt::elementBytes(type.dtype);
    view.shape.assign(words + 3, words + 3 + rank);
    view.strides.assign(words + 3 + rank, words + 3 + 2 * rank);
  }
  return view;
}

llvm::Expected<std::vector<rt::Tensor>> Call::run() {
  restore();
  if (llvm::Error error = invoke())
    return std::move(error);
  std::vector<rt::Tensor> tensors;
  size_t next = 0;
  for (size_t i = 0; i < function->results.size(); ++i) {
    const auto *own = llvm::find_if(
        written, [&](const Written &each) { return each.result == i; });
    rt::TensorView view = own == written.end() ? viewOf(next) : viewOf(*own);
    next += own == written.end() || own->grows;
    auto copy = allocateTensor(view.dtype, view.shape);
    if (!copy)
      return copy.takeError();
    // toContiguous borrows what is contiguous already; the memory is freed
    // below.
    auto contiguous = rt::toContiguous(rt::Tensor{view, nullptr});
    if (!contiguous)
      return toError(contiguous.error());
    if (view.bytes())
      std::memcpy(const_cast<unsigned char *>(copy->view.data),
                  contiguous->view.data, view.bytes());
    tensors.push_back(std::move(*copy));
  }
  freeResults();
  return tensors;
}

Timing Call::time(int repeat) {
  // The first runs pay for page faults, thread creation and clock ramps.
  constexpr int warmUpRuns = 2;
  constexpr double warmUpMs = 50;
  Stopwatch warm;
  for (int i = 0; i < warmUpRuns || warm.ms() < warmUpMs; ++i) {
    // run() came first, and nothing changed since: it cannot fail.
    restore();
    llvm::cantFail(invoke());
    freeResults();
    if (warm.ms() > 20 * warmUpMs) // long runs are warm after one
      break;
  }
  std::vector<double> samples;
  samples.reserve(repeat);
  for (int i = 0; i < repeat; ++i)
    samples.push_back(timeOnce());
  return Timing::of(std::move(samples));
}

double Call::timeOnce() {
  restore();
  Stopwatch watch;
  llvm::cantFail(invoke());
  double elapsed = watch.ms();
  freeResults();
  return elapsed;
}
