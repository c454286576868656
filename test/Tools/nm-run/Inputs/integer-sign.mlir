func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %w = nm.param "w" : tensor<4xi8>
  %e = tensor.empty() : tensor<4xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
                       iterator_types = ["parallel"]}
      ins(%x, %w : tensor<4xf32>, tensor<4xi8>) outs(%e : tensor<4xf32>) {
  ^bb0(%a: f32, %b: i8, %o: f32):
    %f = arith.CONVERT %b : i8 to f32
    %s = arith.addf %a, %f : f32
    linalg.yield %s : f32
  } -> tensor<4xf32>
  return %r : tensor<4xf32>
}
