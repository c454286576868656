//===- Windows.h - Windows of convolution and pooling -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_IMPORT_ONNX_WINDOWS_H
#define NM_LIB_IMPORT_ONNX_WINDOWS_H

#include "Node.h"

namespace mlir::nm::onnx {

/// Of each spatial dimension.
struct Windows {
  SmallVector<int64_t> strides, dilations;
  Dims kernel, before, after; ///< taps, pads
  Dims result;                ///< number of windows
};

/// Strides, dilations and pads of a node over [N, C, spatial..], auto_pad and
/// ceil_mode among them.
FailureOr<Windows> readWindows(NodeEmit &n, const Val &x,
                               ArrayRef<OpFoldResult> kernel);

/// The input with `fill` around it, as far as windows reach.
Value padWindows(NodeEmit &n, Val &x, const Windows &windows, Value fill);

/// Fails unless the node has an input and a weight of one rank, 3 or more, and
/// one floating-point type.
LogicalResult checkFilter(NodeEmit &n);

/// Convolution of [N, C, spatial..] with [M, C/groups, kernel..] as the node's
/// attributes say. Integers are summed in i32.
FailureOr<Val> convolve(NodeEmit &n, Val &x, Val &weight);

/// The same with given windows.
FailureOr<Val> convolve(NodeEmit &n, Val &x, Val &weight,
                        const Windows &windows);

/// The same of floats and one group, as a product of the weight with the
/// patches of the input, for which there are kernels. None if the shapes do not
/// fit.
std::optional<Val> convolvePatches(NodeEmit &n, Val &x, Val &weight,
                                   const Windows &windows);

/// `x` plus one number for each channel; null adds nothing. Fails if there are
/// not as many.
FailureOr<Val> plusBias(NodeEmit &n, Val &x, Val *bias);

} // namespace mlir::nm::onnx

#endif // NM_LIB_IMPORT_ONNX_WINDOWS_H
