//===- Layer.td - The layer dialect -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_LAYER_IR_LAYER_TD
#define NM_DIALECT_LAYER_IR_LAYER_TD

include "nm/Dialect/Layer/IR/LayerBase.td"
include "nm/Dialect/Layer/IR/LayerOps.td"

#endif // NM_DIALECT_LAYER_IR_LAYER_TD
