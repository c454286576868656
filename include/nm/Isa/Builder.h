//===- Builder.h - Programs written from C++ -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What writers of programs have in common: allocation of the scratchpad, tiles
// that follow loops, and streams, which are buffers with the semaphores that
// hand their slots from engine to engine.
//
//===----------------------------------------------------------------------===//

#ifndef NM_ISA_BUILDER_H
#define NM_ISA_BUILDER_H

#include "nm/Isa/Program.h"
#include <initializer_list>

namespace nm::isa {

/// Index of a tensor, a buffer or a semaphore of the program.
struct TensorId {
  uint32_t index = 0;
};
struct BufferId {
  uint32_t index = 0;
};
struct SemaphoreId {
  uint32_t index = 0;
};
/// An open loop; `trips` of 1 opens none, and its counter is always 0.
struct LoopId {
  int depth = -1;
};

/// A tile under construction; converts to Tile.
class TileRef {
public:
  TileRef(Tile tile) : tile(std::move(tile)) {}
  /// Moves with a loop by `step` elements along `dim` of the object. Steps of
  /// the same loop add up; those of a loop that was not opened do nothing.
  TileRef by(LoopId loop, int dim, int64_t step) const;
  /// Takes the slots of a buffer in turn with a loop.
  TileRef slotBy(LoopId loop, int64_t step = 1) const;
  TileRef slot(int64_t slot) const;
  /// Only these dimensions of the object, in this order.
  TileRef dims(std::initializer_list<uint8_t> dims) const;
  operator const Tile &() const { return tile; }

private:
  Tile tile;
};

/// Which semaphores an instruction takes and raises.
struct Tokens {
  std::vector<SemaphoreId> waits, signals;
};

class Builder {
public:
  Builder(std::string name, Target target);

  const Target &target() const { return program.target; }

  // Memory.
  TensorId tensor(Tensor tensor);
  TensorId scratch(const std::string &name, Type type,
                   std::vector<int64_t> shape);
  /// Allocates above everything live, aligned to 64 bytes. What does not fit is
  /// kept as the error that finish() returns.
  BufferId buffer(Type type, std::vector<int64_t> shape, int64_t slots = 1);
  /// One that somebody else has placed.
  BufferId buffer(Buffer entry);
  /// The same bytes and slots under another shape of as many elements.
  BufferId alias(BufferId buffer, std::vector<int64_t> shape);
  SemaphoreId semaphore(int64_t count);
  /// Bytes of the scratchpad in use; release() gives everything above back.
  /// Only across a barrier, or where tokens order the old and the new use.
  int64_t mark() const { return top; }
  void release(int64_t mark) { top = mark; }

  const Tensor &operator[](TensorId id) const {
    return program.tensors[id.index];
  }
  const Buffer &operator[](BufferId id) const {
    return program.buffers[id.index];
  }

  // Tiles: the whole object, or a box of it.
  TileRef tile(TensorId id) const;
  TileRef tile(BufferId id) const;
  TileRef tile(TensorId id, std::initializer_list<int64_t> offsets,
               std::initializer_list<int64_t> sizes) const;
  TileRef tile(BufferId id, std::initializer_list<int64_t> offsets,
               std::initializer_list<int64_t> sizes) const;

  // Loops.
  LoopId beginLoop(int64_t trips);
  void endLoop(LoopId loop);

  /// What the instructions from here on are made for, for messages:
  /// Instruction::source of each of them.
  void setSource(int64_t number) { source = number; }

  // Instructions. The reference is valid until the next one.
  Instruction &load(const Tile &from, const Tile &to, int channel,
                    const Tokens &tokens);
  Instruction &store(const Tile &from, const Tile &to, int channel,
                     const Tokens &tokens);
  Instruction &gemm(Stationarity stationary, const Tile &lhs, const Tile &rhs,
                    const Tile &dest, const Tokens &tokens);
  Instruction &nmGemm(Stationarity stationary, SparsePattern pattern,
                      const Tile &lhs, const Tile &values, const Tile &indices,
                      const Tile &dest, const Tokens &tokens);
  /// Any instruction of the special function unit.
  Instruction &special(Opcode opcode, std::vector<Tile> operands,
                       const Tokens &tokens);
  Instruction &sync(Engine engine, int channel, const Tokens &tokens);
  void barrier();

  /// Instructions so far.
  size_t size() const { return program.code.size(); }
  const std::vector<Instruction> &code() const { return program.code; }
  const std::vector<Buffer> &buffers() const { return program.buffers; }
  const std::vector<Tensor> &tensors() const { return program.tensors; }

  /// Whether something went wrong so far.
  bool failed() const { return !error.ok(); }
  void fail(Error error);

  /// The program, checked.
  Result<Program> finish();

private:
  Instruction &append(Opcode opcode, std::vector<Tile> operands,
                      const Tokens &tokens);

  Program program;
  Status error;
  int64_t top = 0;
  int depth = 0;
  int64_t source = -1;
  std::vector<bool> open; ///< of the loops begun, whether they are real
};

/// Slots that one engine fills and another empties: a buffer, a semaphore that
/// counts free slots (all at the start) and one that counts full ones (none).
/// The producer waits for `free` and signals `full`; the consumer waits for
/// `full` and signals `free`. Where several instructions of an engine use a
/// slot, the first waits and the last signals.
struct Stream {
  BufferId buffer;
  SemaphoreId free, full;

  Stream(Builder &builder, Type type, std::vector<int64_t> shape,
         int64_t slots = 2);

  Tokens produce() const { return {{free}, {full}}; }
  Tokens consume() const { return {{full}, {free}}; }
  Tokens first() const { return {{full}, {}}; }
  Tokens last() const { return {{}, {free}}; }
};

/// The union of both lists.
Tokens operator+(Tokens a, const Tokens &b);

} // namespace nm::isa

#endif // NM_ISA_BUILDER_H
