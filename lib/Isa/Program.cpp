//===- Program.cpp - Strides and engines of a program ----------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Isa/Program.h"
#include <algorithm>

namespace nm::isa {

namespace {

std::vector<int64_t> rowMajor(const std::vector<int64_t> &shape) {
  std::vector<int64_t> strides(shape.size(), 1);
  for (size_t k = shape.size(); k > 1; --k)
    strides[k - 2] = strides[k - 1] * shape[k - 1];
  return strides;
}

} // namespace

int queueOf(const Instruction &instruction, const Target &target) {
  int channels = static_cast<int>(target.channels);
  switch (engineOf(instruction)) {
  case Engine::Load:
    return instruction.channel;
  case Engine::Store:
    return channels + instruction.channel;
  case Engine::Array:
    return 2 * channels;
  case Engine::Special:
    break;
  }
  return 2 * channels + 1;
}

std::string queueName(int queue, const Target &target) {
  int channels = static_cast<int>(target.channels);
  if (queue < channels)
    return "load " + std::to_string(queue);
  if (queue < 2 * channels)
    return "store " + std::to_string(queue - channels);
  return queue == 2 * channels ? "array" : "special";
}

Target targetOf(const model::Device &device) {
  Target target;
  target.name = device.name;
  target.scratchpadBytes = device.scratchpad.bytes;
  target.channels = std::clamp<int64_t>(device.dma.channels, 1, kMaxChannels);
  target.segments = device.array.packsHeads ? device.array.cols : 1;
  target.patterns = device.array.sparsePatterns;
  return target;
}

int64_t numElements(const std::vector<int64_t> &shape) {
  constexpr int64_t limit = int64_t(1) << 62;
  int64_t count = 1;
  for (int64_t size : shape) {
    if (size > 0 && count > limit / size)
      return limit;
    count *= size;
  }
  return count;
}

std::vector<int64_t> stridesOf(const Tensor &tensor) {
  return tensor.strides.empty() ? rowMajor(tensor.shape) : tensor.strides;
}

std::vector<int64_t> stridesOf(const Buffer &buffer) {
  return rowMajor(buffer.shape);
}

int64_t extentBytes(const Tensor &tensor) {
  if (tensor.strides.empty())
    return numElements(tensor.shape) * typeBytes(tensor.type);
  int64_t last = 0;
  for (size_t k = 0; k < tensor.shape.size(); ++k)
    last += (tensor.shape[k] - 1) * tensor.strides[k];
  return (last + 1) * typeBytes(tensor.type);
}

int64_t slotBytes(const Buffer &buffer) {
  return numElements(buffer.shape) * typeBytes(buffer.type);
}

} // namespace nm::isa
