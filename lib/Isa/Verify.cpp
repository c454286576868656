//===- Verify.cpp - Proof that a program is free of races ------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every engine is walked as far as its semaphores let it. What is known to have
// ended when an instruction begins is a vector clock: what was known to the
// engine's last instruction, that one, and what the signals that it takes
// bring. Since the k-th wait for a semaphore takes the same signal at any time,
// one walk speaks for all of them.
//
// A walk visits conflicting accesses in the order in which they happen, if that
// order is fixed at all; so an access need only be compared with the last ones
// to its bytes. A barrier fixes everything before it, and then bytes are only
// written or not. A DRAM tensor that no store of a section between two barriers
// writes can be read there without more ado once all of it is written.
//
//===----------------------------------------------------------------------===//

#include "Verifier.h"
#include "nm/Support/Guarded.h"
#include <algorithm>

namespace nm::isa {

/// Bytes of the rows in which a tensor is recorded: its own, unless strides say
/// otherwise.
static int64_t pitchOf(const Tensor &tensor) {
  if (!tensor.strides.empty() || tensor.shape.size() < 2)
    return kOneRow;
  return tensor.shape.back() * typeBytes(tensor.type);
}

Verifier::Verifier(const Program &program, const VerifyOptions &options)
    : program(program), options(options), aliases(program),
      mostWork(kMostWork * std::clamp<int64_t>(options.maxSteps, 1 << 16,
                                               int64_t(1) << 48)) {
  for (int queue = 0; queue < numQueues(program.target); ++queue) {
    Sequencer sequencer(program, queue);
    if (sequencer.isIdle())
      continue;
    numbers.push_back(queue);
    queues.emplace_back(std::move(sequencer));
  }
  for (Queue &queue : queues)
    queue.clock.assign(queues.size(), 0);
  for (int64_t count : program.semaphores)
    semaphores.push_back({count, {}});
  for (const Tensor &tensor : program.tensors) {
    strides[0].push_back(stridesOf(tensor));
    tensors.emplace_back();
    if (tensor.role == Role::Out || tensor.role == Role::Scratch)
      tensors.back().emplace(pitchOf(tensor));
  }
  int depth = 0;
  for (const Instruction &instruction : program.code) {
    depth -= instruction.opcode == Opcode::EndLoop;
    isOutermost.push_back(depth == 0);
    depth += instruction.opcode == Opcode::Loop;
  }
  for (const Buffer &buffer : program.buffers) {
    strides[1].push_back(stridesOf(buffer));
    slotSizes.push_back(slotBytes(buffer));
  }
}

std::string Verifier::nameOf(int32_t index) const {
  return "instruction " + std::to_string(index) + " (" +
         toString(program.code[index].opcode) + ")";
}

std::string Verifier::objectName(const Tile &tile) const {
  return tile.space == Space::Dram
             ? "tensor '" + program.tensors[tile.object].name + "'"
             : "buffer " + std::to_string(tile.object);
}

/// attacc_verify_v6 for the instruction under the queue's sequencer.
bool Verifier::checkAliases(int queue) {
  const Sequencer &sequencer = queues[queue].sequencer;
  int32_t index = sequencer.instruction();
  if (!aliases.isSuspect(index))
    return true;
  AliasCheck::Overlap overlap =
      aliases.find(index, sequencer.counters(), work, mostWork);
  if (overlap.isFound)
    return fail(index, "[attacc_verify_v6] ", nameOf(index), " on ",
                queueName(numbers[queue], program.target), " writes operand ",
                overlap.written.operand, " in bytes ", overlap.written.begin,
                " to ", overlap.written.end, " over operand ",
                overlap.other.operand, " in bytes ", overlap.other.begin,
                " to ", overlap.other.end,
                ", expected operands apart, or the same elements where each is "
                "worked out by itself");
  if (work > mostWork)
    return fail(index, "[attacc_verify_v3] ", nameOf(index), ": gave up after ",
                work, " pieces of memory");
  return true;
}

/// The instruction under the queue's sequencer, which may begin.
bool Verifier::execute(int queue) {
  Queue &engine = queues[queue];
  int32_t index = engine.sequencer.instruction();
  const Instruction &instruction = program.code[index];
  for (uint32_t semaphore : instruction.waits) {
    Semaphore &state = semaphores[semaphore];
    if (state.free > 0) {
      --state.free;
      continue;
    }
    const Clock &known = state.signals.front();
    for (size_t i = 0; i < known.size(); ++i)
      engine.clock[i] = std::max(engine.clock[i], known[i]);
    state.signals.pop_front();
  }
  if (!checkAliases(queue))
    return false;
  // Reads come before writes: an operand may be both.
  for (int pass = 0; pass < 2; ++pass)
    for (size_t i = 0; i < instruction.operands.size(); ++i) {
      bool isRead = pass == 0 && readsOperand(instruction, int(i));
      bool isWritten = pass == 1 && writesOperand(instruction, int(i));
      if ((isRead || isWritten) &&
          !touch(queue, instruction.operands[i], isRead, isWritten))
        return false;
    }
  engine.clock[queue] = ++engine.executed;
  for (uint32_t semaphore : instruction.signals)
    semaphores[semaphore].signals.push_back(engine.clock);
  if (!countStep(index))
    return false;
  engine.sequencer.advance();
  return true;
}

bool Verifier::countStep(int32_t index) {
  if (++result.steps <= options.maxSteps)
    return true;
  return fail(index, "[attacc_verify_v3] ", nameOf(index), ": gave up after ",
              options.maxSteps,
              " instructions and barriers, expected the end of the program; "
              "more are followed with a larger max-steps");
}

/// Lets a queue go on for a while; whether it got anywhere. In turns, so that
/// no queue is ahead by more signals than it takes.
bool Verifier::advance(int queue) {
  constexpr int kTurn = 4096;
  Queue &engine = queues[queue];
  bool moved = false;
  for (int i = 0; i < kTurn && !engine.isAtBarrier; ++i) {
    int32_t index = engine.sequencer.instruction();
    if (index < 0)
      return moved;
    const Instruction &instruction = program.code[index];
    if (instruction.opcode == Opcode::Barrier) {
      engine.isAtBarrier = true;
      return true;
    }
    for (uint32_t semaphore : instruction.waits)
      if (semaphores[semaphore].free == 0 &&
          semaphores[semaphore].signals.empty())
        return moved;
    if (!execute(queue))
      return false;
    moved = true;
  }
  return moved;
}

void Verifier::deadlock() {
  std::string text;
  int32_t first = -1;
  for (size_t i = 0; i < queues.size(); ++i) {
    Queue &queue = queues[i];
    int32_t index = queue.sequencer.instruction();
    if (index < 0)
      continue;
    if (first < 0 && !queue.isAtBarrier)
      first = index;
    text += (text.empty() ? "" : "; ") + queueName(numbers[i], program.target) +
            " stands at " + nameOf(index);
    for (uint32_t semaphore : program.code[index].waits)
      if (semaphores[semaphore].free == 0 &&
          semaphores[semaphore].signals.empty())
        text += " and waits for semaphore " + std::to_string(semaphore);
  }
  fail(first, "[attacc_verify_v3] no engine can go on: ", text);
}

Result<VerifyResult> Verifier::run() {
  enterSection(0);
  for (;;) {
    bool moved = false, isDone = true, allMeet = !queues.empty();
    for (size_t i = 0; i < queues.size(); ++i) {
      moved |= advance(static_cast<int>(i));
      if (!error.ok())
        return error.error();
      isDone &= queues[i].sequencer.instruction() < 0;
      allMeet &= queues[i].isAtBarrier;
    }
    if (isDone)
      break;
    if (allMeet) {
      meet();
      if (!error.ok())
        return error.error();
    } else if (!moved) {
      deadlock();
      return error.error();
    }
  }
  for (size_t i = 0; i < semaphores.size(); ++i) {
    int64_t count =
        semaphores[i].free + static_cast<int64_t>(semaphores[i].signals.size());
    if (count != program.semaphores[i]) {
      fail(-1, "[attacc_verify_v4] semaphore ", i, " ends at ", count,
           ", expected ", program.semaphores[i], " as at the start");
      return error.error();
    }
  }
  for (size_t i = 0; i < tensors.size(); ++i) {
    const Tensor &tensor = program.tensors[i];
    if (tensor.role != Role::Out)
      continue;
    bool isWritten = isWrittenWhole(i);
    if (!isWritten) {
      fail(-1, "[attacc_verify_v5] tensor '", tensor.name,
           "' has elements that no store writes, expected all written");
      return error.error();
    }
  }
  result.peakLiveBytes = std::max(result.peakLiveBytes, sectionBytes);
  return result;
}

Result<VerifyResult> verifyProgram(const Program &program,
                                   const VerifyOptions &options,
                                   int64_t *instruction, int64_t *other) {
  return support::guarded([&]() -> Result<VerifyResult> {
    if (Status status = checkProgram(program); !status)
      return status.error();
    Verifier verifier(program, options);
    Result<VerifyResult> result = verifier.run();
    if (instruction)
      *instruction = verifier.blamed;
    if (other)
      *other = verifier.other;
    return result;
  });
}

} // namespace nm::isa
