//===- ValidateProgram.cpp - Well-formed atom programs --------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Validator.h"

namespace nm::mesh {

/// Combinational: a packet's leaf is known in the cycle in which it comes.
bool Validator::checkClassifier() {
  if (!config.classifier)
    return true;
  here.classifier = true;
  const Program &program = *config.classifier;
  if (!inRange(program.values.size(), 1, 4096, "classifier: number of values"))
    return false;
  Block none;
  for (size_t i = 0; i < program.values.size(); ++i) {
    ++here.value;
    switch (program.values[i].op) {
    case Op::Now:
    case Op::Rank:
    case Op::Pifo:
    case Op::Leaf:
    case Op::Load:
      return fail("classifier, value " + str(i) + ": a classifier sees " +
                  "packet fields only, found " + opName(program.values[i].op));
    default:
      if (!checkValue(none, program, "classifier", i, false))
        return false;
    }
  }
  here.value = -1;
  int size = static_cast<int>(program.values.size());
  if (program.flow < 0 || program.flow >= size || program.rank >= 0 ||
      !program.stores.empty() || !program.writes.empty())
    return fail("classifier: expected the value that is the leaf, no rank "
                "and no stores");
  if (!inRange(program.values[program.flow].bits,
               indexBits(config.leaves.size()), 16,
               "classifier: bits of the leaf"))
    return false;
  here.classifier = false;
  return true;
}

bool Validator::checkValue(const Block &block, const Program &program,
                           const std::string &what, size_t i, bool dequeue) {
  const Value &value = program.values[i];
  std::string where = what + ", value " + str(i);
  if (!inRange(value.bits, 1, 64, where + ": bits"))
    return false;
  int operands[] = {value.a, value.b, value.c};
  unsigned arity = opArity(value.op);
  if (value.op == Op::Load && value.a >= 0)
    arity = 1;
  unsigned bits[3] = {0, 0, 0};
  for (unsigned k = 0; k < 3; ++k) {
    if ((operands[k] >= 0) != (k < arity))
      return fail(where + ": " + opName(value.op) + " takes " + str(arity) +
                  " operands");
    if (operands[k] >= 0 && static_cast<size_t>(operands[k]) >= i)
      return fail(where + ": operand " + str(operands[k]) +
                  " is not an earlier value");
    if (operands[k] >= 0)
      bits[k] = program.values[operands[k]].bits;
  }
  bool same = true;
  switch (value.op) {
  case Op::Const:
    if (value.immediate > maskOf(value.bits))
      return fail(where + ": constant " + str(value.immediate) +
                  " does not fit " + str(value.bits) + " bits");
    break;
  case Op::Field:
    if (value.index >= config.fields.size())
      return fail(where + ": field " + str(value.index) + " does not exist");
    if (dequeue && std::find(block.carry.begin(), block.carry.end(),
                             value.index) == block.carry.end())
      return fail(where +
                  ": a dequeue program sees the fields that its block "
                  "carries, and " +
                  quote(config.fields[value.index].name) + " is none of them");
    same = config.fields[value.index].bits == value.bits;
    break;
  case Op::Now:
    same = value.bits == config.nowBits;
    break;
  case Op::Rank:
    if (!dequeue)
      return fail(where + ": only a dequeue program sees a rank");
    same = value.bits == block.rankBits;
    break;
  case Op::Pifo:
    same = value.bits == indexBits(block.pifos.size());
    break;
  case Op::Leaf:
    if (dequeue)
      return fail(where + ": a dequeue program sees no leaf");
    same = value.bits == indexBits(config.leaves.size());
    break;
  case Op::Load:
    if (value.index >= block.states.size())
      return fail(where + ": state " + str(value.index) + " does not exist");
    same = block.states[value.index].bits == value.bits;
    break;
  case Op::Lookup:
    if (!inRange(value.table.size(), 1, 65536, where + ": table size"))
      return false;
    for (uint64_t entry : value.table)
      if (entry > maskOf(value.bits))
        return fail(where + ": table entry " + str(entry) + " does not fit " +
                    str(value.bits) + " bits");
    break;
  case Op::Eq:
  case Op::Ne:
  case Op::ULt:
  case Op::ULe:
  case Op::SLt:
  case Op::SLe:
    same = bits[0] == bits[1] && value.bits == 1;
    break;
  case Op::Select:
    same = bits[0] == 1 && bits[1] == value.bits && bits[2] == value.bits;
    break;
  case Op::ZExt:
  case Op::SExt:
    same = bits[0] < value.bits;
    break;
  case Op::Trunc:
    same = bits[0] > value.bits;
    break;
  default:
    same = bits[0] == value.bits && bits[1] == value.bits;
    break;
  }
  return same ||
         fail(where + ": the widths of " + opName(value.op) + " do not match");
}

bool Validator::checkProgram(const Block &block, const Program &program,
                             bool dequeue) {
  std::string where =
      "block " + quote(block.name) + ", program " + quote(program.name);
  if (!inRange(program.values.size(), 0, 4096, where + ": number of values"))
    return false;
  for (size_t i = 0; i < program.values.size(); ++i) {
    ++here.value;
    if (!checkValue(block, program, where, i, dequeue))
      return false;
  }
  here.value = -1;
  int size = static_cast<int>(program.values.size());
  if (dequeue ? program.rank >= 0 || program.flow >= 0
              : program.rank < 0 || program.rank >= size)
    return fail(where + (dequeue ? ": a dequeue program has no rank or flow"
                                 : ": an enqueue program needs a rank"));
  if (!dequeue && program.values[program.rank].bits != block.rankBits)
    return fail(where + ": rank has " + str(program.values[program.rank].bits) +
                " bits, expected " + str(block.rankBits));
  if (program.flow >= size)
    return fail(where + ": flow value " + str(program.flow) +
                " does not exist");
  return checkStateAccess(block, program, where) &&
         checkWrites(block, program, dequeue, where);
}

/// Only what leaves the mesh can be changed: references are not packets.
bool Validator::checkWrites(const Block &block, const Program &program,
                            bool dequeue, const std::string &where) {
  std::set<unsigned> written;
  int size = static_cast<int>(program.values.size());
  for (const FieldWrite &write : program.writes) {
    ++here.write;
    if (write.field >= config.fields.size() || write.value < 0 ||
        write.value >= size)
      return fail(where + ": a write refers to what does not exist");
    const Field &field = config.fields[write.field];
    if (!dequeue)
      return fail(where + ": writes field " + quote(field.name) +
                  ", which only a dequeue program does");
    if (!written.insert(write.field).second)
      return fail(where + ": field " + quote(field.name) + " is written twice");
    if (program.values[write.value].bits != field.bits)
      return fail(where + ": the value written has " +
                  str(program.values[write.value].bits) + " bits, field " +
                  quote(field.name) + " has " + str(field.bits));
    for (const LogicalPifo &pifo : block.pifos)
      for (const NextHop &hop : pifo.next)
        if (pifo.dequeueProgram >= 0 &&
            &block.programs[pifo.dequeueProgram] == &program &&
            hop.kind != NextHop::Kind::Transmit)
          return fail(where + ": writes field " + quote(field.name) +
                      ", but elements of logical pifo " + quote(pifo.name) +
                      " do not leave the mesh");
  }
  here.write = -1;
  return true;
}

/// A state is read and written at one entry per element: its memory has one
/// address a cycle.
bool Validator::checkStateAccess(const Block &block, const Program &program,
                                 const std::string &where) {
  std::vector<int> entry(block.states.size(), -2);
  std::vector<bool> stored(block.states.size());
  auto touch = [&](unsigned state, int at) {
    if (entry[state] != -2 && entry[state] != at)
      return fail(where + ": state " + quote(block.states[state].name) +
                  " is touched at two entries");
    entry[state] = at;
    uint64_t reach = at < 0 ? 1 : maskOf(program.values[at].bits) + uint64_t(1);
    if (reach == 0 || reach > block.states[state].entries)
      return fail(where + ": state " + quote(block.states[state].name) +
                  " has " + str(block.states[state].entries) +
                  " entries, fewer than its entry value reaches");
    return true;
  };
  for (const Value &value : program.values) {
    ++here.value;
    if (value.op == Op::Load && !touch(value.index, value.a))
      return false;
  }
  here.value = -1;
  for (const Store &store : program.stores) {
    ++here.store;
    int size = static_cast<int>(program.values.size());
    if (store.state >= block.states.size() || store.value < 0 ||
        store.value >= size || store.entry >= size)
      return fail(where + ": a store refers to what does not exist");
    if (stored[store.state])
      return fail(where + ": state " + quote(block.states[store.state].name) +
                  " is stored twice");
    stored[store.state] = true;
    if (program.values[store.value].bits != block.states[store.state].bits)
      return fail(where + ": the stored value has " +
                  str(program.values[store.value].bits) + " bits, state " +
                  quote(block.states[store.state].name) + " has " +
                  str(block.states[store.state].bits));
    if (!touch(store.state, store.entry))
      return false;
  }
  here.store = -1;
  return true;
}

} // namespace nm::mesh
