// RUN: nm-opt %s --split-input-file --verify-diagnostics --step-fuse-recipe

// expected-error @below {{cannot be fused: all tensors of a recipe have one shape, got 'tensor<8xf32>' and 'tensor<?xf32>'}}
func.func @shapes(%w: tensor<?xf32>, %g: tensor<8xf32>, %a: f32) -> (tensor<?xf32>, tensor<8xf32>) {
  %0 = step.scale %w, %a : tensor<?xf32>
  %1 = step.scale %g, %a : tensor<8xf32>
  return %0, %1 : tensor<?xf32>, tensor<8xf32>
}

// -----

// expected-error @below {{cannot be fused: expected tensors of f32, bf16 or i1, got 'tensor<?xf64>'}}
func.func @element_type(%w: tensor<?xf32>, %g: tensor<?xf64>, %a: f32) -> tensor<?xf32> {
  %0 = step.scale %w, %a : tensor<?xf32>
  return %0 : tensor<?xf32>
}

// -----

// expected-error @below {{cannot be fused: a tensor has no dimensions}}
func.func @no_dimensions(%w: tensor<f32>, %a: f32) -> tensor<f32> {
  %0 = step.scale %w, %a : tensor<f32>
  return %0 : tensor<f32>
}

// -----

func.func @transposable(%w: tensor<8x8xf32>) -> tensor<8x8xi1> {
  // expected-error @below {{cannot be fused: a recipe holds elementwise operations of step, step.mask, step.soft_threshold, statistics}}
  %0 = step.transposable_mask %w {n = 2 : i64, m = 4 : i64, axes = array<i64: 0, 1>} : tensor<8x8xf32>
  return %0 : tensor<8x8xi1>
}

// -----

func.func @blocks(%w: tensor<8x8xf32>) -> tensor<8x8xi1> {
  // expected-error @below {{cannot be fused: blocks of several elements are masked by step-lower-to-linalg alone}}
  %0 = step.mask %w to <2:4, axis = 1, block = [2, 1]> : tensor<8x8xf32>
  return %0 : tensor<8x8xi1>
}

// -----

func.func @two_patterns(%w: tensor<8x8xf32>) -> (tensor<8x8xi1>, tensor<8x8xi1>) {
  %0 = step.mask %w to <2:4, axis = 1> : tensor<8x8xf32>
  // expected-error @below {{cannot be fused: groups of a recipe are the same in all its operations, got #step.pattern<2:8, axis = 1> and #step.pattern<2:4, axis = 1>}}
  %1 = step.mask %w to <2:8, axis = 1> : tensor<8x8xf32>
  return %0, %1 : tensor<8x8xi1>, tensor<8x8xi1>
}

// -----

// expected-error @below {{cannot be fused: neighbours in groups of more than 64 are not ranked in registers, got #step.pattern<2:128, axis = 0>}}
func.func @large_group(%w: tensor<?xf32>) -> tensor<?xi1> {
  %0 = step.mask %w to <2:128, axis = 0> : tensor<?xf32>
  return %0 : tensor<?xi1>
}

// -----

func.func @order(%v: tensor<?xf32>, %w: tensor<?xf32>) -> (f64, tensor<?xi1>) {
  // expected-error @below {{cannot be fused: the loop visits elements in another order than the statistic for groups of #step.pattern<2:3, axis = 0>; make a recipe of its own of it}}
  %0 = step.change_sum %v, %w : tensor<?xf32>
  %1 = step.mask %w to <2:3, axis = 0> : tensor<?xf32>
  return %0, %1 : f64, tensor<?xi1>
}

// -----

func.func @late_scalar(%v: tensor<?xf32>, %w: tensor<?xf32>) -> tensor<?xf32> {
  %0 = step.change_sum %v, %w : tensor<?xf32>
  %1 = arith.truncf %0 : f64 to f32
  // expected-error @below {{cannot be fused: it needs a statistic of the whole tensor}}
  %2 = step.scale %w, %1 : tensor<?xf32>
  return %2 : tensor<?xf32>
}

// -----

// expected-error @below {{'step.updates' of result 0 must be the number of an argument, got 7 : i64}}
func.func @no_such_argument(%w: tensor<?xf32>, %a: f32) -> (tensor<?xf32> {step.updates = 7 : i64}) {
  %0 = step.scale %w, %a : tensor<?xf32>
  return %0 : tensor<?xf32>
}

// -----

// expected-error @below {{result 0 of type 'tensor<?xf32>' cannot update argument 1 of type 'f32'}}
func.func @wrong_type(%w: tensor<?xf32>, %a: f32) -> (tensor<?xf32> {step.updates = 1 : i64}) {
  %0 = step.scale %w, %a : tensor<?xf32>
  return %0 : tensor<?xf32>
}

// -----

// expected-error @below {{argument 0 is updated twice}}
func.func @twice(%w: tensor<?xf32>, %a: f32)
    -> (tensor<?xf32> {step.updates = 0 : i64}, tensor<?xf32> {step.updates = 0 : i64}) {
  %0 = step.scale %w, %a : tensor<?xf32>
  return %0, %0 : tensor<?xf32>, tensor<?xf32>
}

// -----

// expected-error @below {{result 0 is no tensor and takes no memory}}
func.func @scalar_memory(%w: tensor<?xf32>) -> (i64 {step.updates = 0 : i64}) {
  %0 = step.count_nonfinite %w : tensor<?xf32>
  return %0 : i64
}

// -----

// expected-error @below {{'step.stored_if' of result 0 must name an argument of type i1}}
func.func @condition(%w: tensor<?xf32>, %a: f32) -> (tensor<?xf32> {step.stored_if = 1 : i64}) {
  %0 = step.scale %w, %a : tensor<?xf32>
  return %0 : tensor<?xf32>
}

// -----

// expected-error @below {{cannot be fused: a recipe is one block}}
func.func @branches(%w: tensor<?xf32>, %a: f32, %c: i1) -> tensor<?xf32> {
  cf.cond_br %c, ^first, ^second
^first:
  %0 = step.scale %w, %a : tensor<?xf32>
  return %0 : tensor<?xf32>
^second:
  return %w : tensor<?xf32>
}

// -----

// expected-error @below {{cannot be fused: no argument is a tensor of f32 or bf16}}
func.func @no_tensor(%pi: tensor<8xi1>) -> tensor<8xf32> {
  %a = arith.constant 1.0 : f32
  %0 = arith.constant dense<1.0> : tensor<8xf32>
  %1 = step.scale %0, %a : tensor<8xf32>
  return %1 : tensor<8xf32>
}

// -----

func.func @other_operation(%w: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @below {{cannot be fused: a recipe holds elementwise operations of step, step.mask, step.soft_threshold, statistics, arith.extf, truncf, select and maximumf on tensors, and any arithmetic on scalars}}
  %0 = arith.addf %w, %w : tensor<8xf32>
  %a = arith.constant 1.0 : f32
  %1 = step.scale %0, %a : tensor<8xf32>
  return %1 : tensor<8xf32>
}

// -----

func.func @half_arithmetic(%w: tensor<8xf32>, %h: tensor<8xbf16>, %a: f32) -> (tensor<8xf32>, tensor<8xbf16>) {
  %0 = step.scale %w, %a : tensor<8xf32>
  // expected-error @below {{cannot be fused: arithmetic is in f32; widen the operands by arith.extf}}
  %1 = arith.maximumf %h, %h : tensor<8xbf16>
  return %0, %1 : tensor<8xf32>, tensor<8xbf16>
}
