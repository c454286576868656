//===- Atoms.h - Programs as atoms of line-rate hardware --------*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The atom templates of "Packet Transactions" (SIGCOMM 2016), on which the PIFO
// paper's section 4.1 relies: what updates a state variable must fit one atom,
// because the state must be read and written within one cycle.
//
//===----------------------------------------------------------------------===//

#ifndef NM_MODEL_PIFOMESH_ATOMS_H
#define NM_MODEL_PIFOMESH_ATOMS_H

#include "nm/Model/PifoMesh/Config.h"
#include <string>
#include <vector>

namespace nm::mesh {

/// In ascending power; `keep`, `write`, `add` and `sub` are what a leaf of the
/// decision may do to the state, predicates are relations of sums.
enum class Atom {
  Stateless, ///< operations on packet fields only
  RW,        ///< read, or write a packet value
  RAW,       ///< add a packet value, or write one
  PredRAW,   ///< RAW under a predicate, keep otherwise
  IfElseRAW, ///< a RAW on either side of a predicate
  Sub,       ///< like IfElseRAW, with subtraction
  NestedIfs, ///< four-way predication
  Pair       ///< NestedIfs on two variables that depend on one another
};
const char *atomName(Atom atom);

/// One atom that holds state.
struct StateAtom {
  Atom atom = Atom::RW;
  std::vector<unsigned> states; ///< one, or two for a pair
};

struct AtomReport {
  std::vector<StateAtom> stateful;
  /// Atoms without state: one per operation that is more than wiring, and one
  /// per partial sum of a multiplication by a constant.
  unsigned stateless = 0;
  /// Empty if the program fits; otherwise what does not, and what would.
  std::string refusal;

  /// The most powerful template used.
  Atom strongest() const;
};

/// Finds the weakest template for every state of a valid program.
AtomReport classify(const Block &block, const Program &program);

} // namespace nm::mesh

#endif // NM_MODEL_PIFOMESH_ATOMS_H
