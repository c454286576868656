// RUN: nm-opt %s --split-input-file --verify-diagnostics

//===----------------------------------------------------------------------===//
// #step.pattern
//===----------------------------------------------------------------------===//

// expected-error @below {{step_pattern_c1: expected 1 <= N <= M <= 512 or N '?', got 5:4}}
func.func private @n_above_m() attributes {p = #step.pattern<5:4, axis = 0>}

// -----

// expected-error @below {{step_pattern_c1: expected 1 <= N <= M <= 512 or N '?', got 0:4}}
func.func private @n_zero() attributes {p = #step.pattern<0:4, axis = 0>}

// -----

// expected-error @below {{step_pattern_c1: expected 1 <= N <= M <= 512 or N '?', got ?:513}}
func.func private @m_too_large() attributes {p = #step.pattern<?:513, axis = 0>}

// -----

// expected-error @below {{step_pattern_c1: expected 1 <= N <= M <= 512 or N '?', got ?:0}}
func.func private @m_zero() attributes {p = #step.pattern<?:0, axis = 0>}

// -----

// expected-error @below {{step_pattern_c2: expected axis >= 0 and stride >= 1, got axis -1 and stride 1}}
func.func private @axis_negative() attributes {p = #step.pattern<2:4, axis = -1>}

// -----

// expected-error @below {{step_pattern_c2: expected axis >= 0 and stride >= 1, got axis 0 and stride 0}}
func.func private @stride_zero() attributes {p = #step.pattern<2:4, axis = 0, stride = 0>}

// -----

// expected-error @below {{step_pattern_c3: sizes of a block must be positive, got 0}}
func.func private @block_zero() attributes {p = #step.pattern<2:4, axis = 0, block = [1, 0]>}

// -----

// expected-error @below {{expected 'stride' or 'block', once each and in this order}}
func.func private @order() attributes {p = #step.pattern<2:4, axis = 0, block = [1], stride = 2>}

// -----

//===----------------------------------------------------------------------===//
// step.mask
//===----------------------------------------------------------------------===//

func.func @axis_out_of_range(%w: tensor<4xf32>) {
  // expected-error @below {{step_mask_c1: step_pattern_c4: axis 1 is no dimension of 'tensor<4xf32>'}}
  %0 = step.mask %w to <2:4, axis = 1> : tensor<4xf32>
  return
}

// -----

func.func @block_rank(%w: tensor<4xf32>) {
  // expected-error @below {{step_mask_c1: step_pattern_c4: the block has 2 sizes, expected 1 for 'tensor<4xf32>'}}
  %0 = step.mask %w to <2:4, axis = 0, block = [1, 1]> : tensor<4xf32>
  return
}

// -----

func.func @axis_size(%w: tensor<?x12xf32>) {
  // expected-error @below {{step_mask_c1: step_pattern_c5: size 12 of dimension 1 is no multiple of 8}}
  %0 = step.mask %w to <2:4, axis = 1, stride = 2> : tensor<?x12xf32>
  return
}

// -----

func.func @block_size(%w: tensor<6x8xf32>) {
  // expected-error @below {{step_mask_c1: step_pattern_c5: size 6 of dimension 0 is no multiple of 4}}
  %0 = step.mask %w to <2:4, axis = 1, block = [4, 1]> : tensor<6x8xf32>
  return
}

// -----

func.func @keep_missing(%w: tensor<8xf32>) {
  // expected-error @below {{step_mask_c2: 'keep' is missing for #step.pattern<?:4, axis = 0>}}
  %0 = step.mask %w to <?:4, axis = 0> : tensor<8xf32>
  return
}

// -----

func.func @keep_twice(%w: tensor<8xf32>, %n: i32) {
  // expected-error @below {{step_mask_c2: 'keep' is given, but the pattern has an N of its own: #step.pattern<2:4, axis = 0>}}
  %0 = step.mask %w keep %n to <2:4, axis = 0> : tensor<8xf32>
  return
}

// -----

func.func @element_type(%w: tensor<8xbf16>) {
  // expected-error @below {{must be ranked tensor of f32 without encoding, but got 'tensor<8xbf16>'}}
  %0 = step.mask %w to <2:4, axis = 0> : tensor<8xbf16>
  return
}

// -----

func.func @encoded(%w: tensor<8xf32, #nm.sparsity<2:4, axis = 0>>) {
  // expected-error @below {{must be ranked tensor of f32 without encoding}}
  %0 = step.mask %w to <2:4, axis = 0> : tensor<8xf32, #nm.sparsity<2:4, axis = 0>>
  return
}

// -----

//===----------------------------------------------------------------------===//
// step.soft_threshold
//===----------------------------------------------------------------------===//

func.func @soft_size(%w: tensor<6xf32>, %s: f32) {
  // expected-error @below {{step_soft_threshold_c1: step_pattern_c5: size 6 of dimension 0 is no multiple of 4}}
  %0 = step.soft_threshold %w to <2:4, axis = 0> scale %s : tensor<6xf32>
  return
}

// -----

func.func @soft_block(%w: tensor<8xf32>, %s: f32) {
  // expected-error @below {{step_soft_threshold_c1: blocks must be single elements, got #step.pattern<2:4, axis = 0, block = [2]>}}
  %0 = step.soft_threshold %w to <2:4, axis = 0, block = [2]> scale %s : tensor<8xf32>
  return
}

// -----

func.func @soft_keep(%w: tensor<8xf32>, %s: f32) {
  // expected-error @below {{step_soft_threshold_c2: 'keep' is missing for #step.pattern<?:4, axis = 0>}}
  %0 = step.soft_threshold %w to <?:4, axis = 0> scale %s : tensor<8xf32>
  return
}

// -----

//===----------------------------------------------------------------------===//
// step.transposable_mask
//===----------------------------------------------------------------------===//

func.func @transposable_pattern(%w: tensor<8x8xf32>) {
  // expected-error @below {{step_transposable_mask_c1: expected 1 <= N <= M <= 64, got 3:2}}
  %0 = step.transposable_mask %w {n = 3 : i64, m = 2 : i64, axes = array<i64: 0, 1>} : tensor<8x8xf32>
  return
}

// -----

func.func @transposable_axes(%w: tensor<8x8xf32>) {
  // expected-error @below {{step_transposable_mask_c2: expected two different dimensions of 'tensor<8x8xf32>', ascending, got [1, 1]}}
  %0 = step.transposable_mask %w {n = 2 : i64, m = 4 : i64, axes = array<i64: 1, 1>} : tensor<8x8xf32>
  return
}

// -----

func.func @transposable_size(%w: tensor<8x6xf32>) {
  // expected-error @below {{step_transposable_mask_c2: size 6 of dimension 1 is no multiple of 4}}
  %0 = step.transposable_mask %w {n = 2 : i64, m = 4 : i64, axes = array<i64: 0, 1>} : tensor<8x6xf32>
  return
}

// -----

//===----------------------------------------------------------------------===//
// step.change_product
//===----------------------------------------------------------------------===//

func.func @too_many(%v: tensor<16x1024xf32>) {
  // expected-error @below {{step_change_product_c1: expected at most 16352 elements, got 16384}}
  %0, %1, %2 = step.change_product %v, %v : tensor<16x1024xf32>
  return
}
