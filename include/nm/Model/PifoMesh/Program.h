//===- Program.h - Atom programs of a PIFO mesh -----------------*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A transaction as the atoms in front of a block execute it: straight-line code
// in SSA form over bit vectors of at most 64 bits, executed once per element
// within one cycle ("Programmable Packet Scheduling at Line Rate",
// section 4.1). The model interprets it; the SystemVerilog writer prints it as
// combinational logic. Plain C++: the Verilator testbench links this library
// without LLVM.
//
//===----------------------------------------------------------------------===//

#ifndef NM_MODEL_PIFOMESH_PROGRAM_H
#define NM_MODEL_PIFOMESH_PROGRAM_H

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace nm::mesh {

/// What computes one value of a program. Operands are earlier values.
enum class Op {
  Const,  ///< immediate
  Field,  ///< packet field number `index`; if popped, one that is carried
  Now,    ///< wall clock
  Rank,   ///< rank of the popped element; dequeue programs only
  Pifo,   ///< number of the logical PIFO in its block
  Leaf,   ///< number of the packet's leaf; enqueue programs only
  Load,   ///< state number `index` at entry a (none: entry 0)
  Lookup, ///< constant table at entry a; 0 beyond its end
  Add,
  Sub,
  Mul,
  And,
  Or,
  Xor,
  Shl,
  LShr,
  AShr,
  Eq,
  Ne,
  ULt,
  ULe,
  SLt,
  SLe,
  Select, ///< a ? b : c
  ZExt,
  SExt,
  Trunc
};

/// The name of an operation in the JSON format.
const char *opName(Op op);
std::optional<Op> opFromName(const std::string &name);
/// The number of operands that must be present (Load takes zero or one).
unsigned opArity(Op op);

struct Value {
  Op op = Op::Const;
  unsigned bits = 1;      ///< 1 to 64
  uint64_t immediate = 0; ///< Const
  unsigned index = 0;     ///< Field, Load
  int a = -1, b = -1, c = -1;
  std::vector<uint64_t> table; ///< Lookup
};

struct Store {
  unsigned state = 0;
  int entry = -1; ///< value that selects the entry; -1: entry 0
  int value = -1;
};

/// A packet that leaves takes this along.
struct FieldWrite {
  unsigned field = 0;
  int value = -1;
};

struct Program {
  std::string name;
  std::vector<Value> values;
  /// Enqueue programs: the rank and the flow within the logical PIFO's range
  /// (-1: flow 0). Dequeue programs have neither.
  int rank = -1;
  int flow = -1;
  /// All stores happen together, after every load.
  std::vector<Store> stores;
  /// Dequeue programs of logical PIFOs whose elements leave: fields of the
  /// packet, all changed together after every read.
  std::vector<FieldWrite> writes;
};

/// One state variable or array of a block.
struct State {
  std::string name;
  unsigned bits = 32;
  uint64_t entries = 1;
  uint64_t init = 0;
};

/// The contents of a block's states.
using StateFile = std::vector<std::vector<uint64_t>>;
StateFile initialState(const std::vector<State> &states);

/// The all-ones value of `bits` bits.
constexpr uint64_t maskOf(unsigned bits) {
  return bits >= 64 ? ~uint64_t(0) : (uint64_t(1) << bits) - 1;
}

struct ProgramResult {
  uint64_t rank = 0;
  uint64_t flow = 0;
  struct Write {
    unsigned state;
    uint64_t entry, value;
  };
  std::vector<Write> writes;
  /// Number and value of each field that is written.
  std::vector<std::pair<unsigned, uint64_t>> fields;
};

/// What a program sees besides the state.
struct ProgramInputs {
  /// Of the packet; in dequeue programs those that the block carries.
  const std::vector<uint64_t> *fields = nullptr;
  uint64_t now = 0;
  uint64_t rank = 0; ///< dequeue programs
  unsigned pifo = 0;
  unsigned leaf = 0; ///< enqueue programs
};

/// Executes a valid program; writes are returned, not performed, because two
/// transactions of one cycle both read the state that the cycle began with.
/// Validation admits only arrays whose entry values cannot reach beyond.
void execute(const Program &program, const StateFile &file,
             const ProgramInputs &inputs, ProgramResult &result);

} // namespace nm::mesh

#endif // NM_MODEL_PIFOMESH_PROGRAM_H
