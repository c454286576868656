// Twice each element, n times.
func.func @f(%x: tensor<?xf32>, %n: tensor<i64>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %two = arith.constant 2.0 : f32
  %i = tensor.extract %n[] : tensor<i64>
  %trips = arith.index_cast %i : i64 to index
  %r = scf.for %k = %c0 to %trips step %c1 iter_args(%a = %x) -> tensor<?xf32> {
    %b = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]} outs(%a : tensor<?xf32>) {
    ^bb0(%out: f32):
      %m = arith.mulf %out, %two : f32 loc("double")
      linalg.yield %m : f32 loc("double")
    } -> tensor<?xf32> loc("double")
    scf.yield %b : tensor<?xf32>
  }
  return %r : tensor<?xf32>
}
