//===- FuzzSimulator.cpp - Whatever passes the rules runs or says why ------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The input is a binary program (MutateProgram.cpp changes it behind its
// checksums), or records that change fields of a program that holds every
// instruction. What checkProgram accepts must run within its memory or fail
// with a message, and its times must add up.
//
//===----------------------------------------------------------------------===//

#include "nm/Isa/Builder.h"
#include "nm/Isa/Encoding.h"
#include "nm/Simulator/Report.h"
#include <cmath>
#include <cstdlib>
#include <cstring>

using namespace nm::isa;
namespace sim = nm::sim;

namespace {

nm::model::Device makeDevice() {
  nm::model::Device device;
  device.name = "fuzz";
  device.frequencyHz = 1000000000;
  device.dram.bytesPerSecond = 3e9;
  device.dram.latencyCycles = 10;
  device.dram.burstBytes = 32;
  device.dma.channels = 2;
  device.dma.setupCycles = 3;
  device.scratchpad.bytes = 1 << 16;
  device.scratchpad.bytesPerSecond = 40e9;
  device.array.rows = device.array.cols = 8;
  device.array.stationarities = {Stationarity::Output, Stationarity::Weight};
  device.array.stepOverhead[0] = 6;
  device.array.fillCycles = 4;
  device.array.packsHeads = true;
  device.array.sparsePatterns = {{2, 4}, {3, 7}};
  device.array.indexDecodesPerCycle = 16;
  device.specialFunction.lanes = 2;
  return device;
}

Program makeProgram(const nm::model::Device &device) {
  Builder b("fuzz", targetOf(device));
  Tensor in;
  in.name = "in";
  in.role = Role::In;
  in.type = Type::F16;
  in.shape = {64, 16};
  Tensor out = in;
  out.name = "out";
  out.role = Role::Out;
  TensorId from = b.tensor(in), to = b.tensor(out);
  Stream x(b, Type::F16, {8, 16}), y(b, Type::F16, {8, 16});
  BufferId w = b.buffer(Type::F16, {16, 8}), i = b.buffer(Type::I8, {16, 2}),
           s = b.buffer(Type::F16, {8, 16}), r = b.buffer(Type::F32, {8}),
           g = b.buffer(Type::F16, {16}), h = b.buffer(Type::F16, {2, 8, 8});
  LoopId a = b.beginLoop(2), c = b.beginLoop(4);
  TileRef xs = b.tile(x.buffer).slotBy(c), ys = b.tile(y.buffer).slotBy(c);
  b.load(b.tile(from, {0, 0}, {8, 16}).by(a, 0, 32).by(c, 0, 8), xs, 0,
         x.produce());
  b.gemm(Stationarity::Output, xs, xs, b.tile(s, {0, 0}, {8, 8}), x.first())
      .transposeRhs = true;
  b.nmGemm(Stationarity::Weight, {2, 4}, b.tile(s), b.tile(w), b.tile(i), ys,
           x.last() + Tokens{{y.free}, {}});
  b.gemm(Stationarity::Weight, b.tile(h), b.tile(h), b.tile(h),
         Tokens{{}, {y.full}});
  b.store(ys, b.tile(to, {0, 0}, {8, 16}).by(a, 0, 32).by(c, 0, 8), 1,
          y.consume());
  b.endLoop(c);
  b.barrier();
  b.special(Opcode::RowMax, {b.tile(s), b.tile(r)}, {});
  b.special(Opcode::ExpSum, {b.tile(s), b.tile(r), b.tile(s), b.tile(r)}, {});
  b.special(Opcode::Rescale, {b.tile(r), b.tile(r), b.tile(r), b.tile(s)}, {});
  b.special(Opcode::Scale, {b.tile(s), b.tile(r), b.tile(s)}, {});
  b.special(Opcode::Softmax, {b.tile(s), b.tile(s)}, {});
  Instruction &mask = b.special(Opcode::Mask, {b.tile(s)}, {});
  mask.causal = true;
  mask.row.steps = {{0, 8}};
  b.special(Opcode::LayerNorm, {b.tile(s), b.tile(g), b.tile(g), b.tile(s)}, {})
      .value = 1e-5f;
  b.special(Opcode::Unary, {b.tile(s), b.tile(s)}, {}).unary = UnaryKind::Gelu;
  b.special(Opcode::Elementwise, {b.tile(s), b.tile(g), b.tile(s)}, {});
  b.special(Opcode::Fill, {b.tile(s)}, {});
  b.sync(Engine::Special, 0, {});
  b.endLoop(a);
  nm::support::Result<Program> program = b.finish();
  if (!program.ok())
    std::abort();
  return *program;
}

void changeTile(Tile &tile, uint8_t what, int32_t value) {
  int k = what / 8 % kMaxRank;
  switch (what % 8) {
  case 0:
    tile.offsets[k] = value;
    return;
  case 1:
    tile.sizes[k] = value;
    return;
  case 2:
    tile.slot = value;
    return;
  case 3:
    tile.object = static_cast<uint32_t>(value);
    return;
  case 4:
    tile.dims.assign(1 + (value & 3), static_cast<uint8_t>(value >> 2 & 3));
    for (size_t d = 1; d < tile.dims.size(); ++d)
      tile.dims[d] = static_cast<uint8_t>(value >> (2 + 2 * d) & 3);
    return;
  case 5:
    tile.counters.emplace_back();
    tile.counters.back().depth = static_cast<uint8_t>(k);
    tile.counters.back().slotStep = value;
    return;
  default:
    if (!tile.counters.empty())
      tile.counters.back().steps[k] = value;
  }
}

void changeInstruction(Instruction &i, uint8_t what, uint8_t place,
                       int32_t value) {
  switch (what % 12) {
  case 0:
    i.opcode = static_cast<Opcode>(value & 31);
    return;
  case 1:
    i.channel = static_cast<uint8_t>(value);
    return;
  case 2:
    i.waits.push_back(static_cast<uint32_t>(value));
    return;
  case 3:
    i.signals.push_back(static_cast<uint32_t>(value));
    return;
  case 4:
    i.trips = value;
    return;
  case 5:
    i.stationary = static_cast<Stationarity>(value & 3);
    i.accumulate = value & 4;
    i.transposeLhs = value & 8;
    i.transposeRhs = value & 16;
    return;
  case 6:
    std::memcpy(&i.value, &value, sizeof(i.value));
    return;
  case 7:
    i.row.base = value;
    i.column.base = place;
    return;
  case 8:
    i.group = value;
    i.window = place;
    return;
  case 9:
    i.keys = value;
    i.binary = static_cast<BinaryKind>(place & 7);
    i.unary = static_cast<UnaryKind>(place >> 3 & 15);
    return;
  default:
    if (!i.operands.empty())
      changeTile(i.operands[place % i.operands.size()], what / 12, value);
  }
}

void changeProgram(Program &program, const uint8_t *record) {
  int32_t value;
  std::memcpy(&value, record + 4, sizeof(value));
  uint8_t what = record[1], place = record[2];
  Instruction &i = program.code[record[3] % program.code.size()];
  Buffer &buffer = program.buffers[place % program.buffers.size()];
  Tensor &tensor = program.tensors[place % program.tensors.size()];
  switch (record[0] % 8) {
  case 0:
    if (what & 1)
      buffer.address = value;
    else
      buffer.slots = value;
    return;
  case 1:
    buffer.shape[what % buffer.shape.size()] = value;
    return;
  case 2:
    buffer.type = static_cast<Type>(value & 3);
    return;
  case 3:
    tensor.shape[what % tensor.shape.size()] = value;
    return;
  case 4:
    tensor.strides = {value, static_cast<int64_t>(what) - 1};
    return;
  case 5:
    program.semaphores[place % program.semaphores.size()] = value;
    return;
  default:
    changeInstruction(i, what, place, value);
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const nm::model::Device device = makeDevice();
  static const Program base = makeProgram(device);
  Program program = base;
  std::string_view bytes(reinterpret_cast<const char *>(data), size);
  if (isBinary(bytes)) {
    auto read = readBinary(bytes, "fuzz");
    if (!read.ok())
      return 0;
    program = std::move(*read);
  } else {
    for (; size >= 8; data += 8, size -= 8)
      changeProgram(program, data);
  }
  sim::SimulatorOptions options;
  options.maxSteps = 2000;
  options.maxEvents = 100;
  options.maxSegments = 4;
  int64_t memoryBytes = 0;
  if (checkProgram(program).ok())
    for (const Tensor &tensor : program.tensors)
      memoryBytes += std::min<int64_t>(extentBytes(tensor), 1 << 24);
  options.functional = memoryBytes < (1 << 22);
  sim::Memory memory = sim::Memory::none(program);
  if (options.functional && memoryBytes) {
    auto allocated = sim::Memory::allocate(program);
    if (!allocated.ok())
      std::abort();
    memory = std::move(*allocated);
  }
  auto result = sim::simulate(program, device, memory, options);
  if (!result.ok()) {
    if (result.error().message.empty())
      std::abort();
    return 0;
  }
  for (const sim::EngineTime &time : result->engines) {
    double sum = time.busy + time.latency + time.overhead + time.dram +
                 time.scratchpad + time.semaphore + time.barrier +
                 time.finished;
    if (!(std::fabs(sum - result->cycles) <= 1e-6 * (1 + result->cycles)))
      std::abort();
  }
  if (sim::formatHtml(*result, program, device).empty() ||
      sim::formatTrace(*result, program, device).empty() ||
      sim::formatJson(*result, program, device).empty())
    std::abort();
  return 0;
}
