//===- Program.h - A program for an ATTACC accelerator -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The program as compiler, assembler, binary file and simulator share it; the
// attacc dialect spells the same in MLIR, and docs/attacc-isa.md defines what
// it means. A machine has load and store channels between DRAM and scratchpad,
// an array for matrix products and a special function unit. Each of these
// engines (each channel being one for loads and one for stores) has a sequencer
// of its own, which walks the whole program with its hardware loops and runs
// the instructions of its engine in order, one at a time. An instruction begins
// when every semaphore that it waits for counts at least one; it takes one from
// each then, and adds one to each that it signals when it has ended. At a
// barrier all engines meet. Nothing else orders two engines. One engine signals
// a semaphore and one waits for it, so which signal meets which wait does not
// depend on time.
//
// Plain C++17: neither LLVM nor MLIR.
//
//===----------------------------------------------------------------------===//

#ifndef NM_ISA_PROGRAM_H
#define NM_ISA_PROGRAM_H

#include "nm/Machine/Device.h"
#include "nm/Support/DType.h"
#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace nm::isa {

using model::SparsePattern;
using model::Stationarity;
using support::Errc;
using support::Error;
using support::Result;
using support::Status;

inline constexpr int kMaxRank = 4;  ///< of tensors, buffers and tiles
inline constexpr int kMaxLoops = 8; ///< nested hardware loops
inline constexpr int64_t kMaxSize = (int64_t(1) << 31) - 1; ///< of a dimension
inline constexpr int64_t kMaxSlots = 256;
inline constexpr int64_t kMaxCount = 255; ///< of a semaphore at the start
inline constexpr int64_t kMaxChannels = 64;

/// Elements in memory. Arithmetic is f32 everywhere; what is written is rounded
/// once, to nearest even. I8 holds the packed indices of N:M weights.
enum class Type : uint8_t {
#define TYPE(symbol, word) symbol,
#include "nm/Isa/Instructions.def"
};
/// Bytes of an element.
constexpr int64_t typeBytes(Type type) {
  return type == Type::F32 ? 4 : type == Type::I8 ? 1 : 2;
}

enum class Role : uint8_t {
#define ROLE(symbol, word) symbol,
#include "nm/Isa/Instructions.def"
};

/// How the content of a parameter follows from the checkpoint's tensor.
enum class Part : uint8_t {
#define PART(symbol, word) symbol,
#include "nm/Isa/Instructions.def"
};

constexpr bool isIndices(Part part) {
  return part == Part::Indices || part == Part::TransposedIndices;
}
constexpr bool isValues(Part part) {
  return part == Part::Values || part == Part::TransposedValues;
}
/// Of a weight whose reduction is its first dimension.
constexpr bool isTransposed(Part part) { return part >= Part::Transposed; }

/// An entry of the table of DRAM tensors. Whoever runs the program binds an
/// address to it.
struct Tensor {
  std::string name; ///< not empty, unique in the program
  Role role = Role::Scratch;
  Type type = Type::F32;
  std::vector<int64_t> shape;   ///< 1 to kMaxRank sizes of 1 to kMaxSize
  std::vector<int64_t> strides; ///< in elements, positive; empty: row-major

  /// The tensor as the caller of the program sees it (In, Out) or as the
  /// checkpoint holds it (Param): any rank, as many elements as `shape`, or
  /// empty for `shape` itself. Whoever binds it converts hostType to type.
  std::vector<int64_t> hostShape;
  Type hostType = Type::F32;

  std::string key;   ///< Param: in the checkpoint
  std::string scope; ///< Param: which checkpoint; empty: the only one
  Part part = Part::Whole;
  SparsePattern pattern; ///< Param: of values and indices

  /// Constant: row-major elements of `type`, little endian.
  std::vector<uint8_t> data;
};

/// Slots of equal shape at a fixed place of the scratchpad, without gaps, slot
/// s at address + s * bytes of the shape.
struct Buffer {
  int64_t address = 0; ///< a multiple of the element's bytes
  int64_t slots = 1;
  Type type = Type::F32;
  std::vector<int64_t> shape; ///< row-major
};

enum class Space : uint8_t {
#define SPACE(symbol, word) symbol,
#include "nm/Isa/Instructions.def"
};

/// How the counter of a loop moves a tile.
struct Counter {
  uint8_t depth = 0; ///< of the loop: 0 is the outermost around the instruction
  std::array<int64_t, kMaxRank> steps{}; ///< by dimension of the object
  int64_t slotStep = 0;                  ///< not negative; buffers only
};

/// A box of a tensor or a buffer. With counter values c, it begins at
/// offsets[k] + sum c * steps[k] in dimension k and lies in slot
/// (slot + sum c * slotStep) mod slots.
struct Tile {
  Space space = Space::Scratchpad;
  uint32_t object = 0; ///< index in Program::tensors or Program::buffers
  std::array<int64_t, kMaxRank> offsets{};
  std::array<int64_t, kMaxRank> sizes{}; ///< for each dimension of the object
  int64_t slot = 0;
  std::vector<Counter> counters; ///< ascending depth, no depth twice
  /// The tile's own dimensions, as dimensions of the object, each at most once;
  /// the box has size 1 in those left out. {1, 0} transposes.
  std::vector<uint8_t> dims;

  int64_t rank() const { return static_cast<int64_t>(dims.size()); }
  int64_t size(int64_t dim) const { return sizes[dims[dim]]; }
};

enum class Engine : uint8_t {
#define ENGINE(symbol, word) symbol,
#include "nm/Isa/Instructions.def"
};

/// nm/Isa/Instructions.def has the operands of each.
enum class Opcode : uint8_t {
#define INSTRUCTION(symbol, word, engine, ...) symbol,
#include "nm/Isa/Instructions.def"
};

enum class BinaryKind : uint8_t {
#define BINARY(symbol, word, ...) symbol,
#include "nm/Isa/Instructions.def"
};
enum class UnaryKind : uint8_t {
#define UNARY(symbol, word, ...) symbol,
#include "nm/Isa/Instructions.def"
};

/// A number that loop counters move.
struct Affine {
  int64_t base = 0;
  std::vector<std::pair<uint8_t, int64_t>> steps; ///< depth, step; as Counter
};

struct Instruction {
  Opcode opcode = Opcode::Barrier;
  /// Of Load, Store and of a Sync on those: which of the channels.
  uint8_t channel = 0;
  Engine syncEngine = Engine::Array; ///< of Sync

  std::vector<Tile> operands;           ///< as the description lists them
  std::vector<uint32_t> waits, signals; ///< semaphores; none twice in a list

  // Gemm, NMGemm.
  Stationarity stationary = Stationarity::Output;
  bool transposeLhs = false, transposeRhs = false; ///< Gemm
  SparsePattern pattern;                           ///< NMGemm
  /// What an instruction adds to (Access::Accumulate) holds a part of it.
  bool accumulate = false;

  bool reciprocal = false; ///< Scale: divides; 0 where the factor is 0
  BinaryKind binary = BinaryKind::Add;
  UnaryKind unary = UnaryKind::Copy;
  /// Softmax: scale before the maximum. Gemm: factor of the product, 1 if none.
  /// LayerNorm: epsilon, positive. Fill: the value. Others: unused.
  float value = 1;

  /// Mask: element (i, j) of the tile is query position
  /// floor((row + i) / group) and key position column + j. It becomes minus
  /// infinity if causal and key > query; if window > 0 and key + window <=
  /// query; or if key >= keys and keys > 0.
  Affine row, column;
  int64_t group = 1, window = 0, keys = 0;
  bool causal = false;

  int64_t trips = 1; ///< Loop: 1 to kMaxSize

  /// Number in the source (of the dialect's operation, or the line of the
  /// assembly), for messages; not part of the program.
  int64_t source = -1;
};

/// What a program must know of the machine to be legal on it.
struct Target {
  std::string name; ///< of the device description
  int64_t scratchpadBytes = 0;
  int64_t channels = 1;
  /// Products that the array runs side by side on segments of its columns; 1:
  /// it has no segments.
  int64_t segments = 1;
  std::vector<SparsePattern> patterns; ///< that the array decodes
};

/// The facts of a description that bound a program.
Target targetOf(const model::Device &device);

struct Program {
  std::string name;
  Target target;
  std::vector<Tensor> tensors;
  std::vector<Buffer> buffers;
  std::vector<int64_t> semaphores; ///< counts at the start
  /// In program order; loops and their ends nest.
  std::vector<Instruction> code;
};

const char *toString(Type type); ///< "f32", "f16", "bf16", "i8"
/// The same element types among those of checkpoints; false if a program has
/// none such.
support::DType dtypeOf(Type type);
bool typeOf(support::DType dtype, Type &type);
const char *toString(Role role);     ///< "in", "out", "param", ...
const char *toString(Part part);     ///< "whole", "values", ...
const char *toString(Space space);   ///< "dram", "scratchpad"
const char *toString(Engine engine); ///< "load", "store", "array", "special"
const char *toString(Opcode opcode); ///< "load", "nm_gemm", ...
const char *toString(BinaryKind kind);
const char *toString(UnaryKind kind);

/// Operands that an instruction of `opcode` has.
int numOperands(Opcode opcode);
/// Whether an instruction reads or writes operand `index`, and both where it
/// accumulates.
bool readsOperand(const Instruction &instruction, int index);
bool writesOperand(const Instruction &instruction, int index);

/// The engine that runs it; not of Barrier, Loop and EndLoop.
Engine engineOf(const Instruction &instruction);
/// Engines numbered 0 to numQueues - 1: loads by channel, stores by channel,
/// array, special.
int queueOf(const Instruction &instruction, const Target &target);
inline int numQueues(const Target &target) {
  return static_cast<int>(2 * target.channels + 2);
}
/// "load 0", "store 2", "array", "special".
std::string queueName(int queue, const Target &target);

/// Elements of a tensor without strides or of one slot; saturates at 2^62.
int64_t numElements(const std::vector<int64_t> &shape);
/// Strides in elements of a tensor or a buffer.
std::vector<int64_t> stridesOf(const Tensor &tensor);
std::vector<int64_t> stridesOf(const Buffer &buffer);
/// Bytes from the first to past the last element of a tensor; those of a slot.
int64_t extentBytes(const Tensor &tensor);
int64_t slotBytes(const Buffer &buffer);

/// Entry of a program that an error is about.
struct Place {
  enum Table : uint8_t { Whole, OfTarget, Tensors, Buffers, Semaphores, Code };
  Table table = Whole;
  size_t index = 0; ///< in its table
};

/// Checks everything that can be said of each entry and instruction by itself:
/// sizes, types, shapes, bounds of every tile for every value of its loops,
/// nesting, channels, patterns, one engine on each side of a semaphore. The
/// rules are those of the dialect's verifiers, and messages begin with their
/// numbers ("[attacc_tile_c3] instruction 12 (load), operand 0: ..."). Whoever
/// executes a program needs what this accepts; it never crashes, whatever the
/// program holds. Time is linear in the program's text. `place`, if not null,
/// is set to what an error is about.
Status checkProgram(const Program &program, Place *place = nullptr);

} // namespace nm::isa

#endif // NM_ISA_PROGRAM_H
