// RUN: nm-opt %s --nm-approximate-math --verify-diagnostics

func.func @tensors(%a: tensor<1x4xf32>) -> tensor<1x4xf32> {
  // expected-error@below {{'math.tanh' op is on tensors, expected scalars or vectors; make loops of it first (convert-elementwise-to-linalg)}}
  %0 = math.tanh %a : tensor<1x4xf32>
  return %0 : tensor<1x4xf32>
}
