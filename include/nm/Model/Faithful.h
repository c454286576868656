//===- Faithful.h - The cost model of the FLAT paper -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The closed form that reproduces the published mappings (docs/model.md). It
// knows a free softmax, unlimited on-chip bandwidth, output and weight
// stationarity (the same for both operators), no key tiles, no masks, as many
// key as query heads; a footprint beyond the scratchpad spills in proportion.
// The extended mode (Extended.h) lifts each of these.
//
//===----------------------------------------------------------------------===//

#ifndef NM_MODEL_FAITHFUL_H
#define NM_MODEL_FAITHFUL_H

#include "nm/Model/Attention.h"

namespace nm::model {

/// Why `dataflow` on `device` lies outside the paper's model; success if
/// inside.
Status checkFaithful(const Device &device, const AttentionShape &shape,
                     const Dataflow &dataflow);

/// The cost of logit and attend. Needs what checkFaithful accepts.
/// softmaxCycles is what three passes need on the device's special-function
/// unit; it counts only if `modelSoftmax` (the correction of FuseMax, which the
/// paper's own code lacks).
Cost evaluateFaithful(const Device &device, const AttentionShape &shape,
                      const Dataflow &dataflow, bool modelSoftmax = false);

/// Live elements of fused attention whose tensors are all staged (FLAT, table
/// 2): double-buffered inputs and outputs, single intermediate.
double stagedFootprint(const AttentionShape &shape, const Dataflow &dataflow);

} // namespace nm::model

#endif // NM_MODEL_FAITHFUL_H
