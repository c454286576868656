//===- OnnxExternal.h - Files of external data -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_RUNTIME_ONNXEXTERNAL_H
#define NM_LIB_RUNTIME_ONNXEXTERNAL_H

#include "nm/Runtime/Onnx.h"

namespace nm::onnx {

/// The file of a tensor's external data, which must lie in the model's folder
/// or below it: a model may not make its reader open other files.
Result<std::string> externalFile(const Model &model, const Tensor &tensor);

} // namespace nm::onnx

#endif // NM_LIB_RUNTIME_ONNXEXTERNAL_H
