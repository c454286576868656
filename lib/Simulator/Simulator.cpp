//===- Simulator.cpp - Events of a run -------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An instruction passes through a fixed part (latencies, set-up) and then works
// as a fluid. Between two events all rates are constant, so time jumps from one
// end of a part to the next. What an instruction asks of the machine is known
// before the run; the loop below touches only states of engines.
//
//===----------------------------------------------------------------------===//

#include "nm/Simulator/Simulator.h"
#include "Cost.h"
#include "Requirements.h"
#include "Rounds.h"
#include "SignalTimes.h"
#include "Values.h"
#include "nm/Isa/Sequencer.h"
#include "nm/Simulator/Bandwidth.h"
#include "nm/Support/Guarded.h"
#include "nm/Support/Result.h"
#include <algorithm>
#include <limits>
#include <optional>

namespace nm::sim {

using isa::Instruction;
using isa::Opcode;
using support::makeError;

namespace {

/// An engine with its sequencer.
struct EngineState {
  enum State : uint8_t { Pending, Waiting, Barrier, Fixed, Working, Finished };

  explicit EngineState(Sequencer sequencer) : sequencer(std::move(sequencer)) {}

  Sequencer sequencer;
  State state = Pending;
  double since = 0;      ///< when the state began, or was last accounted
  double begin = 0;      ///< of the instruction
  double request = 0;    ///< when it could be made: nothing was awaited since
  double end = 0;        ///< of Fixed, or of Working at the present rate
  double remaining = 0;  ///< of the work, 1 to 0
  size_t segments = 0;   ///< that had ended when the instruction began
  int64_t rounds = 0;    ///< of outermost loops that are behind it
  uint32_t blocking = 0; ///< the semaphore that counts nothing
  Flow flow;
  EngineTime time;
};

class Machine {
public:
  Machine(const Program &program, const Device &device, Memory &memory,
          const SimulatorOptions &options);
  Result<SimulationResult> run();

private:
  Status startAll();
  Status start(int queue);
  void enterWork(int queue);
  void execute(int queue);
  void complete(int queue);
  void endSegment(int32_t barrier);
  int64_t leastBehind() const;
  int arrayQueue() const { return static_cast<int>(engines.size()) - 2; }
  void endRounds(EngineState &engine);
  void account(EngineState &engine);
  void shareAgain();
  bool step();
  Error deadlock() const;
  Error tooManySteps(int queue) const;
  void count();

  const Program &program;
  const SimulatorOptions &options;
  const Device &device;
  std::vector<Cost> costs;
  std::vector<int64_t> executed; ///< times, by instruction
  std::vector<EngineState> engines;
  std::vector<SignalTimes> semaphores;
  double horizon = 0;       ///< cycles: no latency is longer
  std::vector<int> waiters; ///< queues, by semaphore
  std::vector<int> pending; ///< queues to start, in this order
  std::optional<Values> values;
  std::vector<int32_t> depths; ///< loops around each instruction; observed
  int64_t observations = 0;
  Status observed; ///< what the observer said

  double now = 0;
  double dramRate, padRate;
  int taking = 0, atBarrier = 0; ///< engines that have instructions
  int32_t product = -1;          ///< that it last ran
  bool changed = false;          ///< who works
  std::vector<Flow *> flows;
  Segment segment; ///< under way
  std::optional<Rounds> rounds;
  SimulationResult result;
};

Machine::Machine(const Program &program, const Device &device, Memory &memory,
                 const SimulatorOptions &options)
    : program(program), options(options), device(device),
      costs(costsOf(program, device)), executed(program.code.size(), 0),
      semaphores(program.semaphores.begin(), program.semaphores.end()),
      waiters(program.semaphores.size(), -1),
      dramRate(device.dramBytesPerCycle()),
      padRate(device.scratchpadBytesPerCycle()) {
  int queues = isa::numQueues(program.target);
  result.code.resize(program.code.size());
  if (options.maxEvents)
    result.activity.engines.resize(static_cast<size_t>(queues));
  for (int queue = 0; queue != queues; ++queue) {
    engines.emplace_back(Sequencer(program, queue));
    if (engines.back().sequencer.isIdle()) {
      engines.back().state = EngineState::Finished;
      continue;
    }
    ++taking;
    pending.push_back(queue);
  }
  for (const Instruction &instruction : program.code)
    for (uint32_t semaphore : instruction.waits)
      waiters[semaphore] = isa::queueOf(instruction, program.target);
  for (const Cost &cost : costs)
    horizon = std::max(horizon, cost.latency);
  if (options.functional)
    values.emplace(program, memory, options.threads);
  if (options.maxSegments && options.leastRound >= 0) {
    rounds.emplace(program);
    for (EngineState &engine : engines)
      engine.rounds = rounds->behind(engine.sequencer);
    rounds->ended = leastBehind();
  }
  if (!options.observer)
    return;
  int32_t depth = 0;
  for (const Instruction &instruction : program.code) {
    depth -= instruction.opcode == isa::Opcode::EndLoop;
    depths.push_back(depth);
    depth += instruction.opcode == isa::Opcode::Loop;
  }
}

/// Books the time since the last account to its cause.
void Machine::account(EngineState &engine) {
  double passed = now - engine.since;
  engine.since = now;
  EngineTime &time = engine.time;
  switch (engine.state) {
  case EngineState::Waiting:
    time.semaphore += passed;
    return;
  case EngineState::Barrier:
    time.barrier += passed;
    return;
  case EngineState::Finished:
    time.finished += passed;
    return;
  case EngineState::Working: {
    const Flow &flow = engine.flow;
    engine.remaining -= flow.rate * passed;
    if (flow.bound == Bound::Engine) {
      time.busy += passed;
      return;
    }
    double busy = std::min(passed, passed * flow.rate * flow.alone);
    time.busy += busy;
    (flow.bound == Bound::Dram    ? time.dram
     : flow.bound == Bound::Array ? time.array
                                  : time.scratchpad) += passed - busy;
    return;
  }
  case EngineState::Pending:
  case EngineState::Fixed: // booked when it begins
    return;
  }
}

void Machine::enterWork(int queue) {
  EngineState &engine = engines[queue];
  const Cost &cost = costs[engine.sequencer.instruction()];
  engine.flow.alone = std::max(cost.work, cost.dram / dramRate);
  engine.flow.cycles = engine.flow.alone;
  engine.flow.array = cost.array;
  engine.flow.dram = cost.dram;
  engine.flow.scratchpad = cost.scratchpad;
  if (cost.scratchpad == 0 && engine.flow.cycles == 0)
    return complete(queue);
  engine.state = EngineState::Working;
  engine.since = now;
  engine.remaining = 1;
  engine.end = std::numeric_limits<double>::infinity(); // until shared
  changed = true;
}

/// The values of the engine's instruction; whoever wants to know is told.
void Machine::execute(int queue) {
  EngineState &engine = engines[queue];
  int32_t index = engine.sequencer.instruction();
  const isa::Counters &counters = engine.sequencer.counters();
  if (!options.observer)
    return values->execute(index, counters, nullptr);
  Observation seen;
  seen.step = observations++;
  seen.instruction = index;
  seen.queue = queue;
  seen.begin = engine.begin;
  seen.end = now;
  seen.counters.assign(counters.begin(), counters.begin() + depths[index]);
  values->execute(index, counters, &seen);
  if (observed.ok())
    observed = options.observer->executed(seen);
}

void Machine::complete(int queue) {
  EngineState &engine = engines[queue];
  int32_t index = engine.sequencer.instruction();
  const Instruction &instruction = program.code[index];
  if (values)
    execute(queue);
  InstructionUse &use = result.code[static_cast<size_t>(index)];
  if (executed[index] == 0)
    use.begin = engine.begin;
  use.cycles += now - engine.begin;
  use.end = now;
  ++executed[index];
  ++result.steps;
  ++engine.time.instructions;
  // What was under way where segments ended.
  for (size_t i = engine.segments; i < result.segments.size(); ++i) {
    Segment &past = result.segments[i];
    past.drain = std::max(past.drain, now - past.end);
  }
  segment.dramBytes += costs[index].payload;
  segment.macs += costs[index].macs;
  ++segment.instructions;
  if (options.maxEvents) {
    result.activity.add(queue, engine.begin, now);
    if (result.events.size() < options.maxEvents)
      result.events.push_back({index, queue, engine.begin, now});
    else
      result.eventsDropped = true;
  }
  if (queue == arrayQueue() && costs[index].product >= 0)
    product = costs[index].product;
  for (uint32_t semaphore : instruction.signals) {
    semaphores[semaphore].signal(now, horizon);
    int waiter = waiters[semaphore];
    if (waiter >= 0 && engines[waiter].state == EngineState::Waiting &&
        engines[waiter].blocking == semaphore) {
      account(engines[waiter]);
      engines[waiter].state = EngineState::Pending;
      pending.push_back(waiter);
    }
  }
  engine.state = EngineState::Pending;
  engine.sequencer.advance();
  pending.push_back(queue);
  if (rounds)
    endRounds(engine);
}

/// Rounds that all engines have behind them.
int64_t Machine::leastBehind() const {
  int64_t least = std::numeric_limits<int64_t>::max();
  for (const EngineState &engine : engines)
    if (!engine.sequencer.isIdle())
      least = std::min(least, engine.rounds);
  return least;
}

/// Where the engine that has gone on was the last in a round, a segment ends.
void Machine::endRounds(EngineState &engine) {
  int64_t behind = rounds->behind(engine.sequencer);
  if (behind == engine.rounds)
    return;
  engine.rounds = behind;
  if (leastBehind() == rounds->ended)
    return;
  rounds->ended = leastBehind();
  if (now - segment.begin < options.leastRound)
    return;
  segment.isRound = true;
  segment.liveBytes = rounds->liveBytes(engine.sequencer);
  endSegment(-1);
}

Error Machine::tooManySteps(int queue) const {
  return makeError(Errc::Unsupported,
                   nameOf(program, engines[queue].sequencer.instruction()),
                   ": found more than ", options.maxSteps,
                   " executed instructions and barriers, expected the end of "
                   "the program; more are run with a larger max-steps");
}

void Machine::endSegment(int32_t barrier) {
  segment.barrier = barrier;
  segment.end = now;
  // A round that ends with its loop, where all meet.
  if (!segment.isRound && !segment.instructions && !result.segments.empty() &&
      result.segments.back().isRound && result.segments.back().end == now) {
    Segment &last = result.segments.back();
    last.barrier = barrier;
    last.isRound = false;
    last.drain = 0;
    last.liveBytes = 0;
  }
  if (segment.instructions && result.segments.size() < options.maxSegments) {
    result.segments.push_back(segment);
  } else if (segment.instructions && options.maxSegments) {
    Segment &last = result.segments.back();
    last.barrier = barrier;
    last.end = now;
    last.drain = 0;
    last.isRound = segment.isRound;
    last.liveBytes = segment.liveBytes;
    last.dramBytes += segment.dramBytes;
    last.macs += segment.macs;
    last.instructions += segment.instructions;
  }
  segment = {};
  segment.begin = now;
}

/// Lets an engine go as far as it gets without time.
Status Machine::start(int queue) {
  EngineState &engine = engines[queue];
  account(engine);
  engine.since = now;
  int32_t index = engine.sequencer.instruction();
  if (index < 0) {
    engine.state = EngineState::Finished;
    return {};
  }
  if (result.steps >= options.maxSteps)
    return tooManySteps(queue);
  const Instruction &instruction = program.code[index];
  if (instruction.opcode == Opcode::Barrier) {
    engine.state = EngineState::Barrier;
    if (++atBarrier != taking)
      return {};
    atBarrier = 0;
    endSegment(index);
    ++result.steps;
    ++executed[index];
    for (size_t i = 0; i != engines.size(); ++i) {
      EngineState &other = engines[i];
      if (other.state != EngineState::Barrier)
        continue;
      account(other);
      other.state = EngineState::Pending;
      other.request = now; // nothing was requested before all had met
      other.sequencer.advance();
      if (rounds)
        other.rounds = rounds->behind(other.sequencer);
      pending.push_back(static_cast<int>(i));
    }
    if (rounds)
      rounds->ended = leastBehind();
    return {};
  }
  for (uint32_t semaphore : instruction.waits)
    if (semaphores[semaphore].empty()) {
      engine.state = EngineState::Waiting;
      engine.blocking = semaphore;
      return {};
    }
  for (uint32_t semaphore : instruction.waits)
    engine.request = std::max(engine.request, semaphores[semaphore].take());

  const Cost &cost = costs[index];
  engine.begin = now;
  engine.segments = result.segments.size();
  // It was requested as soon as nothing was to be awaited any more, while the
  // engine was busy with what came before: what has passed since is hidden.
  double latency = std::max(0.0, engine.request + cost.latency - now);
  double overhead = cost.product == product ? 0 : cost.overhead;
  if (overhead + latency == 0) {
    enterWork(queue);
    return {};
  }
  engine.state = EngineState::Fixed;
  engine.end = now + overhead + latency;
  engine.time.overhead += overhead;
  engine.time.latency += latency;
  return {};
}

Status Machine::startAll() {
  // Grows while it is worked off.
  for (size_t i = 0; i != pending.size(); ++i) {
    if (Status status = start(pending[i]); !status)
      return status;
    // A program may go on for long without any time.
    if (i >= 4096) {
      pending.erase(pending.begin(), pending.begin() + static_cast<int>(i) + 1);
      i = static_cast<size_t>(-1);
    }
  }
  pending.clear();
  return {};
}

void Machine::shareAgain() {
  changed = false;
  flows.clear();
  for (EngineState &engine : engines)
    if (engine.state == EngineState::Working) {
      account(engine);
      flows.push_back(&engine.flow);
    }
  shareMachine(flows, dramRate, padRate);
  for (EngineState &engine : engines)
    if (engine.state == EngineState::Working)
      engine.end = now + std::max(engine.remaining, 0.0) / engine.flow.rate;
}

/// Goes to the next end of a part; false if no engine is at work.
bool Machine::step() {
  if (changed)
    shareAgain();
  constexpr double none = -1;
  double next = none;
  for (const EngineState &engine : engines)
    if ((engine.state == EngineState::Fixed ||
         engine.state == EngineState::Working) &&
        (next == none || engine.end < next))
      next = engine.end;
  if (next == none)
    return false;
  now = next;
  // Ends that differ by rounding alone are one.
  double limit = next + 1e-9 + next * 1e-14;
  for (size_t i = 0; i != engines.size(); ++i) {
    EngineState &engine = engines[i];
    if (engine.end > limit)
      continue;
    if (engine.state == EngineState::Fixed) {
      enterWork(static_cast<int>(i));
    } else if (engine.state == EngineState::Working) {
      account(engine);
      changed = true;
      complete(static_cast<int>(i));
    }
  }
  return true;
}

Error Machine::deadlock() const {
  std::string text;
  for (size_t i = 0; i != engines.size(); ++i) {
    const EngineState &engine = engines[i];
    if (engine.state == EngineState::Finished)
      continue;
    text += (text.empty() ? "" : "; ") +
            nameOf(program, engine.sequencer.instruction()) + " on " +
            isa::queueName(static_cast<int>(i), program.target);
    text += engine.state == EngineState::Waiting
                ? " waits for semaphore " + std::to_string(engine.blocking)
                : std::string(" waits for the other engines");
  }
  return makeError(Errc::Argument, text, ": found a deadlock after ",
                   result.steps,
                   " instructions, expected a signal for each wait");
}

/// Counters that follow from how often each instruction ran.
void Machine::count() {
  auto clamp = [](__int128 value) {
    constexpr int64_t most = std::numeric_limits<int64_t>::max();
    return value > most ? most : static_cast<int64_t>(value);
  };
  __int128 read = 0, written = 0, pad = 0, macs = 0, ops = 0;
  double lanes = 0, decodes = 0;
  result.tensors.resize(program.tensors.size());
  for (size_t i = 0; i != program.code.size(); ++i) {
    const Cost &cost = costs[i];
    const Instruction &instruction = program.code[i];
    __int128 times = executed[i];
    __int128 bytes = times * cost.payload;
    if (instruction.opcode == Opcode::Load) {
      TensorTraffic &tensor = result.tensors[instruction.operands[0].object];
      tensor.read = clamp(tensor.read + bytes);
      read += bytes;
    } else if (instruction.opcode == Opcode::Store) {
      TensorTraffic &tensor = result.tensors[instruction.operands[1].object];
      tensor.written = clamp(tensor.written + bytes);
      written += bytes;
    }
    result.code[i].executions = executed[i];
    result.code[i].dramBytes = clamp(bytes);
    result.code[i].macs = clamp(times * cost.macs);
    pad += times * static_cast<__int128>(cost.scratchpad);
    macs += times * cost.macs;
    ops += times * cost.specialOps;
    lanes += static_cast<double>(times) * static_cast<double>(cost.laneCycles);
    decodes += static_cast<double>(times) * static_cast<double>(cost.decodes);
  }
  result.dramRead = clamp(read);
  result.dramWritten = clamp(written);
  result.scratchpadBytes = clamp(pad);
  result.macs = clamp(macs);
  result.specialOps = clamp(ops);
  const model::EnergyTable &energy = device.energy;
  result.energy.mac = energy.mac * static_cast<double>(macs);
  result.energy.scratchpad = energy.scratchpadByte * static_cast<double>(pad);
  result.energy.dram = energy.dramByte * static_cast<double>(read + written);
  // As in the cost model, by lane cycles.
  result.energy.special = energy.specialFunctionOp * lanes;
  result.energy.decode = energy.indexDecode * decodes;
  result.energy.leakage = device.staticPj(result.cycles);
}

Result<SimulationResult> Machine::run() {
  do {
    if (Status status = startAll(); !status)
      return status.error();
    if (!observed)
      return observed.error();
  } while (step());
  for (EngineState &engine : engines) {
    if (engine.state != EngineState::Finished)
      return deadlock();
    account(engine);
    result.engines.push_back(engine.time);
  }
  result.cycles = now;
  endSegment(-1);
  count();
  return std::move(result);
}

} // namespace

void Activity::add(int queue, double begin, double end) {
  // Spans of twice the length where the run outgrows them.
  for (; end > cycles * static_cast<double>(kSpans); cycles *= 2)
    for (std::array<double, kSpans> &spans : engines) {
      for (size_t i = 0; i != kSpans / 2; ++i)
        spans[i] = spans[2 * i] + spans[2 * i + 1];
      std::fill(spans.begin() + kSpans / 2, spans.end(), 0.0);
    }
  std::array<double, kSpans> &spans = engines[static_cast<size_t>(queue)];
  size_t first = std::min(static_cast<size_t>(begin / cycles), kSpans - 1);
  for (size_t i = first; i != kSpans; ++i) {
    double from = static_cast<double>(i) * cycles;
    spans[i] +=
        std::max(0.0, std::min(end, from + cycles) - std::max(begin, from));
    if (end <= from + cycles)
      return;
  }
}

Result<SimulationResult> simulate(const Program &program, const Device &device,
                                  Memory &memory,
                                  const SimulatorOptions &options) {
  return support::guarded([&]() -> Result<SimulationResult> {
    if (Status status = isa::checkProgram(program); !status)
      return status.error();
    if (Status status = checkDevice(program, device); !status)
      return status.error();
    if (options.functional &&
        static_cast<long double>(device.scratchpad.bytes) > hostMemory())
      return makeError(Errc::Memory, "found a scratchpad of ",
                       device.scratchpad.bytes,
                       " bytes, expected one that fits this machine, or a run "
                       "for time alone");
    return Machine(program, device, memory, options).run();
  });
}

} // namespace nm::sim
