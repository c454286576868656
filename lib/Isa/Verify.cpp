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

#include "nm/Isa/Verify.h"
#include "../Runtime/Support.h"
#include "VerifyMemory.h"
#include "Walk.h"
#include <algorithm>
#include <deque>
#include <optional>

namespace nm::isa {

using rt::makeError;

namespace {

/// Pieces of memory that an executed instruction may touch on average.
constexpr int64_t kMostWork = 64;
/// Pieces of the record of a memory: a bound on this machine's memory.
constexpr int64_t kMostPieces = int64_t(1) << 24;
/// Rows of a buffer that is recorded in rows.
constexpr int64_t kMostRows = int64_t(1) << 16;
/// Longer than any memory.
constexpr int64_t kOneRow = int64_t(1) << 52;

/// Bytes of the rows in which a tensor is recorded: its own, unless strides say
/// otherwise.
int64_t pitchOf(const Tensor &tensor) {
  if (!tensor.strides.empty() || tensor.shape.size() < 2)
    return kOneRow;
  return tensor.shape.back() * typeBytes(tensor.type);
}

class Verifier {
public:
  Verifier(const Program &program, const VerifyOptions &options);
  Result<VerifyResult> run();
  int64_t blamed = -1, other = -1; ///< instruction

private:
  struct Queue {
    explicit Queue(Walk walk) : walk(std::move(walk)) {}
    Walk walk;
    Clock clock;
    int64_t executed = 0;
    bool isAtBarrier = false;
  };
  struct Semaphore {
    int64_t free; ///< of the count at the start
    std::deque<Clock> signals;
  };
  /// A tensor that the program writes.
  struct Written {
    explicit Written(int64_t pitch) : bytes(pitch) {}
    TouchedRows bytes;
    bool isComplete = false; ///< at the last barrier
    bool isStored = false;   ///< by the section under way
  };

  /// Bytes of the scratchpad that buffers of a section share, in rows of one
  /// of them.
  struct Region {
    int64_t begin = 0, end = 0;
    TouchedRows bytes;
  };

  bool advance(int queue);
  bool execute(int queue);
  bool touch(int queue, const Tile &tile, bool isRead, bool isWritten);
  bool touchRuns(TouchedRows &memory, int64_t base, int64_t first,
                 const Tile &tile, const std::vector<int64_t> &strides,
                 int64_t width, int queue, bool isRead);
  bool isWrittenWhole(size_t tensor) const;
  void meet();
  void enterSection(size_t begin);
  void layOut(std::vector<uint32_t> used);
  void deadlock();
  std::string nameOf(int32_t index) const;
  template <typename... Parts> bool fail(int32_t index, const Parts &...parts) {
    if (error.ok()) {
      blamed = index;
      error = makeError(Errc::Format, parts...);
    }
    return false;
  }
  bool report(const TouchedRows::Conflict &conflict, int queue,
              const std::string &what);
  std::string objectName(const Tile &tile) const;

  const Program &program;
  const VerifyOptions &options;
  std::vector<Queue> queues; ///< those with instructions
  std::vector<int> numbers;  ///< of queues, among all of the target
  std::vector<Semaphore> semaphores;
  std::vector<Region> regions;  ///< of the section under way
  std::vector<size_t> regionOf; ///< by buffer that the section uses
  TouchedBytes settled;         ///< scratchpad bytes written before it
  std::vector<std::optional<Written>> tensors;
  std::vector<std::vector<int64_t>> strides[2]; ///< of tensors, of buffers
  std::vector<int64_t> slotSizes;               ///< bytes, by buffer
  int64_t sectionBytes = 0; ///< end of what the section touched
  int64_t work = 0;         ///< pieces of memory touched
  int64_t mostWork = 0;
  VerifyResult result;
  Status error;
};

} // namespace

Verifier::Verifier(const Program &program, const VerifyOptions &options)
    : program(program), options(options),
      mostWork(kMostWork * std::clamp<int64_t>(options.maxSteps, 1 << 16,
                                               int64_t(1) << 48)) {
  for (int queue = 0; queue < numQueues(program.target); ++queue) {
    Walk walk(program, queue);
    if (walk.isIdle())
      continue;
    numbers.push_back(queue);
    queues.emplace_back(std::move(walk));
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

/// Divides the bytes of the buffers `used` into regions. Which rows they have
/// changes the cost only: those of the widest buffer, whose parts have most to
/// gain.
void Verifier::layOut(std::vector<uint32_t> used) {
  Clock none;
  for (const Region &region : regions)
    region.bytes.forEachRun([&](int64_t begin, int64_t end) {
      ++work;
      settled.write(region.begin + begin, region.begin + end, Access(), none);
    });
  settled.settle();
  regions.clear();
  regionOf.assign(program.buffers.size(), 0);
  std::sort(used.begin(), used.end(), [&](uint32_t a, uint32_t b) {
    return program.buffers[a].address < program.buffers[b].address;
  });
  std::vector<int64_t> pitches;
  for (uint32_t index : used) {
    const Buffer &buffer = program.buffers[index];
    int64_t end = buffer.address + buffer.slots * slotBytes(buffer);
    int64_t row = buffer.shape.back() * typeBytes(buffer.type);
    // A record of many narrow rows would be long to carry over a barrier.
    if (slotBytes(buffer) / row > kMostRows)
      row = kOneRow;
    if (regions.empty() || buffer.address >= regions.back().end) {
      regions.push_back({buffer.address, end, TouchedRows(kOneRow)});
      pitches.push_back(0);
    }
    regions.back().end = std::max(regions.back().end, end);
    pitches.back() = std::max(pitches.back(), row);
    regionOf[index] = regions.size() - 1;
  }
  for (size_t i = 0; i < regions.size(); ++i) {
    Region &region = regions[i];
    region.bytes = TouchedRows(pitches[i]);
    settled.forEachRun(
        region.begin, region.end, [&](int64_t begin, int64_t end) {
          region.bytes.touchRun(/*isRead=*/false, begin - region.begin,
                                end - region.begin, Access(), none);
        });
    region.bytes.settle();
  }
}

/// Finds the tensors that the section from instruction `begin` on stores to,
/// and the buffers that it uses. A section ends at the next barrier outside of
/// loops.
void Verifier::enterSection(size_t begin) {
  for (std::optional<Written> &tensor : tensors)
    if (tensor)
      tensor->isStored = false;
  std::vector<bool> isUsed(program.buffers.size());
  int depth = 0;
  for (size_t i = begin; i < program.code.size(); ++i) {
    const Instruction &instruction = program.code[i];
    ++work;
    depth += instruction.opcode == Opcode::Loop;
    depth -= instruction.opcode == Opcode::EndLoop;
    if (instruction.opcode == Opcode::Barrier && depth == 0)
      break;
    for (const Tile &tile : instruction.operands)
      if (tile.space == Space::Scratchpad)
        isUsed[tile.object] = true;
    if (instruction.opcode == Opcode::Store)
      if (auto &tensor = tensors[instruction.operands[1].object])
        tensor->isStored = true;
  }
  std::vector<uint32_t> used;
  for (uint32_t index = 0; index < isUsed.size(); ++index)
    if (isUsed[index])
      used.push_back(index);
  layOut(std::move(used));
}

bool Verifier::report(const TouchedRows::Conflict &conflict, int queue,
                      const std::string &what) {
  using Conflict = TouchedRows::Conflict;
  int32_t index = queues[queue].walk.instruction();
  std::string me =
      nameOf(index) + " on " + queueName(numbers[queue], program.target);
  other = conflict.other.instruction;
  auto theOther = [&] {
    return nameOf(conflict.other.instruction) + " on " +
           queueName(numbers[conflict.other.queue], program.target);
  };
  switch (conflict.kind) {
  case Conflict::None:
    return true;
  case Conflict::Unwritten:
    return fail(index, "[attacc_verify_v1] ", me, " reads byte ", conflict.byte,
                " of ", what, ", which was never written");
  case Conflict::ReadEarly:
    return fail(index, "[attacc_verify_v1] ", me, " reads byte ", conflict.byte,
                " of ", what, ", which ", theOther(),
                " writes, expected a semaphore or a barrier between them");
  case Conflict::WriteEarly:
    return fail(index, "[attacc_verify_v2] ", me, " writes byte ",
                conflict.byte, " of ", what, ", which ", theOther(),
                " uses, expected a semaphore or a barrier between them");
  }
  return false;
}

/// The runs of a tile, `first` being its first byte in `memory`, as boxes of
/// the rows there. `base` is where the memory begins, for messages.
bool Verifier::touchRuns(TouchedRows &memory, int64_t base, int64_t first,
                         const Tile &tile, const std::vector<int64_t> &strides,
                         int64_t width, int queue, bool isRead) {
  size_t rank = strides.size();
  // Dimensions from the innermost on that lie without gaps are one run.
  std::array<size_t, kMaxRank> order{};
  for (size_t k = 0; k < rank; ++k)
    order[k] = rank - 1 - k; // as it is for row-major objects
  auto isInner = [&](size_t x, size_t y) { return strides[x] < strides[y]; };
  if (!std::is_sorted(order.begin(), order.begin() + rank, isInner))
    std::sort(order.begin(), order.begin() + rank, isInner);
  int64_t run = 1;
  size_t outer = 0;
  for (; outer < rank; ++outer) {
    size_t k = order[outer];
    if (tile.sizes[k] != 1 && strides[k] != run)
      break;
    run *= tile.sizes[k];
  }
  run *= width;
  int64_t pitch = memory.rowBytes();
  // A dimension that steps from row to row is one box.
  int64_t rows = 1;
  if (outer < rank && strides[order[outer]] * width == pitch &&
      first % pitch + run <= pitch)
    rows = tile.sizes[order[outer++]];
  Queue &engine = queues[queue];
  Access access{queue, engine.executed + 1, engine.walk.instruction()};
  std::array<int64_t, kMaxRank> at{};
  for (;;) {
    if (++work > mostWork || memory.size() > kMostPieces)
      return fail(access.instruction, "[attacc_verify_v3] ",
                  nameOf(access.instruction), ": gave up after ", work,
                  " pieces of memory");
    int64_t begin = first;
    for (size_t i = outer; i < rank; ++i)
      begin += at[i] * strides[order[i]] * width;
    int64_t row = begin / pitch, column = begin % pitch;
    TouchedRows::Conflict conflict =
        rows > 1
            ? memory.touch(isRead, row, row + rows, column, column + run,
                           access, engine.clock)
            : memory.touchRun(isRead, begin, begin + run, access, engine.clock);
    work += conflict.visits;
    if (conflict.kind != TouchedRows::Conflict::None) {
      conflict.byte += base;
      return report(conflict, queue, objectName(tile));
    }
    size_t i = outer;
    for (; i < rank; ++i) {
      if (++at[i] < tile.sizes[order[i]])
        break;
      at[i] = 0;
    }
    if (i == rank)
      return true;
  }
}

bool Verifier::touch(int queue, const Tile &tile, bool isRead, bool isWritten) {
  bool isDram = tile.space == Space::Dram;
  Written *tensor = nullptr;
  if (isDram) {
    std::optional<Written> &entry = tensors[tile.object];
    if (!entry)
      return true; // only ever read
    tensor = &*entry;
    if (isRead && !isWritten && !tensor->isStored && tensor->isComplete)
      return true;
  }
  const Counters &counters = queues[queue].walk.counters();
  const std::vector<int64_t> &stride = strides[!isDram][tile.object];
  int64_t element = 0, slot = tile.slot;
  for (size_t k = 0; k < stride.size(); ++k)
    element += tile.offsets[k] * stride[k];
  for (const Counter &counter : tile.counters) {
    int64_t value = counters[counter.depth];
    for (size_t k = 0; k < stride.size(); ++k)
      element += value * counter.steps[k] * stride[k];
    slot += value * counter.slotStep;
  }
  int64_t width, first;
  if (isDram) {
    width = typeBytes(program.tensors[tile.object].type);
    first = element * width;
  } else {
    const Buffer &buffer = program.buffers[tile.object];
    width = typeBytes(buffer.type);
    first = buffer.address + slot % buffer.slots * slotSizes[tile.object] +
            element * width;
    int64_t end = buffer.address + buffer.slots * slotSizes[tile.object];
    sectionBytes = std::max(sectionBytes, end);
  }
  Region *region = isDram ? nullptr : &regions[regionOf[tile.object]];
  TouchedRows &bytes = isDram ? tensor->bytes : region->bytes;
  int64_t base = isDram ? 0 : region->begin;
  first -= base;
  return (!isRead ||
          touchRuns(bytes, base, first, tile, stride, width, queue, true)) &&
         (!isWritten ||
          touchRuns(bytes, base, first, tile, stride, width, queue, false));
}

/// The instruction under the queue's sequencer, which may begin.
bool Verifier::execute(int queue) {
  Queue &engine = queues[queue];
  int32_t index = engine.walk.instruction();
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
  if (++result.steps > options.maxSteps)
    return fail(index, "[attacc_verify_v3] ", nameOf(index), ": gave up after ",
                options.maxSteps, " instructions");
  engine.walk.advance();
  return true;
}

/// Lets a queue go on for a while; whether it got anywhere. In turns, so that
/// no queue is ahead by more signals than it takes.
bool Verifier::advance(int queue) {
  constexpr int kTurn = 4096;
  Queue &engine = queues[queue];
  bool moved = false;
  for (int i = 0; i < kTurn && !engine.isAtBarrier; ++i) {
    int32_t index = engine.walk.instruction();
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

/// Whether each element of a tensor is written; gaps need not be.
bool Verifier::isWrittenWhole(size_t index) const {
  const Tensor &tensor = program.tensors[index];
  const TouchedRows &bytes = tensors[index]->bytes;
  int64_t width = typeBytes(tensor.type), pitch = bytes.rowBytes();
  int64_t extent = extentBytes(tensor);
  if (pitch != kOneRow)
    return bytes.isWritten(0, extent / pitch, 0, pitch);
  if (tensor.strides.empty())
    return bytes.isWritten(0, 1, 0, extent);
  // Run by run. Each that is found was touched, and that is bounded.
  const std::vector<int64_t> &stride = strides[0][index];
  size_t rank = tensor.shape.size();
  bool isDense = stride.back() == 1;
  int64_t run = isDense ? tensor.shape.back() : 1;
  int64_t count = numElements(tensor.shape) / run;
  for (int64_t n = 0; n < count; ++n) {
    int64_t rest = n, element = 0;
    for (size_t k = isDense ? rank - 1 : rank; k > 0; --k) {
      element += rest % tensor.shape[k - 1] * stride[k - 1];
      rest /= tensor.shape[k - 1];
    }
    if (!bytes.isWritten(0, 1, element * width, (element + run) * width))
      return false;
  }
  return true;
}

/// All queues stand at a barrier: everything before it has ended.
void Verifier::meet() {
  Clock all(queues.size());
  for (size_t i = 0; i < queues.size(); ++i)
    all[i] = queues[i].executed;
  int32_t index = queues.front().walk.instruction();
  for (Queue &queue : queues) {
    queue.clock = all;
    queue.isAtBarrier = false;
    queue.walk.advance();
  }
  // Signals that nobody has taken bring nothing new.
  for (Semaphore &semaphore : semaphores) {
    semaphore.free += static_cast<int64_t>(semaphore.signals.size());
    semaphore.signals.clear();
  }
  for (Region &region : regions)
    region.bytes.settle();
  for (size_t i = 0; i < tensors.size(); ++i)
    if (std::optional<Written> &tensor = tensors[i]; tensor) {
      if (tensor->isStored)
        tensor->bytes.settle();
      if (program.tensors[i].strides.empty())
        tensor->isComplete = tensor->isComplete || isWrittenWhole(i);
    }
  int depth = 0;
  for (int32_t i = 0; i < index; ++i) {
    depth += program.code[i].opcode == Opcode::Loop;
    depth -= program.code[i].opcode == Opcode::EndLoop;
  }
  if (depth == 0)
    enterSection(static_cast<size_t>(index) + 1);
  result.peakLiveBytes = std::max(result.peakLiveBytes, sectionBytes);
  sectionBytes = 0;
  // Barriers are no steps, but there may be as many as loops can count.
  work += index + static_cast<int64_t>(queues.size() + semaphores.size() +
                                       tensors.size() + regionOf.size());
  if (work > mostWork)
    fail(index, "[attacc_verify_v3] ", nameOf(index), ": gave up after ",
         mostWork, " pieces of memory and barriers");
}

void Verifier::deadlock() {
  std::string text;
  int32_t first = -1;
  for (size_t i = 0; i < queues.size(); ++i) {
    Queue &queue = queues[i];
    int32_t index = queue.walk.instruction();
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
      isDone &= queues[i].walk.instruction() < 0;
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
  return rt::guarded([&]() -> Result<VerifyResult> {
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
