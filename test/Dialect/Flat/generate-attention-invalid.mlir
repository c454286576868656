// RUN: nm-opt %s --flat-generate-attention -verify-diagnostics

func.func @tensors(%q: tensor<1x1x8x8xf32>) -> tensor<1x1x8x8xf32> {
  // expected-error @below {{is on tensors, expected buffers; run one-shot-bufferize before flat-generate-attention}}
  %r = flat.attention ins(%q, %q, %q : tensor<1x1x8x8xf32>, tensor<1x1x8x8xf32>, tensor<1x1x8x8xf32>)
      outs(%q : tensor<1x1x8x8xf32>) -> tensor<1x1x8x8xf32>
  return %r : tensor<1x1x8x8xf32>
}
