//===- Replay.h - A mesh's model on a trace ---------------------*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_MODEL_PIFOMESH_REPLAY_H
#define NM_MODEL_PIFOMESH_REPLAY_H

#include "nm/Model/PifoMesh/Config.h"
#include <string>

namespace nm::mesh {

/// Runs the cycle-level model on a trace in CSV: a header `now,leaf` and the
/// names of fields, then one request a line: a packet of that leaf (`+`: of the
/// leaf that the mesh's classifier chooses), or, with the leaf `-`, a dequeue
/// of the first root, or, with an empty leaf,
/// nothing but the time. Every line takes `cycles` clock cycles, during which
/// `now` stands. A field `packet` that the header lacks is the packet's number,
/// from 0. The result is CSV again: the number of each packet that departed,
/// the clock, the cycle, and the fields that some program writes. Messages
/// begin with `where`, the name of the trace.
support::Result<std::string> replay(const Config &config, std::string_view csv,
                                    const std::string &where, unsigned cycles);

} // namespace nm::mesh

#endif // NM_MODEL_PIFOMESH_REPLAY_H
