// Two layers on any number of rows: y = tanh(x A^T + b) B^T. Both weights are products that may be sparse.
#row = affine_map<(i, j) -> (j)>
#all = affine_map<(i, j) -> (i, j)>

func.func @main(%x: tensor<?x64xf32>) -> (tensor<?x32xf32> {nm.name = "y"}) {
  %a = nm.param "a" : tensor<128x64xf32>
  %b = nm.param "b" : tensor<128xf32>
  %c = nm.param "c" : tensor<32x128xf32>
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %rows = tensor.dim %x, %c0 : tensor<?x64xf32>

  %ea = tensor.empty() : tensor<64x128xf32>
  %at = linalg.transpose ins(%a : tensor<128x64xf32>) outs(%ea : tensor<64x128xf32>) permutation = [1, 0]
  %eh = tensor.empty(%rows) : tensor<?x128xf32>
  %ih = linalg.fill ins(%zero : f32) outs(%eh : tensor<?x128xf32>) -> tensor<?x128xf32>
  %p = linalg.matmul ins(%x, %at : tensor<?x64xf32>, tensor<64x128xf32>) outs(%ih : tensor<?x128xf32>) -> tensor<?x128xf32>
  %h = linalg.generic {indexing_maps = [#all, #row, #all], iterator_types = ["parallel", "parallel"]}
      ins(%p, %b : tensor<?x128xf32>, tensor<128xf32>) outs(%eh : tensor<?x128xf32>) {
  ^bb0(%element: f32, %bias: f32, %out: f32):
    %sum = arith.addf %element, %bias : f32
    %t = math.tanh %sum : f32
    linalg.yield %t : f32
  } -> tensor<?x128xf32>

  %ec = tensor.empty() : tensor<128x32xf32>
  %ct = linalg.transpose ins(%c : tensor<32x128xf32>) outs(%ec : tensor<128x32xf32>) permutation = [1, 0]
  %ey = tensor.empty(%rows) : tensor<?x32xf32>
  %iy = linalg.fill ins(%zero : f32) outs(%ey : tensor<?x32xf32>) -> tensor<?x32xf32>
  %y = linalg.matmul ins(%h, %ct : tensor<?x128xf32>, tensor<128x32xf32>) outs(%iy : tensor<?x32xf32>) -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}
