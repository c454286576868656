//===- Simulator.h - Function and time of ATTACC programs -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Executes a program on a machine that a device description describes: what it
// computes, and when. The program is all it knows; it never asks the compiler.
// docs/attacc-isa.md says what instructions mean, docs/simulator.md what they
// cost.
//
//===----------------------------------------------------------------------===//

#ifndef NM_SIMULATOR_SIMULATOR_H
#define NM_SIMULATOR_SIMULATOR_H

#include "nm/Isa/Overflow.h"
#include "nm/Isa/Program.h"
#include <memory>

namespace nm::sim {

using isa::Program;
using model::Device;
using support::Errc;
using support::Error;
using support::Result;
using support::Status;

/// The content of a program's DRAM tensors. A tensor without content (in a run
/// for time alone) has a null pointer.
class Memory {
public:
  /// Allocates every tensor of a program that passed checkProgram, zeroed,
  /// constants filled in. Fails if memory is short.
  static Result<Memory> allocate(const Program &program);
  /// For runs without function: nothing is allocated.
  static Memory none(const Program &program);

  /// extentBytes(tensor) bytes of the tensor's type, laid out by its strides.
  uint8_t *data(size_t tensor) { return contents[tensor].get(); }
  const uint8_t *data(size_t tensor) const { return contents[tensor].get(); }

private:
  std::vector<std::unique_ptr<uint8_t[]>> contents;
};

/// Copies `count` elements row by row into a tensor, converted from host
/// elements of `type` (f32, f16, bf16, i8); and back. Returns which became
/// infinite on the way in.
isa::Overflow writeTensor(const isa::Tensor &tensor, uint8_t *content,
                          const void *host, isa::Type type);
void readTensor(const isa::Tensor &tensor, const uint8_t *content, void *host,
                isa::Type type);

/// What an executed instruction read and wrote.
struct Observation {
  /// A tile as the instruction sees it, packed: row-major elements of its own
  /// dimensions, little endian.
  struct Operand {
    isa::Type type = isa::Type::F32;
    std::vector<int64_t> shape;
    bool isRead = false, isWritten = false;
    std::string before, after; ///< bytes; empty if not read, or not written
  };

  int64_t step = 0;              ///< counts from 0, in the order of their ends
  int32_t instruction = 0;       ///< index in Program::code
  int32_t queue = 0;             ///< isa::queueOf
  double begin = 0, end = 0;     ///< cycles
  std::vector<int64_t> counters; ///< of the loops around it, outermost first
  std::vector<Operand> operands;
};

/// Is told of each instruction when it has ended; an error ends the run.
class Observer {
public:
  virtual ~Observer() = default;
  virtual Status executed(const Observation &observation) = 0;
};

struct SimulatorOptions {
  /// Compute values. Without it `memory` is not touched.
  bool functional = true;
  /// Of a functional run; null: nobody is told.
  Observer *observer = nullptr;
  /// Keep at most so many events for a trace; 0: none.
  size_t maxEvents = 0;
  /// Keep the work between barriers; what exceeds so many parts joins the last
  /// one. 0: none.
  size_t maxSegments = 0;
  /// Segments end where a round of an outermost loop ends too, if they are at
  /// least so many cycles long. Negative: at barriers alone.
  double leastRound = -1;
  /// Executed instructions, and barriers that all meet at, after which a run is
  /// given up with an error.
  int64_t maxSteps = int64_t(1) << 32;
  /// Threads for the values; 0: all processors. Never changes a result.
  int threads = 1;
};

/// Where the time of an engine went, in cycles; the parts sum to the run's.
struct EngineTime {
  double busy = 0;       ///< working at full speed
  double latency = 0;    ///< set-up, DRAM latency, filling the array
  double overhead = 0;   ///< reconfiguration between products
  double dram = 0;       ///< slowed by DRAM bandwidth that others share
  double scratchpad = 0; ///< slowed by scratchpad bandwidth
  double array = 0;      ///< slowed by other work on the array's PEs
  double semaphore = 0;  ///< waiting for another engine
  double barrier = 0;
  double finished = 0; ///< nothing left to do
  int64_t instructions = 0;
};

/// An executed instruction, for traces.
struct Event {
  int32_t instruction = 0;   ///< index in Program::code
  int32_t queue = 0;         ///< isa::queueOf
  double begin = 0, end = 0; ///< cycles
};

/// What ended up to a barrier or the end of a round of an outermost loop, since
/// the one before. Nothing is under way and on chip at a barrier.
struct Segment {
  int32_t barrier = -1; ///< index in Program::code; -1: the end of the program
  double begin = 0, end = 0; ///< cycles
  int64_t dramBytes = 0, macs = 0;
  int64_t instructions = 0; ///< the barrier not included
  /// At the end of a round: all engines have ended its instructions, and some
  /// may be at work for later ones.
  bool isRound = false;
  double drain = 0;      ///< cycles until what is under way there has ended
  int64_t liveBytes = 0; ///< of the scratchpad, that may be in use there
};

/// How much of the time engines ran instructions, over a whole run however long
/// it is; kept if events are.
struct Activity {
  static constexpr size_t kSpans = 512;
  double cycles = 1; ///< of a span
  /// By isa::queueOf, then by span: cycles with an instruction under way.
  std::vector<std::array<double, kSpans>> engines;

  /// Adds the time from begin to end.
  void add(int queue, double begin, double end);
};

/// What became of an instruction of the program, over the whole run.
struct InstructionUse {
  int64_t executions = 0, dramBytes = 0, macs = 0;
  double cycles = 0;         ///< under way, added up
  double begin = 0, end = 0; ///< of the first and the last, in cycles
};

struct TensorTraffic {
  int64_t read = 0, written = 0; ///< bytes
};

struct Energy { ///< picojoules
  double mac = 0, scratchpad = 0, dram = 0, special = 0, decode = 0;
  double leakage = 0; ///< of static power, over the whole run
  double total() const {
    return mac + scratchpad + dram + special + decode + leakage;
  }
};

struct SimulationResult {
  double cycles = 0;
  int64_t steps = 0;               ///< executed instructions
  std::vector<EngineTime> engines; ///< by isa::queueOf
  std::vector<TensorTraffic> tensors;
  std::vector<InstructionUse> code;      ///< by instruction
  int64_t dramRead = 0, dramWritten = 0; ///< bytes of payload
  int64_t scratchpadBytes = 0;           ///< read or written
  int64_t macs = 0;                      ///< that the array worked, zeros too
  int64_t specialOps = 0;                ///< elements of special operations
  Energy energy;
  std::vector<Event> events;
  bool eventsDropped = false;
  Activity activity;
  std::vector<Segment> segments; ///< without those that hold no instruction

  int64_t dramBytes() const { return dramRead + dramWritten; }
  /// MACs worked over those that the array could have worked.
  double utilisation(const Device &device) const {
    return cycles > 0
               ? static_cast<double>(macs) /
                     (cycles * static_cast<double>(device.array.macsPerCycle()))
               : 0;
  }
  double seconds(const Device &device) const {
    return cycles / static_cast<double>(device.frequencyHz);
  }
};

/// Runs the program. Deterministic: the same program, device and memory give
/// the same result to the bit, whatever the threads. Fails, with the
/// instruction in the message, if the program does not pass checkProgram, needs
/// more than the device has, deadlocks, or exceeds maxSteps.
Result<SimulationResult> simulate(const Program &program, const Device &device,
                                  Memory &memory,
                                  const SimulatorOptions &options = {});

} // namespace nm::sim

#endif // NM_SIMULATOR_SIMULATOR_H
