// RUN: nm-opt %s | nm-opt --mlir-print-local-scope | FileCheck %s
// RUN: nm-opt %s --mlir-print-op-generic | nm-opt --mlir-print-local-scope | FileCheck %s

// CHECK-LABEL: func @norms(
func.func @norms(%x: tensor<2x?x40xf32>, %h: tensor<4x8xbf16>, %g: tensor<40xf32>, %b: tensor<40xf32>,
                 %gh: tensor<4x8xbf16>, %init: tensor<2x?x40xf32>, %inith: tensor<4x8xbf16>)
    -> (tensor<2x?x40xf32>, tensor<2x?x40xf32>, tensor<4x8xbf16>, tensor<4x8xbf16>) {
  // CHECK: layer.norm axis(2) epsilon(1.000000e-05) ins(%{{.*}} : tensor<2x?x40xf32>) scale(%{{.*}} : tensor<40xf32>) bias(%{{.*}} : tensor<40xf32>) outs(%{{.*}} : tensor<2x?x40xf32>) -> tensor<2x?x40xf32>
  %0 = layer.norm axis(2) epsilon(1.0e-5) ins(%x : tensor<2x?x40xf32>) scale(%g : tensor<40xf32>)
      bias(%b : tensor<40xf32>) outs(%init : tensor<2x?x40xf32>) -> tensor<2x?x40xf32>
  // CHECK: layer.norm axis(2) epsilon(0.000000e+00) ins(%{{.*}}) bias(%{{.*}}) outs
  %1 = layer.norm axis(2) epsilon(0.0) ins(%x : tensor<2x?x40xf32>)
      bias(%b : tensor<40xf32>) outs(%init : tensor<2x?x40xf32>) -> tensor<2x?x40xf32>
  // CHECK: layer.rms_norm axis(0) epsilon(2.500000e-01) ins(%{{.*}} : tensor<4x8xbf16>) scale(%{{.*}} : tensor<4x8xbf16>) outs
  %2 = layer.rms_norm axis(0) epsilon(0.25) ins(%h : tensor<4x8xbf16>) scale(%gh : tensor<4x8xbf16>)
      outs(%inith : tensor<4x8xbf16>) -> tensor<4x8xbf16>
  // CHECK: layer.rms_norm axis(1) epsilon(2.500000e-01) ins(%{{.*}} : tensor<4x8xbf16>) outs
  %3 = layer.rms_norm axis(1) epsilon(0.25) ins(%h : tensor<4x8xbf16>)
      outs(%inith : tensor<4x8xbf16>) -> tensor<4x8xbf16>
  return %0, %1, %2, %3 : tensor<2x?x40xf32>, tensor<2x?x40xf32>, tensor<4x8xbf16>, tensor<4x8xbf16>
}

// CHECK-LABEL: func @activations(
func.func @activations(%x: f32, %v: vector<4xf64>, %t: tensor<?x3xf16>)
    -> (f32, vector<4xf64>, tensor<?x3xf16>, f32) {
  // CHECK: layer.gelu %{{.*}} : f32
  %0 = layer.gelu %x : f32
  // CHECK: layer.gelu_tanh %{{.*}} : vector<4xf64>
  %1 = layer.gelu_tanh %v : vector<4xf64>
  // CHECK: layer.swish %{{.*}} : tensor<?x3xf16>
  %2 = layer.swish %t : tensor<?x3xf16>
  // CHECK: layer.swish %{{.*}} {alpha = 1.702000e+00 : f64} : f32
  %3 = layer.swish %x {alpha = 1.702 : f64} : f32
  return %0, %1, %2, %3 : f32, vector<4xf64>, tensor<?x3xf16>, f32
}

// CHECK-LABEL: func @positions(
func.func @positions(%x: tensor<2x?x12x64xf16>, %c: tensor<?x24xf32>, %batched: tensor<2x?x32xf16>)
    -> (tensor<2x?x12x64xf16>, tensor<2x?x12x64xf16>) {
  // CHECK: layer.rotary axis(1) ins(%{{.*}} : tensor<2x?x12x64xf16>) angles(%{{.*}}, %{{.*}} : tensor<?x24xf32>) outs(%{{.*}} : tensor<2x?x12x64xf16>) -> tensor<2x?x12x64xf16>
  %0 = layer.rotary axis(1) ins(%x : tensor<2x?x12x64xf16>) angles(%c, %c : tensor<?x24xf32>)
      outs(%x : tensor<2x?x12x64xf16>) -> tensor<2x?x12x64xf16>
  // CHECK: layer.rotary axis(1) interleaved ins
  %1 = layer.rotary axis(1) interleaved ins(%0 : tensor<2x?x12x64xf16>) angles(%batched, %batched : tensor<2x?x32xf16>)
      outs(%x : tensor<2x?x12x64xf16>) -> tensor<2x?x12x64xf16>
  return %0, %1 : tensor<2x?x12x64xf16>, tensor<2x?x12x64xf16>
}

// CHECK-LABEL: func @tokens(
func.func @tokens(%i: tensor<2x?xi64>, %t: tensor<?x3x4xf16>, %e: tensor<2x?x3x4xf16>, %one: tensor<index>, %r: tensor<3x4xf16>)
    -> (tensor<2x?x3x4xf16>, tensor<3x4xf16>) {
  // CHECK: layer.embedding from_end ins(%{{.*}} : tensor<2x?xi64>) table(%{{.*}} : tensor<?x3x4xf16>) outs(%{{.*}} : tensor<2x?x3x4xf16>) -> tensor<2x?x3x4xf16>
  %0 = layer.embedding from_end ins(%i : tensor<2x?xi64>) table(%t : tensor<?x3x4xf16>) outs(%e : tensor<2x?x3x4xf16>) -> tensor<2x?x3x4xf16>
  // CHECK: layer.embedding ins(%{{.*}} : tensor<index>) table
  %1 = layer.embedding ins(%one : tensor<index>) table(%t : tensor<?x3x4xf16>) outs(%r : tensor<3x4xf16>) -> tensor<3x4xf16>
  return %0, %1 : tensor<2x?x3x4xf16>, tensor<3x4xf16>
}
