//===- Builder.cpp - Programs written from C++ -----------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Isa/Builder.h"
#include "nm/Support/Arithmetic.h"
#include "nm/Support/Result.h"
#include <algorithm>
#include <cassert>

namespace nm::isa {

using support::makeError;

//===----------------------------------------------------------------------===//
// TileRef
//===----------------------------------------------------------------------===//

/// The counter of the loop at `depth`, kept in ascending order.
static Counter &counterAt(Tile &tile, int depth) {
  auto place = std::lower_bound(
      tile.counters.begin(), tile.counters.end(), depth,
      [](const Counter &counter, int depth) { return counter.depth < depth; });
  if (place == tile.counters.end() || place->depth != depth) {
    Counter counter;
    counter.depth = static_cast<uint8_t>(depth);
    place = tile.counters.insert(place, counter);
  }
  return *place;
}

TileRef TileRef::by(LoopId loop, int dim, int64_t step) const {
  TileRef result(*this);
  if (loop.depth >= 0 && step != 0)
    counterAt(result.tile, loop.depth).steps[dim] += step;
  return result;
}

TileRef TileRef::slotBy(LoopId loop, int64_t step) const {
  TileRef result(*this);
  if (loop.depth >= 0 && step != 0)
    counterAt(result.tile, loop.depth).slotStep += step;
  return result;
}

TileRef TileRef::slot(int64_t slot) const {
  TileRef result(*this);
  result.tile.slot = slot;
  return result;
}

TileRef TileRef::dims(std::initializer_list<uint8_t> dims) const {
  TileRef result(*this);
  result.tile.dims = dims;
  return result;
}

static Tile wholeObject(Space space, uint32_t index,
                        const std::vector<int64_t> &shape) {
  Tile tile;
  tile.space = space;
  tile.object = index;
  for (size_t k = 0; k < shape.size(); ++k) {
    tile.sizes[k] = shape[k];
    tile.dims.push_back(static_cast<uint8_t>(k));
  }
  return tile;
}

static Tile boxOf(Tile tile, std::initializer_list<int64_t> offsets,
                  std::initializer_list<int64_t> sizes) {
  assert(offsets.size() == tile.dims.size() &&
         sizes.size() == tile.dims.size() && "one of each for a dimension");
  std::copy(offsets.begin(), offsets.end(), tile.offsets.begin());
  std::copy(sizes.begin(), sizes.end(), tile.sizes.begin());
  return tile;
}

//===----------------------------------------------------------------------===//
// Builder
//===----------------------------------------------------------------------===//

Builder::Builder(std::string name, Target target) {
  program.name = std::move(name);
  program.target = std::move(target);
}

void Builder::fail(Error failure) {
  if (error.ok())
    error = Status(std::move(failure));
}

TensorId Builder::tensor(Tensor tensor) {
  program.tensors.push_back(std::move(tensor));
  return {static_cast<uint32_t>(program.tensors.size() - 1)};
}

TensorId Builder::scratch(const std::string &name, Type type,
                          std::vector<int64_t> shape) {
  Tensor entry;
  entry.name = name;
  entry.type = type;
  entry.shape = std::move(shape);
  return tensor(std::move(entry));
}

BufferId Builder::buffer(Type type, std::vector<int64_t> shape, int64_t slots) {
  constexpr int64_t alignment = 64;
  Buffer entry;
  entry.type = type;
  entry.shape = std::move(shape);
  entry.slots = slots;
  entry.address = support::ceilDiv(top, alignment) * alignment;
  int64_t capacity = target().scratchpadBytes;
  int64_t count = numElements(entry.shape);
  // Each factor is bounded before they meet, so nothing overflows.
  int64_t bytes = count > capacity ? capacity + 1 : slotBytes(entry);
  if (slots < 1 || slots > kMaxSlots || bytes > capacity ||
      entry.address + slots * bytes > capacity)
    fail(makeError(Errc::Unsupported, "found a buffer of ", slots, " x ", count,
                   " elements (", toString(type), ") above ", top,
                   " bytes in use, expected all within the ", capacity,
                   " bytes of the scratchpad of ", target().name));
  else
    top = entry.address + slots * bytes;
  program.buffers.push_back(std::move(entry));
  return {static_cast<uint32_t>(program.buffers.size() - 1)};
}

BufferId Builder::buffer(Buffer entry) {
  program.buffers.push_back(std::move(entry));
  return {static_cast<uint32_t>(program.buffers.size() - 1)};
}

BufferId Builder::alias(BufferId buffer, std::vector<int64_t> shape) {
  Buffer entry = program.buffers[buffer.index];
  assert(numElements(shape) == numElements(entry.shape) && "other elements");
  entry.shape = std::move(shape);
  program.buffers.push_back(std::move(entry));
  return {static_cast<uint32_t>(program.buffers.size() - 1)};
}

SemaphoreId Builder::semaphore(int64_t count) {
  program.semaphores.push_back(count);
  return {static_cast<uint32_t>(program.semaphores.size() - 1)};
}

TileRef Builder::tile(TensorId id) const {
  return wholeObject(Space::Dram, id.index, program.tensors[id.index].shape);
}

TileRef Builder::tile(BufferId id) const {
  return wholeObject(Space::Scratchpad, id.index,
                     program.buffers[id.index].shape);
}

TileRef Builder::tile(TensorId id, std::initializer_list<int64_t> offsets,
                      std::initializer_list<int64_t> sizes) const {
  return boxOf(tile(id), offsets, sizes);
}

TileRef Builder::tile(BufferId id, std::initializer_list<int64_t> offsets,
                      std::initializer_list<int64_t> sizes) const {
  return boxOf(tile(id), offsets, sizes);
}

LoopId Builder::beginLoop(int64_t trips) {
  bool isReal = trips != 1;
  open.push_back(isReal);
  if (!isReal)
    return {};
  append(Opcode::Loop, {}, {}).trips = trips;
  if (depth == kMaxLoops)
    fail(makeError(Errc::Unsupported, "found more than ", kMaxLoops,
                   " nested loops, expected at most as many"));
  return {depth++};
}

void Builder::endLoop(LoopId loop) {
  assert(!open.empty() && "no loop is open");
  bool isReal = open.back();
  open.pop_back();
  assert(isReal == (loop.depth >= 0) && (!isReal || loop.depth == depth - 1) &&
         "loops end in the order in which they began");
  (void)loop;
  if (!isReal)
    return;
  --depth;
  append(Opcode::EndLoop, {}, {});
}

Instruction &Builder::append(Opcode opcode, std::vector<Tile> operands,
                             const Tokens &tokens) {
  Instruction instruction;
  instruction.opcode = opcode;
  instruction.source = source;
  instruction.operands = std::move(operands);
  for (SemaphoreId id : tokens.waits)
    instruction.waits.push_back(id.index);
  for (SemaphoreId id : tokens.signals)
    instruction.signals.push_back(id.index);
  program.code.push_back(std::move(instruction));
  return program.code.back();
}

Instruction &Builder::load(const Tile &from, const Tile &to, int channel,
                           const Tokens &tokens) {
  Instruction &instruction = append(Opcode::Load, {from, to}, tokens);
  instruction.channel = static_cast<uint8_t>(channel);
  return instruction;
}

Instruction &Builder::store(const Tile &from, const Tile &to, int channel,
                            const Tokens &tokens) {
  Instruction &instruction = append(Opcode::Store, {from, to}, tokens);
  instruction.channel = static_cast<uint8_t>(channel);
  return instruction;
}

Instruction &Builder::gemm(Stationarity stationary, const Tile &lhs,
                           const Tile &rhs, const Tile &dest,
                           const Tokens &tokens) {
  Instruction &instruction = append(Opcode::Gemm, {lhs, rhs, dest}, tokens);
  instruction.stationary = stationary;
  return instruction;
}

Instruction &Builder::nmGemm(Stationarity stationary, SparsePattern pattern,
                             const Tile &lhs, const Tile &values,
                             const Tile &indices, const Tile &dest,
                             const Tokens &tokens) {
  Instruction &instruction =
      append(Opcode::NMGemm, {lhs, values, indices, dest}, tokens);
  instruction.stationary = stationary;
  instruction.pattern = pattern;
  return instruction;
}

Instruction &Builder::special(Opcode opcode, std::vector<Tile> operands,
                              const Tokens &tokens) {
  return append(opcode, std::move(operands), tokens);
}

Instruction &Builder::sync(Engine engine, int channel, const Tokens &tokens) {
  Instruction &instruction = append(Opcode::Sync, {}, tokens);
  instruction.syncEngine = engine;
  instruction.channel = static_cast<uint8_t>(channel);
  return instruction;
}

void Builder::barrier() { append(Opcode::Barrier, {}, {}); }

Result<Program> Builder::finish() {
  if (!error.ok())
    return error.error();
  assert(open.empty() && "a loop was not ended");
  if (Status status = checkProgram(program); !status)
    return status.error();
  return std::move(program);
}

//===----------------------------------------------------------------------===//
// Streams
//===----------------------------------------------------------------------===//

Stream::Stream(Builder &builder, Type type, std::vector<int64_t> shape,
               int64_t slots)
    : buffer(builder.buffer(type, std::move(shape), slots)),
      free(builder.semaphore(slots)), full(builder.semaphore(0)) {}

Tokens operator+(Tokens a, const Tokens &b) {
  a.waits.insert(a.waits.end(), b.waits.begin(), b.waits.end());
  a.signals.insert(a.signals.end(), b.signals.begin(), b.signals.end());
  return a;
}

} // namespace nm::isa
