func.func @lane4_i8(%x: tensor<1x768xf32>) -> tensor<1x768xf32> {
  %w = nm.param "w" : tensor<768x768xi8, #nm.sparsity<2:4, axis = 1>>
  %e = tensor.empty() : tensor<1x768xf32>
  %y = nm.matmul transpose_rhs ins(%x, %w : tensor<1x768xf32>, tensor<768x768xi8, #nm.sparsity<2:4, axis = 1>>)
      outs(%e : tensor<1x768xf32>) -> tensor<1x768xf32>
  return %y : tensor<1x768xf32>
}
