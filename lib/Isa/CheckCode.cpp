//===- CheckCode.cpp - Rules for loops, tiles and semaphores ---------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Check.h"
#include "nm/Isa/Checker.h"
#include "nm/Isa/Instructions.h"
#include <algorithm>

namespace nm::isa {

Type typeOf(const Program &program, const Tile &tile) {
  return tile.space == Space::Dram ? program.tensors[tile.object].type
                                   : program.buffers[tile.object].type;
}

Status Checker::checkBox(const Tile &tile, const std::vector<int64_t> &shape,
                         int operand) {
  // A step times trips stays below 2^62; ends past the box stop the sum.
  constexpr int64_t kFar = int64_t(1) << 40;
  for (size_t k = 0; k < shape.size(); ++k) {
    int64_t low = tile.offsets[k], size = tile.sizes[k];
    bool fits = low >= 0 && low <= kMaxSize && size >= 1 && size <= kMaxSize;
    int64_t high = low;
    for (const Counter &counter : tile.counters) {
      int64_t step = counter.steps[k];
      if (!fits || step < -kMaxSize || step > kMaxSize) {
        fits = false;
        break;
      }
      int64_t reach = step * (trips[counter.depth] - 1);
      fits = reach >= -kFar && reach <= kFar;
      (reach < 0 ? low : high) += reach;
    }
    if (!fits || low < 0 || high + size > shape[k])
      return makeError(Errc::Format, "[attacc_tile_c3] ", where(operand),
                       "covers ", low, " to ", fits ? high + size : -1,
                       " of dimension ", k, ", expected a part of 0 to ",
                       shape[k]);
  }
  return {};
}

/// How messages begin that are about an operand of the instruction at hand, or
/// about a tile of none (-1).
std::string Checker::where(int operand) const {
  if (operand < 0)
    return "";
  return subject() + ", operand " + std::to_string(operand) + " ";
}

Status Checker::checkOperand(const Tile &tile, int operand) {
  bool isDram = tile.space == Space::Dram;
  if (!isKnown(tile.space))
    return makeError(Errc::Format, "[attacc_tile_c4] ", where(operand),
                     "has an unknown memory");
  size_t count = isDram ? program.tensors.size() : program.buffers.size();
  if (tile.object >= count)
    return makeError(Errc::Format, "[attacc_tile_c4] ", where(operand),
                     "is of ", isDram ? "tensor " : "buffer ", tile.object,
                     ", expected one of ", count);
  const std::vector<int64_t> &shape = isDram
                                          ? program.tensors[tile.object].shape
                                          : program.buffers[tile.object].shape;
  int rank = static_cast<int>(shape.size());
  unsigned seen = 0;
  for (uint8_t dim : tile.dims) {
    if (dim >= rank || (seen >> dim & 1))
      return makeError(Errc::Format, "[attacc_tile_c2] ", where(operand),
                       "has the dimension ", int(dim),
                       ", expected each of 0 to ", rank - 1, " at most once");
    seen |= 1u << dim;
  }
  if (tile.dims.empty())
    return makeError(Errc::Format, "[attacc_tile_c2] ", where(operand),
                     "has no dimensions, expected 1 to ", rank);
  for (int k = 0; k < rank; ++k)
    if (!(seen >> k & 1) && tile.sizes[k] != 1)
      return makeError(Errc::Format, "[attacc_tile_c2] ", where(operand),
                       "leaves out dimension ", k, " of size ", tile.sizes[k],
                       ", expected size 1");
  int64_t slots = isDram ? 1 : program.buffers[tile.object].slots;
  if (tile.slot < 0 || tile.slot >= slots)
    return makeError(Errc::Format, "[attacc_tile_c1] ", where(operand),
                     "is in slot ", tile.slot, ", expected 0 to ", slots - 1);
  int previous = -1;
  for (const Counter &counter : tile.counters) {
    if (counter.depth <= previous || counter.depth >= trips.size())
      return makeError(Errc::Format, "[attacc_tile_c5] ", where(operand),
                       "follows the loop at depth ", int(counter.depth),
                       ", expected ascending depths below ", trips.size());
    previous = counter.depth;
    if (counter.slotStep < 0 || counter.slotStep > kMaxSize ||
        (isDram && counter.slotStep))
      return makeError(Errc::Format, "[attacc_tile_c1] ", where(operand),
                       "has the slot step ", counter.slotStep,
                       ", expected 0 to ", isDram ? 0 : kMaxSize);
  }
  return checkBox(tile, shape, operand);
}

Status Checker::checkSemaphores(const Instruction &instruction) {
  int queue = queueOf(instruction, program.target);
  auto check = [&](const std::vector<uint32_t> &list,
                   std::vector<int64_t> &users, const char *verb) -> Status {
    users.resize(program.semaphores.size(), -1);
    for (size_t i = 0; i < list.size(); ++i) {
      if (list[i] >= program.semaphores.size())
        return makeError(Errc::Format, "[attacc_semaphore_c2] ", subject(), " ",
                         verb, " semaphore ", list[i], ", expected one of ",
                         program.semaphores.size());
      if (std::find(list.begin(), list.begin() + i, list[i]) !=
          list.begin() + i)
        return makeError(Errc::Format, "[attacc_semaphore_c2] ", subject(), " ",
                         verb, " semaphore ", list[i], " twice, expected once");
      int64_t &first = users[list[i]];
      if (first < 0)
        first = static_cast<int64_t>(place.index);
      int expected = queueOf(program.code[first], program.target);
      if (expected == queue)
        continue;
      other = {Place::Code, static_cast<size_t>(first)};
      return makeError(Errc::Format, "[attacc_semaphore_c2] ", subject(), " ",
                       verb, " semaphore ", list[i], " on ",
                       queueName(queue, program.target), ", expected ",
                       queueName(expected, program.target),
                       ", which does so before");
    }
    return {};
  };
  // Bounded, so that the lists cost no more than the instructions.
  if (instruction.waits.size() > 64 || instruction.signals.size() > 64)
    return makeError(
        Errc::Format, "[attacc_semaphore_c2] ", subject(), " has ",
        std::max(instruction.waits.size(), instruction.signals.size()),
        " semaphores, expected at most 64");
  if (Status status = check(instruction.waits, waiters, "waits for"); !status)
    return status;
  return check(instruction.signals, signallers, "signals");
}

Status Checker::checkAffine(const Affine &affine, const char *what) {
  constexpr int64_t kFar = int64_t(1) << 60;
  int64_t low = affine.base, high = affine.base;
  int previous = -1;
  bool fits = low >= -kMaxSize && low <= kMaxSize;
  for (auto [depth, step] : affine.steps) {
    if (depth <= previous || depth >= trips.size())
      return makeError(Errc::Format, "[attacc_mask_c2] ", subject(), " has a ",
                       what, " that follows the loop at depth ", int(depth),
                       ", expected ascending depths below ", trips.size());
    previous = depth;
    if (!fits || step < -kMaxSize || step > kMaxSize) {
      fits = false;
      break;
    }
    int64_t reach = step * (trips[depth] - 1);
    fits = reach >= -kFar / 16 && reach <= kFar / 16;
    (reach < 0 ? low : high) += reach;
  }
  if (!fits || low < 0)
    return makeError(Errc::Format, "[attacc_mask_c2] ", subject(), " has a ",
                     what, " that begins at ", low,
                     ", expected a place that is never negative");
  return {};
}

Status Checker::checkLoop(const Instruction &instruction) {
  if (instruction.opcode == Opcode::EndLoop) {
    if (trips.empty())
      return makeError(Errc::Format, "[attacc_loop_c2] ", subject(),
                       " ends no loop, expected one to be open");
    trips.pop_back();
    return {};
  }
  if (instruction.trips < 1 || instruction.trips > kMaxSize)
    return makeError(Errc::Format, "[attacc_loop_c1] ", subject(), " has ",
                     instruction.trips, " trips, expected 1 to ", kMaxSize);
  if (trips.size() == size_t(kMaxLoops))
    return makeError(Errc::Format, "[attacc_loop_c3] ", subject(),
                     " is nested in ", kMaxLoops, " loops, expected at most ",
                     kMaxLoops - 1);
  trips.push_back(instruction.trips);
  return {};
}

Status Checker::checkInstruction(size_t index) {
  place = {Place::Code, index};
  const Instruction &instruction = program.code[index];
  if (!isKnown(instruction.opcode))
    return makeError(Errc::Format, "[attacc_program_c1] instruction ", index,
                     " has the unknown opcode ", int(instruction.opcode));
  Opcode opcode = instruction.opcode;
  bool isLoop = opcode == Opcode::Loop || opcode == Opcode::EndLoop;
  if (isLoop || opcode == Opcode::Barrier) {
    if (!instruction.operands.empty() || !instruction.waits.empty() ||
        !instruction.signals.empty())
      return makeError(Errc::Format, "[attacc_program_c1] ", subject(),
                       " has operands or semaphores, expected none");
    return isLoop ? checkLoop(instruction) : Status();
  }
  if (!isKnown(instruction.syncEngine))
    return makeError(Errc::Format, "[attacc_sync_c1] ", subject(),
                     " has an unknown engine");
  Engine engine = engineOf(instruction);
  bool hasChannels = engine == Engine::Load || engine == Engine::Store;
  if (hasChannels && instruction.channel >= program.target.channels)
    return makeError(Errc::Format, "[attacc_move_c2] ", subject(),
                     " has channel ", int(instruction.channel),
                     ", expected 0 to ", program.target.channels - 1);
  if (opcode == Opcode::Sync && !hasChannels && instruction.channel)
    return makeError(Errc::Format, "[attacc_sync_c1] ", subject(),
                     " has channel ", int(instruction.channel), " on ",
                     toString(engine), ", expected 0");
  int operands = numOperands(opcode);
  if (instruction.operands.size() != size_t(operands))
    return makeError(Errc::Format, "[attacc_program_c1] ", subject(), " has ",
                     instruction.operands.size(), " operands, expected ",
                     operands);
  for (int i = 0; i < operands; ++i)
    if (Status status = checkOperand(instruction.operands[i], i); !status)
      return status;
  if (Status status = checkSemaphores(instruction); !status)
    return status;
  const InstructionInfo &info = infoOf(opcode);
  if (info.uses(Field::Row))
    if (Status status = checkAffine(instruction.row, "row"); !status)
      return status;
  if (info.uses(Field::Column))
    if (Status status = checkAffine(instruction.column, "column"); !status)
      return status;
  return checkRules(program, instruction, subject(), other);
}

Status Checker::checkTile(const Tile &tile) {
  place = {};
  return checkOperand(tile, -1);
}

Status Checker::checkEnd() {
  place = {};
  if (!trips.empty())
    return makeError(Errc::Format, "[attacc_loop_c2] ", trips.size(),
                     " loops are open at the end of the code, expected none");
  return {};
}

} // namespace nm::isa
