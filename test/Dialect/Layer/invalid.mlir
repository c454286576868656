// RUN: nm-opt %s --split-input-file --verify-diagnostics

func.func @destination(%x: tensor<2x4xf32>, %e: tensor<2x5xf32>) {
  // expected-error @+1 {{layer_norm_c1: the destination is 'tensor<2x5xf32>', expected the input's type 'tensor<2x4xf32>'}}
  %0 = layer.norm axis(1) epsilon(1.0e-5) ins(%x : tensor<2x4xf32>) outs(%e : tensor<2x5xf32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @result(%x: tensor<2x4xf32>) {
  // expected-error @+1 {{layer_rms_norm_c1: the result is 'tensor<?x4xf32>', expected the input's type 'tensor<2x4xf32>'}}
  %0 = layer.rms_norm axis(1) epsilon(1.0e-5) ins(%x : tensor<2x4xf32>) outs(%x : tensor<2x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @axis(%x: tensor<2x4xf32>) {
  // expected-error @+1 {{layer_norm_c2: axis is 2, expected a dimension of 'tensor<2x4xf32>'}}
  %0 = layer.norm axis(2) epsilon(1.0e-5) ins(%x : tensor<2x4xf32>) outs(%x : tensor<2x4xf32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @negative_axis(%x: tensor<2x4xf32>) {
  // expected-error @+1 {{layer_norm_c2: axis is -1}}
  %0 = layer.norm axis(-1) epsilon(1.0e-5) ins(%x : tensor<2x4xf32>) outs(%x : tensor<2x4xf32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @scale(%x: tensor<2x4xf32>, %g: tensor<2xf32>) {
  // expected-error @+1 {{layer_norm_c3: scale or bias is 'tensor<2xf32>', expected the sizes of 'tensor<2x4xf32>' from dimension 1 on and its element type}}
  %0 = layer.norm axis(1) epsilon(1.0e-5) ins(%x : tensor<2x4xf32>) scale(%g : tensor<2xf32>) outs(%x : tensor<2x4xf32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @element_type(%x: tensor<2x4xf16>, %g: tensor<4xf32>) {
  // expected-error @+1 {{layer_rms_norm_c3: scale or bias is 'tensor<4xf32>'}}
  %0 = layer.rms_norm axis(1) epsilon(1.0e-5) ins(%x : tensor<2x4xf16>) scale(%g : tensor<4xf32>) outs(%x : tensor<2x4xf16>) -> tensor<2x4xf16>
  return
}

// -----

func.func @epsilon(%x: tensor<2x4xf32>) {
  // expected-error @+1 {{layer_norm_c4: epsilon is -1.000000e+00, expected a finite number of 0 or more}}
  %0 = layer.norm axis(1) epsilon(-1.0) ins(%x : tensor<2x4xf32>) outs(%x : tensor<2x4xf32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @no_number(%x: tensor<2x4xf32>) {
  // expected-error @+1 {{layer_norm_c4: epsilon is nan}}
  %0 = layer.norm axis(1) epsilon(0x7FF8000000000000) ins(%x : tensor<2x4xf32>) outs(%x : tensor<2x4xf32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @integers(%x: tensor<2x4xi32>) {
  // expected-error @+1 {{must be ranked tensor of f64, f32, f16 or bf16 without encoding, but got 'tensor<2x4xi32>'}}
  %0 = layer.norm axis(1) epsilon(1.0e-5) ins(%x : tensor<2x4xi32>) outs(%x : tensor<2x4xi32>) -> tensor<2x4xi32>
  return
}

// -----

func.func @infinite(%x: f32) {
  // expected-error @+1 {{layer_swish_c1: alpha is INF, expected a finite number}}
  %0 = layer.swish %x {alpha = 0x7FF0000000000000 : f64} : f32
  return
}

// -----

func.func @integer(%x: i32) {
  // expected-error @+1 {{'layer.gelu' op operand #0 must be floating-point-like, but got 'i32'}}
  %0 = layer.gelu %x : i32
  return
}

// -----

func.func @rotary_type(%x: tensor<3x8xf32>, %c: tensor<3x4xf32>, %e: tensor<3x9xf32>) {
  // expected-error @+1 {{layer_rotary_c1: the destination is 'tensor<3x9xf32>' and the result 'tensor<3x8xf32>', expected the input's type}}
  %0 = layer.rotary axis(0) ins(%x : tensor<3x8xf32>) angles(%c, %c : tensor<3x4xf32>) outs(%e : tensor<3x9xf32>) -> tensor<3x8xf32>
  return
}

// -----

func.func @rotary_axis(%x: tensor<3x8xf32>, %c: tensor<8x4xf32>) {
  // expected-error @+1 {{layer_rotary_c2: axis is 1, expected a dimension of 'tensor<3x8xf32>' but the last}}
  %0 = layer.rotary axis(1) ins(%x : tensor<3x8xf32>) angles(%c, %c : tensor<8x4xf32>) outs(%x : tensor<3x8xf32>) -> tensor<3x8xf32>
  return
}

// -----

func.func @rotary_first(%x: tensor<3x8xf32>, %c: tensor<3x3x4xf32>) {
  // expected-error @+1 {{layer_rotary_c2: axis is 0}}
  %0 = layer.rotary axis(0) ins(%x : tensor<3x8xf32>) angles(%c, %c : tensor<3x3x4xf32>) outs(%x : tensor<3x8xf32>) -> tensor<3x8xf32>
  return
}

// -----

func.func @rotary_positions(%x: tensor<3x8xf32>, %c: tensor<4x4xf32>) {
  // expected-error @+1 {{layer_rotary_c3: cosines are 'tensor<4x4xf32>', expected [positions, angles]}}
  %0 = layer.rotary axis(0) ins(%x : tensor<3x8xf32>) angles(%c, %c : tensor<4x4xf32>) outs(%x : tensor<3x8xf32>) -> tensor<3x8xf32>
  return
}

// -----

func.func @rotary_width(%x: tensor<3x8xf32>, %c: tensor<3x5xf32>) {
  // expected-error @+1 {{layer_rotary_c4: there are 5 angles, expected at most half of 8 elements}}
  %0 = layer.rotary axis(0) ins(%x : tensor<3x8xf32>) angles(%c, %c : tensor<3x5xf32>) outs(%x : tensor<3x8xf32>) -> tensor<3x8xf32>
  return
}

// -----

func.func @embedding_type(%i: tensor<2xi64>, %t: tensor<5x4xf32>, %e: tensor<2x4xf16>) {
  // expected-error @+1 {{layer_embedding_c1: the destination is 'tensor<2x4xf16>' and the result 'tensor<2x4xf16>', expected one type with elements of 'tensor<5x4xf32>'}}
  %0 = layer.embedding ins(%i : tensor<2xi64>) table(%t : tensor<5x4xf32>) outs(%e : tensor<2x4xf16>) -> tensor<2x4xf16>
  return
}

// -----

func.func @embedding_rows(%i: tensor<2xi64>, %t: tensor<5xf32>, %e: tensor<2xf32>) {
  // expected-error @+1 {{layer_embedding_c2: the table is 'tensor<5xf32>', expected rows: two dimensions or more}}
  %0 = layer.embedding ins(%i : tensor<2xi64>) table(%t : tensor<5xf32>) outs(%e : tensor<2xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @embedding_sizes(%i: tensor<2xi64>, %t: tensor<5x4xf32>, %e: tensor<2x5xf32>) {
  // expected-error @+1 {{layer_embedding_c3: the result is 'tensor<2x5xf32>', expected the sizes of 'tensor<2xi64>', then those of 'tensor<5x4xf32>' but the first}}
  %0 = layer.embedding ins(%i : tensor<2xi64>) table(%t : tensor<5x4xf32>) outs(%e : tensor<2x5xf32>) -> tensor<2x5xf32>
  return
}

// -----

func.func @embedding_indices(%i: tensor<2xf32>, %t: tensor<5x4xf32>, %e: tensor<2x4xf32>) {
  // expected-error @+1 {{operand #0 must be ranked tensor of signed integers or indices without encoding}}
  %0 = layer.embedding ins(%i : tensor<2xf32>) table(%t : tensor<5x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  return
}
