func.func @product(%x: tensor<1x512xf32>) -> tensor<1x512xf32> {
  %w = nm.param "w" : tensor<512x512xf32, #nm.sparsity<2:4, axis = 1, bits = 4, group = 64>>
  %e = tensor.empty() : tensor<1x512xf32>
  %y = nm.matmul transpose_rhs ins(%x, %w : tensor<1x512xf32>, tensor<512x512xf32, #nm.sparsity<2:4, axis = 1, bits = 4, group = 64>>)
      outs(%e : tensor<1x512xf32>) -> tensor<1x512xf32>
  return %y : tensor<1x512xf32>
}
