//===- Atoms.cpp - Programs as atoms of line-rate hardware ----------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Model/PifoMesh/Atoms.h"
#include <algorithm>
#include <map>
#include <set>

namespace nm::mesh {

const char *atomName(Atom atom) {
  static const char *const names[] = {"stateless",  "rw",          "raw",
                                      "pred_raw",   "if_else_raw", "sub",
                                      "nested_ifs", "pair"};
  return names[static_cast<int>(atom)];
}

Atom AtomReport::strongest() const {
  Atom result = Atom::Stateless;
  for (const StateAtom &atom : stateful)
    result = std::max(result, atom.atom);
  return result;
}

namespace {
unsigned ones(uint64_t value) {
  unsigned count = 0;
  for (; value; value &= value - 1)
    ++count;
  return count;
}

/// What one path through the decisions computes: a sum of states of the group
/// and of one packet value.
struct Leaf {
  std::map<unsigned, int> states;
  bool packet = false;
  std::set<int> predicates = {}; ///< those on the path, each once
};

/// The leaves of a value.
struct Outcome {
  std::vector<Leaf> leaves;

  /// How many predicates decide about the deepest one.
  size_t levels() const {
    size_t most = 0;
    for (const Leaf &leaf : leaves)
      most = std::max(most, leaf.predicates.size());
    return most;
  }
  void all(std::set<int> &predicates) const {
    for (const Leaf &leaf : leaves)
      predicates.insert(leaf.predicates.begin(), leaf.predicates.end());
  }
};

class Classifier {
public:
  Classifier(const Block &block, const Program &program)
      : block(block), program(program) {}

  AtomReport run() {
    checkOperations();
    if (report.refusal.empty())
      group();
    return std::move(report);
  }

private:
  const Block &block;
  const Program &program;
  AtomReport report;
  std::vector<bool> inGroup; ///< by state: belongs to the group at hand
  std::map<int, bool> dependsMemo;

  bool refuse(const std::string &message) {
    if (report.refusal.empty())
      report.refusal = message;
    return false;
  }
  const Value &at(int value) const { return program.values[value]; }
  bool isConst(int value) const { return at(value).op == Op::Const; }
  std::string quote(unsigned state) const {
    return "'" + block.states[state].name + "'";
  }

  /// What no atom has, whatever its operands.
  void checkOperations() {
    for (size_t i = 0; i < program.values.size(); ++i) {
      const Value &value = program.values[i];
      switch (value.op) {
      case Op::Mul: {
        if (!isConst(value.a) && !isConst(value.b)) {
          refuse("a product of two variables: atoms add and subtract; "
                 "multiply by a constant, or look the product up");
          return;
        }
        uint64_t factor = at(isConst(value.b) ? value.b : value.a).immediate;
        report.stateless += std::max(1u, ones(factor)) - 1;
        break;
      }
      case Op::Shl:
      case Op::LShr:
      case Op::AShr:
        if (!isConst(value.b)) {
          refuse("a shift by a variable: atoms shift by constants, which are "
                 "wires");
          return;
        }
        break;
      case Op::Lookup:
      case Op::Add:
      case Op::Sub:
      case Op::And:
      case Op::Or:
      case Op::Xor:
      case Op::Eq:
      case Op::Ne:
      case Op::ULt:
      case Op::ULe:
      case Op::SLt:
      case Op::SLe:
      case Op::Select:
        ++report.stateless;
        break;
      default:
        break;
      }
    }
  }

  void states(int value, std::vector<bool> &found,
              std::vector<bool> &seen) const {
    if (value < 0 || seen[value])
      return;
    seen[value] = true;
    if (at(value).op == Op::Load)
      found[at(value).index] = true;
    states(at(value).a, found, seen);
    states(at(value).b, found, seen);
    states(at(value).c, found, seen);
  }

  /// Groups of states whose new values depend on one another's old values.
  void group() {
    size_t n = block.states.size();
    std::vector<std::vector<bool>> reach(n, std::vector<bool>(n));
    std::vector<int> stored(n, -1);
    std::vector<bool> touched(n);
    for (const Store &store : program.stores) {
      stored[store.state] = store.value;
      touched[store.state] = true;
      std::vector<bool> seen(program.values.size());
      states(store.value, reach[store.state], seen);
    }
    for (const Value &value : program.values)
      if (value.op == Op::Load)
        touched[value.index] = true;
    for (size_t k = 0; k < n; ++k)
      for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < n; ++j)
          if (reach[i][k] && reach[k][j])
            reach[i][j] = true;
    std::vector<bool> done(n);
    for (size_t s = 0; s < n; ++s) {
      if (done[s] || !touched[s])
        continue;
      StateAtom atom;
      inGroup.assign(n, false);
      for (size_t t = s; t < n; ++t)
        if (t == s || (reach[s][t] && reach[t][s])) {
          atom.states.push_back(static_cast<unsigned>(t));
          inGroup[t] = done[t] = true;
        }
      if (atom.states.size() > 2) {
        std::string names;
        for (unsigned t : atom.states)
          names += (names.empty() ? "" : ", ") + quote(t);
        refuse("states " + names +
               " depend on one another; an atom holds at most two");
        return;
      }
      if (!fit(atom, stored))
        return;
      report.stateful.push_back(std::move(atom));
    }
  }

  bool depends(int value) {
    if (value < 0)
      return false;
    auto it = dependsMemo.find(value);
    if (it != dependsMemo.end())
      return it->second;
    bool result = at(value).op == Op::Load && inGroup[at(value).index];
    // The address of a state comes from the packet and is no data dependence.
    if (at(value).op != Op::Load)
      result =
          depends(at(value).a) || depends(at(value).b) || depends(at(value).c);
    return dependsMemo[value] = result;
  }

  bool fit(StateAtom &atom, const std::vector<int> &stored) {
    dependsMemo.clear();
    for (unsigned state : atom.states) {
      Outcome outcome;
      if (stored[state] < 0)
        continue; // only read: rw
      if (!evaluate(stored[state], outcome))
        return refuse("the new value of state " + quote(state) +
                      " does not fit an atom");
      if (outcome.levels() > 2)
        return refuse("the new value of state " + quote(state) +
                      " is decided by " + std::to_string(outcome.levels()) +
                      " predicates in a row; an atom has two");
      bool adds = false, subtracts = false, keeps = false;
      for (const Leaf &leaf : outcome.leaves) {
        for (auto &[other, factor] : leaf.states)
          if (factor != 1)
            return refuse("state " + quote(other) + " enters the new value " +
                          "of state " + quote(state) +
                          " negated or twice; an atom adds to it once");
        if (leaf.states.size() > 1)
          return refuse("the new value of state " + quote(state) +
                        " is a sum of two states");
        bool own = leaf.states.count(state) > 0;
        if (own && !leaf.packet)
          keeps = true;
        else if (own)
          adds = true;
      }
      subtracts = subtracts || subtraction(stored[state]);
      Atom needed = outcome.levels() == 2            ? Atom::NestedIfs
                    : subtracts && adds              ? Atom::Sub
                    : outcome.levels() == 1 && keeps ? Atom::PredRAW
                    : outcome.levels() == 1          ? Atom::IfElseRAW
                    : adds                           ? Atom::RAW
                                                     : Atom::RW;
      atom.atom = std::max(atom.atom, needed);
    }
    if (atom.states.size() == 2)
      atom.atom = Atom::Pair;
    return true;
  }

  /// Whether a packet value is subtracted from the state on the way.
  bool subtraction(int value) {
    if (value < 0 || !depends(value))
      return false;
    const Value &v = at(value);
    if (v.op == Op::Sub)
      return true;
    if (v.op == Op::Select)
      return subtraction(v.b) || subtraction(v.c);
    return subtraction(v.a) || subtraction(v.b) || subtraction(v.c);
  }

  /// The predicates of a condition; false if no atom decides it.
  bool condition(int value, std::set<int> &predicates) {
    const Value &v = at(value);
    switch (depends(value) ? v.op : Op::Load) {
    case Op::Eq:
    case Op::Ne:
    case Op::ULt:
    case Op::ULe:
    case Op::SLt:
    case Op::SLe: {
      Outcome a, b;
      if (!evaluate(v.a, a) || !evaluate(v.b, b))
        return false;
      a.all(predicates);
      b.all(predicates);
      predicates.insert(value);
      return true;
    }
    case Op::And:
    case Op::Or:
    case Op::Xor:
      // An inversion is free: the sides change places.
      if (v.op == Op::Xor && (isConst(v.a) || isConst(v.b)))
        return condition(isConst(v.a) ? v.b : v.a, predicates);
      return condition(v.a, predicates) && condition(v.b, predicates);
    case Op::Load: // a flag, of the state or of the packet
      predicates.insert(value);
      return true;
    default:
      return refuse(std::string("a predicate on '") + opName(v.op) +
                    "' of a state; atoms compare sums");
    }
  }

  bool evaluate(int value, Outcome &out) {
    const Value &v = at(value);
    if (!depends(value)) {
      out.leaves.push_back({{}, true});
      return true;
    }
    switch (v.op) {
    case Op::Load:
      out.leaves.push_back({{{v.index, 1}}, false});
      return true;
    case Op::ZExt:
    case Op::SExt:
    case Op::Trunc:
      return evaluate(v.a, out);
    case Op::Add:
    case Op::Sub:
      return sum(v, out);
    case Op::Select:
      return choose(v, out);
    case Op::Eq:
    case Op::Ne:
    case Op::ULt:
    case Op::ULe:
    case Op::SLt:
    case Op::SLe:
    case Op::And:
    case Op::Or:
    case Op::Xor:
      // A flag: written as either constant, under its condition.
      if (v.bits == 1) {
        Leaf leaf{{}, true};
        if (!condition(value, leaf.predicates))
          return false;
        out.leaves.push_back(std::move(leaf));
        return true;
      }
      [[fallthrough]];
    default:
      return refuse(std::string("'") + opName(v.op) +
                    "' of a state: atoms add, subtract, compare and choose");
    }
  }

  bool sum(const Value &v, Outcome &out) {
    Outcome a, b;
    if (!evaluate(v.a, a) || !evaluate(v.b, b))
      return false;
    if (a.leaves.size() * b.leaves.size() > 64)
      return refuse("more than 64 cases of one state update");
    int sign = v.op == Op::Sub ? -1 : 1;
    for (const Leaf &left : a.leaves)
      for (const Leaf &right : b.leaves) {
        Leaf leaf = left;
        leaf.packet |= right.packet;
        leaf.predicates.insert(right.predicates.begin(),
                               right.predicates.end());
        for (auto &[state, factor] : right.states)
          if ((leaf.states[state] += sign * factor) == 0)
            leaf.states.erase(state);
        out.leaves.push_back(std::move(leaf));
      }
    return true;
  }

  bool choose(const Value &v, Outcome &out) {
    Outcome a, b;
    std::set<int> predicates;
    if (!condition(v.a, predicates) || !evaluate(v.b, a) || !evaluate(v.c, b))
      return false;
    // A choice among packet values under a packet's condition is made before
    // the atom.
    if (!depends(v.a) && a.leaves.size() == 1 && b.leaves.size() == 1 &&
        a.leaves[0].states == b.leaves[0].states) {
      out.leaves.push_back(a.leaves[0]);
      out.leaves[0].packet |= b.leaves[0].packet;
      return true;
    }
    for (Outcome *side : {&a, &b})
      for (Leaf &leaf : side->leaves) {
        leaf.predicates.insert(predicates.begin(), predicates.end());
        out.leaves.push_back(std::move(leaf));
      }
    return true;
  }
};
} // namespace

AtomReport classify(const Block &block, const Program &program) {
  return Classifier(block, program).run();
}

} // namespace nm::mesh
