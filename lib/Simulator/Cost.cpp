//===- Cost.cpp - What an instruction asks of the machine ------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The formulas are those of the extended cost model (docs/model.md), for one
// instruction each. docs/simulator.md lists them.
//
//===----------------------------------------------------------------------===//

#include "Cost.h"
#include "nm/Isa/Instructions.h"
#include "nm/Machine/ProductTerms.h"
#include "nm/Machine/TransferTerms.h"
#include "nm/Support/Arithmetic.h"
#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <numeric>
#include <set>
#include <tuple>

namespace nm::sim {

using isa::Instruction;
using isa::Opcode;
using isa::Program;
using isa::Space;
using isa::Tile;
using model::Stationarity;
using support::ceilDiv;

namespace {

int64_t bytesOf(const Program &program, const Tile &tile) {
  return isa::typeBytes(tile.space == Space::Dram
                            ? program.tensors[tile.object].type
                            : program.buffers[tile.object].type);
}

int64_t elementsOf(const Tile &tile) {
  int64_t count = 1;
  for (int64_t d = 0; d < tile.rank(); ++d)
    count *= tile.size(d);
  return count;
}

/// What a DRAM tile touches. Tensors are taken to begin at the first row of
/// DRAM, and the tile stands where the loops begin.
machine::DramAccess accessOf(const Program &program, const Tile &tile) {
  std::vector<int64_t> strides = isa::stridesOf(program.tensors[tile.object]);
  int64_t bytes = bytesOf(program, tile);
  machine::DramAccess access;
  std::vector<std::pair<int64_t, int64_t>> dims; // stride, size
  for (size_t d = 0; d != strides.size(); ++d)
    access.base += tile.offsets[d] * strides[d] * bytes;
  for (uint8_t d : tile.dims)
    if (tile.sizes[d] > 1)
      dims.push_back({strides[d], tile.sizes[d]});
  std::sort(dims.begin(), dims.end());
  // Runs without gaps, and what is around them from the inside.
  int64_t run = 1;
  size_t place = access.counts.size();
  for (auto [stride, size] : dims) {
    if (stride == run && place == access.counts.size()) {
      run *= size;
      continue;
    }
    access.counts[--place] = size;
    access.strides[place] = stride * bytes;
  }
  access.bytes = run * bytes;
  return access;
}

/// What DRAM does for transfers of a program; equal ones are worked out once.
class Transfers {
public:
  explicit Transfers(const model::Device &device)
      : dram(machine::dramModelOf(device.dram)) {}

  double streamBytes(const machine::DramAccess &access) {
    auto [entry, isNew] = known.try_emplace(
        std::tuple(access.base, access.bytes, access.counts, access.strides));
    if (isNew)
      entry->second = dram->streamBytes(access);
    return entry->second;
  }

private:
  using Sizes = std::array<int64_t, 4>;
  std::unique_ptr<machine::DramModel> dram;
  std::map<std::tuple<int64_t, int64_t, Sizes, Sizes>, double> known;
};

Cost transferCost(const Program &program, const model::Device &device,
                  const Tile &dram, Transfers &transfers) {
  Cost cost;
  cost.latency = machine::transferLatency(device);
  cost.payload = elementsOf(dram) * bytesOf(program, dram);
  cost.dram = transfers.streamBytes(accessOf(program, dram));
  cost.scratchpad = static_cast<double>(cost.payload);
  return cost;
}

/// The terms of productTraffic, by operand.
struct Traffic {
  int64_t lhs, rhs, dest;
};
Traffic trafficOf(Stationarity s, int64_t a, int64_t b, int64_t m, int64_t k,
                  int64_t n) {
  switch (s) {
  case Stationarity::Output:
    return {m * k * ceilDiv(n, b), k * n * ceilDiv(m, a), m * n};
  case Stationarity::Weight:
    return {m * k * ceilDiv(n, b), k * n, m * n * (2 * ceilDiv(k, a) - 1)};
  case Stationarity::Input:
    break;
  }
  return {m * k, k * n * ceilDiv(m, a), m * n * (2 * ceilDiv(k, b) - 1)};
}

/// Addresses of the buffers that exponentials are written to: there the array,
/// if it takes them itself, has its weights in place.
std::set<int64_t> weightsOf(const Program &program) {
  std::set<int64_t> addresses;
  for (const Instruction &instruction : program.code)
    if (instruction.opcode == Opcode::ExpSum)
      addresses.insert(program.buffers[instruction.operands[2].object].address);
  return addresses;
}

Cost productCost(const Program &program, const model::Device &device,
                 const Instruction &instruction,
                 const std::set<int64_t> &weights) {
  bool sparse = instruction.opcode == Opcode::NMGemm;
  const Tile &lhs = instruction.operands[0], &rhs = instruction.operands[1],
             &dest = instruction.operands.back();
  // A leading dimension counts products on segments side by side.
  int first = dest.rank() == 3 ? 1 : 0;
  int64_t segments = first ? dest.size(0) : 1;
  int64_t m = dest.size(first), n = dest.size(first + 1);
  // For N:M the kept elements alone pass through the array.
  int64_t k = sparse ? rhs.size(first + 1)
                     : lhs.size(first + (instruction.transposeLhs ? 0 : 1));
  int64_t a = device.array.rows;
  int64_t b = std::max<int64_t>(device.array.cols / segments, 1);
  Stationarity s = instruction.stationary;

  Cost cost;
  cost.macs = segments * m * k * n;
  bool isInPlace = device.array.doesSoftmax() && s == Stationarity::Input &&
                   lhs.space == Space::Scratchpad &&
                   weights.count(program.buffers[lhs.object].address) != 0;
  cost.work =
      static_cast<double>(isInPlace ? model::productCyclesInPlace(a, b, m, k, n)
                                    : model::productCycles(s, a, b, m, k, n));
  cost.overhead =
      static_cast<double>(device.array.stepOverhead[static_cast<int>(s)]) / 2;
  cost.latency = static_cast<double>(device.array.fillCycles);
  Traffic moved = trafficOf(s, a, b, m, k, n);
  double bytes = static_cast<double>(moved.lhs * bytesOf(program, lhs)) +
                 static_cast<double>(moved.rhs * bytesOf(program, rhs)) +
                 static_cast<double>(moved.dest * bytesOf(program, dest));
  if (instruction.accumulate)
    bytes += static_cast<double>(m * n * bytesOf(program, dest));
  if (sparse) {
    // Weights pass the decoder each time they enter the array.
    int64_t passes = s == Stationarity::Weight ? 1 : ceilDiv(m, a);
    cost.decodes = segments * passes * k * n;
    int64_t indexBytes =
        passes * elementsOf(instruction.operands[2]) / segments;
    bytes += static_cast<double>(indexBytes);
    if (device.array.indexDecodesPerCycle > 0)
      cost.work =
          std::max(cost.work,
                   static_cast<double>(cost.decodes) /
                       static_cast<double>(device.array.indexDecodesPerCycle));
  }
  cost.scratchpad = static_cast<double>(segments) * bytes;
  if (device.array.doesSoftmax())
    cost.array = cost.work;
  return cost;
}

/// Maxima, exponentials and sums of a matrix on the PEs of the array.
void workOnArray(Cost &cost, const model::Device &device,
                 const Instruction &instruction) {
  const model::ArraySoftmax &pe = device.array.softmax;
  bool isMax = instruction.opcode == Opcode::RowMax;
  const Tile &matrix = instruction.operands[0];
  int64_t cycles = isMax ? pe.maxCycles : pe.expCycles + pe.sumCycles;
  cost.work = cost.array =
      static_cast<double>(ceilDiv(matrix.size(0), device.array.rows) *
                          ceilDiv(matrix.size(1), device.array.cols) * cycles);
  cost.laneCycles = matrix.size(0) * matrix.size(1) * cycles;
}

/// Lane cycles of an element.
int64_t cyclesOf(const isa::LaneCycles &cycles,
                 const model::SpecialFunctionUnit &unit) {
  return cycles.max * unit.maxCycles + cycles.exp * unit.expCycles +
         cycles.sum * unit.sumCycles + cycles.scale * unit.scaleCycles;
}

/// The operand that the instruction passes over: its matrix, or the first.
size_t mainOperandOf(const Instruction &instruction) {
  const isa::InstructionInfo &info = isa::infoOf(instruction.opcode);
  for (int i = 0; i != info.numOperands; ++i)
    if (info.operands[i].extent == isa::Extent::Matrix)
      return static_cast<size_t>(i);
  return 0;
}

Cost specialCost(const Program &program, const model::Device &device,
                 const Instruction &instruction) {
  size_t main = mainOperandOf(instruction);
  int64_t count = elementsOf(instruction.operands[main]);
  const isa::LaneWork &work = isa::workOf(instruction);
  Cost cost;
  cost.specialOps = count * work.ops;
  cost.laneCycles = count * cyclesOf(work.cycles, device.specialFunction);
  if (device.specialFunction.lanes > 0)
    cost.work = static_cast<double>(cost.laneCycles) /
                static_cast<double>(device.specialFunction.lanes);
  // Accesses beyond those of source and dest once each are of the type of
  // dest; the small operands pass once.
  double bytes = 0;
  int64_t accesses = 0;
  size_t written = main;
  for (size_t i = 0; i != instruction.operands.size(); ++i) {
    const Tile &tile = instruction.operands[i];
    bool whole = elementsOf(tile) == count &&
                 tile.rank() == instruction.operands[main].rank();
    if (isa::writesOperand(instruction, static_cast<int>(i)) && whole)
      written = i;
    int64_t times = isa::readsOperand(instruction, static_cast<int>(i)) +
                    isa::writesOperand(instruction, static_cast<int>(i));
    bytes +=
        static_cast<double>(times * elementsOf(tile) * bytesOf(program, tile));
    accesses += whole ? times : 0;
  }
  if (accesses < work.accesses)
    bytes +=
        static_cast<double>((work.accesses - accesses) * count *
                            bytesOf(program, instruction.operands[written]));
  cost.scratchpad = bytes;
  return cost;
}

} // namespace

std::vector<Cost> costsOf(const Program &program, const model::Device &device) {
  std::vector<Cost> costs;
  costs.reserve(program.code.size());
  using Key =
      std::tuple<int, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t>;
  std::map<Key, int32_t> products;
  std::set<int64_t> weights = weightsOf(program);
  Transfers transfers(device);
  for (const Instruction &instruction : program.code) {
    switch (instruction.opcode) {
    case Opcode::Load:
      costs.push_back(
          transferCost(program, device, instruction.operands[0], transfers));
      break;
    case Opcode::Store:
      costs.push_back(
          transferCost(program, device, instruction.operands[1], transfers));
      break;
    case Opcode::Gemm:
    case Opcode::NMGemm: {
      costs.push_back(productCost(program, device, instruction, weights));
      const Tile &dest = instruction.operands.back();
      int first = dest.rank() == 3 ? 1 : 0;
      int64_t area = dest.size(first) * dest.size(first + 1);
      int64_t segments = first ? dest.size(0) : 1;
      Key key{static_cast<int>(instruction.stationary),
              segments,
              dest.size(first),
              dest.size(first + 1),
              costs.back().macs / (area * segments),
              instruction.opcode == Opcode::NMGemm ? instruction.pattern.n : 0,
              instruction.opcode == Opcode::NMGemm ? instruction.pattern.m : 0};
      costs.back().product =
          products.try_emplace(key, static_cast<int32_t>(products.size()))
              .first->second;
      break;
    }
    case Opcode::Sync:
    case Opcode::Barrier:
    case Opcode::Loop:
    case Opcode::EndLoop:
      costs.emplace_back();
      break;
    default:
      costs.push_back(specialCost(program, device, instruction));
      if (device.array.doesSoftmax() && (instruction.opcode == Opcode::RowMax ||
                                         instruction.opcode == Opcode::ExpSum))
        workOnArray(costs.back(), device, instruction);
    }
  }
  return costs;
}

} // namespace nm::sim
