func.func @main(%q: tensor<1x1x96x64xf32>, %k: tensor<1x1x96x64xf32>, %v: tensor<1x1x96x64xf32>) -> tensor<1x1x96x64xf32> {
  %e = tensor.empty() : tensor<1x1x96x64xf32>
  %o = flat.attention ins(%q, %k, %v : tensor<1x1x96x64xf32>, tensor<1x1x96x64xf32>, tensor<1x1x96x64xf32>)
      outs(%e : tensor<1x1x96x64xf32>) -> tensor<1x1x96x64xf32>
  return %o : tensor<1x1x96x64xf32>
}
