// RUN: nm-opt %s --pass-pipeline='builtin.module(func.func(nm-linalg-to-loops))' -verify-diagnostics

func.func @tensors(%a: tensor<3x8xf32>, %b: tensor<8x4xf32>, %c: tensor<3x4xf32>) -> tensor<3x4xf32> {
  // expected-error @+1 {{works on tensors, expected buffers; run --one-shot-bufferize first}}
  %0 = linalg.matmul ins(%a, %b : tensor<3x8xf32>, tensor<8x4xf32>) outs(%c : tensor<3x4xf32>) -> tensor<3x4xf32>
  return %0 : tensor<3x4xf32>
}
