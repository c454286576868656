//===- Program.cpp - Names, strides and engines of a program ---------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Isa/Program.h"
#include <algorithm>

namespace nm::isa {

const char *toString(Type type) {
  static constexpr const char *names[] = {"f32", "f16", "bf16", "i8"};
  return names[static_cast<int>(type)];
}

const char *toString(Role role) {
  static constexpr const char *names[] = {"in", "out", "param", "constant",
                                          "scratch"};
  return names[static_cast<int>(role)];
}

const char *toString(Part part) {
  static constexpr const char *names[] = {"whole",
                                          "values",
                                          "indices",
                                          "transposed",
                                          "transposed_values",
                                          "transposed_indices"};
  return names[static_cast<int>(part)];
}

const char *toString(Engine engine) {
  static constexpr const char *names[] = {"load", "store", "array", "special"};
  return names[static_cast<int>(engine)];
}

namespace {

struct OpcodeInfo {
  const char *name;
  int operands;
  Engine engine;
};

constexpr OpcodeInfo opcodes[kNumOpcodes] = {
    {"load", 2, Engine::Load},
    {"store", 2, Engine::Store},
    {"gemm", 3, Engine::Array},
    {"nm_gemm", 4, Engine::Array},
    {"row_max", 2, Engine::Special},
    {"exp_sum", 4, Engine::Special},
    {"online_rescale", 4, Engine::Special},
    {"scale", 3, Engine::Special},
    {"softmax", 2, Engine::Special},
    {"mask", 1, Engine::Special},
    {"layernorm", 4, Engine::Special},
    {"unary", 2, Engine::Special},
    {"elementwise", 3, Engine::Special},
    {"fill", 1, Engine::Special},
    {"sync", 0, Engine::Array},
    {"barrier", 0, Engine::Array},
    {"loop", 0, Engine::Array},
    {"end_loop", 0, Engine::Array}};

const OpcodeInfo &info(Opcode opcode) {
  return opcodes[static_cast<int>(opcode)];
}

std::vector<int64_t> rowMajor(const std::vector<int64_t> &shape) {
  std::vector<int64_t> strides(shape.size(), 1);
  for (size_t k = shape.size(); k > 1; --k)
    strides[k - 2] = strides[k - 1] * shape[k - 1];
  return strides;
}

} // namespace

const char *toString(Opcode opcode) { return info(opcode).name; }

const char *toString(BinaryKind kind) {
  static constexpr const char *names[] = {"add", "sub", "mul", "max", "div"};
  return names[static_cast<int>(kind)];
}

const char *toString(UnaryKind kind) {
  static constexpr const char *names[] = {"copy", "relu", "gelu", "gelu_tanh",
                                          "silu", "tanh", "exp",  "sqrt",
                                          "erf",  "log"};
  return names[static_cast<int>(kind)];
}

int numOperands(Opcode opcode) { return info(opcode).operands; }

bool writesOperand(const Instruction &instruction, int index) {
  switch (instruction.opcode) {
  case Opcode::ExpSum:
    return index >= 2;
  case Opcode::Rescale:
    return index != 1;
  default:
    return index == numOperands(instruction.opcode) - 1;
  }
}

bool readsOperand(const Instruction &instruction, int index) {
  if (!writesOperand(instruction, index))
    return true;
  switch (instruction.opcode) {
  case Opcode::Gemm:
  case Opcode::NMGemm:
  case Opcode::RowMax:
    return instruction.accumulate;
  case Opcode::ExpSum:
    return index == 3 && instruction.accumulate;
  case Opcode::Rescale:
  case Opcode::Mask:
    return true;
  default:
    return false;
  }
}

Engine engineOf(const Instruction &instruction) {
  return instruction.opcode == Opcode::Sync ? instruction.syncEngine
                                            : info(instruction.opcode).engine;
}

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
