func.func @panel(%x: tensor<128x768xf32>) -> tensor<128x768xf32> {
  %w = nm.param "w" {nm.shared_rows = 4 : i64} : tensor<768x768xf32, #nm.sparsity<2:4, axis = 1>>
  %e = tensor.empty() : tensor<128x768xf32>
  %y = nm.matmul transpose_rhs ins(%x, %w : tensor<128x768xf32>, tensor<768x768xf32, #nm.sparsity<2:4, axis = 1>>)
      outs(%e : tensor<128x768xf32>) -> tensor<128x768xf32>
  return %y : tensor<128x768xf32>
}
