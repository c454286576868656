//===- Program.cpp - Atom programs of a PIFO mesh -------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Model/PifoMesh/Program.h"
#include <array>
#include <iterator>

namespace nm::mesh {

namespace {
struct OpInfo {
  const char *name;
  unsigned arity;
};
/// In the order of Op.
constexpr OpInfo kOps[] = {
    {"const", 0}, {"field", 0}, {"now", 0},    {"rank", 0},   {"pifo", 0},
    {"leaf", 0},  {"load", 0},  {"lookup", 1}, {"add", 2},    {"sub", 2},
    {"mul", 2},   {"and", 2},   {"or", 2},     {"xor", 2},    {"shl", 2},
    {"lshr", 2},  {"ashr", 2},  {"eq", 2},     {"ne", 2},     {"ult", 2},
    {"ule", 2},   {"slt", 2},   {"sle", 2},    {"select", 3}, {"zext", 1},
    {"sext", 1},  {"trunc", 1}};

int64_t signedValue(uint64_t value, unsigned bits) {
  return static_cast<int64_t>(value << (64 - bits)) >> (64 - bits);
}
} // namespace

const char *opName(Op op) { return kOps[static_cast<size_t>(op)].name; }

std::optional<Op> opFromName(const std::string &name) {
  for (size_t i = 0; i < std::size(kOps); ++i)
    if (name == kOps[i].name)
      return static_cast<Op>(i);
  return std::nullopt;
}

unsigned opArity(Op op) { return kOps[static_cast<size_t>(op)].arity; }

StateFile initialState(const std::vector<State> &states) {
  StateFile file;
  for (const State &state : states)
    file.emplace_back(state.entries, state.init);
  return file;
}

void execute(const Program &program, const StateFile &file,
             const ProgramInputs &inputs, ProgramResult &result) {
  std::array<uint64_t, 256> small;
  std::vector<uint64_t> large;
  uint64_t *v = small.data();
  if (program.values.size() > small.size()) {
    large.resize(program.values.size());
    v = large.data();
  }
  for (size_t i = 0; i < program.values.size(); ++i) {
    const Value &value = program.values[i];
    uint64_t a = value.a >= 0 ? v[value.a] : 0;
    uint64_t b = value.b >= 0 ? v[value.b] : 0;
    unsigned abits = value.a >= 0 ? program.values[value.a].bits : 1;
    uint64_t r = 0;
    switch (value.op) {
    case Op::Const:
      r = value.immediate;
      break;
    case Op::Field:
      r = (*inputs.fields)[value.index];
      break;
    case Op::Now:
      r = inputs.now;
      break;
    case Op::Rank:
      r = inputs.rank;
      break;
    case Op::Pifo:
      r = inputs.pifo;
      break;
    case Op::Leaf:
      r = inputs.leaf;
      break;
    case Op::Load:
      r = file[value.index][value.a >= 0 ? a : 0];
      break;
    case Op::Lookup:
      r = a < value.table.size() ? value.table[a] : 0;
      break;
    case Op::Add:
      r = a + b;
      break;
    case Op::Sub:
      r = a - b;
      break;
    case Op::Mul:
      r = a * b;
      break;
    case Op::And:
      r = a & b;
      break;
    case Op::Or:
      r = a | b;
      break;
    case Op::Xor:
      r = a ^ b;
      break;
    case Op::Shl:
      r = b < value.bits ? a << b : 0;
      break;
    case Op::LShr:
      r = b < value.bits ? a >> b : 0;
      break;
    case Op::AShr:
      r = signedValue(a, abits) >> (b < value.bits ? b : value.bits - 1);
      break;
    case Op::Eq:
      r = a == b;
      break;
    case Op::Ne:
      r = a != b;
      break;
    case Op::ULt:
      r = a < b;
      break;
    case Op::ULe:
      r = a <= b;
      break;
    case Op::SLt:
      r = signedValue(a, abits) < signedValue(b, abits);
      break;
    case Op::SLe:
      r = signedValue(a, abits) <= signedValue(b, abits);
      break;
    case Op::Select:
      r = a ? b : v[value.c];
      break;
    case Op::ZExt:
    case Op::Trunc:
      r = a;
      break;
    case Op::SExt:
      r = signedValue(a, abits);
      break;
    }
    v[i] = r & maskOf(value.bits);
  }
  result.rank = program.rank >= 0 ? v[program.rank] : 0;
  result.flow = program.flow >= 0 ? v[program.flow] : 0;
  result.writes.clear();
  for (const Store &store : program.stores)
    result.writes.push_back(
        {store.state, store.entry >= 0 ? v[store.entry] : 0, v[store.value]});
  result.fields.clear();
  for (const FieldWrite &write : program.writes)
    result.fields.push_back({write.field, v[write.value]});
}

} // namespace nm::mesh
