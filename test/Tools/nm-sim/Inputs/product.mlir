func.func @product(%x: tensor<2048x512xf32>, %w: tensor<512x512xf32>) -> tensor<2048x512xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2048x512xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2048x512xf32>) -> tensor<2048x512xf32>
  %y = linalg.matmul ins(%x, %w : tensor<2048x512xf32>, tensor<512x512xf32>) outs(%f : tensor<2048x512xf32>) -> tensor<2048x512xf32>
  return %y : tensor<2048x512xf32>
}
