//===- StepInterfaces.td - What operations of the dialect have in common -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_STEP_IR_STEPINTERFACES_TD
#define NM_DIALECT_STEP_IR_STEPINTERFACES_TD

include "mlir/IR/OpBase.td"

def Step_ElementwiseOpInterface : OpInterface<"ElementwiseOpInterface"> {
  let description = [{
    An operation that computes each element of its one result from the elements
    of its tensor operands at the same place and from its scalar operands. Its
    arithmetic is written once, here, for the reference lowering (on scalars)
    and for fused loops (on vectors).
  }];
  let cppNamespace = "::mlir::step";
  let methods = [
    InterfaceMethod<[{
        Emits the arithmetic of one element, or of a vector of them. `operands`
        stand for the operation's, in order: f32 and i1, or vectors of them
        that all have one shape. Returns the result's element or vector.
      }],
      "::mlir::Value", "emitElement",
      (ins "::mlir::ImplicitLocOpBuilder &":$b, "::mlir::ValueRange":$operands)>
  ];
}

#endif // NM_DIALECT_STEP_IR_STEPINTERFACES_TD
