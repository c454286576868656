// A layout that selection would not take for every target.
func.func @lane32(%x: tensor<1x768xf32>, %values: tensor<36864xf32>, %indices: tensor<9216xi32>) -> tensor<1x768xf32> {
  %e = tensor.empty() : tensor<1x768xf32>
  %y = nm.packed_matmul transpose_x transpose_c weight(%values, %indices : tensor<36864xf32>, tensor<9216xi32>)
      of tensor<768x768xf32, #nm.sparsity<2:32, axis = 1>> layout lane<lanes = 32>
      ins(%x : tensor<1x768xf32>) outs(%e : tensor<1x768xf32>) -> tensor<1x768xf32>
  return %y : tensor<1x768xf32>
}
