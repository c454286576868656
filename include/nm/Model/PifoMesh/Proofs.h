//===- Proofs.h - What holds of an atom program's values --------*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Facts that hold in every run of a program, found from its text alone.
//
//===----------------------------------------------------------------------===//

#ifndef NM_MODEL_PIFOMESH_PROOFS_H
#define NM_MODEL_PIFOMESH_PROOFS_H

#include "nm/Model/PifoMesh/Program.h"

namespace nm::mesh {

/// An upper bound of the bits of `value` that can be set; `bounds` are those of
/// the values of `program` that it takes.
unsigned boundOfValue(const Program &program,
                      const std::vector<unsigned> &bounds, const Value &value);

/// A proof that the ranks of one flow never fall, so that arrival order is
/// rank order. `fixed` are the fields that are equal within a flow, `serial`
/// says that ranks compare as serial numbers. `dequeue` is the program that
/// runs for each element that leaves, or null. True: proved. False: nothing is
/// known.
bool ranksGrow(const Program &enqueue, const Program *dequeue,
               const std::vector<bool> &fixed, bool serial);

} // namespace nm::mesh

#endif // NM_MODEL_PIFOMESH_PROOFS_H
