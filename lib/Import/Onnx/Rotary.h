//===- Rotary.h - Rotary position embedding -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_IMPORT_ONNX_ROTARY_H
#define NM_LIB_IMPORT_ONNX_ROTARY_H

#include "AttentionBuild.h"

namespace mlir::nm::onnx {

struct Rotary {
  Heads heads;
  /// [positions, angles], or [B, N, angles] without `positions`.
  Val *cosines = nullptr, *sines = nullptr;
  /// [B, N], or one element that is the position of the first token.
  Val *positions = nullptr;
  bool interleaved = false;
};

/// Pairs of elements, halves apart or side by side, rotated by the angle of
/// their position; elements beyond 2 * angles stay. Fails where sizes do not
/// fit.
FailureOr<Val> rotate(NodeEmit &n, const Rotary &rotary);

} // namespace mlir::nm::onnx

#endif // NM_LIB_IMPORT_ONNX_ROTARY_H
