//===- Growth.cpp - Ranks that never fall within a flow -------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A block sorts the heads of flows and keeps the rest of each flow in arrival
// order (section 5.2 of the paper), so ranks must not fall within a flow. The
// proofs here are simple ones over values as unbounded numbers: clocks and
// states are taken not to overflow. What is made of packet fields must not, and
// bits are cut off only at the end, from wrapping ranks, which are as good as
// unbounded while they stay within half their range.
//
//===----------------------------------------------------------------------===//

#include "nm/Model/PifoMesh/Proofs.h"
#include <utility>

namespace nm::mesh {

namespace {

class Growth {
public:
  Growth(const Program &program, const Program *dequeue,
         const std::vector<bool> &fixedFields)
      : program(program), dequeue(dequeue), fixedFields(fixedFields) {
    for (const Value &value : program.values)
      bounds.push_back(boundOfValue(program, bounds, value));
  }

  bool run(bool serial) { return grows(program.rank, 0, serial); }

private:
  const Program &program;
  const Program *dequeue;
  const std::vector<bool> &fixedFields;
  std::vector<unsigned> bounds; ///< bits that can be set, by value
  static constexpr unsigned kDepth = 48, kSteps = 100000;
  /// Conditions of the choices on the way to the value at hand.
  mutable std::vector<std::pair<int, bool>> assumed;
  mutable unsigned steps = 0;

  const Value &at(int v) const { return program.values[v]; }

  static const Store *storeTo(const Program *program, unsigned state) {
    if (program)
      for (const Store &store : program->stores)
        if (store.state == state)
          return &store;
    return nullptr;
  }

  /// Equal for all elements of a flow.
  bool fixed(int v, unsigned depth) const {
    if (v < 0)
      return true;
    if (depth > kDepth)
      return false;
    const Value &value = at(v);
    switch (value.op) {
    case Op::Const:
    case Op::Pifo:
    case Op::Leaf: // seen only through tables by child
      return true;
    case Op::Field:
      return fixedFields[value.index];
    case Op::Now:
    case Op::Rank:
      return false;
    case Op::Load:
      return !storeTo(&program, value.index) &&
             !storeTo(dequeue, value.index) && fixed(value.a, depth + 1);
    default:
      return fixed(value.a, depth + 1) && fixed(value.b, depth + 1) &&
             fixed(value.c, depth + 1);
    }
  }

  /// The sign bit is clear, and nothing overflowed on the way.
  bool nonNegative(int v) const { return bounds[v] < at(v).bits; }

  /// The low `bits` bits are all of the number.
  bool fits(int v, unsigned bits) const {
    if (bounds[v] <= bits)
      return true;
    // min(v, constant), unsigned.
    const Value &value = at(v);
    return isExtreme(value) && at(value.a).op == Op::ULt &&
           at(value.a).a == value.b && bounds[value.b] <= bits;
  }

  /// max(a, b) or min(a, b), written as a comparison and a choice.
  bool isExtreme(const Value &value) const {
    if (value.op != Op::Select)
      return false;
    const Value &c = at(value.a);
    bool relation = c.op == Op::SLt || c.op == Op::SLe || c.op == Op::ULt ||
                    c.op == Op::ULe;
    return relation && ((c.a == value.b && c.b == value.c) ||
                        (c.a == value.c && c.b == value.b));
  }
  bool isMax(const Value &value) const {
    return isExtreme(value) && at(value.a).a == value.c;
  }

  /// v >= the old value of `state`, under the conditions assumed.
  bool atLeast(int v, unsigned state, unsigned depth) const {
    if (depth > kDepth || ++steps > kSteps)
      return false;
    const Value &value = at(v);
    switch (value.op) {
    case Op::Load:
      return value.index == state;
    case Op::Add:
      return (atLeast(value.a, state, depth + 1) && nonNegative(value.b)) ||
             (atLeast(value.b, state, depth + 1) && nonNegative(value.a));
    case Op::Select: {
      if (isMax(value) && (atLeast(value.b, state, depth + 1) ||
                           atLeast(value.c, state, depth + 1)))
        return true;
      for (auto [condition, holds] : assumed)
        if (condition == value.a)
          return atLeast(holds ? value.b : value.c, state, depth + 1);
      bool result = true;
      for (bool holds : {true, false}) {
        assumed.push_back({value.a, holds});
        result &= atLeast(holds ? value.b : value.c, state, depth + 1);
        assumed.pop_back();
      }
      return result;
    }
    case Op::ZExt:
    case Op::SExt:
      return atLeast(value.a, state, depth + 1);
    default:
      return false;
    }
  }

  /// The value the rank was before it was cut to its width.
  int wideRank() const {
    int v = program.rank;
    while (true) {
      const Value &value = at(v);
      bool byConst = value.op == Op::Shl && at(value.b).op == Op::Const;
      if (value.op != Op::Trunc && value.op != Op::ZExt && !byConst)
        return v;
      v = value.a;
    }
  }

  /// The popped rank, or its wide form: the base plus the signed distance.
  static bool isPopped(const Program &program, int v) {
    const Value &value = program.values[v];
    switch (value.op) {
    case Op::Rank:
      return true;
    case Op::ZExt:
    case Op::SExt:
    case Op::Trunc:
    case Op::LShr:
      return isPopped(program, value.a);
    case Op::Sub:
      return isPopped(program, value.a);
    case Op::Add:
      return program.values[value.a].op == Op::Load &&
             isPopped(program, value.b);
    default:
      return false;
    }
  }

  /// The state never falls, entry by entry.
  bool stateGrows(unsigned state, unsigned depth) const {
    if (const Store *store = storeTo(&program, state))
      if (!atLeast(store->value, state, depth + 1))
        return false;
    const Store *store = storeTo(dequeue, state);
    if (!store)
      return true;
    // Start-time fair queueing: what is popped was at least the virtual time
    // when it was pushed, so the popped ranks never fall.
    return isPopped(*dequeue, store->value) && !storeTo(&program, state) &&
           atLeast(wideRank(), state, 0);
  }

  /// Never falls from one element of a flow to the next. `serial`: all that
  /// counts of the number are bits that serial numbers are made of, so that
  /// upper ones may be cut off.
  bool grows(int v, unsigned depth, bool serial = false) const {
    if (depth > kDepth)
      return false;
    if (fixed(v, depth))
      return true;
    // What a growing state is set to grows.
    for (const Store &store : program.stores)
      if (store.value == v && fixed(store.entry, depth) &&
          !storeTo(dequeue, store.state) && atLeast(v, store.state, depth + 1))
        return true;
    const Value &value = at(v);
    auto both = [&](bool cut) {
      return grows(value.a, depth + 1, cut) && grows(value.b, depth + 1, cut);
    };
    switch (value.op) {
    case Op::Now:
      return true;
    case Op::Load:
      return fixed(value.a, depth + 1) && stateGrows(value.index, depth + 1);
    case Op::Add:
      return both(serial);
    case Op::Sub:
      return grows(value.a, depth + 1, serial) && fixed(value.b, depth + 1);
    case Op::ZExt:
    case Op::SExt:
      return grows(value.a, depth + 1);
    case Op::Trunc:
      return (serial || fits(value.a, value.bits)) &&
             grows(value.a, depth + 1, serial);
    case Op::Mul:
      return both(false) && nonNegative(value.a) && nonNegative(value.b);
    case Op::Shl:
    case Op::LShr:
    case Op::AShr:
      return at(value.b).op == Op::Const && grows(value.a, depth + 1);
    case Op::Select:
      if (isExtreme(value))
        return grows(value.b, depth + 1) && grows(value.c, depth + 1);
      return fixed(value.a, depth + 1) && grows(value.b, depth + 1, serial) &&
             grows(value.c, depth + 1, serial);
    default:
      return false;
    }
  }
};

} // namespace

bool ranksGrow(const Program &enqueue, const Program *dequeue,
               const std::vector<bool> &fixed, bool serial) {
  return Growth(enqueue, dequeue, fixed).run(serial);
}

} // namespace nm::mesh
