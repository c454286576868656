//===- Values.cpp - Tiles in memory, and copies of them --------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Values.h"
#include <algorithm>
#include <cstring>

namespace nm::sim {

using isa::Instruction;
using isa::Opcode;
using isa::Tile;

View View::row(int64_t i) const {
  View view = *this;
  view.base = at(i * strides[0]);
  --view.rank;
  for (int d = 0; d < view.rank; ++d) {
    view.sizes[d] = sizes[d + 1];
    view.strides[d] = strides[d + 1];
  }
  return view;
}

void computeCopy(const View &from, const View &to) {
  if (from.rank > 1) {
    for (int64_t i = 0; i < from.sizes[0]; ++i)
      computeCopy(from.row(i), to.row(i));
    return;
  }
  int64_t count = from.rank ? from.sizes[0] : 1;
  int64_t source = from.rank ? from.strides[0] : 1;
  int64_t dest = to.rank ? to.strides[0] : 1;
  int64_t bytes = from.bytes();
  if (source == 1 && dest == 1) {
    std::memcpy(to.base, from.base, count * bytes);
  } else {
    for (int64_t i = 0; i < count; ++i)
      std::memcpy(to.at(i * dest), from.at(i * source), bytes);
  }
}

Values::Values(const Program &program, Memory &memory, int threads)
    : program(program), memory(memory), scratch(threads) {
  int64_t end = 0;
  for (const isa::Buffer &buffer : program.buffers) {
    bufferStrides.push_back(isa::stridesOf(buffer));
    slotSizes.push_back(isa::slotBytes(buffer));
    end = std::max(end, buffer.address + buffer.slots * slotSizes.back());
  }
  for (const isa::Tensor &tensor : program.tensors)
    tensorStrides.push_back(isa::stridesOf(tensor));
  pad.resize(static_cast<size_t>(end));
}

View Values::viewOf(const Tile &tile, const Counters &counters) {
  bool dram = tile.space == isa::Space::Dram;
  const std::vector<int64_t> &strides =
      dram ? tensorStrides[tile.object] : bufferStrides[tile.object];
  int64_t element = 0, slot = tile.slot;
  for (size_t k = 0; k != strides.size(); ++k)
    element += tile.offsets[k] * strides[k];
  for (const isa::Counter &counter : tile.counters) {
    int64_t value = counters[counter.depth];
    for (size_t k = 0; k != strides.size(); ++k)
      element += value * counter.steps[k] * strides[k];
    slot += value * counter.slotStep;
  }
  View view;
  if (dram) {
    view.type = program.tensors[tile.object].type;
    view.base = memory.data(tile.object);
  } else {
    const isa::Buffer &buffer = program.buffers[tile.object];
    view.type = buffer.type;
    view.base = pad.data() + buffer.address +
                slot % buffer.slots * slotSizes[tile.object];
  }
  view.base += element * view.bytes();
  view.rank = static_cast<int>(tile.dims.size());
  for (int d = 0; d < view.rank; ++d) {
    view.sizes[d] = tile.sizes[tile.dims[d]];
    view.strides[d] = strides[tile.dims[d]];
  }
  return view;
}

/// The elements of a tile, row-major.
static std::string packed(const View &view) {
  View dense = view;
  int64_t count = 1;
  for (int d = view.rank; d-- > 0; count *= view.sizes[d])
    dense.strides[d] = count;
  std::string bytes(static_cast<size_t>(count * view.bytes()), '\0');
  dense.base = reinterpret_cast<uint8_t *>(bytes.data());
  computeCopy(view, dense);
  return bytes;
}

void Values::execute(int32_t index, const Counters &counters,
                     Observation *seen) {
  const Instruction &instruction = program.code[index];
  const std::vector<Tile> &tiles = instruction.operands;
  if (tiles.empty())
    return;
  View operands[4];
  for (size_t i = 0; i != tiles.size(); ++i)
    operands[i] = viewOf(tiles[i], counters);
  if (seen)
    for (size_t i = 0; i != tiles.size(); ++i) {
      const View &view = operands[i];
      Observation::Operand operand;
      operand.type = view.type;
      operand.shape.assign(view.sizes.begin(), view.sizes.begin() + view.rank);
      operand.isRead = isa::readsOperand(instruction, static_cast<int>(i));
      operand.isWritten = isa::writesOperand(instruction, static_cast<int>(i));
      if (operand.isRead)
        operand.before = packed(view);
      seen->operands.push_back(std::move(operand));
    }
  if (instruction.opcode == Opcode::Load || instruction.opcode == Opcode::Store)
    computeCopy(operands[0], operands[1]);
  else if (instruction.opcode == Opcode::Gemm)
    computeGemm(instruction, operands, scratch);
  else if (instruction.opcode == Opcode::NMGemm)
    computeNMGemm(instruction, operands, scratch);
  else
    computeSpecial(instruction, operands, counters, scratch);
  if (seen)
    for (size_t i = 0; i != tiles.size(); ++i)
      if (seen->operands[i].isWritten)
        seen->operands[i].after = packed(operands[i]);
}

} // namespace nm::sim
