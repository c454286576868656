func.func @even(%x: tensor<8xf32>) -> tensor<8xf32> {
  %b = nm.param "bias" : tensor<8xf32>
  %0 = call @odd(%b) : (tensor<8xf32>) -> tensor<8xf32>
  return %0 : tensor<8xf32>
}
func.func @odd(%x: tensor<8xf32>) -> tensor<8xf32> {
  %0 = call @even(%x) : (tensor<8xf32>) -> tensor<8xf32>
  return %0 : tensor<8xf32>
}
