//===- StepBase.td - Dialect definition -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_STEP_IR_STEPBASE_TD
#define NM_DIALECT_STEP_IR_STEPBASE_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "nm/Dialect/Step/IR/StepInterfaces.td"

def Step_Dialect : Dialect {
  let name = "step";
  let cppNamespace = "::mlir::step";
  let summary = "recipes that learn N:M masks, one optimizer step as a function";
  let description = [{
    A *recipe* is what an optimizer does to one parameter in one step: from the
    weight w, its gradient g, the state (first moment m, second moment v) and the
    mask Pi of the last forward pass it makes the new weight, the new state and
    the mask and effective weight of the next forward pass. Here it is a function
    over a few operations:

    ```mlir
    func.func @sr_ste(%w: tensor<?xf32>, %g: tensor<?xf32>, %m: tensor<?xf32>, %v: tensor<?xf32>,
                      %pi: tensor<?xi1>, %lambda: f32, %b1: f32, %a1: f32, %b2: f32, %a2: f32,
                      %rate: f32, %bias: f32, %eps: f32)
        -> (tensor<?xf32> {step.updates = 0 : i64}, tensor<?xf32> {step.updates = 2 : i64},
            tensor<?xf32> {step.updates = 3 : i64}, tensor<?xi1> {step.updates = 4 : i64}) {
      %g1 = step.straight_through %g, %w, %pi, %lambda : tensor<?xf32>
      %m1 = step.moment %m, %g1, %b1, %a1 : tensor<?xf32>
      %v1 = step.second_moment %v, %g1, %b2, %a2 : tensor<?xf32>
      %w1 = step.adam_update %w, %m1, %v1, %rate, %bias, %eps : tensor<?xf32>
      %pi1 = step.mask %w1 to <2:4, axis = 0> : tensor<?xf32>
      return %w1, %m1, %v1, %pi1 : tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xi1>
    }
    ```

    `step-lower-to-linalg` says what the operations mean; `step-fuse-recipe`
    makes one pass over memory of such a function.

    Everything is computed in f32, rounded to nearest even after each operation
    in the order that the description of the operation writes; nothing is
    contracted or reassociated. Tensors of other element types are widened and
    rounded by `arith.extf` and `arith.truncf` where the recipe says so.

    Constraints are numbered (`step_mask_c2`); verifier messages carry the same
    numbers. See docs/rationale/Step.md.
  }];
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect"];
  let extraClassDeclaration = [{
  private:
    void registerAttributes();
  }];
}

class Step_Op<string mnemonic, list<Trait> traits = []>
    : Op<Step_Dialect, mnemonic, [Pure] # traits>;

/// An operation that computes each element of its one result from the elements
/// of its tensors at the same place and from its scalars.
class Step_Elementwise<string mnemonic, list<Trait> traits = []>
    : Step_Op<mnemonic, [DeclareOpInterfaceMethods<Step_ElementwiseOpInterface>] # traits>;

def Step_Values : Type<
    CPred<"::llvm::isa<::mlir::RankedTensorType>($_self) && "
          "!::llvm::cast<::mlir::RankedTensorType>($_self).getEncoding() && "
          "::llvm::cast<::mlir::RankedTensorType>($_self).getElementType().isF32()">,
    "ranked tensor of f32 without encoding", "::mlir::RankedTensorType">;

def Step_Bits : Type<
    CPred<"::llvm::isa<::mlir::RankedTensorType>($_self) && "
          "!::llvm::cast<::mlir::RankedTensorType>($_self).getEncoding() && "
          "::llvm::cast<::mlir::RankedTensorType>($_self).getElementType().isInteger(1)">,
    "ranked tensor of i1 without encoding", "::mlir::RankedTensorType">;

/// The type of `mask` is that of `values` with i1 elements.
class Step_BitsOf<string mask, string values>
    : TypesMatchWith<mask # " is a mask of the shape of " # values, values, mask,
        "::llvm::cast<::mlir::RankedTensorType>($_self)"
        ".clone(::mlir::IntegerType::get($_self.getContext(), 1))">;

#endif // NM_DIALECT_STEP_IR_STEPBASE_TD
