//===- CheckCode.cpp - Rules for loops, tiles and semaphores ---------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Check.h"
#include <algorithm>

namespace nm::isa {

Type typeOf(const Program &program, const Tile &tile) {
  return tile.space == Space::Dram ? program.tensors[tile.object].type
                                   : program.buffers[tile.object].type;
}

namespace {

/// Walks the code once, with the trips of the open loops.
class CodeChecker {
public:
  explicit CodeChecker(const Program &program)
      : program(program), signaller(program.semaphores.size(), -1),
        waiter(program.semaphores.size(), -1) {}

  Status check(Place &place) {
    for (index = 0; index < program.code.size(); ++index) {
      place = {Place::Code, index};
      if (Status status = checkOne(program.code[index]); !status)
        return status;
    }
    place = {};
    if (!trips.empty())
      return makeError(Errc::Format, "[attacc_loop_c2] ", trips.size(),
                       " loops are open at the end of the code, expected none");
    return {};
  }

private:
  Status checkOne(const Instruction &instruction);
  Status checkTile(const Tile &tile, int operand);
  Status checkBox(const Tile &tile, const std::vector<int64_t> &shape,
                  int operand);
  Status checkSemaphores(const Instruction &instruction);
  Status checkAffine(const Affine &affine, const char *what);

  std::string where() const {
    return "instruction " + std::to_string(index) + " (" +
           toString(program.code[index].opcode) + ")";
  }
  std::string where(int operand) const {
    return where() + ", operand " + std::to_string(operand);
  }

  const Program &program;
  size_t index = 0;
  std::vector<int64_t> trips;         ///< of the loops around
  std::vector<int> signaller, waiter; ///< queue by semaphore; -1: none yet
};

} // namespace

Status CodeChecker::checkBox(const Tile &tile,
                             const std::vector<int64_t> &shape, int operand) {
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
                       " covers ", low, " to ", fits ? high + size : -1,
                       " of dimension ", k, ", expected a part of 0 to ",
                       shape[k]);
  }
  return {};
}

Status CodeChecker::checkTile(const Tile &tile, int operand) {
  bool isDram = tile.space == Space::Dram;
  if (!isDram && tile.space != Space::Scratchpad)
    return makeError(Errc::Format, "[attacc_tile_c4] ", where(operand),
                     " has an unknown memory");
  size_t count = isDram ? program.tensors.size() : program.buffers.size();
  if (tile.object >= count)
    return makeError(Errc::Format, "[attacc_tile_c4] ", where(operand),
                     " is of ", isDram ? "tensor " : "buffer ", tile.object,
                     ", expected one of ", count);
  const std::vector<int64_t> &shape = isDram
                                          ? program.tensors[tile.object].shape
                                          : program.buffers[tile.object].shape;
  int rank = static_cast<int>(shape.size());
  unsigned seen = 0;
  for (uint8_t dim : tile.dims) {
    if (dim >= rank || (seen >> dim & 1))
      return makeError(Errc::Format, "[attacc_tile_c2] ", where(operand),
                       " has the dimension ", int(dim),
                       ", expected each of 0 to ", rank - 1, " at most once");
    seen |= 1u << dim;
  }
  if (tile.dims.empty())
    return makeError(Errc::Format, "[attacc_tile_c2] ", where(operand),
                     " has no dimensions, expected 1 to ", rank);
  for (int k = 0; k < rank; ++k)
    if (!(seen >> k & 1) && tile.sizes[k] != 1)
      return makeError(Errc::Format, "[attacc_tile_c2] ", where(operand),
                       " leaves out dimension ", k, " of size ", tile.sizes[k],
                       ", expected size 1");
  int64_t slots = isDram ? 1 : program.buffers[tile.object].slots;
  if (tile.slot < 0 || tile.slot >= slots)
    return makeError(Errc::Format, "[attacc_tile_c1] ", where(operand),
                     " is in slot ", tile.slot, ", expected 0 to ", slots - 1);
  int previous = -1;
  for (const Counter &counter : tile.counters) {
    if (counter.depth <= previous || counter.depth >= trips.size())
      return makeError(Errc::Format, "[attacc_tile_c5] ", where(operand),
                       " follows the loop at depth ", int(counter.depth),
                       ", expected ascending depths below ", trips.size());
    previous = counter.depth;
    if (counter.slotStep < 0 || counter.slotStep > kMaxSize ||
        (isDram && counter.slotStep))
      return makeError(Errc::Format, "[attacc_tile_c1] ", where(operand),
                       " has the slot step ", counter.slotStep,
                       ", expected 0 to ", isDram ? 0 : kMaxSize);
  }
  return checkBox(tile, shape, operand);
}

Status CodeChecker::checkSemaphores(const Instruction &instruction) {
  int queue = queueOf(instruction, program.target);
  auto check = [&](const std::vector<uint32_t> &list, std::vector<int> &user,
                   const char *verb) -> Status {
    for (size_t i = 0; i < list.size(); ++i) {
      if (list[i] >= program.semaphores.size())
        return makeError(Errc::Format, "[attacc_semaphore_c2] ", where(), " ",
                         verb, " semaphore ", list[i], ", expected one of ",
                         program.semaphores.size());
      if (std::find(list.begin(), list.begin() + i, list[i]) !=
          list.begin() + i)
        return makeError(Errc::Format, "[attacc_semaphore_c2] ", where(), " ",
                         verb, " semaphore ", list[i], " twice, expected once");
      int &first = user[list[i]];
      if (first < 0)
        first = queue;
      if (first != queue)
        return makeError(Errc::Format, "[attacc_semaphore_c2] ", where(), " ",
                         verb, " semaphore ", list[i], " on ",
                         queueName(queue, program.target), ", expected ",
                         queueName(first, program.target),
                         ", which does so before");
    }
    return {};
  };
  // Bounded, so that the lists cost no more than the instructions.
  if (instruction.waits.size() > 64 || instruction.signals.size() > 64)
    return makeError(
        Errc::Format, "[attacc_semaphore_c2] ", where(), " has ",
        std::max(instruction.waits.size(), instruction.signals.size()),
        " semaphores, expected at most 64");
  if (Status status = check(instruction.waits, waiter, "waits for"); !status)
    return status;
  return check(instruction.signals, signaller, "signals");
}

Status CodeChecker::checkAffine(const Affine &affine, const char *what) {
  constexpr int64_t kFar = int64_t(1) << 60;
  int64_t low = affine.base, high = affine.base;
  int previous = -1;
  bool fits = low >= -kMaxSize && low <= kMaxSize;
  for (auto [depth, step] : affine.steps) {
    if (depth <= previous || depth >= trips.size())
      return makeError(Errc::Format, "[attacc_mask_c2] ", where(), ": the ",
                       what, " follows the loop at depth ", int(depth),
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
    return makeError(Errc::Format, "[attacc_mask_c2] ", where(), ": the ", what,
                     " begins at ", low,
                     ", expected a place that is never negative");
  return {};
}

Status CodeChecker::checkOne(const Instruction &instruction) {
  if (static_cast<int>(instruction.opcode) >= kNumOpcodes)
    return makeError(Errc::Format, "[attacc_program_c1] instruction ", index,
                     " has the unknown opcode ", int(instruction.opcode));
  switch (instruction.opcode) {
  case Opcode::Loop:
  case Opcode::EndLoop:
  case Opcode::Barrier:
    if (!instruction.operands.empty() || !instruction.waits.empty() ||
        !instruction.signals.empty())
      return makeError(Errc::Format, "[attacc_program_c1] ", where(),
                       " has operands or semaphores, expected none");
    break;
  default:
    break;
  }
  if (instruction.opcode == Opcode::Loop) {
    if (instruction.trips < 1 || instruction.trips > kMaxSize)
      return makeError(Errc::Format, "[attacc_loop_c1] ", where(), " has ",
                       instruction.trips, " trips, expected 1 to ", kMaxSize);
    if (trips.size() == size_t(kMaxLoops))
      return makeError(Errc::Format, "[attacc_loop_c3] ", where(),
                       " is nested in ", kMaxLoops, " loops, expected at most ",
                       kMaxLoops - 1);
    trips.push_back(instruction.trips);
    return {};
  }
  if (instruction.opcode == Opcode::EndLoop) {
    if (trips.empty())
      return makeError(Errc::Format, "[attacc_loop_c2] ", where(),
                       " ends no loop, expected one to be open");
    trips.pop_back();
    return {};
  }
  if (instruction.opcode == Opcode::Barrier)
    return {};
  if (static_cast<int>(instruction.syncEngine) >
      static_cast<int>(Engine::Special))
    return makeError(Errc::Format, "[attacc_sync_c1] ", where(),
                     " has an unknown engine");
  Engine engine = engineOf(instruction);
  if ((engine == Engine::Load || engine == Engine::Store) &&
      instruction.channel >= program.target.channels)
    return makeError(Errc::Format, "[attacc_move_c2] ", where(),
                     " has channel ", int(instruction.channel),
                     ", expected 0 to ", program.target.channels - 1);
  int operands = numOperands(instruction.opcode);
  if (instruction.operands.size() != size_t(operands))
    return makeError(Errc::Format, "[attacc_program_c1] ", where(), " has ",
                     instruction.operands.size(), " operands, expected ",
                     operands);
  for (int i = 0; i < operands; ++i)
    if (Status status = checkTile(instruction.operands[i], i); !status)
      return status;
  if (Status status = checkSemaphores(instruction); !status)
    return status;
  if (instruction.opcode == Opcode::Mask) {
    if (Status status = checkAffine(instruction.row, "row"); !status)
      return status;
    if (Status status = checkAffine(instruction.column, "column"); !status)
      return status;
  }
  return checkInstruction(program, instruction, where());
}

Status checkCode(const Program &program, Place &place) {
  return CodeChecker(program).check(place);
}

} // namespace nm::isa
