//===- StepUpdates.td - Gradients, moments and updates -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_STEP_IR_STEPUPDATES_TD
#define NM_DIALECT_STEP_IR_STEPUPDATES_TD

include "mlir/IR/EnumAttr.td"
include "nm/Dialect/Step/IR/StepBase.td"

//===----------------------------------------------------------------------===//
// Gradients
//===----------------------------------------------------------------------===//

def Step_StraightThroughOp : Step_Elementwise<"straight_through", [
    AllTypesMatch<["gradient", "weight", "result"]>, Step_BitsOf<"mask", "weight">]> {
  let summary = "straight-through gradient with the term of SR-STE";
  let description = [{
    The gradient was taken at the masked weight and goes straight through the
    mask to the dense one; weights that the mask drops are pulled to zero besides:
    `keep ? g : g + lambda * w`, which is g + lambda (1 - Pi) w.
    Without lambda the straight-through gradient is g itself and needs no
    operation.

    ```mlir
    %g1 = step.straight_through %g, %w, %pi, %lambda : tensor<?xf32>
    ```
  }];
  let arguments = (ins Step_Values:$gradient, Step_Values:$weight, Step_Bits:$mask, F32:$lambda);
  let results = (outs Step_Values:$result);
  let assemblyFormat = "$gradient `,` $weight `,` $mask `,` $lambda attr-dict `:` type($weight)";
}

def Step_WeightDecayOp : Step_Elementwise<"weight_decay", [
    AllTypesMatch<["gradient", "weight", "result"]>]> {
  let summary = "weight decay in the gradient";
  let description = [{
    `g + decay * w`, as torch.optim.Adam and SGD do. The decoupled decay of AdamW
    is `step.scale` of the weight by 1 - rate * decay.

    ```mlir
    %g1 = step.weight_decay %g, %w, %decay : tensor<?xf32>
    ```
  }];
  let arguments = (ins Step_Values:$gradient, Step_Values:$weight, F32:$decay);
  let results = (outs Step_Values:$result);
  let assemblyFormat = "$gradient `,` $weight `,` $decay attr-dict `:` type($weight)";
}

def Step_ScaleOp : Step_Elementwise<"scale", [AllTypesMatch<["source", "result"]>]> {
  let summary = "product by a scalar";
  let description = [{
    `x * factor`.

    ```mlir
    %w1 = step.scale %w, %factor : tensor<?xf32>
    ```
  }];
  let arguments = (ins Step_Values:$source, F32:$factor);
  let results = (outs Step_Values:$result);
  let assemblyFormat = "$source `,` $factor attr-dict `:` type($source)";
}

//===----------------------------------------------------------------------===//
// Moments
//===----------------------------------------------------------------------===//

def Step_MomentOp : Step_Elementwise<"moment", [
    AllTypesMatch<["moment", "gradient", "result"]>]> {
  let summary = "running mean of the gradient";
  let description = [{
    `m * beta + g * gain`. With a gain of 1 - beta it is Adam's first moment, with
    1 - dampening the buffer of momentum, with 1 Nesterov's step from that
    buffer.

    ```mlir
    %m1 = step.moment %m, %g, %beta, %gain : tensor<?xf32>
    ```
  }];
  let arguments = (ins Step_Values:$moment, Step_Values:$gradient, F32:$beta, F32:$gain);
  let results = (outs Step_Values:$result);
  let assemblyFormat = "$moment `,` $gradient `,` $beta `,` $gain attr-dict `:` type($moment)";
}

def Step_SecondMomentOp : Step_Elementwise<"second_moment", [
    AllTypesMatch<["moment", "gradient", "result"]>]> {
  let summary = "running mean of the squared gradient";
  let description = [{
    `v * beta + (gain * g) * g`, the order of torch's `addcmul_`.

    ```mlir
    %v1 = step.second_moment %v, %g, %beta, %gain : tensor<?xf32>
    ```
  }];
  let arguments = (ins Step_Values:$moment, Step_Values:$gradient, F32:$beta, F32:$gain);
  let results = (outs Step_Values:$result);
  let assemblyFormat = "$moment `,` $gradient `,` $beta `,` $gain attr-dict `:` type($moment)";
}

//===----------------------------------------------------------------------===//
// Updates
//===----------------------------------------------------------------------===//

def Step_AdamUpdateOp : Step_Elementwise<"adam_update", [
    AllTypesMatch<["weight", "moment", "variance", "result"]>]> {
  let summary = "the weight after a step of Adam or AdamW";
  let description = [{
    `w + (-rate * m) / d` with `d = sqrt(v) / bias + eps`: torch.optim.Adam's
    order, where rate is the learning rate over the first bias correction, and
    bias the root of the second.

    ```mlir
    %w1 = step.adam_update %w, %m, %v, %rate, %bias, %eps : tensor<?xf32>
    ```
  }];
  let arguments = (ins Step_Values:$weight, Step_Values:$moment, Step_Values:$variance,
                       F32:$rate, F32:$bias, F32:$eps);
  let results = (outs Step_Values:$result);
  let assemblyFormat = [{
    $weight `,` $moment `,` $variance `,` $rate `,` $bias `,` $eps attr-dict `:` type($weight)
  }];
}

def Step_Denominator : I32EnumAttr<"Denominator", "how eps enters STEP's denominator", [
    I32EnumAttrCase<"Inside", 0, "inside">,
    I32EnumAttrCase<"Outside", 1, "outside">]> {
  let cppNamespace = "::mlir::step";
  let genSpecializedAttr = 0;
}
def Step_DenominatorAttr : EnumAttr<Step_Dialect, Step_Denominator, "denominator">;

def Step_FrozenUpdateOp : Step_Elementwise<"frozen_update", [
    AllTypesMatch<["weight", "moment", "variance", "result"]>]> {
  let summary = "the weight after a step of STEP with a frozen variance";
  let description = [{
    `w + (-rate * m) / d` with the variance of the time of the switch: `inside`
    is the paper's `d = sqrt(v + eps)` (arXiv 2302.01172), `outside`
    what a public implementation computes, `d = sqrt(v) + eps`, to which it gives
    the power 3/4 of Adam's eps.

    ```mlir
    %w1 = step.frozen_update inside %w, %m, %v, %rate, %eps : tensor<?xf32>
    ```
  }];
  let arguments = (ins Step_DenominatorAttr:$denominator, Step_Values:$weight, Step_Values:$moment,
                       Step_Values:$variance, F32:$rate, F32:$eps);
  let results = (outs Step_Values:$result);
  let assemblyFormat = [{
    $denominator $weight `,` $moment `,` $variance `,` $rate `,` $eps attr-dict `:` type($weight)
  }];
}

def Step_DescendOp : Step_Elementwise<"descend", [
    AllTypesMatch<["weight", "direction", "result"]>]> {
  let summary = "the weight after a step along a direction";
  let description = [{
    `w + -rate * u`: momentum with u the buffer, plain gradient descent with u the
    gradient.

    ```mlir
    %w1 = step.descend %w, %u, %rate : tensor<?xf32>
    ```
  }];
  let arguments = (ins Step_Values:$weight, Step_Values:$direction, F32:$rate);
  let results = (outs Step_Values:$result);
  let assemblyFormat = "$weight `,` $direction `,` $rate attr-dict `:` type($weight)";
}

#endif // NM_DIALECT_STEP_IR_STEPUPDATES_TD
